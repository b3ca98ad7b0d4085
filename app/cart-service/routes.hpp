#pragma once

#include "kit/http.hpp"
#include "kit/security.hpp"
#include "repository.hpp"
#include "sessions.hpp"
#include "shopping.hpp"

namespace souk::cart {

// The parts of the service; all must outlive the router.
struct parts {
  repository& carts;
  cart::shopping& shopping;
  cart::sessions& sessions;
  cart::cookies& cookies;
  security::verifier& keys;
};

void add_routes(http::router& routes, parts p);

}  // namespace souk::cart
