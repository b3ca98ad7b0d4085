#include "books.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace souk::order {
namespace {

using enum reply;
using os = order_state;

constexpr auto charged = one_of({captured});
constexpr auto stock_sold = one_of({committed, returned});  // returned, once refunds brought it all

constexpr combination combinations[] = {
    // While a call may be under way, the other side may stand before or after it. A hold may expire
    // at any time until it is committed.
    {os::pending, step::reserve, "", one_of({none, held, expired}), one_of({none})},
    {os::reserved, step::authorize, "", one_of({held, expired}),
     one_of({none, authorizing, authorized, declined})},
    {os::authorized, step::commit, "", one_of({held, committed, expired}), one_of({authorized})},
    {os::committed, step::capture, "", one_of({committed}),
     one_of({authorized, capturing, captured, refused})},
    {os::captured, step::clear_cart, "", one_of({committed}), charged},

    // Undoing: first the payment, then the stock.
    {os::reserved, step::void_payment, "", one_of({held, expired}),
     one_of({none, authorizing, authorized, declined, voiding, voided})},
    {os::authorized, step::void_payment, "", one_of({held, committed, expired}),
     one_of({authorized, voiding, voided})},
    {os::committed, step::void_payment, "", one_of({committed}),
     one_of({authorized, voiding, voided})},
    {os::pending, step::release_stock, "", one_of({none, held, released, expired}), one_of({none})},
    {os::reserved, step::release_stock, "", one_of({held, released, expired}),
     one_of({none, declined, voided})},
    {os::authorized, step::release_stock, "", one_of({held, committed, released, expired}),
     one_of({voided})},
    {os::authorized, step::return_stock, "", one_of({committed, returned}), one_of({voided})},
    {os::committed, step::return_stock, "", one_of({committed, returned}),
     one_of({voided, refused})},

    // Undone: nothing held, nothing charged, and the other sides have said so.
    {os::rejected, {}, reasons::out_of_stock, one_of({released, expired}), one_of({none})},
    {os::rejected, {}, reasons::hold_expired, one_of({expired}), one_of({none, voided})},
    {os::rejected, {}, reasons::payment_declined, one_of({released, expired}), one_of({declined})},
    {os::rejected, {}, reasons::payment_refused, one_of({returned}), one_of({refused})},
    {os::rejected,
     {},
     reasons::not_accepted,
     one_of({released, expired}),
     one_of({none, declined, voided})},
    {os::rejected, {}, reasons::not_accepted, one_of({returned}), one_of({voided})},
    {os::cancelled, {}, "", one_of({released, expired}), one_of({none, voided})},
    {os::cancelled, {}, "", one_of({returned}), one_of({voided, captured})},

    // Sold.
    {os::confirmed, {}, "", stock_sold, charged},
    {os::confirmed, step::refund, "", stock_sold, charged},
    {os::confirmed, step::restock, "", stock_sold, charged},
    {os::shipped, {}, "", stock_sold, charged},
    {os::shipped, step::refund, "", stock_sold, charged},
    {os::shipped, step::restock, "", stock_sold, charged},
    {os::delivered, {}, "", stock_sold, charged},
    {os::delivered, step::refund, "", stock_sold, charged},
    {os::delivered, step::restock, "", stock_sold, charged},
    {os::refunding, {}, "", stock_sold, charged},
    {os::refunding, step::refund, "", stock_sold, charged},
    {os::restocking, step::restock, "", stock_sold, charged},
};

// clang-format off
constexpr gateway_combination gateway_combinations[] = {
    // payment    a charge  none   captured             voided
    {none,        false,    true,  sum::nothing,        sum::nothing},
    {authorizing, true,     true,  sum::nothing,        sum::nothing_or_all},
    {authorized,  true,     false, sum::nothing,        sum::nothing},
    {declined,    false,    true,  sum::nothing,        sum::nothing},
    {capturing,   true,     false, sum::nothing_or_all, sum::nothing_or_all},
    {captured,    true,     false, sum::all,            sum::nothing},
    {refused,     true,     false, sum::nothing,        sum::nothing_or_all},
    {voiding,     true,     true,  sum::nothing,        sum::nothing_or_all},
    {voided,      true,     true,  sum::nothing,        sum::nothing_or_all},  // all there was
};
// clang-format on

bool is(minor_units value, sum expected, minor_units total) {
  return (value == 0 && expected != sum::all) || (value == total && expected != sum::nothing);
}

struct verdict {
  std::vector<finding> findings;
  template <class... Args>
  void unless(bool holds, std::string_view rule, fmt::format_string<Args...> detail,
              Args&&... args) {
    if (!holds) findings.push_back({rule, fmt::format(detail, std::forward<Args>(args)...)});
  }
};

std::string name_of(std::optional<step> s) {
  return s ? std::string(json::enum_text(*s)) : "rest";
}

bool is_undone(const order_view& o) {
  return o.state == os::rejected || o.state == os::cancelled;
}

// After a restore: a charge that the gateway had and we did not, taken over into payment's books
// and given back whole. Beside an order that is undone, or gone, it owes nobody anything.
bool is_given_back(const payment_book& p) {
  const auto& g = p.gateway;
  if (p.reason != reconciled || g.captured_minor != g.refunded_minor) return false;
  if (p.state == voided) return g.captured_minor == 0 && g.voided_minor == g.authorized_minor;
  return p.state == captured && p.captured_minor == g.captured_minor &&
         p.refunded_minor == g.refunded_minor && p.refund_pending_minor == 0;
}

// `payment`: nothing if any will do.
void judge_combination(const order_view& o, reply reservation, std::optional<reply> payment,
                       verdict& v) {
  const bool fits = std::ranges::any_of(combinations, [&](const combination& c) {
    return c.state == o.state && c.during == o.step && (c.reason.empty() || c.reason == o.reason) &&
           holds(c.reservation, reservation) && (!payment || holds(c.payment, *payment));
  });
  v.unless(fits, "impossible-combination", "order {} ({}, {}), reservation {}, payment {}",
           json::enum_text(o.state), name_of(o.step), o.reason.value_or("no reason"),
           json::enum_text(reservation), json::enum_text(payment.value_or(none)));
}

// Stock: the reservation holds what was ordered, and what is back is what refunds have brought.
void judge_lines(const order_view& o, const reservation_book& r, verdict& v) {
  // A release that came before everything else leaves a row without lines.
  if (r.state == released && r.lines.empty()) return;
  std::map<uuid, std::int64_t> ordered, back, at_most_back;
  for (const auto& line : o.lines) ordered[line.product_id] += line.quantity;
  bool everything = false, perhaps_everything = o.step == step::return_stock;
  for (const auto& refund : o.refunds) {
    if (refund.state == refund_state::refused) continue;
    const bool done = refund.state == refund_state::done;
    if (refund.cancellation) (done ? everything : perhaps_everything) = true;
    for (const auto& line : refund.lines) {
      at_most_back[line.product_id] += line.quantity;
      if (done) back[line.product_id] += line.quantity;
    }
  }
  if (is_undone(o) && r.state == returned) everything = true;
  bool same = r.lines.size() == ordered.size();
  for (const auto& line : r.lines) {
    const auto quantity = ordered[line.product_id];
    same = same && line.quantity == quantity;
    const auto least = everything ? quantity : back[line.product_id];
    const auto most = everything || perhaps_everything ? quantity : at_most_back[line.product_id];
    v.unless(line.returned >= least && line.returned <= most, "returned-differs",
             "product {}: {} returned, {} to {} expected", line.product_id.str(), line.returned,
             least, most);
  }
  v.unless(same, "lines-differ", "the reservation has other lines than the order");
}

void judge_gateway(const payment_book& p, minor_units total, verdict& v) {
  const auto state = p.state.value_or(none);
  const auto& g = p.gateway;
  v.unless(g.charges <= 1, "charged-twice", "{} approved charges", g.charges);
  const auto* row = std::ranges::find(gateway_combinations, state, &gateway_combination::state);
  if (row == std::end(gateway_combinations)) return;  // the combination is impossible anyway
  v.unless((g.charges == 0 && row->not_approved) || (g.charges > 0 && row->approved),
           "gateway-differs", "payment {}, {} approved charges", json::enum_text(state), g.charges);
  v.unless(g.authorized_minor == (g.charges > 0 ? total : 0), "gateway-differs",
           "{} authorized, the order is over {}", g.authorized_minor, total);
  v.unless(is(g.captured_minor, row->captured, total), "gateway-differs",
           "payment {}, {} of {} captured", json::enum_text(state), g.captured_minor, total);
  v.unless(is(g.voided_minor, row->voided, total), "gateway-differs", "payment {}, {} of {} voided",
           json::enum_text(state), g.voided_minor, total);
  v.unless(state != voided || g.voided_minor == g.authorized_minor, "gateway-differs",
           "payment voided, {} of {} authorized are voided", g.voided_minor, g.authorized_minor);
  const auto refunded = p.refunded_minor.value_or(0);
  const auto pending = p.refund_pending_minor.value_or(0);
  v.unless(g.refunded_minor >= refunded && g.refunded_minor <= refunded + pending,
           "gateway-differs", "{} paid back, payment says {} and {} pending", g.refunded_minor,
           refunded, pending);
}

// Money: the payment is over the order's total, and what went back is what refunds say.
void judge_payment(const order_view& o, const payment_book& p, verdict& v) {
  v.unless(p.payment_id == o.payment_id, "foreign-payment", "payment {} is not the order's",
           p.payment_id->str());
  v.unless(p.amount_minor == o.total_minor, "amount-differs", "payment over {}, order over {}",
           p.amount_minor.value_or(0), o.total_minor);
  v.unless(p.captured_minor == (p.state == captured ? o.total_minor : 0), "captured-differs",
           "payment {}, {} captured, order over {}", json::enum_text(*p.state),
           p.captured_minor.value_or(0), o.total_minor);
  minor_units paid_back = 0, asked_back = 0;
  for (const auto& refund : o.refunds) {
    if (refund.state == refund_state::refused) continue;
    if (refund.state != refund_state::refunding) paid_back += refund.amount_minor;
    asked_back += refund.amount_minor;
  }
  const auto refunded = p.refunded_minor.value_or(0);
  const auto pending = p.refund_pending_minor.value_or(0);
  v.unless(refunded >= paid_back && refunded + pending <= asked_back, "refunded-differs",
           "{} paid back and {} pending, the order says {} and {} asked for", refunded, pending,
           paid_back, asked_back - paid_back);
  v.unless(o.refunded_minor == paid_back, "refunded-differs", "the order says {}, its refunds {}",
           o.refunded_minor, paid_back);
}

// The cart is cleared after the capture, never before.
bool may_be_cleared(const order_view& o) {
  if (o.state == os::captured) return true;
  return (o.state >= os::confirmed && o.state <= os::delivered) || o.state == os::refunding ||
         o.state == os::restocking || (o.state == os::cancelled && !o.refunds.empty());
}

}  // namespace

