#include "kit/resilience.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace souk::resilience {
namespace {

using namespace std::chrono_literals;
using state = breaker::state;
using time_point = steady_clock::time_point;

RC_GTEST_PROP(backoff, lies_in_the_upper_half_of_an_exponential, ()) {
  const int attempt = *rc::gen::inRange(1, 1000);
  const std::chrono::milliseconds base(*rc::gen::inRange(2, 1000)),
      cap(*rc::gen::inRange(2, 100'000));
  const double full = std::min(static_cast<double>(cap.count()),
                               static_cast<double>(base.count()) * std::pow(2.0, attempt - 1));
  const auto delay = static_cast<double>(backoff(attempt, base, cap).count());
  RC_ASSERT(delay >= std::floor(full / 2));
  RC_ASSERT(delay <= full);
}

TEST(backoff, spreads) {
  std::set<std::chrono::milliseconds> delays;
  for (int i = 0; i < 100; ++i) delays.insert(backoff(1, 1'000ms, 60'000ms));
  EXPECT_GT(delays.size(), 20u);
}

RC_GTEST_PROP(retry_budget, repeats_are_at_most_the_burst_and_a_share_of_the_calls,
              (const std::vector<bool>& steps)) {
  retry_budget budget(0.1, 10);
  int calls = 0, repeats = 0;
  for (const bool is_call : steps) {
    if (is_call) {
      budget.earn();
      ++calls;
    } else if (budget.spend()) {
      ++repeats;
    }
    RC_ASSERT(repeats <= 10 + calls / 10);
  }
}

TEST(retry_budget, ten_calls_earn_one_repeat) {
  retry_budget budget(0.1, 1);
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  for (int i = 0; i < 10; ++i) budget.earn();
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

struct breaker_test : ::testing::Test {
  std::vector<state> changes;
  breaker b{[this](state s) { changes.push_back(s); }, 5, 2s};
  time_point t{100s};

  void call(bool good) {
    ASSERT_TRUE(b.allow(t));
    good ? b.succeeded(t) : b.failed(t);
  }
};

TEST_F(breaker_test, opens_after_failures_in_a_row) {
  for (int i = 0; i < 4; ++i) call(false);
  call(true);
  for (int i = 0; i < 4; ++i) call(false);
  EXPECT_EQ(b.current(), state::closed);
  call(false);
  EXPECT_EQ(b.current(), state::open);
  EXPECT_FALSE(b.allow(t));
  EXPECT_EQ(changes, std::vector{state::open});
}

TEST_F(breaker_test, opens_when_most_calls_of_ten_seconds_fail) {
  for (int i = 0; i < 6; ++i) {  // 12 of 18
    call(false);
    call(false);
    call(true);
  }
  EXPECT_EQ(b.current(), state::closed) << "too few to tell";
  call(false);
  call(false);
  EXPECT_EQ(b.current(), state::open);
}

TEST_F(breaker_test, forgets_calls_of_long_ago) {
  for (int i = 0; i < 6; ++i) {
    call(false);
    call(false);
    call(true);
  }
  t += 10s;
  call(false);
  call(false);
  EXPECT_EQ(b.current(), state::closed);
}

TEST_F(breaker_test, half_failing_is_not_most) {
  for (int i = 0; i < 100; ++i) call(i % 2 == 0);
  EXPECT_EQ(b.current(), state::closed);
}

TEST_F(breaker_test, one_probe_decides) {
  for (int i = 0; i < 5; ++i) call(false);
  t += 1999ms;
  EXPECT_FALSE(b.allow(t));
  t += 1ms;
  EXPECT_TRUE(b.allow(t));
  EXPECT_FALSE(b.allow(t)) << "one at a time";
  b.failed(t);
  EXPECT_EQ(b.current(), state::open);
  EXPECT_FALSE(b.allow(t + 1999ms));
  t += 2s;
  EXPECT_TRUE(b.allow(t));
  b.succeeded(t);
  EXPECT_EQ(b.current(), state::closed);
  EXPECT_TRUE(b.allow(t));
  EXPECT_EQ(changes, (std::vector{state::open, state::half_open, state::open, state::half_open,
                                  state::closed}));
}

TEST_F(breaker_test, answers_from_before_it_opened_change_nothing) {
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(b.allow(t));
  for (int i = 0; i < 5; ++i) b.failed(t);
  b.succeeded(t);
  b.failed(t + 1s);
  EXPECT_EQ(b.current(), state::open);
  EXPECT_TRUE(b.allow(t + 2s));
}

// Whatever happens: open lets nobody in, half open at most one, and each change is told once.
RC_GTEST_PROP(breaker, keeps_its_promises, (const std::vector<std::uint8_t>& steps)) {
  std::vector<state> told{state::closed};
  breaker b([&](state s) { told.push_back(s); }, 3, 2s);
  time_point t{100s};
  int under_way = 0;
  for (const std::uint8_t step : steps) {
    t += std::chrono::milliseconds(step * 8);
    if (step % 3 == 0) {
      const state before = b.current();
      const bool in = b.allow(t);
      if (before == state::closed) RC_ASSERT(in);
      if (before == state::half_open || b.current() == state::open) RC_ASSERT(!in);
      if (in) ++under_way;
    } else if (under_way > 0) {
      --under_way;
      step % 3 == 1 ? b.succeeded(t) : b.failed(t);
    }
    RC_ASSERT(told.back() == b.current());
  }
  RC_ASSERT(std::adjacent_find(told.begin(), told.end()) == told.end());
}

TEST(admission, refuses_above_the_limit_and_counts_down_when_a_ticket_is_given_back) {
  admission gate(2);
  auto first = gate.enter();
  {
    const auto second = gate.enter();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(gate.enter());
    EXPECT_EQ(gate.in_use(), 2u);
  }
  EXPECT_EQ(gate.in_use(), 1u);
  const admission::ticket moved = std::move(*first);
  EXPECT_EQ(gate.in_use(), 1u);
  EXPECT_TRUE(gate.enter());
}

}  // namespace
}  // namespace souk::resilience
