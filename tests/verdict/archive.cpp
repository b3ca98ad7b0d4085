#include "archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <set>

namespace souk::verdict {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 120s;

// Snapshots wait while other databases are read.
constexpr pg::statement keep_snapshot{"keep_snapshot",
                                      "SET LOCAL idle_in_transaction_session_timeout = 0"};

// ---------------------------------------------------------------------------------------------
// Is it at rest?

constexpr pg::statement count_unfinished_orders{"count_unfinished_orders", R"(
  SELECT (SELECT count(*) FROM orders
          WHERE state NOT IN ('confirmed', 'shipped', 'delivered', 'rejected', 'cancelled')
             OR due_at IS NOT NULL OR step IS NOT NULL
             OR (state = 'confirmed' AND cancel_requested))
       + (SELECT count(*) FROM refunds WHERE state NOT IN ('done', 'refused')))",
                                                patience};

constexpr pg::statement count_unsettled_payments{"count_unsettled_payments", R"(
  SELECT (SELECT count(*) FROM payments
          WHERE state IN ('authorizing', 'capturing', 'voiding')
             OR (state = 'authorized' AND void_requested))
       + (SELECT count(*) FROM refunds WHERE state = 'refunding'))",
                                                 patience};

constexpr pg::statement count_holds{"count_holds", R"(
  SELECT count(*) FROM reservations WHERE state = 'held')",
                                    patience};

constexpr pg::statement count_waiting_messages{"count_waiting_messages", R"(
  SELECT count(*) FROM stock_messages WHERE state = 'waiting')",
                                               patience};

constexpr pg::statement order_fingerprint{"order_fingerprint", R"(
  SELECT format('%s %s %s %s', count(*), sum(version), max(updated_at),
                (SELECT count(*) FROM refunds)) FROM orders)",
                                          patience};
constexpr pg::statement payment_fingerprint{"payment_fingerprint", R"(
  SELECT format('%s %s %s %s', count(*), sum(version), (SELECT count(*) FROM refunds),
                (SELECT max(updated_at) FROM refunds)) FROM payments)",
                                            patience};
constexpr pg::statement inventory_fingerprint{"inventory_fingerprint", R"(
  SELECT format('%s %s %s', (SELECT max(movement_id) FROM movements), count(*), max(updated_at))
  FROM reservations)",
                                              patience};
constexpr pg::statement gateway_fingerprint{"gateway_fingerprint", R"(
  SELECT format('%s %s %s', count(*), max(updated_at), (SELECT count(*) FROM refunds))
  FROM charges)",
                                            patience};
constexpr pg::statement product_fingerprint{"product_fingerprint", R"(
  SELECT format('%s %s', count(*), count(*) FILTER (WHERE state = 'waiting')) FROM stock_messages)",
                                            patience};

// ---------------------------------------------------------------------------------------------
// Orders

constexpr pg::statement select_page_end{"select_page_end", R"(
  SELECT id FROM orders WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1)",
                                        patience};

constexpr pg::statement select_orders{"select_orders", R"(
  SELECT id, user_id, idempotency_key, cart_revision, currency, total_minor, payment_id, state,
         step, reason, refunded_minor, cancel_requested, needs_attention,
         due_at IS NOT NULL AS due, version
  FROM orders WHERE id > $1 AND id <= $2 ORDER BY id)",
                                      patience};

constexpr pg::statement select_order_lines{"select_order_lines", R"(
  SELECT order_id, product_id, quantity, unit_price_minor, line_total_minor
  FROM order_lines WHERE order_id > $1 AND order_id <= $2)",
                                           patience};

constexpr pg::statement select_events{"select_events", R"(
  SELECT order_id, seq, type, state, at
  FROM order_events WHERE order_id > $1 AND order_id <= $2 ORDER BY order_id, seq)",
                                      patience};

constexpr pg::statement select_order_refunds{"select_order_refunds", R"(
  SELECT id, order_id, idempotency_key, state, amount_minor, lines, cancellation
  FROM refunds WHERE order_id > $1 AND order_id <= $2 ORDER BY id)",
                                             patience};

constexpr pg::statement select_repeated_keys{"select_repeated_keys", R"(
  SELECT user_id, idempotency_key AS value, array_agg(id ORDER BY id) AS orders
  FROM orders GROUP BY user_id, idempotency_key HAVING count(*) > 1 LIMIT 1000)",
                                             patience};

