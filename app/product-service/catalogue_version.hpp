#pragma once

#include <atomic>
#include <cstdint>

namespace souk::product {

// The catalogue's version as far as this process knows: raised whenever the catalogue may have
// changed. Shared by the event loops.
//
// A reader that takes the number before its SELECT begins, and finds it unchanged afterwards, has
// read nothing older than the newest change that was acknowledged when it began.
class catalogue_version {
 public:
  std::uint64_t current() const { return value_.load(std::memory_order_acquire); }
  void raise() { value_.fetch_add(1, std::memory_order_acq_rel); }

  // Whether notifications of other processes' changes arrive.
  bool hears_others() const { return hears_others_.load(std::memory_order_acquire); }
  // Changes may have been missed while nobody listened.
  void listening(bool now) {
    hears_others_.store(now, std::memory_order_release);
    raise();
  }

 private:
  std::atomic<std::uint64_t> value_{1};
  std::atomic<bool> hears_others_{false};
};

// Lives around a change: raises the version when it ends, in whatever way. So it is raised before
// the change is acknowledged, and also when its outcome is not known.
class catalogue_change {
 public:
  explicit catalogue_change(catalogue_version& v) : version_(v) {}
  catalogue_change(const catalogue_change&) = delete;
  catalogue_change& operator=(const catalogue_change&) = delete;
  ~catalogue_change() { version_.raise(); }

 private:
  catalogue_version& version_;
};

}  // namespace souk::product
