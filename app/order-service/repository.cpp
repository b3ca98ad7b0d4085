#include "repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <expected>

namespace souk::order {
namespace {

// jsonb columns that hold one of our structs.
template <class T>
struct as_json {
  static void write(std::string& out, const T& value) { json::write_to(out, value); }
  static T read(std::string_view text) {
    auto value = json::read_lenient<T>(text);
    if (!value) throw std::invalid_argument(value.error().front().detail);
    return std::move(*value);
  }
};

}  // namespace
}  // namespace souk::order

namespace souk::pg {
template <>
struct codec<order::address> : order::as_json<order::address> {};
template <>
struct codec<std::vector<order::order_line>> : order::as_json<std::vector<order::order_line>> {};
template <>
struct codec<std::vector<order::quantity_of>> : order::as_json<std::vector<order::quantity_of>> {};
template <>
struct codec<std::vector<order::refund>> : order::as_json<std::vector<order::refund>> {};
}  // namespace souk::pg

namespace souk::order {
namespace {

// The columns of an order_record, all of one moment.
#define ORDER_COLUMNS \
  R"(
  o.id, o.user_id, o.state, o.step, o.reason, o.reason_detail, o.currency, o.total_minor,
  o.refunded_minor, o.address, o.payment_id, o.cancel_requested, o.needs_attention, o.version,
  o.created_at, o.updated_at, o.idempotency_key, o.request_hash, o.payment_token, o.traceparent,
  o.token, o.attempts, o.unfinished_since,
  (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(l)) ORDER BY l.position)
   FROM order_lines l WHERE l.order_id = o.id) AS lines,
  coalesce((SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id)
            FROM refunds r WHERE r.order_id = o.id), '[]') AS refunds )"

// ---------------------------------------------------------------------------------------------
// Placing

constexpr pg::statement look_up_order{"look_up_order", "SELECT " ORDER_COLUMNS R"(
  FROM orders o WHERE o.id = (
    SELECT id FROM (
      SELECT id, 1 AS rank FROM orders WHERE user_id = $1 AND idempotency_key = $2
      UNION ALL
      SELECT id, 2 FROM orders WHERE user_id = $1 AND cart_revision = $3 AND NOT undone
    ) found ORDER BY rank LIMIT 1))"};

constexpr pg::statement place_order{"place_order", R"(
  WITH placed AS (
    INSERT INTO orders (id, user_id, idempotency_key, request_hash, cart_revision, traceparent,
                        currency, total_minor, address, payment_id, payment_token,
                        state, step, version, token, attempts, due_at, unfinished_since)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
            'pending', 'reserve', 1, 1, 1, now() + $13 * interval '1 ms', now())
    ON CONFLICT DO NOTHING
    RETURNING id, created_at
  ), lines AS (
    INSERT INTO order_lines (order_id, position, product_id, sku, name, image, quantity,
                             unit_price_minor, line_total_minor)
    SELECT placed.id, l.position, l.product_id, l.sku, l.name, l.image, l.quantity,
           l.unit_price_minor, l.line_total_minor
    FROM placed, ROWS FROM (
      jsonb_to_recordset($12) AS (product_id uuid, sku text, name text, image text,
                                  quantity bigint, unit_price_minor bigint, line_total_minor bigint)
    ) WITH ORDINALITY AS l (product_id, sku, name, image, quantity, unit_price_minor,
                            line_total_minor, position)
  ), event AS (
    INSERT INTO order_events (order_id, seq, type, state, at)
    SELECT id, 1, 'placed', 'pending', created_at FROM placed
  )
  SELECT created_at FROM placed)"};

// ---------------------------------------------------------------------------------------------
// Reading. Newest first is by id alone: version 7 identifiers ascend by time.

constexpr pg::statement find_order{"find_order", "SELECT " ORDER_COLUMNS R"(
  FROM orders o WHERE o.id = $1)"};

constexpr pg::statement list_user_orders{"list_user_orders", "SELECT " ORDER_COLUMNS R"(
  FROM orders o
  WHERE o.user_id = $1 AND o.id < $2 AND ($3::text IS NULL OR o.state = $3)
  ORDER BY o.id DESC LIMIT $4)"};

