#pragma once

// A record of durations in constant memory, after HdrHistogram: buckets are as wide as 1/128 of
// what is in them, so that each percentile is right to less than 1 % however the values lie.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace souk::load {

class histogram {
 public:
  using microseconds = std::chrono::microseconds;
  // Longer ones are recorded as this long.
  static constexpr microseconds longest = std::chrono::hours(1);

  histogram();

  // Negative durations count as zero.
  void record(microseconds value);
  void merge(const histogram& other);
  void reset();

  std::int64_t count() const { return count_; }
  microseconds max() const { return microseconds(max_); }  // exact
  // The least value that `percent` (0 to 100) of the records are not above, at most 1/128 too high;
  // never more than max(). Zero when empty.
  microseconds percentile(double percent) const;

 private:
  std::vector<std::int64_t> buckets_;
  std::int64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace souk::load
