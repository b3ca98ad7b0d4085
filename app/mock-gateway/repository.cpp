#include "repository.hpp"

#include <utility>

namespace souk::mock_gateway {
namespace {

using namespace std::chrono_literals;

#define CHARGE_COLUMNS                                                                  \
  "reference, merchant_order, state, reason, asked_minor, currency, token_hash, kind, " \
  "brand, last4, authorized_minor, captured_minor, voided_minor, refunded_minor, "      \
  "capture_asked_minor, created_at, updated_at"

// Longer than any merchant's token, so that a repeat after a long silence still finds its card.
constexpr pg::statement insert_card{"insert_card", R"(
  INSERT INTO card_tokens (token_hash, kind, brand, last4, expires_at)
  VALUES ($1, $2, $3, $4, now() + interval '1 day'))"};

constexpr pg::statement select_card{"select_card", R"(
  SELECT kind, brand, last4 FROM card_tokens WHERE token_hash = $1 AND expires_at > now())"};

constexpr pg::statement insert_charge{"insert_charge", R"(
  INSERT INTO charges (reference, merchant_order, state, reason, asked_minor, currency, token_hash,
                       kind, brand, last4, authorized_minor)
  VALUES ($1, $2, CASE WHEN $3::text IS NULL THEN 'authorized' ELSE 'declined' END, $3, $4, $5, $6,
          $7, $8, $9, CASE WHEN $3::text IS NULL THEN $4::bigint ELSE 0 END)
  ON CONFLICT (reference) DO NOTHING
  RETURNING )" CHARGE_COLUMNS};

constexpr pg::statement insert_cancelled{"insert_cancelled", R"(
  INSERT INTO charges (reference, merchant_order, state) VALUES ($1, $2, 'cancelled')
  ON CONFLICT (reference) DO NOTHING
  RETURNING )" CHARGE_COLUMNS};

constexpr pg::statement select_charge{
    "select_charge", "SELECT " CHARGE_COLUMNS " FROM charges WHERE reference = $1"};

constexpr pg::statement lock_charge{
    "lock_charge", "SELECT " CHARGE_COLUMNS " FROM charges WHERE reference = $1 FOR UPDATE"};

constexpr pg::statement capture_charge{"capture_charge", R"(
  UPDATE charges
  SET state = CASE kind WHEN 'capture_refused' THEN 'capture_refused' ELSE 'captured' END,
      reason = CASE kind WHEN 'capture_refused' THEN 'refused-by-bank' END,
      captured_minor = CASE kind WHEN 'capture_refused' THEN 0 ELSE $2 END,
      voided_minor = CASE kind WHEN 'capture_refused' THEN authorized_minor ELSE 0 END,
      capture_asked_minor = $2, updated_at = now()
  WHERE reference = $1 AND state = 'authorized' AND authorized_minor >= $2::bigint
  RETURNING )" CHARGE_COLUMNS};

constexpr pg::statement void_charge{"void_charge", R"(
  UPDATE charges SET state = 'voided', voided_minor = authorized_minor, updated_at = now()
  WHERE reference = $1 AND state = 'authorized'
  RETURNING )" CHARGE_COLUMNS};

constexpr pg::statement select_refund{"select_refund", R"(
  SELECT refund_reference, reference, amount_minor, outcome, reason
  FROM refunds WHERE refund_reference = $1)"};

constexpr pg::statement insert_refund{"insert_refund", R"(
  INSERT INTO refunds (refund_reference, reference, amount_minor, outcome, reason)
  VALUES ($1, $2, $3, $4, $5))"};

constexpr pg::statement add_to_refunded{"add_to_refunded", R"(
  UPDATE charges SET refunded_minor = refunded_minor + $2, updated_at = now()
  WHERE reference = $1)"};

constexpr pg::statement select_refunds{"select_refunds", R"(
  SELECT refund_reference, reference, amount_minor, outcome, reason
  FROM refunds WHERE reference = $1 ORDER BY created_at, refund_reference LIMIT 1000)"};

constexpr pg::statement count_try{"count_failed_try", R"(
  INSERT INTO failed_tries (reference, tries) VALUES ($1, 1)
  ON CONFLICT (reference) DO UPDATE SET tries = failed_tries.tries + 1
  RETURNING tries)"};

// A charge that was never approved holds and moves nothing.
constexpr pg::statement select_orders{"select_orders", R"(
  SELECT merchant_order,
         sum(authorized_minor)::bigint AS authorized_minor,
         sum(captured_minor)::bigint AS captured_minor,
         sum(voided_minor)::bigint AS voided_minor,
         sum(refunded_minor)::bigint AS refunded_minor,
         bool_or(state = 'cancelled') AS cancelled,
         count(*) FILTER (WHERE state NOT IN ('declined', 'cancelled')) AS charges,
         coalesce(array_agg(reference ORDER BY created_at, reference)
                    FILTER (WHERE state NOT IN ('declined', 'cancelled')), '{}') AS "references"
  FROM charges WHERE merchant_order > $1 AND merchant_order <= $2
  GROUP BY merchant_order ORDER BY merchant_order LIMIT $3)",
                                      30s};

constexpr pg::statement select_behaviour{"select_behaviour", R"(
  SELECT latency_ms, latency_jitter_ms, error_rate, decline_rate, unknown_rate FROM behaviour)"};

constexpr pg::statement update_behaviour{"update_behaviour", R"(
  UPDATE behaviour SET latency_ms = $1, latency_jitter_ms = $2, error_rate = $3,
                       decline_rate = $4, unknown_rate = $5)"};

template <class Row>
std::optional<Row> first(std::vector<Row> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

task<> repository::add_card(const context& ctx, const std::string& token_hash, const card& c) {
  co_await db_.execute(ctx, insert_card, token_hash, c.kind, c.brand, c.last4);
}

task<std::optional<card>> repository::find_card(const context& ctx, const std::string& token_hash) {
  return db_.query_one<card>(ctx, select_card, token_hash);
}

task<std::optional<charge>> repository::add_charge(const context& ctx, const new_charge& c,
                                                   const std::optional<card>& with,
                                                   std::optional<std::string_view> declined) {
  std::optional<card_kind> kind;
  std::optional<std::string> brand, last4;
  if (with) {
    kind = with->kind;
    brand = with->brand;
    last4 = with->last4;
  }
  co_return first(co_await db_.execute_returning<charge>(
      ctx, insert_charge, c.reference, c.merchant_order, declined, c.amount_minor, c.currency,
      c.token_hash, kind, brand, last4));
}

task<std::optional<charge>> repository::add_cancelled(const context& ctx, uuid reference,
                                                      std::optional<uuid> merchant_order) {
  co_return first(
      co_await db_.execute_returning<charge>(ctx, insert_cancelled, reference, merchant_order));
}

task<std::optional<charge>> repository::find(const context& ctx, uuid reference) {
  return db_.query_one<charge>(ctx, select_charge, reference);
}

task<std::optional<charge>> repository::capture(const context& ctx, uuid reference,
                                                minor_units amount) {
  co_return first(co_await db_.execute_returning<charge>(ctx, capture_charge, reference, amount));
}

task<std::optional<charge>> repository::void_(const context& ctx, uuid reference) {
  co_return first(co_await db_.execute_returning<charge>(ctx, void_charge, reference));
}

task<std::optional<refund>> repository::refund_once(const context& ctx, const refund& wanted) {
  try {
    auto tx = co_await db_.begin(ctx);
    const auto of = co_await tx.query_one<charge>(lock_charge, wanted.reference);
    if (!of) co_return std::nullopt;
    auto known = co_await tx.query_one<refund>(select_refund, wanted.refund_reference);
    if (known) {
      co_await tx.rollback();
      co_return known;
    }
    refund made = wanted;
    if (const auto refusal = refund_refusal(*of, wanted.amount_minor)) {
      made.outcome_ = outcome::refused;
      made.reason = std::string(*refusal);
    } else {
      made.outcome_ = outcome::refunded;
      co_await tx.execute(add_to_refunded, made.reference, made.amount_minor);
    }
    co_await tx.execute_and_commit(insert_refund, made.refund_reference, made.reference,
                                   made.amount_minor, made.outcome_, made.reason);
    co_return made;
  } catch (const pg::error& e) {
    // Taken this very moment, for another charge: for this one the row lock would have shown it.
    if (!e.is_unique_violation()) throw;
  }
  co_return co_await db_.query_one<refund>(ctx, select_refund, wanted.refund_reference);
}

task<std::int64_t> repository::count_failed_try(const context& ctx, uuid reference) {
  const auto tries = co_await db_.execute_returning<std::int64_t>(ctx, count_try, reference);
  co_return tries.front();
}

task<std::vector<refund>> repository::refunds_of(const context& ctx, uuid reference) {
  return db_.query<refund>(ctx, select_refunds, reference);
}

task<std::vector<order_totals>> repository::list_orders(const context& ctx, uuid after,
                                                        uuid through, int limit) {
  return db_.query<order_totals>(ctx, select_orders, after, through, limit);
}

task<behaviour> repository::read_behaviour(const context& ctx) {
  auto b = co_await db_.query_one<behaviour>(ctx, select_behaviour);
  co_return b.value_or(behaviour{});
}

task<> repository::write_behaviour(const context& ctx, const behaviour& b) {
  co_await db_.execute(ctx, update_behaviour, b.latency_ms, b.latency_jitter_ms, b.error_rate,
                       b.decline_rate, b.unknown_rate);
}

}  // namespace souk::mock_gateway
