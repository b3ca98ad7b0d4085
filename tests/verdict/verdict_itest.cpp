// The verdict on a small world that is in order, and on mutants of it: in each of them one thing is
// not as it should be, and the check that is meant must say so.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "small_world.hpp"

namespace souk::verdict::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

namespace asks = load::asks;
using records = std::vector<load::journal_record>;

servers& world() {
  static servers s;
  return s;
}

report judged(const stores& where, const std::vector<std::filesystem::path>& journals,
              std::chrono::seconds settle = 0s) {
  report out;
  souk::testing::run(
      [&](event_loop& loop, const context& ctx) -> task<> {
        out = co_await judge(loop, ctx, where, journals, settle);
      },
      100s);
  return out;
}

class journal_file {
 public:
  explicit journal_file(const records& all) : path_(write_journal(all)) {}
  ~journal_file() { std::filesystem::remove(path_); }
  std::vector<std::filesystem::path> paths() const { return {path_}; }

 private:
  std::filesystem::path path_;
};

// ---------------------------------------------------------------------------------------------
// Changes of the journal.

template <class Kind>
std::pair<load::ask*, Kind*> find_ask(records& all, auto matches) {
  for (auto& r : all) {
    auto* a = std::get_if<load::ask>(&r);
    auto* k = a ? std::get_if<Kind>(&a->what) : nullptr;
    if (k && matches(*a, *k)) return {a, k};
  }
  throw std::logic_error("no such ask in the journal");
}
load::answer& answer_to(records& all, std::int64_t n) {
  for (auto& r : all) {
    auto* a = std::get_if<load::answer>(&r);
    if (a && a->to == n) return *a;
  }
  throw std::logic_error("no such answer in the journal");
}
std::pair<load::ask*, asks::checkout*> checkout_of(records& all, const std::string& order) {
  return find_ask<asks::checkout>(
      all, [&](const load::ask&, const asks::checkout& c) { return c.key == "key-" + order; });
}
load::answer& told(records& all, const std::string& order) {
  return answer_to(all, checkout_of(all, order).first->n);
}
load::answer& timeline_read(records& all, const std::string& order) {
  return answer_to(all, find_ask<asks::events>(all, [&](const load::ask&, const asks::events& e) {
                          return e.order_id == id(order);
                        }).first->n);
}
// The last look of a shopper into the cart.
load::answer& looked(records& all, const std::string& shopper) {
  std::int64_t n = 0;
  for (auto& r : all) {
    auto* a = std::get_if<load::ask>(&r);
    if (a && std::holds_alternative<asks::cart>(a->what) && a->shopper == id(shopper)) n = a->n;
  }
  return answer_to(all, n);
}
void forget_answer(records& all, std::int64_t n) {
  std::erase_if(all, [n](const load::journal_record& r) {
    const auto* a = std::get_if<load::answer>(&r);
    return a && a->to == n;
  });
}
void append(records& all, load::question what, std::optional<load::answer> said,
            const std::string& shopper = "") {
  const auto& last = std::get<load::answer>(all.back());
  const auto n = last.n;
  const auto at = last.at;
  all.push_back(load::ask{n + 1, at + 1s, shopper.empty() ? "" : id(shopper), std::move(what)});
  if (said) {
    said->n = n + 2;
    said->to = n + 1;
    said->at = at + 2s;
    all.push_back(*said);
  }
}

// ---------------------------------------------------------------------------------------------

struct mutant {
  std::string check, name;
  std::map<std::string, std::string> sql{};
  std::vector<redis_command> redis{};
  std::function<void(records&)> journal{};
};

void PrintTo(const mutant& m, std::ostream* out) {
  *out << m.check << ": " << m.name;
}

// UPDATE <table> SET <what> for the row(s) of an order.
std::string update(const std::string& table, const std::string& what, const std::string& order,
                   const std::string& column = "order_id") {
  return fmt::format("UPDATE {} SET {} WHERE {} = {};", table, what, column, literal(order));
}
std::string update_order(const std::string& what, const std::string& order) {
  return update("orders", what, order, "id");
}
std::string update_charge(const std::string& what, const std::string& order) {
  return update("charges", what, order, "merchant_order");
}
std::string event(const std::string& order, int seq, const std::string& type,
                  const std::string& state) {
  return fmt::format("INSERT INTO order_events VALUES ({}, {}, '{}', '{}', now(), NULL);",
                     literal(order), seq, type, state);
}
std::string reserve_for(const std::string& order, const std::string& state, int age_seconds) {
  return fmt::format(
      "INSERT INTO reservations (order_id, state, expires_at) VALUES ({0}, '{1}', now() - {2} * "
      "interval '1 s'); INSERT INTO reservation_lines VALUES ({0}, {3}, 1, 0);"
      "INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, order_id, actor, "
      "on_hand_after, reserved_after) SELECT product_id, 0, 1, 'reserve', {0}, 'x', on_hand, "
      "reserved + 1 FROM stock WHERE product_id = {3};"
      "UPDATE stock SET reserved = reserved + 1 WHERE product_id = {3};",
      literal(order), state, age_seconds, literal("mug"));
}
std::string charge(const std::string& order, const std::string& state, int captured, int voided) {
  return fmt::format(
      "INSERT INTO charges (reference, merchant_order, state, asked_minor, currency, "
      "authorized_minor, captured_minor, voided_minor) VALUES (gen_random_uuid(), {}, '{}', 2250, "
      "'USD', 2250, {}, {});",
      order.empty() ? "NULL" : literal(order), state, captured, voided);
}
std::string pay(const std::string& order, const std::string& state) {
  return fmt::format(
      "INSERT INTO payments (id, order_id, user_id, state, amount_minor, currency, "
      "captured_minor) VALUES (gen_random_uuid(), {}, 'x', '{}', 2250, 'USD', {});",
      literal(order), state, state == "captured" ? 2250 : 0);
}
const std::string drop_order(const std::string& order) {
  return fmt::format(
      "DELETE FROM order_events WHERE order_id = {0}; DELETE FROM order_lines WHERE order_id = "
      "{0}; DELETE FROM refunds WHERE order_id = {0}; DELETE FROM orders WHERE id = {0};",
      literal(order));
}
std::string move_stock(const std::string& product, int on_hand, int reserved,
                       const std::string& reason, const std::string& more = "") {
  return fmt::format(
      "INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, actor, "
      "on_hand_after, reserved_after{3}) SELECT product_id, {1}, {2}, '{4}', 'x', on_hand + {1}, "
      "reserved + {2}{5} FROM stock WHERE product_id = {0};"
      "UPDATE stock SET on_hand = on_hand + {1}, reserved = reserved + {2} WHERE product_id = {0};",
      literal(product), on_hand, reserved, more.empty() ? "" : ", key", reason,
      more.empty() ? "" : ", '" + more + "'");
}