constexpr pg::statement list_orders{"list_orders", "SELECT " ORDER_COLUMNS R"(
  FROM orders o
  WHERE o.id < $1 AND ($2::text IS NULL OR o.state = $2)
    AND ($3::text IS NULL OR o.id::text LIKE $3
         OR EXISTS (SELECT FROM order_lines l
                    WHERE l.order_id = o.id AND (l.sku ILIKE $3 OR l.name ILIKE $3)))
  ORDER BY o.id DESC LIMIT $4)"};

constexpr pg::statement read_events{"read_events", R"(
  SELECT e.order_id, e.seq, e.type, e.state, e.at, e.detail
  FROM unnest($1::uuid[], $2::bigint[]) AS seen (order_id, seq)
  JOIN order_events e ON e.order_id = seen.order_id AND e.seq > seen.seq
  ORDER BY e.order_id, e.seq LIMIT 1000)"};

// ---------------------------------------------------------------------------------------------
// The worker

// Gives no more than keys: the rows are read by the next statement, whose snapshot is newer than
// the locks. (A row that changed since this statement began is locked in its newest version, but
// the refunds beside it would be of this statement's snapshot.)
constexpr pg::statement claim_orders{"claim_orders", R"(
  WITH due AS (
    SELECT id FROM orders WHERE unfinished_since IS NOT NULL AND due_at <= now()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
  )
  UPDATE orders o SET token = o.token + 1, attempts = o.attempts + 1,
                      due_at = now() + $2 * interval '1 ms'
  FROM due WHERE o.id = due.id
  RETURNING o.id, o.token)"};

constexpr pg::statement find_leased_orders{"find_leased_orders", "SELECT " ORDER_COLUMNS R"(
  FROM unnest($1::uuid[], $2::bigint[]) AS mine (id, token)
  JOIN orders o ON o.id = mine.id AND o.token = mine.token)"};

// The heart of the checkout: outcome of one step, intent of the next, lease and event in one
// commit.
#define SAVE_MOVE \
  R"(
    UPDATE orders SET
      state = $4, step = $5, reason = coalesce($6, reason),
      reason_detail = coalesce($7, reason_detail),
      due_at = CASE WHEN $8 THEN NULL ELSE now() + $9 * interval '1 ms' END,
      unfinished_since = CASE WHEN $8 THEN NULL ELSE unfinished_since END,
      attempts = CASE WHEN $8 THEN 0 ELSE 1 END, needs_attention = false,
      version = version + 1, updated_at = now() )"
#define IF_AS_SEEN R"( WHERE id = $1 AND token = $2 AND version = $3 )"
#define ADD_EVENT \
  R"(
  INSERT INTO order_events (order_id, seq, type, state, at, detail)
  SELECT id, version, $10, state, updated_at, $11 FROM moved
  RETURNING at)"

constexpr pg::statement save_move{"save_move", "WITH moved AS (" SAVE_MOVE IF_AS_SEEN R"(
    RETURNING id, version, state, updated_at
  ))" ADD_EVENT};

// The same for a step of a refund ($12, which becomes $13); $14 has been paid back.
constexpr pg::statement save_refund_move{"save_refund_move",
                                         "WITH moved AS (" SAVE_MOVE
                                         ", refunded_minor = refunded_minor + $14" IF_AS_SEEN R"(
    RETURNING id, version, state, updated_at
  ), refund AS (
    UPDATE refunds r SET state = $13, updated_at = now() FROM moved WHERE r.id = $12
  ))" ADD_EVENT};

constexpr pg::statement save_cancellation_move{"save_cancellation_move",
                                               "WITH moved AS (" SAVE_MOVE IF_AS_SEEN R"(
    RETURNING id, version, state, updated_at
  ), refund AS (
    INSERT INTO refunds (id, order_id, state, amount_minor, reason, lines, cancellation)
    SELECT $12, id, $13, $14, 'cancelled', '[]', true FROM moved
  ))" ADD_EVENT};

constexpr pg::statement postpone_order{"postpone_order", R"(
  UPDATE orders SET due_at = now() + $3 * interval '1 ms'
  WHERE id = $1 AND token = $2)"};

constexpr pg::statement flag_order{"flag_order", R"(
  WITH moved AS (
    UPDATE orders SET due_at = now() + $3 * interval '1 ms',
                      needs_attention = true, version = version + 1, updated_at = now()
    WHERE id = $1 AND token = $2
    RETURNING id, version, state, updated_at
  )
  INSERT INTO order_events (order_id, seq, type, state, at)
  SELECT id, version, 'delayed', state, updated_at FROM moved)"};

