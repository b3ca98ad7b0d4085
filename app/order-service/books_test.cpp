// What the exhaustive model (model_test.cpp) can't show: that wrong books are found out.

#include "books.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::order {
namespace {

using testing::Contains;
using testing::IsEmpty;

const uuid product = uuid::derived("test", "product");

order_view confirmed() {
  order_view o;
  o.id = uuid::derived("test", "order");
  o.payment_id = uuid::derived("test", "payment");
  o.state = order_state::confirmed;
  o.total_minor = 500;
  o.lines = {{.product_id = product, .quantity = 5}};
  return o;
}

beside sold() {
  beside b;
  b.reservation = reservation_book{.state = reply::committed, .lines = {{product, 5, 0}}};
  b.payment = payment_book{.payment_id = uuid::derived("test", "payment"),
                           .state = reply::captured,
                           .amount_minor = 500,
                           .captured_minor = 500,
                           .refunded_minor = 0,
                           .refund_pending_minor = 0};
  b.payment->gateway = {.authorized_minor = 500, .captured_minor = 500, .charges = 1};
  b.cart_cleared = true;
  return b;
}

std::vector<std::string> rules(const std::vector<finding>& findings) {
  std::vector<std::string> out;
  for (const auto& f : findings) out.emplace_back(f.rule);
  return out;
}

TEST(judge, accepts_a_sale) {
  EXPECT_THAT(rules(judge(confirmed(), sold())), IsEmpty());
}

TEST(judge, finds_a_sale_without_stock) {
  auto b = sold();
  b.reservation->state = reply::expired;
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("impossible-combination"));
  b.reservation.reset();
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("impossible-combination"));
}

TEST(judge, finds_a_sale_without_money) {
  auto b = sold();
  b.payment.reset();
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("impossible-combination"));
}

TEST(judge, finds_money_kept_for_a_rejected_order) {
  auto o = confirmed();
  o.state = order_state::rejected;
  o.reason = reasons::out_of_stock;
  EXPECT_THAT(rules(judge(o, sold())), Contains("impossible-combination"));
}

TEST(judge, finds_a_second_charge) {
  auto b = sold();
  b.payment->gateway.charges = 2;
  b.payment->gateway.captured_minor = 1'000;
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("charged-twice"));
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("gateway-differs"));
}

TEST(judge, finds_another_amount) {
  auto b = sold();
  b.payment->amount_minor = 499;
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("amount-differs"));
  b = sold();
  b.payment->gateway.captured_minor = 499;
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("gateway-differs"));
}

TEST(judge, finds_another_payment) {
  auto b = sold();
  b.payment->payment_id = uuid::v7();
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("foreign-payment"));
}

TEST(judge, finds_other_lines) {
  auto b = sold();
  b.reservation->lines = {{product, 4, 0}};
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("lines-differ"));
  b.reservation->lines = {};
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("lines-differ"));
}

TEST(judge, follows_a_refund_of_a_part) {
  auto o = confirmed();
  o.refunds = {{.id = uuid::v7(), .amount_minor = 100, .lines = {{product, {1}}}}};
  o.step = step::refund;
  auto b = sold();
  EXPECT_THAT(rules(judge(o, b)), IsEmpty());  // not done yet
  b.payment->refund_pending_minor = 100;
  EXPECT_THAT(rules(judge(o, b)), IsEmpty());
  b.payment->gateway.refunded_minor = 100;  // ahead of payment
  EXPECT_THAT(rules(judge(o, b)), IsEmpty());
  b.payment->refund_pending_minor = 0;
  b.payment->refunded_minor = 100;  // ahead of the order
  EXPECT_THAT(rules(judge(o, b)), IsEmpty());

  o.refunds[0].state = refund_state::done;
  o.refunded_minor = 100;
  o.step.reset();
  EXPECT_THAT(rules(judge(o, b)), Contains("returned-differs"));
  b.reservation->lines[0].returned = 1;
  EXPECT_THAT(rules(judge(o, b)), IsEmpty());
  b.reservation->lines[0].returned = 2;
  EXPECT_THAT(rules(judge(o, b)), Contains("returned-differs"));
  b.reservation->lines[0].returned = 1;
  b.payment->gateway.refunded_minor = 0;
  EXPECT_THAT(rules(judge(o, b)), Contains("gateway-differs"));
}

