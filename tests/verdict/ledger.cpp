#include "ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace souk::verdict {
namespace {

// What a movement may change, by its reason: for each unit that it is about.
struct shape {
  std::string_view reason;
  bool of_order;
  int on_hand, reserved;  // ignored for adjustments, which change on_hand by anything
};
constexpr shape shapes[] = {
    {"reserve", true, 0, 1},    {"commit", true, -1, -1},    {"release", true, 0, -1},
    {"expire", true, 0, -1},    {"return", true, 1, 0},      {"opening", false, 0, 0},
    {"delivery", false, 0, 0},  {"correction", false, 0, 0}, {"damage", false, 0, 0},
    {"stocktake", false, 0, 0},
};

bool has_shape(const movement_row& m) {
  const auto s = std::ranges::find(shapes, m.reason, &shape::reason);
  if (s == std::end(shapes) || s->of_order != m.order_id.has_value()) return false;
  if (!s->of_order) return m.delta_reserved == 0;
  const auto units = std::max(std::abs(m.delta_on_hand), std::abs(m.delta_reserved));
  return units > 0 && m.delta_on_hand == s->on_hand * units &&
         m.delta_reserved == s->reserved * units;
}

}  // namespace

void ledger::add(const movement_row& m) {
  auto& p = products_[m.product_id];
  p.has_movements = true;
  if (!has_shape(m)) {
    report_("ledger-reason", m.product_id,
            fmt::format("movement {}: {} moves on hand by {}, reserved by {}{}", m.movement_id,
                        m.reason, m.delta_on_hand, m.delta_reserved,
                        m.order_id ? " for order " + m.order_id->str() : " for no order"));
  }
  p.on_hand += m.delta_on_hand;
  p.reserved += m.delta_reserved;
  if (p.on_hand != m.on_hand_after || p.reserved != m.reserved_after) {
    report_("ledger-chain", m.product_id,
            fmt::format("movement {} ({}) says {} on hand and {} reserved, those up to it make {} "
                        "and {}",
                        m.movement_id, m.reason, m.on_hand_after, m.reserved_after, p.on_hand,
                        p.reserved));
    p.on_hand = m.on_hand_after;  // each break is told once
    p.reserved = m.reserved_after;
  }
  if (p.on_hand < 0 || p.reserved < 0 || p.reserved > p.on_hand) {
    report_("ledger-negative", m.product_id,
            fmt::format("{} on hand and {} reserved after movement {} ({})", p.on_hand, p.reserved,
                        m.movement_id, m.reason));
  }
  if (!m.order_id) p.supplied += m.delta_on_hand;
  if (m.key) {
    auto& k = p.keys[*m.key];
    ++k.times;
    k.delta += m.delta_on_hand;
    k.on_hand_after = m.on_hand_after;
    k.reason = m.reason;
    if (k.times == 2) {
      report_("adjustment-twice", m.product_id,
              fmt::format("movement {}: the key {} has moved stock before", m.movement_id, *m.key));
    }
  }
  if (m.order_id) {
    auto& sums = orders_[*m.order_id];
    auto sum = std::ranges::find(sums, m.product_id, &ledger_sum::product_id);
    if (sum == sums.end()) sum = sums.insert(sums.end(), {m.product_id});
    sum->on_hand += m.delta_on_hand;
    sum->reserved += m.delta_reserved;
  }
}

const ledger::keyed* ledger::find_key(uuid product, const std::string& key) const {
  const auto p = products_.find(product);
  if (p == products_.end()) return nullptr;
  const auto k = p->second.keys.find(key);
  return k == p->second.keys.end() ? nullptr : &k->second;
}

std::vector<ledger_sum> ledger::take_order(uuid order) {
  auto found = orders_.extract(order);
  return found.empty() ? std::vector<ledger_sum>{} : std::move(found.mapped());
}

std::vector<uuid> ledger::orders_left() const {
  std::vector<uuid> all;
  for (const auto& [id, _] : orders_) all.push_back(id);
  std::ranges::sort(all);
  return all;
}

void ledger::compare(const stock_row& row, bool settled) {
  auto& p = products_[row.product_id];
  p.has_row = true;
  if (row.on_hand != p.on_hand || row.reserved != p.reserved) {
    report_("stock-differs", row.product_id,
            fmt::format("{} on hand and {} reserved, the ledger makes {} and {}", row.on_hand,
                        row.reserved, p.on_hand, p.reserved));
  }
  if (row.on_hand < 0 || row.reserved < 0 || row.reserved > row.on_hand) {
    report_("ledger-negative", row.product_id,
            fmt::format("{} on hand and {} reserved", row.on_hand, row.reserved));
  }
  const auto& c = p.claimed;
  if (row.reserved != c.held) {
    report_("reserved-differs", row.product_id,
            fmt::format("{} reserved, the held lines make {}", row.reserved, c.held));
  }
  if (row.on_hand != p.supplied - c.committed + c.returned) {
    report_("stock-balance", row.product_id,
            fmt::format("{} on hand, but {} came in, {} were committed and {} returned",
                        row.on_hand, p.supplied, c.committed, c.returned));
  }
  if (settled && row.on_hand != p.supplied - c.sold + c.restocked) {
    report_("stock-equation", row.product_id,
            fmt::format("{} on hand, but {} came in and orders sold {} and restocked {}",
                        row.on_hand, p.supplied, c.sold, c.restocked));
  }
  if (c.sold - c.restocked > p.supplied) {
    report_("oversold", row.product_id,
            fmt::format("{} sold and {} restocked of {} that came in", c.sold, c.restocked,
                        p.supplied));
  }
}

void ledger::compare_rest() {
  for (const auto& [id, p] : products_) {
    if (p.has_row) continue;
    const auto& c = p.claimed;
    const bool claimed = c.held || c.committed || c.returned || c.sold || c.restocked;
    if (p.has_movements || claimed) {
      report_("stock-differs", id, "there is no such stock, but movements or orders of it");
    }
    if (c.sold - c.restocked > p.supplied) {
      report_("oversold", id, fmt::format("{} sold of {} that came in", c.sold, p.supplied));
    }
  }
}

}  // namespace souk::verdict
