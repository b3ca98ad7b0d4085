#pragma once

#include <string>

#include "books.hpp"
#include "kit/http.hpp"
#include "processing.hpp"
#include "repository.hpp"
#include "tokens.hpp"

namespace souk::payment {

// What the handlers work with; all must outlive the router.
struct api {
  repository& store;
  processing& work;
  card_tokens& tokens;
  gateway_client& gateway;
  payment_books& books;
  std::string currency;
};

void add_routes(http::router& routes, api& a);

}  // namespace souk::payment
