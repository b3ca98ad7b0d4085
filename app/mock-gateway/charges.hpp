#pragma once

// What the payment company knows: cards, charges and what it answers about them. No I/O.
//
// Everything is kept under the merchant's reference, and the first answer under a reference holds
// for ever: what an answer depends on never changes once it is stored.
//
//   (none) ─> authorized ─> captured
//      |          ├─> voided
//      |          └─> capture_refused   the bank went back on its word; the hold is released
//      ├─> declined
//      └─> cancelled   nothing was charged, and nothing will be

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/id.hpp"
#include "kit/money.hpp"
#include "kit/time.hpp"

namespace souk::mock_gateway {

// How a card behaves. The number itself is never kept.
enum class card_kind {
  approve,
  decline,
  insufficient_funds,
  error,      // fails twice with nothing charged, then is declined
  slow,       // takes three seconds
  no_answer,  // is charged, but the first answer is lost
  capture_refused
};
BOOST_DESCRIBE_ENUM(card_kind, approve, decline, insufficient_funds, error, slow, no_answer,
                    capture_refused)

// The test cards; every other number is approved.
card_kind kind_of(std::string_view digits);
std::string_view brand_of(std::string_view digits);

enum class charge_state { authorized, declined, cancelled, captured, capture_refused, voided };
BOOST_DESCRIBE_ENUM(charge_state, authorized, declined, cancelled, captured, capture_refused,
                    voided)

enum class outcome { approved, declined, cancelled, captured, refused, voided, refunded };
BOOST_DESCRIBE_ENUM(outcome, approved, declined, cancelled, captured, refused, voided, refunded)

struct card {
  card_kind kind = card_kind::approve;
  std::string brand;
  std::string last4;
};
BOOST_DESCRIBE_STRUCT(card, (), (kind, brand, last4))

struct charge {
  uuid reference;
  std::optional<uuid> merchant_order;
  charge_state state = charge_state::cancelled;
  std::optional<std::string> reason;
  std::optional<minor_units> asked_minor;  // nothing if it was cancelled before it was asked for
  std::optional<std::string> currency, token_hash, brand, last4;
  std::optional<card_kind> kind;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  std::optional<minor_units> capture_asked_minor;
  timestamp created_at, updated_at;
};
BOOST_DESCRIBE_STRUCT(charge, (),
                      (reference, merchant_order, state, reason, asked_minor, currency, token_hash,
                       brand, last4, kind, authorized_minor, captured_minor, voided_minor,
                       refunded_minor, capture_asked_minor, created_at, updated_at))

struct refund {
  uuid refund_reference;
  uuid reference;
  minor_units amount_minor = 0;
  outcome outcome_ = outcome::refused;
  std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(refund, (), (refund_reference, reference, amount_minor, outcome_, reason))

struct answer {
  uuid reference;
  outcome outcome_ = outcome::refused;
  std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(answer, (), (reference, outcome_, reason))

// Why a card (nothing: the token is unknown or too old) is not charged; nothing: it is.
std::optional<std::string_view> decline_reason(const std::optional<card>& c, bool unlucky);

// What a charge as stored says to the one who asks (again) to ...
answer on_authorize(const charge& c);
answer on_capture(const charge& c);
answer on_void(const charge& c);
// Nothing: it can be refunded.
std::optional<std::string_view> refund_refusal(const charge& c, minor_units amount);

// Settings for the merchant's tests.
struct behaviour {
  std::int64_t latency_ms = 0;         // before each answer about money
  std::int64_t latency_jitter_ms = 0;  // and up to so much more
  double error_rate = 0;               // fails before anything is done
  double decline_rate = 0;             // of good cards
  double unknown_rate = 0;             // the work is done, but the answer is lost
};
BOOST_DESCRIBE_STRUCT(behaviour, (),
                      (latency_ms, latency_jitter_ms, error_rate, decline_rate, unknown_rate))

}  // namespace souk::mock_gateway
