#include "schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace souk::chaos {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> edges = {"shoppers>gateway",
                                        "gateway>order-service",
                                        "order-service>cart-service",
                                        "order-service>inventory-service",
                                        "order-service>payment-service",
                                        "order-service>postgres",
                                        "payment-service>mock-gateway",
                                        "cart-service>redis"};

std::vector<fault> schedule(std::uint64_t seed, milliseconds lasts) {
  return make_schedule(seed, {.lasts = lasts, .edges = edges});
}

TEST(Schedule, FollowsFromTheSeed) {
  EXPECT_EQ(schedule(7, 10min), schedule(7, 10min));
  EXPECT_NE(schedule(7, 10min), schedule(8, 10min));
}

// What was seen with a seed is seen again by everyone who runs it.
TEST(Schedule, IsTheSameEverywhere) {
  const auto s = schedule(1, 5min);
  ASSERT_GE(s.size(), 3u);
  EXPECT_EQ(describe(s[0]), "provider errors: mock-gateway's behaviour, 93 % for 3.3 s");
  EXPECT_EQ(describe(s[1]), "cut after bytes: cart-service>redis, 7605 B for 4.4 s");
  EXPECT_EQ(describe(s[2]), "kill postgres: postgres");
}

TEST(Schedule, EveryKindComesWithinFiveMinutes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::set<kind> seen;
    for (const auto& f : schedule(seed, 5min)) seen.insert(f.what);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(kinds)) << "seed " << seed;
  }
}

TEST(Schedule, EveryTargetOfEveryKindComesWithinTwoHours) {
  std::map<kind, std::set<std::string>> seen;
  for (const auto& f : schedule(5, 120min)) seen[f.what].insert(f.target);
  EXPECT_EQ(seen[kind::kill_service].size(), 6u);
  EXPECT_EQ(seen[kind::kill_helper].size(), 2u);
  EXPECT_EQ(seen[kind::stop].size(), 9u);
  for (int k = 0; k < kinds; ++k) {
    if (is_of_connections(static_cast<kind>(k))) {
      EXPECT_EQ(seen[static_cast<kind>(k)].size(), edges.size()) << name_of(static_cast<kind>(k));
    }
  }
}

TEST(Schedule, AllKindsComeOnceBeforeOneComesTwice) {
  const auto s = schedule(11, 20min);
  std::set<kind> first;
  for (std::size_t i = 0; i < kinds; ++i) first.insert(s[i].what);
  // Within a group the order is by time, so the last of these may have changed places.
  EXPECT_GE(first.size(), static_cast<std::size_t>(kinds) - 5);
}

TEST(Schedule, ShortRunsAreNotSpentOnStartingAgain) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto s = schedule(seed, 1min);
    EXPECT_GE(s.size(), 4u) << "seed " << seed;
    EXPECT_TRUE(std::ranges::none_of(s, [](const fault& f) { return is_exclusive(f.what); }));
  }
}

class EachSchedule : public ::testing::TestWithParam<milliseconds> {};

TEST_P(EachSchedule, KeepsItsBounds) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    milliseconds before{0};
    for (const auto& f : schedule(seed, GetParam())) {
      const auto about = describe(f) + ", seed " + std::to_string(seed);
      EXPECT_GE(f.at, before) << about;
      before = f.at;
      EXPECT_GE(f.at, 4s) << about;
      EXPECT_LE(f.at + f.lasts, GetParam() - 3s) << about;
      EXPECT_GE(f.lasts, 0s) << about;
      EXPECT_LE(f.lasts, 25s) << about;
      if (f.what == kind::stop_past_lease) {
        EXPECT_GT(f.lasts, 15s) << about;
      }
      if (f.what == kind::blackhole || f.what == kind::refuse || f.what == kind::stop) {
        EXPECT_GE(f.lasts, 1s) << about;
      }
      if (f.what >= kind::provider_errors && f.what <= kind::provider_silent) {
        EXPECT_GT(f.amount, 0) << about;
        EXPECT_LE(f.amount, 100) << about;
      }
      if (is_of_connections(f.what)) {
        EXPECT_THAT(edges, ::testing::Contains(f.target));
      }
    }
  }
}

TEST_P(EachSchedule, NeverHasTwoFaultsOnOneTarget) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto s = schedule(seed, GetParam());
    for (std::size_t i = 0; i < s.size(); ++i) {
      for (std::size_t j = i + 1; j < s.size(); ++j) {
        const bool apart = s[j].at > s[i].at + s[i].lasts;
        EXPECT_TRUE(apart || s[i].target != s[j].target)
            << describe(s[i]) << ", " << describe(s[j]);
        EXPECT_TRUE(apart || (!is_exclusive(s[i].what) && !is_exclusive(s[j].what)));
        if (is_exclusive(s[i].what)) {
          EXPECT_GE(s[j].at, s[i].at + 25s);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, EachSchedule, ::testing::Values(30s, 60s, 150s, 300s, 1200s));

TEST(Schedule, SeveralFaultsAtOnceAndPausesOccur) {
  const auto s = schedule(2, 20min);
  int together = 0, calm = 0;
  milliseconds over{0};
  for (const auto& f : s) {
    together += f.at < over;
    calm += f.at > over + 1500ms;
    over = std::max(over, f.at + f.lasts + (is_exclusive(f.what) ? 25s : 0s));
  }
  EXPECT_GT(together, 40);
  EXPECT_GT(calm, 20);
}

}  // namespace
}  // namespace souk::chaos
