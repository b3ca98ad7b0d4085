#include "repository.hpp"

#include <utility>

namespace souk::payment {
namespace {

using namespace std::chrono_literals;

#define PAYMENT_COLUMNS                                                             \
  "id, order_id, user_id, state, reason, amount_minor, currency, captured_minor, "  \
  "refunded_minor, refund_pending_minor, gateway_token, brand, last4, token_hash, " \
  "void_requested, tries, lease, version, created_at, updated_at"
#define REFUND_COLUMNS "refund_id, payment_id, state, amount_minor, reason, tries, lease"

// A payment or refund that no attempt has for itself and that is due.
#define FREE_AND_DUE "(lease_until IS NULL OR lease_until < now()) AND next_attempt_at <= now()"

constexpr pg::statement find_payment{"find_payment",
                                     "SELECT " PAYMENT_COLUMNS " FROM payments WHERE id = $1"};

// ---------------------------------------------------------------------------------------------
// Into the first state.

// $1 payment, $2 order, $3 shopper, $4 amount, $5 currency, $6 token, $7 lease in ms, $8 trace.
constexpr pg::statement open_payment{"open_payment", R"(
  WITH bound AS (
    UPDATE card_tokens SET payment_id = $1, order_id = $2
    WHERE token_hash = $6 AND user_id = $3 AND expires_at > now()
      AND (payment_id IS NULL OR payment_id = $1)
      AND NOT EXISTS (SELECT 1 FROM payments WHERE id = $1)
    RETURNING gateway_token, brand, last4
  ), opened AS (
    INSERT INTO payments (id, order_id, user_id, state, amount_minor, currency, token_hash,
                          gateway_token, brand, last4, lease, lease_until)
    SELECT $1, $2, $3, 'authorizing', $4, $5, $6, gateway_token, brand, last4,
           1, now() + $7::bigint * interval '1 millisecond'
    FROM bound
    ON CONFLICT (id) DO NOTHING
    RETURNING *
  ), intent AS (
    INSERT INTO attempts (payment_id, operation, trace_id)
    SELECT id, 'authorize', $8 FROM opened
    RETURNING attempt_id, payment_id, operation
  )
  SELECT )" PAYMENT_COLUMNS R"(, attempt_id, operation AS asked
  FROM opened JOIN intent ON intent.payment_id = opened.id)"};

constexpr pg::statement open_declined_payment{"open_declined_payment", R"(
  INSERT INTO payments (id, order_id, user_id, state, reason, amount_minor, currency, token_hash)
  SELECT $1, $2, $3, 'declined', problem.reason, $4, $5, $6
  FROM (
    SELECT CASE WHEN t.token_hash IS NULL THEN 'token-unknown'
                WHEN t.user_id <> $3 THEN 'token-of-another-shopper'
                WHEN t.payment_id <> $1 THEN 'token-used'
                WHEN t.expires_at <= now() THEN 'token-expired' END AS reason
    FROM (SELECT 1) AS always LEFT JOIN card_tokens t ON t.token_hash = $6
  ) AS problem
  WHERE problem.reason IS NOT NULL
  ON CONFLICT (id) DO NOTHING
  RETURNING )" PAYMENT_COLUMNS};

constexpr pg::statement open_voided_payment{"open_voided_payment", R"(
  INSERT INTO payments (id, order_id, user_id, state, amount_minor, currency)
  VALUES ($1, $2, $3, 'voided', $4, $5)
  ON CONFLICT (id) DO NOTHING
  RETURNING )" PAYMENT_COLUMNS};

// ---------------------------------------------------------------------------------------------
// From state to state.

// $1 payment, $2 order, $3 the state that records the intent, $4 operation, $5 lease in ms,
// $6 trace.
constexpr pg::statement begin_operation{"begin_operation", R"(
  WITH begun AS (
    UPDATE payments
    SET state = $3, tries = 0, lease = lease + 1,
        lease_until = now() + $5::bigint * interval '1 millisecond',
        version = version + 1, updated_at = now()
    WHERE id = $1 AND order_id = $2
      AND state = 'authorized' AND (NOT void_requested OR $4 = 'void')
      AND )" FREE_AND_DUE R"(
    RETURNING *
  ), intent AS (
    INSERT INTO attempts (payment_id, operation, trace_id)
    SELECT id, $4, $6 FROM begun
    RETURNING attempt_id, payment_id, operation
  )
  SELECT )" PAYMENT_COLUMNS R"(, attempt_id, operation AS asked
  FROM begun JOIN intent ON intent.payment_id = begun.id)"};

// The operation is that of awaited() in payments.hpp. $1 payment or NULL for any, $2 how many,
// $3 lease in ms, $4 trace.
constexpr pg::statement claim_due_payments{"claim_due_payments", R"(
  WITH due AS (
    SELECT id FROM payments
    WHERE unsettled AND ($1::uuid IS NULL OR id = $1) AND )" FREE_AND_DUE R"(
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE payments p
    SET state = CASE p.state WHEN 'authorized' THEN 'voiding' ELSE p.state END,
        version = p.version + CASE p.state WHEN 'authorized' THEN 1 ELSE 0 END,
        updated_at = CASE p.state WHEN 'authorized' THEN now() ELSE p.updated_at END,
        lease = p.lease + 1, lease_until = now() + $3::bigint * interval '1 millisecond'
    FROM due WHERE p.id = due.id
    RETURNING p.*
  ), intent AS (
    INSERT INTO attempts (payment_id, operation, trace_id)
    SELECT id,
           CASE state WHEN 'capturing' THEN 'capture'
                      WHEN 'voiding' THEN 'void'
                      ELSE CASE WHEN void_requested THEN 'cancel' ELSE 'authorize' END END,
           $4
    FROM claimed
    RETURNING attempt_id, payment_id, operation
  )
  SELECT )" PAYMENT_COLUMNS R"(, attempt_id, operation AS asked
  FROM claimed JOIN intent ON intent.payment_id = claimed.id)"};

// $1 payment, $2 attempt, $3 the state in which it was made, $4 the state that it leads to,
// $5 outcome, $6 detail.
constexpr pg::statement settle_payment{"settle_payment", R"(
  WITH ended AS (
    UPDATE attempts SET outcome = $5, detail = $6, finished_at = now()
    WHERE attempt_id = $2 AND outcome IS NULL
  )
  UPDATE payments
  SET state = $4,
      reason = CASE WHEN $4 IN ('declined', 'refused') THEN COALESCE($6, $5) ELSE reason END,
      captured_minor = CASE WHEN $4 = 'captured' THEN amount_minor ELSE captured_minor END,
      tries = 0, next_attempt_at = '-infinity', lease_until = NULL,
      version = version + 1, updated_at = now()
  WHERE id = $1 AND state = $3
  RETURNING )" PAYMENT_COLUMNS};

// A void that came meanwhile asks something else: it need not wait. $1 payment, $2 attempt,
// $3 lease, $4 outcome, $5 detail, $6 delay in ms, $7 operation, $8 the state in which it was made.
constexpr pg::statement postpone_payment{"postpone_payment", R"(
  WITH ended AS (
    UPDATE attempts SET outcome = $4, detail = $5, finished_at = now()
    WHERE attempt_id = $2 AND outcome IS NULL
  )
  UPDATE payments
  SET lease_until = NULL, tries = tries + 1,
      next_attempt_at = CASE WHEN void_requested AND $7 = 'authorize' THEN '-infinity'
                             ELSE now() + $6::bigint * interval '1 millisecond' END
  WHERE id = $1 AND lease = $3 AND state = $8)"};

constexpr pg::statement wish_for_void{"wish_for_void", R"(
  UPDATE payments
  SET void_requested = true, next_attempt_at = '-infinity', version = version + 1, updated_at = now()
  WHERE id = $1 AND state = 'authorizing' AND NOT void_requested
  RETURNING )" PAYMENT_COLUMNS};

// ---------------------------------------------------------------------------------------------
// Refunds.

constexpr pg::statement lock_payment{
    "lock_payment", "SELECT " PAYMENT_COLUMNS " FROM payments WHERE id = $1 FOR UPDATE"};

constexpr pg::statement select_refund{
    "select_refund", "SELECT " REFUND_COLUMNS " FROM refunds WHERE refund_id = $1"};

constexpr pg::statement insert_refund{"insert_refund", R"(
  WITH reserved AS (
    INSERT INTO refunds (refund_id, payment_id, state, amount_minor, reason, lease, lease_until)
    VALUES ($1, $2, 'refunding', $3, $4, 1, now() + $5::bigint * interval '1 millisecond')
    RETURNING *
  ), intent AS (
    INSERT INTO attempts (payment_id, refund_id, operation, trace_id)
    VALUES ($2, $1, 'refund', $6)
    RETURNING attempt_id
  )
  SELECT )" REFUND_COLUMNS R"(, attempt_id FROM reserved, intent)"};

constexpr pg::statement set_aside{"set_aside", R"(
  UPDATE payments SET refund_pending_minor = refund_pending_minor + $2,
                      version = version + 1, updated_at = now()
  WHERE id = $1)"};

constexpr pg::statement claim_due_refund{"claim_due_refund", R"(
  WITH due AS (
    SELECT refund_id FROM refunds
    WHERE state = 'refunding' AND ($1::uuid IS NULL OR refund_id = $1) AND )" FREE_AND_DUE R"(
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE refunds r
    SET lease = r.lease + 1, lease_until = now() + $3::bigint * interval '1 millisecond'
    FROM due WHERE r.refund_id = due.refund_id
    RETURNING r.*
  ), intent AS (
    INSERT INTO attempts (payment_id, refund_id, operation, trace_id)
    SELECT payment_id, refund_id, 'refund', $4 FROM claimed
    RETURNING attempt_id, refund_id AS claimed_id
  )
  SELECT )" REFUND_COLUMNS R"(, attempt_id
  FROM claimed JOIN intent ON intent.claimed_id = claimed.refund_id)"};

// $1 refund, $2 attempt, $3 the state that it leads to, $4 outcome, $5 detail.
constexpr pg::statement settle_reserved_refund{"settle_refund", R"(
  WITH answered AS (
    UPDATE attempts SET outcome = $4, detail = $5, finished_at = now()
    WHERE attempt_id = $2 AND outcome IS NULL
  ), ended AS (
    UPDATE refunds SET state = $3, tries = 0, lease_until = NULL, updated_at = now()
    WHERE refund_id = $1 AND state = 'refunding'
    RETURNING payment_id, amount_minor
  )
  UPDATE payments p
  SET refund_pending_minor = p.refund_pending_minor - ended.amount_minor,
      refunded_minor = p.refunded_minor
                       + CASE WHEN $3 = 'refunded' THEN ended.amount_minor ELSE 0 END,
      version = p.version + 1, updated_at = now()
  FROM ended WHERE p.id = ended.payment_id)"};

constexpr pg::statement postpone_reserved_refund{"postpone_refund", R"(
  WITH ended AS (
    UPDATE attempts SET outcome = $4, detail = $5, finished_at = now()
    WHERE attempt_id = $2 AND outcome IS NULL
  )
  UPDATE refunds
  SET lease_until = NULL, tries = tries + 1,
      next_attempt_at = now() + $6::bigint * interval '1 millisecond'
  WHERE refund_id = $1 AND lease = $3 AND state = 'refunding')"};

// ---------------------------------------------------------------------------------------------
// Tokens.

constexpr pg::statement insert_token{"insert_token", R"(
  INSERT INTO card_tokens (token_hash, user_id, gateway_token, brand, last4, expires_at)
  VALUES ($1, $2, $3, $4, $5, now() + $6::bigint * interval '1 millisecond')
  RETURNING expires_at)"};

constexpr pg::statement delete_expired_tokens{"delete_expired_tokens", R"(
  DELETE FROM card_tokens WHERE token_hash IN (
    SELECT token_hash FROM card_tokens WHERE expires_at < now() - interval '1 day'
    ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED))"};

// ---------------------------------------------------------------------------------------------
// Lists and books.

constexpr pg::statement list_payments{"list_payments", "SELECT " PAYMENT_COLUMNS R"( FROM payments
  WHERE ($1::uuid IS NULL OR order_id = $1) AND ($2::text IS NULL OR state = $2)
    AND (created_at, id) < ($3::timestamptz, $4::uuid)
  ORDER BY created_at DESC, id DESC LIMIT $5)"};

constexpr pg::statement list_payment_attempts{"list_payment_attempts", R"(
  SELECT attempt_id, operation, refund_id, outcome, detail, trace_id, started_at, finished_at
  FROM attempts WHERE payment_id = $1 AND attempt_id < $2
  ORDER BY attempt_id DESC LIMIT $3)"};

constexpr pg::statement list_payment_books{"list_payment_books", R"(
  SELECT order_id, id AS payment_id, state, reason, amount_minor, captured_minor, refunded_minor,
         refund_pending_minor, updated_at
  FROM payments WHERE order_id > $1 AND order_id <= $2
  ORDER BY order_id LIMIT $3)",
                                           30s};

constexpr pg::statement count_books{"count_books", R"(
  SELECT (SELECT count(*) FROM payments) + (SELECT count(*) FROM refunds))",
                                    30s};