std::vector<mutant> all_mutants() {
  const std::string cart_anna = cart_of("anna"), cart_dora = cart_of("dora");
  return {
      // Journals against orders.
      {"acknowledged-order-missing", "an order is gone", {{"order", drop_order("confirmed")}}},
      {"acknowledged-order-missing",
       "an order that was only on its way is gone",
       {{"order", drop_order("slow")}}},
      {"acknowledged-order-missing",
       "a rejected order is gone",
       {{"order", drop_order("out-of-stock")}}},
      {"acknowledged-order-missing",
       "an order was acknowledged that never was",
       {},
       {},
       [](records& all) {
         append(all, asks::order{id("nowhere")}, load::answer{.status = 200, .state = "confirmed"},
                "anna");
       }},
      {"acknowledged-to-another",
       "an order is another shopper's",
       {{"order", update_order("user_id = " + literal("ben"), "confirmed")}}},
      {"acknowledged-to-another",
       "an order has another key",
       {{"order", update_order("idempotency_key = 'other'", "confirmed")}}},
      {"acknowledged-to-another",
       "already ordered, it is said, for another cart",
       {},
       {},
       [](records& all) {
         asks::checkout c = *checkout_of(all, "slow").second;
         c.key = "one more";
         c.cart_revision = "rev-other";
         append(all, c,
                load::answer{
                    .status = 409, .problem = "/problems/already-ordered", .order_id = id("slow")},
                "anna");
       }},
      {"order-differs",
       "a quantity differs",
       {{"order", update("order_lines", "quantity = 3, line_total_minor = 3 * unit_price_minor",
                         "shipped")}}},
      {"order-differs",
       "a price differs",
       {},
       {},
       [](records& all) {
         auto* c = checkout_of(all, "lost").second;
         c->lines[0].unit_price_minor -= 1;
         c->total_minor -= 3;
       }},
      {"order-differs",
       "a line is missing",
       {{"order", fmt::format("DELETE FROM order_lines WHERE order_id = {} AND position = 2;",
                              literal("confirmed"))}}},
      {"order-differs",
       "the currency differs",
       {{"order", update_order("currency = 'EUR'", "confirmed")}}},
      {"outcome-contradicted",
       "bought, and rejected later",
       {{"order", update_order("state = 'rejected', reason = 'out-of-stock'", "confirmed")}}},
      {"outcome-contradicted",
       "declined, and bought all the same",
       {},
       {},
       [](records& all) {
         auto& a = told(all, "confirmed");
         a.status = 402;
         a.problem = "/problems/payment-declined";
         a.state = "rejected";
       }},
      {"outcome-contradicted",
       "rejected for another reason",
       {{"order", update_order("reason = 'hold-expired'", "out-of-stock")}}},
      {"outcome-contradicted",
       "told a state that it never had",
       {},
       {},
       [](records& all) { told(all, "slow").state = "shipped"; }},
      {"outcome-contradicted",
       "sold for a card that is declined",
       {},
       {},
       [](records& all) { checkout_of(all, "lost").second->card = "decline"; }},
      {"refused-yet-ordered",
       "the checkout was refused",
       {},
       {},
       [](records& all) {
         auto& a = told(all, "confirmed");
         a = load::answer{
             .n = a.n, .to = a.to, .at = a.at, .status = 409, .problem = "/problems/cart-changed"};
       }},
      {"order-unasked",
       "nobody has asked for it",
       {},
       {},
       [](records& all) {
         forget_answer(all, checkout_of(all, "confirmed").first->n);
         checkout_of(all, "confirmed").second->key = "another";
       }},
      {"wish-lost",
       "the wish to cancel is forgotten",
       {{"order", update_order("cancel_requested = false", "cancelled-early")}}},
      {"wish-lost",
       "cancelled, it was said, and it stays",
       {},
       {},
       [](records& all) {
         append(all, asks::cancel{id("slow")}, load::answer{.status = 202, .state = "confirmed"},
                "anna");
       }},
      {"wish-lost",
       "shipped, it was said",
       {},
       {},
       [](records& all) {
         append(all, asks::ship{id("slow")}, load::answer{.status = 200, .state = "confirmed"});
       }},
      {"wish-lost",
       "delivered, it was said",
       {},
       {},
       [](records& all) {
         append(all, asks::deliver{id("shipped")}, load::answer{.status = 200, .state = "shipped"});
       }},
      {"refund-told",
       "an acknowledged refund is gone",
       {{"order", "DELETE FROM refunds WHERE NOT cancellation;"}}},
      {"refund-told",
       "its amount differs",
       {{"order", update("refunds", "amount_minor = 699", "delivered")}}},
      {"refund-told",
       "it brings other goods back",
       {{"order", update("refunds", "lines = '[]'", "delivered")}}},
      {"refund-told",
       "it is another refund",
       {},
       {},
       [](records& all) {
         for (auto& r : all) {
           auto* a = std::get_if<load::answer>(&r);
           if (a && a->refund_id) a->refund_id = id("another refund");
         }
       }},
      {"refund-told",
       "it was refused",
       {},
       {},
       [](records& all) {
         std::erase_if(all, [](const load::journal_record& r) {
           const auto* l = std::get_if<load::lost>(&r);
           return l && l->to == 0;
         });
         for (auto& r : all) {
           auto* a = std::get_if<load::answer>(&r);
           if (a && a->refund_id) {
             *a = load::answer{.n = a->n, .to = a->to, .at = a->at, .status = 409};
           }
         }
         // The first ask was lost: it gets an answer, too.
         const auto first = find_ask<asks::refund>(
             all, [](const load::ask&, const asks::refund& f) { return !f.repeats; });
         for (auto& r : all) {
           const auto* l = std::get_if<load::lost>(&r);
           if (l && l->to == first.first->n) {
             r = load::answer{.n = l->n, .to = l->to, .at = l->at, .status = 409};
           }
         }
       }},
      {"delivery-miscounted",
       "an acknowledged delivery is not in the ledger",
       {{"inventory", "UPDATE movements SET key = 'x' WHERE key = 'd-mug';"}}},
      {"delivery-miscounted",
       "a delivery counts twice",
       {{"inventory", move_stock("mug", 10, 0, "delivery", "d-mug")}}},
      {"delivery-miscounted",
       "a lost delivery counts with another amount",
       {{"inventory", move_stock("lamp", 4, 0, "delivery", "d-lamp")}}},
      {"delivery-miscounted",
       "a refused delivery counts",
       {{"inventory", move_stock("lamp", -1, 0, "delivery", "d-much")}}},

      // Orders.
      {"key-ordered-twice",
       "one key, two orders",
       {{"order", "DROP INDEX orders_one_per_key;" +
                      update_order("idempotency_key = 'key-confirmed'", "slow")}}},
      {"cart-ordered-twice",
       "one cart, two orders",
       {{"order", "DROP INDEX orders_one_per_cart;" +
                      update_order("cart_revision = 'rev-confirmed'", "slow")}}},
      {"total-differs",
       "the total is too high",
       {{"order", update_order("total_minor = total_minor + 1", "confirmed")}}},
      {"total-differs",
       "a line is wrongly multiplied",
       {{"order", "ALTER TABLE order_lines DROP CONSTRAINT order_lines_check;" +
                      update("order_lines", "line_total_minor = 1", "confirmed")}}},
      {"total-differs",
       "an order without lines",
       {{"order", "DELETE FROM order_lines WHERE order_id = " + literal("out-of-stock")}}},
      {"reason-differs",
       "declined, without a declined payment",
       {{"payment", update("payments", "state = 'voided'", "declined")}}},
      {"reason-differs",
       "out of stock, with a payment",
       {{"payment", pay("out-of-stock", "voided")}}},
      {"reason-differs",
       "refused, without a refused payment",
       {{"payment", update("payments", "state = 'voided'", "refused")}}},
      {"reason-differs",
       "cancelled, without a wish",
       {{"order", update_order("cancel_requested = false", "cancelled-late")}}},
      {"reason-differs",
       "for another reason than the hold's end",
       {{"order", update_order("reason = 'out-of-stock'", "expired")}}},
      {"timeline-start",
       "the first event is gone",
       {{"order", fmt::format("DELETE FROM order_events WHERE order_id = {} AND seq = 1;",
                              literal("confirmed"))}}},
      {"timeline-start",
       "it begins with something else",
       {{"order", update("order_events", "type = 'reserved'", "confirmed") +
                      " UPDATE order_events SET type = 'x' WHERE seq = 1;"}}},
      {"timeline-start",
       "there is no timeline",
       {{"order", "DELETE FROM order_events WHERE order_id = " + literal("confirmed")}}},
      {"timeline-gap",
       "an event is missing",
       {{"order", fmt::format("DELETE FROM order_events WHERE order_id = {} AND seq = 4;",
                              literal("confirmed"))}}},
      {"timeline-gap",
       "an event is there twice",
       {{"order", "ALTER TABLE order_events DROP CONSTRAINT order_events_pkey;" +
                      event("confirmed", 6, "delayed", "confirmed")}}},
      {"timeline-gap",
       "a number is left out",
       {{"order", fmt::format("UPDATE order_events SET seq = 8 WHERE order_id = {} AND seq = 7;",
                              literal("shipped"))}}},
      {"timeline-move",
       "a step is skipped",
       {{"order", fmt::format("UPDATE order_events SET state = 'captured' WHERE order_id = {} AND "
                              "seq = 4;",
                              literal("confirmed"))}}},
      {"timeline-move",
       "from rejected to confirmed",
       {{"order", event("declined", 5, "confirmed", "confirmed")}}},
      {"timeline-move",
       "shipped after the wish to cancel",
       {{"order", event("shipped", 8, "cancel-requested", "shipped") +
                      event("shipped", 9, "shipped", "shipped")}}},
      {"timeline-move",
       "confirmed twice",
       {{"order", event("confirmed", 7, "confirmed", "confirmed")}}},
      {"timeline-end",
       "the order is beyond its timeline",
       {{"order", update_order("state = 'shipped'", "confirmed")}}},
      {"timeline-end",
       "an event is not stored",
       {{"order", update_order("version = version + 1", "confirmed")}}},
      {"timeline-end",
       "a wish without an event",
       {{"order", update_order("cancel_requested = true", "shipped")}}},
      {"timeline-read",
       "another event was read",
       {},
       {},
       [](records& all) { timeline_read(all, "slow").events->at(2).type = "x"; }},
      {"timeline-read",
       "an event was read that is not stored",
       {},
       {},
       [](records& all) {
         timeline_read(all, "slow").events->push_back({7, "shipped", "shipped"});
       }},
      {"timeline-read",
       "an event was missed",
       {},
       {},
       [](records& all) {
         auto& read = *timeline_read(all, "slow").events;
         read.erase(read.begin() + 1);
       }},
      {"timeline-read",
       "an event was read twice",
       {},
       {},
       [](records& all) {
         auto& read = *timeline_read(all, "slow").events;
         read.insert(read.begin() + 1, read[1]);
       }},

      // Money.
      {"sold-not-captured",
       "only authorized",
       {{"payment", update("payments", "state = 'authorized', captured_minor = 0", "confirmed")}}},
      {"sold-not-captured",
       "no payment",
       {{"payment", "DELETE FROM payments WHERE order_id = " + literal("shipped")}}},
      {"sold-not-charged",
       "only authorized",
       {{"mock_gateway", update_charge("state = 'authorized', captured_minor = 0", "confirmed")}}},
      {"sold-not-charged",
       "no charge",
       {{"mock_gateway", "DELETE FROM charges WHERE merchant_order = " + literal("lost")}}},
      {"capture-differs",
       "too much is captured",
       {{"payment",
         update("payments", "amount_minor = 2251, captured_minor = 2251", "confirmed")}}},
      {"capture-differs",
       "in another currency",
       {{"payment", update("payments", "currency = 'EUR'", "confirmed")}}},
      {"capture-differs",
       "from another shopper",
       {{"payment", update("payments", "user_id = 'x'", "confirmed")}}},
      {"capture-differs",
       "another payment than the order's",
       {{"payment", update("payments", "id = gen_random_uuid()", "confirmed")}}},
      {"charge-differs",
       "too little is captured",
       {{"mock_gateway", update_charge("captured_minor = captured_minor - 1", "confirmed")}}},
      {"charge-differs",
       "in another currency",
       {{"mock_gateway", update_charge("currency = 'EUR'", "confirmed")}}},
      {"charge-differs",
       "under another reference",
       {{"mock_gateway", update_charge("reference = gen_random_uuid()", "confirmed")}}},
      {"captured-twice",
       "two payments",
       {{"payment", "ALTER TABLE payments DROP CONSTRAINT payments_one_per_order;" +
                        pay("confirmed", "captured")}}},
      {"charged-twice",
       "two captured charges",
       {{"mock_gateway", charge("confirmed", "captured", 2250, 0)}}},
      {"charged-twice",
       "one captured, one open",
       {{"mock_gateway", charge("confirmed", "authorized", 0, 0)}}},
      {"capture-unwanted",
       "the order is rejected",
       {{"payment",
         update("payments", "state = 'captured', captured_minor = amount_minor", "expired")}}},
      {"capture-unwanted", "there is no such order", {{"payment", pay("nowhere", "captured")}}},
      {"capture-unwanted",
       "taken over after a restore, and not paid back whole",
       {{"payment", update("payments", "refunded_minor = 400", "forgotten")}}},
      {"charge-unwanted",
       "taken over after a restore, and the gateway has not paid back",
       {{"mock_gateway", update_charge("refunded_minor = 0", "forgotten")}}},
      {"charge-unwanted",
       "the order is rejected",
       {{"mock_gateway",
         update_charge("state = 'captured', captured_minor = authorized_minor, voided_minor = 0",
                       "expired")}}},
      {"charge-unwanted",
       "there is no such order",
       {{"mock_gateway", charge("nowhere", "captured", 2250, 0)}}},
      {"charge-unwanted", "for no order", {{"mock_gateway", charge("", "captured", 2250, 0)}}},
      {"authorization-left",
       "the order is rejected",
       {{"payment", update("payments", "state = 'authorized'", "expired")}}},
      {"authorization-left",
       "the order is sold",
       {{"payment", update("payments", "state = 'capturing', captured_minor = 0", "confirmed")}}},
      {"authorization-left", "there is no such order", {{"payment", pay("nowhere", "authorized")}}},
      {"charge-left-open",
       "the order is rejected",
       {{"mock_gateway", update_charge("state = 'authorized', voided_minor = 0", "expired")}}},
      {"charge-left-open",
       "there is no such order",
       {{"mock_gateway", charge("nowhere", "authorized", 0, 0)}}},
      {"charge-left-open", "for no order", {{"mock_gateway", charge("", "authorized", 0, 0)}}},
      {"charge-left-open",
       "only a part was voided",
       {{"mock_gateway", update_charge("voided_minor = voided_minor - 1", "expired")}}},
      {"refund-sums",
       "the order counts less",
       {{"order", update_order("refunded_minor = refunded_minor - 1", "delivered")}}},
      {"refund-sums",
       "payment-service counts less",
       {{"payment", update("payments", "refunded_minor = refunded_minor - 1", "delivered")}}},
      {"refund-sums",
       "payment-service waits for more",
       {{"payment", update("payments", "refund_pending_minor = 1", "delivered")}}},
      {"refund-sums",
       "the gateway counts more",
       {{"mock_gateway", update_charge("refunded_minor = refunded_minor + 1", "delivered")}}},
      {"refund-exceeds",
       "more goes back than was charged",
       {{"mock_gateway",
         "ALTER TABLE charges DROP CONSTRAINT charges_amounts;" +
             update_charge("refunded_minor = 2700", "delivered") +
             fmt::format("UPDATE refunds SET amount_minor = 2700 WHERE refund_reference = {};",
                         refund_of("delivered"))}}},
      {"refund-missing",
       "the gateway has not paid",
       {{"mock_gateway",
         fmt::format("DELETE FROM refunds WHERE refund_reference = {};", refund_of("delivered"))}}},
      {"refund-missing",
       "payment-service has refused",
       {{"payment", fmt::format("UPDATE refunds SET state = 'refused' WHERE refund_id = {};",
                                refund_of("delivered"))}}},
      {"refund-unasked",
       "payment-service has paid on its own",
       {{"payment", fmt::format("INSERT INTO refunds (refund_id, payment_id, state, amount_minor, "
                                "reason) VALUES (gen_random_uuid(), {}, 'refunded', 5, '');",
                                payment_of("confirmed"))}}},
      {"refund-unasked",
       "the gateway has paid on its own",
       {{"mock_gateway", fmt::format("INSERT INTO refunds (refund_reference, reference, "
                                     "amount_minor, outcome) VALUES (gen_random_uuid(), {}, 5, "
                                     "'refunded');",
                                     payment_of("confirmed"))}}},
      {"refund-unasked",
       "the gateway has paid another amount",
       {{"mock_gateway",
         fmt::format("UPDATE refunds SET amount_minor = 701 WHERE refund_reference = {};",
                     refund_of("delivered"))}}},
      {"refund-twice",
       "paid back whole twice",
       {{"order", fmt::format("INSERT INTO refunds (id, order_id, state, amount_minor, reason, "
                              "lines, cancellation) VALUES (gen_random_uuid(), {}, 'done', 2250, "
                              "'', '[]', true);",
                              literal("cancelled-late"))}}},
      {"refund-twice",
       "two refunds under one key",
       {{"order",
         "ALTER TABLE refunds DROP CONSTRAINT refunds_order_id_idempotency_key_key;"
         "INSERT INTO refunds (id, order_id, idempotency_key, request_hash, state, amount_minor, "
         "reason, lines, cancellation) SELECT gen_random_uuid(), order_id, idempotency_key, "
         "request_hash, state, amount_minor, reason, lines, cancellation FROM refunds WHERE NOT "
         "cancellation;"}}},
      {"refund-twice",
       "the gateway has paid one twice",
       {{"mock_gateway",
         fmt::format("ALTER TABLE refunds DROP CONSTRAINT refunds_pkey; INSERT INTO refunds SELECT "
                     "* FROM refunds WHERE refund_reference = {};",
                     refund_of("delivered"))}}},
      {"cancelled-not-paid-back",
       "payment-service has not paid",
       {{"payment",
         fmt::format("DELETE FROM refunds WHERE refund_id = {};", refund_of("cancelled-late")) +
             update("payments", "refunded_minor = 0", "cancelled-late")}}},
      {"cancelled-not-paid-back",
       "the gateway has not paid",
       {{"mock_gateway", fmt::format("DELETE FROM refunds WHERE refund_reference = {};",
                                     refund_of("cancelled-late")) +
                             update_charge("refunded_minor = 0", "cancelled-late")}}},

      // Stock, by order.
      {"sold-not-taken",
       "the hold was released",
       {{"inventory", update("reservations", "state = 'released'", "confirmed")}}},
      {"sold-not-taken",
       "no reservation",
       {{"inventory",
         fmt::format("DELETE FROM reservation_lines WHERE order_id = {0}; DELETE FROM reservations "
                     "WHERE order_id = {0};",
                     literal("confirmed"))}}},
      {"sold-not-taken",
       "too little was taken",
       {{"inventory", update("reservation_lines", "quantity = 2, returned = 0", "lost")}}},
      {"restock-differs",
       "something came back without a refund",
       {{"inventory", update("reservation_lines", "returned = 1", "confirmed")}}},
      {"restock-differs",
       "a refund brought nothing back",
       {{"inventory", update("reservation_lines", "returned = 0", "delivered")}}},
      {"undone-not-restocked",
       "the goods of a cancelled order are gone",
       {{"inventory", update("reservations", "state = 'committed'", "cancelled-late")}}},
      {"undone-not-restocked",
       "the goods of a rejected order are gone",
       {{"inventory", update("reservations", "state = 'committed'", "expired")}}},
      {"undone-not-absorbed",
       "nothing stops a late reserve",
       {{"inventory", "DELETE FROM reservations WHERE order_id = " + literal("out-of-stock")}}},
      {"undone-not-absorbed",
       "nothing stops a late authorization",
       {{"payment", "DELETE FROM payments WHERE order_id = " + literal("expired")}}},
      {"hold-outlives-order",
       "the order is rejected",
       {{"inventory", update("reservations", "state = 'held', expires_at = now() + interval '1 h'",
                             "declined")}}},
      {"hold-outlives-order",
       "there is no such order",
       {{"inventory", reserve_for("nowhere", "held", -600)}}},
      {"hold-overdue", "nobody has swept", {{"inventory", reserve_for("nowhere", "held", 20)}}},
      {"stock-without-order",
       "taken for no order",
       {{"inventory", reserve_for("nowhere", "committed", 0)}}},
      {"ledger-of-order",
       "a movement is missing",
       {{"inventory", fmt::format("DELETE FROM movements WHERE order_id = {} AND reason = 'commit' "
                                  "AND product_id = {};",
                                  literal("confirmed"), literal("pot"))}}},
      {"ledger-of-order",
       "a movement is another order's",
       {{"inventory", fmt::format("UPDATE movements SET order_id = {} WHERE order_id = {};",
                                  literal("nowhere"), literal("confirmed"))}}},
      {"ledger-of-order",
       "returned, but not all of it",
       {{"inventory", update("reservation_lines", "returned = returned - 1", "refused")}}},

      // Stock, by product.
      {"ledger-chain",
       "a movement says something else",
       {{"inventory",
         "UPDATE movements SET on_hand_after = on_hand_after + 1 WHERE movement_id = "
         "(SELECT min(movement_id) FROM movements WHERE reason = 'commit');"}}},
      {"ledger-chain",
       "a movement is gone",
       {{"inventory",
         "DELETE FROM movements WHERE movement_id = (SELECT min(movement_id) FROM "
         "movements WHERE reason = 'reserve');"}}},
      {"ledger-negative",
       "less than nothing for a moment",
       {{"inventory", move_stock("vase", -9, 0, "damage") +
                          "ALTER TABLE stock DROP CONSTRAINT stock_on_hand_not_negative, DROP "
                          "CONSTRAINT stock_covers_reserved;" +
                          move_stock("vase", -1, 0, "damage") +
                          move_stock("vase", 5, 0, "correction")}}},
      {"ledger-negative",
       "promised twice for a moment",
       {{"inventory", "ALTER TABLE stock DROP CONSTRAINT stock_covers_reserved;" +
                          move_stock("vase", 0, 10, "reserve") +
                          move_stock("vase", 0, -10, "release")}}},
      {"ledger-reason",
       "a reason that there is not",
       {{"inventory", move_stock("vase", 1, 0, "gift")}}},
      {"ledger-reason",
       "a reserve that takes",
       {{"inventory",
         "UPDATE movements SET delta_on_hand = -1 WHERE movement_id = (SELECT "
         "min(movement_id) FROM movements WHERE reason = 'reserve');"}}},
      {"ledger-reason",
       "a delivery for an order",
       {{"inventory", "UPDATE movements SET order_id = gen_random_uuid() WHERE key = 'd-pot';"}}},
      {"adjustment-twice",
       "opening stock twice",
       {{"inventory", move_stock("pot", 50, 0, "opening", "import:" + id("pot"))}}},
      {"stock-differs",
       "more on hand than the ledger knows",
       {{"inventory",
         "UPDATE stock SET on_hand = on_hand + 1 WHERE product_id = " + literal("lamp")}}},
      {"stock-differs",
       "stock without movements",
       {{"inventory", "INSERT INTO stock (product_id, on_hand) VALUES (gen_random_uuid(), 3);"}}},
      {"reserved-differs",
       "reserved for nobody",
       {{"inventory", "UPDATE stock SET reserved = 1 WHERE product_id = " + literal("lamp")}}},
      {"stock-balance",
       "a rejected order has taken something",
       {{"inventory", update("reservations", "state = 'committed'", "declined")}}},
      {"stock-equation",
       "an order is undone for order-service alone",
       {{"order", update_order("state = 'cancelled', reason = 'cancelled'", "confirmed")}}},
      {"oversold",
       "more sold than there was",
       {{"order", update("order_lines", "quantity = 13, line_total_minor = 13 * unit_price_minor",
                         "lost")}}},
      {"stock-message-miscounted",
       "opening stock arrived as another amount",
       {{"product",
         "UPDATE stock_messages SET quantity = 99 WHERE product_id = " + literal("mug")}}},
      {"stock-message-miscounted",
       "it was refused and counts",
       {{"product",
         "UPDATE stock_messages SET state = 'refused', refusal = 'x' WHERE product_id = " +
             literal("mug")}}},
      {"stock-message-miscounted",
       "it was sent and does not count",
       {{"product",
         "UPDATE stock_messages SET state = 'sent', refusal = NULL WHERE state = "
         "'refused';"}}},
      {"stock-message-miscounted",
       "a stocktake set something else",
       {{"product", "UPDATE stock_messages SET quantity = 13 WHERE reason = 'stocktake';"}}},

      // Rest.
      {"stuck-order",
       "on its way",
       {{"order", update_order("state = 'captured', step = 'clear_cart', due_at = now(), "
                               "unfinished_since = now()",
                               "slow")}}},
      {"stuck-order", "parked", {{"order", update_order("state = 'committed'", "slow")}}},
      {"stuck-order",
       "confirmed with a wish to cancel",
       {{"order", update_order("cancel_requested = true", "slow")}}},
      {"stuck-order", "being paid back", {{"order", update_order("state = 'refunding'", "slow")}}},
      {"stuck-payment",
       "capturing",
       {{"payment", update("payments", "state = 'capturing', captured_minor = 0", "slow")}}},
      {"stuck-payment",
       "a void is wished",
       {{"payment", update("payments", "state = 'authorized', void_requested = true", "expired")}}},
      {"stuck-refund",
       "at order-service",
       {{"order", update("refunds", "state = 'refunding'", "delivered")}}},
      {"stuck-refund",
       "restocking",
       {{"order", update("refunds", "state = 'restocking'", "delivered")}}},
      {"stuck-refund",
       "at payment-service",
       {{"payment", "UPDATE refunds SET state = 'refunding';"}}},
      {"stuck-message",
       "opening stock waits",
       {{"product", "UPDATE stock_messages SET state = 'waiting' WHERE reason = 'stocktake';"}}},

      // Carts.
      {"cart-step",
       "the list of all does not have it",
       {},
       {{"ZREM", "orders", id("confirmed") + " " + id("anna")}}},
      {"cart-step",
       "the cart does not remember it",
       {},
       {{"ZREM", cart_anna + ":orders", id("confirmed")}}},
      {"cart-step",
       "a rejected order's cart is cleared",
       {},
       {{"ZADD", "orders", "0", id("declined") + " " + id("emil")}}},
      {"cart-step",
       "a cart is cleared for an order that is none",
       {},
       {{"ZADD", cart_dora + ":orders", "1", id("nowhere")}}},
      {"cart-step",
       "another shopper's cart is cleared",
       {},
       {{"ZREM", "orders", id("confirmed") + " " + id("anna")},
        {"ZADD", "orders", "0", id("confirmed") + " " + id("ben")}}},
      {"cart-differs", "one too many", {}, {{"HINCRBY", cart_dora, id("lamp"), "1"}}},
      {"cart-differs",
       "a line is gone",
       {},
       {{"HDEL", cart_dora, id("lamp"), id("lamp") + ":when_added"}}},
      {"cart-differs", "the cart is gone", {}, {{"DEL", cart_dora}}},
      {"cart-differs",
       "what was ordered is still there",
       {},
       {{"HSET", cart_anna, id("mug"), "2", id("mug") + ":when_added", "{}"}}},
      {"cart-differs",
       "a repeat under a key counts twice",
       {},
       {{"HSET", cart_of("hesitating"), id("pot"), "2"}}},
      {"cart-differs",
       "an add counts by half",
       {},
       {{"HSET", cart_of("hesitating"), id("mug"), "4"}}},
      {"cart-differs",
       "a removed line is there",
       {},
       {{"HSET", cart_of("hesitating"), id("lamp"), "3", id("lamp") + ":when_added", "{}"}}},
      {"cart-differs",
       "an acknowledged add is lost",
       {},
       {},
       [](records& all) {
         append(all, asks::add{.product_id = id("mug"), .quantity = 1},
                load::answer{.status = 200, .revision = "r"}, "dora");
       }},
      {"cart-foreign-line",
       "nobody put it there",
       {},
       {{"HSET", cart_dora, id("vase"), "1", id("vase") + ":when_added", "{}"}}},
      {"cart-read",
       "too few are shown",
       {},
       {},
       [](records& all) { looked(all, "dora").lines->at(0).quantity = 18; }},
      {"cart-read",
       "a line is shown that is not there",
       {},
       {},
       [](records& all) { looked(all, "dora").lines->push_back({id("pot"), 1}); }},
      {"cart-revision",
       "two contents",
       {},
       {},
       [](records& all) {
         const auto shown = looked(all, "anna");
         append(all, asks::cart{},
                load::answer{
                    .status = 200, .revision = shown.revision, .lines = std::vector<load::line>{}},
                "anna");
       }},
      {"cart-malformed", "quantity 0", {}, {{"HSET", cart_of("stranger"), id("mug"), "0"}}},
      {"cart-malformed",
       "a line without what it was",
       {},
       {{"HDEL", cart_of("stranger"), id("mug") + ":when_added"}}},
      {"cart-malformed", "no revision", {}, {{"HDEL", cart_of("stranger"), "revision"}}},
  };
}

