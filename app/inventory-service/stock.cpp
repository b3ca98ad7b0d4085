#include "stock.hpp"

#include <algorithm>

namespace souk::inventory {

availability availability_of(std::int64_t available) {
  if (available <= 0) return availability::out;
  return available <= low_stock ? availability::low : availability::in_stock;
}

stock_view view_of(const stock_row& row, bool with_details) {
  const auto available = row.on_hand - row.reserved;
  stock_view view{
      .product_id = row.product_id, .available = available, .state = availability_of(available)};
  if (with_details) {
    view.on_hand = row.on_hand;
    view.reserved = row.reserved;
    view.version = row.version;
    view.updated_at = row.updated_at;
  }
  return view;
}

bool may_move(std::optional<reservation_state> from, reservation_state to) {
  using enum reservation_state;
  if (!from) return to == held || to == released;
  switch (*from) {
    case held:
      return to == committed || to == released || to == expired;
    case committed:
      return to == returned;
    case released:
    case expired:
    case returned:
      return false;
  }
  return false;
}

std::optional<std::vector<line>> in_lock_order(std::vector<line> lines) {
  std::ranges::sort(lines, {}, &line::product_id);
  if (std::ranges::adjacent_find(lines, {}, &line::product_id) != lines.end()) return std::nullopt;
  return lines;
}

}  // namespace souk::inventory
