#include "load/chance.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace souk::load {
namespace {

using namespace std::chrono_literals;

TEST(chance, is_the_same_for_the_same_seed) {
  EXPECT_EQ(chance(7, 3, 1).next(), chance(7, 3, 1).next());
  // On every machine and with every compiler.
  EXPECT_EQ(chance(7, 3, 1).next(), 0x98d418404b511c72);
}

TEST(chance, differs_by_seed_number_and_turn) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (std::uint64_t number = 0; number < 10; ++number)
      for (std::uint64_t turn = 0; turn < 10; ++turn)
        seen.insert(chance(seed, number, turn).next());
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(chance, is_not_disturbed_by_what_runs_beside) {
  chance one(1), two(1);
  chance beside = one.fork();
  two.fork();
  for (int i = 0; i < 5; ++i) beside.next();
  EXPECT_EQ(one.next(), two.next());
}

TEST(chance, keeps_to_its_limits) {
  chance by(1);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(by.between(-2, 2));
    EXPECT_LT(by.popular(10), 10u);
    EXPECT_LT(by.index(3), 3u);
    EXPECT_LE(by.about(10ms), 100ms);
    const auto u = by.unit();
    EXPECT_TRUE(u >= 0 && u < 1);
  }
  EXPECT_EQ(seen, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(by.about(0ms), 0ms);
}

TEST(chance, weighs) {
  static constexpr chance::weighted<int> choices[] = {{0, 0}, {1, 1}, {3, 2}};
  chance by(1);
  std::array<int, 3> times{};
  for (int i = 0; i < 4000; ++i) ++times[static_cast<std::size_t>(by.one_of<int>(choices))];
  EXPECT_EQ(times[0], 0);
  EXPECT_NEAR(times[1], 1000, 120);
  EXPECT_NEAR(times[2], 3000, 120);
}

}  // namespace
}  // namespace souk::load