// ---------------------------------------------------------------------------------------------

TEST(verdict, is_clean_on_a_world_in_order) {
  const journal_file journal(world().what().journal);
  const auto r = judged(world().clean(), journal.paths());
  EXPECT_TRUE(r.clean()) << to_text(r);
  EXPECT_EQ(r.counted.orders, 11);
  EXPECT_EQ(r.counted.confirmed, 5);
  EXPECT_EQ(r.counted.rejected, 4);
  EXPECT_EQ(r.counted.cancelled, 2);
  EXPECT_EQ(r.counted.checkouts_tried, 11);
  EXPECT_EQ(r.counted.checkouts_acknowledged, 10);
  EXPECT_EQ(r.counted.captures, 7);
  EXPECT_EQ(r.counted.units_sold, 3 + 3 + 1 + 3 + 3);
  EXPECT_EQ(r.counted.carts, 10);
  EXPECT_EQ(r.counted.carts_unclear, 0);
}

TEST(verdict, judges_without_journals) {
  const auto r = judged(world().clean(), {});
  EXPECT_TRUE(r.clean()) << to_text(r);
  EXPECT_EQ(r.counted.checkouts_tried, 0);
}

class each_mutant : public ::testing::TestWithParam<mutant> {};

TEST_P(each_mutant, is_caught_by_the_check_that_is_meant) {
  const auto& m = GetParam();
  auto told = world().what().journal;
  if (m.journal) m.journal(told);
  const journal_file journal(told);
  const auto where = world().changed(m.sql, m.redis);
  const auto r = judged(where, journal.paths());
  EXPECT_THAT(r.violations, Contains(Field(&violation::check, m.check))) << to_text(r);
  world().restore();
}