std::span<const combination> allowed_combinations() {
  return combinations;
}
std::span<const gateway_combination> allowed_gateway_records() {
  return gateway_combinations;
}

std::vector<finding> judge(const order_view& o, const beside& others) {
  verdict v;
  const auto reservation = others.reservation ? others.reservation->state : none;
  const bool paid = others.payment && others.payment->payment_id && others.payment->state;
  const bool given_back = paid && is_undone(o) && is_given_back(*others.payment);
  std::optional<reply> payment = paid ? *others.payment->state : none;
  if (given_back) payment.reset();
  judge_combination(o, reservation, payment, v);
  if (others.reservation) judge_lines(o, *others.reservation, v);
  if (!given_back) {
    if (paid) judge_payment(o, *others.payment, v);
    if (others.payment) judge_gateway(*others.payment, o.total_minor, v);
  }
  v.unless(!others.cart_cleared || may_be_cleared(o), "cart-cleared-early",
           "the cart is cleared, the order is {}", json::enum_text(o.state));
  return std::move(v.findings);
}

std::vector<finding> judge_without_order(const beside& others) {
  verdict v;
  // What was undone holds nothing and cost nothing; its row is there to absorb late calls.
  if (const auto& r = others.reservation) {
    const bool undone = r->state == reply::released || r->state == reply::expired;
    v.unless(undone, "reservation-without-order", "reservation {}", json::enum_text(r->state));
  }
  if (const auto& p = others.payment) {
    const auto state = p->state.value_or(none);
    const bool undone = state == reply::voided || state == reply::declined;
    v.unless(!p->payment_id || undone || is_given_back(*p), "payment-without-order", "payment {}",
             json::enum_text(state));
    v.unless(p->payment_id || p->gateway.charges == 0, "charge-without-payment",
             "{} authorized, {} captured", p->gateway.authorized_minor, p->gateway.captured_minor);
  }
  v.unless(!others.cart_cleared, "cart-cleared-without-order", "a cart was cleared for it");
  return std::move(v.findings);
}

}  // namespace souk::order
