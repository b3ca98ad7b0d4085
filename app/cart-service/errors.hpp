#pragma once

#include "carts.hpp"
#include "kit/http.hpp"
#include "sessions.hpp"

namespace souk::cart {

// The one table from what can go wrong to what the caller is told.
http::problem to_problem(failure f);
http::problem to_problem(const sessions::refused& r);

}  // namespace souk::cart
