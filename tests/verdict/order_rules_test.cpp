#include "order_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::verdict {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using os = order_state;

const uuid an_order = uuid::derived("test", "order"), a_shopper = uuid::derived("test", "shopper"),
           a_payment = uuid::derived("test", "payment"), mug = uuid::derived("test", "mug");

std::vector<std::string> checks(const order_file& f) {
  std::vector<std::string> out;
  for (const auto& found : judge_order(f)) out.emplace_back(found.check);
  return out;
}

// A mug of 500, bought.
order_file bought() {
  order_file f{.id = an_order};
  f.order = order_row{.id = an_order,
                      .user_id = a_shopper,
                      .idempotency_key = "k",
                      .cart_revision = "r",
                      .currency = "USD",
                      .total_minor = 500,
                      .payment_id = a_payment,
                      .state = os::confirmed,
                      .step = {},
                      .reason = {},
                      .version = 6};
  f.lines = {{an_order, mug, 1, 500, 500}};
  std::int64_t seq = 0;
  for (const auto s :
       {os::pending, os::reserved, os::authorized, os::committed, os::captured, os::confirmed}) {
    const bool first = ++seq == 1;
    f.events.push_back(
        {an_order, seq, first ? "placed" : std::string(json::enum_text(s)), s, timestamp{}});
  }
  f.reservation = reservation_row{an_order, hold_state::committed, false};
  f.reserved = {{an_order, mug, 1, 0}};
  f.ledger = {{mug, -1, 0}};
  f.payments = {{.id = a_payment,
                 .order_id = an_order,
                 .user_id = a_shopper.str(),
                 .state = payment_state::captured,
                 .amount_minor = 500,
                 .currency = "USD",
                 .captured_minor = 500}};
  f.charges = {{.reference = a_payment,
                .merchant_order = an_order,
                .state = charge_state::captured,
                .currency = "USD",
                .authorized_minor = 500,
                .captured_minor = 500}};
  f.cleared_for = a_shopper;
  f.remembered_by_cart = true;
  return f;
}

TEST(order_rules, a_bought_order_is_in_order) {
  EXPECT_THAT(checks(bought()), IsEmpty());
}

TEST(order_rules, the_good_way_is_legal_and_nothing_leads_back) {
  EXPECT_TRUE(may_follow(os::committed, os::captured));
  EXPECT_TRUE(may_follow(os::committed, os::rejected));
  EXPECT_FALSE(may_follow(os::captured, os::rejected));
  EXPECT_FALSE(may_follow(os::confirmed, os::rejected));
  EXPECT_FALSE(may_follow(os::confirmed, os::cancelled));
  EXPECT_FALSE(may_follow(os::shipped, os::refunding));
  EXPECT_FALSE(may_follow(os::pending, os::authorized));
  for (int s = 0; s <= static_cast<int>(os::cancelled); ++s) {
    EXPECT_FALSE(may_follow(os::rejected, os{s}));
    EXPECT_FALSE(may_follow(os::cancelled, os{s}));
  }
}

TEST(order_rules, totals_come_from_the_lines) {
  auto f = bought();
  f.order->total_minor = 400;  // and payment and gateway agree with it
  f.payments[0].amount_minor = f.payments[0].captured_minor = 400;
  f.charges[0].captured_minor = 400;
  EXPECT_THAT(checks(f),
              UnorderedElementsAre("total-differs", "capture-differs", "charge-differs"));
}

TEST(order_rules, what_is_under_way_is_only_stuck) {
  auto f = bought();
  f.order->state = os::committed;
  f.order->step = "capture";
  f.order->due = true;
  f.order->version = 4;
  f.events.resize(4);
  f.payments[0].state = payment_state::authorized;
  f.payments[0].captured_minor = 0;
  f.charges[0].state = charge_state::authorized;
  f.charges[0].captured_minor = 0;
  f.cleared_for.reset();
  f.remembered_by_cart = false;
  EXPECT_THAT(checks(f), ElementsAre("stuck-order"));
}

TEST(order_rules, a_charge_that_was_voided_is_no_charge) {
  auto f = bought();
  f.charges[0].captured_minor = 0;
  f.charges[0].voided_minor = 500;
  f.charges[0].state = charge_state::voided;
  EXPECT_THAT(checks(f), ElementsAre("sold-not-charged"));
}

TEST(order_rules, late_calls_for_an_unknown_order_leave_nothing_that_counts) {
  order_file f{.id = an_order};
  f.reservation = reservation_row{an_order, hold_state::released, false};
  f.payments = {{.id = a_payment,
                 .order_id = an_order,
                 .user_id = "x",
                 .state = payment_state::voided,
                 .amount_minor = 500,
                 .currency = "USD"}};
  f.charges = {{.reference = a_payment,
                .merchant_order = an_order,
                .state = charge_state::cancelled,
                .currency = {}}};
  EXPECT_THAT(checks(f), IsEmpty());
}

TEST(order_rules, a_part_of_a_refund_may_be_restocking) {
  auto f = bought();
  f.refunds = {{.id = uuid::derived("test", "refund"),
                .order_id = an_order,
                .idempotency_key = "k",
                .state = "done",
                .amount_minor = 0,
                .lines = {R"([{"product_id":")" + mug.str() + R"(","quantity":1}])"},
                .cancellation = false}};
  EXPECT_THAT(checks(f), ElementsAre("restock-differs"));
  f.reserved[0].returned = 1;
  f.reservation->state = hold_state::returned;
  f.ledger[0].on_hand = 0;
  EXPECT_THAT(checks(f), IsEmpty());
}

}  // namespace
}  // namespace souk::verdict
