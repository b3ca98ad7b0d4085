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
  placing& placing_;
  refunds& refunds_;
  timeline& timeline_;
  audit& audit_;
};

void add_routes(http::router& routes, const parts& p);

}  // namespace souk::order
