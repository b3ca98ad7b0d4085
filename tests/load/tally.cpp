#include "load/tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace souk::load {
namespace {

constexpr std::array<std::string_view, action_count> names{
    "session", "list",   "search",  "suggest",   "product",  "categories", "stock",   "cart",
    "add",     "set",    "remove",  "clear",     "card",     "checkout",   "order",   "orders",
    "cancel",  "events", "sign-in", "low stock", "delivery", "ship",       "deliver", "refund"};

// Whoever keeps answering with ever new reasons does not fill our memory.
constexpr std::size_t most_reasons = 50;

void count_reason(std::map<std::string, std::int64_t>& reasons, const std::string& reason) {
  if (reasons.size() >= most_reasons && !reasons.contains(reason)) {
    ++reasons["others"];
  } else {
    ++reasons[reason];
  }
}

double in_ms(std::chrono::microseconds t) {
  return static_cast<double>(t.count()) / 1000;
}

void append_row(std::string& out, const action_figures& f) {
  fmt::format_to(std::back_inserter(out),
                 "{:<16}{:>9}{:>9}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}\n", f.action, f.count,
                 f.succeeded, f.refused, f.lost, short_time(f.p50_ms), short_time(f.p90_ms),
                 short_time(f.p99_ms), short_time(f.p99_9_ms), short_time(f.max_ms));
}

void append_reasons(std::string& out, const action_figures& f, std::string_view what,
                    const std::map<std::string, std::int64_t>& reasons) {
  if (reasons.empty()) return;
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& [reason, times] : reasons) sorted.emplace_back(-times, reason);
  std::ranges::sort(sorted);
  fmt::format_to(std::back_inserter(out), "{} {}:", f.action, what);
  std::string_view separator = " ";
  for (const auto& [times, reason] : sorted) {
    fmt::format_to(std::back_inserter(out), "{}{} {}", separator, reason, -times);
    separator = ", ";
  }
  out += '\n';
}

}  // namespace

std::string_view name_of(action a) {
  return names[static_cast<std::size_t>(a)];
}

void tally::answered(action a, int status, std::string_view problem,
                     std::optional<std::chrono::microseconds> took) {
  row& r = of(a);
  if (status >= 200 && status < 300) {
    ++r.succeeded;
  } else {
    ++r.refused;
    count_reason(r.refusals, problem.empty() ? fmt::format("{}", status)
                                             : fmt::format("{} {}", status, problem));
  }
  ++interval_.count;
  if (status >= 500 || status == 429) ++interval_.failed;
  if (!took) return;
  r.times.record(*took);
  interval_.times.record(*took);
}

void tally::lost(action a, const std::string& why, std::chrono::microseconds took, bool waited) {
  row& r = of(a);
  ++r.lost;
  count_reason(r.losses, why);
  ++interval_.count;
  if (why != left) ++interval_.failed;
  if (!waited) return;
  r.times.record(took);
  interval_.times.record(took);
}

void tally::timed(std::string_view what, std::chrono::microseconds took) {
  auto found =
      std::ranges::find(others_, what, [](const auto& r) -> const std::string& { return r.first; });
  if (found == others_.end()) {
    others_.emplace_back(what, row{});
    found = std::prev(others_.end());
  }
  ++found->second.succeeded;
  found->second.times.record(took);
}

tally::interval tally::take_interval() {
  return std::exchange(interval_, interval{});
}

std::int64_t tally::count() const {
  std::int64_t sum = 0;
  for (const auto& r : rows_) sum += r.succeeded + r.refused + r.lost;
  return sum;
}

action_figures tally::figures_of(std::string_view name, const row& r) {
  return {.action = std::string(name),
          .count = r.succeeded + r.refused + r.lost,
          .succeeded = r.succeeded,
          .refused = r.refused,
          .lost = r.lost,
          .p50_ms = in_ms(r.times.percentile(50)),
          .p90_ms = in_ms(r.times.percentile(90)),
          .p99_ms = in_ms(r.times.percentile(99)),
          .p99_9_ms = in_ms(r.times.percentile(99.9)),
          .max_ms = in_ms(r.times.max()),
          .refusals = r.refusals,
          .losses = r.losses};
}

std::vector<action_figures> tally::by_action() const {
  std::vector<action_figures> out;
  for (std::size_t i = 0; i < action_count; ++i) {
    auto f = figures_of(names[i], rows_[i]);
    if (f.count > 0) out.push_back(std::move(f));
  }
  return out;
}

std::vector<action_figures> tally::other_times() const {
  std::vector<action_figures> out;
  for (const auto& [name, r] : others_) out.push_back(figures_of(name, r));
  return out;
}

std::string short_time(double ms) {
  if (ms < 1) return fmt::format("{:.0f} us", ms * 1000);
  if (ms < 9.95) return fmt::format("{:.1f} ms", ms);
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  if (ms < 9'950) return fmt::format("{:.1f} s", ms / 1000);
  return fmt::format("{:.0f} s", ms / 1000);
}

std::string to_table(const std::vector<action_figures>& actions,
                     const std::vector<action_figures>& others) {
  std::string out =
      fmt::format("{:<16}{:>9}{:>9}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "action", "count",
                  "2xx", "refused", "lost", "p50", "p90", "p99", "p99.9", "max");
  for (const auto& f : actions) append_row(out, f);
  for (const auto& f : others) {
    fmt::format_to(std::back_inserter(out),
                   "{:<16}{:>9}{:>9}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}\n", f.action, f.count,
                   "", "", "", short_time(f.p50_ms), short_time(f.p90_ms), short_time(f.p99_ms),
                   short_time(f.p99_9_ms), short_time(f.max_ms));
  }
  for (const auto& f : actions) {
    append_reasons(out, f, "refused", f.refusals);
    append_reasons(out, f, "lost", f.losses);
  }
  return out;
}

}  // namespace souk::load
