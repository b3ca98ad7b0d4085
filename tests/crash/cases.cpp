#include "cases.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <stdexcept>
#include <thread>

#include "calls.hpp"
#include "kit/testing/run.hpp"

namespace souk::crash {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t judged_together = 8;
// For what others do meanwhile: more than the 10 s after which PostgreSQL ends a transaction that a
// stopped process has left open.
constexpr auto patience = 20s;
constexpr auto late_call_takes = 80ms;
constexpr auto now_and_then = 150ms;
constexpr auto stop_takes = 10ms;

constexpr std::string_view taken_up_again = "sql:find_leased_orders:after";

struct suffix {
  blow of;
  std::string_view text;
};
constexpr suffix suffixes[] = {{blow::crash, ""},     {blow::twice, "@twice"},
                               {blow::stop, "@stop"}, {blow::lease, "@lease"},
                               {blow::lose, "@lose"}, {blow::again, "@again"}};

bool has_second(blow what) {
  return what == blow::stop || what == blow::lease;
}

bool is_held(const scenario& of, const pass& at) {
  return std::ranges::any_of(
      of.holds, [&](const hold& h) { return h.program == at.program && h.point == at.point; });
}

bool holds_program(const scenario& of, std::string_view program) {
  return std::ranges::any_of(of.holds, [&](const hold& h) { return h.program == program; });
}

// The words that make `word` happen at the n-th pass of a point, where the scenario may hold the
// program at its first. What happens at the first pass moves the hold to the next.
std::string words_for(bool held, const std::string& word, int n) {
  if (!held) return n > 1 ? fmt::format("skip {} {}", n - 1, word) : word;
  if (n == 1) return word + " stop";
  return n > 2 ? fmt::format("stop skip {} {}", n - 2, word) : "stop " + word;
}

void arm_holds(fault_folder& faults, const scenario& of) {
  for (const auto& h : of.holds) faults.arm(h.program, h.point, "stop");
}

void arm(fault_folder& faults, const scenario& of, const test_case& c) {
  const bool stops = has_second(c.what) || c.what == blow::lose;
  const std::string word = stops ? "stop" : c.what == blow::twice ? "crash crash" : "crash";
  faults.arm(c.at.program, c.at.point, words_for(is_held(of, c.at), word, c.at.n));
  if (c.what == blow::twice && c.at.program == "order-service") {
    faults.arm(c.at.program, taken_up_again, "crash");
  }
}

// Does something in a thread of its own when the program has stopped itself at the point.
class bystander {
 public:
  bystander(store& s, const pass& at, std::function<void()> act)
      : thread_([this, &s, at, act = std::move(act)](std::stop_token over) {
          while (!over.stop_requested() && !s.is_stopped_at(at.program, at.point)) {
            std::this_thread::sleep_for(1ms);
          }
          if (over.stop_requested()) return;
          begun_ = true;
          try {
            act();
            acted_ = true;
          } catch (const std::exception& e) {
            trouble_ = e.what();
          }
          // It may have gone on already, and be held by the scenario elsewhere.
          if (s.is_stopped_at(at.program, at.point)) s.program(at.program).go_on();
        }) {}

  bool has_begun() const { return begun_; }
  // Waits for the end of it, if it has begun. Throws what it threw.
  bool has_acted() {
    thread_.request_stop();
    thread_.join();
    if (!trouble_.empty()) throw stuck(trouble_);
    return acted_;
  }

