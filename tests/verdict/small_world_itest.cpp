#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "kit/postgres.hpp"
#include "kit/testing/servers.hpp"
#include "small_world.hpp"

namespace souk::product {
extern const std::span<const pg::migration> migrations;
}
namespace souk::order {
extern const std::span<const pg::migration> migrations;
}
namespace souk::payment {
extern const std::span<const pg::migration> migrations;
}
namespace souk::inventory {
extern const std::span<const pg::migration> migrations;
}
namespace souk::mock_gateway {
extern const std::span<const pg::migration> migrations;
}

namespace souk::verdict::testing {
namespace {

namespace asks = load::asks;

struct wanted {
  std::string product;
  std::int64_t quantity;
};
struct goods {
  std::int64_t price = 0, opening = 0;
};
const std::map<std::string, goods> catalogue{
    {"mug", {500, 100}}, {"pot", {1250, 50}}, {"lamp", {9900, 20}}, {"vase", {300, 0}}};

using events = std::vector<std::pair<std::string, std::string>>;  // type, state

// What became of an order, in all services.
struct ending {
  std::string name, shopper;
  std::vector<wanted> lines;
  events timeline;
  std::string reason{};  // of an undone order
  bool cancel_requested = false;
  // reserve, commit, release, expire: what inventory did; and in which state it ended.
  std::vector<std::string> movements{};
  std::string reservation{};
  std::string payment{}, charge{};  // states; empty: there is none
  // A refund: how much of the total, what goes back.
  struct refund {
    std::int64_t amount;
    std::vector<wanted> lines;
    bool cancellation;
    std::string state = "done";
  };
  std::optional<refund> back{};
  bool cleared = false;
  // What its shopper was told.
  int status = 201;
  std::string problem{}, told_state{"confirmed"};
  std::string card = "approve";
};

const events bought{{"placed", "pending"},        {"reserved", "reserved"},
                    {"authorized", "authorized"}, {"committed", "committed"},
                    {"captured", "captured"},     {"confirmed", "confirmed"}};

events operator+(events a, const events& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class builder {
 public:
  content build();

 private:
  void sql(const std::string& database, std::string text) { out_.sql[database] += text + ";\n"; }
  template <class... Args>
  void redis(Args... words) {
    out_.redis.push_back({std::string(words)...});
  }
  std::string time() const { return "'" + to_rfc3339(now_) + "'"; }
  void pass(int seconds) { now_ += std::chrono::seconds(seconds); }

  std::int64_t ask(const std::string& shopper, load::question what) {
    pass(1);
    out_.journal.push_back(
        load::ask{++n_, now_, shopper.empty() ? "" : id(shopper), std::move(what)});
    return n_;
  }
  void answer(std::int64_t to, load::answer a) {
    pass(1);
    a.n = ++n_;
    a.to = to;
    a.at = now_;
    out_.journal.push_back(std::move(a));
  }
  void lose(std::int64_t to) { out_.journal.push_back(load::lost{++n_, to, now_, "time over"}); }

  void move(const std::string& product, std::int64_t on_hand, std::int64_t reserved,
            const std::string& reason, const std::string& order, const std::string& key) {
    auto& s = stock_[product];
    s.first += on_hand;
    s.second += reserved;
    movements_ += fmt::format(
        "INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, order_id, key, "
        "actor, on_hand_after, reserved_after, at) VALUES ({}, {}, {}, '{}', {}, {}, 'test', {}, "
        "{}, {});\n",
        literal(product), on_hand, reserved, reason, order.empty() ? "NULL" : literal(order),
        key.empty() ? "NULL" : "'" + key + "'", s.first, s.second, time());
  }

  void make_catalogue();
  void deliver_to_warehouse();
  void begin_session(const std::string& shopper);
  void add_to_cart(const std::string& shopper, const wanted& w);
  void look_into_cart(const std::string& shopper);
  void make_order(const ending& e);
  void make_carts();
  void make_hesitating_shopper();
  void make_what_a_restore_has_reconciled();

  content out_;
  timestamp now_ = now() - std::chrono::hours(12);
  std::int64_t n_ = 0;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> stock_;
  std::string movements_;
  std::map<std::string, std::map<std::string, std::int64_t>> carts_;
};

void builder::make_catalogue() {
  for (const auto& [name, g] : catalogue) {
    sql("product",
        fmt::format("INSERT INTO products (id, sku, slug, name, description, categories, "
                    "attributes, price_minor, currency) VALUES ({}, '{}', '{}', '{}', '', '{{}}', "
                    "'{{}}', {}, 'USD')",
                    literal(name), name, name, name, g.price));
    if (g.opening == 0) continue;
    const auto key = "import:" + id(name);
    sql("product", fmt::format("INSERT INTO stock_messages (product_id, key, reason, quantity, "
                               "state) VALUES ({}, '{}', 'opening', {}, 'sent')",
                               literal(name), key, g.opening));
    move(name, g.opening, 0, "opening", "", key);
  }
  // The vase's opening stock was refused, and came as a stocktake.
  sql("product", fmt::format("INSERT INTO stock_messages (product_id, key, reason, quantity, "
                             "state, refusal) VALUES ({}, 'import:vase', 'opening', 7, 'refused', "
                             "'below-reserved')",
                             literal("vase")));
  sql("product", fmt::format("INSERT INTO stock_messages (product_id, key, reason, quantity, "
                             "state) VALUES ({}, 'stocktake:vase', 'stocktake', 12, 'sent')",
                             literal("vase")));
  move("vase", 12, 0, "stocktake", "", "stocktake:vase");
}

void builder::deliver_to_warehouse() {
  const auto deliver = [this](const std::string& product, std::int64_t delta,
                              const std::string& key) {
    return ask("", asks::delivery{.product_id = id(product), .delta = delta, .key = key});
  };
  // Acknowledged, with a repeat.
  auto n = deliver("mug", 10, "d-mug");
  move("mug", 10, 0, "delivery", "", "d-mug");
  answer(n, {.status = 200, .on_hand = 110});
  n = ask("", asks::delivery{.product_id = id("mug"), .delta = 10, .key = "d-mug", .repeats = n});
  answer(n, {.status = 200, .on_hand = 110});
  // Lost, and counted; lost, and not counted; refused.
  n = deliver("pot", 5, "d-pot");
  move("pot", 5, 0, "delivery", "", "d-pot");
  lose(n);
  lose(deliver("lamp", 3, "d-lamp"));
  n = deliver("lamp", -1000, "d-much");
  answer(n, {.status = 409, .problem = "/problems/below-reserved"});
}

void builder::begin_session(const std::string& shopper) {
  const auto n = ask("", asks::session{});
  answer(n, {.status = 201, .shopper = id(shopper)});
}

void builder::add_to_cart(const std::string& shopper, const wanted& w) {
  const auto n = ask(shopper, asks::add{.product_id = id(w.product), .quantity = w.quantity});
  answer(n, {.status = 200, .revision = "r"});
  carts_[shopper][w.product] += w.quantity;
}

void builder::look_into_cart(const std::string& shopper) {
  const auto n = ask(shopper, asks::cart{});
  std::vector<load::line> lines;
  for (const auto& [product, quantity] : carts_[shopper]) {
    if (quantity > 0) lines.push_back({id(product), quantity});
  }
  answer(n, {.status = 200, .revision = fmt::format("r{}", n), .lines = lines});
}

void builder::make_order(const ending& e) {
  if (!carts_.contains(e.shopper)) begin_session(e.shopper);
  for (const auto& w : e.lines) add_to_cart(e.shopper, w);
  look_into_cart(e.shopper);

  // The request.
  std::int64_t total = 0;
  asks::checkout request{.key = "key-" + e.name,
                         .cart_revision = "rev-" + e.name,
                         .total_minor = 0,
                         .card = e.card,
                         .lines = {},
                         .body_hash = "hash-" + e.name};
  for (const auto& w : e.lines) {
    const auto price = catalogue.at(w.product).price;
    request.lines.push_back({id(w.product), w.quantity, price});
    total += price * w.quantity;
  }
  request.total_minor = total;
  const auto n = ask(e.shopper, request);

  // Order.
  const auto made = time();
  const auto& last = e.timeline.back();
  const std::int64_t refunded = e.back ? e.back->amount : 0;
  sql("order",
      fmt::format("INSERT INTO orders (id, user_id, idempotency_key, request_hash, cart_revision, "
                  "traceparent, currency, total_minor, address, payment_id, payment_token, state, "
                  "reason, refunded_minor, cancel_requested, version, created_at, token) VALUES "
                  "({}, {}, '{}', 'h', '{}', 't', 'USD', {}, '{{}}', {}, 'tok', '{}', {}, {}, {}, "
                  "{}, {}, 1)",
                  literal(e.name), literal(e.shopper), request.key, request.cart_revision, total,
                  payment_of(e.name), last.second, e.reason.empty() ? "NULL" : "'" + e.reason + "'",
                  refunded, e.cancel_requested, e.timeline.size(), made));
  int position = 0;
  for (const auto& l : request.lines) {
    sql("order", fmt::format("INSERT INTO order_lines VALUES ('{}', {}, '{}', 'sku', 'name', NULL, "
                             "{}, {}, {})",
                             id(e.name), ++position, l.product_id, l.quantity, l.unit_price_minor,
                             l.quantity * l.unit_price_minor));
  }
  int seq = 0;
  for (const auto& [type, state] : e.timeline) {
    sql("order", fmt::format("INSERT INTO order_events VALUES ({}, {}, '{}', '{}', {}, NULL)",
                             literal(e.name), ++seq, type, state, time()));
  }

  // Stock.
  std::map<std::string, std::int64_t> returned;
  for (const auto& reason : e.movements) {
    for (const auto& w : e.lines) {
      const auto q = w.quantity;
      if (reason == "reserve") move(w.product, 0, q, reason, e.name, "");
      if (reason == "commit") move(w.product, -q, -q, reason, e.name, "");
      if (reason == "release" || reason == "expire") move(w.product, 0, -q, reason, e.name, "");
      if (reason == "return") {
        move(w.product, q, 0, reason, e.name, "");
        returned[w.product] += q;
      }
    }
  }
  if (e.back && !e.back->cancellation) {
    for (const auto& w : e.back->lines) {
      move(w.product, w.quantity, 0, "return", e.name, "");
      returned[w.product] += w.quantity;
    }
  }
  if (!e.reservation.empty()) {
    sql("inventory", fmt::format("INSERT INTO reservations (order_id, state, expires_at) VALUES "
                                 "({}, '{}', {})",
                                 literal(e.name), e.reservation, time()));
    if (!e.movements.empty()) {
      for (const auto& w : e.lines) {
        sql("inventory",
            fmt::format("INSERT INTO reservation_lines VALUES ({}, {}, {}, {})", literal(e.name),
                        literal(w.product), w.quantity, returned[w.product]));
      }
    }
  }

  // Money.
  if (!e.payment.empty()) {
    const bool captured = e.payment == "captured";
    sql("payment",
        fmt::format("INSERT INTO payments (id, order_id, user_id, state, reason, amount_minor, "
                    "currency, captured_minor, refunded_minor) VALUES ({}, {}, '{}', '{}', {}, {}, "
                    "'USD', {}, {})",
                    payment_of(e.name), literal(e.name), id(e.shopper), e.payment,
                    e.payment == "declined" || e.payment == "refused" ? "'no'" : "NULL", total,
                    captured ? total : 0, refunded));
  }
  if (!e.charge.empty()) {
    const bool captured = e.charge == "captured";
    const bool approved = captured || e.charge == "voided" || e.charge == "capture_refused";
    sql("mock_gateway",
        fmt::format("INSERT INTO charges (reference, merchant_order, state, asked_minor, currency, "
                    "authorized_minor, captured_minor, voided_minor, refunded_minor) VALUES ({}, "
                    "{}, '{}', {}, 'USD', {}, {}, {}, {})",
                    payment_of(e.name), literal(e.name), e.charge, total, approved ? total : 0,
                    captured ? total : 0, approved && !captured ? total : 0, refunded));
  }
  if (e.back) {
    std::string lines;
    for (const auto& w : e.back->lines) {
      lines += fmt::format("{}{{\"product_id\":\"{}\",\"quantity\":{}}}", lines.empty() ? "" : ",",
                           id(w.product), w.quantity);
    }
    sql("order", fmt::format("INSERT INTO refunds (id, order_id, idempotency_key, request_hash, "
                             "state, amount_minor, reason, lines, cancellation) VALUES ({}, {}, "
                             "{}, {}, '{}', {}, 'why', '[{}]', {})",
                             refund_of(e.name), literal(e.name),
                             e.back->cancellation ? "NULL" : "'refund-" + e.name + "'",
                             e.back->cancellation ? "NULL" : "'h'", e.back->state, e.back->amount,
                             lines, e.back->cancellation));
    sql("payment", fmt::format("INSERT INTO refunds (refund_id, payment_id, state, amount_minor, "
                               "reason) VALUES ({}, {}, 'refunded', {}, 'why')",
                               refund_of(e.name), payment_of(e.name), e.back->amount));
    sql("mock_gateway", fmt::format("INSERT INTO refunds (refund_reference, reference, "
                                    "amount_minor, outcome) VALUES ({}, {}, {}, 'refunded')",
                                    refund_of(e.name), payment_of(e.name), e.back->amount));
  }

  // The cart.
  if (e.cleared) {
    redis("ZADD", "orders", "0", id(e.name) + " " + id(e.shopper));
    redis("ZADD", cart_of(e.shopper) + ":orders", "1", id(e.name));
    for (const auto& w : e.lines) {
      auto& left = carts_[e.shopper][w.product];
      left = std::max<std::int64_t>(0, left - w.quantity);
    }
  }

  // What the shopper was told, and what was asked about it later.
  if (e.status == 0) {
    lose(n);
  } else {
    load::answer told{.status = e.status, .order_id = id(e.name)};
    if (!e.problem.empty()) told.problem = "/problems/" + e.problem;
    if (!e.told_state.empty()) told.state = e.told_state;
    answer(n, told);
  }
  pass(60);
  if (e.cancel_requested) {
    const auto wish = ask(e.shopper, asks::cancel{id(e.name)});
    answer(wish, {.status = 202, .state = "reserved"});
  }
  if (e.back && !e.back->cancellation) {
    std::vector<load::line> lines;
    for (const auto& w : e.back->lines) lines.push_back({id(w.product), w.quantity});
    asks::refund wish{.order_id = id(e.name),
                      .key = "refund-" + e.name,
                      .amount_minor = e.back->amount,
                      .lines = lines};
    const auto lost = ask("", wish);
    lose(lost);
    wish.repeats = lost;
    answer(ask("", wish),
           {.status = 201, .state = "done", .refund_id = refund_of(e.name).substr(1, 36)});
  }
  for (const auto& [type, state] : e.timeline) {
    if (type == "shipped") {
      answer(ask("", asks::ship{id(e.name)}), {.status = 200, .state = "shipped"});
    }
    if (type == "delivered") {
      answer(ask("", asks::deliver{id(e.name)}), {.status = 200, .state = "delivered"});
    }
  }
  const auto state = ask(e.shopper, asks::order{id(e.name)});
  answer(state, {.status = 200, .state = last.second});
  const auto timeline = ask(e.shopper, asks::events{id(e.name)});
  std::vector<load::timeline_event> read;
  for (const auto& [type, s] : e.timeline) {
    read.push_back({static_cast<std::int64_t>(read.size()) + 1, type, s});
  }
  answer(timeline, {.status = 200, .events = read});
  pass(600);
}

// Whose answers get lost: what may lie in the cart is not certain, what does is among it.
void builder::make_hesitating_shopper() {
  const std::string who = "hesitating";
  begin_session(who);
  lose(ask(who, asks::add{.product_id = id("mug"), .quantity = 2}));  // counted
  lose(ask(who, asks::add{.product_id = id("mug"), .quantity = 5}));  // not counted
  const auto first = ask(who, asks::add{.product_id = id("pot"), .quantity = 1, .key = "a1"});
  lose(first);
  const auto again =
      ask(who, asks::add{.product_id = id("pot"), .quantity = 1, .key = "a1", .repeats = first});
  answer(again, {.status = 200, .revision = "r"});
  lose(ask(who, asks::set{id("pot"), 4}));  // carried out
  auto n = ask(who, asks::add{.product_id = id("lamp"), .quantity = 3});
  answer(n, {.status = 200, .revision = "r"});
  n = ask(who, asks::remove{id("lamp")});
  answer(n, {.status = 200, .revision = "r"});
  n = ask(who, asks::add{.product_id = id("lamp"), .quantity = 2000});
  answer(n, {.status = 409, .problem = "/problems/quantity-limit"});
  carts_[who] = {{"mug", 2}, {"pot", 4}, {"lamp", 0}};
  pass(600);
}

// Of an order made after the backup.
void builder::make_what_a_restore_has_reconciled() {
  const std::string name = "forgotten";
  sql("payment", fmt::format("INSERT INTO payments (id, order_id, user_id, state, reason, "
                             "amount_minor, currency, captured_minor, refunded_minor) VALUES ({}, "
                             "{}, '', 'captured', 'reconciled', 500, 'USD', 500, 500)",
                             payment_of(name), literal(name)));
  sql("payment", fmt::format("INSERT INTO refunds (refund_id, payment_id, state, amount_minor, "
                             "reason) VALUES ({}, {}, 'refunded', 500, 'reconciled')",
                             refund_of(name), payment_of(name)));
  sql("mock_gateway",
      fmt::format("INSERT INTO charges (reference, merchant_order, state, asked_minor, currency, "
                  "authorized_minor, captured_minor, refunded_minor) VALUES ({}, {}, 'captured', "
                  "500, 'USD', 500, 500, 500)",
                  payment_of(name), literal(name)));
  sql("mock_gateway", fmt::format("INSERT INTO refunds (refund_reference, reference, amount_minor, "
                                  "outcome) VALUES ({}, {}, 500, 'refunded')",
                                  refund_of(name), payment_of(name)));
}

void builder::make_carts() {
  for (const auto& [shopper, lines] : carts_) {
    redis("HSET", cart_of(shopper), "revision", "r");
    for (const auto& [product, quantity] : lines) {
      if (quantity == 0) continue;
      redis("HSET", cart_of(shopper), id(product), std::to_string(quantity));
      redis("HSET", cart_of(shopper), id(product) + ":when_added", "{}");
    }
  }
  // Of somebody that no journal knows.
  redis("HSET", cart_of("stranger"), "revision", "r", id("mug"), "3", id("mug") + ":when_added",
        "{}");
}

content builder::build() {
  out_.journal.push_back(load::run_begun{id_of("run"), 7, now_, "http://127.0.0.1:8088", "USD"});
  make_catalogue();
  deliver_to_warehouse();

  const std::vector<std::string> sold{"reserve", "commit"};
  const std::vector<wanted> basket{{"mug", 2}, {"pot", 1}};
  constexpr std::int64_t total = 2 * 500 + 1250;
  make_order({.name = "confirmed",
              .shopper = "anna",
              .lines = basket,
              .timeline = bought,
              .movements = sold,
              .reservation = "committed",
              .payment = "captured",
              .charge = "captured",
              .cleared = true});
  // Answered when it was on its way.
  make_order({.name = "slow",
              .shopper = "anna",
              .lines = basket,
              .timeline = bought,
              .movements = sold,
              .reservation = "committed",
              .payment = "captured",
              .charge = "captured",
              .cleared = true,
              .status = 202,
              .told_state = "authorized"});
  make_order({.name = "shipped",
              .shopper = "ben",
              .lines = {{"lamp", 1}},
              .timeline = bought + events{{"shipped", "shipped"}},
              .movements = sold,
              .reservation = "committed",
              .payment = "captured",
              .charge = "captured",
              .cleared = true,
              .card = "slow"});
  // A part is paid back, and a part of the goods comes back.
  make_order({.name = "delivered",
              .shopper = "ben",
              .lines = {{"mug", 4}},
              .timeline = bought + events{{"shipped", "shipped"},
                                          {"delivered", "delivered"},
                                          {"refund-requested", "delivered"},
                                          {"refund-started", "delivered"},
                                          {"refunded", "delivered"},
                                          {"restocked", "delivered"}},
              .movements = sold,
              .reservation = "committed",
              .payment = "captured",
              .charge = "captured",
              .back = ending::refund{700, {{"mug", 1}}, false},
              .cleared = true});
  // Never answered.
  make_order({.name = "lost",
              .shopper = "carl",
              .lines = {{"vase", 3}},
              .timeline = bought,
              .movements = sold,
              .reservation = "committed",
              .payment = "captured",
              .charge = "captured",
              .cleared = true,
              .status = 0});

  make_order({.name = "out-of-stock",
              .shopper = "dora",
              .lines = {{"lamp", 19}},
              .timeline = {{"placed", "pending"}, {"undoing", "pending"}, {"rejected", "rejected"}},
              .reason = "out-of-stock",
              .reservation = "released",
              .status = 409,
              .problem = "out-of-stock",
              .told_state = "rejected"});
  make_order({.name = "declined",
              .shopper = "emil",
              .lines = basket,
              .timeline = {{"placed", "pending"},
                           {"reserved", "reserved"},
                           {"undoing", "reserved"},
                           {"rejected", "rejected"}},
              .reason = "payment-declined",
              .movements = {"reserve", "release"},
              .reservation = "released",
              .payment = "declined",
              .charge = "declined",
              .status = 402,
              .problem = "payment-declined",
              .told_state = "rejected",
              .card = "decline"});
  make_order({.name = "expired",
              .shopper = "fay",
              .lines = basket,
              .timeline = {{"placed", "pending"},
                           {"reserved", "reserved"},
                           {"authorized", "authorized"},
                           {"undoing", "authorized"},
                           {"payment-voided", "authorized"},
                           {"rejected", "rejected"}},
              .reason = "hold-expired",
              .movements = {"reserve", "expire"},
              .reservation = "expired",
              .payment = "voided",
              .charge = "voided",
              .status = 409,
              .problem = "hold-expired",
              .told_state = "rejected"});
  make_order({.name = "refused",
              .shopper = "gina",
              .lines = basket,
              .timeline = {{"placed", "pending"},
                           {"reserved", "reserved"},
                           {"authorized", "authorized"},
                           {"committed", "committed"},
                           {"undoing", "committed"},
                           {"rejected", "rejected"}},
              .reason = "payment-refused",
              .movements = {"reserve", "commit", "return"},
              .reservation = "returned",
              .payment = "refused",
              .charge = "capture_refused",
              .status = 409,
              .problem = "payment-refused",
              .told_state = "rejected",
              .card = "capture_refused"});
  make_order({.name = "cancelled-early",
              .shopper = "hugo",
              .lines = basket,
              .timeline = {{"placed", "pending"},
                           {"cancel-requested", "pending"},
                           {"undoing", "reserved"},
                           {"cancelled", "cancelled"}},
              .reason = "cancelled",
              .cancel_requested = true,
              .movements = {"reserve", "release"},
              .reservation = "released",
              .status = 202,
              .told_state = "pending"});
  make_order({.name = "cancelled-late",
              .shopper = "ida",
              .lines = basket,
              .timeline = bought + events{{"cancel-requested", "confirmed"},
                                          {"refunding", "refunding"},
                                          {"refunded", "restocking"},
                                          {"cancelled", "cancelled"}},
              .reason = "cancelled",
              .cancel_requested = true,
              .movements = {"reserve", "commit", "return"},
              .reservation = "returned",
              .payment = "captured",
              .charge = "captured",
              .back = ending::refund{total, {}, true},
              .cleared = true});
  make_hesitating_shopper();
  make_what_a_restore_has_reconciled();
  make_carts();

  std::string stock;
  for (const auto& [product, s] : stock_) {
    stock += fmt::format("INSERT INTO stock (product_id, on_hand, reserved) VALUES ({}, {}, {});\n",
                         literal(product), s.first, s.second);
  }
  out_.sql["inventory"] = stock + out_.sql["inventory"] + movements_;
  return std::move(out_);
}

std::string* url_in(stores& s, const std::string& database) {
  if (database == "product") return &s.product;
  if (database == "order") return &s.order;
  if (database == "payment") return &s.payment;
  if (database == "inventory") return &s.inventory;
  if (database == "mock_gateway") return &s.mock_gateway;
  throw std::logic_error("no such database");
}

}  // namespace

uuid id_of(std::string_view name) {
  return uuid::derived("verdict", name);
}
std::string id(std::string_view name) {
  return id_of(name).str();
}
std::string literal(std::string_view name) {
  return "'" + id(name) + "'";
}
std::string payment_of(std::string_view order) {
  return literal("payment of " + std::string(order));
}
std::string refund_of(std::string_view order) {
  return literal("refund of " + std::string(order));
}
std::string cart_of(std::string_view shopper) {
  return "cart:{" + id(shopper) + "}";
}

content small_world() {
  return builder().build();
}

servers::servers() : content_(small_world()) {
  const std::pair<std::string, std::span<const pg::migration>> all[] = {
      {"product", product::migrations},
      {"order", order::migrations},
      {"payment", payment::migrations},
      {"inventory", inventory::migrations},
      {"mock_gateway", mock_gateway::migrations}};
  auto& server = souk::testing::postgres();
  for (const auto& [database, migrations] : all) {
    const auto name = database_in(souk::testing::fresh_database(migrations));
    empty_[database] = database_in(souk::testing::fresh_database(migrations));
    server.execute(name, content_.sql[database]);
    templates_[database] = name;
    // Nobody may be connected to what is copied.
    const auto copy = "clean_" + database;
    server.execute("postgres",
                   fmt::format("CREATE DATABASE {} TEMPLATE {} OWNER souk", copy, name));
    *url_in(clean_, database) = server.url(copy);
  }
  clean_.redis = souk::testing::fresh_redis();
  fill_redis();
}

void servers::fill_redis() {
  souk::testing::redis().command({"FLUSHALL"});
  for (const auto& c : content_.redis) souk::testing::redis().command(c);
}

stores servers::changed(const std::map<std::string, std::string>& sql,
                        const std::vector<redis_command>& redis) {
  stores out = clean_;
  auto& server = souk::testing::postgres();
  for (const auto& [database, text] : sql) {
    const auto copy = fmt::format("changed_{}", ++made_);
    server.execute("postgres", fmt::format("CREATE DATABASE {} TEMPLATE {} OWNER souk", copy,
                                           templates_.at(database)));
    copies_.push_back(copy);
    server.execute(copy, text);
    *url_in(out, database) = server.url(copy);
  }
  for (const auto& c : redis) souk::testing::redis().command(c);
  return out;
}

namespace {

// Identifiers of many things: the kind, then the number.
std::string numbered(std::string_view kind, int number) {
  return fmt::format("{}0000000-0000-7000-8000-{:012}", kind, number);
}
// The same in SQL, for the column i.
std::string numbered(std::string_view kind) {
  return fmt::format("('{}0000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid", kind);
}

}  // namespace

stores servers::many_orders(int orders) {
  const auto mug = literal("mug");
  const auto from = fmt::format(" FROM generate_series(1, {}) AS i", orders);
  const auto order = numbered("1"), shopper = numbered("2"), payment = numbered("3");
  const std::string at("now() - interval '1 day'");
  const std::map<std::string, std::string> sql{
      {"product", ""},
      {"order",
       fmt::format(
           "INSERT INTO orders (id, user_id, idempotency_key, request_hash, cart_revision, "
           "traceparent, currency, total_minor, address, payment_id, payment_token, state, "
           "version, "
           "token, created_at) SELECT {0}, {1}, 'key-' || i, 'h', 'rev-' || i, 't', 'USD', 500, "
           "'{{}}', {2}, 'tok', 'confirmed', 6, 1, {4} {3};"
           "INSERT INTO order_lines SELECT {0}, 1, {5}, 'sku', 'name', NULL, 1, 500, 500 {3};"
           "INSERT INTO order_events SELECT {0}, seq, CASE seq WHEN 1 THEN 'placed' ELSE state "
           "END, "
           "state, {4} {3}, ROWS FROM (unnest(ARRAY['pending', 'reserved', 'authorized', "
           "'committed', 'captured', 'confirmed'])) WITH ORDINALITY AS e (state, seq);",
           order, shopper, payment, from, at, mug)},
      {"payment",
       fmt::format("INSERT INTO payments (id, order_id, user_id, state, amount_minor, currency, "
                   "captured_minor) SELECT {}, {}, {}::text, 'captured', 500, 'USD', 500 {};",
                   payment, order, shopper, from)},
      {"mock_gateway",
       fmt::format("INSERT INTO charges (reference, merchant_order, state, asked_minor, currency, "
                   "authorized_minor, captured_minor) SELECT {}, {}, 'captured', 500, 'USD', 500, "
                   "500 {};",
                   payment, order, from)},
      {"inventory",
       fmt::format(
           "INSERT INTO stock (product_id, on_hand) VALUES ({0}, 10);"
           "INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, actor, "
           "on_hand_after, reserved_after) VALUES ({0}, {1} + 10, 0, 'delivery', 'x', {1} + 10, 0);"
           "INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, order_id, "
           "actor, on_hand_after, reserved_after) SELECT {0}, -step, 1 - 2 * step, CASE step WHEN "
           "0 "
           "THEN 'reserve' ELSE 'commit' END, {2}, 'x', {1} + 11 - i - step, 1 - step {3}, "
           "generate_series(0, 1) AS step ORDER BY i, step;"
           "INSERT INTO reservations (order_id, state) SELECT {2}, 'committed' {3};"
           "INSERT INTO reservation_lines SELECT {2}, {0}, 1, 0 {3};",
           mug, orders, order, from)}};
  stores out = clean_;
  auto& server = souk::testing::postgres();
  for (const auto& [database, text] : sql) {
    if (!text.empty()) server.execute(empty_.at(database), text);
    *url_in(out, database) = server.url(empty_.at(database));
  }
  auto& redis = souk::testing::redis();
  redis.command({"FLUSHALL"});
  constexpr int at_once = 500;
  for (int i = 1; i <= orders;) {
    redis_command all{"ZADD", "orders"};
    std::string each;
    for (const int end = std::min(orders, i + at_once - 1); i <= end; ++i) {
      const auto user = numbered("2", i);
      all.insert(all.end(), {"0", numbered("1", i) + " " + user});
      each += fmt::format(
          "redis.call('HSET','cart:{{{0}}}','revision','r')"
          "redis.call('ZADD','cart:{{{0}}}:orders',1,'{1}')",
          user, numbered("1", i));
    }
    redis.command(all);
    redis.command({"EVAL", each, "0"});
  }
  return out;
}

std::vector<load::journal_record> journal_of_many(int orders) {
  std::vector<load::journal_record> all;
  timestamp at = now() - std::chrono::days(1);
  all.push_back(load::run_begun{id_of("run"), 7, at, "http://127.0.0.1:8088", "USD"});
  std::int64_t n = 0;
  const auto say = [&](const std::string& shopper, load::question what, load::answer a) {
    at += std::chrono::milliseconds(100);
    all.push_back(load::ask{n + 1, at, shopper, std::move(what)});
    a.n = n + 2;
    a.to = n + 1;
    a.at = at;
    all.push_back(std::move(a));
    n += 2;
  };
  const auto mug = id("mug");
  for (int i = 1; i <= orders; ++i) {
    const auto shopper = numbered("2", i);
    const auto order = numbered("1", i);
    say("", asks::session{}, {.status = 201, .shopper = shopper});
    say(shopper, asks::add{.product_id = mug, .quantity = 1}, {.status = 200, .revision = "r"});
    say(shopper, asks::cart{},
        {.status = 200, .revision = "r", .lines = std::vector<load::line>{{mug, 1}}});
    say(shopper,
        asks::checkout{.key = fmt::format("key-{}", i),
                       .cart_revision = fmt::format("rev-{}", i),
                       .total_minor = 500,
                       .card = "approve",
                       .lines = {{mug, 1, 500}},
                       .body_hash = "h"},
        {.status = 201, .order_id = order, .state = "confirmed"});
    say(shopper, asks::order{order}, {.status = 200, .state = "confirmed"});
    say(shopper, asks::cart{},
        {.status = 200, .revision = "r0", .lines = std::vector<load::line>{}});
  }
  return all;
}

void servers::restore() {
  for (const auto& copy : copies_) {
    souk::testing::postgres().execute("postgres",
                                      fmt::format("DROP DATABASE {} WITH (FORCE)", copy));
  }
  copies_.clear();
  fill_redis();
}

std::string database_in(const std::string& url) {
  const auto name = url.substr(url.rfind('/') + 1);
  return name.substr(0, name.find('?'));
}

std::filesystem::path write_journal(const std::vector<load::journal_record>& records) {
  static int made = 0;
  const auto path = std::filesystem::temp_directory_path() /
                    fmt::format("souk-verdict-{}-{}.journal", ::getpid(), ++made);
  std::ofstream file(path);
  for (const auto& r : records) file << load::to_line(r) << '\n';
  return path;
}

}  // namespace souk::verdict::testing
