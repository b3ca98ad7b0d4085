#pragma once

#include "audit.hpp"
#include "kit/http.hpp"
#include "placing.hpp"
#include "refunds.hpp"
#include "repository.hpp"
#include "timeline.hpp"

namespace souk::order {

// What the routes stand on. All must outlive the router.
struct parts {
  repository& orders;
  checkout& worker;
  order::placing& placing;
  order::refunds& refunds;
  order::timeline& timeline;
  order::audit& audit;
};

void add_routes(http::router& routes, const parts& p);

}  // namespace souk::order
