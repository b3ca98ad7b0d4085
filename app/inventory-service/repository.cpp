#include "repository.hpp"

#include <algorithm>
#include <stdexcept>

#include "kit/security.hpp"
#include "metrics.hpp"

namespace souk::inventory {
namespace {

using namespace std::chrono_literals;

// ---------------------------------------------------------------------------------------------
// Stock

constexpr pg::statement select_stock{"select_stock", R"(
  SELECT product_id, on_hand, reserved, version, updated_at FROM stock
  WHERE product_id = ANY($1::uuid[]) ORDER BY product_id)"};

constexpr pg::statement list_stock_page{"list_stock_page", R"(
  SELECT product_id, on_hand, reserved, version, updated_at FROM stock
  WHERE product_id > $1 AND ($2::bigint IS NULL OR on_hand - reserved < $2)
  ORDER BY product_id LIMIT $3)"};

constexpr pg::statement list_movements_page{"list_movements_page", R"(
  SELECT movement_id, delta_on_hand, delta_reserved, reason, order_id, key, actor,
         on_hand_after, reserved_after, at
  FROM movements WHERE product_id = $1 AND movement_id < $2
  ORDER BY movement_id DESC LIMIT $3)"};

constexpr pg::statement create_stock{"create_stock", R"(
  INSERT INTO stock (product_id, on_hand) VALUES ($1, 0) ON CONFLICT DO NOTHING)"};

// In product order. Whatever judges or computes from what stock rows hold comes in a later
// statement, which sees what the locked rows hold; in one statement with the lock, rows that had to
// be waited for were now and then taken for what they held when it began.
constexpr pg::statement lock_stock{"lock_stock", R"(
  SELECT product_id FROM stock WHERE product_id = ANY ($1) ORDER BY product_id FOR UPDATE)"};

// $2 by how much or $3 to what, $4 reason, $5 actor, $6 the version that it must have, $7 key,
// $8 the most that may be on hand.
constexpr pg::statement change_on_hand{"change_on_hand", R"(
  WITH old AS (
    SELECT product_id, on_hand, reserved, version FROM stock WHERE product_id = $1
  ), changed AS (
    UPDATE stock s
    SET on_hand = COALESCE($3::bigint, old.on_hand + $2::bigint),
        version = s.version + 1, updated_at = now()
    FROM old
    WHERE s.product_id = old.product_id
      AND COALESCE($3::bigint, old.on_hand + $2::bigint) BETWEEN old.reserved AND $8::bigint
      AND ($6::bigint IS NULL OR old.version = $6)
    RETURNING s.product_id, s.on_hand, s.reserved, s.version, s.updated_at,
              s.on_hand - old.on_hand AS delta
  ), noted AS (
    INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, key, actor,
                           on_hand_after, reserved_after)
    SELECT product_id, delta, 0, $4, $7, $5, on_hand, reserved FROM changed
  )
  SELECT product_id, on_hand, reserved, version, updated_at FROM changed)"};

constexpr pg::statement claim_adjustment{"claim_adjustment", R"(
  INSERT INTO adjustments (product_id, key, body_hash) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING)"};

constexpr pg::statement store_adjustment{"store_adjustment", R"(
  UPDATE adjustments SET on_hand = $3, reserved = $4, version = $5
  WHERE product_id = $1 AND key = $2)"};

struct stored_adjustment {
  uuid product_id;
  std::string body_hash;
  std::int64_t on_hand = 0, reserved = 0, version = 0;
  timestamp at;
};
BOOST_DESCRIBE_STRUCT(stored_adjustment, (),
                      (product_id, body_hash, on_hand, reserved, version, at))
constexpr pg::statement select_adjustment{"select_adjustment", R"(
  SELECT product_id, body_hash, on_hand, reserved, version, at FROM adjustments
  WHERE product_id = $1 AND key = $2)"};

// ---------------------------------------------------------------------------------------------
// Reservations

constexpr pg::statement insert_held{"insert_held", R"(
  INSERT INTO reservations (order_id, state, expires_at)
  VALUES ($1, 'held', now() + $2::bigint * interval '1 millisecond')
  ON CONFLICT DO NOTHING RETURNING expires_at)"};

// The whole basket or nothing: `taken` is empty unless every line is covered.
constexpr pg::statement take_stock{"take_stock", R"(
  WITH wanted AS (
    SELECT s.product_id, w.quantity, s.on_hand - s.reserved AS available
    FROM unnest($2::uuid[], $3::bigint[]) AS w (product_id, quantity) JOIN stock s USING (product_id)
  ), verdict AS (
    SELECT count(*) = cardinality($2::uuid[]) AND bool_and(available >= quantity) AS enough
    FROM wanted
  ), taken AS (
    UPDATE stock s SET reserved = s.reserved + w.quantity, updated_at = now()
    FROM wanted w, verdict v
    WHERE v.enough AND s.product_id = w.product_id
    RETURNING s.product_id, w.quantity, s.on_hand, s.reserved
  ), noted AS (
    INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                           on_hand_after, reserved_after)
    SELECT product_id, 0, quantity, 'reserve', $1, $4, on_hand, reserved FROM taken
  )
  INSERT INTO reservation_lines (order_id, product_id, quantity)
  SELECT $1, product_id, quantity FROM taken)"};

