#include "orders.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace souk::order {
namespace {

// ---------------------------------------------------------------------------------------------
// The good way: which state a step leads to, and what comes next.

struct stage {
  step during;
  order_state from, to;
  std::optional<step> next;
};
constexpr stage stages[] = {
    {step::reserve, order_state::pending, order_state::reserved, step::authorize},
    {step::authorize, order_state::reserved, order_state::authorized, step::commit},
    {step::commit, order_state::authorized, order_state::committed, step::capture},
    {step::capture, order_state::committed, order_state::captured, step::clear_cart},
    {step::clear_cart, order_state::captured, order_state::confirmed, std::nullopt},
};

// ---------------------------------------------------------------------------------------------
// What each answer means. One that is not listed is a contradiction.

enum class effect {
  advance,
  undo,    // beginning with `undo_with`, because of `reason`; then in reverse
  undone,  // this part of the undoing is through, confirmed by the other side's state
  repeat,
};

struct rule {
  step during;
  reply got;
  effect then;
  step undo_with{};
  std::string_view reason{};
};

constexpr rule rules[] = {
    {step::reserve, reply::held, effect::advance},
    // An earlier attempt may still be on its way, so the release is needed even where nothing is
    // held: it leaves a row that the late reserve finds.
    {step::reserve, reply::none, effect::undo, step::release_stock, reasons::out_of_stock},
    {step::reserve, reply::expired, effect::undo, step::release_stock, reasons::hold_expired},
    {step::reserve, reply::released, effect::undo, step::release_stock, reasons::hold_expired},
    {step::reserve, reply::not_accepted, effect::undo, step::release_stock, reasons::not_accepted},

    {step::authorize, reply::authorized, effect::advance},
    {step::authorize, reply::authorizing, effect::repeat},
    {step::authorize, reply::declined, effect::undo, step::release_stock,
     reasons::payment_declined},
    {step::authorize, reply::not_accepted, effect::undo, step::void_payment, reasons::not_accepted},

    {step::commit, reply::committed, effect::advance},
    {step::commit, reply::expired, effect::undo, step::void_payment, reasons::hold_expired},
    {step::commit, reply::released, effect::undo, step::void_payment, reasons::hold_expired},
    {step::commit, reply::none, effect::undo, step::void_payment, reasons::hold_expired},
    {step::commit, reply::not_accepted, effect::undo, step::void_payment, reasons::not_accepted},

    // From here on money may have moved. Only the refusal that payment-service has stored leads
    // back; everything else is asked again, for ever.
    {step::capture, reply::captured, effect::advance},
    {step::capture, reply::capturing, effect::repeat},
    {step::capture, reply::authorized, effect::repeat},
    {step::capture, reply::refused, effect::undo, step::return_stock, reasons::payment_refused},

    {step::clear_cart, reply::cleared, effect::advance},

    {step::void_payment, reply::voided, effect::undone},
    {step::void_payment, reply::declined, effect::undone},
    {step::void_payment, reply::voiding, effect::repeat},
    {step::void_payment, reply::authorizing, effect::repeat},
    {step::void_payment, reply::authorized, effect::repeat},

    {step::release_stock, reply::released, effect::undone},
    {step::release_stock, reply::expired, effect::undone},
    // A commit that was not accepted, or came late, and took place all the same.
    {step::release_stock, reply::committed, effect::undo, step::return_stock},

    {step::return_stock, reply::returned, effect::undone},
};

// ---------------------------------------------------------------------------------------------

step stock_undo(order_state reached) {
  return reached == order_state::committed ? step::return_stock : step::release_stock;
}

move undo(order_state reached, std::string_view reason, step with) {
  return {.state = reached, .next = with, .event = "undoing", .reason = reason};
}

move advance(const order_view& o, step during) {
  const auto& stage = *std::ranges::find(stages, during, &stage::during);
  // The boundary at which a wish to cancel is honoured. Once the capture is sent it is too late:
  // the order is finished first, and then paid back.
  if (o.cancel_requested && stage.to <= order_state::committed) {
    return undo(stage.to, reasons::cancelled,
                stage.to == order_state::reserved ? step::release_stock : step::void_payment);
  }
  return {.state = stage.to,
          .next = stage.next,
          .rest = !stage.next && !o.cancel_requested,
          .event = json::enum_text(stage.to)};
}

move undone(const order_view& o, step during) {
  if (during == step::void_payment) {
    return {.state = o.state, .next = stock_undo(o.state), .event = "payment-voided"};
  }
  const auto end = o.reason == reasons::cancelled ? order_state::cancelled : order_state::rejected;
  return {.state = end, .rest = true, .event = json::enum_text(end)};
}

decision after_refund(const order_view& o, reply got) {
  const refund* r = open_refund(o);
  if (!r) return contradiction{};
  if (got == reply::refunding) return unsettled{};
  if (got == reply::refund_refused) {
    return move{.state = o.state, .event = "refund-refused", .refund = refund_state::refused};
  }
  if (got != reply::refunded) return contradiction{};
  if (!r->cancellation && r->lines.empty()) {
    return move{.state = o.state, .event = "refunded", .refund = refund_state::done};
  }
  return move{.state = r->cancellation ? order_state::restocking : o.state,
              .next = step::restock,
              .event = "refunded",
              .refund = refund_state::restocking};
}

decision after_restock(const order_view& o, reply got) {
  const refund* r = open_refund(o);
  if (!r) return contradiction{};
  if (r->cancellation) {
    if (got != reply::returned) return contradiction{};
    return move{.state = order_state::cancelled,
                .rest = true,
                .event = "cancelled",
                .reason = reasons::cancelled,
                .refund = refund_state::done};
  }
  if (got != reply::returned && got != reply::committed) return contradiction{};
  return move{.state = o.state, .event = "restocked", .refund = refund_state::done};
}

using enum order_state;
constexpr transition legal[] = {
    {pending, reserved},     {reserved, authorized},  {authorized, committed},
    {committed, captured},   {captured, confirmed},   {confirmed, shipped},
    {shipped, delivered},    {pending, rejected},     {reserved, rejected},
    {authorized, rejected},  {committed, rejected},   {reserved, cancelled},
    {authorized, cancelled}, {committed, cancelled},  {confirmed, refunding},
    {confirmed, restocking}, {refunding, restocking}, {restocking, cancelled},
};

}  // namespace

