#include "placing.hpp"

#include <algorithm>
#include <unordered_map>

#include "kit/security.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;

// How often a request looks at an order that another process may be driving.
constexpr auto first_look = 250ms;
constexpr auto longest_look = 1000ms;
constexpr auto read_limit = 3s;
constexpr auto pricing_limit = 5s;

constexpr std::size_t keys_remembered = 10'000;

}  // namespace

std::optional<std::vector<order_line>> price(const cart& c, const std::vector<product>& products,
                                             const std::vector<stock_level>& stock,
                                             std::string_view currency) {
  std::unordered_map<uuid, const product*> by_id;
  for (const auto& p : products) by_id[p.id] = &p;
  std::unordered_map<uuid, std::int64_t> available;
  for (const auto& s : stock) available[s.product_id] = s.available;

  std::vector<order_line> lines;
  for (const auto& line : c.lines) {
    const auto found = by_id.find(line.product_id);
    if (found == by_id.end()) return std::nullopt;
    const auto& p = *found->second;
    if (p.variants_count > 0 || p.currency != currency) return std::nullopt;
    if (line.quantity < 1 || line.quantity > max_line_quantity) return std::nullopt;
    if (available[line.product_id] < line.quantity) return std::nullopt;
    const auto total = checked_multiply(p.price_minor, line.quantity);
    if (!total) return std::nullopt;
    lines.push_back({p.id, p.sku, p.name, p.image, line.quantity, p.price_minor, *total});
  }
  return lines;
}

// Two generations: the young one becomes the old one when it is full.
void recent_keys::add(std::string_view key) {
  if (young_.size() >= keys_remembered) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert(std::hash<std::string_view>{}(key));
}

bool recent_keys::may_have(std::string_view key) const {
  const auto hash = std::hash<std::string_view>{}(key);
  return young_.contains(hash) || old_.contains(hash);
}

bool placing::refuses_early(std::string_view key) const {
  return worker_.full() && !keys_.may_have(key);
}

task<std::expected<order_view, failure>> placing::place(const context& ctx, uuid user,
                                                        std::string_view key,
                                                        const new_order& wanted) {
  const auto until = std::min(steady_clock::now() + wait_, ctx.deadline);
  const auto hash = base64url_encode(security::sha256(json::write(wanted)));
  std::optional<order_record> o;
  // Who is new takes a place before asking the database: else, whenever one place is free, all who
  // come while that is asked would be looked up and priced, and then refused.
  std::optional<checkout::ticket> ticket;
  const auto takes_place = [&] {
    if (auto admitted = worker_.admit()) ticket.emplace(std::move(*admitted));
    return ticket.has_value();
  };
  if (!keys_.may_have(key) && !takes_place()) {
    co_return std::unexpected(order_error::overloaded);
  }
  for (;;) {
    if (auto found = co_await orders_.look_up(ctx, user, key, wanted.cart_revision)) {
      ticket.reset();
      if (found->idempotency_key != key) {
        co_return std::unexpected(failure{order_error::already_ordered, found->id});
      }
      if (found->request_hash != hash) co_return std::unexpected(order_error::key_reused);
      co_return co_await wait_for(ctx, std::move(*found), until);
    }
    if (!o) {
      if (!ticket && !takes_place()) co_return std::unexpected(order_error::overloaded);
      auto made = co_await make(ctx, user, wanted);
      if (!made) co_return std::unexpected(std::move(made.error()));
      o = std::move(*made);
      o->idempotency_key = key;
      o->request_hash = hash;
    }
    keys_.add(key);
    const auto sent = steady_clock::now();
    bool placed = false;
    bool unknown = false;
    try {
      placed = co_await orders_.place(ctx, *o, wanted.cart_revision);
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    if (unknown) {
      // If the row is there, it is ours by its id, and so is its first lease unless that has ended.
      // If not, it may still come: some worker finds it then when the lease is over, and a repeat
      // finds it by its key.
      auto found = co_await orders_.find(ctx.with_time_limit(read_limit), o->id);
      if (!found) throw pg::unavailable("it is not known whether the order was placed");
      if (found->token != 1) co_return co_await wait_for(ctx, std::move(*found), until);
      o = std::move(*found);
      placed = true;
    }
    if (!placed) continue;  // someone was faster: with this key, or with this cart
    order_view view = *o;
    order_watch::waiter waiter(watch_, view.id);  // from before the worker starts
    worker_.begin(ctx, std::move(*o), sent, std::move(*ticket));
    co_return co_await wait_for(ctx, std::move(view), until);
  }
}

// The order at its owners' prices, if it is what the shopper has confirmed.
task<std::expected<order_record, failure>> placing::make(const context& request, uuid user,
                                                         const new_order& wanted) {
  const auto ctx = request.with_time_limit(pricing_limit);
  if (wanted.currency != currency_) co_return std::unexpected(order_error::wrong_currency);
  const auto cart = co_await partners_.cart_of(ctx, user);
  if (cart.lines.empty()) {
    auto now = co_await partners_.whole_cart_of(ctx, user);
    co_return std::unexpected(failure{order_error::cart_empty, std::move(now)});
  }
  if (cart.revision == wanted.cart_revision) {
    std::vector<uuid> ids;
    for (const auto& line : cart.lines) ids.push_back(line.product_id);
    const auto products = co_await partners_.products(ctx, ids);
    const auto stock = co_await partners_.stock_of(ctx, ids);
    if (auto lines = price(cart, products, stock, currency_)) {
      const auto total = total_of(*lines);
      if (!total) co_return std::unexpected(order_error::total_too_large);
      if (*total == wanted.expected_total_minor) {
        order_record o;
        o.id = uuid::v7();
        o.user_id = user;
        o.currency = currency_;
        o.total_minor = *total;
        o.lines = std::move(*lines);
        o.address = wanted.address;
        o.payment_id = uuid::v7();
        o.payment_token = wanted.payment_token;
        o.traceparent = ctx.trace.traceparent();
        co_return o;
      }
    }
  }
  auto now = co_await partners_.whole_cart_of(ctx, user);
  co_return std::unexpected(failure{order_error::cart_changed, std::move(now)});
}

// The worker of this event loop tells when it has settled the order; for one that is driven
// elsewhere, the row is looked at now and then.
task<order_view> placing::wait_for(const context& ctx, order_view o,
                                   steady_clock::time_point until) {
  order_watch::waiter waiter(watch_, o.id);
  auto pause = std::chrono::milliseconds(first_look);
  while (is_being_placed(o.state) && steady_clock::now() < until) {
    auto settled = co_await waiter.wait_until(std::min(until, steady_clock::now() + pause));
    if (settled) {
      o = std::move(*settled);
    } else if (auto row =
                   co_await orders_.find_if_possible(ctx.with_time_limit(read_limit), o.id)) {
      o = std::move(*row);
    }
    pause = std::min(2 * pause, std::chrono::milliseconds(longest_look));
  }
  co_return o;
}

}  // namespace souk::order
