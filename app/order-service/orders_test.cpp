#include "orders.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <map>

namespace souk::order {
namespace {

const uuid product_a = uuid::derived("test", "a");
const uuid product_b = uuid::derived("test", "b");

order_view at(order_state state, std::optional<step> during) {
  order_view o;
  o.state = state;
  o.step = during;
  o.total_minor = 1'000;
  o.lines = {{.product_id = product_a, .quantity = 3}, {.product_id = product_b, .quantity = 1}};
  return o;
}

move moved(const order_view& o, reply got) {
  const auto d = after(o, got);
  EXPECT_TRUE(std::holds_alternative<move>(d)) << json::enum_text(got);
  return std::holds_alternative<move>(d) ? std::get<move>(d) : move{};
}

TEST(after, leads_from_pending_to_confirmed) {
  auto o = at(order_state::pending, step::reserve);
  for (const auto [got, state] : {std::pair{reply::held, order_state::reserved},
                                  {reply::authorized, order_state::authorized},
                                  {reply::committed, order_state::committed},
                                  {reply::captured, order_state::captured},
                                  {reply::cleared, order_state::confirmed}}) {
    const auto m = moved(o, got);
    EXPECT_EQ(m.state, state);
    EXPECT_EQ(m.rest, state == order_state::confirmed);
    o.state = m.state;
    o.step = m.next;
  }
  EXPECT_FALSE(o.step);
}

TEST(after, turns_a_business_failure_around) {
  const struct {
    std::string_view reason;
    order_state state;
    step during;
    reply got;
    step undo_with;
  } cases[] = {
      {"out-of-stock", order_state::pending, step::reserve, reply::none, step::release_stock},
      {"payment-declined", order_state::reserved, step::authorize, reply::declined,
       step::release_stock},
      {"hold-expired", order_state::authorized, step::commit, reply::expired, step::void_payment},
      {"payment-refused", order_state::committed, step::capture, reply::refused,
       step::return_stock},
  };
  for (const auto& c : cases) {
    const auto m = moved(at(c.state, c.during), c.got);
    EXPECT_EQ(m.state, c.state);  // until everything is undone
    EXPECT_EQ(m.reason, c.reason);
    EXPECT_EQ(m.next, c.undo_with);
    EXPECT_FALSE(m.rest);
  }
}

TEST(after, undoes_the_payment_before_the_stock) {
  auto o = at(order_state::committed, step::void_payment);
  o.reason = reasons::cancelled;
  auto m = moved(o, reply::voided);
  EXPECT_EQ(m.next, step::return_stock);
  o.step = m.next;
  m = moved(o, reply::returned);
  EXPECT_EQ(m.state, order_state::cancelled);
  EXPECT_TRUE(m.rest);
}

TEST(after, undoes_a_capture_for_nothing_but_the_stored_refusal) {
  const auto o = at(order_state::committed, step::capture);
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<reply>>([&](auto got) {
    const auto d = after(o, got.value);
    const auto* m = std::get_if<move>(&d);
    EXPECT_EQ(m && !m->reason.empty(), got.value == reply::refused) << got.name;
  });
}

TEST(after, honours_a_wish_to_cancel_at_each_boundary_before_the_capture) {
  const struct {
    order_state from;
    step during;
    reply got;
    step undo_with;
  } cases[] = {
      {order_state::pending, step::reserve, reply::held, step::release_stock},
      {order_state::reserved, step::authorize, reply::authorized, step::void_payment},
      {order_state::authorized, step::commit, reply::committed, step::void_payment},
  };
  for (const auto& c : cases) {
    auto o = at(c.from, c.during);
    o.cancel_requested = true;
    const auto m = moved(o, c.got);
    EXPECT_EQ(m.next, c.undo_with);
    EXPECT_EQ(m.reason, reasons::cancelled);
  }
  // Later it is finished first.
  auto o = at(order_state::committed, step::capture);
  o.cancel_requested = true;
  EXPECT_EQ(moved(o, reply::captured).next, step::clear_cart);
  o = at(order_state::captured, step::clear_cart);
  o.cancel_requested = true;
  const auto m = moved(o, reply::cleared);
  EXPECT_EQ(m.state, order_state::confirmed);
  EXPECT_FALSE(m.rest);
  o.state = m.state;
  o.step = m.next;
  EXPECT_TRUE(std::holds_alternative<begin_cancellation>(what_to_do(o)));
}

TEST(after, asks_again_while_the_other_side_is_busy) {
  EXPECT_TRUE(std::holds_alternative<unsettled>(
      after(at(order_state::reserved, step::authorize), reply::authorizing)));
  EXPECT_TRUE(std::holds_alternative<unsettled>(
      after(at(order_state::committed, step::capture), reply::capturing)));
  EXPECT_TRUE(std::holds_alternative<unsettled>(
      after(at(order_state::authorized, step::void_payment), reply::voiding)));
}

TEST(after, calls_a_person_when_an_answer_cannot_be) {
  EXPECT_TRUE(std::holds_alternative<contradiction>(
      after(at(order_state::pending, step::reserve), reply::committed)));
  EXPECT_TRUE(std::holds_alternative<contradiction>(
      after(at(order_state::committed, step::void_payment), reply::not_accepted)));
  EXPECT_TRUE(std::holds_alternative<contradiction>(
      after(at(order_state::confirmed, std::nullopt), reply::captured)));
}

refund paid_back(minor_units amount, std::vector<quantity_of> lines = {}) {
  return {.id = uuid::v7(), .amount_minor = amount, .reason = "broken", .lines = std::move(lines)};
}

TEST(after, pays_back_a_part_then_restocks_it) {
  auto o = at(order_state::shipped, std::nullopt);
  o.refunds = {paid_back(200, {{product_a, {1}}})};
  ASSERT_TRUE(std::holds_alternative<begin_refund>(what_to_do(o)));
  o.step = start_of(begin_refund{}, o).next;
  ASSERT_EQ(o.step, step::refund);
  auto m = moved(o, reply::refunded);
  EXPECT_EQ(m.next, step::restock);
  EXPECT_EQ(m.refund, refund_state::restocking);
  EXPECT_EQ(m.state, order_state::shipped);
  o.step = m.next;
  o.refunds[0].state = *m.refund;
  m = moved(o, reply::committed);
  EXPECT_EQ(m.refund, refund_state::done);
  EXPECT_EQ(m.next, std::nullopt);
}

TEST(after, ends_a_refund_that_was_refused) {
  auto o = at(order_state::confirmed, step::refund);
  o.refunds = {paid_back(200)};
  const auto m = moved(o, reply::refund_refused);
  EXPECT_EQ(m.refund, refund_state::refused);
  EXPECT_EQ(m.state, order_state::confirmed);
}

TEST(what_to_do, cancels_what_is_left_after_other_refunds) {
  auto o = at(order_state::confirmed, std::nullopt);
  o.cancel_requested = true;
  o.refunds = {paid_back(300)};
  EXPECT_TRUE(std::holds_alternative<begin_refund>(what_to_do(o)));
  o.refunds[0].state = refund_state::done;
  EXPECT_TRUE(std::holds_alternative<begin_cancellation>(what_to_do(o)));
  EXPECT_EQ(left_to_refund(o), 700);
  EXPECT_EQ(start_of(begin_cancellation{}, o).next, step::refund);
  o.refunds.push_back(paid_back(700));
  o.refunds[1].state = refund_state::done;
  EXPECT_EQ(start_of(begin_cancellation{}, o).next, step::restock);
}

TEST(legal_transitions, end_in_final_states) {
  for (const auto& t : legal_transitions()) {
    EXPECT_FALSE(is_final(t.from)) << json::enum_text(t.from);
    EXPECT_TRUE(may_become(t.from, t.to));
  }
  EXPECT_FALSE(may_become(order_state::captured, order_state::rejected));
  EXPECT_FALSE(may_become(order_state::shipped, order_state::cancelled));
}

TEST(check_refund, knows_when) {
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<order_state>>([](auto s) {
    const bool sold = s.value == order_state::confirmed || s.value == order_state::shipped ||
                      s.value == order_state::delivered;
    EXPECT_EQ(check_refund(at(s.value, std::nullopt), 1, {}).has_value(), !sold) << s.name;
  });
  auto o = at(order_state::confirmed, std::nullopt);
  o.cancel_requested = true;
  EXPECT_EQ(check_refund(o, 1, {}), refund_error::wrong_state);
}

RC_GTEST_PROP(check_refund, never_lets_more_back_than_was_sold, ()) {
  auto o = at(order_state::delivered, std::nullopt);
  std::map<uuid, std::int64_t> back;
  minor_units money = 0;
  for (int i = 0; i < 20; ++i) {
    const auto amount = *rc::gen::inRange<minor_units>(1, 600);
    std::vector<quantity_of> lines;
    for (const auto& p : {product_a, product_b, uuid::derived("test", "foreign")}) {
      const auto n = *rc::gen::inRange<std::int64_t>(0, 3);
      if (n > 0) lines.push_back({p, {n}});
    }
    if (check_refund(o, amount, lines)) continue;
    o.refunds.push_back(paid_back(amount, lines));
    if (*rc::gen::inRange(0, 4) == 0) {
      o.refunds.back().state = refund_state::refused;  // which doesn't count
      continue;
    }
    money += amount;
    for (const auto& l : lines) back[l.product_id] += l.quantity;
  }
  RC_ASSERT(money <= o.total_minor);
  RC_ASSERT(left_to_refund(o) == o.total_minor - money);
  RC_ASSERT(back[product_a] <= 3);
  RC_ASSERT(back[product_b] <= 1);
  RC_ASSERT(back.size() <= 2u);
}

RC_GTEST_PROP(total_of, is_the_sum_or_nothing, ()) {
  const auto lines = *rc::gen::container<std::vector<std::pair<std::int64_t, std::int64_t>>>(
      rc::gen::pair(rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max()),
                    rc::gen::inRange<std::int64_t>(1, 1'001)));
  std::vector<order_line> order_lines;
  __int128 sum = 0;
  for (const auto& [price, quantity] : lines) {
    order_lines.push_back({.quantity = quantity, .unit_price_minor = price});
    sum += static_cast<__int128>(price) * quantity;
  }
  const auto total = total_of(order_lines);
  const bool fits = sum <= std::numeric_limits<std::int64_t>::max();
  RC_ASSERT(total.has_value() == fits);
  if (total) RC_ASSERT(static_cast<__int128>(*total) == sum);
}

TEST(total_of, holds_the_largest_cart) {
  const std::vector<order_line> lines(
      max_cart_lines, {.quantity = max_line_quantity, .unit_price_minor = max_price_minor});
  EXPECT_EQ(total_of(lines), 100'000'000'000'000);
}

}  // namespace
}  // namespace souk::order