constexpr pg::statement rest_order{"rest_order", R"(
  UPDATE orders SET due_at = NULL, unfinished_since = NULL, attempts = 0, needs_attention = false )" IF_AS_SEEN};

constexpr pg::statement read_backlog{"read_backlog", R"(
  SELECT state, count(*) AS orders,
         count(*) FILTER (WHERE needs_attention) AS attention,
         extract(epoch FROM now() - min(unfinished_since))::double precision AS oldest_seconds
  FROM orders WHERE unfinished_since IS NOT NULL GROUP BY state)"};

constexpr pg::statement find_still_waiting{"find_still_waiting", R"(
  SELECT o.id FROM unnest($1::uuid[], $2::bigint[]) AS seen (id, token)
  JOIN orders o ON o.id = seen.id AND o.token = seen.token
  WHERE o.unfinished_since IS NOT NULL)"};

// ---------------------------------------------------------------------------------------------
// Wishes

// They wake the worker where it has nothing to do, and leave a lease or a pause as it is.
#define WAKE \
  R"(
      due_at = coalesce(due_at, now()), unfinished_since = coalesce(unfinished_since, now()),
      version = version + 1, updated_at = now() )"

constexpr pg::statement wish_to_cancel{"wish_to_cancel", R"(
  WITH moved AS (
    UPDATE orders SET cancel_requested = true, )" WAKE R"(
    WHERE id = $1 AND NOT cancel_requested AND reason IS NULL
      AND state IN ('pending', 'reserved', 'authorized', 'committed', 'captured', 'confirmed')
    RETURNING id, version, state, updated_at
  )
  INSERT INTO order_events (order_id, seq, type, state, at)
  SELECT id, version, 'cancel-requested', state, updated_at FROM moved)"};

constexpr pg::statement mark_order{"mark_order", R"(
  WITH moved AS (
    UPDATE orders SET state = $3, version = version + 1, updated_at = now()
    WHERE id = $1 AND state = $2 AND NOT cancel_requested
    RETURNING id, version, state, updated_at
  )
  INSERT INTO order_events (order_id, seq, type, state, at)
  SELECT id, version, $3, state, updated_at FROM moved)"};

constexpr pg::statement find_refund_by_key{"find_refund_by_key", R"(
  SELECT id, order_id, state, amount_minor, reason, lines, cancellation, created_at, request_hash
  FROM refunds WHERE order_id = $1 AND idempotency_key = $2)"};

constexpr pg::statement lock_order{"lock_order", "SELECT id FROM orders WHERE id = $1 FOR UPDATE"};

constexpr pg::statement insert_refund{"insert_refund", R"(
  INSERT INTO refunds (id, order_id, idempotency_key, request_hash, state, amount_minor, reason,
                       lines, cancellation)
  VALUES ($1, $2, $3, $4, 'refunding', $5, $6, $7, false)
  ON CONFLICT (order_id, idempotency_key) DO NOTHING
  RETURNING created_at)"};

constexpr pg::statement wish_to_refund{"wish_to_refund", R"(
  WITH moved AS (
    UPDATE orders SET )" WAKE R"( WHERE id = $1
    RETURNING id, version, state, updated_at
  )
  INSERT INTO order_events (order_id, seq, type, state, at)
  SELECT id, version, 'refund-requested', state, updated_at FROM moved)"};

// ---------------------------------------------------------------------------------------------
// The books

constexpr auto for_books = std::chrono::seconds(60);

constexpr pg::statement read_book_page{"read_book_page", "SELECT " ORDER_COLUMNS R"(
  FROM orders o WHERE o.id > $1 AND o.id <= $2 ORDER BY o.id LIMIT $3)",
                                       for_books};

constexpr pg::statement read_versions{"read_versions", R"(
  SELECT id, version FROM orders WHERE id > $1 AND id <= $2)",
                                      for_books};

