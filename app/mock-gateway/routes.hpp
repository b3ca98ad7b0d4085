#pragma once

#include <string>

#include "charging.hpp"
#include "kit/http.hpp"
#include "repository.hpp"

namespace souk::mock_gateway {

// What the handlers work with; all must outlive the router.
struct api {
  repository& store;
  charging& work;
  std::string key_hash;  // SHA-256 of the merchant's key
};

// The company's API knows one merchant, by its key as bearer token. Sessions and services of the
// merchant mean nothing here: its routes are public to the router, and every handler stands behind
// the check of the key.
void add_routes(http::router& routes, api& a);

}  // namespace souk::mock_gateway
