#pragma once

#include "kit/http.hpp"
#include "stock.hpp"

namespace souk::inventory {

// The one table from what can go wrong to what the caller is told.
http::problem to_problem(const stock_error& error);

}  // namespace souk::inventory
