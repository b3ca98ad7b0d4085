#pragma once

// The payment gateway, another company's, over its HTTP API.
//
// Questions that move money (ask, ask_refund) never throw: what is not a definite answer under our
// reference is outcome::unknown. No connection, no answer in time, any refusal of the request as
// such (key, form, limits) and a contradiction all settle nothing. The others throw
// http::call_failed.

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "kit/http_client.hpp"
#include "payments.hpp"
#include "repository.hpp"

namespace souk::payment {

struct card {
  std::string number;  // digits only
  std::int64_t exp_month = 0, exp_year = 0;
  std::string cvc;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(card, (), (number, exp_month, exp_year, cvc, name))

struct gateway_token {
  std::string card_token;
  std::string brand;
  std::string last4;
};
BOOST_DESCRIBE_STRUCT(gateway_token, (), (card_token, brand, last4))

using rate = double;  // 0 to 1

struct gateway_behaviour {
  std::int64_t latency_ms = 0, latency_jitter_ms = 0;
  rate error_rate = 0, decline_rate = 0, unknown_rate = 0;
};
BOOST_DESCRIBE_STRUCT(gateway_behaviour, (),
                      (latency_ms, latency_jitter_ms, error_rate, decline_rate, unknown_rate))

// What the gateway has in its books under one reference.
struct gateway_refund {
  uuid refund_reference;
  minor_units amount_minor = 0;
  std::string outcome;
};
BOOST_DESCRIBE_STRUCT(gateway_refund, (), (refund_reference, amount_minor, outcome))

struct gateway_record {
  uuid reference;
  std::optional<uuid> merchant_order;
  std::string state;
  std::optional<std::string> reason;
  std::optional<std::string> currency, brand, last4;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  std::vector<gateway_refund> refunds;
  timestamp created_at, updated_at;
};
BOOST_DESCRIBE_STRUCT(gateway_record, (),
                      (reference, merchant_order, state, reason, currency, brand, last4,
                       authorized_minor, captured_minor, voided_minor, refunded_minor, refunds,
                       created_at, updated_at))

// All that it has of one order, summed up.
struct gateway_totals {
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  bool cancelled = false;
  std::int64_t charges = 0;  // that were approved
};
BOOST_DESCRIBE_STRUCT(gateway_totals, (),
                      (authorized_minor, captured_minor, voided_minor, refunded_minor, cancelled,
                       charges))

struct gateway_order : gateway_totals {
  uuid merchant_order;
};
BOOST_DESCRIBE_STRUCT(gateway_order, (gateway_totals), (merchant_order))

class gateway_client {
 public:
  gateway_client(event_loop& loop, std::string url, std::string key,
                 std::chrono::milliseconds timeout);

  // The next question of a payment or refund, under its reference, which is its id.
  task<attempt_end> ask(const context& ctx, const claimed_payment& c);
  task<attempt_end> ask_refund(const context& ctx, const claimed_refund& c);

  // card_refused_by_gateway.
  task<result<gateway_token>> tokenize(const context& ctx, const card& c);
  // Nothing if it has none.
  task<std::optional<gateway_record>> record(const context& ctx, uuid reference);
  // By order: `after` < order <= `through`.
  task<std::vector<gateway_order>> orders(const context& ctx, uuid after, uuid through, int limit);
  task<gateway_behaviour> behaviour(const context& ctx);
  task<gateway_behaviour> set_behaviour(const context& ctx, const gateway_behaviour& b);

 private:
  task<attempt_end> settle(const context& ctx, uuid reference, http::call c);
  http::client http_;
  std::chrono::milliseconds timeout_;
};

}  // namespace souk::payment
