#include "baskets.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace souk::model {
namespace {

exploration explore(lock_mutant m) {
  const auto out = [&] {
    const shelves s(m);
    return explorer<shelves>(s).run();
  }();
  fmt::print("{} states, {} transitions, {} ends\n", out.states, out.transitions, out.ends);
  return out;
}

std::string lines_of(const violation& v) {
  return fmt::format("{}\n  {}\n", v.what, fmt::join(v.trace, "\n  "));
}

TEST(overlapping_baskets, neither_deadlock_nor_oversell) {
  const auto out = explore(lock_mutant::none);
  if (out.found) ADD_FAILURE() << lines_of(*out.found);
  EXPECT_TRUE(out.complete);
}

TEST(overlapping_baskets, deadlock_in_the_order_of_the_baskets) {
  const auto out = explore(lock_mutant::basket_order);
  ASSERT_TRUE(out.found);
  fmt::print("{}", lines_of(*out.found));
  EXPECT_EQ(out.found->what, "transactions wait for each other in a circle");
}

TEST(overlapping_baskets, deadlock_when_stock_is_locked_before_the_reservation) {
  const auto out = explore(lock_mutant::stock_before_reservation);
  ASSERT_TRUE(out.found);
  fmt::print("{}", lines_of(*out.found));
  EXPECT_EQ(out.found->what, "transactions wait for each other in a circle");
}

TEST(overlapping_baskets, oversell_when_availability_is_read_before_the_lock) {
  const auto out = explore(lock_mutant::look_before_lock);
  ASSERT_TRUE(out.found);
  fmt::print("{}", lines_of(*out.found));
  EXPECT_NE(out.found->what.find("oversold"), std::string::npos);
}

}  // namespace
}  // namespace souk::model
