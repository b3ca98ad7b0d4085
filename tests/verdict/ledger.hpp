#pragma once

// The warehouse's ledger, replayed movement by movement. No I/O.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "order_rules.hpp"
#include "rows.hpp"

namespace souk::verdict {

class ledger {
 public:
  using report = std::function<void(std::string_view check, uuid product, std::string detail)>;
  explicit ledger(report r) : report_(std::move(r)) {}

  // In the order of their numbers, which is the order of the changes of each product.
  void add(const movement_row& m);

  // What came of an adjustment under an idempotency key.
  struct keyed {
    std::int64_t times = 0, delta = 0, on_hand_after = 0;
    std::string reason;
  };
  const keyed* find_key(uuid product, const std::string& key) const;

  // The movements of an order, which are then forgotten.
  std::vector<ledger_sum> take_order(uuid order);
  // Those that nobody has taken.
  std::vector<uuid> orders_left() const;

  // What orders and reservations say of a product, added up by the caller.
  struct claims {
    std::int64_t held = 0, committed = 0, returned = 0;  // by reservation lines
    std::int64_t sold = 0, restocked = 0;                // by orders
  };
  claims& claims_of(uuid product) { return products_[product].claimed; }

  // Compares the row with the ledger and with what is claimed of it. Each product once; `settled`:
  // no order is under way, so that nothing is between two places.
  void compare(const stock_row& row, bool settled);
  // Reports products that have movements or claims and no row.
  void compare_rest();

 private:
  struct product {
    std::int64_t on_hand = 0, reserved = 0;  // after the last movement
    std::int64_t supplied = 0;               // by everything but orders
    claims claimed;
    std::unordered_map<std::string, keyed> keys;
    bool has_movements = false, has_row = false;
  };
  report report_;
  std::unordered_map<uuid, product> products_;
  std::unordered_map<uuid, std::vector<ledger_sum>> orders_;
};

}  // namespace souk::verdict