TEST(judge, finds_a_refund_that_no_order_asked_for) {
  auto b = sold();
  b.payment->refunded_minor = b.payment->gateway.refunded_minor = 100;
  EXPECT_THAT(rules(judge(confirmed(), b)), Contains("refunded-differs"));
}

TEST(judge, finds_a_cart_that_was_cleared_too_early) {
  auto o = confirmed();
  o.state = order_state::pending;
  o.step = step::reserve;
  EXPECT_THAT(rules(judge(o, {.cart_cleared = true})), Contains("cart-cleared-early"));
}

TEST(judge_without_order, finds_everything_but_a_charge_that_never_was) {
  EXPECT_THAT(rules(judge_without_order({.reservation = sold().reservation})),
              Contains("reservation-without-order"));
  EXPECT_THAT(rules(judge_without_order({.payment = sold().payment})),
              Contains("payment-without-order"));
  auto absorbing = sold();
  absorbing.reservation->state = reply::released;
  EXPECT_THAT(rules(judge_without_order({.reservation = absorbing.reservation})), IsEmpty());
  absorbing.payment->state = reply::voided;
  EXPECT_THAT(rules(judge_without_order({.payment = absorbing.payment})), IsEmpty());
  auto charge = sold().payment;
  charge->payment_id.reset();
  charge->state.reset();
  EXPECT_THAT(rules(judge_without_order({.payment = charge})), Contains("charge-without-payment"));
  charge->gateway = {};
  EXPECT_THAT(rules(judge_without_order({.payment = charge})), IsEmpty());
}

// After a restore the gateway may have charges for orders that are gone, or that ended otherwise
// this time. Taken over and given back they are in order, and not before.
TEST(judge, a_charge_taken_over_after_a_restore_must_be_given_back) {
  auto kept = sold().payment;
  kept->reason = reconciled;
  auto back = kept;
  back->refunded_minor = back->gateway.refunded_minor = kept->captured_minor.value();
  EXPECT_THAT(rules(judge_without_order({.payment = kept})), Contains("payment-without-order"));
  EXPECT_THAT(rules(judge_without_order({.payment = back})), IsEmpty());
  auto only_said = back;
  only_said->gateway.refunded_minor = 0;
  EXPECT_THAT(rules(judge_without_order({.payment = only_said})),
              Contains("payment-without-order"));
  auto of_nobody = back;
  of_nobody->reason.reset();
  EXPECT_THAT(rules(judge_without_order({.payment = of_nobody})),
              Contains("payment-without-order"));

  auto o = confirmed();
  o.state = order_state::rejected;
  o.reason = reasons::out_of_stock;
  beside b{.reservation = sold().reservation, .payment = back};
  b.reservation->state = reply::released;
  EXPECT_THAT(rules(judge(o, b)), IsEmpty());
  b.payment = kept;
  EXPECT_THAT(rules(judge(o, b)), Contains("impossible-combination"));
  // An order that stands must not be paid by what was given back.
  auto paid = sold();
  paid.payment = back;
  EXPECT_FALSE(rules(judge(confirmed(), paid)).empty());
}

// A payment of ours is missing, but the gateway has charged for the order.
TEST(judge, finds_a_charge_beside_an_order_without_payment) {
  auto o = confirmed();
  o.state = order_state::pending;
  o.step = step::reserve;
  beside b{.payment = payment_book{}};
  b.payment->gateway = {.authorized_minor = 500, .charges = 1};
  EXPECT_THAT(rules(judge(o, b)), Contains("gateway-differs"));
}

}  // namespace
}  // namespace souk::order
