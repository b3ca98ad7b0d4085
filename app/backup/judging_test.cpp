#include "judging.hpp"

#include <gtest/gtest.h>

namespace souk::backup {
namespace {

gateway_sums charge(minor_units authorized, minor_units captured = 0, minor_units voided = 0,
                    minor_units refunded = 0) {
  return {.authorized_minor = authorized,
          .captured_minor = captured,
          .voided_minor = voided,
          .refunded_minor = refunded,
          .charges = 1,
          .references = {uuid{}}};
}

known_order order(std::string state, bool at_rest = true) {
  return {std::move(state), at_rest};
}

known_payment payment(std::string state, minor_units captured = 0, minor_units refunded = 0,
                      std::string reason = "", bool settled = true) {
  return {std::move(state), std::move(reason), settled, captured, refunded};
}

TEST(judge, a_charge_of_an_order_that_is_gone_is_taken_over) {
  EXPECT_EQ(judge(charge(500), {}, {}), remedy::take_over);
  EXPECT_EQ(judge(charge(500, 500), {}, {}), remedy::take_over);
  // Also when nothing is left of it: the books should know it.
  EXPECT_EQ(judge(charge(500, 500, 0, 500), {}, {}), remedy::take_over);
  EXPECT_EQ(judge(charge(500, 0, 500), {}, {}), remedy::take_over);
}

TEST(judge, what_was_never_charged_is_nothing) {
  gateway_sums declined;
  EXPECT_EQ(judge(declined, {}, {}), remedy::none);
  EXPECT_EQ(judge(declined, order("rejected"), {}), remedy::none);
}

TEST(judge, what_is_taken_over_is_waited_for_and_then_done) {
  EXPECT_EQ(judge(charge(500, 500), {}, payment("captured", 500, 0, reconciled, false)),
            remedy::wait);
  EXPECT_EQ(judge(charge(500, 500, 0, 500), {}, payment("captured", 500, 500, reconciled)),
            remedy::none);
}

TEST(judge, an_order_under_way_is_its_workers) {
  EXPECT_EQ(judge(charge(500, 500), order("pending", false), {}), remedy::wait);
  EXPECT_EQ(judge(charge(500, 500), order("committed", false), payment("authorized")),
            remedy::wait);
  EXPECT_EQ(judge(charge(500), order("authorized", false), payment("authorized")), remedy::none);
}

TEST(judge, an_order_that_ended_otherwise_this_time_keeps_no_money) {
  EXPECT_EQ(judge(charge(500, 500), order("rejected"), {}), remedy::take_over);
  EXPECT_EQ(judge(charge(500), order("cancelled"), payment("voided")), remedy::take_over);
  EXPECT_EQ(judge(charge(500, 0, 500), order("cancelled"), payment("voided")), remedy::none);
  EXPECT_EQ(judge(charge(500, 500), order("confirmed"), {}), remedy::person);
}

TEST(judge, refunds_since_the_backup_are_learnt) {
  EXPECT_EQ(judge(charge(500, 500, 0, 200), order("confirmed"), payment("captured", 500)),
            remedy::learn_refunds);
  EXPECT_EQ(judge(charge(500, 500, 0, 200), order("shipped"), payment("captured", 500, 200)),
            remedy::none);
  EXPECT_EQ(judge(charge(500, 500), order("confirmed"), payment("captured", 500, 200)),
            remedy::person);
}

TEST(judge, an_order_that_was_charged_twice_is_for_a_person) {
  auto twice = charge(1000, 1000);
  twice.charges = 2;
  twice.references.resize(2);
  EXPECT_EQ(judge(twice, {}, {}), remedy::person);
  EXPECT_EQ(judge(twice, order("confirmed"), payment("captured", 500)), remedy::person);
}

TEST(judge, a_sale_is_a_sale) {
  EXPECT_EQ(judge(charge(500, 500), order("confirmed"), payment("captured", 500)), remedy::none);
  EXPECT_EQ(judge(charge(500, 0, 500), order("rejected"), payment("refused")), remedy::none);
}

}  // namespace
}  // namespace souk::backup
