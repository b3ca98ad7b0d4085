#include "load/staff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "kit/json.hpp"

namespace souk::load {

BOOST_DESCRIBE_STRUCT(line, (), (product_id, quantity))
BOOST_DESCRIBE_STRUCT(order_to_handle, (), (id, state, total_minor, refunded_minor, lines))

namespace {

using namespace std::chrono_literals;

constexpr auto limit = 10s;
constexpr int most_attempts = 6;
// Stock below this is restocked.
constexpr std::int64_t low = 20;

struct credentials {
  std::string username, password;
};
BOOST_DESCRIBE_STRUCT(credentials, (), (username, password))

struct session {
  std::string token;
};
BOOST_DESCRIBE_STRUCT(session, (), (token))

struct stock {
  std::string product_id;
  std::optional<std::int64_t> on_hand;
};
BOOST_DESCRIBE_STRUCT(stock, (), (product_id, on_hand))

struct stock_page {
  std::vector<stock> items;
};
BOOST_DESCRIBE_STRUCT(stock_page, (), (items))

struct adjustment {
  std::int64_t delta = 0;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(adjustment, (), (delta, reason))

struct new_status {
  std::string status;
};
BOOST_DESCRIBE_STRUCT(new_status, (), (status))

struct new_refund {
  std::int64_t amount_minor = 0;
  std::string reason;
  std::optional<std::vector<line>> lines;
};
BOOST_DESCRIBE_STRUCT(new_refund, (), (amount_minor, reason, lines))

struct refund_view {
  std::string id, state;
};
BOOST_DESCRIBE_STRUCT(refund_view, (), (id, state))

bool read_on_hand(const reply& got, answer& a) {
  if (!got.ok()) return true;
  const auto item = json::read_lenient<stock>(got.body);
  if (!item || !item->on_hand) return false;
  a.on_hand = item->on_hand;
  return true;
}

bool read_refund(const reply& got, answer& a) {
  if (!got.ok()) return true;
  auto refund = json::read_lenient<refund_view>(got.body);
  if (!refund) return false;
  a.refund_id = std::move(refund->id);
  a.state = std::move(refund->state);
  return true;
}

struct state_view {
  std::string state;
};
BOOST_DESCRIBE_STRUCT(state_view, (), (state))

bool read_state(const reply& got, answer& a) {
  if (!got.ok()) return true;
  auto order = json::read_lenient<state_view>(got.body);
  if (!order) return false;
  a.state = std::move(order->state);
  return true;
}

struct order_page {
  std::vector<order_to_handle> items;
};
BOOST_DESCRIBE_STRUCT(order_page, (), (items))

}  // namespace

void staff::begin() {
  chance by(static_cast<std::uint64_t>(market_.how.seed), ~std::uint64_t{0});
  const chance at_door = by.fork(), in_store_room = by.fork(), packing = by.fork(),
               driving = by.fork(), at_desk = by.fork();
  market_.begin("sign-in", sign_in(at_door));
  market_.begin("restocking", restock(in_store_room));
  market_.begin("shipping", move_orders(packing, "confirmed", "shipped"));
  market_.begin("delivering", move_orders(driving, "shipped", "delivered"));
  market_.begin("refunding", refund(at_desk));
}

task<> staff::sign_in(chance by) {
  for (int attempt = 0; market_.open(); co_await pause(by, 200ms, 300ms)) {
    if (!token_.empty()) {
      attempt = 0;
      continue;
    }
    const auto got = co_await market_.store.ask(
        {.action = action::sign_in,
         .call = http::post("/api/session/admin", credentials{"admin", password_}).within(limit),
         .intended = steady_clock::now()});
    const auto s = got.ok() ? json::read_lenient<session>(got.body)
                            : std::expected<session, json::errors>(std::unexpect);
    if (s) {
      token_ = s->token;
      continue;
    }
    if (got.status == 401) {
      fmt::print(stderr, "souk-shoppers: the administrator's password is wrong; no staff works\n");
      refused_ = true;
      co_return;
    }
    co_await pause_until(market_, steady_clock::now() + pause_after(by, ++attempt, got));
  }
}

task<bool> staff::signed_in() {
  while (market_.open() && !refused_ && token_.empty()) co_await sleep_for(50ms);
  co_return market_.open() && !refused_;
}

task<> staff::pause(chance& by, std::chrono::milliseconds from, std::chrono::milliseconds to) {
  const auto until = steady_clock::now() + by.within(from, to);
  while (market_.open() && steady_clock::now() < until) {
    co_await sleep_until(std::min(until, steady_clock::now() + 100ms));
  }
}

http::call staff::as_admin(http::call c) const {
  return std::move(c).header("Authorization", "Bearer " + token_).within(limit);
}

std::string staff::new_key() {
  return uuid::derived(market_.run.str(), "staff/" + std::to_string(++keys_)).str();
}

void staff::saw(const reply& got) {
  if (got.status == 401) token_.clear();
}

task<> staff::restock(chance by) {
  while (co_await signed_in()) {
    std::set<std::string> sold_here;
    for (const auto& p : market_.goods.products()) sold_here.insert(p.id);
    const auto got = co_await market_.store.ask(
        {.action = action::low_stock,
         .call = as_admin(http::get(fmt::format("/api/inventory?below={}&limit=100", low))),
         .intended = steady_clock::now()});
    saw(got);
    const auto page = got.ok() ? json::read_lenient<stock_page>(got.body)
                               : std::expected<stock_page, json::errors>(std::unexpect);
    if (page) {
      for (const auto& item : page->items) {
        if (!market_.open() || token_.empty()) break;
        if (!sold_here.contains(item.product_id) || by.happens(0.3)) continue;
        const auto delta = by.between(10, 60);
        const auto key = new_key();
        std::int64_t first = 0;
        saw(co_await persist(
            market_, by, most_attempts,
            {.action = action::delivery,
             .call = as_admin(http::post("/api/inventory/" + item.product_id + "/adjustments",
                                         adjustment{delta, "delivery"})
                                  .header("Idempotency-Key", key)),
             .intended = steady_clock::now()},
            "", asks::delivery{.product_id = item.product_id, .delta = delta, .key = key},
            read_on_hand, first));
      }
    }
    co_await pause(by, 500ms, 1'500ms);
  }
}

task<std::vector<order_to_handle>> staff::some_orders(std::string state) {
  const auto got = co_await market_.store.ask(
      {.action = action::orders,
       .call = as_admin(http::get("/api/orders?limit=50&state=" + state)),
       .intended = steady_clock::now()});
  saw(got);
  if (!got.ok()) co_return std::vector<order_to_handle>{};
  auto page = json::read_lenient<order_page>(got.body);
  if (!page) co_return std::vector<order_to_handle>{};
  co_return std::move(page->items);
}

task<> staff::move_orders(chance by, std::string from, std::string to) {
  const bool ships = to == "shipped";
  while (co_await signed_in()) {
    for (const auto& o : co_await some_orders(from)) {
      if (!market_.open() || token_.empty()) break;
      if (by.happens(0.5)) continue;  // somebody may want to cancel it
      http::call call{.method = http::method::patch,
                      .path = "/api/orders/" + http::url_encode(o.id) + "/status",
                      .body = json::write(new_status{to})};
      const question what = ships ? question(asks::ship{o.id}) : question(asks::deliver{o.id});
      std::int64_t first = 0;
      saw(co_await persist(market_, by, most_attempts,
                           {.action = ships ? action::ship : action::deliver,
                            .call = as_admin(std::move(call)),
                            .intended = steady_clock::now()},
                           "", what, read_state, first));
    }
    co_await pause(by, 300ms, 1'200ms);
  }
}

task<> staff::refund(chance by) {
  static constexpr chance::weighted<const char*> states[] = {
      {4, "confirmed"}, {3, "shipped"}, {3, "delivered"}};
  while (co_await signed_in()) {
    for (const auto& o : co_await some_orders(by.one_of<const char*>(states))) {
      if (!market_.open() || token_.empty()) break;
      if (!by.happens(0.06)) continue;
      // Now and then more than is left: that must be refused.
      const auto amount =
          by.between(1, std::max<std::int64_t>(1, o.total_minor - o.refunded_minor)) +
          (by.happens(0.05) ? o.total_minor : 0);
      new_refund wanted{.amount_minor = amount, .reason = "came back"};
      asks::refund what{.order_id = o.id, .key = new_key(), .amount_minor = amount};
      if (!o.lines.empty() && by.happens(0.5)) {
        const auto& l = o.lines[by.index(o.lines.size())];
        what.lines = {{l.product_id, by.between(1, l.quantity)}};
        wanted.lines = what.lines;
      }
      std::int64_t first = 0;
      const auto key = what.key;
      saw(co_await persist(
          market_, by, most_attempts,
          {.action = action::refund,
           .call = as_admin(http::post("/api/orders/" + http::url_encode(o.id) + "/refunds", wanted)
                                .header("Idempotency-Key", key)),
           .intended = steady_clock::now()},
          "", std::move(what), read_refund, first));
    }
    co_await pause(by, 400ms, 1'600ms);
  }
}

}  // namespace souk::load