// Each gives violation, subject, detail; at most 1000 of a kind.
constexpr pg::statement book_checks[] = {
    {"check_timeline", R"(
  SELECT 'timeline-differs' AS violation, o.id::text AS subject,
         format('version %s, state %s; %s events up to %s', o.version, o.state, e.events, e.last)
           AS detail
  FROM orders o LEFT JOIN LATERAL (
    SELECT count(*) AS events, max(seq) AS last, (array_agg(state ORDER BY seq DESC))[1] AS state
    FROM order_events WHERE order_id = o.id
  ) e ON true
  WHERE e.events <> o.version OR e.last <> o.version OR e.state <> o.state
  LIMIT 1000)",
     for_books},
    {"check_totals", R"(
  SELECT 'total-differs' AS violation, o.id::text AS subject,
         format('total %s, lines %s', o.total_minor, l.total) AS detail
  FROM orders o LEFT JOIN (
    SELECT order_id, sum(line_total_minor) AS total FROM order_lines GROUP BY order_id
  ) l ON l.order_id = o.id
  WHERE o.total_minor IS DISTINCT FROM l.total
  LIMIT 1000)",
     for_books},
    {"check_refunds", R"(
  SELECT 'refunds-differ' AS violation, o.id::text AS subject,
         format('refunded %s, refunds say %s, and %s with those under way, of %s',
                o.refunded_minor, r.paid, r.wanted, o.total_minor) AS detail
  FROM orders o JOIN (
    SELECT order_id, sum(amount_minor) AS wanted,
           coalesce(sum(amount_minor) FILTER (WHERE state <> 'refunding'), 0) AS paid
    FROM refunds WHERE state <> 'refused' GROUP BY order_id
  ) r ON r.order_id = o.id
  WHERE o.refunded_minor <> r.paid OR r.wanted > o.total_minor
  LIMIT 1000)",
     for_books},
    {"check_rest", R"(
  SELECT 'rest-differs' AS violation, o.id::text AS subject,
         format('%s at rest with something to do', o.state) AS detail
  FROM orders o
  WHERE o.due_at IS NULL AND (
    o.state NOT IN ('confirmed', 'shipped', 'delivered', 'rejected', 'cancelled')
    OR (o.state = 'confirmed' AND o.cancel_requested)
    OR EXISTS (SELECT FROM refunds r
               WHERE r.order_id = o.id AND r.state IN ('refunding', 'restocking')))
  LIMIT 1000)",
     for_books},
};

#undef WAKE
#undef ADD_EVENT
#undef IF_AS_SEEN
#undef SAVE_MOVE
#undef ORDER_COLUMNS

// ---------------------------------------------------------------------------------------------

struct claimed {
  uuid id;
  std::int64_t token = 0;
};
BOOST_DESCRIBE_STRUCT(claimed, (), (id, token))

std::optional<std::string_view> unless_empty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}

// Matches texts that contain `part`.
std::string like_pattern(std::string_view part) {
  std::string out = "%";
  for (const char c : part) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + '%';
}

// Makes the change in memory that a move has made in the row.
void apply(order_record& o, const move& m, std::string_view detail, timestamp at) {
  o.state = m.state;
  o.step = m.next;
  if (!m.reason.empty()) {
    o.reason = m.reason;
    if (!detail.empty()) o.reason_detail = detail;
  }
  o.attempts = m.rest ? 0 : 1;
  o.needs_attention = false;
  ++o.version;
  o.updated_at = at;
}

// The identifier after this one.
uuid following(uuid id) {
  for (auto byte = id.bytes.rbegin(); byte != id.bytes.rend() && ++*byte == 0; ++byte) {
  }
  return id;
}

std::optional<std::string_view> reason_detail(const move& m, std::string_view detail) {
  return m.reason.empty() ? std::nullopt : unless_empty(detail);
}

// "out-of-stock: Blue mug (2 wanted, 1 left)"
std::string event_detail(const move& m, std::string_view detail) {
  std::string out(m.reason);
  if (!out.empty() && !detail.empty()) out += ": ";
  return out.append(detail);
}

}  // namespace

// ---------------------------------------------------------------------------------------------

task<std::optional<order_record>> repository::look_up(const context& ctx, uuid user,
                                                      std::string_view key,
                                                      std::string_view cart_revision) {
  return db_.query_one<order_record>(ctx, look_up_order, user, key, cart_revision);
}

