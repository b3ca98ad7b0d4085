#include "order_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace souk::verdict {
namespace {

using os = order_state;

std::string_view text(auto state) {
  return json::enum_text(state);
}

class judgement {
 public:
  explicit judgement(const order_file& f)
      : f_(f),
        total_(total_of(f)),
        ordered_(ordered(f)),
        visited_(visited(f)),
        paid_for_(f.order && (sold.has(f.order->state) || f.order->state == os::captured ||
                              visited_.has(os::captured))) {}

  std::vector<finding> all() {
    if (f_.order) {
      check_total();
      check_timeline();
      check_reason();
      check_rest();
    }
    if (!is_given_back()) {
      check_payments();
      check_charges();
      check_refunds();
    }
    check_stock();
    check_cart();
    return std::move(found_);
  }

 private:
  template <class... Args>
  void report(std::string_view check, fmt::format_string<Args...> detail, Args&&... args) {
    found_.push_back({check, fmt::format(detail, std::forward<Args>(args)...)});
  }
  template <class... Args>
  void unless(bool holds, std::string_view check, fmt::format_string<Args...> detail,
              Args&&... args) {
    if (!holds) report(check, detail, std::forward<Args>(args)...);
  }

  bool is(std::initializer_list<os> some) const {
    return f_.order && order_states(some).has(f_.order->state);
  }
  bool undone() const { return is({os::rejected, os::cancelled}); }
  std::string_view state() const { return f_.order ? text(f_.order->state) : "unknown"; }

  bool is_given_back() const;
  void check_total();
  void check_timeline();
  void check_reason();
  void check_rest();
  void check_payments();
  void check_charges();
  void check_refunds();
  void check_stock();
  void check_ledger();
  void check_cart();

