#include "stock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace souk::inventory {
namespace {

using enum reservation_state;
constexpr reservation_state all_states[] = {held, committed, released, expired, returned};

TEST(reservation_moves, are_those_of_the_design) {
  const std::vector<std::pair<std::optional<reservation_state>, reservation_state>> legal{
      {std::nullopt, held}, {std::nullopt, released}, {held, committed},
      {held, released},     {held, expired},          {committed, returned}};
  for (auto to : all_states) {
    EXPECT_EQ(may_move(std::nullopt, to),
              std::ranges::count(legal, std::pair{std::optional<reservation_state>{}, to}) == 1);
    for (auto from : all_states)
      EXPECT_EQ(may_move(from, to),
                std::ranges::count(legal, std::pair{std::optional{from}, to}) == 1);
  }
}

TEST(reservation_moves, never_lead_back) {
  for (auto a : all_states)
    for (auto b : all_states) EXPECT_FALSE(may_move(a, b) && may_move(b, a));
}

RC_GTEST_PROP(lock_order, is_by_product_and_refuses_repeats, (std::vector<std::uint8_t> numbers)) {
  std::vector<line> lines;
  for (auto n : numbers) {
    uuid id;
    id.bytes[15] = n;
    lines.push_back({id, n + 1});
  }
  auto unique = numbers;
  std::ranges::sort(unique);
  const bool repeats = std::ranges::adjacent_find(unique) != unique.end();
  const auto ordered = in_lock_order(lines);
  RC_ASSERT(ordered.has_value() != repeats);
  if (ordered) {
    RC_ASSERT(std::ranges::is_sorted(*ordered, {}, &line::product_id));
    RC_ASSERT(std::ranges::is_permutation(*ordered, lines));
  }
}

TEST(stock_view, shows_details_only_when_asked) {
  const stock_row row{.on_hand = 7, .reserved = 3, .version = 2};
  const auto open = view_of(row, false);
  EXPECT_EQ(open.available, 4);
  EXPECT_EQ(open.state, availability::low);
  EXPECT_FALSE(open.on_hand || open.reserved || open.version || open.updated_at);
  EXPECT_EQ(view_of(row, true).reserved, 3);
}

TEST(availability_of, has_three_steps) {
  EXPECT_EQ(availability_of(0), availability::out);
  EXPECT_EQ(availability_of(1), availability::low);
  EXPECT_EQ(availability_of(low_stock), availability::low);
  EXPECT_EQ(availability_of(low_stock + 1), availability::in_stock);
}

}  // namespace
}  // namespace souk::inventory
