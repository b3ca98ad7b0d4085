#pragma once

// What lies in the stores, row by row, in the verdict's own words.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/money.hpp"
#include "kit/time.hpp"

namespace souk::verdict {

// ---------------------------------------------------------------------------------------------
// order-service

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

// A set of order states.
class order_states {
 public:
  constexpr order_states() = default;
  constexpr order_states(std::initializer_list<order_state> some) {
    for (const auto s : some) add(s);
  }
  constexpr void add(order_state s) { bits_ |= 1u << static_cast<unsigned>(s); }
  constexpr bool has(order_state s) const { return (bits_ >> static_cast<unsigned>(s) & 1u) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

// On the way to being confirmed; nothing of it may last.
inline constexpr order_states in_flight{order_state::pending, order_state::reserved,
                                        order_state::authorized, order_state::committed,
                                        order_state::captured};
// Paid and sold. The last two are on their way to being paid back, but not there yet.
inline constexpr order_states sold{order_state::confirmed, order_state::shipped,
                                   order_state::delivered, order_state::refunding,
                                   order_state::restocking};
// Where an order may stay.
inline constexpr order_states at_rest{order_state::confirmed, order_state::shipped,
                                      order_state::delivered, order_state::rejected,
                                      order_state::cancelled};

struct order_row {
  uuid id;
  uuid user_id;
  std::string idempotency_key, cart_revision, currency;
  std::int64_t total_minor = 0;
  uuid payment_id;
  order_state state = order_state::pending;
  std::optional<std::string> step, reason;
  std::int64_t refunded_minor = 0;
  bool cancel_requested = false, needs_attention = false, due = false;  // something is still to do
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(order_row, (),
                      (id, user_id, idempotency_key, cart_revision, currency, total_minor,
                       payment_id, state, step, reason, refunded_minor, cancel_requested,
                       needs_attention, due, version))

struct order_line_row {
  uuid order_id, product_id;
  std::int64_t quantity = 0, unit_price_minor = 0, line_total_minor = 0;
};
BOOST_DESCRIBE_STRUCT(order_line_row, (),
                      (order_id, product_id, quantity, unit_price_minor, line_total_minor))

struct event_row {
  uuid order_id;
  std::int64_t seq = 0;
  std::string type;
  order_state state = order_state::pending;
  timestamp at{};
};
BOOST_DESCRIBE_STRUCT(event_row, (), (order_id, seq, type, state, at))

struct restock_line {
  uuid product_id;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(restock_line, (), (product_id, quantity))

struct order_refund_row {
  uuid id, order_id;
  std::optional<std::string> idempotency_key;
  std::string state;  // refunding, restocking, done, refused
  std::int64_t amount_minor = 0;
  json::raw lines;
  bool cancellation = false;

  // The money has gone back.
  bool paid() const { return state == "restocking" || state == "done"; }
};
BOOST_DESCRIBE_STRUCT(order_refund_row, (),
                      (id, order_id, idempotency_key, state, amount_minor, lines, cancellation))

// ---------------------------------------------------------------------------------------------
// inventory-service

struct stock_row {
  uuid product_id;
  std::int64_t on_hand = 0, reserved = 0;
};
BOOST_DESCRIBE_STRUCT(stock_row, (), (product_id, on_hand, reserved))

struct movement_row {
  std::int64_t movement_id = 0;
  uuid product_id;
  std::int64_t delta_on_hand = 0, delta_reserved = 0;
  std::string reason;
  std::optional<uuid> order_id;
  std::optional<std::string> key;
  std::int64_t on_hand_after = 0, reserved_after = 0;
};
BOOST_DESCRIBE_STRUCT(movement_row, (),
                      (movement_id, product_id, delta_on_hand, delta_reserved, reason, order_id,
                       key, on_hand_after, reserved_after))

enum class hold_state { held, committed, released, expired, returned };
BOOST_DESCRIBE_ENUM(hold_state, held, committed, released, expired, returned)

struct reservation_row {
  uuid order_id;
  hold_state state = hold_state::held;
  bool overdue = false;  // held beyond its time and the sweeper's
};
BOOST_DESCRIBE_STRUCT(reservation_row, (), (order_id, state, overdue))

struct reservation_line_row {
  uuid order_id, product_id;
  std::int64_t quantity = 0, returned = 0;
};
BOOST_DESCRIBE_STRUCT(reservation_line_row, (), (order_id, product_id, quantity, returned))

// ---------------------------------------------------------------------------------------------
// payment-service and the mock gateway

enum class payment_state {
  authorizing,
  authorized,
  declined,
  capturing,
  captured,
  refused,
  voiding,
  voided
};
BOOST_DESCRIBE_ENUM(payment_state, authorizing, authorized, declined, capturing, captured, refused,
                    voiding, voided)

struct payment_row {
  uuid id, order_id;
  std::string user_id;
  payment_state state = payment_state::authorizing;
  std::optional<std::string> reason;
  std::int64_t amount_minor = 0;
  std::string currency;
  std::int64_t captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0;
  bool void_requested = false;
};
BOOST_DESCRIBE_STRUCT(payment_row, (),
                      (id, order_id, user_id, state, reason, amount_minor, currency, captured_minor,
                       refunded_minor, refund_pending_minor, void_requested))

struct payment_refund_row {
  uuid refund_id, payment_id, order_id;
  std::string state;  // refunding, refunded, refused
  std::int64_t amount_minor = 0;
};
BOOST_DESCRIBE_STRUCT(payment_refund_row, (),
                      (refund_id, payment_id, order_id, state, amount_minor))

enum class charge_state { authorized, declined, cancelled, captured, capture_refused, voided };
BOOST_DESCRIBE_ENUM(charge_state, authorized, declined, cancelled, captured, capture_refused,
                    voided)

struct charge_row {
  uuid reference;
  std::optional<uuid> merchant_order;
  charge_state state = charge_state::cancelled;
  std::optional<std::string> currency;
  std::int64_t authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;

  // Held on the card, neither taken nor given up.
  std::int64_t open() const { return captured_minor > 0 ? 0 : authorized_minor - voided_minor; }
};
BOOST_DESCRIBE_STRUCT(charge_row, (),
                      (reference, merchant_order, state, currency, authorized_minor, captured_minor,
                       voided_minor, refunded_minor))

struct gateway_refund_row {
  uuid refund_reference, reference;
  std::optional<uuid> merchant_order;
  std::int64_t amount_minor = 0;
  std::string outcome;  // refunded, refused
};
BOOST_DESCRIBE_STRUCT(gateway_refund_row, (),
                      (refund_reference, reference, merchant_order, amount_minor, outcome))

// ---------------------------------------------------------------------------------------------
// product-service

struct stock_message_row {
  std::int64_t message_id = 0;
  uuid product_id;
  std::string key, reason;  // opening, stocktake
  std::int64_t quantity = 0;
  std::string state;  // waiting, sent, refused
};
BOOST_DESCRIBE_STRUCT(stock_message_row, (), (message_id, product_id, key, reason, quantity, state))

// ---------------------------------------------------------------------------------------------
// Put together.

using quantities = std::map<uuid, std::int64_t>;

// What the ledger says about one order and one product.
struct ledger_sum {
  uuid product_id;
  std::int64_t on_hand = 0, reserved = 0;
};

// All that is known under one order's id. `order` is empty for what the others have without one.
struct order_file {
  uuid id;
  std::optional<order_row> order;
  std::vector<order_line_row> lines;
  std::vector<event_row> events;  // ascending by seq
  std::vector<order_refund_row> refunds;
  std::optional<reservation_row> reservation;
  std::vector<reservation_line_row> reserved;
  std::vector<ledger_sum> ledger;
  std::vector<payment_row> payments;
  std::vector<payment_refund_row> payment_refunds;
  std::vector<charge_row> charges;
  std::vector<gateway_refund_row> gateway_refunds;
  std::optional<uuid> cleared_for;     // the shopper whose cart was cleared, by the list of all
  bool remembered_by_cart = false;     // by the cart of the order's shopper
  bool cart_remembers_others = false;  // as many as it can: this one may be forgotten
  bool is_old = false;                 // carts remember orders for a month
};

// From the lines, not from any total.
std::int64_t total_of(const order_file& f);
quantities ordered(const order_file& f);
// What refunds that are through have brought back to the shelf; everything for a cancellation.
quantities restocked(const order_file& f);
// The states that the timeline went through.
order_states visited(const order_file& f);

}  // namespace souk::verdict
