#include "load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace souk::load {
namespace {

// Values below `exact` have a bucket each; above, each power of two has `per_octave`.
constexpr int precision_bits = 7;
constexpr std::uint64_t per_octave = std::uint64_t{1} << precision_bits;
constexpr std::uint64_t exact = 2 * per_octave;

constexpr std::size_t bucket_of(std::uint64_t value) {
  if (value < exact) return value;
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - precision_bits;
  const std::uint64_t octave = static_cast<std::uint64_t>(shift) - 1;
  return exact + octave * per_octave + ((value >> shift) - per_octave);
}

// The largest value of a bucket.
constexpr std::uint64_t top_of(std::size_t bucket) {
  if (bucket < exact) return bucket;
  const std::uint64_t octave = (bucket - exact) / per_octave;
  const std::uint64_t within = (bucket - exact) % per_octave + per_octave;
  return ((within + 1) << (octave + 1)) - 1;
}

constexpr std::size_t buckets_needed =
    bucket_of(static_cast<std::uint64_t>(histogram::longest.count())) + 1;

static_assert(bucket_of(exact - 1) == exact - 1 && bucket_of(exact) == exact);
static_assert(top_of(bucket_of(exact)) == exact + 1);
static_assert(bucket_of(top_of(1000)) == 1000 && bucket_of(top_of(1000) + 1) == 1001);

}  // namespace

histogram::histogram() : buckets_(buckets_needed) {}

void histogram::record(microseconds value) {
  const auto us = std::clamp<std::int64_t>(value.count(), 0, longest.count());
  ++buckets_[bucket_of(static_cast<std::uint64_t>(us))];
  ++count_;
  max_ = std::max(max_, us);
}

void histogram::merge(const histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

void histogram::reset() {
  *this = histogram();
}

histogram::microseconds histogram::percentile(double percent) const {
  if (count_ == 0) return microseconds(0);
  const double share = std::clamp(percent, 0.0, 100.0) / 100;
  const auto wanted = std::clamp<std::int64_t>(
      std::llround(std::ceil(share * static_cast<double>(count_) - 1e-9)), 1, count_);
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) {
      return microseconds(std::min(static_cast<std::int64_t>(top_of(i)), max_));
    }
  }
  return max();
}

}  // namespace souk::load
