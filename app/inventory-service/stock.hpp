#pragma once

// What inventory knows: stock, reservations and the ledger. No I/O.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/money.hpp"
#include "kit/time.hpp"

namespace souk::inventory {

inline constexpr std::int64_t max_on_hand = 1'000'000'000;
inline constexpr std::int64_t low_stock = 5;  // at or below this a shopper is told "low"

enum class availability { in_stock, low, out };
BOOST_DESCRIBE_ENUM(availability, in_stock, low, out)
availability availability_of(std::int64_t available);

// A stock row. on_hand >= reserved >= 0 always; what is available is the difference.
struct stock_row {
  uuid product_id;
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::int64_t version = 0;
  timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(stock_row, (), (product_id, on_hand, reserved, version, updated_at))

// Shoppers see what is available; the rest is for administrators and services.
struct stock_view {
  uuid product_id;
  std::int64_t available = 0;
  availability state = availability::out;
  std::optional<std::int64_t> on_hand, reserved, version;
  std::optional<timestamp> updated_at;
};
BOOST_DESCRIBE_STRUCT(stock_view, (),
                      (product_id, available, state, on_hand, reserved, version, updated_at))
stock_view view_of(const stock_row& row, bool with_details);

enum class adjustment_reason { opening, delivery, correction, damage, stocktake };
BOOST_DESCRIBE_ENUM(adjustment_reason, opening, delivery, correction, damage, stocktake)

struct movement {
  std::int64_t movement_id = 0;
  std::int64_t delta_on_hand = 0, delta_reserved = 0;
  std::string reason;
  std::optional<uuid> order_id;
  std::optional<std::string> key;
  std::string actor;
  std::int64_t on_hand_after = 0, reserved_after = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(movement, (),
                      (movement_id, delta_on_hand, delta_reserved, reason, order_id, key, actor,
                       on_hand_after, reserved_after, at))

// ---------------------------------------------------------------------------------------------
// Reservations: none -> held -> committed -> returned, held -> released, held -> expired,
// none -> released. Whoever changes the row from `held` first wins, for the whole basket;
// everything that comes later finds a final state, does nothing and answers it.

enum class reservation_state { held, committed, released, expired, returned };
BOOST_DESCRIBE_ENUM(reservation_state, held, committed, released, expired, returned)

// Nothing stands for "never seen".
bool may_move(std::optional<reservation_state> from, reservation_state to);

struct line {
  uuid product_id;
  std::int64_t quantity = 0;
  bool operator==(const line&) const = default;
};
BOOST_DESCRIBE_STRUCT(line, (), (product_id, quantity))

struct reservation {
  uuid order_id;
  reservation_state state = reservation_state::held;
  std::optional<timestamp> expires_at;
  std::vector<line> lines;
};
BOOST_DESCRIBE_STRUCT(reservation, (), (order_id, state, expires_at, lines))

// Sorts by product, the order in which stock rows are locked. Nothing when a product stands twice.
std::optional<std::vector<line>> in_lock_order(std::vector<line> lines);

// ---------------------------------------------------------------------------------------------

struct shortage {
  uuid product_id;
  std::int64_t requested = 0, available = 0;
};
BOOST_DESCRIBE_STRUCT(shortage, (), (product_id, requested, available))

enum class failure {
  not_found,
  out_of_stock,
  reservation_differs,
  return_exceeds,
  below_reserved,
  too_much,
  changed_meanwhile,
  key_reused,
  key_running,
};

struct stock_error {
  failure what;
  std::vector<shortage> missing{};  // for out_of_stock
};

template <class T>
using outcome = std::expected<T, stock_error>;

}  // namespace souk::inventory