constexpr pg::statement select_repeated_carts{"select_repeated_carts", R"(
  SELECT user_id, cart_revision AS value, array_agg(id ORDER BY id) AS orders
  FROM orders WHERE state NOT IN ('rejected', 'cancelled')
  GROUP BY user_id, cart_revision HAVING count(*) > 1 LIMIT 1000)",
                                              patience};

// ---------------------------------------------------------------------------------------------
// Stock

constexpr pg::statement select_movements{"select_movements", R"(
  SELECT movement_id, product_id, delta_on_hand, delta_reserved, reason, order_id, key,
         on_hand_after, reserved_after
  FROM movements WHERE movement_id > $1 ORDER BY movement_id LIMIT $2)",
                                         patience};

constexpr pg::statement select_stock{"select_stock", R"(
  SELECT product_id, on_hand, reserved FROM stock
  WHERE product_id > $1 ORDER BY product_id LIMIT $2)",
                                     patience};

// The sweeper comes every second or so; five are more than it needs.
constexpr pg::statement select_reservations{"select_reservations", R"(
  SELECT order_id, state,
         state = 'held' AND expires_at < now() - interval '5 seconds' AS overdue
  FROM reservations WHERE order_id > $1 AND order_id <= $2)",
                                            patience};

constexpr pg::statement select_reservation_lines{"select_reservation_lines", R"(
  SELECT order_id, product_id, quantity, returned
  FROM reservation_lines WHERE order_id > $1 AND order_id <= $2)",
                                                 patience};

constexpr pg::statement select_messages{"select_messages", R"(
  SELECT message_id, product_id, key, reason, quantity, state
  FROM stock_messages WHERE message_id > $1 ORDER BY message_id LIMIT $2)",
                                        patience};

// ---------------------------------------------------------------------------------------------
// Money

constexpr pg::statement select_payments{"select_payments", R"(
  SELECT id, order_id, user_id, state, reason, amount_minor, currency, captured_minor,
         refunded_minor, refund_pending_minor, void_requested
  FROM payments WHERE order_id > $1 AND order_id <= $2)",
                                        patience};

constexpr pg::statement select_payment_refunds{"select_payment_refunds", R"(
  SELECT r.refund_id, r.payment_id, p.order_id, r.state, r.amount_minor
  FROM payments p JOIN refunds r ON r.payment_id = p.id
  WHERE p.order_id > $1 AND p.order_id <= $2)",
                                               patience};

#define CHARGE_COLUMNS                                                             \
  "reference, merchant_order, state, currency, authorized_minor, captured_minor, " \
  "voided_minor, refunded_minor"

constexpr pg::statement select_charges{"select_charges", "SELECT " CHARGE_COLUMNS R"(
  FROM charges WHERE merchant_order > $1 AND merchant_order <= $2)",
                                       patience};

constexpr pg::statement select_charges_without_order{
    "select_charges_without_order",
    "SELECT " CHARGE_COLUMNS " FROM charges WHERE merchant_order IS NULL", patience};

#undef CHARGE_COLUMNS

constexpr pg::statement select_gateway_refunds{"select_gateway_refunds", R"(
  SELECT r.refund_reference, r.reference, c.merchant_order, r.amount_minor, r.outcome
  FROM charges c JOIN refunds r ON r.reference = c.reference
  WHERE c.merchant_order > $1 AND c.merchant_order <= $2)",
                                               patience};

// ---------------------------------------------------------------------------------------------
// Redis: hash cart:{<user>} with `revision` and, for each line, <product> and
// <product>:when_added; sorted sets cart:{<user>}:orders of orders, and `orders` of "<order>
// <user>".

constexpr redis::script read_hashes{.name = "verdict_hashes",
                                    .source = R"lua(
local all = {}
for i = 1, #KEYS do all[i] = redis.call('HGETALL', KEYS[i]) end
return all
)lua",
                                    .timeout = 30s};
constexpr redis::script read_sorted_sets{.name = "verdict_sorted_sets",
                                         .source = R"lua(
local all = {}
for i = 1, #KEYS do all[i] = redis.call('ZRANGE', KEYS[i], 0, -1) end
return all
)lua",
                                         .timeout = 30s};
constexpr std::size_t keys_at_once = 200;
constexpr std::size_t most_lines = 100;
constexpr std::int64_t most_of_a_line = 1000;

