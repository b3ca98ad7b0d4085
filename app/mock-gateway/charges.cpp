#include "charges.hpp"

#include <algorithm>
#include <charconv>

namespace souk::mock_gateway {
namespace {

struct test_card {
  std::string_view digits;
  card_kind kind;
};
constexpr test_card test_cards[] = {
    {"4242424242424242", card_kind::approve},
    {"4000000000000002", card_kind::decline},
    {"4000000000009995", card_kind::insufficient_funds},
    {"4000000000000119", card_kind::error},
    {"4000000000000077", card_kind::slow},
    {"4000000000000341", card_kind::no_answer},
    {"4000000000000259", card_kind::capture_refused},
};

// The number that the first `count` digits make.
int prefix(std::string_view digits, std::size_t count) {
  const auto first = digits.substr(0, count);
  int value = 0;
  std::from_chars(first.data(), first.data() + first.size(), value);
  return value;
}

bool between(int value, int low, int high) {
  return value >= low && value <= high;
}

}  // namespace

card_kind kind_of(std::string_view digits) {
  for (const auto& c : test_cards)
    if (c.digits == digits) return c.kind;
  return card_kind::approve;
}

std::string_view brand_of(std::string_view digits) {
  if (digits.starts_with('4')) return "visa";
  if (between(prefix(digits, 2), 51, 55) || between(prefix(digits, 4), 2221, 2720))
    return "mastercard";
  if (prefix(digits, 2) == 34 || prefix(digits, 2) == 37) return "amex";
  if (prefix(digits, 4) == 6011 || prefix(digits, 2) == 65) return "discover";
  return "other";
}

std::optional<std::string_view> decline_reason(const std::optional<card>& c, bool unlucky) {
  if (!c) return "invalid-token";
  switch (c->kind) {
    case card_kind::decline:
      return "card-declined";
    case card_kind::insufficient_funds:
      return "insufficient-funds";
    case card_kind::error:
      return "processing-error";
    case card_kind::approve:
    case card_kind::slow:
    case card_kind::no_answer:
    case card_kind::capture_refused:
      break;
  }
  return unlucky ? std::optional<std::string_view>("card-declined") : std::nullopt;
}

answer on_authorize(const charge& c) {
  switch (c.state) {
    case charge_state::declined:
      return {c.reference, outcome::declined, c.reason};
    case charge_state::cancelled:
      return {c.reference, outcome::cancelled, {}};
    case charge_state::authorized:
    case charge_state::captured:
    case charge_state::capture_refused:
    case charge_state::voided:
      break;
  }
  return {c.reference, outcome::approved, {}};
}

answer on_capture(const charge& c) {
  switch (c.state) {
    case charge_state::captured:
      return {c.reference, outcome::captured, {}};
    case charge_state::capture_refused:
      return {c.reference, outcome::refused, c.reason};
    case charge_state::voided:
      return {c.reference, outcome::refused, "voided"};
    case charge_state::declined:
    case charge_state::cancelled:
    case charge_state::authorized:
      break;
  }
  return {c.reference, outcome::refused, "not-authorized"};
}

answer on_void(const charge& c) {
  switch (c.state) {
    case charge_state::voided:
      return {c.reference, outcome::voided, {}};
    case charge_state::captured:
      return {c.reference, outcome::refused, "captured"};
    case charge_state::capture_refused:
    case charge_state::declined:
    case charge_state::cancelled:
    case charge_state::authorized:
      break;
  }
  return {c.reference, outcome::refused, "not-authorized"};
}

std::optional<std::string_view> refund_refusal(const charge& c, minor_units amount) {
  if (c.state != charge_state::captured) return "not-captured";
  if (amount > c.captured_minor - c.refunded_minor) return "exceeds-captured";
  return std::nullopt;
}

}  // namespace souk::mock_gateway