// Each gives violation, subject, detail; at most 1000 of a kind.
constexpr pg::statement book_checks[] = {
    {"check_amounts", R"(
  SELECT 'payment-amounts' AS violation, 'payment ' || id AS subject,
         'state ' || state || ', amount ' || amount_minor || ', captured ' || captured_minor
         || ', refunded ' || refunded_minor || ', refund pending ' || refund_pending_minor AS detail
  FROM payments
  WHERE NOT (captured_minor = CASE WHEN state = 'captured' THEN amount_minor ELSE 0 END
             AND amount_minor >= 0 AND refunded_minor >= 0 AND refund_pending_minor >= 0
             AND refunded_minor + refund_pending_minor <= captured_minor)
  LIMIT 1000)",
     30s},
    {"check_refund_sums", R"(
  SELECT 'refund-sums' AS violation, 'payment ' || p.id AS subject,
         'refunded ' || p.refunded_minor || ' but its refunds say ' || COALESCE(r.refunded, 0)
         || ', pending ' || p.refund_pending_minor || ' but they say ' || COALESCE(r.pending, 0)
           AS detail
  FROM payments p LEFT JOIN (
    SELECT payment_id,
           sum(amount_minor) FILTER (WHERE state = 'refunded') AS refunded,
           sum(amount_minor) FILTER (WHERE state = 'refunding') AS pending
    FROM refunds GROUP BY payment_id
  ) r ON r.payment_id = p.id
  WHERE p.refunded_minor <> COALESCE(r.refunded, 0)
     OR p.refund_pending_minor <> COALESCE(r.pending, 0)
  LIMIT 1000)",
     30s},
    {"check_states_have_answers", R"(
  SELECT 'state-without-answer' AS violation, 'payment ' || p.id AS subject,
         'is ' || p.state || ' but no attempt was answered accordingly' AS detail
  FROM payments p
  JOIN (VALUES ('authorized', 'approved'), ('capturing', 'approved'), ('captured', 'approved'),
               ('refused', 'approved'), ('voiding', 'approved'), ('captured', 'captured'),
               ('refused', 'refused'), ('voided', 'voided')) AS needs (state, outcome)
    ON needs.state = p.state AND p.gateway_token IS NOT NULL
  WHERE NOT EXISTS (SELECT 1 FROM attempts a
                    WHERE a.payment_id = p.id AND a.outcome = needs.outcome
                      AND a.operation <> 'refund')
  LIMIT 1000)",
     30s},
    {"check_tokens", R"(
  SELECT 'token-paid-twice' AS violation, 'payment ' || min(id::text) AS subject,
         'its card token has also paid for payment ' || max(id::text) AS detail
  FROM payments WHERE gateway_token IS NOT NULL
  GROUP BY token_hash HAVING count(*) > 1
  LIMIT 1000)",
     30s},
    {"check_unsettled", R"(
  SELECT 'unsettled' AS violation, 'payment ' || id AS subject,
         state || ' for more than ten minutes' AS detail
  FROM payments WHERE unsettled AND updated_at < now() - interval '10 minutes'
  UNION ALL
  SELECT 'unsettled', 'refund ' || refund_id, state || ' for more than ten minutes'
  FROM refunds WHERE state = 'refunding' AND updated_at < now() - interval '10 minutes'
  LIMIT 1000)",
     30s},
};

