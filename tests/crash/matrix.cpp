#include "matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "calls.hpp"

namespace souk::crash {

namespace {

// A step of the saga: the call, who is asked, and the statements by which it changes its mind.
struct saga_step {
  std::string_view call;
  std::string_view callee, request;
  std::vector<std::string_view> commits;
};

const saga_step steps[] = {
    {"inventory.POST.reservations", "inventory-service", "POST.reservations", {"take_stock"}},
    {"payment.POST.payments.process",
     "payment-service",
     "POST.payments.process",
     {"open_payment", "settle_payment"}},
    {"inventory.POST.reservations.ID.commit",
     "inventory-service",
     "POST.reservations.ID.commit",
     {"settle_held"}},
    {"payment.POST.payments.ID.capture",
     "payment-service",
     "POST.payments.ID.capture",
     {"begin_operation", "settle_payment"}},
    {"cart.POST.cart.ID.ordered", "cart-service", "POST.cart.ID.ordered", {}},
    {"payment.POST.payments.ID.void",
     "payment-service",
     "POST.payments.ID.void",
     {"begin_operation", "settle_payment"}},
    {"inventory.POST.reservations.ID.release",
     "inventory-service",
     "POST.reservations.ID.release",
     {"settle_held", "insert_released"}},
    {"inventory.POST.reservations.ID.return",
     "inventory-service",
     "POST.reservations.ID.return",
     {"give_back_lines"}},
    {"payment.POST.payments.ID.refund",
     "payment-service",
     "POST.payments.ID.refund",
     {"set_aside", "settle_refund"}},
};

const saga_step gateway_calls[] = {
    {"gateway.POST.v1.authorizations", "mock-gateway", "POST.v1.authorizations", {"insert_charge"}},
    {"gateway.POST.v1.authorizations.ID.capture",
     "mock-gateway",
     "POST.v1.authorizations.ID.capture",
     {"capture_charge"}},
    {"gateway.POST.v1.authorizations.ID.void",
     "mock-gateway",
     "POST.v1.authorizations.ID.void",
     {"void_charge"}},
    {"gateway.POST.v1.authorizations.ID.refund",
     "mock-gateway",
     "POST.v1.authorizations.ID.refund",
     {"insert_refund"}},
};

constexpr std::string_view before_and_after[] = {"before", "after"};
constexpr std::string_view around_commit[] = {"before", "sent", "after"};

// How much sooner than others a case comes into a run that has not time for all.
double weight(const test_case& c) {
  if (c.at.kind() == "sql" || c.at.what().contains("GET.")) return 1;
  return 4;
}

// Those that need programs of another kind are run one after the other.
int group_of(const test_case& c) {
  switch (c.what) {
    case blow::crash:
    case blow::twice:
    case blow::again:
      return 0;
    case blow::lose:
      return 1;
    case blow::stop:
    case blow::lease:
      return 2;
  }
  return 0;
}
constexpr double shares[] = {0.7, 0.1, 0.2};  // of the time, of these groups

}  // namespace

matrix make_matrix(runner& r, std::string_view only_scenario) {
  matrix m;
  for (const auto& of : scenarios()) {
    if (!only_scenario.empty() && of.name != only_scenario) continue;
    const auto& trail = m.trails[std::string(of.name)] = r.record(of);
    const auto cases = cases_of(of, trail);
    m.cases.insert(m.cases.end(), cases.begin(), cases.end());
  }
  return m;
}

std::vector<std::string> gaps(const matrix& m) {
  std::set<std::pair<std::string, std::string>> crashed, lost, stopped, repeated;
  for (const auto& c : m.cases) {
    auto& in = c.what == blow::lose    ? lost
               : c.what == blow::stop  ? stopped
               : c.what == blow::again ? repeated
                                       : crashed;
    if (c.what != blow::twice && c.what != blow::lease) in.emplace(c.at.program, c.at.point);
  }
  std::vector<std::string> missing;
  const auto need = [&](const auto& in, std::string_view what, std::string_view program,
                        const std::string& point) {
    if (in.contains({std::string(program), point})) return;
    missing.push_back(fmt::format("{}: {}/{}", what, program, point));
  };
  const auto need_commit = [&](std::string_view program, std::string_view statement) {
    for (const auto when : around_commit) {
      need(crashed, "crash", program, fmt::format("commit:{}:{}", statement, when));
    }
    need(lost, "lose", program, fmt::format("commit:{}:before", statement));
  };
  const auto need_call = [&](std::string_view caller, const saga_step& s) {
    for (const auto when : before_and_after) {
      need(crashed, "crash", caller, fmt::format("call:{}:{}", s.call, when));
      need(crashed, "crash", s.callee, fmt::format("request:{}:{}", s.request, when));
      if (caller == "order-service") {
        need(stopped, "stop", caller, fmt::format("call:{}:{}", s.call, when));
      }
    }
    need(repeated, "again", caller, fmt::format("call:{}:before", s.call));
    for (const auto statement : s.commits) need_commit(s.callee, statement);
  };
  for (const auto& s : steps) need_call("order-service", s);
  for (const auto& s : gateway_calls) need_call("payment-service", s);
  for (const auto* statement :
       {"place_order", "save_move", "save_refund_move", "save_cancellation_move", "wish_to_cancel",
        "wish_to_refund", "mark_order"}) {
    need_commit("order-service", statement);
  }
  for (const auto* script : {"add_to_cart", "take_ordered_lines"}) {
    for (const auto when : before_and_after) {
      need(crashed, "crash", "cart-service", fmt::format("redis:{}:{}", script, when));
    }
  }
  need_commit("product-service", "mark_stock_messages_sent");
  need_commit("inventory-service", "store_adjustment");
  return missing;
}

std::uint64_t seed_of_today() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::days>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

std::string figures::text(std::uint64_t seed) const {
  return fmt::format(
      "crash points: {} cases, {} run in {:.1f} s with seed {}, {} failed, {} not reached", cases,
      run, std::chrono::duration<double>(took).count(), seed, failed, not_reached);
}

figures run_cases(store& s, const std::vector<test_case>& cases, std::uint64_t seed,
                  std::chrono::steady_clock::duration limit,
                  const std::function<void(const result&)>& done) {
  // A weighted order: whoever draws the smallest number comes first.
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit(1e-9, 1);
  std::array<std::vector<std::pair<double, const test_case*>>, std::size(shares)> groups;
  for (const auto& c : cases) {
    groups[static_cast<std::size_t>(group_of(c))].emplace_back(-std::log(unit(random)) / weight(c),
                                                               &c);
  }
  figures f{.cases = cases.size()};
  runner r(s, [&](const result& one) {
    ++f.run;
    f.failed += one.is.failed();
    f.not_reached += !one.is.failed() && !one.is.reached;
    done(one);
  });
  const auto began = steady::now();
  double share = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    share += shares[i];
    const auto until = began + (limit == steady::duration::max()
                                    ? std::chrono::hours(1000)
                                    : std::chrono::duration_cast<steady::duration>(limit * share));
    std::ranges::sort(groups[i]);
    for (const auto& [_, c] : groups[i]) {
      if (steady::now() >= until) break;
      r.run(*c);
    }
    r.judge();
  }
  f.took = std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - began);
  return f;
}

}  // namespace souk::crash
