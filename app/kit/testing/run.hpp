#pragma once

#include <chrono>
#include <functional>

#include "kit/context.hpp"
#include "kit/service.hpp"
#include "kit/task.hpp"

namespace souk::testing {

// Runs a coroutine on an event loop of its own, with a background context of the given time limit,
// and throws what it threw. `body` lives until the end, so captures are safe here.
//
//   testing::run([&](event_loop& loop, const context& ctx) -> task<> {
//     auto& db = loop.make<pg::pool>(loop, pg::settings{.url = url});
//     ...
//   });
void run(std::function<task<>(event_loop& loop, const context& ctx)> body,
         std::chrono::milliseconds time_limit = std::chrono::seconds(60));

// Waits until `condition` holds; false when `limit` is over first.
task<bool> eventually(std::function<bool()> condition,
                      std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace souk::testing
