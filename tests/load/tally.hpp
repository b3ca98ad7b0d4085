#pragma once

// What became of all that was asked, by kind of action.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/json.hpp"
#include "load/histogram.hpp"

namespace souk::load {

enum class action {
  session,
  list,
  search,
  suggest,
  product,
  categories,
  stock,
  cart,
  add,
  set,
  remove,
  clear,
  card,
  checkout,
  order,
  orders,
  cancel,
  events,
  sign_in,
  low_stock,
  delivery,
  ship,
  deliver,
  refund,
};
inline constexpr std::size_t action_count = static_cast<std::size_t>(action::refund) + 1;
std::string_view name_of(action a);

// One kind of action. Times run from when the request was meant to be sent, so that a generator or
// a store that is late does not look fast. They are those of answers, whatever the answer, and of
// requests that were given up after waiting.
struct action_figures {
  std::string action;
  std::int64_t count = 0;      // requests
  std::int64_t succeeded = 0;  // 2xx
  std::int64_t refused = 0;    // other answers
  std::int64_t lost = 0;       // no answer
  double p50_ms = 0, p90_ms = 0, p99_ms = 0, p99_9_ms = 0, max_ms = 0;
  // "402 payment-declined" or "time over" -> how often
  std::map<std::string, std::int64_t> refusals, losses;
};
BOOST_DESCRIBE_STRUCT(action_figures, (),
                      (action, count, succeeded, refused, lost, p50_ms, p90_ms, p99_ms, p99_9_ms,
                       max_ms, refusals, losses))

class tally {
 public:
  // `problem`: the last part of the problem's type, or empty. `took`: nothing if it says nothing
  // about the store.
  void answered(action a, int status, std::string_view problem,
                std::optional<std::chrono::microseconds> took);
  // `waited`: it was given up; otherwise the connection failed. `why` is `left` of shoppers who
  // went away on purpose, which is no failure of the store's.
  static constexpr std::string_view left = "left";
  void lost(action a, const std::string& why, std::chrono::microseconds took, bool waited);
  // What is no request of its own, e.g. a whole checkout with its repeats.
  void timed(std::string_view what, std::chrono::microseconds took);

  // Since the last call: for the live line.
  struct interval {
    std::int64_t count = 0;
    std::int64_t failed = 0;  // lost (not left), 5xx, 429: not what a store should do
    histogram times;
  };
  interval take_interval();

  std::int64_t count() const;
  std::vector<action_figures> by_action() const;    // those that happened
  std::vector<action_figures> other_times() const;  // of timed()

 private:
  struct row {
    std::int64_t succeeded = 0, refused = 0, lost = 0;
    histogram times;
    std::map<std::string, std::int64_t> refusals, losses;
  };
  static action_figures figures_of(std::string_view name, const row& r);
  row& of(action a) { return rows_[static_cast<std::size_t>(a)]; }

  std::array<row, action_count> rows_;
  std::vector<std::pair<std::string, row>> others_;
  interval interval_;
};

// Both kinds of rows as a table with a heading, and what was refused and lost below.
std::string to_table(const std::vector<action_figures>& actions,
                     const std::vector<action_figures>& others);
// "850 us", "3.1 ms", "12 s": three digits at most.
std::string short_time(double ms);

}  // namespace souk::load