 private:
  std::atomic<bool> begun_ = false;
  bool acted_ = false;
  std::string trouble_;
  std::jthread thread_;  // the last: it begins at once
};

void wait_until(std::string_view what, const std::function<bool()>& holds) {
  for (const auto end = steady::now() + patience; !holds();) {
    if (steady::now() > end) throw stuck(std::string(what));
    std::this_thread::sleep_for(2ms);
  }
}

void let_second_take_over(store& s, bool by_all_clocks) {
  const auto unfinished = [&s] {
    return s.data("order").cell(
        "SELECT count(*) FROM orders WHERE unfinished_since IS NOT NULL AND due_at > now()");
  };
  if (by_all_clocks) {
    std::this_thread::sleep_for(order_lease + 50ms);
  } else if (unfinished() != "0") {
    s.end_order_leases();
  }
  wait_until("the second order-service to end the order", [&s] { return s.is_quiet(); });
}

// Execute, of the extended protocol: every statement's last message but Sync.
const std::string execute_message("E\0\0\0\x09\0\0\0\0\0", 10);

void lose_answer(store& s, const std::string& program) {
  auto& proxy = s.proxy_of(program);
  proxy.lose_answer(execute_message);
  s.program(program).go_on();
  wait_until("the lost answer", [&proxy] { return proxy.has_struck(); });
  // The attempt ends with it; its lease would, too, in time.
  std::this_thread::sleep_for(100ms);
  s.end_payment_leases();
  s.end_message_leases();
}

std::string history_of(store& s, uuid user) {
  std::string text;
  for (const auto& row : s.data("order").rows(
           fmt::format("SELECT id FROM orders WHERE user_id = '{}'", user.str()))) {
    try {
      testing::run([&](event_loop& loop, const context& ctx) -> task<> {
        text += co_await verdict::history(loop, ctx, s.addresses(), *uuid::parse(row.front()));
      });
    } catch (const std::exception& e) {
      text += fmt::format("no history of order {}: {}\n", row.front(), e.what());
    }
  }
  return text;
}

void look(store& s, const scenario& of, stage& on, outcome& o) {
  o.expected = of.end;
  o.seen = of.see(on);
  if (o.seen != o.expected) o.findings.push_back("it has not ended as it must");
  for (const auto& n : on.notes()) o.findings.push_back("a client saw: " + n);
  for (const auto& f : s.failures()) o.findings.push_back("a program has failed by itself: " + f);
}

// What order-service's worker does, which another one may go on with. Wishes are the requests' own.
bool is_workers(const pass& at) {
  return is_change(at) || (at.kind() == "commit" && !at.what().starts_with("wish_") &&
                           !at.what().starts_with("mark_"));
}

}  // namespace

std::string test_case::point_text() const {
  return at.text() + std::string(std::ranges::find(suffixes, what, &suffix::of)->text);
}

std::string test_case::arguments() const {
  return fmt::format("--scenario {} --point '{}'", scenario, point_text());
}

std::optional<test_case> parse_case(std::string_view scenario, std::string_view point) {
  if (!find_scenario(scenario)) return std::nullopt;
  const auto mark = std::min(point.find('@'), point.size());
  const auto* found = std::ranges::find(suffixes, point.substr(mark), &suffix::text);
  auto at = pass::parse(point.substr(0, mark));
  if (!at || found == std::end(suffixes)) return std::nullopt;
  return test_case{std::string(scenario), std::move(*at), found->of};
}

std::vector<test_case> cases_of(const scenario& of, const std::vector<pass>& trail) {
  std::vector<test_case> out;
  const auto add = [&](const pass& at, blow what) {
    out.push_back({std::string(of.name), at, what});
  };
  for (const auto& at : trail) {
    const bool in_saga = at.program == "order-service" && of.is_order && is_workers(at);
    const bool changes = at.kind() == "commit" || is_change(at);
    add(at, blow::crash);
    if ((in_saga || at.program == "payment-service") && changes && at.when() != "before") {
      add(at, blow::twice);
    }
    if (in_saga && at.when() != "sent" && !holds_program(of, "order-service")) {
      add(at, blow::stop);
      if (is_change(at)) add(at, blow::lease);
    }
    if (at.kind() == "commit" && at.when() == "before" && !is_held(of, at)) add(at, blow::lose);
    // What the call said is told by the order, or by product's outbox.
    const bool known = of.is_order || at.program == "product-service";
    if (known && is_change(at) && at.when() == "before" && can_repeat(at)) add(at, blow::again);
  }
  return out;
}

// -------------------------------------------------------------------------------------------------

runner::runner(store& s, std::function<void(const result&)> done, std::chrono::milliseconds limit)
    : store_(s), done_(std::move(done)), limit_(limit) {}

void runner::set_up(const test_case& c) {
  store_.use_proxies(c.what == blow::lose);
  if (has_second(c.what)) {
    store_.start_second();
  } else {
    store_.stop_second();
  }
}

void runner::play(const test_case& c, const scenario& of, stage& on, outcome& o) {
  auto& faults = store_.faults();
  of.prepare(on);
  arm_holds(faults, of);
  if (c.what == blow::again) {
    of.play(on);
    on.wait_until_quiet();
    repeat_call(on, c.at);
    o.reached = true;
    return on.wait_until_quiet();
  }
  arm(faults, of, c);
  const auto deaths = store_.program(c.at.program).deaths().count;
  std::optional<bystander> other;
  if (has_second(c.what)) {
    other.emplace(store_, c.at, [&] { let_second_take_over(store_, c.what == blow::lease); });
  } else if (c.what == blow::lose) {
    other.emplace(store_, c.at, [&] { lose_answer(store_, c.at.program); });
  }
  of.play(on);
  on.wait_until_quiet();
  const auto fallen = [&] {
    return other ? other->has_begun() : store_.program(c.at.program).deaths().count > deaths;
  };
  // What programs do now and then may come only now.
  for (const auto end = steady::now() + now_and_then; !fallen() && steady::now() < end;) {
    std::this_thread::sleep_for(5ms);
  }
  o.reached = other ? other->has_acted() : fallen();
  if (has_second(c.what)) std::this_thread::sleep_for(late_call_takes);
  on.wait_for("all to be up again", [this] { return store_.is_whole(); });
  on.wait_until_quiet();
}

