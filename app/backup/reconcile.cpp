#include "reconcile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "database.hpp"
#include "judging.hpp"
#include "kit/http_client.hpp"
#include "kit/service.hpp"

namespace souk::backup {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t page_size = 500;

struct gateway_page {
  std::vector<gateway_sums> items;
};
BOOST_DESCRIBE_STRUCT(gateway_page, (), (items))

struct gateway_refund {
  uuid refund_reference;
  minor_units amount_minor = 0;
  std::string outcome;
};
BOOST_DESCRIBE_STRUCT(gateway_refund, (), (refund_reference, amount_minor, outcome))

struct gateway_record {
  uuid reference;
  std::optional<uuid> merchant_order;
  std::string state;
  std::optional<std::string> currency, brand, last4;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  std::vector<gateway_refund> refunds;
  timestamp created_at;
};
BOOST_DESCRIBE_STRUCT(gateway_record, (),
                      (reference, merchant_order, state, currency, brand, last4, authorized_minor,
                       captured_minor, voided_minor, refunded_minor, refunds, created_at))

struct difference {
  gateway_sums gateway;
  std::optional<known_order> order;
  std::optional<known_payment> payment;
  remedy what = remedy::none;
};

std::string number(minor_units n) {
  return std::to_string(n);
}

// As an array for $1::uuid[].
std::string array_of(const std::vector<gateway_sums>& page) {
  std::string out = "{";
  for (const auto& g : page) out += (out.size() > 1 ? "," : "") + g.merchant_order.str();
  return out + "}";
}

class reconciler {
 public:
  reconciler(event_loop& loop, const addresses& where, bool settle)
      : loop_(loop),
        gateway_(loop, {.name = "gateway",
                        .url = where.gateway_url,
                        .headers = {{"Authorization", "Bearer " + where.gateway_key}}}),
        orders_(where.service.at("order"), "order"),
        payments_(where.service.at("payment"), "payment"),
        currency_(where.currency),
        settle_(settle) {}

  task<reconcile_result> run(std::chrono::seconds patience) {
    const auto end = steady_clock::now() + patience;
    auto found = co_await look_at_all();
    for (;;) {
      bool waits = false;
      for (const auto& d : found) {
        if (settle_ && (d.what == remedy::take_over || d.what == remedy::learn_refunds)) {
          co_await remedy_it(d);
          waits = true;
        }
        waits |= d.what == remedy::wait;
      }
      if (!waits || steady_clock::now() > end) break;
      co_await sleep_for(500ms);
      std::vector<difference> still;
      for (auto& d : found) {
        if (auto now = co_await look_again(d.gateway.merchant_order)) {
          still.push_back(std::move(*now));
        }
      }
      found = std::move(still);
    }
    for (const auto& d : found) co_await say_what_is_left(d);
    result_.left = static_cast<std::int64_t>(found.size());
    co_return result_;
  }

 private:
  template <class T>
  task<T> ask(std::string path) {
    const auto ctx = context::background(loop_.service_name(), 30s);
    auto got = co_await gateway_.call_for<T>(ctx, http::get(std::move(path)).within(10s));
    if (!got) {
      throw std::runtime_error(fmt::format("the payment gateway refuses: {} {}", got.error().status,
                                           got.error().detail));
    }
    co_return std::move(*got);
  }

  task<std::vector<difference>> look_at_all() {
    std::vector<difference> all;
    uuid after{};
    for (;;) {
      // The gateway first: an order is stored before it is charged.
      auto page = co_await ask<gateway_page>(
          fmt::format("/v1/records?after={}&limit={}", after.str(), page_size));
      for (auto& d : compare(page.items)) all.push_back(std::move(d));
      if (page.items.size() < page_size) break;
      after = page.items.back().merchant_order;
    }
    co_return all;
  }

  task<std::optional<difference>> look_again(uuid order) {
    uuid before = order;
    for (std::size_t i = before.bytes.size(); i-- > 0;) {
      if (before.bytes[i]-- != 0) break;
    }
    auto page = co_await ask<gateway_page>(
        fmt::format("/v1/records?after={}&through={}&limit=1", before.str(), order.str()));
    auto found = compare(page.items);
    if (found.empty()) co_return std::nullopt;
    co_return std::move(found.front());
  }