constexpr pg::statement count_unsettled_work{"count_unsettled", R"(
  SELECT count(*) AS unsettled, count(*) FILTER (WHERE tries >= $1) AS needing_attention,
         COALESCE(EXTRACT(epoch FROM now() - min(updated_at)), 0)::double precision
           AS oldest_seconds
  FROM (SELECT tries, updated_at FROM payments WHERE unsettled
        UNION ALL
        SELECT tries, updated_at FROM refunds WHERE state = 'refunding') AS work)"};

// ---------------------------------------------------------------------------------------------

template <class Row>
std::optional<Row> first(std::vector<Row> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

std::optional<std::string> nonempty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

bool another_payment_of_the_order(const pg::error& e) {
  return e.is_unique_violation() && e.constraint == "payments_one_per_order";
}

}  // namespace

task<std::optional<payment>> repository::find(const context& ctx, uuid id) {
  return db_.query_one<payment>(ctx, find_payment, id);
}

// Two who open the same payment at the same moment may meet in the index of the orders before ON
// CONFLICT (id) sees them: then the payment is there, and that is no other payment.
template <class Opened>
task<result<std::optional<Opened>>> repository::after_conflict(const context& ctx,
                                                               const new_payment& p) {
  const auto present = co_await find(ctx, p.id);
  if (present) co_return std::optional<Opened>{};
  co_return std::unexpected(failure::order_has_other_payment);
}

