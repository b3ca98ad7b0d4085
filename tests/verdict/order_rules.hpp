#pragma once

// What must hold for one order, between order, inventory, payment, gateway and cart. No I/O.

#include <string>
#include <string_view>
#include <vector>

#include "rows.hpp"

namespace souk::verdict {

struct finding {
  std::string_view check;
  std::string detail;
};

// Moves of an order that the design allows, each its own change of the row.
bool may_follow(order_state before, order_state after);

// For a store at rest: what is still on its way is stuck.
std::vector<finding> judge_order(const order_file& f);

}  // namespace souk::verdict