// held -> $2. What was reserved is no longer so; $3 is how much of each unit leaves the warehouse
// (1 for a commit, else 0). Nothing happens to a reservation that is not held.
constexpr pg::statement settle_held{"settle_held", R"(
  WITH settled AS (
    UPDATE reservations SET state = $2, updated_at = now()
    WHERE order_id = $1 AND state = 'held' RETURNING order_id
  ), locked AS (
    SELECT s.product_id, l.quantity
    FROM settled JOIN reservation_lines l USING (order_id) JOIN stock s USING (product_id)
    ORDER BY s.product_id FOR UPDATE OF s
  ), moved AS (
    UPDATE stock s
    SET reserved = s.reserved - l.quantity,
        on_hand = s.on_hand - l.quantity * $3::bigint,
        version = s.version + $3::bigint,
        updated_at = now()
    FROM locked l WHERE s.product_id = l.product_id
    RETURNING s.product_id, l.quantity, s.on_hand, s.reserved
  ), noted AS (
    INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                           on_hand_after, reserved_after)
    SELECT product_id, -quantity * $3::bigint, -quantity, $4, $1, $5, on_hand, reserved FROM moved
  )
  SELECT product_id, quantity FROM moved ORDER BY product_id)"};

constexpr pg::statement insert_released{"insert_released", R"(
  INSERT INTO reservations (order_id, state) VALUES ($1, 'released') ON CONFLICT DO NOTHING)"};

constexpr pg::statement lock_one_due{"lock_one_due", R"(
  SELECT order_id FROM reservations WHERE state = 'held' AND expires_at <= now()
  ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED)"};

constexpr pg::statement count_overdue_holds{"count_overdue_holds", R"(
  SELECT count(*) FROM reservations
  WHERE state = 'held' AND expires_at < now() - interval '1 minute')"};

// By movements_sold; what is read is one day's sales.
constexpr pg::statement count_products_selling_out{"count_products_selling_out", R"(
  WITH sold AS (
    SELECT product_id, -sum(delta_on_hand) AS quantity FROM movements
    WHERE reason = 'commit' AND at > now() - interval '1 day' GROUP BY product_id
  )
  SELECT count(*) FILTER (WHERE s.on_hand - s.reserved < sold.quantity) AS nearly_gone,
         count(*) FILTER (WHERE s.on_hand = s.reserved) AS sold_out
  FROM sold JOIN stock s USING (product_id))",
                                                   10s};

struct reservation_row {
  uuid order_id;
  reservation_state state = reservation_state::held;
  std::optional<timestamp> expires_at;
  std::optional<uuid>
      product_id;  // a reservation that was released before it was made has no lines
  std::optional<std::int64_t> quantity, returned;
};
BOOST_DESCRIBE_STRUCT(reservation_row, (),
                      (order_id, state, expires_at, product_id, quantity, returned))
constexpr pg::statement select_reservation{"select_reservation", R"(
  SELECT r.order_id, r.state, r.expires_at, l.product_id, l.quantity, l.returned
  FROM reservations r LEFT JOIN reservation_lines l USING (order_id)
  WHERE r.order_id = $1 ORDER BY l.product_id)"};
// Lines are read by a statement of their own after this one: joined here, they would be as they
// were before the wait for the lock.
constexpr pg::statement lock_reservation{
    "lock_reservation", "SELECT 1 FROM reservations WHERE order_id = $1 FOR UPDATE"};