task<bool> repository::place(const context& ctx, order_record& o, std::string_view cart_revision) {
  auto created = co_await db_.execute_returning<timestamp>(
      ctx, place_order, o.id, o.user_id, o.idempotency_key, o.request_hash, cart_revision,
      o.traceparent, o.currency, o.total_minor, o.address, o.payment_id, o.payment_token, o.lines,
      lease_.count());
  if (created.empty()) co_return false;
  o.created_at = o.updated_at = created.front();
  o.state = order_state::pending;
  o.step = step::reserve;
  o.version = 1;
  o.token = 1;
  o.attempts = 1;
  co_return true;
}

task<std::optional<order_record>> repository::find(const context& ctx, uuid id) {
  return db_.query_one<order_record>(ctx, find_order, id);
}

task<std::optional<order_record>> repository::find_if_possible(const context& ctx, uuid id) {
  try {
    co_return co_await find(ctx, id);
  } catch (const pg::unavailable&) {
  } catch (const deadline_exceeded&) {
  }
  co_return std::nullopt;
}

task<std::vector<order_record>> repository::list(const context& ctx, const list_filter& filter,
                                                 uuid before, std::size_t limit) {
  if (filter.user) {
    return db_.query<order_record>(ctx, list_user_orders, *filter.user, before, filter.state,
                                   limit);
  }
  std::optional<std::string> pattern;
  if (!filter.text.empty()) pattern = like_pattern(filter.text);
  return db_.query<order_record>(ctx, list_orders, before, filter.state, pattern, limit);
}

task<std::vector<order_event>> repository::events_after(const context& ctx,
                                                        const std::vector<uuid>& orders,
                                                        const std::vector<std::int64_t>& seqs) {
  return db_.query<order_event>(ctx, read_events, orders, seqs);
}

task<std::vector<order_record>> repository::claim(const context& ctx, std::size_t limit) {
  auto rows = co_await db_.execute_returning<claimed>(ctx, claim_orders, limit, lease_.count());
  if (rows.empty()) co_return std::vector<order_record>{};
  std::vector<uuid> ids;
  std::vector<std::int64_t> tokens;
  for (const auto& row : rows) {
    ids.push_back(row.id);
    tokens.push_back(row.token);
  }
  co_return co_await db_.query<order_record>(ctx, find_leased_orders, ids, tokens);
}

task<std::optional<order_record>> repository::find_leased(const context& ctx,
                                                          const order_record& o) {
  return db_.query_one<order_record>(ctx, find_leased_orders, std::vector{o.id},
                                     std::vector{o.token});
}

task<bool> repository::save(const context& ctx, order_record& o, const move& m,
                            std::string_view detail) {
  const refund* open = m.refund ? open_refund(o) : nullptr;
  const auto told = event_detail(m, detail);
  std::vector<timestamp> at;
  if (!open) {
    at = co_await db_.execute_returning<timestamp>(
        ctx, save_move, o.id, o.token, o.version, m.state, m.next, unless_empty(m.reason),
        reason_detail(m, detail), m.rest, lease_.count(), m.event, unless_empty(told));
  } else {
    // Paid back is what leaves `refunding` for anything but `refused`.
    const bool paid = open->state == refund_state::refunding && *m.refund != refund_state::refused;
    const minor_units amount = paid ? open->amount_minor : 0;
    at = co_await db_.execute_returning<timestamp>(
        ctx, save_refund_move, o.id, o.token, o.version, m.state, m.next, unless_empty(m.reason),
        reason_detail(m, detail), m.rest, lease_.count(), m.event, unless_empty(told), open->id,
        *m.refund, amount);
    if (!at.empty()) {
      o.refunded_minor += amount;
      std::ranges::find(o.refunds, open->id, &refund::id)->state = *m.refund;
    }
  }
  if (at.empty()) co_return false;
  apply(o, m, detail, at.front());
  co_return true;
}

