#pragma once

#include "kit/http.hpp"
#include "repository.hpp"

namespace souk::inventory {

// `stock` must outlive the router.
void add_routes(http::router& routes, repository& stock);

}  // namespace souk::inventory
