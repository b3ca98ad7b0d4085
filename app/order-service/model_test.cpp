// The whole checkout as a model, walked through exhaustively: every interleaving of a worker that
// may crash around each call, of calls that arrive late and twice, of holds that expire, of
// payments that are declined or refused, and of a shopper who cancels. In every state that can be
// reached, the books must balance, no answer may be a contradiction, and an end must be reachable.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "books.hpp"

namespace souk::order {
namespace {

const uuid product = uuid::derived("test", "product");
constexpr minor_units total = 100;

// The order and the other services, by the legal moves that they promise.
struct world {
  order_view o;
  reply reservation = reply::none;
  bool with_lines = false;
  reply payment = reply::none;
  bool void_wished = false;
  bool was_authorized = false;
  bool was_refused_a_refund = false;
  minor_units paid_back = 0;
  minor_units pending_back = 0;
  bool cleared = false;
  std::set<step> late;  // calls that were sent and have not arrived

  std::string key() const {
    std::string k;
    const auto add = [&k](auto... part) {
      ((k += std::to_string(static_cast<int>(part)) + ' '), ...);
    };
    add(o.state, o.step ? static_cast<int>(*o.step) : -1, o.cancel_requested, reservation,
        with_lines, payment, void_wished, was_authorized, was_refused_a_refund, paid_back,
        pending_back, cleared);
    k += o.reason.value_or("-");
    for (const auto& r : o.refunds) add(r.state, r.amount_minor);
    k += '|';
    for (const auto s : late) add(s);
    return k;
  }

  beside books() const {
    beside b;
    if (reservation != reply::none) {
      b.reservation.emplace();
      b.reservation->state = reservation;
      if (with_lines) b.reservation->lines = {{product, 1, reservation == reply::returned ? 1 : 0}};
    }
    if (payment != reply::none) {
      const bool captured = payment == reply::captured;
      b.payment = payment_book{.payment_id = o.payment_id,
                               .state = payment,
                               .amount_minor = total,
                               .captured_minor = captured ? total : 0,
                               .refunded_minor = paid_back,
                               .refund_pending_minor = pending_back};
      b.payment->gateway = {.authorized_minor = was_authorized ? total : 0,
                            .captured_minor = captured ? total : 0,
                            .voided_minor = was_authorized && payment == reply::voided ? total : 0,
                            .refunded_minor = paid_back,
                            .charges = was_authorized};
    }
    b.cart_cleared = cleared;
    return b;
  }

  // A call arrives. Nothing: it is refused in a way that says nothing.
  std::optional<reply> deliver(step s) {
    switch (s) {
      case step::reserve:
        if (reservation == reply::none) {
          reservation = reply::held;
          with_lines = true;
        }
        return reservation;
      case step::commit:
        if (reservation == reply::held) reservation = reply::committed;
        return reservation;
      case step::release_stock:
        if (reservation == reply::none || reservation == reply::held) reservation = reply::released;
        return reservation;
      case step::return_stock:
      case step::restock:
        if (reservation == reply::committed) reservation = reply::returned;
        return reservation;
      case step::authorize:
        if (payment == reply::none) payment = reply::authorizing;
        return payment;
      case step::capture:
        if (payment == reply::authorized) payment = reply::capturing;
        return payment;
      case step::void_payment:
        if (payment == reply::none) payment = reply::voided;
        if (payment == reply::authorizing) void_wished = true;
        if (payment == reply::authorized) payment = reply::voiding;
        if (payment == reply::capturing || payment == reply::captured) return reply::not_accepted;
        return payment;
      case step::refund:
        if (payment != reply::captured) return std::nullopt;
        if (paid_back > 0) return reply::refunded;
        pending_back = total;
        return reply::refunding;
      case step::clear_cart:
        cleared = true;
        return reply::cleared;
    }
    return std::nullopt;
  }

  // What the others may do by themselves.
  std::vector<world> settle() const {
    std::vector<world> out;
    const auto with = [&](auto change) {
      out.push_back(*this);
      change(out.back());
    };
    if (reservation == reply::held) with([](world& w) { w.reservation = reply::expired; });
    if (payment == reply::authorizing) {
      with([](world& w) { w.payment = reply::declined; });
      with([](world& w) {
        w.payment = w.void_wished ? reply::voiding : reply::authorized;
        w.was_authorized = true;
      });
    }
    if (payment == reply::capturing) {
      with([](world& w) { w.payment = reply::captured; });
      with([](world& w) { w.payment = reply::refused; });
    }
    if (payment == reply::voiding) with([](world& w) { w.payment = reply::voided; });
    if (pending_back > 0) with([](world& w) { w.paid_back = std::exchange(w.pending_back, 0); });
    return out;
  }

