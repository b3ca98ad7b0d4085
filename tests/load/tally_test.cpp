#include "load/tally.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::load {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(tally, counts_by_what_became_of_it) {
  tally t;
  for (int i = 0; i < 98; ++i) t.answered(action::checkout, 201, "", 10ms);
  t.answered(action::checkout, 402, "payment-declined", 20ms);
  t.answered(action::checkout, 503, "", 1ms);
  t.lost(action::checkout, "time over", 12s, true);
  t.lost(action::checkout, "connection refused", 0s, false);
  t.answered(action::events, 200, "", std::nullopt);
  const auto all = t.by_action();
  ASSERT_EQ(all.size(), 2u);
  const auto& c = all[0];
  EXPECT_EQ(c.action, "checkout");
  EXPECT_EQ(c.count, 102);
  EXPECT_EQ(c.succeeded, 98);
  EXPECT_EQ(c.refused, 2);
  EXPECT_EQ(c.lost, 2);
  EXPECT_NEAR(c.p50_ms, 10, 0.1);
  EXPECT_DOUBLE_EQ(c.max_ms, 12'000);
  EXPECT_THAT(c.refusals, ElementsAre(Pair("402 payment-declined", 1), Pair("503", 1)));
  EXPECT_THAT(c.losses, ElementsAre(Pair("connection refused", 1), Pair("time over", 1)));
  EXPECT_EQ(all[1].max_ms, 0);
  EXPECT_EQ(t.count(), 103);
}

TEST(tally, tells_of_the_last_while) {
  tally t;
  t.answered(action::list, 200, "", 1ms);
  t.answered(action::list, 404, "not-found", 1ms);
  t.answered(action::list, 429, "", 1ms);
  t.lost(action::list, "gone", 1ms, false);
  t.lost(action::add, "left", 1ms, false);
  auto i = t.take_interval();
  EXPECT_EQ(i.count, 5);
  EXPECT_EQ(i.failed, 2);
  EXPECT_EQ(i.times.count(), 3);
  i = t.take_interval();
  EXPECT_EQ(i.count, 0);
  EXPECT_EQ(t.count(), 5);
}

TEST(tally, is_bounded) {
  tally t;
  for (int i = 0; i < 1000; ++i) t.lost(action::list, std::to_string(i), 0ms, false);
  EXPECT_LE(t.by_action()[0].losses.size(), 51u);
  EXPECT_EQ(t.by_action()[0].losses.at("others"), 950);
}

TEST(tally, makes_a_table) {
  tally t;
  t.answered(action::checkout, 409, "out-of-stock", 1234ms);
  t.timed("journal sync", 800us);
  const auto table = to_table(t.by_action(), t.other_times());
  EXPECT_THAT(table, HasSubstr("p99.9"));
  EXPECT_THAT(table, HasSubstr("checkout"));
  EXPECT_THAT(table, HasSubstr("1.2 s"));
  EXPECT_THAT(table, HasSubstr("journal sync"));
  EXPECT_THAT(table, HasSubstr("checkout refused: 409 out-of-stock 1\n"));
  EXPECT_THAT(table, Not(HasSubstr("session")));
}

TEST(tally, writes_times_short) {
  EXPECT_EQ(short_time(0), "0 us");
  EXPECT_EQ(short_time(0.85), "850 us");
  EXPECT_EQ(short_time(3.14), "3.1 ms");
  EXPECT_EQ(short_time(42.4), "42 ms");
  EXPECT_EQ(short_time(3'100), "3.1 s");
  EXPECT_EQ(short_time(12'345), "12 s");
}

}  // namespace
}  // namespace souk::load
