#include "ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::verdict {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const uuid mug = uuid::derived("test", "mug");
const uuid order = uuid::derived("test", "order");

struct book : ::testing::Test {
  std::vector<std::string> found;
  ledger l{[this](std::string_view check, uuid, std::string) { found.emplace_back(check); }};
  std::int64_t id = 0, on_hand = 0, reserved = 0;

  movement_row movement(std::int64_t d_on_hand, std::int64_t d_reserved, std::string reason,
                        bool of_order = true) {
    on_hand += d_on_hand;
    reserved += d_reserved;
    return {.movement_id = ++id,
            .product_id = mug,
            .delta_on_hand = d_on_hand,
            .delta_reserved = d_reserved,
            .reason = std::move(reason),
            .order_id = of_order ? std::optional(order) : std::nullopt,
            .key = {},
            .on_hand_after = on_hand,
            .reserved_after = reserved};
  }
  void move(std::int64_t d_on_hand, std::int64_t d_reserved, std::string reason,
            bool of_order = true) {
    l.add(movement(d_on_hand, d_reserved, std::move(reason), of_order));
  }
};

TEST_F(book, balances) {
  move(10, 0, "opening", false);
  move(0, 3, "reserve");
  move(-3, -3, "commit");
  move(1, 0, "return");
  l.claims_of(mug) = {.held = 0, .committed = 3, .returned = 1, .sold = 3, .restocked = 1};
  l.compare({mug, 8, 0}, true);
  l.compare_rest();
  EXPECT_THAT(found, IsEmpty());
  const auto sums = l.take_order(order);
  ASSERT_EQ(sums.size(), 1u);
  EXPECT_EQ(sums[0].on_hand, -2);
  EXPECT_EQ(sums[0].reserved, 0);
  EXPECT_THAT(l.orders_left(), IsEmpty());
}

TEST_F(book, tells_each_break_once) {
  move(10, 0, "opening", false);
  on_hand += 5;  // a movement that is not there
  move(0, 3, "reserve");
  move(-3, -3, "commit");
  EXPECT_THAT(found, ElementsAre("ledger-chain"));
}

TEST_F(book, knows_what_a_reason_may_move) {
  move(10, 0, "opening", false);
  move(1, 1, "reserve");
  move(0, 1, "delivery", false);
  move(2, 0, "delivery");
  EXPECT_THAT(found, ElementsAre("ledger-reason", "ledger-reason", "ledger-reason"));
}

TEST_F(book, finds_what_is_sold_twice) {
  move(1, 0, "opening", false);
  move(0, 1, "reserve");
  move(-1, -1, "commit");
  l.claims_of(mug) = {.held = 0, .committed = 1, .returned = 0, .sold = 2, .restocked = 0};
  l.compare({mug, 0, 0}, true);
  EXPECT_THAT(found, ElementsAre("stock-equation", "oversold"));
}

TEST_F(book, finds_a_promise_beyond_what_is_there) {
  move(1, 0, "opening", false);
  move(0, 2, "reserve");
  EXPECT_THAT(found, ElementsAre("ledger-negative"));
}

TEST_F(book, misses_a_row) {
  move(1, 0, "opening", false);
  l.compare_rest();
  EXPECT_THAT(found, ElementsAre("stock-differs"));
}

}  // namespace
}  // namespace souk::verdict
