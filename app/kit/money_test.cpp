#include "kit/money.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <vector>

namespace souk {
namespace {

__extension__ using wide = __int128;

std::optional<minor_units> if_it_fits(wide exact) {
  if (exact < std::numeric_limits<minor_units>::min()) return std::nullopt;
  if (exact > std::numeric_limits<minor_units>::max()) return std::nullopt;
  return static_cast<minor_units>(exact);
}

// Small numbers, and those around the limits, where mistakes hide.
rc::Gen<std::int64_t> amount() {
  constexpr auto top = std::numeric_limits<std::int64_t>::max();
  constexpr auto bottom = std::numeric_limits<std::int64_t>::min();
  return rc::gen::oneOf(
      rc::gen::arbitrary<std::int64_t>(), rc::gen::inRange<std::int64_t>(top - 1000, top),
      rc::gen::inRange<std::int64_t>(bottom, bottom + 1000),
      rc::gen::elementOf(std::vector<std::int64_t>{top, bottom, 0, 1, -1, top / 2}));
}

RC_GTEST_PROP(money, adds_exactly_or_not_at_all, ()) {
  const auto a = *amount(), b = *amount();
  RC_ASSERT(checked_add(a, b) == if_it_fits(wide{a} + b));
}

RC_GTEST_PROP(money, multiplies_exactly_or_not_at_all, ()) {
  const auto a = *amount(), b = *amount();
  RC_ASSERT(checked_multiply(a, b) == if_it_fits(wide{a} * b));
}

TEST(money, holds_the_largest_cart) {
  const auto line = checked_multiply(max_price_minor, max_line_quantity);
  ASSERT_TRUE(line);
  EXPECT_TRUE(checked_multiply(*line, max_cart_lines));
}

TEST(money, knows_the_form_of_currency_codes) {
  EXPECT_TRUE(is_currency_code("USD"));
  for (const char* bad : {"", "US", "usd", "USDD", "U D", "U5D"})
    EXPECT_FALSE(is_currency_code(bad)) << bad;
}

}  // namespace
}  // namespace souk
