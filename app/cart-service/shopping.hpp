#pragma once

#include <expected>
#include <optional>
#include <string>

#include "carts.hpp"
#include "catalogue.hpp"
#include "repository.hpp"

namespace souk::cart {

// What can be done with a cart. Throws redis::unavailable, redis::error; other services that are
// down make a cart degraded, never unreadable.
class shopping {
 public:
  shopping(repository& carts, catalogue& goods, std::string currency)
      : carts_(carts), goods_(goods), currency_(std::move(currency)) {}

  using outcome = std::expected<cart_view, failure>;

  task<cart_view> view(const context& ctx, uuid user);
  // A repeat under the same key changes nothing and answers with the cart as it is.
  task<outcome> add(const context& ctx, uuid user, uuid product, std::int64_t quantity,
                    std::optional<idempotency> key);
  // Quantity 0 removes the line, whatever has become of the product.
  task<outcome> set(const context& ctx, uuid user, uuid product, std::int64_t quantity);

 private:
  // Asks for what `before` does not know yet. What is asked for ahead of a change is the changed
  // line alone: a cart with one line needs no second question, and Redis none before the change.
  task<cart_view> view_after_change(const context& ctx, uuid user, stored_cart cart,
                                    knowledge before);

  repository& carts_;
  catalogue& goods_;
  std::string currency_;
};

}  // namespace souk::cart
