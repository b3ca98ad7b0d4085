#pragma once

// What order-service asks of a payment, and how it is carried to the gateway.
//
//   1. record the intent: the state that says so, an attempt and a lease, in one statement
//   2. ask the gateway, under the payment's id as reference
//   3. record the answer, if the payment is still where the attempt began
//
// A crash after any of these leaves a payment that step 2 may be repeated for, since the gateway
// gives its first answer for ever; recovery.hpp does that. Whoever comes while an attempt is under
// way, or before the next one is due, gets the present state.
//
// All calls are idempotent and absorbing: a call whose work is done, or can never be done any more,
// answers the present state.

#include <chrono>

#include "gateway_client.hpp"
#include "repository.hpp"

namespace souk::payment {

// A payment or refund with this many attempts in a row without an outcome needs an operator.
inline constexpr int attention_after = 8;

struct refund_result {
  refund it;
  payment of;
};

class processing {
 public:
  // `time_limit` bounds one whole call, gateway included; it is no caller's business any more.
  processing(repository& store, gateway_client& gateway, std::chrono::milliseconds time_limit);

  // Authorizes. payment_differs, order_has_other_payment.
  task<result<payment>> process(const context& caller, const new_payment& p);
  // not_found; payment_differs if it is another order's.
  task<result<payment>> capture(const context& caller, uuid id, uuid order_id);
  // A payment never seen is created as voided. payment_differs, already_captured,
  // order_has_other_payment.
  task<result<payment>> void_(const context& caller, const new_payment& p);
  // Of repository::reserve_refund.
  task<result<refund_result>> refund_part(const context& caller, const refund& r);

  // Carries on with what was claimed until it is settled or has to wait. What has become of it;
  // nothing if that is not known here.
  task<std::optional<payment>> advance(const context& ctx, claimed_payment c);
  task<> advance_refund(const context& ctx, const claimed_refund& c);

 private:
  // Takes an unsettled payment up, if it is due and nobody else is at it, and answers its state.
  task<payment> resume(const context& ctx, payment known);
  task<payment> present(const context& ctx, uuid id);

  repository& store_;
  gateway_client& gateway_;
  std::chrono::milliseconds time_limit_;
};

// Whether a call brings the body of this payment. A void brings no card, and a payment that was
// voided before it began knows none: those are not compared.
bool same_payment(const payment& known, const new_payment& asked);

}  // namespace souk::payment