INSTANTIATE_TEST_SUITE_P(verdict, each_mutant, ::testing::ValuesIn(all_mutants()),
                         [](const ::testing::TestParamInfo<mutant>& info) {
                           std::string name = info.param.check + "_" + info.param.name;
                           for (auto& c : name) {
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

TEST(verdict, has_a_mutant_for_every_check) {
  std::set<std::string> with, all;
  for (const auto& m : all_mutants()) with.insert(m.check);
  for (const auto& c : all_checks()) all.emplace(c.name);
  EXPECT_EQ(with, all);
}

TEST(verdict, tells_the_history_from_all_services) {
  const journal_file journal(world().what().journal);
  const auto where =
      world().changed({{"payment", update("payments", "currency = 'EUR'", "delivered")}}, {});
  const auto r = judged(where, journal.paths());
  ASSERT_FALSE(r.histories.empty());
  const auto& h = r.histories.front();
  EXPECT_EQ(h.subject, "order " + id("delivered"));
  for (const char* part :
       {"order-service\n", "  timeline\n", "inventory-service\n", "  movements\n",
        "payment-service\n", "mock-gateway\n", "product-service\n", "cart-service\n", "journal\n",
        R"("ask":"checkout")", R"("refund_id")"}) {
    EXPECT_THAT(h.text, HasSubstr(part));
  }
  world().restore();
}

// More orders than are read at once; SOUK_VERDICT_ORDERS says how many, to see how long it takes.
TEST(verdict, judges_many_orders) {
  const char* wanted = std::getenv("SOUK_VERDICT_ORDERS");
  const int orders = wanted ? std::atoi(wanted) : 4'500;
  const auto where = world().many_orders(orders);
  const journal_file journal(journal_of_many(orders));
  const auto began = std::chrono::steady_clock::now();
  const auto r = judged(where, journal.paths());
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began);
  fmt::print("{} orders judged in {:.1f} s: {}\n", orders, took.count(), figures_line(r));
  EXPECT_TRUE(r.clean()) << to_text(r);
  EXPECT_EQ(r.counted.orders, orders);
  EXPECT_EQ(r.counted.carts, orders);
  EXPECT_EQ(r.counted.captures, orders);
  EXPECT_EQ(r.counted.events, 6 * orders);
  world().restore();
}

TEST(verdict, waits_for_what_is_unfinished) {
  const journal_file journal(world().what().journal);
  const auto where = world().changed(
      {{"order", update_order("due_at = now(), unfinished_since = now()", "slow")}}, {});
  EXPECT_THAT(judged(where, journal.paths()).violations,
              Contains(Field(&violation::check, "stuck-order")));
  std::jthread worker([&] {
    std::this_thread::sleep_for(1s);
    souk::testing::postgres().execute(
        database_in(where.order), update_order("due_at = NULL, unfinished_since = NULL", "slow"));
  });
  const auto r = judged(where, journal.paths(), 30s);
  EXPECT_TRUE(r.clean()) << to_text(r);
  worker.join();
  world().restore();
}

TEST(verdict, does_not_judge_what_it_cannot_read) {
  auto nowhere = world().clean();
  nowhere.payment = "postgresql://souk@127.0.0.1:1/none";
  EXPECT_THROW(judged(nowhere, {}), could_not_judge);
  auto no_redis = world().clean();
  no_redis.redis = "redis://127.0.0.1:1/0";
  EXPECT_THROW(judged(no_redis, {}), could_not_judge);

  const journal_file journal(world().what().journal);
  std::ofstream(journal.paths()[0], std::ios::app) << "{\"n\":1}\n";
  EXPECT_THROW(judged(world().clean(), journal.paths()), could_not_judge);
  EXPECT_THROW(judged(world().clean(), {"/nowhere/at/all"}), could_not_judge);
}

}  // namespace
}  // namespace souk::verdict::testing
