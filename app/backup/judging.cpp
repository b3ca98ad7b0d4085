#include "judging.hpp"

namespace souk::backup {
namespace {

bool is_undone(const std::string& state) {
  return state == "rejected" || state == "cancelled";
}

bool is_sold(const std::string& state) {
  return state == "confirmed" || state == "shipped" || state == "delivered";
}

// A payment by which nothing was ever charged, as far as we know.
bool is_nothing(const std::string& payment_state) {
  return payment_state == "voided" || payment_state == "declined";
}

remedy judge_one(const gateway_sums& g, const std::optional<known_order>& order,
                 const std::optional<known_payment>& payment) {
  if (g.charges == 0) return remedy::none;
  if (payment && payment->reason == reconciled) {
    return payment->settled ? remedy::none : remedy::wait;
  }
  const bool money_left = held(g) > 0 || kept(g) > 0;
  if (!order) {
    if (!payment) return remedy::take_over;
    if (!is_nothing(payment->state)) return remedy::person;
    return money_left ? remedy::take_over : remedy::none;
  }
  if (!order->at_rest || (payment && !payment->settled)) {
    const bool further = !payment || g.captured_minor != payment->captured_minor ||
                         g.refunded_minor != payment->refunded_minor || g.voided_minor > 0;
    return further ? remedy::wait : remedy::none;
  }
  if (!payment) return is_undone(order->state) ? remedy::take_over : remedy::person;
  if (is_nothing(payment->state)) {
    if (!money_left) return remedy::none;
    return is_undone(order->state) ? remedy::take_over : remedy::person;
  }
  if (payment->state == "captured") {
    if (g.captured_minor == payment->captured_minor && g.refunded_minor == payment->refunded_minor)
      return remedy::none;
    const bool more =
        g.captured_minor == payment->captured_minor && g.refunded_minor > payment->refunded_minor;
    return more && is_sold(order->state) ? remedy::learn_refunds : remedy::person;
  }
  return money_left ? remedy::person : remedy::none;
}

}  // namespace

remedy judge(const gateway_sums& g, const std::optional<known_order>& order,
             const std::optional<known_payment>& payment) {
  const auto what = judge_one(g, order, payment);
  // An order is charged once. Whatever this is, it did not come of a restore.
  const bool twice = g.references.size() > 1;
  return what != remedy::none && twice ? remedy::person : what;
}

}  // namespace souk::backup