constexpr pg::statement claim_return{"claim_return", R"(
  INSERT INTO returns (order_id, refund_id, body_hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING)"};
constexpr pg::statement select_return{"select_return", R"(
  SELECT body_hash FROM returns WHERE order_id = $1 AND refund_id = $2)"};

// $4 tells whether this is all that was left.
constexpr pg::statement give_back_lines{"give_back_lines", R"(
  WITH back AS (
    SELECT * FROM unnest($2::uuid[], $3::bigint[]) AS b (product_id, quantity)
  ), locked AS (
    SELECT s.product_id, b.quantity FROM stock s JOIN back b USING (product_id)
    ORDER BY s.product_id FOR UPDATE OF s
  ), moved AS (
    UPDATE stock s
    SET on_hand = s.on_hand + l.quantity, version = s.version + 1, updated_at = now()
    FROM locked l WHERE s.product_id = l.product_id
    RETURNING s.product_id, l.quantity, s.on_hand, s.reserved
  ), noted AS (
    INSERT INTO movements (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                           on_hand_after, reserved_after)
    SELECT product_id, quantity, 0, 'return', $1, $5, on_hand, reserved FROM moved
  ), counted AS (
    UPDATE reservation_lines l SET returned = l.returned + b.quantity
    FROM back b WHERE l.order_id = $1 AND l.product_id = b.product_id
  )
  UPDATE reservations SET state = CASE WHEN $4 THEN 'returned' ELSE state END, updated_at = now()
  WHERE order_id = $1)"};

// ---------------------------------------------------------------------------------------------
// The books

constexpr pg::statement select_books{"select_books", R"(
  SELECT r.order_id, r.state, r.expires_at, r.updated_at,
         COALESCE((SELECT json_agg(json_build_object('product_id', l.product_id,
                                                     'quantity', l.quantity,
                                                     'returned', l.returned)
                                   ORDER BY l.product_id)
                   FROM reservation_lines l WHERE l.order_id = r.order_id), '[]') AS lines
  FROM reservations r WHERE r.order_id > $1 AND r.order_id <= $2
  ORDER BY r.order_id LIMIT $3)",
                                     30s};

constexpr pg::statement check_stock_against_ledger{"check_stock_against_ledger", R"(
  SELECT 'stock-differs-from-ledger' AS violation, s.product_id::text AS subject,
         format('on hand %s, movements %s; reserved %s, movements %s', s.on_hand,
                COALESCE(m.on_hand, 0), s.reserved, COALESCE(m.reserved, 0)) AS detail
  FROM stock s LEFT JOIN (
    SELECT product_id, sum(delta_on_hand) AS on_hand, sum(delta_reserved) AS reserved
    FROM movements GROUP BY product_id) m USING (product_id)
  WHERE s.on_hand <> COALESCE(m.on_hand, 0) OR s.reserved <> COALESCE(m.reserved, 0)
  ORDER BY s.product_id LIMIT 1000)",
                                                   60s};

constexpr pg::statement check_reserved_against_holds{"check_reserved_against_holds", R"(
  SELECT 'reserved-differs-from-holds' AS violation, s.product_id::text AS subject,
         format('reserved %s, held lines %s', s.reserved, COALESCE(h.held, 0)) AS detail
  FROM stock s LEFT JOIN (
    SELECT l.product_id, sum(l.quantity) AS held
    FROM reservations r JOIN reservation_lines l USING (order_id)
    WHERE r.state = 'held' GROUP BY l.product_id) h USING (product_id)
  WHERE s.reserved <> COALESCE(h.held, 0)
  ORDER BY s.product_id LIMIT 1000)",
                                                     60s};

// What the ledger says of each line of each order must follow from the reservation's state.
constexpr pg::statement check_orders_against_ledger{"check_orders_against_ledger", R"(
  SELECT 'reservation-differs-from-ledger' AS violation,
         COALESCE(l.order_id, m.order_id)::text AS subject,
         format('product %s: %s of %s (%s returned), but on hand moved by %s, reserved by %s',
                COALESCE(l.product_id, m.product_id), l.state, l.quantity, l.returned,
                COALESCE(m.on_hand, 0), COALESCE(m.reserved, 0)) AS detail
  FROM (
    SELECT order_id, product_id, state, quantity, returned
    FROM reservations JOIN reservation_lines USING (order_id)) l
  FULL JOIN (
    SELECT order_id, product_id, sum(delta_on_hand) AS on_hand, sum(delta_reserved) AS reserved
    FROM movements WHERE order_id IS NOT NULL GROUP BY order_id, product_id) m
  USING (order_id, product_id)
  WHERE l.state IS NULL
     OR COALESCE(m.reserved, 0) <> CASE WHEN l.state = 'held' THEN l.quantity ELSE 0 END
     OR COALESCE(m.on_hand, 0) <>
        CASE WHEN l.state IN ('committed', 'returned') THEN l.returned - l.quantity ELSE 0 END
     OR (l.state = 'returned' AND l.returned <> l.quantity)
     OR (l.state NOT IN ('committed', 'returned') AND l.returned <> 0)
  ORDER BY 2 LIMIT 1000)",
                                                    60s};