task<result<std::optional<claimed_payment>>> repository::open(const context& ctx,
                                                              const new_payment& p) {
  try {
    co_return first(co_await db_.execute_returning<claimed_payment>(
        ctx, open_payment, p.id, p.order_id, p.user_id, p.amount_minor, p.currency, p.token_hash,
        lease_.count(), ctx.trace.trace_id_hex()));
  } catch (const pg::error& e) {
    if (!another_payment_of_the_order(e)) throw;
  }
  co_return co_await after_conflict<claimed_payment>(ctx, p);
}

task<result<std::optional<payment>>> repository::open_declined(const context& ctx,
                                                               const new_payment& p) {
  try {
    co_return first(co_await db_.execute_returning<payment>(ctx, open_declined_payment, p.id,
                                                            p.order_id, p.user_id, p.amount_minor,
                                                            p.currency, p.token_hash));
  } catch (const pg::error& e) {
    if (!another_payment_of_the_order(e)) throw;
  }
  co_return co_await after_conflict<payment>(ctx, p);
}

task<result<std::optional<payment>>> repository::open_voided(const context& ctx,
                                                             const new_payment& p) {
  try {
    co_return first(co_await db_.execute_returning<payment>(
        ctx, open_voided_payment, p.id, p.order_id, p.user_id, p.amount_minor, p.currency));
  } catch (const pg::error& e) {
    if (!another_payment_of_the_order(e)) throw;
  }
  co_return co_await after_conflict<payment>(ctx, p);
}

