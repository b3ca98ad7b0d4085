#include "shopping.hpp"

#include <algorithm>

namespace souk::cart {

namespace {

// For what follows a change: the caller may have no time left, the change is made all the same.
constexpr std::chrono::milliseconds after_a_change{2'000};

std::vector<uuid> ids_of(const stored_cart& cart) {
  std::vector<uuid> ids;
  for (const stored_line& l : cart.lines) ids.push_back(l.product_id);
  return ids;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
}

}  // namespace

task<cart_view> shopping::view(const context& ctx, uuid user) {
  const stored_cart cart = co_await carts_.find(ctx, user);
  const std::vector<uuid> ids = ids_of(cart);
  const knowledge now = co_await goods_.about(ctx, ids);
  co_return view_of(user, cart, now, currency_);
}

task<cart_view> shopping::view_after_change(const context& ctx, uuid user, stored_cart cart,
                                            knowledge before) {
  std::vector<uuid> others = ids_of(cart);
  std::erase_if(others, [&](uuid id) { return before.products.contains(id); });
  if (!others.empty()) {
    knowledge more = co_await goods_.about(ctx.with_time_limit(after_a_change), others);
    before.products.merge(more.products);
    before.available.merge(more.available);
  }
  co_return view_of(user, cart, before, currency_);
}

task<shopping::outcome> shopping::add(const context& ctx, uuid user, uuid product,
                                      std::int64_t quantity, std::optional<idempotency> key) {
  if (key) {
    const auto state = co_await carts_.find_key(ctx, user, *key);
    if (state == repository::key_state::used_for_another) {
      co_return std::unexpected(failure::key_reused);
    }
    if (state == repository::key_state::used) co_return co_await view(ctx, user);
  }
  knowledge before = co_await goods_.about(ctx, std::span(&product, 1));
  if (const auto why = objection(before.products, product, currency_)) {
    co_return std::unexpected(*why);
  }
  const line_change change{.product_id = product,
                           .quantity = quantity,
                           .now = snapshot_of(*before.products.at(product), now_ms())};
  auto cart = co_await carts_.add(ctx, user, change, key);
  if (!cart) co_return std::unexpected(cart.error());
  co_return co_await view_after_change(ctx, user, std::move(*cart), std::move(before));
}

task<shopping::outcome> shopping::set(const context& ctx, uuid user, uuid product,
                                      std::int64_t quantity) {
  line_change change{.product_id = product, .quantity = quantity};
  knowledge before;
  if (quantity > 0) {
    before = co_await goods_.about(ctx, std::span(&product, 1));
    if (const auto why = objection(before.products, product, currency_)) {
      co_return std::unexpected(*why);
    }
    change.now = snapshot_of(*before.products.at(product), now_ms());
  }
  auto cart = co_await carts_.set(ctx, user, change);
  if (!cart) co_return std::unexpected(cart.error());
  co_return co_await view_after_change(ctx, user, std::move(*cart), std::move(before));
}

}  // namespace souk::cart