  // The worker writes what it was answered; false for a contradiction.
  bool record(reply got) {
    const auto next = after(o, got);
    if (std::holds_alternative<contradiction>(next)) return false;
    if (const auto* m = std::get_if<move>(&next)) apply(*m);
    return true;
  }

  void apply(const move& m) {
    EXPECT_TRUE(m.state == o.state || may_become(o.state, m.state))
        << json::enum_text(o.state) << " to " << json::enum_text(m.state);
    if (m.refund) {
      auto& r = o.refunds.back();
      if (r.state == refund_state::refunding && *m.refund != refund_state::refused) {
        o.refunded_minor += r.amount_minor;
      }
      r.state = *m.refund;
    }
    o.state = m.state;
    o.step = m.next;
    if (!m.reason.empty()) o.reason = m.reason;
    EXPECT_FALSE(m.rest && m.next);
  }

  std::vector<world> successors() const {
    std::vector<world> out = settle();
    const auto with = [&](auto change) {
      out.push_back(*this);
      change(out.back());
    };
    // As the repository's wish_to_cancel has it.
    if (o.state <= order_state::confirmed && !o.cancel_requested && !o.reason) {
      with([](world& w) { w.o.cancel_requested = true; });
    }
    for (const auto s : late) {
      with([s](world& w) {
        w.late.erase(s);
        w.deliver(s);
      });
    }
    if (!o.step) {
      const auto todo = what_to_do(o);
      if (std::holds_alternative<begin_cancellation>(todo)) {
        with([](world& w) {
          const auto m = start_of(begin_cancellation{}, w.o);
          w.o.refunds.push_back(
              {.id = uuid::derived("refund", std::to_string(w.o.refunds.size())),
               .state = m.next == step::refund ? refund_state::refunding : refund_state::restocking,
               .amount_minor = left_to_refund(w.o),
               .cancellation = true});
          w.apply(m);
        });
      }
      return out;
    }
    // The call is lost on its way and may arrive later.
    if (!late.contains(*o.step) && *o.step != step::refund && *o.step != step::restock) {
      with([](world& w) { w.late.insert(*w.o.step); });
    }
    // The call arrives, and its answer comes back.
    with([](world& w) {
      if (const auto got = w.deliver(*w.o.step)) EXPECT_TRUE(w.record(*got)) << w.key();
    });
    // The call arrives, and its answer is lost.
    with([](world& w) { w.deliver(*w.o.step); });
    // Refusals that depend on more than the model has.
    if (*o.step == step::reserve && reservation == reply::none) {
      with([](world& w) { EXPECT_TRUE(w.record(reply::none)); });  // out of stock
    }
    if (*o.step == step::reserve || *o.step == step::authorize || *o.step == step::commit) {
      with([](world& w) { EXPECT_TRUE(w.record(reply::not_accepted)); });
    }
    if (*o.step == step::refund && !was_refused_a_refund && pending_back == 0 && paid_back == 0) {
      with([](world& w) {
        w.was_refused_a_refund = true;
        EXPECT_TRUE(w.record(reply::refund_refused));
      });
    }
    return out;
  }

  bool at_rest() const { return !o.step && std::holds_alternative<nothing_to_do>(what_to_do(o)); }
};

world start() {
  world w;
  w.o.id = uuid::derived("test", "order");
  w.o.payment_id = uuid::derived("test", "payment");
  w.o.total_minor = total;
  w.o.lines = {
      {.product_id = product, .quantity = 1, .unit_price_minor = total, .line_total_minor = total}};
  w.o.step = step::reserve;
  return w;
}

class every_reachable_state : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    all_ = new std::map<std::string, world>;
    ends_ = new std::set<std::string>;
    std::map<std::string, std::vector<std::string>> before;
    std::deque<std::string> queue;
    const auto visit = [&](world w, const std::string* from) {
      const auto key = w.key();
      if (from) before[key].push_back(*from);
      if (all_->emplace(key, std::move(w)).second) queue.push_back(key);
    };
    visit(start(), nullptr);
    while (!queue.empty()) {
      const auto key = queue.front();
      queue.pop_front();
      for (auto& next : all_->at(key).successors()) visit(std::move(next), &key);
    }
    // Backwards from rest: which states have an end within reach.
    std::deque<std::string> back;
    for (const auto& [key, w] : *all_) {
      if (w.at_rest() && ends_->insert(key).second) back.push_back(key);
    }
    while (!back.empty()) {
      const auto key = back.front();
      back.pop_front();
      for (const auto& b : before[key]) {
        if (ends_->insert(b).second) back.push_back(b);
      }
    }
  }
  static void TearDownTestSuite() {
    delete all_;
    delete ends_;
  }

