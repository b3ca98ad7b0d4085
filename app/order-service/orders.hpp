#pragma once

// What an order is and how it may change. No I/O: everything here is a function of its arguments.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/money.hpp"
#include "kit/time.hpp"

namespace souk::order {

// pending -> reserved -> authorized -> committed -> captured -> confirmed -> shipped -> delivered
// is the good way. The enumerators stand in its order, which comparisons rely on ("not beyond
// captured"); those that are not of it stand behind it.
//
// `rejected` comes from any state before captured; refunding -> restocking -> cancelled starts at
// confirmed. An order that is being undone before the capture keeps the state it had reached, has a
// `reason`, and becomes rejected or cancelled once nothing is left of it.
enum class order_state {
  pending,
  reserved,
  authorized,
  committed,
  captured,
  confirmed,
  shipped,
  delivered,
  rejected,
  refunding,
  restocking,
  cancelled
};
BOOST_DESCRIBE_ENUM(order_state, pending, reserved, authorized, committed, captured, confirmed,
                    shipped, delivered, rejected, refunding, restocking, cancelled)

// A call to another service. The step that stands in an order's row is an intent: it is recorded
// before the call is made, so the call may have been made once, many times or not at all.
enum class step {
  reserve,
  authorize,
  commit,
  capture,  // the pivot
  clear_cart,
  void_payment,
  release_stock,
  return_stock,
  refund,
  restock
};
BOOST_DESCRIBE_ENUM(step, reserve, authorize, commit, capture, clear_cart, void_payment,
                    release_stock, return_stock, refund, restock)

// What a step was answered: the state in which the other service says that its side is.
enum class reply {
  none,  // there is nothing under this order (and out of stock is why, if asked to reserve)
  held,
  committed,
  released,
  expired,
  returned,
  authorizing,
  authorized,
  declined,
  capturing,
  captured,
  refused,
  voiding,
  voided,
  cleared,  // the cart
  refunding,
  refunded,
  refund_refused,
  not_accepted,  // the request itself was refused, for good: it was wrong in the callee's eyes
};
BOOST_DESCRIBE_ENUM(reply, none, held, committed, released, expired, returned, authorizing,
                    authorized, declined, capturing, captured, refused, voiding, voided, cleared,
                    refunding, refunded, refund_refused, not_accepted)

// Why an order was undone. The first five are problem types, too.
namespace reasons {
inline constexpr std::string_view out_of_stock = "out-of-stock";
inline constexpr std::string_view payment_declined = "payment-declined";
inline constexpr std::string_view hold_expired = "hold-expired";
inline constexpr std::string_view payment_refused = "payment-refused";
inline constexpr std::string_view not_accepted = "not-accepted";
inline constexpr std::string_view cancelled = "cancelled";
}  // namespace reasons

// ---------------------------------------------------------------------------------------------
// Rows and bodies.

// Name, sku, image and price are copies: what the shopper saw and paid.
struct order_line {
  uuid product_id;
  std::string sku;
  std::string name;
  std::optional<std::string> image;
  std::int64_t quantity = 0;
  minor_units unit_price_minor = 0;
  minor_units line_total_minor = 0;
};
BOOST_DESCRIBE_STRUCT(order_line, (),
                      (product_id, sku, name, image, quantity, unit_price_minor, line_total_minor))

struct country_code : json::text<2, 2> {  // ISO 3166-1 alpha-2
  using text::text;
};

struct address {
  json::text<1, 200> name;
  json::text<1, 200> line1;
  std::optional<json::text<1, 200>> line2;
  json::text<1, 100> city;
  json::text<1, 20> postal_code;
  std::optional<json::text<1, 100>> region;
  country_code country;
};
BOOST_DESCRIBE_STRUCT(address, (), (name, line1, line2, city, postal_code, region, country))

struct quantity_of {
  uuid product_id;
  json::integer<1, max_line_quantity> quantity;
};
BOOST_DESCRIBE_STRUCT(quantity_of, (), (product_id, quantity))

// Each product at most once, as inventory has it.
struct distinct_lines : json::list<quantity_of, 1, max_cart_lines> {
  using list::list;
};

// refunding -> restocking (if there are lines) -> done, or refunding -> refused.
enum class refund_state { refunding, restocking, done, refused };
BOOST_DESCRIBE_ENUM(refund_state, refunding, restocking, done, refused)

struct refund {
  uuid id;  // also the key under which payment and inventory know it
  uuid order_id;
  refund_state state = refund_state::refunding;
  minor_units amount_minor = 0;
  std::string reason;
  std::vector<quantity_of> lines;  // what goes back on the shelf
  bool cancellation = false;       // of the whole order: everything that is left goes back
  timestamp created_at{};
};
BOOST_DESCRIBE_STRUCT(refund, (),
                      (id, order_id, state, amount_minor, reason, lines, cancellation, created_at))

struct order_view {
  uuid id;
  uuid user_id;
  order_state state = order_state::pending;
  std::optional<order::step> step;  // what is being done just now
  std::optional<std::string> reason;
  std::optional<std::string> reason_detail;
  std::string currency;
  minor_units total_minor = 0;
  minor_units refunded_minor = 0;
  std::vector<order_line> lines;
  order::address address;
  uuid payment_id;
  bool cancel_requested = false;
  bool needs_attention = false;
  std::vector<refund> refunds;
  std::int64_t version = 1;  // raised by each change; also the number of its last event
  timestamp created_at{};
  timestamp updated_at{};
};
BOOST_DESCRIBE_STRUCT(order_view, (),
                      (id, user_id, state, step, reason, reason_detail, currency, total_minor,
                       refunded_minor, lines, address, payment_id, cancel_requested,
                       needs_attention, refunds, version, created_at, updated_at))

// The row, with what is nobody else's business.
struct order_record : order_view {
  std::string idempotency_key;
  std::string request_hash;
  std::string payment_token;
  std::string traceparent;                    // of the request that placed it
  std::int64_t token = 1;                     // fences off workers that have lost their lease
  std::int32_t attempts = 0;                  // leases taken for the present step, with this one
  std::optional<timestamp> unfinished_since;  // nothing while at rest
};
BOOST_DESCRIBE_STRUCT(order_record, (order_view),
                      (idempotency_key, request_hash, payment_token, traceparent, token, attempts,
                       unfinished_since))

// ---------------------------------------------------------------------------------------------
// The state machine.

// What the worker writes in one UPDATE: the outcome of a step and the intent of the next.
struct move {
  order_state state;
  std::optional<step> next{};  // nothing: see `rest`
  bool rest = false;           // nothing is left to do; otherwise what_to_do() says
  std::string_view event;
  std::string_view reason{};  // empty: stays as it is
  // What becomes of the refund under way (open_refund).
  std::optional<refund_state> refund{};
};
struct unsettled {};      // the other side is not done yet: ask again
struct contradiction {};  // an answer that cannot be: ask again, and call a person
using decision = std::variant<move, unsettled, contradiction>;

// What follows when the order's step was answered `got`.
decision after(const order_view& o, reply got);

// What is to be done for an order without a step.
struct nothing_to_do {};
struct begin_refund {};        // of open_refund(o)
struct begin_cancellation {};  // after confirmation: pay back and restock all that is left
using task_at_hand = std::variant<nothing_to_do, begin_refund, begin_cancellation>;
task_at_hand what_to_do(const order_view& o);
move start_of(begin_refund, const order_view& o);
move start_of(begin_cancellation, const order_view& o);

// The oldest refund that is neither done nor refused.
const refund* open_refund(const order_view& o);

struct transition {
  order_state from, to;
};
std::span<const transition> legal_transitions();
bool may_become(order_state from, order_state to);
bool is_final(order_state s);         // delivered, rejected, cancelled
bool is_being_placed(order_state s);  // pending to captured: its request still waits

// ---------------------------------------------------------------------------------------------
// Amounts.

// Nothing when the sum does not fit.
std::optional<minor_units> total_of(std::span<const order_line> lines);

enum class refund_error { wrong_state, too_much_money, too_many_items };
// Whether `amount` and `lines` may be refunded beside all refunds so far; refused ones don't count.
std::optional<refund_error> check_refund(const order_view& o, minor_units amount,
                                         std::span<const quantity_of> lines);
// What is left to pay back, counting refunds under way as paid.
minor_units left_to_refund(const order_view& o);

}  // namespace souk::order

template <>
struct souk::json::codec<souk::order::country_code> {
  static void read(const node& n, const path& where, order::country_code& out, report& r);
  static void write(std::string& out, const order::country_code& value) {
    write_string(out, value);
  }
  static std::string schema(schema_set&);
};

template <>
struct souk::json::codec<souk::order::distinct_lines> {
  using plain = codec<list<order::quantity_of, 1, max_cart_lines>>;
  static void read(const node& n, const path& where, order::distinct_lines& out, report& r);
  static void write(std::string& out, const order::distinct_lines& value) {
    plain::write(out, value);
  }
  static std::string schema(schema_set& s) { return plain::schema(s); }
};