  const order_file& f_;
  const std::int64_t total_;
  const quantities ordered_;
  const order_states visited_;
  const bool paid_for_;  // was paid, whatever came after
  std::vector<finding> found_;
};

// ---------------------------------------------------------------------------------------------

void judgement::check_total() {
  const auto& o = *f_.order;
  unless(!f_.lines.empty(), "total-differs", "the order has no lines");
  unless(o.total_minor == total_, "total-differs", "total {}, its lines make {}", o.total_minor,
         total_);
  for (const auto& l : f_.lines) {
    unless(l.line_total_minor == l.quantity * l.unit_price_minor, "total-differs",
           "line of product {}: {} x {} is said to be {}", l.product_id.str(), l.quantity,
           l.unit_price_minor, l.line_total_minor);
  }
}

struct transition {
  os from, to;
};
constexpr transition legal[] = {
    // the good way
    {os::pending, os::reserved},
    {os::reserved, os::authorized},
    {os::authorized, os::committed},
    {os::committed, os::captured},
    {os::captured, os::confirmed},
    {os::confirmed, os::shipped},
    {os::shipped, os::delivered},
    // refused by stock, payment or time; only before the capture
    {os::pending, os::rejected},
    {os::reserved, os::rejected},
    {os::authorized, os::rejected},
    {os::committed, os::rejected},
    // cancelled at a step boundary before the capture
    {os::reserved, os::cancelled},
    {os::authorized, os::cancelled},
    {os::committed, os::cancelled},
    // cancelled after it: money, then goods
    {os::confirmed, os::refunding},
    {os::confirmed, os::restocking},  // nothing is left to pay back
    {os::refunding, os::restocking},
    {os::restocking, os::cancelled},
};

void judgement::check_timeline() {
  const auto& o = *f_.order;
  if (f_.events.empty()) return report("timeline-start", "there are no events");
  const auto& first = f_.events.front();
  unless(first.type == "placed" && first.state == os::pending, "timeline-start",
         "the first event is {} ({})", first.type, text(first.state));
  std::int64_t expected = 1;
  for (const auto& e : f_.events) {
    if (e.seq != expected) {
      report("timeline-gap", "event {} where {} should be", e.seq, expected);
      break;
    }
    ++expected;
  }
  bool wished = false, ended = false;
  for (std::size_t i = 0; i < f_.events.size(); ++i) {
    const auto& e = f_.events[i];
    const auto* before = i == 0 ? nullptr : &f_.events[i - 1];
    if (ended) report("timeline-move", "event {} ({}) follows the end", e.seq, e.type);
    ended = e.state == os::rejected || e.state == os::cancelled;
    if (before && e.type == "placed") report("timeline-move", "placed again, event {}", e.seq);
    if (before && e.state != before->state) {
      unless(may_follow(before->state, e.state), "timeline-move", "{} to {} at event {}",
             text(before->state), text(e.state), e.seq);
      // A wish to cancel is honoured at the boundary to a step's outcome: that is one event.
      const bool told = e.type == text(e.state) || e.type == "undoing" ||
                        (e.state == os::restocking && e.type == "refunded");
      unless(told, "timeline-move", "event {} says {} and leads to {}", e.seq, e.type,
             text(e.state));
    } else if (before && e.type == text(e.state)) {
      report("timeline-move", "{} for the second time, event {}", e.type, e.seq);
    }
    unless(!(wished && e.type == "shipped"), "timeline-move",
           "shipped after the wish to cancel, event {}", e.seq);
    wished = wished || e.type == "cancel-requested";
  }
  const auto& last = f_.events.back();
  unless(last.state == o.state, "timeline-end", "the order is {}, its last event says {}",
         text(o.state), text(last.state));
  unless(o.version == last.seq, "timeline-end", "version {}, last event {}", o.version, last.seq);
  unless(wished == o.cancel_requested, "timeline-end", "cancel_requested is {}, the timeline {}",
         o.cancel_requested, wished ? "has the wish" : "has no such wish");
}

// Why it was undone must be so: nobody is told of a declined card that was not.
void judgement::check_reason() {
  if (!undone()) return;
  const auto& o = *f_.order;
  const auto reason = o.reason.value_or("");
  const auto is_paid_as = [this](payment_state s) {
    return is_given_back() ||
           std::ranges::any_of(f_.payments, [s](const payment_row& p) { return p.state == s; });
  };
  bool right = false;
  if (o.state == os::cancelled) {
    right = reason == "cancelled" && o.cancel_requested;
  } else if (reason == "payment-declined") {
    right = is_paid_as(payment_state::declined);
  } else if (reason == "payment-refused") {
    right = is_paid_as(payment_state::refused);
  } else if (reason == "out-of-stock") {
    right = is_given_back() || f_.payments.empty();
  } else if (reason == "hold-expired") {
    right = f_.reservation && (f_.reservation->state == hold_state::expired ||
                               f_.reservation->state == hold_state::released);
  } else {
    right = reason == "not-accepted";
  }
  unless(right, "reason-differs", "{} because of \"{}\": payment {}, reservation {}, wish {}",
         text(o.state), reason, f_.payments.empty() ? "none" : text(f_.payments.front().state),
         f_.reservation ? text(f_.reservation->state) : "none", o.cancel_requested);
}

void judgement::check_rest() {
  const auto& o = *f_.order;
  const bool to_be_cancelled = o.state == os::confirmed && o.cancel_requested;
  const bool resting = at_rest.has(o.state) && !o.due && !o.step && !to_be_cancelled;
  unless(resting, "stuck-order", "{} ({}){}", text(o.state), o.step.value_or("no step"),
         o.due ? "" : ", and no worker will take it");
  for (const auto& r : f_.refunds) {
    unless(r.state == "done" || r.state == "refused", "stuck-refund", "refund {} is {}", r.id.str(),
           r.state);
  }
}

// ---------------------------------------------------------------------------------------------
// Money

// After a restore: a charge that the gateway had and the backup had not, taken over into
// payment-service and paid back whole. Where nothing was bought it owes nobody anything.
bool judgement::is_given_back() const {
  if ((f_.order && !undone()) || f_.payments.size() != 1) return false;
  const auto& p = f_.payments.front();
  if (p.reason != "reconciled" || p.refund_pending_minor != 0) return false;
  if (p.state != payment_state::captured && p.state != payment_state::voided) return false;
  std::int64_t captured = 0, noted = 0, paid = 0, given = 0;
  for (const auto& c : f_.charges) {
    if (c.open() > 0) return false;
    captured += c.captured_minor;
    noted += c.refunded_minor;
  }
  for (const auto& r : f_.payment_refunds) {
    if (r.state == "refunding") return false;
    if (r.state == "refunded") paid += r.amount_minor;
  }
  for (const auto& r : f_.gateway_refunds) {
    if (r.outcome == "refunded") given += r.amount_minor;
  }
  return p.captured_minor == captured && p.refunded_minor == captured && noted == captured &&
         paid == captured && given == captured;
}

void judgement::check_payments() {
  int captures = 0;
  for (const auto& p : f_.payments) {
    if (p.state == payment_state::captured || p.captured_minor > 0) {
      ++captures;
      const bool wanted = paid_for_ || is({os::committed, os::captured});
      unless(wanted, "capture-unwanted", "payment {}: {} captured, the order is {}", p.id.str(),
             p.captured_minor, state());
      if (f_.order && wanted) {
        const auto& o = *f_.order;
        unless(p.captured_minor == total_ && p.amount_minor == total_ && p.currency == o.currency,
               "capture-differs", "payment {}: {} of {} {} captured, the order is over {} {}",
               p.id.str(), p.captured_minor, p.amount_minor, p.currency, total_, o.currency);
        unless(p.id == o.payment_id && p.user_id == o.user_id.str(), "capture-differs",
               "payment {} of shopper {}, the order wants payment {} of shopper {}", p.id.str(),
               p.user_id, o.payment_id.str(), o.user_id.str());
      }
    }
    const bool open = p.state == payment_state::authorizing ||
                      p.state == payment_state::authorized || p.state == payment_state::capturing ||
                      p.state == payment_state::voiding;
    unless(!open || is({os::reserved, os::authorized, os::committed}), "authorization-left",
           "payment {} is {}, the order is {}", p.id.str(), text(p.state), state());
    const bool unsettled = p.state == payment_state::authorizing ||
                           p.state == payment_state::capturing ||
                           p.state == payment_state::voiding ||
                           (p.state == payment_state::authorized && p.void_requested);
    unless(!unsettled, "stuck-payment", "payment {} is {}{}", p.id.str(), text(p.state),
           p.void_requested ? ", a void is wished" : "");
  }
  unless(captures <= 1, "captured-twice", "{} payments are captured", captures);
  unless(captures > 0 || !paid_for_, "sold-not-captured", "the order is {}, no payment is captured",
         state());
  for (const auto& r : f_.payment_refunds) {
    unless(r.state != "refunding", "stuck-refund", "refund {} at payment-service is refunding",
           r.refund_id.str());
  }
}

void judgement::check_charges() {
  int captures = 0, approvals = 0;
  for (const auto& c : f_.charges) {
    if (c.authorized_minor > 0) ++approvals;
    if (c.captured_minor > 0) {
      ++captures;
      const bool wanted = paid_for_ || is({os::committed, os::captured});
      unless(wanted, "charge-unwanted", "charge {} at the gateway: {} captured, the order is {}",
             c.reference.str(), c.captured_minor, state());
      if (f_.order && wanted) {
        unless(c.captured_minor == total_ && c.currency == f_.order->currency &&
                   c.reference == f_.order->payment_id,
               "charge-differs",
               "charge {} at the gateway: {} {} captured, the order is over {} {}, payment {}",
               c.reference.str(), c.captured_minor, c.currency.value_or("?"), total_,
               f_.order->currency, f_.order->payment_id.str());
      }
    }
    unless(c.open() <= 0 || is({os::reserved, os::authorized, os::committed}), "charge-left-open",
           "charge {} at the gateway: {} authorized and open, the order is {}", c.reference.str(),
           c.open(), state());
  }
  unless(approvals <= 1, "charged-twice", "{} charges were approved at the gateway, {} captured",
         approvals, captures);
  unless(captures > 0 || !paid_for_, "sold-not-charged",
         "the order is {}, the gateway has captured nothing", state());
}

void judgement::check_refunds() {
  std::int64_t ours = 0, payments = 0, gateways = 0, captured = 0, charged = 0;
  std::map<uuid, std::int64_t> paid, paying, settled, given;
  std::set<std::string> keys;
  int cancellations = 0;
  for (const auto& r : f_.refunds) {
    if (r.paid()) {
      ours += r.amount_minor;
      if (r.amount_minor > 0) paid[r.id] = r.amount_minor;
    }
    if (r.state == "refunding") paying[r.id] = r.amount_minor;
    if (r.cancellation && r.state != "refused") ++cancellations;
    if (r.idempotency_key && !keys.insert(*r.idempotency_key).second) {
      report("refund-twice", "two refunds of the order have the key {}", *r.idempotency_key);
    }
  }
  unless(cancellations <= 1, "refund-twice", "the order is paid back whole {} times",
         cancellations);
  for (const auto& r : f_.payment_refunds) {
    if (r.state != "refunded") continue;
    payments += r.amount_minor;
    unless(settled.emplace(r.refund_id, r.amount_minor).second, "refund-twice",
           "refund {} is twice at payment-service", r.refund_id.str());
    const auto p = paid.find(r.refund_id);
    const auto q = paying.find(r.refund_id);
    unless((p != paid.end() && p->second == r.amount_minor) ||
               (q != paying.end() && q->second == r.amount_minor),
           "refund-unasked", "payment-service has paid back {} as {}, the order has not asked so",
           r.amount_minor, r.refund_id.str());
  }
  for (const auto& r : f_.gateway_refunds) {
    if (r.outcome != "refunded") continue;
    gateways += r.amount_minor;
    unless(given.emplace(r.refund_reference, r.amount_minor).second, "refund-twice",
           "refund {} is twice at the gateway", r.refund_reference.str());
    const bool asked = std::ranges::any_of(f_.payment_refunds, [&](const payment_refund_row& p) {
      return p.refund_id == r.refund_reference && p.payment_id == r.reference &&
             p.amount_minor == r.amount_minor && p.state != "refused";
    });
    unless(asked, "refund-unasked",
           "the gateway has paid back {} as {}, payment-service has not asked so", r.amount_minor,
           r.refund_reference.str());
  }
  for (const auto& [id, amount] : paid) {
    unless(settled.contains(id), "refund-missing",
           "refund {} of {} is through for the order, not at payment-service", id.str(), amount);
    unless(given.contains(id), "refund-missing",
           "refund {} of {} is through for the order, not at the gateway", id.str(), amount);
  }

  std::int64_t noted_by_payments = 0, noted_by_gateway = 0;
  for (const auto& p : f_.payments) {
    captured += p.captured_minor;
    noted_by_payments += p.refunded_minor;
    std::int64_t pending = 0;
    for (const auto& r : f_.payment_refunds) {
      if (r.payment_id == p.id && r.state == "refunding") pending += r.amount_minor;
    }
    unless(p.refund_pending_minor == pending, "refund-sums",
           "payment {}: refund_pending_minor {}, its refunds say {}", p.id.str(),
           p.refund_pending_minor, pending);
  }
  for (const auto& c : f_.charges) {
    charged += c.captured_minor;
    noted_by_gateway += c.refunded_minor;
  }
  const auto noted = f_.order ? f_.order->refunded_minor : 0;
  const bool under_way = std::ranges::any_of(
      f_.refunds, [](const order_refund_row& r) { return r.state == "refunding"; });
  unless(noted == ours && noted_by_payments == payments && noted_by_gateway == gateways,
         "refund-sums",
         "refunded by order-service {} (its refunds: {}), payment-service {} ({}), gateway {} ({})",
         noted, ours, noted_by_payments, payments, noted_by_gateway, gateways);
  unless(under_way || (ours == payments && payments == gateways), "refund-sums",
         "paid back: {} says order-service, {} payment-service, {} the gateway", ours, payments,
         gateways);
  unless(std::max({ours, payments}) <= captured && gateways <= charged, "refund-exceeds",
         "paid back {}, {} and {}; captured {} and {} at the gateway", ours, payments, gateways,
         captured, charged);
  if (is({os::cancelled})) {
    unless(payments == captured && gateways == charged && (captured == 0 || ours == captured),
           "cancelled-not-paid-back",
           "cancelled; captured {} and paid back {}; at the gateway {} and {}; the order says {}",
           captured, payments, charged, gateways, ours);
  }
}

// ---------------------------------------------------------------------------------------------
// Stock

// What the ledger has moved for the order must follow from the reservation.
void judgement::check_ledger() {
  std::map<uuid, reservation_line_row> lines;
  for (const auto& l : f_.reserved) lines[l.product_id] = l;
  std::map<uuid, ledger_sum> moved;
  for (const auto& m : f_.ledger) moved[m.product_id] = m;
  for (const auto& l : f_.reserved) moved.try_emplace(l.product_id, ledger_sum{l.product_id});
  for (const auto& [product, m] : moved) {
    const auto l = lines.find(product);
    std::int64_t reserved = 0, on_hand = 0;
    if (f_.reservation && l != lines.end()) {
      const auto s = f_.reservation->state;
      if (s == hold_state::held) reserved = l->second.quantity;
      if (s == hold_state::committed) on_hand = l->second.returned - l->second.quantity;
      const bool all_back = l->second.returned == l->second.quantity;
      unless(s != hold_state::returned || all_back, "ledger-of-order",
             "product {}: returned, but only {} of {}", product.str(), l->second.returned,
             l->second.quantity);
      unless(s == hold_state::committed || s == hold_state::returned || l->second.returned == 0,
             "ledger-of-order", "product {}: {} came back of what is {}", product.str(),
             l->second.returned, text(s));
    }
    unless(m.on_hand == on_hand && m.reserved == reserved, "ledger-of-order",
           "product {}: the ledger moved on hand by {} and reserved by {}, the reservation says {} "
           "and {}",
           product.str(), m.on_hand, m.reserved, on_hand, reserved);
  }
}

void judgement::check_stock() {
  check_ledger();
  const auto& r = f_.reservation;
  quantities taken, back;
  for (const auto& l : f_.reserved) {
    taken[l.product_id] += l.quantity;
    back[l.product_id] += l.returned;
  }
  std::erase_if(back, [](const auto& entry) { return entry.second == 0; });

  if (r && r->state == hold_state::held) {
    unless(is({os::pending, os::reserved, os::authorized}), "hold-outlives-order",
           "held, the order is {}", state());
    unless(!r->overdue, "hold-overdue", "held beyond its time");
  }
  const bool left = r && (r->state == hold_state::committed || r->state == hold_state::returned);
  if (!f_.order) {
    unless(!r || r->state != hold_state::committed, "stock-without-order",
           "committed, and there is no such order");
    return;
  }
  if (sold.has(f_.order->state) || is({os::captured})) {
    unless(left && taken == ordered_, "sold-not-taken", "the order is {}, its reservation {}{}",
           state(), r ? text(r->state) : "is missing",
           left && taken != ordered_ ? " with other lines" : "");
  }
  if (sold.has(f_.order->state) && left) {
    auto least = restocked(f_), most = least;
    for (const auto& refund : f_.refunds) {
      if (refund.state != "restocking") continue;
      if (refund.cancellation) {
        most = ordered_;
      } else {
        const auto lines = json::read_lenient<std::vector<restock_line>>(refund.lines.text);
        for (const auto& l : lines.value_or(std::vector<restock_line>{})) {
          most[l.product_id] += l.quantity;
        }
      }
    }
    for (const auto& [product, quantity] : ordered_) {
      unless(back[product] >= least[product] && back[product] <= most[product], "restock-differs",
             "product {}: {} of {} came back, refunds restock {}", product.str(), back[product],
             quantity, least[product]);
    }
  }
  if (undone()) {
    unless(!r || r->state != hold_state::committed, "undone-not-restocked",
           "the order is {}, its goods are gone", state());
    // Late calls must find something that stops them.
    unless(r.has_value(), "undone-not-absorbed", "the order is {}, inventory has never heard of it",
           state());
    const bool voided = std::ranges::any_of(
        f_.events, [](const event_row& e) { return e.type == "payment-voided"; });
    const bool stored = std::ranges::any_of(f_.payments, [](const payment_row& p) {
      return p.state == payment_state::voided || p.state == payment_state::declined;
    });
    unless(!voided || stored, "undone-not-absorbed",
           "the timeline says that the payment was voided, payment-service does not");
  }
}

// ---------------------------------------------------------------------------------------------

void judgement::check_cart() {
  const bool done = visited_.has(os::confirmed);
  const bool may = done || is({os::captured});
  const bool remembered = f_.cleared_for || f_.remembered_by_cart;
  unless(may || !remembered, "cart-step", "the cart was cleared, the order is {}{}", state(),
         f_.order ? "" : " to order-service");
  if (!done || f_.is_old) return;
  unless(f_.cleared_for == f_.order->user_id, "cart-step", "the cart of {} was cleared",
         f_.cleared_for ? f_.cleared_for->str() : "nobody");
  unless(f_.remembered_by_cart || f_.cart_remembers_others, "cart-step",
         "the shopper's cart does not remember the order");
}

}  // namespace

// ---------------------------------------------------------------------------------------------

bool may_follow(order_state before, order_state after) {
  return std::ranges::any_of(
      legal, [&](const transition& t) { return t.from == before && t.to == after; });
}

std::vector<finding> judge_order(const order_file& f) {
  return judgement(f).all();
}

std::int64_t total_of(const order_file& f) {
  std::int64_t total = 0;
  for (const auto& l : f.lines) total += l.quantity * l.unit_price_minor;
  return total;
}

quantities ordered(const order_file& f) {
  quantities all;
  for (const auto& l : f.lines) all[l.product_id] += l.quantity;
  return all;
}

quantities restocked(const order_file& f) {
  quantities back;
  for (const auto& r : f.refunds) {
    if (r.state != "done") continue;
    if (r.cancellation) return ordered(f);
    const auto lines = json::read_lenient<std::vector<restock_line>>(r.lines.text);
    for (const auto& l : lines.value_or(std::vector<restock_line>{})) {
      back[l.product_id] += l.quantity;
    }
  }
  return back;
}

order_states visited(const order_file& f) {
  order_states all;
  for (const auto& e : f.events) all.add(e.state);
  return all;
}

}  // namespace souk::verdict
