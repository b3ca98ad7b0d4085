#pragma once

// What a payment is and how it may move. No I/O.
//
//   (none) ─> authorizing ─> authorized ─> capturing ─> captured
//      |           |              |             └─────> refused
//      |           └─> declined   └─> voiding ─> voided
//      └─> voided   a void that came before everything else
//      └─> declined   the card token was no good: the gateway was not asked
//
// `authorizing`, `capturing` and `voiding` say that a request to the gateway is recorded and its
// outcome is not known yet. Only an answer of the gateway leads out of them.

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "kit/id.hpp"
#include "kit/money.hpp"
#include "kit/time.hpp"

namespace souk::payment {

enum class payment_state {
  authorizing,
  authorized,
  declined,
  capturing,
  captured,
  refused,
  voiding,
  voided
};
BOOST_DESCRIBE_ENUM(payment_state, authorizing, authorized, declined, capturing, captured, refused,
                    voiding, voided)

enum class refund_state { refunding, refunded, refused };
BOOST_DESCRIBE_ENUM(refund_state, refunding, refunded, refused)

// What the gateway is asked. `cancel` gives an authorization up whose outcome is unknown: it tells
// what became of it, and if nothing has, nothing ever will.
enum class operation { authorize, cancel, capture, void_, refund };
BOOST_DESCRIBE_ENUM(operation, authorize, cancel, capture, void_, refund)

// What it answered; `unknown` stands for every answer that settles nothing, also for none.
enum class outcome { approved, declined, cancelled, captured, refused, voided, refunded, unknown };
BOOST_DESCRIBE_ENUM(outcome, approved, declined, cancelled, captured, refused, voided, refunded,
                    unknown)

// ---------------------------------------------------------------------------------------------
// The machine.

// Nothing stands for a payment never seen.
bool may_move(std::optional<payment_state> from, payment_state to);
// No call moves the payment any more.
bool is_final(payment_state s);
// A request is under way, or has to be repeated.
bool is_unsettled(payment_state s, bool void_requested);

// The operation that an unsettled payment waits for; nothing for a settled one.
std::optional<operation> awaited(payment_state s, bool void_requested);

// The state that records the intent to ask.
payment_state during(operation op);

// Where the gateway's answer leads; nothing if it settles nothing: then the state stays and the
// same request is repeated.
std::optional<payment_state> settled(payment_state from, operation asked, outcome answered);
// The same for a refund that is `refunding`.
std::optional<refund_state> settled_refund(outcome answered);

// What a void meets.
enum class void_step {
  begin,
  wish,    // the authorization's outcome is unknown: settle that first
  refuse,  // captured, or perhaps captured
  answer
};
void_step on_void(payment_state s);

// ---------------------------------------------------------------------------------------------

struct payment {
  uuid id;
  uuid order_id;
  std::string user_id;
  payment_state state = payment_state::authorizing;
  std::optional<std::string> reason;  // why it was declined or refused
  minor_units amount_minor = 0;
  std::string currency;
  minor_units captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0;
  std::optional<std::string> gateway_token, brand, last4;  // nothing if no card was ever bound
  std::optional<std::string> token_hash;
  bool void_requested = false;
  std::int32_t tries = 0;  // since the last known outcome
  std::int64_t lease = 0;  // which attempt may put the next one off
  std::int64_t version = 1;
  timestamp created_at, updated_at;
};
BOOST_DESCRIBE_STRUCT(payment, (),
                      (id, order_id, user_id, state, reason, amount_minor, currency, captured_minor,
                       refunded_minor, refund_pending_minor, gateway_token, brand, last4,
                       token_hash, void_requested, tries, lease, version, created_at, updated_at))

struct refund {
  uuid refund_id;
  uuid payment_id;
  refund_state state = refund_state::refunding;
  minor_units amount_minor = 0;
  std::string reason;
  std::int32_t tries = 0;
  std::int64_t lease = 0;
};
BOOST_DESCRIBE_STRUCT(refund, (),
                      (refund_id, payment_id, state, amount_minor, reason, tries, lease))

// What can still be given back; never negative.
minor_units refundable(const payment& p);

}  // namespace souk::payment
