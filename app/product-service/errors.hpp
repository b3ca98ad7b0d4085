#pragma once

#include "kit/http.hpp"
#include "products.hpp"

namespace souk::product {

// The one table from what can go wrong to what the caller is told.
http::problem to_problem(failure what);

}  // namespace souk::product
