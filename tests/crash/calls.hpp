#pragma once

// The calls between services that change something, made from outside once more.

#include "points.hpp"
#include "stage.hpp"

namespace souk::crash {

// Whether the point is one of a call that changes something.
bool is_change(const pass& at);
// Whether repeat_call() knows the call.
bool can_repeat(const pass& at);
// Makes the call of that point once more, as the caller has made it: for the order of the stage,
// under the same keys and with the caller's credential. What is answered is ignored.
void repeat_call(stage& on, const pass& at);

}  // namespace souk::crash
