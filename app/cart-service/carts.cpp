#include "carts.hpp"

#include <stdexcept>

namespace souk::cart {

namespace {

template <class T>
const std::optional<T>* find(const found<T>& all, uuid id) {
  const auto it = all.find(id);
  return it == all.end() ? nullptr : &it->second;
}

bool is_sold(const product& p, const std::string& currency) {
  return p.can_be_bought() && p.currency == currency;
}

line_view view_of(const stored_line& line, const knowledge& now, const std::string& currency) {
  line_view v{.product_id = line.product_id,
              .sku = line.when_added.sku,
              .name = line.when_added.name,
              .image = line.when_added.image,
              .quantity = line.quantity,
              .unit_price_minor = line.when_added.price_minor,
              .price_when_added_minor = line.when_added.price_minor,
              .attributes = line.when_added.attributes};
  const auto* product = find(now.products, line.product_id);
  const auto* available = find(now.available, line.product_id);
  if (product && *product) {
    v.sku = (*product)->sku;
    v.name = (*product)->name;
    v.image = (*product)->image;
    v.attributes = (*product)->attributes;
    if ((*product)->currency == currency) v.unit_price_minor = (*product)->price_minor;
  }
  const auto total = checked_multiply(v.unit_price_minor, v.quantity);
  if (!total) throw std::overflow_error("the total of a line");
  v.line_total_minor = *total;
  if (available) v.available = available->value_or(0);

  if (product && !(*product && is_sold(**product, currency))) {
    v.status = line_status::unavailable;
  } else if (!product || !available) {
    v.status = line_status::unknown;
  } else {
    v.status = v.available < v.quantity ? line_status::insufficient : line_status::ok;
  }
  return v;
}

}  // namespace

cart_view view_of(uuid user, const stored_cart& cart, const knowledge& now,
                  const std::string& currency) {
  cart_view v{.user_id = user,
              .revision = cart.revision,
              .currency = currency,
              .buyable = !cart.lines.empty()};
  for (const stored_line& line : cart.lines) {
    v.lines.push_back(view_of(line, now, currency));
    const line_view& l = v.lines.back();
    v.buyable &= l.status == line_status::ok;
    v.degraded |= l.status == line_status::unknown;
    if (l.status == line_status::unavailable) continue;
    v.items_count += l.quantity;
    const auto total = checked_add(v.total_minor, l.line_total_minor);
    if (!total) throw std::overflow_error("the total of a cart");
    v.total_minor = *total;
  }
  return v;
}

snapshot snapshot_of(const product& p, std::int64_t added_at_ms) {
  return {.sku = p.sku,
          .name = p.name,
          .image = p.image,
          .price_minor = p.price_minor,
          .attributes = p.attributes,
          .added_at_ms = added_at_ms};
}

std::optional<failure> objection(const found<product>& products, uuid id,
                                 const std::string& currency) {
  const auto* product = find(products, id);
  if (!product) return failure::catalogue_down;
  if (!*product) return failure::product_unavailable;
  if (!(*product)->can_be_bought()) return failure::has_variants;
  if (!is_sold(**product, currency)) return failure::product_unavailable;
  return std::nullopt;
}

}  // namespace souk::cart