// The shopper of a key `cart:{<user>}<suffix>`.
std::optional<uuid> shopper_of(std::string_view key, std::string_view suffix) {
  static constexpr std::string_view prefix = "cart:{";
  if (!key.starts_with(prefix) || !key.ends_with(suffix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  key.remove_suffix(suffix.size());
  if (!key.ends_with("}")) return std::nullopt;
  key.remove_suffix(1);
  return uuid::parse(key);
}

cart to_cart(const redis::value& fields) {
  static constexpr std::string_view when_added = ":when_added";
  cart out;
  std::set<uuid> described;
  const auto wrong = [&out](std::string why) {
    if (!out.malformed) out.malformed = std::move(why);
  };
  bool has_revision = false;
  const auto& all = fields.list();
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    std::string_view name = all[i].text();
    const auto& value = all[i + 1].text();
    if (name == "revision") {
      has_revision = !value.empty();
      continue;
    }
    const bool is_description = name.ends_with(when_added);
    if (is_description) name.remove_suffix(when_added.size());
    const auto product = uuid::parse(name);
    if (!product) {
      wrong("a field that is no product");
    } else if (is_description) {
      described.insert(*product);
    } else {
      std::int64_t quantity = 0;
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), quantity);
      if (error != std::errc{} || end != value.data() + value.size() || quantity < 1 ||
          quantity > most_of_a_line) {
        wrong(fmt::format("quantity {} of product {}", value, product->str()));
      }
      out.lines[*product] = quantity;
    }
  }
  if (!has_revision && !all.empty()) wrong("no revision");
  if (out.lines.size() > most_lines) wrong(fmt::format("{} lines", out.lines.size()));
  if (!std::ranges::equal(out.lines, described, {}, [](const auto& l) { return l.first; })) {
    wrong("lines without what they were when they were added, or the other way round");
  }
  return out;
}

template <class Row>
std::string only(std::vector<Row> rows) {
  return rows.empty() ? std::string() : std::move(rows.front());
}

}  // namespace

// ---------------------------------------------------------------------------------------------

archive::archive(event_loop& loop, const stores& where)
    : redis_(loop, redis::settings{.url = where.redis}) {
  const auto connect = [&loop](store& s, const std::string& url) {
    s.pool = std::make_unique<pg::pool>(
        loop,
        pg::settings{
            .url = url, .connections = 1, .shared_readers = 1, .statement_timeout = patience});
  };
  connect(product_, where.product);
  connect(order_, where.order);
  connect(payment_, where.payment);
  connect(inventory_, where.inventory);
  connect(gateway_, where.mock_gateway);
}

task<std::int64_t> archive::count_unfinished(const context& ctx) {
  const auto count = [](const context& c, store& s,
                        const pg::statement& what) -> task<std::int64_t> {
    const auto n = co_await s.pool->query_one<std::int64_t>(c, what);
    co_return n.value_or(0);
  };
  std::int64_t all = co_await count(ctx, order_, count_unfinished_orders);
  all += co_await count(ctx, payment_, count_unsettled_payments);
  all += co_await count(ctx, inventory_, count_holds);
  all += co_await count(ctx, product_, count_waiting_messages);
  co_return all;
}

task<std::string> archive::read_fingerprint(const context& ctx) {
  std::string all = only(co_await order_.pool->query<std::string>(ctx, order_fingerprint));
  all += '|' + only(co_await payment_.pool->query<std::string>(ctx, payment_fingerprint));
  all += '|' + only(co_await inventory_.pool->query<std::string>(ctx, inventory_fingerprint));
  all += '|' + only(co_await gateway_.pool->query<std::string>(ctx, gateway_fingerprint));
  all += '|' + only(co_await product_.pool->query<std::string>(ctx, product_fingerprint));
  co_return all;
}

task<> archive::open(const context& ctx) {
  for (auto* s : {&order_, &payment_, &inventory_, &gateway_, &product_}) {
    s->snapshot.emplace(co_await s->pool->begin(ctx, pg::isolation::repeatable_read_read_only));
    co_await s->snapshot->execute(keep_snapshot);
  }
  // The first query takes the snapshot.
  fingerprint_ = only(co_await order_.snapshot->query<std::string>(order_fingerprint));
  fingerprint_ += '|' + only(co_await payment_.snapshot->query<std::string>(payment_fingerprint));
  fingerprint_ +=
      '|' + only(co_await inventory_.snapshot->query<std::string>(inventory_fingerprint));
  fingerprint_ += '|' + only(co_await gateway_.snapshot->query<std::string>(gateway_fingerprint));
  fingerprint_ += '|' + only(co_await product_.snapshot->query<std::string>(product_fingerprint));
}