task<bool> repository::save_cancellation(const context& ctx, order_record& o, const move& m) {
  // Always the same for the same cancellation: whoever cancels again after a restore, which knows
  // nothing of the first time, asks the payment company under the reference of then.
  const auto amount = left_to_refund(o);
  const auto refused = std::ranges::count_if(o.refunds, [](const refund& r) {
    return r.cancellation && r.state == refund_state::refused;
  });
  const refund r{
      .id = uuid::derived("cancellation", fmt::format("{} {} {}", o.id.str(), amount, refused)),
      .order_id = o.id,
      .state = m.next == step::refund ? refund_state::refunding : refund_state::restocking,
      .amount_minor = amount,
      .reason = "cancelled",
      .cancellation = true};
  const auto at = co_await db_.execute_returning<timestamp>(
      ctx, save_cancellation_move, o.id, o.token, o.version, m.state, m.next,
      unless_empty(m.reason), std::nullopt, m.rest, lease_.count(), m.event, std::nullopt, r.id,
      r.state, r.amount_minor);
  if (at.empty()) co_return false;
  o.refunds.push_back(r);
  o.refunds.back().created_at = at.front();
  apply(o, m, {}, at.front());
  co_return true;
}

task<> repository::postpone(const context& ctx, const order_record& o,
                            std::chrono::milliseconds pause) {
  co_await db_.execute(ctx, postpone_order, o.id, o.token, pause.count());
}

task<> repository::flag(const context& ctx, const order_record& o,
                        std::chrono::milliseconds pause) {
  co_await db_.execute(ctx, flag_order, o.id, o.token, pause.count());
}

task<bool> repository::rest(const context& ctx, const order_record& o) {
  co_return co_await db_.execute(ctx, rest_order, o.id, o.token, o.version) == 1;
}

task<std::vector<repository::backlog_row>> repository::backlog(const context& ctx) {
  return db_.query<backlog_row>(ctx, read_backlog);
}

task<std::vector<uuid>> repository::still_waiting(const context& ctx,
                                                  const std::vector<uuid>& orders,
                                                  const std::vector<std::int64_t>& tokens) {
  return db_.query<uuid>(ctx, find_still_waiting, orders, tokens);
}

task<bool> repository::request_cancel(const context& ctx, uuid id) {
  co_return co_await db_.execute(ctx, wish_to_cancel, id) == 1;
}

task<bool> repository::mark(const context& ctx, uuid id, order_state from, order_state to) {
  co_return co_await db_.execute(ctx, mark_order, id, from, to) == 1;
}

task<std::optional<repository::keyed_refund>> repository::find_refund(const context& ctx,
                                                                      uuid order,
                                                                      std::string_view key) {
  return db_.query_one<keyed_refund>(ctx, find_refund_by_key, order, key);
}

task<std::expected<refund, repository::refund_refusal>> repository::request_refund(
    const context& ctx, refund r, std::string_view key, std::string_view hash) {
  auto tx = co_await db_.begin(ctx);
  // First the lock, then the look: see claim_orders.
  if (!co_await tx.query_one<uuid>(lock_order, r.order_id)) {
    co_return std::unexpected(refund_error::wrong_state);
  }
  const auto o = co_await tx.query_one<order_record>(find_order, r.order_id);
  // Whoever wishes has a clock of their own: see open_refund().
  for (const auto& other : o->refunds) r.id = std::max(r.id, following(other.id));
  auto created = co_await tx.query_one<timestamp>(insert_refund, r.id, r.order_id, key, hash,
                                                  r.amount_minor, r.reason, r.lines);
  if (!created) co_return std::unexpected(key_taken{});
  r.created_at = *created;
  if (auto error = check_refund(*o, r.amount_minor, r.lines)) {
    co_return std::unexpected(*error);  // and rolls back
  }
  co_await tx.execute_and_commit(wish_to_refund, r.order_id);
  co_return r;
}

task<std::vector<order_record>> repository::book_page(const context& ctx, uuid after, uuid through,
                                                      std::size_t limit) {
  return books_db_.query<order_record>(ctx, read_book_page, after, through, limit);
}

task<std::vector<repository::version_row>> repository::versions(const context& ctx, uuid after,
                                                                uuid through) {
  return books_db_.query<version_row>(ctx, read_versions, after, through);
}

task<std::vector<violation>> repository::check(const context& ctx) {
  auto tx = co_await books_db_.begin(ctx, pg::isolation::repeatable_read_read_only);
  std::vector<violation> all;
  for (const auto& statement : book_checks) {
    auto found = co_await tx.query<violation>(statement);
    all.insert(all.end(), std::make_move_iterator(found.begin()),
               std::make_move_iterator(found.end()));
  }
  co_await tx.rollback();
  co_return all;
}

}  // namespace souk::order
