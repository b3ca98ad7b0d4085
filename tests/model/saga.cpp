#include "saga.hpp"

#include <fmt/format.h>

#include "naming.hpp"

namespace souk::model {

using order::order_state;
using order::reply;

std::string describe(const order_row& o) {
  std::string out = fmt::format("order {}", json::enum_text(o.state));
  if (o.step) out += fmt::format(", step {}", json::enum_text(*o.step));
  if (o.why != reason::none) out += fmt::format(" ({})", text_of(o.why));
  if (o.cancel_requested) out += ", cancel wished";
  for (int i = 0; i < o.refund_count; ++i) {
    out += fmt::format(", refund {} of {} {}", i + 1, o.refunds[i].amount,
                       json::enum_text(o.refunds[i].state));
  }
  if (o.rests) out += ", at rest";
  return out;
}

std::vector<saga::state> saga::starts() const {
  state s;
  if (bounds_.sold_already) {
    reserve(s.stock, true);
    settle_held(s.stock, inventory::reservation_state::committed);
    s.payment.state = payment::payment_state::captured;
    s.payment.captured = total;
    insert_charge(s.charge, {});
    capture_charge(s.charge, total);
    s.cart_cleared = true;
    s.order.state = order_state::confirmed;
    s.order.step.reset();
    s.order.rests = true;
    return {s};
  }
  // place_order takes the first lease and records the first intent.
  s.workers[0] = {.now = worker::doing::waiting, .token = true, .version = true, .seen = s.order};
  s.calls[0] = {.what = call::task::reserve};
  return {s};
}

order::decision saga::decide(const order_row& o, order::reply got) const {
  const auto key = bits_of(o) << 5 | static_cast<std::uint64_t>(got);
  auto found = decisions_.find(key);
  if (found == decisions_.end()) found = decisions_.emplace(key, order::after(o.view(), got)).first;
  return found->second;
}

// What the books say of this state; empty if nothing.
const std::string& saga::findings(const state& s) const {
  const auto key = bits_of_books(s);
  if (const auto known = findings_.find(key); known != findings_.end()) return known->second;

  const auto o = s.order.view();
  order::beside others{.cart_cleared = s.cart_cleared};
  if (s.stock.state) {
    others.reservation = order::reservation_book{o.id, by_name<reply>(*s.stock.state), {}};
    if (s.stock.lines) {
      others.reservation->lines = {{o.lines.front().product_id, total, s.stock.returned}};
    }
  }
  if (s.payment.state || s.charge.state) {
    others.payment.emplace();
    auto& p = *others.payment;
    p.order_id = o.id;
    if (s.payment.state) {
      p.payment_id = o.payment_id;
      p.state = by_name<reply>(*s.payment.state);
      p.amount_minor = total;
      p.captured_minor = s.payment.captured;
      p.refunded_minor = s.payment.refunded;
      p.refund_pending_minor = s.payment.refund_pending;
    }
    using enum mock_gateway::charge_state;
    const bool approved =
        s.charge.state && s.charge.state != declined && s.charge.state != cancelled;
    p.gateway = {.authorized_minor = s.charge.authorized,
                 .captured_minor = s.charge.captured,
                 .voided_minor = s.charge.voided,
                 .refunded_minor = s.charge.refunded,
                 .charges = approved};
  }
  std::string out;
  for (const auto& finding : order::judge(o, others)) {
    out += fmt::format("the books: {}: {}; ", finding.rule, finding.detail);
  }
  return findings_.emplace(key, std::move(out)).first->second;
}

std::string saga::broken(const state& s) const {
  using enum mock_gateway::charge_state;
  const auto& o = s.order;
  const auto& c = s.charge;
  if (s.moved_without_lease) return "a worker without the lease has changed the order";
  if (s.illegal_move) return "an illegal move";
  if (c.captures > 1) return "money was taken twice";
  if (c.captured != 0 && c.captured != total) return "not the total was captured";
  if (c.refunded > c.captured) return "more was paid back than captured";
  if (s.payment.refunded + s.payment.refund_pending > s.payment.captured) {
    return "payment-service would pay back more than it captured";
  }
  if (s.stock.on_hand > total || s.stock.returned > total) return "stock was returned twice";
  if (s.stock.reserved > s.stock.on_hand) return "more is reserved than on hand";

  const bool sold = s.stock.state == inventory::reservation_state::committed ||
                    s.stock.state == inventory::reservation_state::returned;
  if (o.state == order_state::rejected || o.state == order_state::cancelled) {
    const auto name = json::enum_text(o.state);
    if (c.state == authorized) return fmt::format("{}, but money is held", name);
    if (c.captured != c.refunded) return fmt::format("{}, but charged", name);
    if (s.stock.reserved > 0) return fmt::format("{}, but stock is held", name);
    if (s.stock.on_hand < total) return fmt::format("{}, but stock is gone", name);
  }
  if (o.state == order_state::confirmed || o.state == order_state::shipped ||
      o.state == order_state::delivered) {
    const auto name = json::enum_text(o.state);
    if (c.state != captured) return fmt::format("{}, but not charged", name);
    if (!sold) return fmt::format("{}, but the stock is not its own", name);
  }
  if (o.rests) {
    rests_.insert(o.state);
    const auto v = o.view();
    if (o.step || !std::holds_alternative<order::nothing_to_do>(order::what_to_do(v)) ||
        order::is_being_placed(o.state)) {
      return "the order rests with something to do";
    }
  }
  return findings(s);
}

std::string saga::unfinished(const state& s) const {
  if (!s.order.rests) return "no worker finishes the order: " + describe(s.order);
  const auto& p = s.payment;
  if (p.state && payment::is_unsettled(*p.state, p.void_requested)) {
    return fmt::format("nobody settles the payment: {}", text(p.state));
  }
  if (p.refund_pending > 0) return "nobody settles the refund";
  if (s.stock.reserved > 0) return "stock stays reserved";
  return {};
}

}  // namespace souk::model