void runner::run(const test_case& c, const std::function<void(stage&)>& meddle) {
  const scenario* of = find_scenario(c.scenario);
  if (!of) throw std::invalid_argument("no such scenario: " + c.scenario);
  set_up(c);
  result r{.of = c};
  auto& o = r.is;
  const auto began = steady::now();
  stage on(store_, limit_);
  try {
    play(c, *of, on, o);
  } catch (const stuck& e) {
    o.findings.push_back(fmt::format("stuck, waiting for {}", e.what()));
  } catch (const std::exception& e) {
    o.findings.push_back(fmt::format("could not be played: {}", e.what()));
  }
  store_.faults().disarm_all();
  // Nobody stands still any more, nor is about to.
  std::this_thread::sleep_for(stop_takes);
  for (const auto name : programs) store_.program(name).go_on();
  if (meddle) meddle(on);
  look(store_, *of, on, o);
  if (o.failed()) o.history = history_of(store_, on.user());
  o.took = std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - began);
  const bool failed = o.failed();
  unjudged_.push_back({std::move(r), on.user()});
  if (failed || unjudged_.size() >= judged_together) judge();
}

void runner::judge() {
  if (unjudged_.empty()) return;
  verdict::report found;
  std::string none;
  try {
    testing::run([&](event_loop& loop, const context& ctx) -> task<> {
      found = co_await verdict::judge(loop, ctx, store_.addresses(), {}, 0s);
    });
  } catch (const std::exception& e) {
    none = e.what();
  }
  bool failed = !none.empty();
  for (auto& [r, user] : unjudged_) {
    if (!none.empty()) r.is.findings.push_back("there is no verdict: " + none);
    for (const auto& v : found.violations) {
      const bool of_other =
          v.order &&
          store_.data("order")
                  .cell(fmt::format("SELECT 1 FROM orders WHERE id = '{}' AND user_id <> '{}'",
                                    v.order->str(), user.str()))
                  .size() > 0;
      if (of_other) continue;
      r.is.findings.push_back(fmt::format("verdict: {}: {}: {}", v.check, v.subject, v.detail));
    }
    failed = failed || r.is.failed();
    if (r.is.failed() && r.is.history.empty()) {
      for (const auto& h : found.histories) r.is.history += h.text;
    }
    done_(r);
  }
  unjudged_.clear();
  if (failed) {
    store_.renew();
  } else {
    store_.sweep();
  }
}

std::vector<pass> runner::record(const scenario& of) {
  judge();
  store_.use_proxies(false);
  store_.stop_second();
  outcome o;
  std::vector<pass> all;
  {
    stage on(store_, limit_);
    of.prepare(on);
    arm_holds(store_.faults(), of);
    store_.faults().start_recording();
    of.play(on);
    on.wait_until_quiet();
    all = store_.faults().stop_recording();
    store_.faults().disarm_all();
    look(store_, of, on, o);
  }
  if (o.failed()) {
    throw std::runtime_error(
        fmt::format("{} does not end as it must even if nothing happens: {}\n"
                    "expected {}\nseen     {}",
                    of.name, fmt::join(o.findings, "; "), o.expected, o.seen));
  }
  store_.sweep();
  std::set<std::pair<std::string, std::string>> idle;
  for (const auto& p : store_.passed_when_idle()) idle.emplace(p.program, p.point);
  std::erase_if(all, [&](const pass& p) { return p.n > 1 && idle.contains({p.program, p.point}); });
  return all;
}

std::string describe(const result& r) {
  std::string out = fmt::format("FAILED {} {}\n", r.of.scenario, r.of.point_text());
  for (const auto& f : r.is.findings) out += fmt::format("  {}\n", f);
  out += fmt::format("  expected: {}\n  seen:     {}\n{}", r.is.expected, r.is.seen, r.is.history);
  if (!out.ends_with('\n')) out += '\n';
  return out + fmt::format("  again: souk-crash-points {}\n", r.of.arguments());
}

}  // namespace souk::crash