task<std::optional<claimed_payment>> repository::begin(const context& ctx, uuid id, uuid order_id,
                                                       operation op) {
  co_return first(co_await db_.execute_returning<claimed_payment>(
      ctx, begin_operation, id, order_id, during(op), op, lease_.count(),
      ctx.trace.trace_id_hex()));
}

task<std::vector<claimed_payment>> repository::claim_due(const context& ctx, std::optional<uuid> id,
                                                         int limit) {
  return db_.execute_returning<claimed_payment>(ctx, claim_due_payments, id, limit, lease_.count(),
                                                ctx.trace.trace_id_hex());
}

task<std::optional<payment>> repository::settle(const context& ctx, const claimed_payment& c,
                                                payment_state to, const attempt_end& end) {
  co_return first(co_await db_.execute_returning<payment>(
      ctx, settle_payment, c.id, c.attempt_id, c.state, to, end.what, nonempty(end.detail)));
}

task<> repository::postpone(const context& ctx, const claimed_payment& c, const attempt_end& end,
                            std::chrono::milliseconds delay) {
  co_await db_.execute(ctx, postpone_payment, c.id, c.attempt_id, c.lease, end.what,
                       nonempty(end.detail), delay.count(), c.asked, c.state);
}

task<std::optional<payment>> repository::wish_void(const context& ctx, uuid id) {
  co_return first(co_await db_.execute_returning<payment>(ctx, wish_for_void, id));
}

// ---------------------------------------------------------------------------------------------

