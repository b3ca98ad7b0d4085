#pragma once

// The verdict: whether a store at rest keeps what Souk promises. It reads the databases and Redis
// themselves, asks no service, and knows its rules from the design alone (README.md names them).
//
//   const auto found = co_await verdict::judge(loop, ctx, where, journals, 60s);
//   if (!found.clean()) fmt::print("{}", verdict::to_text(found));

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kit/config.hpp"
#include "kit/context.hpp"
#include "kit/id.hpp"
#include "kit/service.hpp"
#include "kit/task.hpp"

namespace souk::verdict {

// Where everything lies: libpq URIs, and Redis as redis://...
struct stores {
  std::string product, order, payment, inventory, mock_gateway;
  std::string redis;
};
// From DATABASE_URL_PRODUCT, _ORDER, _PAYMENT, _INVENTORY, _MOCK_GATEWAY and REDIS_URL.
stores stores_of(environment& env);

struct violation {
  std::string check;    // one of all_checks()
  std::string subject;  // "order 0190...", "product ...", "shopper ...", "shopper ... key ..."
  std::string detail;   // what is wrong, with both sides' figures
  std::optional<uuid> order;  // for history()
  bool operator==(const violation&) const = default;
};
BOOST_DESCRIBE_STRUCT(violation, (), (check, subject, detail, order))

struct figures {
  std::int64_t orders = 0, confirmed = 0, rejected = 0, cancelled = 0, unfinished = 0;
  std::int64_t needs_attention = 0;
  std::int64_t checkouts_tried = 0, checkouts_acknowledged = 0;  // by key; from the journals
  std::int64_t captures = 0;                                     // at the gateway
  std::int64_t units_sold = 0;                                   // and not restocked
  std::int64_t events = 0;
  std::int64_t timelines_read = 0;
  std::int64_t carts = 0;          // compared with the journals
  std::int64_t carts_unclear = 0;  // lines of which too much is unknown to judge them
};
BOOST_DESCRIBE_STRUCT(figures, (),
                      (orders, confirmed, rejected, cancelled, unfinished, needs_attention,
                       checkouts_tried, checkouts_acknowledged, captures, units_sold, events,
                       timelines_read, carts, carts_unclear))

// The history of one subject from all services, the gateway and the journals.
struct history_of_subject {
  std::string subject, text;
};
BOOST_DESCRIBE_STRUCT(history_of_subject, (), (subject, text))

struct report {
  figures counted;
  std::vector<violation> violations;  // the first max_violations
  std::int64_t violations_total = 0;
  std::vector<history_of_subject> histories;  // of the first max_histories subjects
  bool clean() const { return violations_total == 0; }
};
BOOST_DESCRIBE_STRUCT(report, (), (counted, violations, violations_total, histories))
inline constexpr std::size_t max_violations = 1'000;
inline constexpr std::size_t max_histories = 25;

// There is no verdict: a store can't be reached or is being used, a journal is malformed.
struct could_not_judge : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Waits until nothing is unfinished, at most `settle`; what is unfinished then is a violation. Each
// database is read in one snapshot; nobody should be buying meanwhile. Throws could_not_judge.
task<report> judge(event_loop& loop, const context& ctx, const stores& where,
                   std::span<const std::filesystem::path> journals, std::chrono::seconds settle);

// What all services, the gateway and Redis hold of an order, in readable lines.
task<std::string> history(event_loop& loop, const context& ctx, const stores& where, uuid order);

// Every violation with its histories, and the line of figures at the end.
std::string to_text(const report& r);
// One line: "orders 100, confirmed 80, ..., violations 0".
std::string figures_line(const report& r);

struct check {
  std::string_view name, promise;
};
std::span<const check> all_checks();

}  // namespace souk::verdict
