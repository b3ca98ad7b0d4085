#include "errors.hpp"

#include <algorithm>

namespace souk::order {
namespace {

struct undone_row {
  std::string_view reason;
  int status;
  std::string_view title, detail;
};
constexpr undone_row undone_rows[] = {
    {reasons::payment_declined, 402, "Payment declined",
     "The card was declined. Nothing was charged."},
    {reasons::out_of_stock, 409, "Out of stock",
     "Not everything was available any more. Nothing was charged."},
    {reasons::hold_expired, 409, "Took too long",
     "The reservation of the items ended before the payment was done. Nothing was charged."},
    {reasons::payment_refused, 409, "Payment refused",
     "The payment was authorized and then refused. Nothing was charged."},
    {reasons::not_accepted, 409, "Order not accepted",
     "Stock or payment did not accept the order. Nothing was charged."},
};

http::problem with_cart(http::problem p, const failure& f) {
  return f.cart ? std::move(p).with("cart", *f.cart) : std::move(p);
}

}  // namespace

failure failure_of(refund_error e) {
  switch (e) {
    case refund_error::wrong_state:
      return order_error::refund_wrong_state;
    case refund_error::too_much_money:
      return order_error::refund_too_much_money;
    case refund_error::too_many_items:
      return order_error::refund_too_many_items;
  }
  return order_error::refund_wrong_state;
}

http::problem to_problem(const failure& f) {
  switch (f.what) {
    case order_error::not_found:
      return http::problems::not_found();
    case order_error::key_reused:
      return http::problems::idempotency_key_reused();
    case order_error::wrong_currency:
      return http::problems::bad_request("/currency", "must be the currency of the store");
    case order_error::cart_changed:
      return with_cart({409, "cart-changed", "The cart has changed",
                        "Prices, availability or lines are not what was confirmed."},
                       f);
    case order_error::cart_empty:
      return with_cart({409, "cart-empty", "The cart is empty", "There is nothing to order."}, f);
    case order_error::already_ordered:
      return http::problem{409, "already-ordered", "Already ordered",
                           "This cart has been ordered, perhaps in another window."}
          .with("order_id", *f.order_id);
    case order_error::total_too_large:
      return {422, "total-too-large", "Total too large", "The sum is beyond what can be paid."};
    case order_error::overloaded:
      return http::problems::overloaded(std::chrono::seconds(5));
    case order_error::not_cancellable:
      return {409, "not-cancellable", "Cannot be cancelled",
              "The order has been shipped, or is undone already."};
    case order_error::wrong_state:
      return {409, "wrong-state", "Not in this state",
              "Only a confirmed order can be shipped, and only a shipped one delivered."};
    case order_error::refund_wrong_state:
      return {409, "not-refundable", "Cannot be refunded",
              "Only a confirmed, shipped or delivered order that is not being cancelled can be."};
    case order_error::refund_too_much_money:
      return {409, "refund-exceeds", "More than was paid",
              "All refunds together would be more than the order's total."};
    case order_error::refund_too_many_items:
      return {409, "restock-exceeds", "More than was ordered",
              "More items would go back than the order has left."};
  }
  return {};
}

http::problem problem_of_undone(const order_view& o) {
  if (o.state == order_state::cancelled) {
    return http::problem{409, "order-cancelled", "Order cancelled", "The order was cancelled."}
        .with("order", o);
  }
  const auto* row = std::ranges::find(undone_rows, o.reason.value_or(""), &undone_row::reason);
  if (row == std::end(undone_rows)) row = std::prev(std::end(undone_rows));
  return http::problem{row->status, row->reason, std::string(row->title), std::string(row->detail)}
      .with("order", o);
}

http::problem problem_of_refused(const refund& r) {
  return http::problem{409, "refund-refused", "Refund refused",
                       "The payment company refused to pay back. Nothing was restocked."}
      .with("refund", r);
}

}  // namespace souk::order