  std::vector<difference> compare(const std::vector<gateway_sums>& page) {
    std::unordered_map<std::string, known_order> orders;
    for (const auto& r : orders_.execute("SELECT id, state, unfinished_since IS NULL FROM orders "
                                         "WHERE id = ANY ($1::uuid[])",
                                         {array_of(page)})) {
      orders[*r[0]] = {.state = *r[1], .at_rest = *r[2] == "t"};
    }
    std::unordered_map<std::string, known_payment> payments;
    for (const auto& r : payments_.execute(
             "SELECT order_id, state, coalesce(reason, ''), "
             "NOT unsettled AND refund_pending_minor = 0, captured_minor, refunded_minor "
             "FROM payments WHERE order_id = ANY ($1::uuid[])",
             {array_of(page)})) {
      payments[*r[0]] = {.state = *r[1],
                         .reason = *r[2],
                         .settled = *r[3] == "t",
                         .captured_minor = std::stoll(*r[4]),
                         .refunded_minor = std::stoll(*r[5])};
    }
    std::vector<difference> out;
    for (const auto& g : page) {
      difference d{.gateway = g};
      const auto id = g.merchant_order.str();
      if (const auto o = orders.find(id); o != orders.end()) d.order = o->second;
      if (const auto p = payments.find(id); p != payments.end()) d.payment = p->second;
      d.what = judge(g, d.order, d.payment);
      if (d.what != remedy::none) out.push_back(std::move(d));
    }
    return out;
  }

  task<> remedy_it(const difference& d) {
    const auto record =
        co_await ask<gateway_record>("/v1/records/" + d.gateway.references.front().str());
    if (d.what == remedy::take_over) {
      take_over(d, record);
    } else {
      learn_refunds(d, record);
    }
  }

  void take_over(const difference& d, const gateway_record& g) {
    const auto order = d.gateway.merchant_order.str();
    const auto payment = g.reference.str();
    const bool captured = g.captured_minor > 0;
    const auto left = g.captured_minor - g.refunded_minor;
    const auto* state = captured ? "captured" : g.state == "authorized" ? "voiding" : "voided";
    const auto user = orders_.execute("SELECT user_id FROM orders WHERE id = $1", {order});
    transaction work(payments_);
    const auto made = payments_.execute(
        R"(
      INSERT INTO payments (id, order_id, user_id, state, reason, amount_minor, currency,
                            captured_minor, refunded_minor, refund_pending_minor, brand, last4)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
      ON CONFLICT (id) DO UPDATE
        SET state = $4, reason = $5, captured_minor = $8, refunded_minor = $9,
            refund_pending_minor = $10, tries = 0, next_attempt_at = '-infinity',
            lease_until = NULL, version = payments.version + 1, updated_at = now()
        WHERE payments.state IN ('voided', 'declined') AND payments.order_id = $2
          AND payments.amount_minor = $6 AND payments.reason IS DISTINCT FROM $5
      RETURNING 1)",
        {payment, order, user.empty() ? "" : user[0][0], state, reconciled,
         number(g.authorized_minor), g.currency.value_or(currency_), number(g.captured_minor),
         number(g.refunded_minor), number(left), g.brand, g.last4});
    if (made.empty()) return;
    for (const auto& r : g.refunds) {
      if (r.outcome == "refunded")
        add_refund(r.refund_reference, payment, "refunded", r.amount_minor);
    }
    if (left > 0) add_refund(uuid::derived(reconciled, payment), payment, "refunding", left);
    work.commit();
    ++result_.settled;
    const auto became = left > 0   ? fmt::format("{} {} are being paid back", left, currency_)
                        : captured ? "it had been paid back already"
                        : held(d.gateway) > 0 ? "the hold on the card is being released"
                                              : "nothing was left of it";
    fmt::print("order {} ({}): charge {} of {} {}, {}: {}\n", order, fate(d), payment,
               g.authorized_minor, currency_, to_rfc3339(g.created_at), became);
  }

  void add_refund(uuid id, const std::string& payment, const char* state, minor_units amount) {
    payments_.execute(
        "INSERT INTO refunds (refund_id, payment_id, state, amount_minor, reason) "
        "VALUES ($1, $2, $3, $4, $5)",
        {id.str(), payment, state, number(amount), reconciled});
  }