task<> archive::close() {
  for (auto* s : {&order_, &payment_, &inventory_, &gateway_, &product_}) {
    if (!s->snapshot) continue;
    co_await s->snapshot->rollback();
    s->snapshot.reset();
  }
}

task<std::vector<stock_message_row>> archive::messages(std::int64_t after, std::int64_t limit) {
  return product_.snapshot->query<stock_message_row>(select_messages, after, limit);
}
task<std::vector<movement_row>> archive::movements(std::int64_t after, std::int64_t limit) {
  return inventory_.snapshot->query<movement_row>(select_movements, after, limit);
}
task<std::vector<stock_row>> archive::stock(uuid after, std::int64_t limit) {
  return inventory_.snapshot->query<stock_row>(select_stock, after, limit);
}
task<std::vector<repeated_row>> archive::repeated_keys() {
  return order_.snapshot->query<repeated_row>(select_repeated_keys);
}
task<std::vector<repeated_row>> archive::repeated_carts() {
  return order_.snapshot->query<repeated_row>(select_repeated_carts);
}
task<std::optional<uuid>> archive::end_of_page(uuid after, std::int64_t count) {
  return order_.snapshot->query_one<uuid>(select_page_end, after, count - 1);
}
task<std::vector<charge_row>> archive::charges_without_order() {
  return gateway_.snapshot->query<charge_row>(select_charges_without_order);
}

task<std::map<uuid, order_file>> archive::files(range r) {
  std::map<uuid, order_file> all;
  const auto file = [&all](uuid id) -> order_file& {
    auto& f = all[id];
    f.id = id;
    return f;
  };
  auto& orders = *order_.snapshot;
  for (auto& o : co_await orders.query<order_row>(select_orders, r.after, r.through)) {
    file(o.id).order = std::move(o);
  }
  for (auto& l : co_await orders.query<order_line_row>(select_order_lines, r.after, r.through)) {
    file(l.order_id).lines.push_back(l);
  }
  for (auto& e : co_await orders.query<event_row>(select_events, r.after, r.through)) {
    file(e.order_id).events.push_back(std::move(e));
  }
  for (auto& x :
       co_await orders.query<order_refund_row>(select_order_refunds, r.after, r.through)) {
    file(x.order_id).refunds.push_back(std::move(x));
  }
  auto& stock = *inventory_.snapshot;
  for (auto& x : co_await stock.query<reservation_row>(select_reservations, r.after, r.through)) {
    file(x.order_id).reservation = x;
  }
  for (auto& l :
       co_await stock.query<reservation_line_row>(select_reservation_lines, r.after, r.through)) {
    file(l.order_id).reserved.push_back(l);
  }
  auto& payments = *payment_.snapshot;
  for (auto& p : co_await payments.query<payment_row>(select_payments, r.after, r.through)) {
    file(p.order_id).payments.push_back(std::move(p));
  }
  for (auto& x :
       co_await payments.query<payment_refund_row>(select_payment_refunds, r.after, r.through)) {
    file(x.order_id).payment_refunds.push_back(std::move(x));
  }
  auto& charges = *gateway_.snapshot;
  for (auto& c : co_await charges.query<charge_row>(select_charges, r.after, r.through)) {
    file(*c.merchant_order).charges.push_back(std::move(c));
  }
  for (auto& x :
       co_await charges.query<gateway_refund_row>(select_gateway_refunds, r.after, r.through)) {
    file(*x.merchant_order).gateway_refunds.push_back(std::move(x));
  }
  co_return all;
}

// ---------------------------------------------------------------------------------------------

