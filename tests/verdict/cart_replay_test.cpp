#include "cart_replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::verdict {
namespace {

using ::testing::ElementsAre;
using kind = effect::kind;

constexpr std::int64_t a_second = 1'000'000;

// Acknowledged: begins at position `from`, ends at `to`. A position is a second.
effect sure(kind what, std::int64_t quantity, std::uint64_t from, std::uint64_t to) {
  return {.what = what,
          .quantity = quantity,
          .begins = from,
          .begins_at = static_cast<std::int64_t>(from) * a_second,
          .ends = to};
}
// Lost: it may happen until `over`.
effect lost(kind what, std::int64_t quantity, std::uint64_t from, std::uint64_t over) {
  return {.what = what,
          .quantity = quantity,
          .begins = from,
          .begins_at = static_cast<std::int64_t>(from) * a_second,
          .over_at = static_cast<std::int64_t>(over) * a_second};
}
look seen(std::int64_t quantity, std::uint64_t from, std::uint64_t to) {
  return {from, to, static_cast<std::int64_t>(from) * a_second,
          static_cast<std::int64_t>(to) * a_second, quantity};
}

std::vector<std::int64_t> values(std::vector<effect> effects, std::vector<look> looks = {}) {
  return replay(effects, looks).values;
}

TEST(cart_replay, follows_what_was_acknowledged) {
  EXPECT_THAT(values({}), ElementsAre(0));
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), sure(kind::add, 3, 3, 4)}), ElementsAre(5));
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), sure(kind::set, 7, 3, 4)}), ElementsAre(7));
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), sure(kind::subtract, 5, 3, 4)}), ElementsAre(0));
}

TEST(cart_replay, a_lost_change_counts_or_not) {
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), lost(kind::add, 3, 3, 10)}), ElementsAre(2, 5));
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), lost(kind::set, 0, 3, 10)}), ElementsAre(0, 2));
}

TEST(cart_replay, a_lost_change_may_come_after_later_ones) {
  // set 7 is lost, then set 1 is acknowledged; the first may still be under way.
  EXPECT_THAT(values({lost(kind::set, 7, 1, 100), sure(kind::set, 1, 3, 4)}), ElementsAre(1, 7));
  // But not for ever.
  EXPECT_THAT(values({lost(kind::set, 7, 1, 2), sure(kind::set, 1, 3, 4)}), ElementsAre(1));
}

TEST(cart_replay, changes_at_the_same_time_come_in_any_order) {
  EXPECT_THAT(values({sure(kind::set, 7, 1, 4), sure(kind::add, 2, 2, 3)}), ElementsAre(7, 9));
  EXPECT_THAT(values({sure(kind::add, 2, 1, 4), sure(kind::add, 3, 2, 3)}), ElementsAre(5));
}

TEST(cart_replay, an_order_takes_its_lines_once_at_some_time) {
  effect order{.what = kind::subtract,
               .quantity = 2,
               .begins = 3,
               .begins_at = 3 * a_second,
               .certain = true};
  // Another unit was added while the order was under way.
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), order, sure(kind::add, 1, 4, 5)}), ElementsAre(1));
  order.certain = false;
  EXPECT_THAT(values({sure(kind::add, 2, 1, 2), order}), ElementsAre(0, 2));
}

TEST(cart_replay, a_look_settles_what_was_uncertain) {
  const std::vector<effect> effects{sure(kind::add, 2, 1, 2), lost(kind::add, 3, 3, 10)};
  EXPECT_THAT(values(effects, {seen(5, 12, 13)}), ElementsAre(5));
  EXPECT_THAT(values(effects, {seen(2, 12, 13)}), ElementsAre(2));
  // It had not come yet, but it may.
  EXPECT_THAT(values(effects, {seen(2, 4, 5)}), ElementsAre(2, 5));
}

TEST(cart_replay, a_look_that_nothing_explains_is_told) {
  const auto r = replay(std::vector{sure(kind::add, 2, 1, 2)}, std::vector{seen(3, 3, 4)});
  ASSERT_TRUE(r.impossible);
  EXPECT_EQ(*r.impossible, 0u);
  EXPECT_THAT(r.instead, ElementsAre(2));
  EXPECT_THAT(r.values, ElementsAre(2));
}

TEST(cart_replay, a_look_during_a_change_proves_nothing) {
  const auto r = replay(std::vector{sure(kind::add, 2, 1, 4)}, std::vector{seen(0, 2, 5)});
  EXPECT_FALSE(r.impossible);
  EXPECT_THAT(r.values, ElementsAre(2));
}

TEST(cart_replay, gives_up_when_too_much_is_open) {
  std::vector<effect> effects;
  for (std::uint64_t i = 1; i < 40; ++i) effects.push_back(lost(kind::add, 1 << i % 8, i, 1000));
  EXPECT_TRUE(replay(effects, {}).unclear);
}

}  // namespace
}  // namespace souk::verdict