task<result<repository::reserved_refund>> repository::reserve_refund(const context& ctx,
                                                                     const refund& r) {
  try {
    auto tx = co_await db_.begin(ctx);
    const auto paid = co_await tx.query_one<payment>(lock_payment, r.payment_id);
    if (!paid) co_return std::unexpected(failure::not_found);
    if (auto known = co_await tx.query_one<refund>(select_refund, r.refund_id)) {
      if (known->payment_id != r.payment_id || known->amount_minor != r.amount_minor ||
          known->reason != r.reason)
        co_return std::unexpected(failure::refund_differs);
      co_await tx.rollback();
      co_return reserved_refund{.it = std::move(*known)};
    }
    if (paid->state != payment_state::captured) co_return std::unexpected(failure::not_captured);
    if (r.amount_minor > refundable(*paid)) co_return std::unexpected(failure::refund_exceeds);
    auto claim = co_await tx.query_one<claimed_refund>(insert_refund, r.refund_id, r.payment_id,
                                                       r.amount_minor, r.reason, lease_.count(),
                                                       ctx.trace.trace_id_hex());
    co_await tx.execute_and_commit(set_aside, r.payment_id, r.amount_minor);
    reserved_refund out{.it = *claim};
    out.claim = std::move(claim);
    co_return out;
  } catch (const pg::error& e) {
    // Taken this very moment, for another payment: for this one the row lock would have shown it.
    if (!e.is_unique_violation()) throw;
  }
  co_return std::unexpected(failure::refund_differs);
}

task<std::optional<refund>> repository::find_refund(const context& ctx, uuid refund_id) {
  return db_.query_one<refund>(ctx, select_refund, refund_id);
}

task<std::vector<claimed_refund>> repository::claim_due_refunds(const context& ctx,
                                                                std::optional<uuid> id, int limit) {
  return db_.execute_returning<claimed_refund>(ctx, claim_due_refund, id, limit, lease_.count(),
                                               ctx.trace.trace_id_hex());
}

task<bool> repository::settle_refund(const context& ctx, const claimed_refund& c, refund_state to,
                                     const attempt_end& end) {
  const auto touched = co_await db_.execute(ctx, settle_reserved_refund, c.refund_id, c.attempt_id,
                                            to, end.what, nonempty(end.detail));
  co_return touched > 0;
}

task<> repository::postpone_refund(const context& ctx, const claimed_refund& c,
                                   const attempt_end& end, std::chrono::milliseconds delay) {
  co_await db_.execute(ctx, postpone_reserved_refund, c.refund_id, c.attempt_id, c.lease, end.what,
                       nonempty(end.detail), delay.count());
}

// ---------------------------------------------------------------------------------------------

task<timestamp> repository::add_token(const context& ctx, const card_token& t,
                                      std::chrono::milliseconds lifetime) {
  const auto rows = co_await db_.execute_returning<timestamp>(ctx, insert_token, t.token_hash,
                                                              t.user_id, t.gateway_token, t.brand,
                                                              t.last4, lifetime.count());
  co_return rows.front();
}

task<std::int64_t> repository::forget_expired_tokens(const context& ctx) {
  return db_.execute(ctx, delete_expired_tokens);
}

task<std::vector<payment>> repository::list(const context& ctx, const payment_filter& filter,
                                            const std::optional<payment_key>& after, int limit) {
  uuid last;
  last.bytes.fill(0xff);
  // Without a cursor, from beyond the newest.
  const payment_key from = after.value_or(payment_key{now() + std::chrono::days(36'500), last});
  return db_.query<payment>(ctx, list_payments, filter.order_id, filter.state, from.created_at,
                            from.id, limit);
}

task<std::vector<attempt>> repository::list_attempts(const context& ctx, uuid payment_id,
                                                     std::int64_t before, int limit) {
  return db_.query<attempt>(ctx, list_payment_attempts, payment_id, before, limit);
}

task<std::vector<payment_book>> repository::list_books(const context& ctx, uuid after, uuid through,
                                                       int limit) {
  return audits_.query<payment_book>(ctx, list_payment_books, after, through, limit);
}

task<check_result> repository::check(const context& ctx) {
  auto tx = co_await audits_.begin(ctx, pg::isolation::repeatable_read_read_only);
  check_result out;
  for (const auto& s : book_checks) {
    auto found = co_await tx.query<violation>(s);
    out.violations.insert(out.violations.end(), std::make_move_iterator(found.begin()),
                          std::make_move_iterator(found.end()));
  }
  out.checked = (co_await tx.query_one<std::int64_t>(count_books)).value();
  co_await tx.rollback();
  co_return out;
}

task<unsettled_count> repository::count_unsettled(const context& ctx, int attention_after) {
  auto count = co_await db_.query_one<unsettled_count>(ctx, count_unsettled_work, attention_after);
  co_return count.value();
}

}  // namespace souk::payment