task<redis_content> archive::read_redis(const context& ctx) {
  redis_content all;
  std::set<std::string> carts, memories;  // SCAN may give a key twice
  std::string cursor = "0";
  do {
    const auto page = co_await redis_.read(ctx, "verdict_scan",
                                           {"SCAN", cursor, "MATCH", "cart:{*", "COUNT", "1000"});
    cursor = page.list().at(0).text();
    for (const auto& key : page.list().at(1).list()) {
      if (shopper_of(key.text(), "")) carts.insert(key.text());
      if (shopper_of(key.text(), ":orders")) memories.insert(key.text());
    }
  } while (cursor != "0");

  for (auto next = carts.begin(); next != carts.end();) {
    std::vector<std::string> some;
    for (; next != carts.end() && some.size() < keys_at_once; ++next) some.push_back(*next);
    const auto answer = co_await redis_.run_read(ctx, read_hashes, some, {});
    for (std::size_t i = 0; i < some.size(); ++i) {
      all.carts[*shopper_of(some[i], "")] = to_cart(answer.list().at(i));
    }
  }
  for (auto next = memories.begin(); next != memories.end();) {
    std::vector<std::string> some;
    for (; next != memories.end() && some.size() < keys_at_once; ++next) some.push_back(*next);
    const auto answer = co_await redis_.run_read(ctx, read_sorted_sets, some, {});
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto shopper = *shopper_of(some[i], ":orders");
      const auto& orders = answer.list().at(i).list();
      if (orders.size() >= 1'000) all.remembers[shopper] = orders.size();
      for (const auto& order : orders) {
        if (const auto id = uuid::parse(order.text())) all.remembered[*id] = shopper;
      }
    }
  }

  constexpr std::size_t page_size = 5'000;
  for (std::string from = "-";;) {
    const auto page = co_await redis_.read(
        ctx, "verdict_cleared",
        {"ZRANGEBYLEX", "orders", from, "+", "LIMIT", "0", std::to_string(page_size)});
    const auto& members = page.list();
    for (const auto& m : members) {
      const std::string_view text = m.text();
      const auto blank = std::min(text.find(' '), text.size() - 1);
      const auto order = uuid::parse(text.substr(0, blank));
      const auto shopper = uuid::parse(text.substr(blank + 1));
      if (order && shopper) all.cleared[*order] = *shopper;
    }
    if (members.size() < page_size) break;
    from = "(" + members.back().text();
  }
  co_return all;
}

// ---------------------------------------------------------------------------------------------
// Histories: each statement gives lines of text.

