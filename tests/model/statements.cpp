#include "statements.hpp"

#include <algorithm>
#include <stdexcept>

namespace souk::model {

// ---------------------------------------------------------------------------------------------
// order-service

namespace {

struct named_reason {
  reason r;
  std::string_view text;
};
constexpr named_reason named_reasons[] = {
    {reason::none, ""},
    {reason::out_of_stock, order::reasons::out_of_stock},
    {reason::payment_declined, order::reasons::payment_declined},
    {reason::hold_expired, order::reasons::hold_expired},
    {reason::payment_refused, order::reasons::payment_refused},
    {reason::not_accepted, order::reasons::not_accepted},
    {reason::cancelled, order::reasons::cancelled},
};

const uuid order_id = uuid::derived("model", "order");
const uuid payment_id = uuid::derived("model", "payment");
const uuid product_id = uuid::derived("model", "product");

// SAVE_MOVE. The table has no order at rest with something to do.
void write(order_row& o, const order::move& m) {
  if (o.rests && !m.rest) throw std::logic_error("an order at rest is moved");
  o.state = m.state;
  o.step = m.next;
  if (!m.reason.empty()) o.why = reason_of(m.reason);
  o.rests = m.rest;
}

// WAKE
void wake(order_row& o) {
  o.rests = false;
}

// The first leaves room for some before it.
int next_id(const order_row& o) {
  int last = max_refunds - 1;
  for (int i = 0; i < o.refund_count; ++i) last = std::max(last, o.refunds[i].id);
  return last + 1;
}

}  // namespace

std::string_view text_of(reason r) {
  return std::ranges::find(named_reasons, r, &named_reason::r)->text;
}

reason reason_of(std::string_view text) {
  const auto* found = std::ranges::find(named_reasons, text, &named_reason::text);
  if (found == std::end(named_reasons)) throw std::logic_error("a reason that is not known");
  return found->r;
}

uuid refund_id(int id) {
  uuid u;
  u.bytes.back() = static_cast<std::uint8_t>(id);
  return u;
}

int index_of(const order_row& o, const uuid& refund) {
  for (int i = 0; i < o.refund_count; ++i) {
    if (refund_id(o.refunds[i].id) == refund) return i;
  }
  throw std::logic_error("no such refund");
}

order::order_view order_row::view() const {
  order::order_view v{.id = order_id,
                      .state = state,
                      .step = step,
                      .total_minor = total,
                      .refunded_minor = refunded,
                      .payment_id = payment_id,
                      .cancel_requested = cancel_requested};
  v.lines.push_back({.product_id = product_id,
                     .quantity = total,
                     .unit_price_minor = 1,
                     .line_total_minor = total});
  if (why != reason::none) v.reason = std::string(text_of(why));
  for (int i = 0; i < refund_count; ++i) {
    const auto& r = refunds[i];
    v.refunds.push_back({.id = refund_id(r.id),
                         .order_id = order_id,
                         .state = r.state,
                         .amount_minor = r.amount,
                         .cancellation = r.cancellation});
    if (r.pieces > 0) v.refunds.back().lines.push_back({product_id, {r.pieces}});
  }
  return v;
}

bool save_move(order_row& o, fence f, const order::move& m) {
  if (!f.token || !f.version) return false;
  if (m.refund) {
    const auto v = o.view();
    const auto* open = order::open_refund(v);
    auto& r = o.refunds[index_of(o, open->id)];
    if (r.state == order::refund_state::refunding && *m.refund != order::refund_state::refused) {
      o.refunded += r.amount;
    }
    r.state = *m.refund;
  }
  write(o, m);
  return true;
}

bool save_cancellation_move(order_row& o, fence f, const order::move& m) {
  if (!f.token || !f.version) return false;
  const auto state = m.next == order::step::refund ? order::refund_state::refunding
                                                   : order::refund_state::restocking;
  const auto amount = static_cast<int>(left_to_refund(o.view()));
  o.refunds.at(o.refund_count) = {
      .state = state, .id = next_id(o), .amount = amount, .cancellation = true};
  ++o.refund_count;
  write(o, m);
  return true;
}

bool rest_order(order_row& o, fence f) {
  if (!f.token || !f.version) return false;
  o.rests = true;
  return true;
}

bool wish_to_cancel(order_row& o) {
  if (o.cancel_requested || o.why != reason::none || o.state > order::order_state::confirmed) {
    return false;
  }
  o.cancel_requested = true;
  wake(o);
  return true;
}

bool mark_order(order_row& o, order::order_state from, order::order_state to) {
  if (o.state != from || o.cancel_requested) return false;
  o.state = to;
  return true;
}

bool wish_to_refund(order_row& o, int amount, int pieces) {
  std::vector<order::quantity_of> lines;
  if (pieces > 0) lines.push_back({product_id, {pieces}});
  if (check_refund(o.view(), amount, lines)) return false;
  o.refunds.at(o.refund_count) = {.id = next_id(o), .amount = amount, .pieces = pieces};
  ++o.refund_count;
  wake(o);
  return true;
}

bool is_due(const order_row& o) {
  return !o.rests;
}

// ---------------------------------------------------------------------------------------------
// inventory-service

using rs = inventory::reservation_state;

reserve_result reserve(stock_rows& r, bool enough) {
  if (r.state) return reserve_result::exists;
  if (!enough) return reserve_result::out_of_stock;
  r.state = rs::held;
  r.lines = true;
  r.reserved += total;
  return reserve_result::taken;
}

bool settle_held(stock_rows& r, rs to) {
  if (r.state != rs::held) return false;
  r.state = to;
  r.reserved -= total;
  if (to == rs::committed) r.on_hand -= total;
  return true;
}

bool insert_released(stock_rows& r) {
  if (r.state) return false;
  r.state = rs::released;
  return true;
}

std::optional<inventory::failure> give_back(stock_rows& r, int key, std::optional<int> pieces) {
  if (!r.state) return inventory::failure::not_found;
  if (r.state != rs::committed && r.state != rs::returned) return std::nullopt;
  if (r.returns >> key & 1u) return std::nullopt;
  const int open = total - r.returned;
  if (pieces.value_or(open) > open) return inventory::failure::return_exceeds;
  r.returns |= 1u << key;
  r.returned += pieces.value_or(open);
  r.on_hand += pieces.value_or(open);
  if (r.returned == total) r.state = rs::returned;
  return std::nullopt;
}

// ---------------------------------------------------------------------------------------------
// payment-service

using ps = payment::payment_state;
using payment::operation;

payment::payment payment_rows::row() const {
  payment::payment p;
  p.state = state.value_or(ps::authorizing);
  p.amount_minor = total;
  p.captured_minor = captured;
  p.refunded_minor = refunded;
  p.refund_pending_minor = refund_pending;
  p.void_requested = void_requested;
  return p;
}

std::optional<attempt> open_payment(payment_rows& p, bool token_is_good) {
  if (p.state || !token_is_good) return std::nullopt;
  p.state = ps::authorizing;
  return attempt{ps::authorizing, operation::authorize};
}

bool open_declined_payment(payment_rows& p, bool token_is_good) {
  if (p.state || token_is_good) return false;
  p.state = ps::declined;
  return true;
}

bool open_voided_payment(payment_rows& p) {
  if (p.state) return false;
  p.state = ps::voided;
  return true;
}

std::optional<attempt> begin_operation(payment_rows& p, operation op, bool free) {
  if (p.state != ps::authorized || (p.void_requested && op != operation::void_) || !free) {
    return std::nullopt;
  }
  p.state = payment::during(op);
  return attempt{*p.state, op};
}

std::optional<attempt> claim_due_payments(payment_rows& p, bool free) {
  if (!p.state || !free) return std::nullopt;
  const auto op = payment::awaited(*p.state, p.void_requested);
  if (!op) return std::nullopt;
  p.state = payment::during(*op);
  return attempt{*p.state, *op};
}

bool settle_payment(payment_rows& p, const attempt& a, ps to) {
  if (p.state != a.state) return false;
  p.state = to;
  if (to == ps::captured) p.captured = total;
  return true;
}

bool wish_for_void(payment_rows& p) {
  if (p.state != ps::authorizing || p.void_requested) return false;
  p.void_requested = true;
  return true;
}

payment::result<bool> reserve_refund(payment_rows& p, int which, int amount) {
  auto& r = p.refunds[which];
  if (!p.state) return std::unexpected(payment::failure::not_found);
  if (r.state) return false;
  if (p.state != ps::captured) return std::unexpected(payment::failure::not_captured);
  if (amount > payment::refundable(p.row())) {
    return std::unexpected(payment::failure::refund_exceeds);
  }
  r = {payment::refund_state::refunding, amount};
  p.refund_pending += amount;
  return true;
}

bool claim_due_refund(payment_rows& p, int which, bool free) {
  return p.refunds[which].state == payment::refund_state::refunding && free;
}

bool settle_reserved_refund(payment_rows& p, int which, payment::refund_state to) {
  auto& r = p.refunds[which];
  if (r.state != payment::refund_state::refunding) return false;
  r.state = to;
  p.refund_pending -= r.amount;
  if (to == payment::refund_state::refunded) p.refunded += r.amount;
  return true;
}

// ---------------------------------------------------------------------------------------------
// mock-gateway

using cs = mock_gateway::charge_state;
using mock_gateway::card_kind;

mock_gateway::charge charge_rows::row() const {
  mock_gateway::charge c;
  c.state = state.value_or(cs::cancelled);
  c.kind = kind;
  c.authorized_minor = authorized;
  c.captured_minor = captured;
  c.voided_minor = voided;
  c.refunded_minor = refunded;
  return c;
}

bool insert_charge(charge_rows& c, const mock_gateway::card& with) {
  if (c.state) return false;
  const bool declined = decline_reason(with, false).has_value();
  c.state = declined ? cs::declined : cs::authorized;
  c.kind = with.kind;
  c.authorized = declined ? 0 : total;
  return true;
}

bool insert_cancelled(charge_rows& c) {
  if (c.state) return false;
  c.state = cs::cancelled;
  return true;
}

bool capture_charge(charge_rows& c, int amount) {
  if (c.state != cs::authorized || c.authorized < amount) return false;
  if (c.kind == card_kind::capture_refused) {
    c.state = cs::capture_refused;
    c.voided = c.authorized;
  } else {
    c.state = cs::captured;
    c.captured = amount;
    ++c.captures;
  }
  return true;
}

bool void_charge(charge_rows& c) {
  if (c.state != cs::authorized) return false;
  c.state = cs::voided;
  c.voided = c.authorized;
  return true;
}

std::optional<mock_gateway::outcome> refund_once(charge_rows& c, int which, int amount,
                                                 bool bank_refuses) {
  if (!c.state) return std::nullopt;
  auto& r = c.refunds[which];
  if (r) return r;
  if (bank_refuses || refund_refusal(c.row(), amount)) {
    r = mock_gateway::outcome::refused;
  } else {
    r = mock_gateway::outcome::refunded;
    c.refunded += amount;
  }
  return r;
}

}  // namespace souk::model
