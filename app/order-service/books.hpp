#pragma once

// What may stand beside what: an order against the reservation, the payment, the gateway's record
// and the cart that belong to it. No I/O; audit.hpp brings the books together.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orders.hpp"

namespace souk::order {

// The others' books, a line per order.
struct returned_line {
  uuid product_id;
  std::int64_t quantity = 0;
  std::int64_t returned = 0;
};
BOOST_DESCRIBE_STRUCT(returned_line, (), (product_id, quantity, returned))

struct reservation_book {
  uuid order_id;
  reply state = reply::none;
  std::vector<returned_line> lines;
};
BOOST_DESCRIBE_STRUCT(reservation_book, (), (order_id, state, lines))

struct gateway_book {
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  std::int64_t charges = 0;  // that were approved
};
BOOST_DESCRIBE_STRUCT(gateway_book, (),
                      (authorized_minor, captured_minor, voided_minor, refunded_minor, charges))

struct payment_book {
  uuid order_id;
  std::optional<uuid> payment_id;  // nothing: only the gateway knows of it
  std::optional<reply> state;
  std::optional<std::string> reason;
  std::optional<minor_units> amount_minor, captured_minor, refunded_minor, refund_pending_minor;
  gateway_book gateway;
};
BOOST_DESCRIBE_STRUCT(payment_book, (),
                      (order_id, payment_id, state, reason, amount_minor, captured_minor,
                       refunded_minor, refund_pending_minor, gateway))

// The reason of payments that a restore has taken over from the gateway (docs/backup.md).
inline constexpr std::string_view reconciled = "reconciled";

struct cart_book {
  uuid order_id;
};
BOOST_DESCRIBE_STRUCT(cart_book, (), (order_id))

struct beside {
  std::optional<reservation_book> reservation;
  std::optional<payment_book> payment;
  bool cart_cleared = false;
};

struct finding {
  std::string_view rule;
  std::string detail;
};

// What is wrong with an order whose row did not change while the others were read.
std::vector<finding> judge(const order_view& o, const beside& others);
// What is wrong with entries that no order stands behind.
std::vector<finding> judge_without_order(const beside& others);

// ---------------------------------------------------------------------------------------------
// The table. An order in `state` with this step (and, if undone, this reason) may stand beside any
// of these reservations and any of these payments. Where a position has several rows, one of them
// must hold.

using replies = std::uint32_t;  // a set
constexpr replies one_of(std::initializer_list<reply> some) {
  replies set = 0;
  for (const auto r : some) set |= 1u << static_cast<unsigned>(r);
  return set;
}
constexpr bool holds(replies set, reply r) {
  return set >> static_cast<unsigned>(r) & 1u;
}

struct combination {
  order_state state;
  std::optional<step> during;
  std::string_view reason;  // empty: any
  replies reservation, payment;
};
std::span<const combination> allowed_combinations();

// What the gateway may have recorded beside a payment in `state` over the order's total.
enum class sum { nothing, all, nothing_or_all };
struct gateway_combination {
  reply state;
  bool approved, not_approved;  // whether there may be one approved charge, and whether none
  sum captured, voided;
};
std::span<const gateway_combination> allowed_gateway_records();

}  // namespace souk::order