constexpr pg::statement check_overdue{"check_overdue", R"(
  SELECT 'hold-outlived-its-time' AS violation, order_id::text AS subject,
         format('held, over since %s', expires_at) AS detail
  FROM reservations WHERE state = 'held' AND expires_at < now() - interval '1 minute'
  ORDER BY expires_at LIMIT 1000)",
                                      60s};

constexpr pg::statement count_checked{"count_checked", R"(
  SELECT (SELECT count(*) FROM stock) + (SELECT count(*) FROM reservations))",
                                      60s};

// ---------------------------------------------------------------------------------------------

std::string actor_of(const context& ctx) {
  switch (ctx.who.what) {
    case caller::kind::service:
      return "service:" + ctx.who.id;
    case caller::kind::admin:
      return "admin:" + ctx.who.id;
    case caller::kind::shopper:
      return "shopper:" + ctx.who.id;
    case caller::kind::nobody:
      break;
  }
  return std::string(ctx.service);
}

std::vector<uuid> products_of(const std::vector<line>& lines) {
  std::vector<uuid> out;
  for (const auto& l : lines) out.push_back(l.product_id);
  return out;
}

std::vector<std::int64_t> quantities_of(const std::vector<line>& lines) {
  std::vector<std::int64_t> out;
  for (const auto& l : lines) out.push_back(l.quantity);
  return out;
}

std::optional<reservation> assemble(const std::vector<reservation_row>& rows) {
  if (rows.empty()) return std::nullopt;
  reservation r{.order_id = rows.front().order_id,
                .state = rows.front().state,
                .expires_at = rows.front().expires_at};
  for (const auto& row : rows)
    if (row.product_id) r.lines.push_back({*row.product_id, *row.quantity});
  return r;
}

std::unexpected<stock_error> fail(failure what) {
  return std::unexpected(stock_error{what});
}

constexpr std::string_view lock_not_available = "55P03";

}  // namespace

// ---------------------------------------------------------------------------------------------

task<std::vector<stock_row>> repository::find_stock(const context& ctx,
                                                    const std::vector<uuid>& products) {
  co_return co_await db_.query<stock_row>(ctx, select_stock, products);
}

task<std::optional<stock_row>> repository::find_stock(const context& ctx, uuid product) {
  const std::vector<uuid> one{product};
  co_return co_await db_.query_one<stock_row>(ctx, select_stock, one);
}

task<std::vector<stock_row>> repository::list_stock(const context& ctx, uuid after, int limit,
                                                    std::optional<std::int64_t> below) {
  co_return co_await db_.query<stock_row>(ctx, list_stock_page, after, below, limit);
}

task<outcome<std::vector<movement>>> repository::list_movements(const context& ctx, uuid product,
                                                                std::int64_t before, int limit) {
  auto rows = co_await db_.query<movement>(ctx, list_movements_page, product, before, limit);
  if (rows.empty()) {
    auto stock = co_await find_stock(ctx, product);
    if (!stock) co_return fail(failure::not_found);
  }
  co_return rows;
}

static task<outcome<stock_row>> change_in(pg::transaction& tx, const context& ctx, uuid product,
                                          const stock_change& change,
                                          std::optional<std::string> key) {
  // A row that was just created has version 1 whatever the caller expected.
  std::optional<std::int64_t> version = change.only_if_version;
  if (version == 0) version.reset();
  const std::string actor = actor_of(ctx);
  const std::vector<uuid> one{product};
  co_await tx.execute(lock_stock, one);
  auto row = co_await tx.query_one<stock_row>(change_on_hand, product, change.delta, change.on_hand,
                                              change.reason, actor, version, key, max_on_hand);
  if (row) co_return *row;
  auto present = co_await tx.query_one<stock_row>(select_stock, one);
  if (!present) co_return fail(failure::not_found);
  if (version && present->version != *version) co_return fail(failure::changed_meanwhile);
  const auto wanted = change.on_hand ? *change.on_hand : present->on_hand + *change.delta;
  co_return fail(wanted > max_on_hand ? failure::too_much : failure::below_reserved);
}

