#include "load/run.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "kit/service.hpp"
#include "kit/time.hpp"
#include "load/journal_writer.hpp"
#include "load/market.hpp"
#include "load/shopper.hpp"
#include "load/staff.hpp"
#include "load/watching.hpp"

namespace souk::load {
namespace {

using namespace std::chrono_literals;

// Followers of orders are not waited for longer than this.
constexpr auto last_look = 3s;

// Sockets of many shoppers are more than shells usually allow.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string read_password(const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!std::getline(file, password) || password.empty()) {
    throw wrong_usage("cannot read a password from " + path);
  }
  return password;
}

double seconds_of(steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

// The live line: on a terminal each second over the last one, otherwise a line each ten seconds.
class live_line {
 public:
  explicit live_line(bool wanted)
      : wanted_(wanted), terminal_(::isatty(STDERR_FILENO) != 0), every_(terminal_ ? 1s : 10s) {}

  void wait_until_due(steady_clock::time_point now) { next_ = now + every_; }
  bool due(steady_clock::time_point now) const { return wanted_ && now >= next_; }
  void show(steady_clock::time_point now, const std::string& text) {
    next_ = now + every_;
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", text, terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  // Leaves no half of a line behind.
  void end() const {
    if (wanted_ && terminal_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool wanted_, terminal_;
  steady_clock::duration every_;
  steady_clock::time_point next_{};
};

// ---------------------------------------------------------------------------------------------

task<> come_again_and_again(market& m, std::uint64_t number, steady_clock::time_point first) {
  shopper s(m, number);
  co_await pause_until(m, first);
  for (auto intended = first; m.open(); intended = steady_clock::now()) co_await s.visit(intended);
  co_await s.settle_unfinished();
}

task<> come_once(market& m, std::size_t& in_house, std::uint64_t number,
                 steady_clock::time_point intended) {
  ++in_house;
  shopper s(m, number);
  co_await s.visit(intended);
  co_await s.settle_unfinished();
  --in_house;
}

// New shoppers by the clock, whatever has become of the others.
task<> let_in(market& m, std::size_t& in_house, std::int64_t& arrived) {
  const auto began = steady_clock::now();
  for (std::uint64_t i = 0;; ++i) {
    const auto intended =
        began + std::chrono::duration_cast<steady_clock::duration>(
                    std::chrono::duration<double>(static_cast<double>(i) / m.how.rate));
    if (intended >= m.closes) co_return;
    if (intended > steady_clock::now()) {
      co_await pause_until(m, intended);
    } else {
      co_await yield_now();
    }
    if (!m.open()) co_return;
    m.store.counts().timed("arrival late", std::chrono::duration_cast<std::chrono::microseconds>(
                                               steady_clock::now() - intended));
    if (in_house >= m.how.shoppers) {
      ++m.figures.turned_away;
      continue;
    }
    ++arrived;
    m.begin("shopper", come_once(m, in_house, i, intended));
  }
}

struct outing {
  market& all;
  load::tally& counts;
  load::staff* staff;
  journal_writer* journal;
  const volatile std::sig_atomic_t& signals;
  live_line live;

  steady_clock::time_point began = steady_clock::now();
  std::optional<steady_clock::time_point> ended;  // when nobody came any more
  std::int64_t arrived = 0;
  std::size_t in_house = 0;
  bool loading = true;
};

std::string describe(outing& o, double seconds, std::int64_t bought) {
  const auto i = o.counts.take_interval();
  const auto in_ms = [](std::chrono::microseconds t) {
    return static_cast<double>(t.count()) / 1000;
  };
  const double share =
      i.count > 0 ? 100 * static_cast<double>(i.failed) / static_cast<double>(i.count) : 0;
  return fmt::format(
      "{:>4.0f} s  {:>6.0f} requests/s  {:>5.1f} % failed  p50 {:>6}  p99 {:>6}  {:>5.1f} bought/s "
      " "
      "{} shopping{}",
      seconds_of(steady_clock::now() - o.began), static_cast<double>(i.count) / seconds, share,
      short_time(in_ms(i.times.percentile(50))), short_time(in_ms(i.times.percentile(99))),
      static_cast<double>(bought) / seconds, o.all.working,
      o.loading      ? "  (waiting for the store)"
      : o.all.open() ? ""
                     : "  (closing)");
}

// Until the run ends: looks for signals, and shows how it goes.
task<> watch(outing& o) {
  auto shown = steady_clock::now();
  std::int64_t bought = 0;
  o.live.wait_until_due(shown);
  while (true) {
    co_await sleep_for(50ms);
    if (o.signals > 0) o.all.close_now();
    const auto now = steady_clock::now();
    if (!o.live.due(now)) continue;
    o.live.show(now, describe(o, seconds_of(now - shown), o.all.figures.bought - bought));
    shown = now;
    bought = o.all.figures.bought;
  }
}

// False when the run ends before the store has answered.
task<bool> learn_the_shelves(outing& o) {
  auto& m = o.all;
  chance by(static_cast<std::uint64_t>(m.how.seed));
  for (int attempt = 1; m.open(); ++attempt) {
    if (co_await m.goods.load(m.store, m.how.products)) {
      for (const auto& name : m.goods.missing()) {
        fmt::print(stderr, "souk-shoppers: {} is not sold at this store\n", name);
      }
      co_return true;
    }
    if (!m.how.products.empty() && m.goods.missing().size() == m.how.products.size()) {
      throw wrong_usage("none of the --products is sold at this store");
    }
    co_await pause_until(m, steady_clock::now() + pause_after(by, attempt, {}));
  }
  co_return false;
}

task<> go(outing& o) {
  auto& m = o.all;
  m.closes = steady_clock::now() + m.how.duration;
  m.gives_up = m.closes + m.how.give_up;
  m.loop.spawn("watch", watch(o));
  if (!co_await learn_the_shelves(o)) co_return;
  o.loading = false;
  if (o.journal) {
    m.store.write_to(*o.journal);
    o.journal->begin({.run = m.run,
                      .seed = m.how.seed,
                      .at = now(),
                      .store = m.how.store,
                      .currency = m.goods.currency()});
  }
  if (o.signals == 0) {
    o.began = steady_clock::now();
    m.closes = o.began + m.how.duration;
    m.gives_up = m.closes + m.how.give_up;
  }
  if (o.staff) o.staff->begin();
  if (m.how.rate > 0) {
    m.begin("door", let_in(m, o.in_house, o.arrived));
  } else {
    // Not all at the same moment.
    chance by(static_cast<std::uint64_t>(m.how.seed), 0, 1);
    for (std::uint64_t i = 0; i < m.how.shoppers; ++i) {
      const auto first =
          o.began + by.within(0ms, std::min<std::chrono::milliseconds>(1s, 5 * m.how.think));
      m.begin("shopper", come_again_and_again(m, i, first));
    }
  }
  while (m.open() && o.signals < 2) co_await sleep_for(20ms);
  o.ended = steady_clock::now();
  while (m.working > 0 && !m.over() && o.signals < 2) co_await m.work_ended.wait_for(50ms);
  const auto last = std::min(m.gives_up, steady_clock::now() + last_look);
  while (m.watching > 0 && steady_clock::now() < last && o.signals < 2) {
    co_await m.work_ended.wait_for(50ms);
  }
  if (m.failure) std::rethrow_exception(m.failure);
  if (o.journal) co_await o.journal->synced();
}

}  // namespace

run_report run(const options& how, const volatile std::sig_atomic_t& signals) {
  raise_file_limit();
  std::optional<std::string> password;
  if (!how.admin_password_file.empty()) password = read_password(how.admin_password_file);

  event_loop loop("souk-shoppers");
  auto& counts = loop.make<tally>();
  load::store* at = nullptr;
  try {
    // Two connections for each shopper, who may do two things at once, and some for the rest.
    at = &loop.make<load::store>(loop, how.store, 2 * how.shoppers + most_watchers + 16, counts);
  } catch (const std::invalid_argument&) {
    throw wrong_usage("--store must be http://host:port, not '" + how.store + "'");
  }
  auto& m = loop.make<market>(loop, how, *at);
  staff* people = password ? &loop.make<staff>(m, *password) : nullptr;
  // Ends before the loop that its thread posts to.
  std::unique_ptr<journal_writer> journal;
  if (!how.journal.empty()) {
    journal = std::make_unique<journal_writer>(loop.executor(), how.journal);
  }
  outing o{.all = m,
           .counts = counts,
           .staff = people,
           .journal = journal.get(),
           .signals = signals,
           .live = live_line(!how.json)};
  loop.run_until_complete(go(o));
  o.live.end();

  const double seconds = seconds_of(o.ended.value_or(steady_clock::now()) - o.began);
  run_report r{.seed = how.seed,
               .seconds = seconds,
               .requests = counts.count(),
               .visits = m.figures.visits,
               .wanted_rate = how.rate,
               .arrival_rate = static_cast<double>(o.arrived) / seconds,
               .turned_away = m.figures.turned_away,
               .checkouts = m.figures.checkouts,
               .bought = m.figures.bought,
               .turned_down = m.figures.turned_down,
               .unsettled = m.figures.checkouts - m.figures.bought - m.figures.turned_down,
               .bought_per_second = static_cast<double>(m.figures.bought) / seconds,
               .actions = counts.by_action(),
               .others = counts.other_times()};
  if (journal) {
    const auto f = journal->so_far();
    const auto in_ms = [](std::chrono::microseconds t) {
      return static_cast<double>(t.count()) / 1000;
    };
    r.journal_records = f.records;
    r.journal_syncs = f.syncs;
    r.journal_bytes = f.bytes;
    r.sync_p50_ms = in_ms(f.sync_times.percentile(50));
    r.sync_p99_ms = in_ms(f.sync_times.percentile(99));
  }
  return r;
}

std::string to_text(const run_report& r) {
  std::string out = to_table(r.actions, r.others);
  out += fmt::format("\nseed {}: {} requests in {:.1f} s ({:.0f} a second), {} visits\n", r.seed,
                     r.requests, r.seconds, static_cast<double>(r.requests) / r.seconds, r.visits);
  if (r.wanted_rate > 0) {
    out +=
        fmt::format("arrivals: {:.2f} a second of {:g} wanted; {} turned away for want of room\n",
                    r.arrival_rate, r.wanted_rate, r.turned_away);
  }
  out += fmt::format(
      "checkouts: {}, of which {} bought ({:.1f} a second), {} turned down, {} unsettled\n",
      r.checkouts, r.bought, r.bought_per_second, r.turned_down, r.unsettled);
  if (r.journal_records > 0) {
    out += fmt::format("journal: {} records, {} bytes, {} syncs of {} (p50) and {} (p99)\n",
                       r.journal_records, r.journal_bytes, r.journal_syncs,
                       short_time(r.sync_p50_ms), short_time(r.sync_p99_ms));
  }
  return out;
}

}  // namespace souk::load