  // As order-service records a wish to refund; for what makes the order's money complete before it
  // was shipped, as it records a cancellation: who has all the money back shall get no parcel.
  void learn_refunds(const difference& d, const gateway_record& g) {
    const auto order = d.gateway.merchant_order.str();
    transaction work(orders_);
    const auto now = orders_.execute(
        "SELECT state, total_minor - coalesce((SELECT sum(amount_minor) FROM refunds r "
        "WHERE r.order_id = o.id AND r.state <> 'refused'), 0) FROM orders o "
        "WHERE id = $1 AND unfinished_since IS NULL FOR UPDATE OF o",
        {order});
    if (now.empty()) return;
    const bool sold = *now[0][0] == "confirmed";
    auto left = std::stoll(*now[0][1]);
    bool learnt = false;
    for (const auto& r : g.refunds) {
      if (r.outcome != "refunded") continue;
      const auto id = r.refund_reference.str();
      if (!orders_.execute("SELECT 1 FROM refunds WHERE id = $1", {id}).empty()) continue;
      if (r.amount_minor > left) return;  // it stays, for a person
      left -= r.amount_minor;
      const bool cancels = sold && left == 0;
      if (cancels && learnt) break;  // a cancellation comes last: when the others are through
      learnt = true;
      orders_.execute(R"(
        INSERT INTO refunds (id, order_id, idempotency_key, state, amount_minor, reason, lines,
                             cancellation)
        VALUES ($1, $2, CASE WHEN $4::boolean THEN NULL ELSE 'reconciled:' || $1::uuid END,
                'refunding', $3, 'reconciled', '[]', $4))",
                      {id, order, number(r.amount_minor), cancels ? "true" : "false"});
      move_order(order, cancels ? "cancel-requested" : "refund-requested", cancels);
      if (cancels) {
        orders_.execute("UPDATE orders SET state = 'refunding', step = 'refund' WHERE id = $1",
                        {order});
        move_order(order, "refunding", true);
      }
      ++result_.settled;
      fmt::print("order {} ({}): {} {} had been paid back since the backup: {}\n", order, fate(d),
                 r.amount_minor, currency_, cancels ? "cancelled" : "recorded");
    }
    work.commit();
  }

  // One event, and a worker is wanted.
  void move_order(const std::string& order, const char* type, bool cancels) {
    orders_.execute(R"(
      WITH moved AS (
        UPDATE orders SET cancel_requested = cancel_requested OR $3::boolean, due_at = now(),
                          unfinished_since = coalesce(unfinished_since, now()), attempts = 0,
                          token = token + 1, version = version + 1, updated_at = now()
        WHERE id = $1 RETURNING id, version, state, updated_at)
      INSERT INTO order_events (order_id, seq, type, state, at, detail)
      SELECT id, version, $2, state, updated_at, 'reconciled' FROM moved)",
                    {order, type, cancels ? "true" : "false"});
  }

  task<> say_what_is_left(const difference& d) {
    std::string charges;
    for (const auto& reference : d.gateway.references) {
      const auto g = co_await ask<gateway_record>("/v1/records/" + reference.str());
      charges += fmt::format(" {} ({}, {})", reference.str(), g.state, to_rfc3339(g.created_at));
    }
    const auto* advice =
        d.what == remedy::wait     ? "still under way"
        : d.what == remedy::person ? "somebody has to look"
        : d.what == remedy::take_over && held(d.gateway) == 0 && kept(d.gateway) == 0
            ? "nothing is left of it; to be recorded"
        : d.what == remedy::take_over ? "to be given back"
                                      : "refunds to be recorded";
    fmt::print(
        "order {} ({}): {} {} captured, {} on hold, {} paid back at the gateway, charge{}: {}\n",
        d.gateway.merchant_order.str(), fate(d), d.gateway.captured_minor, currency_,
        held(d.gateway), d.gateway.refunded_minor, charges, advice);
  }

  static std::string fate(const difference& d) {
    return d.order ? d.order->state + " here" : "not known here";
  }

  // Ends without changes unless it is committed.
  class transaction {
   public:
    explicit transaction(database& db) : db_(db) { db_.execute("BEGIN"); }
    ~transaction() {
      if (done_) return;
      try {
        db_.execute("ROLLBACK");
      } catch (const std::exception&) {
        // The connection is lost, and the transaction with it.
      }
    }
    transaction(const transaction&) = delete;
    void commit() {
      db_.execute("COMMIT");
      done_ = true;
    }

   private:
    database& db_;
    bool done_ = false;
  };

  event_loop& loop_;
  http::client gateway_;
  database orders_, payments_;
  std::string currency_;
  bool settle_;
  reconcile_result result_;
};

}  // namespace

reconcile_result reconcile(const addresses& where, bool settle, std::chrono::seconds patience) {
  if (where.gateway_url.empty() || where.gateway_key.empty()) {
    throw std::runtime_error("PAYMENT_GATEWAY_URL and PAYMENT_GATEWAY_KEY are needed");
  }
  event_loop loop("souk-backup");
  auto& work = loop.make<reconciler>(loop, where, settle);
  reconcile_result out;
  const auto carry_out = [](reconciler& r, std::chrono::seconds time,
                            reconcile_result& into) -> task<> { into = co_await r.run(time); };
  loop.run_until_complete(carry_out(work, patience, out));
  return out;
}

}  // namespace souk::backup
