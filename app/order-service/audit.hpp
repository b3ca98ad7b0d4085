#pragma once

// GET /audit: do the books balance? Order by order, never by sums only.
//
// In ranges of order ids: reads the orders, then what inventory, payment (with the gateway's
// record) and cart have of them, then the orders' versions again. An order that has not changed
// meanwhile is judged (books.hpp); one that has is tried again, and counted as in flight if it
// never stands still. Not even then are the others' books of one moment: a step may be under way
// at its callee. So what looks wrong is read again, too, and is a violation if it does so in two
// passes running, the last one among them, without the order having changed. Besides, each service
// checks its own database in one snapshot. Orders in flight for more than ten minutes are
// violations, and so is everything that no order stands behind.

#include <string>
#include <unordered_map>
#include <vector>

#include "books.hpp"
#include "kit/service.hpp"
#include "partners.hpp"
#include "repository.hpp"

namespace souk::order {

struct audit_violation {
  std::optional<uuid> order_id;
  std::string rule;
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(audit_violation, (), (order_id, rule, detail))

struct audit_result {
  bool balanced = false;
  std::int64_t checked_orders = 0;
  std::int64_t in_flight = 0;
  std::vector<audit_violation> violations;  // the first 1000
  std::int64_t violations_total = 0;
  timestamp started_at{}, finished_at{};
};
BOOST_DESCRIBE_STRUCT(audit_result, (),
                      (balanced, checked_orders, in_flight, violations, violations_total,
                       started_at, finished_at))

class audit {
 public:
  audit(event_loop& loop, repository& orders, partners& others)
      : loop_(loop), orders_(orders), partners_(others), ended_(loop.executor()) {}

  // Throws when a book cannot be read: no answer is no proof. One runs at a time; others wait.
  task<audit_result> compare(const context& ctx);

  // Compares again and again, for the metrics. For ever.
  task<> run(std::chrono::milliseconds every);

 private:
  struct range {
    uuid after, through;
  };
  task<audit_result> compare_all(const context& ctx);
  task<> compare_range(const context& ctx, std::vector<order_record> orders, range r,
                       audit_result& out);
  task<std::unordered_map<uuid, beside>> read_books(const context& ctx, range r);
  task<> ask_for_checks(const context& ctx, std::string_view service, audit_result& out);
  task<> compare_opening_stock(const context& ctx, audit_result& out);

  event_loop& loop_;
  repository& orders_;
  partners& partners_;
  bool running_ = false;
  signal ended_;
};

}  // namespace souk::order