task<outcome<stock_row>> repository::change_stock(const context& ctx, uuid product,
                                                  const stock_change& change) {
  auto tx = co_await db_.begin(ctx);
  if (change.only_if_version == 0) {
    const auto created = co_await tx.execute(create_stock, product);
    if (created == 0) co_return fail(failure::changed_meanwhile);
  }
  auto row = co_await change_in(tx, ctx, product, change, std::nullopt);
  if (row) co_await tx.commit();
  co_return row;
}

task<outcome<stock_row>> repository::adjust_once(const context& ctx, uuid product,
                                                 const stock_change& change, std::string_view key,
                                                 std::string_view body_hash) {
  auto tx = co_await db_.begin(ctx);
  std::int64_t claimed = 0;
  try {
    claimed = co_await tx.execute(claim_adjustment, product, key, body_hash);
  } catch (const pg::unavailable& e) {
    if (e.sqlstate != lock_not_available) throw;
    co_return fail(failure::key_running);
  }
  if (claimed == 0) {
    auto first = co_await tx.query_one<stored_adjustment>(select_adjustment, product, key);
    if (!first) co_return fail(failure::key_running);
    if (first->body_hash != body_hash) co_return fail(failure::key_reused);
    co_return stock_row{first->product_id, first->on_hand, first->reserved, first->version,
                        first->at};
  }
  co_await tx.execute(create_stock, product);
  auto row = co_await change_in(tx, ctx, product, change, std::string(key));
  if (!row) co_return row;
  co_await tx.execute(store_adjustment, product, key, row->on_hand, row->reserved, row->version);
  co_await tx.commit();
  co_return row;
}

// ---------------------------------------------------------------------------------------------

task<outcome<reservation>> repository::find_reservation(const context& ctx, uuid order) {
  auto rows = co_await db_.query<reservation_row>(ctx, select_reservation, order);
  auto found = assemble(rows);
  if (!found) co_return fail(failure::not_found);
  co_return std::move(*found);
}

task<outcome<reservation>> repository::reserve(const context& ctx, uuid order,
                                               const std::vector<line>& lines) {
  auto tx = co_await db_.begin(ctx);
  const std::int64_t hold_ms = hold_for_.count();
  auto expires = co_await tx.query_one<timestamp>(insert_held, order, hold_ms);
  if (!expires) {
    co_await tx.rollback();
    auto existing = co_await find_reservation(ctx, order);
    if (existing && !existing->lines.empty() && existing->lines != lines)
      co_return fail(failure::reservation_differs);
    co_return existing;
  }
  const auto products = products_of(lines);
  const auto quantities = quantities_of(lines);
  const std::string actor = actor_of(ctx);
  co_await tx.execute(lock_stock, products);
  const auto taken = co_await tx.execute(take_stock, order, products, quantities, actor);
  if (taken == static_cast<std::int64_t>(lines.size())) {
    co_await tx.commit();
    metrics::count_reservation("held");
    co_return reservation{order, reservation_state::held, expires, lines};
  }
  co_await tx.rollback();
  metrics::count_reservation("out_of_stock");

  stock_error error{failure::out_of_stock};
  const auto stock = co_await find_stock(ctx, products);
  for (const auto& l : lines) {
    const auto row = std::ranges::find(stock, l.product_id, &stock_row::product_id);
    const auto available = row == stock.end() ? 0 : row->on_hand - row->reserved;
    if (available < l.quantity) error.missing.push_back({l.product_id, l.quantity, available});
  }
  co_return std::unexpected(std::move(error));
}

static task<std::optional<reservation>> settle(pg::pool& db, const context& ctx, uuid order,
                                               reservation_state to, std::string_view reason) {
  const std::int64_t leaves = to == reservation_state::committed ? 1 : 0;
  const std::string actor = actor_of(ctx);
  auto lines =
      co_await db.execute_returning<line>(ctx, settle_held, order, to, leaves, reason, actor);
  if (lines.empty()) co_return std::nullopt;
  metrics::count_reservation(json::enum_text(to));
  co_return reservation{order, to, std::nullopt, std::move(lines)};
}

task<outcome<reservation>> repository::commit(const context& ctx, uuid order) {
  auto settled = co_await settle(db_, ctx, order, reservation_state::committed, "commit");
  if (settled) co_return std::move(*settled);
  co_return co_await find_reservation(ctx, order);
}