  static inline std::map<std::string, world>* all_;
  static inline std::set<std::string>* ends_;
};

TEST_F(every_reachable_state, has_books_that_balance) {
  EXPECT_GT(all_->size(), 1000u);
  for (const auto& [key, w] : *all_) {
    for (const auto& f : judge(w.o, w.books())) {
      ADD_FAILURE() << f.rule << ": " << f.detail << " in " << key;
    }
    if (HasFailure()) return;
  }
}

TEST_F(every_reachable_state, leads_to_an_end) {
  for (const auto& [key, w] : *all_) {
    ASSERT_TRUE(ends_->contains(key)) << key << " " << json::enum_text(w.o.state);
  }
}

TEST_F(every_reachable_state, sells_and_charges_together_or_not_at_all) {
  std::set<order_state> ends;
  for (const auto& [key, w] : *all_) {
    if (!w.at_rest()) continue;
    ends.insert(w.o.state);
    if (w.o.state == order_state::confirmed) {
      EXPECT_EQ(w.payment, reply::captured) << key;
      EXPECT_EQ(w.reservation, reply::committed) << key;
      EXPECT_TRUE(w.cleared) << key;
    } else {
      EXPECT_TRUE(w.o.state == order_state::rejected || w.o.state == order_state::cancelled) << key;
      EXPECT_TRUE(w.o.reason) << key;
      EXPECT_TRUE(w.reservation == reply::released || w.reservation == reply::expired ||
                  w.reservation == reply::returned)
          << key;
      EXPECT_TRUE(w.payment != reply::captured || w.paid_back == total) << key;
      EXPECT_TRUE(w.payment != reply::authorizing && w.payment != reply::authorized &&
                  w.payment != reply::capturing && w.payment != reply::voiding)
          << key;
    }
  }
  EXPECT_EQ(ends.size(), 3u);
}

// Nothing stands in the table of allowed combinations that cannot be.
TEST_F(every_reachable_state, needs_every_entry_of_the_table) {
  for (const auto& row : allowed_combinations()) {
    // The model neither ships nor pays back a part.
    if (row.state == order_state::shipped || row.state == order_state::delivered ||
        (row.state == order_state::confirmed && row.during)) {
      continue;
    }
    replies reservations = 0, payments = 0;
    for (const auto& [key, w] : *all_) {
      if (w.o.state != row.state || w.o.step != row.during) continue;
      if (!row.reason.empty() && row.reason != w.o.reason) continue;
      if (!holds(row.reservation, w.reservation) || !holds(row.payment, w.payment)) continue;
      reservations |= one_of({w.reservation});
      payments |= one_of({w.payment});
    }
    const auto where = std::string(json::enum_text(row.state)) + ' ' +
                       (row.during ? std::string(json::enum_text(*row.during)) : "rest") + ' ' +
                       std::string(row.reason);
    auto expected = row.reservation;
    if (row.state == order_state::confirmed || row.state == order_state::refunding) {
      expected &= ~one_of({reply::returned});  // by refunds of parts
    }
    EXPECT_EQ(reservations, expected) << where;
    EXPECT_EQ(payments, row.payment) << where;
  }
}

// After the end, whatever is still on its way changes nothing.
TEST_F(every_reachable_state, at_rest_absorbs_late_calls) {
  for (const auto& [key, w] : *all_) {
    if (!w.at_rest()) continue;
    for (const auto s : w.late) {
      auto changed = w;
      changed.deliver(s);
      EXPECT_EQ(changed.reservation, w.reservation) << key;
      EXPECT_EQ(changed.payment, w.payment) << key;
    }
  }
}

// From the recorded intent to capture on, only the stored refusal leads back.
TEST_F(every_reachable_state, is_never_undone_after_the_pivot) {
  for (const auto& [key, w] : *all_) {
    if (w.payment != reply::capturing && w.payment != reply::captured) continue;
    EXPECT_TRUE(!w.o.reason || w.o.refunded_minor == total) << key;
  }
}

}  // namespace
}  // namespace souk::order