namespace {

struct chapter {
  const char* title;
  pg::statement lines;  // $1 is the subject
};

constexpr chapter order_chapters[] = {
    {"order-service",
     {"tell_order", R"(
  SELECT format('%s (step %s, reason %s), total %s %s, refunded %s, version %s, cancel_requested %s, '
                'needs_attention %s, due %s, lease token %s, attempts %s', state,
                coalesce(step, '-'), coalesce(reason, '-'), total_minor, currency, refunded_minor,
                version, cancel_requested, needs_attention, coalesce(due_at::text, '-'), token,
                attempts)
  FROM orders WHERE id = $1
  UNION ALL
  SELECT format('shopper %s, key %s, cart revision %s, payment %s, made %s', user_id,
                idempotency_key, cart_revision, payment_id, created_at)
  FROM orders WHERE id = $1)",
      patience}},
    {"  lines",
     {"tell_order_lines", R"(
  SELECT format('%s x %s (%s) at %s = %s', quantity, product_id, sku, unit_price_minor,
                line_total_minor)
  FROM order_lines WHERE order_id = $1 ORDER BY position)",
      patience}},
    {"  timeline",
     {"tell_events", R"(
  SELECT format('%s  %s  %s -> %s  %s', seq, at, type, state, detail)
  FROM order_events WHERE order_id = $1 ORDER BY seq)",
      patience}},
    {"  refunds",
     {"tell_order_refunds", R"(
  SELECT format('%s  %s  %s  %s (%s, key %s) lines %s', id, created_at, state, amount_minor,
                reason, coalesce(idempotency_key, '-'), lines)
  FROM refunds WHERE order_id = $1 ORDER BY id)",
      patience}},
};
constexpr chapter inventory_chapters[] = {
    {"inventory-service",
     {"tell_reservation", R"(
  SELECT format('%s, expires %s, made %s, changed %s', state, coalesce(expires_at::text, '-'),
                created_at, updated_at)
  FROM reservations WHERE order_id = $1)",
      patience}},
    {"  lines",
     {"tell_reservation_lines", R"(
  SELECT format('%s x %s, %s returned', quantity, product_id, returned)
  FROM reservation_lines WHERE order_id = $1 ORDER BY product_id)",
      patience}},
    {"  returns",
     {"tell_returns", R"(
  SELECT format('refund %s  %s', refund_id, at) FROM returns WHERE order_id = $1 ORDER BY at)",
      patience}},
    {"  movements",
     {"tell_order_movements", R"(
  SELECT format('%s  %s  %s of %s: on hand %s = %s, reserved %s = %s (%s)', movement_id, at, reason,
                product_id, delta_on_hand, on_hand_after, delta_reserved, reserved_after, actor)
  FROM movements WHERE order_id = $1 ORDER BY movement_id)",
      patience}},
};
constexpr chapter payment_chapters[] = {
    {"payment-service",
     {"tell_payment", R"(
  SELECT format('payment %s: %s (%s), %s %s, captured %s, refunded %s, refund pending %s, '
                'void requested %s, tries %s, version %s, made %s, changed %s', id, state,
                coalesce(reason, '-'), amount_minor, currency, captured_minor, refunded_minor,
                refund_pending_minor, void_requested, tries, version, created_at, updated_at)
  FROM payments WHERE order_id = $1)",
      patience}},
    {"  attempts",
     {"tell_attempts", R"(
  SELECT format('%s  %s  %s: %s  %s', a.attempt_id, a.started_at, a.operation,
                coalesce(a.outcome, 'unanswered'), coalesce(a.detail, ''))
  FROM payments p JOIN attempts a ON a.payment_id = p.id WHERE p.order_id = $1
  ORDER BY a.attempt_id)",
      patience}},
    {"  refunds",
     {"tell_payment_refunds", R"(
  SELECT format('%s  %s  %s  %s', r.refund_id, r.created_at, r.state, r.amount_minor)
  FROM payments p JOIN refunds r ON r.payment_id = p.id WHERE p.order_id = $1
  ORDER BY r.refund_id)",
      patience}},
};
constexpr chapter gateway_chapters[] = {
    {"mock-gateway",
     {"tell_charges", R"(
  SELECT format('charge %s: %s (%s), asked %s %s, authorized %s, captured %s, voided %s, '
                'refunded %s, made %s, changed %s', reference, state, coalesce(reason, '-'),
                asked_minor, currency, authorized_minor, captured_minor, voided_minor,
                refunded_minor, created_at, updated_at)
  FROM charges WHERE merchant_order = $1 ORDER BY created_at)",
      patience}},
    {"  refunds",
     {"tell_gateway_refunds", R"(
  SELECT format('%s  %s  %s  %s', r.refund_reference, r.created_at, r.outcome, r.amount_minor)
  FROM charges c JOIN refunds r ON r.reference = c.reference WHERE c.merchant_order = $1
  ORDER BY r.created_at)",
      patience}},
};
constexpr chapter product_stock_chapters[] = {
    {"inventory-service",
     {"tell_stock", R"(
  SELECT format('%s on hand, %s reserved, version %s', on_hand, reserved, version)
  FROM stock WHERE product_id = $1)",
      patience}},
    {"  held lines",
     {"tell_held_lines", R"(
  SELECT format('%s for order %s, until %s', l.quantity, r.order_id, r.expires_at)
  FROM reservation_lines l JOIN reservations r USING (order_id)
  WHERE l.product_id = $1 AND r.state = 'held' ORDER BY r.order_id LIMIT 50)",
      patience}},
    {"  movements by reason",
     {"tell_movement_sums", R"(
  SELECT format('%s: %s times, on hand %s, reserved %s', reason, count(*), sum(delta_on_hand),
                sum(delta_reserved))
  FROM movements WHERE product_id = $1 GROUP BY reason ORDER BY reason)",
      patience}},
    {"  the last movements",
     {"tell_product_movements", R"(
  SELECT line FROM (
    SELECT movement_id,
           format('%s  %s  %s: on hand %s = %s, reserved %s = %s, order %s, key %s (%s)',
                  movement_id, at, reason, delta_on_hand, on_hand_after, delta_reserved,
                  reserved_after, coalesce(order_id::text, '-'), coalesce(key, '-'), actor) AS line
    FROM movements WHERE product_id = $1 ORDER BY movement_id DESC LIMIT 50) AS newest
  ORDER BY movement_id)",
      patience}},
};
constexpr chapter product_chapters[] = {
    {"product-service",
     {"tell_product", R"(
  SELECT format('%s, %s, %s %s%s', sku, name, price_minor, currency,
                CASE WHEN archived_at IS NOT NULL THEN ', archived' END)
  FROM products WHERE id = $1)",
      patience}},
    {"  stock messages",
     {"tell_stock_messages", R"(
  SELECT format('%s  %s  %s of %s: %s, %s attempts, key %s', message_id, created_at, reason,
                quantity, state, attempts, key)
  FROM stock_messages WHERE product_id = $1 ORDER BY message_id LIMIT 20)",
      patience}},
};
constexpr chapter shopper_chapters[] = {
    {"order-service",
     {"tell_shopper_orders", R"(
  SELECT format('order %s: %s (%s), total %s, key %s, cart revision %s, made %s, changed %s', id,
                state, coalesce(reason, '-'), total_minor, idempotency_key, cart_revision,
                created_at, updated_at)
  FROM orders WHERE user_id = $1 ORDER BY id DESC LIMIT 30)",
      patience}},
};

