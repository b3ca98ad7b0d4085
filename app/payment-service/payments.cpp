#include "payments.hpp"

#include <algorithm>

namespace souk::payment {
namespace {

using enum payment_state;

struct move {
  std::optional<payment_state> from;
  payment_state to;
};
constexpr move legal_moves[] = {
    {std::nullopt, authorizing}, {std::nullopt, voided},  {std::nullopt, declined},
    {authorizing, authorized},   {authorizing, declined}, {authorized, capturing},
    {capturing, captured},       {capturing, refused},    {authorized, voiding},
    {voiding, voided},
};

struct answer_rule {
  payment_state from;
  operation asked;
  outcome answered;
  payment_state to;
};
constexpr answer_rule answer_rules[] = {
    {authorizing, operation::authorize, outcome::approved, authorized},
    {authorizing, operation::authorize, outcome::declined, declined},
    {authorizing, operation::authorize, outcome::cancelled, declined},
    {authorizing, operation::cancel, outcome::approved, authorized},
    {authorizing, operation::cancel, outcome::declined, declined},
    {authorizing, operation::cancel, outcome::cancelled, declined},
    {capturing, operation::capture, outcome::captured, captured},
    {capturing, operation::capture, outcome::refused, refused},
    {voiding, operation::void_, outcome::voided, voided},
};

}  // namespace

bool may_move(std::optional<payment_state> from, payment_state to) {
  return std::ranges::any_of(legal_moves,
                             [&](const move& m) { return m.from == from && m.to == to; });
}

bool is_final(payment_state s) {
  return s == declined || s == captured || s == refused || s == voided;
}

bool is_unsettled(payment_state s, bool void_requested) {
  return awaited(s, void_requested).has_value();
}

std::optional<operation> awaited(payment_state s, bool void_requested) {
  switch (s) {
    case authorizing:
      return void_requested ? operation::cancel : operation::authorize;
    case authorized:
      return void_requested ? std::optional(operation::void_) : std::nullopt;
    case capturing:
      return operation::capture;
    case voiding:
      return operation::void_;
    case declined:
    case captured:
    case refused:
    case voided:
      return std::nullopt;
  }
  return std::nullopt;
}

payment_state during(operation op) {
  switch (op) {
    case operation::authorize:
    case operation::cancel:
      return authorizing;
    case operation::capture:
      return capturing;
    case operation::void_:
      return voiding;
    case operation::refund:
      return captured;
  }
  return authorizing;
}

std::optional<payment_state> settled(payment_state from, operation asked, outcome answered) {
  for (const auto& r : answer_rules)
    if (r.from == from && r.asked == asked && r.answered == answered) return r.to;
  return std::nullopt;
}

std::optional<refund_state> settled_refund(outcome answered) {
  if (answered == outcome::refunded) return refund_state::refunded;
  if (answered == outcome::refused) return refund_state::refused;
  return std::nullopt;
}

void_step on_void(payment_state s) {
  switch (s) {
    case authorized:
      return void_step::begin;
    case authorizing:
      return void_step::wish;
    case capturing:
    case captured:
      return void_step::refuse;
    case declined:
    case refused:
    case voiding:
    case voided:
      return void_step::answer;
  }
  return void_step::answer;
}

minor_units refundable(const payment& p) {
  return p.captured_minor - p.refunded_minor - p.refund_pending_minor;
}

}  // namespace souk::payment