task<reservation> repository::release(const context& ctx, uuid order) {
  // A reserve may slip in between the two statements; then the first one meets it the next time,
  // and after that nothing can make the row held again.
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto settled = co_await settle(db_, ctx, order, reservation_state::released, "release");
    if (settled) co_return std::move(*settled);
    const auto inserted = co_await db_.execute(ctx, insert_released, order);
    if (inserted == 1) co_return reservation{order, reservation_state::released, std::nullopt, {}};
    auto existing = co_await find_reservation(ctx, order);
    if (existing && existing->state != reservation_state::held) co_return std::move(*existing);
  }
  throw std::logic_error("a reservation went back to held");
}

task<outcome<reservation>> repository::give_back(const context& ctx, uuid order, uuid refund,
                                                 const std::optional<std::vector<line>>& lines) {
  auto tx = co_await db_.begin(ctx);
  co_await tx.execute(lock_reservation, order);
  const auto rows = co_await tx.query<reservation_row>(select_reservation, order);
  auto present = assemble(rows);
  if (!present) co_return fail(failure::not_found);
  if (present->state != reservation_state::committed &&
      present->state != reservation_state::returned)
    co_return std::move(*present);

  const std::string hash = hex_encode(security::sha256(lines ? json::write(*lines) : "all"));
  const auto claimed = co_await tx.execute(claim_return, order, refund, hash);
  if (claimed == 0) {
    const auto first = co_await tx.query_one<std::string>(select_return, order, refund);
    if (first != hash) co_return fail(failure::key_reused);
    co_return std::move(*present);
  }

  std::vector<line> back;
  std::int64_t left = 0;
  for (const auto& row : rows) {
    if (!row.product_id) continue;
    const auto open = *row.quantity - *row.returned;
    auto quantity = open;
    if (lines) {
      const auto wanted = std::ranges::find(*lines, *row.product_id, &line::product_id);
      quantity = wanted == lines->end() ? 0 : wanted->quantity;
    }
    if (quantity > open) co_return fail(failure::return_exceeds);
    if (quantity > 0) back.push_back({*row.product_id, quantity});
    left += open - quantity;
  }
  if (lines && back.size() != lines->size()) co_return fail(failure::return_exceeds);

  const auto products = products_of(back);
  const auto quantities = quantities_of(back);
  const bool all = left == 0;
  const std::string actor = actor_of(ctx);
  co_await tx.execute(give_back_lines, order, products, quantities, all, actor);
  co_await tx.commit();
  if (all) {
    present->state = reservation_state::returned;
    metrics::count_reservation("returned");
  }
  co_return std::move(*present);
}

task<bool> repository::expire_one(const context& ctx) {
  auto tx = co_await db_.begin(ctx);
  const auto due = co_await tx.query_one<uuid>(lock_one_due);
  if (!due) {
    co_await tx.rollback();
    co_return false;
  }
  const std::int64_t leaves = 0;
  const std::string actor = actor_of(ctx);
  co_await tx.query<line>(settle_held, *due, reservation_state::expired, leaves,
                          std::string_view("expire"), actor);
  co_await tx.commit();
  co_return true;
}

task<std::int64_t> repository::count_overdue(const context& ctx) {
  const auto n = co_await db_.query_one<std::int64_t>(ctx, count_overdue_holds);
  co_return n.value_or(0);
}

task<repository::selling_out> repository::count_selling_out(const context& ctx) {
  auto counted = co_await audits_.query_one<selling_out>(ctx, count_products_selling_out);
  co_return counted.value_or(selling_out{});
}

// ---------------------------------------------------------------------------------------------

task<std::vector<repository::book_entry>> repository::list_books(const context& ctx, uuid after,
                                                                 uuid through, int limit) {
  co_return co_await audits_.query<book_entry>(ctx, select_books, after, through, limit);
}

task<repository::check_result> repository::check(const context& ctx) {
  auto tx = co_await audits_.begin(ctx, pg::isolation::repeatable_read_read_only);
  check_result result;
  for (const auto* statement : {&check_stock_against_ledger, &check_reserved_against_holds,
                                &check_orders_against_ledger, &check_overdue}) {
    auto found = co_await tx.query<violation>(*statement);
    result.violations.insert(result.violations.end(), std::make_move_iterator(found.begin()),
                             std::make_move_iterator(found.end()));
  }
  const auto checked = co_await tx.query_one<std::int64_t>(count_checked);
  result.checked = checked.value_or(0);
  co_await tx.rollback();
  co_return result;
}

}  // namespace souk::inventory
