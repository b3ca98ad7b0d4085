#pragma once

// What keeps a slow or dead part from taking the rest with it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "kit/task.hpp"

namespace souk::resilience {

// Delay before attempt n (1 is the first repeat): exponential from `base`, capped, with full jitter
// in the upper half, so that many who failed together do not come back together.
std::chrono::milliseconds backoff(int attempt, std::chrono::milliseconds base,
                                  std::chrono::milliseconds cap);

// At most a share of the calls may be repeats: each call earns `ratio` of one, and at most `burst`
// are saved up.
class retry_budget {
 public:
  explicit retry_budget(double ratio = 0.1, double burst = 10)
      : ratio_(ratio), burst_(burst), saved_(burst) {}
  void earn();
  bool spend();  // false: no repeat now

 private:
  double ratio_, burst_, saved_;
};

// Opens after `threshold` failures in a row or more than half of at least 20 calls in 10 s failed;
// after `open_for` lets one probe through, which decides.
class breaker {
 public:
  enum class state { closed, half_open, open };
  explicit breaker(std::function<void(state)> on_change = {}, int threshold = 5,
                   steady_clock::duration open_for = std::chrono::seconds(2));
  // False: refuse at once. Each true must be answered by one of the two below.
  bool allow(steady_clock::time_point now = steady_clock::now());
  void succeeded(steady_clock::time_point now = steady_clock::now());
  void failed(steady_clock::time_point now = steady_clock::now());
  state current() const { return state_; }

 private:
  void move(state s);
  void count(steady_clock::time_point now, bool failure);
  std::function<void(state)> on_change_;
  int threshold_;
  steady_clock::duration open_for_;
  state state_ = state::closed;
  int in_a_row_ = 0;
  int calls_ = 0, failures_ = 0;
  steady_clock::time_point window_start_{}, opened_at_{};
  bool probing_ = false;
};

// Counts what is under way and refuses above a limit.
class admission {
 public:
  explicit admission(std::size_t limit) : limit_(limit) {}
  class ticket {
   public:
    explicit ticket(admission* a) : a_(a) {}
    ticket(ticket&& o) noexcept : a_(std::exchange(o.a_, nullptr)) {}
    ticket& operator=(ticket&&) = delete;
    ~ticket() {
      if (a_) --a_->in_use_;
    }

   private:
    admission* a_;
  };
  std::optional<ticket> enter() {
    if (full()) return std::nullopt;
    ++in_use_;
    return ticket(this);
  }
  std::size_t in_use() const { return in_use_; }
  bool full() const { return in_use_ >= limit_; }

 private:
  std::size_t limit_;
  std::size_t in_use_ = 0;
};

}  // namespace souk::resilience
