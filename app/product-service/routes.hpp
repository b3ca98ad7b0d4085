#pragma once

#include <string>

#include "kit/http.hpp"
#include "opening_stock.hpp"
#include "repository.hpp"
#include "storefront.hpp"

namespace souk::product {

// What the handlers need; everything must outlive the router.
struct services {
  repository& products;
  storefront& front;
  stock_messenger& messenger;
  std::string currency;  // the store's
};

void add_routes(http::router& routes, services to);

}  // namespace souk::product