decision after(const order_view& o, reply got) {
  if (!o.step) return contradiction{};
  if (*o.step == step::refund) return after_refund(o, got);
  if (*o.step == step::restock) return after_restock(o, got);
  const auto* found = std::ranges::find_if(
      rules, [&](const rule& r) { return r.during == *o.step && r.got == got; });
  if (found == std::end(rules)) return contradiction{};
  switch (found->then) {
    case effect::advance:
      return advance(o, found->during);
    case effect::undo:
      return undo(o.state, found->reason, found->undo_with);
    case effect::undone:
      return undone(o, found->during);
    case effect::repeat:
      return unsettled{};
  }
  return contradiction{};
}

task_at_hand what_to_do(const order_view& o) {
  if (open_refund(o)) return begin_refund{};
  // `refunding` without a refund under way: the last one was refused; another is begun.
  if (o.state == order_state::refunding) return begin_cancellation{};
  if (o.state == order_state::confirmed && o.cancel_requested) return begin_cancellation{};
  return nothing_to_do{};
}

move start_of(begin_refund, const order_view& o) {
  return {.state = o.state, .next = step::refund, .event = "refund-started"};
}

move start_of(begin_cancellation, const order_view& o) {
  const bool money = left_to_refund(o) > 0;
  const auto state = money ? order_state::refunding : order_state::restocking;
  return {.state = state,
          .next = money ? step::refund : step::restock,
          .event = json::enum_text(state)};
}

const refund* open_refund(const order_view& o) {
  const refund* oldest = nullptr;
  for (const auto& r : o.refunds) {
    if (r.state == refund_state::done || r.state == refund_state::refused) continue;
    if (!oldest || r.id < oldest->id) oldest = &r;
  }
  return oldest;
}

std::span<const transition> legal_transitions() {
  return legal;
}

bool may_become(order_state from, order_state to) {
  return std::ranges::any_of(legal,
                             [&](const transition& t) { return t.from == from && t.to == to; });
}

bool is_final(order_state s) {
  return s == order_state::delivered || s == order_state::rejected || s == order_state::cancelled;
}

bool is_being_placed(order_state s) {
  return s <= order_state::captured;
}

// ---------------------------------------------------------------------------------------------

std::optional<minor_units> total_of(std::span<const order_line> lines) {
  minor_units total = 0;
  for (const auto& line : lines) {
    const auto line_total = checked_multiply(line.unit_price_minor, line.quantity);
    const auto sum = line_total ? checked_add(total, *line_total) : std::nullopt;
    if (!sum) return std::nullopt;
    total = *sum;
  }
  return total;
}

minor_units left_to_refund(const order_view& o) {
  minor_units left = o.total_minor;
  for (const auto& r : o.refunds) {
    if (r.state != refund_state::refused) left -= r.amount_minor;
  }
  return left;
}

std::optional<refund_error> check_refund(const order_view& o, minor_units amount,
                                         std::span<const quantity_of> lines) {
  if (o.state < order_state::confirmed || o.state > order_state::delivered || o.cancel_requested) {
    return refund_error::wrong_state;
  }
  if (amount > left_to_refund(o)) return refund_error::too_much_money;
  std::map<uuid, std::int64_t> left;
  for (const auto& line : o.lines) left[line.product_id] += line.quantity;
  const auto take = [&left](std::span<const quantity_of> some) {
    return std::ranges::all_of(
        some, [&left](const quantity_of& l) { return (left[l.product_id] -= l.quantity) >= 0; });
  };
  for (const auto& r : o.refunds) {
    if (r.state != refund_state::refused) take(r.lines);
  }
  if (!take(lines)) return refund_error::too_many_items;
  return std::nullopt;
}

}  // namespace souk::order

// ---------------------------------------------------------------------------------------------

namespace souk::json {

void codec<order::country_code>::read(const node& n, const path& where, order::country_code& out,
                                      report& r) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto received = n.as_text();
  if (received.size() != 2 || !std::ranges::all_of(received, is_capital)) {
    return r.add(where, "must be two capital letters (ISO 3166-1)");
  }
  out.assign(received);
}

std::string codec<order::country_code>::schema(schema_set&) {
  return R"({"type":"string","pattern":"^[A-Z]{2}$"})";
}

void codec<order::distinct_lines>::read(const node& n, const path& where,
                                        order::distinct_lines& out, report& r) {
  plain::read(n, where, out, r);
  if (n.kind() != kind::array) return;
  std::set<uuid> seen;
  std::size_t i = 0;
  for (const node line : n) {
    const path at(where, i++);
    const auto field = line.field("product_id");
    const auto id = field ? uuid::parse(field->as_text()) : std::nullopt;
    if (id && !seen.insert(*id).second) {
      r.add(path(at, "product_id"), "must not be repeated: one line for each product");
    }
  }
}

}  // namespace souk::json
