#pragma once

// All of payment's SQL.
//
// Errors: what the business may expect is a value; pg::unavailable, pg::unknown_outcome and
// pg::error are thrown. After any of them the same call may be repeated.
//
// Before the gateway is asked, one statement records three things together: the state that says so,
// a row in `attempts`, and a lease, which keeps a second attempt away until the first has ended or
// its time is over. After the answer, one statement records the outcome and the state it leads to,
// provided that the payment is still where the attempt began.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "errors.hpp"
#include "kit/context.hpp"
#include "kit/postgres.hpp"
#include "payments.hpp"

namespace souk::payment {

struct new_payment {
  uuid id;
  uuid order_id;
  std::string user_id;
  minor_units amount_minor = 0;
  std::string currency;
  std::string token_hash{};  // empty in a void, which brings no card
};

// A payment or a refund whose next question to the gateway is recorded and is this caller's to ask.
struct claimed_payment : payment {
  std::int64_t attempt_id = 0;
  operation asked = operation::authorize;
};
BOOST_DESCRIBE_STRUCT(claimed_payment, (payment), (attempt_id, asked))

struct claimed_refund : refund {
  std::int64_t attempt_id = 0;
};
BOOST_DESCRIBE_STRUCT(claimed_refund, (refund), (attempt_id))

// How an attempt ended. `detail` is a constant or the gateway's own word for it.
struct attempt_end {
  outcome what = outcome::unknown;
  std::string detail{};
};

struct attempt {
  std::int64_t attempt_id = 0;
  operation operation_ = operation::authorize;
  std::optional<uuid> refund_id;
  std::optional<outcome> outcome_;  // nothing: under way, or the process died meanwhile
  std::optional<std::string> detail;
  std::optional<std::string> trace_id;
  timestamp started_at;
  std::optional<timestamp> finished_at;
};
BOOST_DESCRIBE_STRUCT(attempt, (),
                      (attempt_id, operation_, refund_id, outcome_, detail, trace_id, started_at,
                       finished_at))

struct card_token {
  std::string token_hash;
  std::string user_id;
  std::string gateway_token;
  std::string brand;
  std::string last4;
};

struct payment_key {  // of the last row of a page
  timestamp created_at;
  uuid id;
};

struct payment_filter {
  std::optional<uuid> order_id;
  std::optional<payment_state> state;
};

struct payment_book {
  uuid order_id;
  uuid payment_id;
  payment_state state = payment_state::authorizing;
  std::optional<std::string> reason;
  minor_units amount_minor = 0, captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0;
  timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(payment_book, (),
                      (order_id, payment_id, state, reason, amount_minor, captured_minor,
                       refunded_minor, refund_pending_minor, updated_at))

struct violation {
  std::string violation_;
  std::string subject;
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(violation, (), (violation_, subject, detail))

struct check_result {
  std::vector<violation> violations;
  std::int64_t checked = 0;
};

struct unsettled_count {
  std::int64_t unsettled = 0, needing_attention = 0;
  double oldest_seconds = 0;  // since the state was reached that is not settled
};
BOOST_DESCRIBE_STRUCT(unsettled_count, (), (unsettled, needing_attention, oldest_seconds))

class repository {
 public:
  // `audits` serves the long statements of the books; `lease` is how long an attempt may take.
  repository(pg::pool& db, pg::pool& audits, std::chrono::milliseconds lease)
      : db_(db), audits_(audits), lease_(lease) {}

  task<std::optional<payment>> find(const context& ctx, uuid id);

  // (none) -> authorizing: binds the card token to the payment. Nothing if the payment exists or
  // the token cannot pay for it. order_has_other_payment.
  task<result<std::optional<claimed_payment>>> open(const context& ctx, const new_payment& p);
  // (none) -> declined, with what is wrong with the token. Nothing if the payment exists or the
  // token is good. order_has_other_payment.
  task<result<std::optional<payment>>> open_declined(const context& ctx, const new_payment& p);
  // (none) -> voided. Nothing if the payment exists. order_has_other_payment.
  task<result<std::optional<payment>>> open_voided(const context& ctx, const new_payment& p);

  // authorized -> capturing or voiding. Nothing if the payment is elsewhere or another order's, or
  // a void is wished and `op` is another.
  task<std::optional<claimed_payment>> begin(const context& ctx, uuid id, uuid order_id,
                                             operation op);
  // Takes up unsettled payments that are due and leased to nobody: this one, or up to `limit` of
  // any. Others who do the same at this moment get other ones.
  task<std::vector<claimed_payment>> claim_due(const context& ctx, std::optional<uuid> id,
                                               int limit);
  // The gateway's answer was definite. Nothing if the payment was moved by another attempt.
  task<std::optional<payment>> settle(const context& ctx, const claimed_payment& c,
                                      payment_state to, const attempt_end& end);
  // It was not: there will be another attempt after `delay`.
  task<> postpone(const context& ctx, const claimed_payment& c, const attempt_end& end,
                  std::chrono::milliseconds delay);
  // Marks a payment that is authorizing; nothing if it is not.
  task<std::optional<payment>> wish_void(const context& ctx, uuid id);

  struct reserved_refund {
    refund it;
    std::optional<claimed_refund> claim;  // nothing: it was there before
  };
  // Sets the amount aside. not_found, not_captured, refund_differs, refund_exceeds.
  task<result<reserved_refund>> reserve_refund(const context& ctx, const refund& r);
  task<std::optional<refund>> find_refund(const context& ctx, uuid refund_id);
  task<std::vector<claimed_refund>> claim_due_refunds(const context& ctx, std::optional<uuid> id,
                                                      int limit);
  // False if another attempt has settled it.
  task<bool> settle_refund(const context& ctx, const claimed_refund& c, refund_state to,
                           const attempt_end& end);
  task<> postpone_refund(const context& ctx, const claimed_refund& c, const attempt_end& end,
                         std::chrono::milliseconds delay);

  // When the token expires.
  task<timestamp> add_token(const context& ctx, const card_token& t,
                            std::chrono::milliseconds lifetime);
  // Forgets tokens that expired a day ago, some at a time; how many.
  task<std::int64_t> forget_expired_tokens(const context& ctx);

  // Newest first, after the key `after`.
  task<std::vector<payment>> list(const context& ctx, const payment_filter& filter,
                                  const std::optional<payment_key>& after, int limit);
  // Newest first, older than `before`.
  task<std::vector<attempt>> list_attempts(const context& ctx, uuid payment_id, std::int64_t before,
                                           int limit);
  // By order: `after` < order <= `through`.
  task<std::vector<payment_book>> list_books(const context& ctx, uuid after, uuid through,
                                             int limit);
  // Compares payments, refunds, attempts and tokens with each other in one snapshot.
  task<check_result> check(const context& ctx);
  // Payments and refunds; those that needed `attention_after` attempts or more.
  task<unsettled_count> count_unsettled(const context& ctx, int attention_after);

 private:
  template <class Opened>
  task<result<std::optional<Opened>>> after_conflict(const context& ctx, const new_payment& p);

  pg::pool& db_;
  pg::pool& audits_;
  std::chrono::milliseconds lease_;
};

}  // namespace souk::payment
