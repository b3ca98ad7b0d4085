#include "load/histogram.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace souk::load {
namespace {

using namespace std::chrono_literals;
using us = std::chrono::microseconds;

// As far as longest, over all orders of magnitude.
rc::Gen<std::vector<std::int64_t>> durations() {
  return rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(rc::gen::map(
      rc::gen::pair(rc::gen::inRange(0, 32), rc::gen::inRange<std::int64_t>(0, 1'000'000)),
      [](std::pair<int, std::int64_t> p) {
        return std::min(histogram::longest.count(),
                        (p.second << p.first) / 1'000'000 + p.second % 7);
      })));
}

histogram of(const std::vector<std::int64_t>& values) {
  histogram h;
  for (const auto v : values) h.record(us(v));
  return h;
}

TEST(histogram, is_empty_at_first) {
  const histogram h;
  EXPECT_EQ(h.count(), 0);
  EXPECT_EQ(h.max(), 0us);
  EXPECT_EQ(h.percentile(99), 0us);
}

TEST(histogram, is_exact_for_small_values) {
  histogram h;
  for (int i = 1; i <= 100; ++i) h.record(us(i));
  EXPECT_EQ(h.percentile(0), 1us);
  EXPECT_EQ(h.percentile(50), 50us);
  EXPECT_EQ(h.percentile(90), 90us);
  EXPECT_EQ(h.percentile(99.9), 100us);
  EXPECT_EQ(h.percentile(100), 100us);
}

TEST(histogram, takes_what_is_out_of_range_for_the_nearest) {
  histogram h;
  h.record(-5us);
  EXPECT_EQ(h.percentile(100), 0us);
  h.record(2h);
  EXPECT_EQ(h.max(), histogram::longest);
  EXPECT_EQ(h.percentile(100), histogram::longest);
}

RC_GTEST_PROP(histogram, is_less_than_a_percent_too_high, ()) {
  auto values = *durations();
  const histogram h = of(values);
  std::ranges::sort(values);
  const double percent = *rc::gen::inRange(0, 1001) / 10.0;
  const auto rank = std::max<std::size_t>(
      1, static_cast<std::size_t>(
             std::ceil(percent / 100 * static_cast<double>(values.size()) - 1e-9)));
  const auto exact = static_cast<double>(values[rank - 1]);
  const auto got = static_cast<double>(h.percentile(percent).count());
  RC_ASSERT(got >= exact);
  RC_ASSERT(got <= exact * (1 + 1.0 / 128));
  RC_ASSERT(h.max().count() == values.back());
  RC_ASSERT(h.count() == static_cast<std::int64_t>(values.size()));
}

RC_GTEST_PROP(histogram, merged_is_as_if_recorded_together, ()) {
  const auto one = *durations();
  const auto two = *durations();
  auto together = one;
  together.insert(together.end(), two.begin(), two.end());
  histogram merged = of(one);
  merged.merge(of(two));
  const histogram expected = of(together);
  RC_ASSERT(merged.count() == expected.count());
  RC_ASSERT(merged.max() == expected.max());
  for (int i = 0; i <= 40; ++i) {
    const double p = 2.5 * i;
    RC_ASSERT(merged.percentile(p) == expected.percentile(p));
  }
}

TEST(histogram, forgets) {
  histogram h = of({1, 2, 3'000'000});
  h.reset();
  EXPECT_EQ(h.count(), 0);
  EXPECT_EQ(h.max(), 0us);
}

}  // namespace
}  // namespace souk::load
