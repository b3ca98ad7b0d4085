#pragma once

#include <optional>

#include "kit/http.hpp"
#include "orders.hpp"

namespace souk::order {

enum class order_error {
  not_found,
  key_reused,
  wrong_currency,
  cart_changed,
  cart_empty,
  already_ordered,
  total_too_large,
  overloaded,
  not_cancellable,
  wrong_state,
  refund_wrong_state,
  refund_too_much_money,
  refund_too_many_items,
};

struct failure {
  order_error what;
  std::optional<uuid> order_id{};   // already_ordered
  std::optional<json::raw> cart{};  // cart_changed, cart_empty: as it is now

  failure(order_error e) : what(e) {}
  failure(order_error e, uuid id) : what(e), order_id(id) {}
  failure(order_error e, json::raw c) : what(e), cart(std::move(c)) {}
};
failure failure_of(refund_error e);

// The one table of how a refusal looks from outside.
http::problem to_problem(const failure& f);
// An order that exists, and was rejected or cancelled.
http::problem problem_of_undone(const order_view& o);
// A refund that exists, and was refused by the payment company.
http::problem problem_of_refused(const refund& r);

}  // namespace souk::order