task<> tell(pg::pool& db, const context& ctx, std::span<const chapter> chapters, uuid subject,
            std::string& out) {
  for (const auto& c : chapters) {
    const auto lines = co_await db.query<std::string>(ctx, c.lines, subject);
    out += c.title;
    if (lines.empty()) out += ": nothing";
    out += '\n';
    for (const auto& line : lines) out += "    " + line + '\n';
  }
}

}  // namespace

task<std::string> archive::tell_cart(const context& ctx, uuid shopper) {
  const std::string key = "cart:{" + shopper.str() + "}";
  const auto fields = co_await redis_.read(ctx, "verdict_cart", {"HGETALL", key});
  std::string out = "cart-service\n";
  for (std::size_t i = 0; i + 1 < fields.list().size(); i += 2) {
    const auto& name = fields.list()[i].text();
    if (name.ends_with(":when_added")) continue;
    out += fmt::format("    {} = {}\n", name, fields.list()[i + 1].text());
  }
  const auto orders = co_await redis_.read(ctx, "verdict_memory",
                                           {"ZRANGE", key + ":orders", "-20", "-1", "WITHSCORES"});
  for (std::size_t i = 0; i + 1 < orders.list().size(); i += 2) {
    out += fmt::format("    cleared by order {} at {}\n", orders.list()[i].text(),
                       orders.list()[i + 1].text());
  }
  co_return out;
}

task<std::string> archive::tell_order(const context& ctx, uuid order) {
  std::string out;
  co_await tell(*order_.pool, ctx, order_chapters, order, out);
  co_await tell(*inventory_.pool, ctx, inventory_chapters, order, out);
  co_await tell(*payment_.pool, ctx, payment_chapters, order, out);
  co_await tell(*gateway_.pool, ctx, gateway_chapters, order, out);
  static constexpr pg::statement select_shopper{"select_shopper",
                                                "SELECT user_id FROM orders WHERE id = $1"};
  static constexpr pg::statement select_products{
      "select_products",
      "SELECT DISTINCT product_id FROM order_lines WHERE order_id = $1 ORDER BY product_id"};
  for (const auto product : co_await order_.pool->query<uuid>(ctx, select_products, order)) {
    static constexpr chapter ordered[] = {product_chapters[0]};
    co_await tell(*product_.pool, ctx, ordered, product, out);
  }
  const auto shopper = co_await order_.pool->query<uuid>(ctx, select_shopper, order);
  for (const auto id : shopper) out += co_await tell_cart(ctx, id);
  const auto cleared = co_await redis_.read(
      ctx, "verdict_cleared",
      {"ZRANGEBYLEX", "orders", "[" + order.str() + " ", "(" + order.str() + "!"});
  for (const auto& c : cleared.list()) {
    out += "    cleared, by the list of all carts: " + c.text() + '\n';
  }
  co_return out;
}

task<std::string> archive::tell_product(const context& ctx, uuid product) {
  std::string out;
  co_await tell(*product_.pool, ctx, product_chapters, product, out);
  co_await tell(*inventory_.pool, ctx, product_stock_chapters, product, out);
  co_return out;
}

task<std::string> archive::tell_shopper(const context& ctx, uuid shopper) {
  std::string out = co_await tell_cart(ctx, shopper);
  co_await tell(*order_.pool, ctx, shopper_chapters, shopper, out);
  co_return out;
}

}  // namespace souk::verdict
