#pragma once

// What is decided by lot: the same for the same seed, on every machine.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace souk::load {

// SplitMix64, and what is drawn with it. (The distributions of the standard library differ from one
// implementation to the next.)
class chance {
 public:
  // One of many independent sequences of a seed, e.g. for the shopper `number` at visit `turn`.
  explicit chance(std::uint64_t seed, std::uint64_t number = 0, std::uint64_t turn = 0)
      : state_(mixed(mixed(mixed(seed) ^ number) ^ turn)) {}

  // A sequence of its own, for what runs beside: neither disturbs the other.
  chance fork() { return chance(next()); }

  std::uint64_t next() {
    state_ += golden;
    return finished(state_);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // in [0, 1)
  bool happens(double probability) { return unit() < probability; }
  // Both inclusive.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto span = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>(next() % span);
  }
  std::size_t index(std::size_t count) { return static_cast<std::size_t>(next() % count); }
  // Few are wanted by many: the first of `count` far more often than the last.
  std::size_t popular(std::size_t count) {
    const double u = unit();
    return static_cast<std::size_t>(u * u * static_cast<double>(count));
  }
  // Times between events that know nothing of each other; at most ten times the mean.
  std::chrono::microseconds about(std::chrono::microseconds mean) {
    const double factor = std::min(10.0, -std::log(1 - unit()));
    return std::chrono::microseconds(
        static_cast<std::int64_t>(factor * static_cast<double>(mean.count())));
  }
  std::chrono::milliseconds within(std::chrono::milliseconds low, std::chrono::milliseconds high) {
    return std::chrono::milliseconds(between(low.count(), high.count()));
  }

  template <class T>
  struct weighted {
    double weight;
    T what;
  };
  template <class T>
  T one_of(std::span<const weighted<T>> all) {
    double sum = 0;
    for (const auto& w : all) sum += w.weight;
    double left = unit() * sum;
    for (const auto& w : all) {
      if (left < w.weight) return w.what;
      left -= w.weight;
    }
    return all.back().what;
  }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
  static std::uint64_t finished(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  static std::uint64_t mixed(std::uint64_t z) { return finished(z + golden); }

  std::uint64_t state_;
};

}  // namespace souk::load
