#include "refunds.hpp"

#include <gtest/gtest.h>

#include "kit/testing/proxy.hpp"
#include "testing/replica.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using fake::fault;
using fake::replica;
using fake::stub_request;
using testing::fresh_database;
using testing::run;

// A confirmed order of four things at 250, and what serves it.
struct sold {
  fake::partners others;
  std::string url = fresh_database(migrations);
  uuid user = uuid::v7(), thing = others.add_product(250, 10);
  uuid id, payment;

  task<> sell(replica& r, const context& ctx, std::string_view token = fake::tokens::approve) {
    const auto o = co_await r.placing_.place(
        ctx, user, "k", replica::wish(others.fill_cart(user, {{thing, 4}}), 1'000, token));
    EXPECT_EQ(o.value().state, order_state::confirmed);
    id = o->id;
    payment = o->payment_id;
  }
  new_refund wish(minor_units amount, std::int64_t quantity = 0) const {
    new_refund w;
    w.amount_minor = {amount};
    w.reason = std::string("broken");
    if (quantity > 0) w.lines.emplace().push_back({thing, {quantity}});
    return w;
  }
};

TEST(refunds, pay_back_and_restock_once_per_key) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    r.start();
    co_await s.sell(r, ctx);
    const auto first = co_await r.refunds_.request(ctx, s.id, "a", s.wish(300, 1));
    EXPECT_EQ(first.value().state, refund_state::done);
    const auto again = co_await r.refunds_.request(ctx, s.id, "a", s.wish(300, 1));
    EXPECT_EQ(again.value().id, first->id);
    const auto other = co_await r.refunds_.request(ctx, s.id, "a", s.wish(301, 1));
    EXPECT_EQ(other.error().what, order_error::key_reused);
    EXPECT_EQ(s.others.payments[s.payment.str()].refunded, 300);
    EXPECT_EQ(s.others.items[s.thing.str()].stock, 7);
    const auto row = co_await r.at_rest(ctx, s.id);
    EXPECT_EQ(row.refunded_minor, 300);
    EXPECT_EQ(row.state, order_state::confirmed);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, never_exceed_what_was_sold) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    r.start();
    co_await s.sell(r, ctx);
    const auto request = [](replica& one, const context& of, uuid id, std::string key,
                            new_refund w) -> task<std::optional<order_error>> {
      const auto result = co_await one.refunds_.request(of, id, key, w);
      if (result) co_return std::nullopt;
      co_return result.error().what;
    };
    EXPECT_EQ(co_await request(r, ctx, s.id, "a", s.wish(1'001)),
              order_error::refund_too_much_money);
    EXPECT_EQ(co_await request(r, ctx, s.id, "b", s.wish(1, 5)),
              order_error::refund_too_many_items);
    EXPECT_EQ(co_await request(r, ctx, s.id, "c", s.wish(600, 3)), std::nullopt);
    EXPECT_EQ(co_await request(r, ctx, s.id, "d", s.wish(401)), order_error::refund_too_much_money);
    EXPECT_EQ(co_await request(r, ctx, s.id, "e", s.wish(400, 2)),
              order_error::refund_too_many_items);
    // A refusal leaves its key free.
    EXPECT_EQ(co_await request(r, ctx, s.id, "e", s.wish(400, 1)), std::nullopt);
    const auto row = co_await r.at_rest(ctx, s.id);
    EXPECT_EQ(row.refunded_minor, 1'000);
    EXPECT_EQ(s.others.items[s.thing.str()].stock, 10);
    EXPECT_EQ(s.others.reservations[s.id.str()].state, reply::returned);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, asked_for_at_once_do_not_exceed_together) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    r.start();
    co_await s.sell(r, ctx);
    int done = 0, refused = 0;
    for (int i = 0; i < 8; ++i) {
      loop.spawn("refund",
                 [](replica& one, context of, uuid id, std::string key, new_refund w, int& ok,
                    int& no) -> task<> {
                   const auto result = co_await one.refunds_.request(of, id, key, w);
                   ++(result ? ok : no);
                 }(r, ctx, s.id, std::to_string(i), s.wish(300), done, refused));
    }
    EXPECT_TRUE(co_await testing::eventually([&] { return done + refused == 8; }));
    EXPECT_EQ(done, 3);
    const auto row = co_await r.at_rest(ctx, s.id);
    EXPECT_EQ(row.refunded_minor, 900);
    EXPECT_EQ(s.others.payments[s.payment.str()].refunded, 900);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, survive_lost_calls) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    r.start();
    co_await s.sell(r, ctx);
    int calls = 0;
    const auto failing = s.others.failing_by([&](const stub_request&) {
      return std::array{fault::request_lost, fault::answer_lost, fault::none}[calls++ % 3];
    });
    const auto done = co_await r.refunds_.request(ctx, s.id, "a", s.wish(300, 1));
    EXPECT_EQ(done.value().state, refund_state::done);
    EXPECT_EQ(s.others.payments[s.payment.str()].refunded, 300);
    EXPECT_EQ(s.others.items[s.thing.str()].stock, 7);
    co_await r.at_rest(ctx, s.id);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, that_are_refused_change_nothing) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    r.start();
    co_await s.sell(r, ctx, fake::tokens::refuse_first_refund);
    const auto refused = co_await r.refunds_.request(ctx, s.id, "a", s.wish(1'000, 4));
    EXPECT_EQ(refused.value().state, refund_state::refused);
    auto row = co_await r.at_rest(ctx, s.id);
    EXPECT_EQ(row.refunded_minor, 0);
    EXPECT_EQ(s.others.items[s.thing.str()].stock, 6);
    // It does not count against what may be paid back.
    const auto second = co_await r.refunds_.request(ctx, s.id, "b", s.wish(1'000, 4));
    EXPECT_EQ(second.value().state, refund_state::done);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, of_a_part_leave_the_rest_to_a_cancellation) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    co_await s.sell(r, ctx);
    loop.spawn("refund", [](replica& one, context of, uuid id, new_refund w) -> task<> {
      EXPECT_TRUE(co_await one.refunds_.request(of, id, "a", w));
    }(r, ctx, s.id, s.wish(300, 1)));
    co_await sleep_for(100ms);
    // Both wishes wait for the worker.
    EXPECT_TRUE(co_await r.orders.request_cancel(ctx, s.id));
    const auto late = co_await r.refunds_.request(ctx, s.id, "b", s.wish(1));
    EXPECT_EQ(late.error().what, order_error::refund_wrong_state);
    r.start();
    const auto row = co_await r.at_rest(ctx, s.id);
    EXPECT_EQ(row.state, order_state::cancelled);
    EXPECT_EQ(row.refunds.size(), 2u);
    EXPECT_EQ(row.refunded_minor, 1'000);
    EXPECT_EQ(s.others.payments[s.payment.str()].refunded, 1'000);
    EXPECT_EQ(s.others.items[s.thing.str()].stock, 10);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, are_possible_after_delivery) {
  sold s;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, s.url, s.others);
    r.start();
    co_await s.sell(r, ctx);
    EXPECT_TRUE(co_await r.orders.mark(ctx, s.id, order_state::confirmed, order_state::shipped));
    EXPECT_TRUE(co_await r.orders.mark(ctx, s.id, order_state::shipped, order_state::delivered));
    const auto done = co_await r.refunds_.request(ctx, s.id, "a", s.wish(250, 1));
    EXPECT_EQ(done.value().state, refund_state::done);
    EXPECT_EQ((co_await r.at_rest(ctx, s.id)).state, order_state::delivered);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(refunds, are_answered_when_the_database_is_lost_meanwhile) {
  sold s;
  testing::tcp_proxy proxy(testing::postgres().port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, testing::via(s.url, proxy.port()), s.others,
                                 fake::variables{{"ORDER_WAIT_MS", "1500"}});
    r.start();
    co_await s.sell(r, ctx);
    const auto failing = s.others.failing_by([&](const stub_request&) {
      proxy.refuse();
      return fault::none;
    });
    const auto under_way = co_await r.refunds_.request(ctx, s.id, "a", s.wish(300, 1));
    EXPECT_EQ(under_way.value().state, refund_state::refunding);
    {
      const std::scoped_lock lock(s.others.mutex);
      s.others.faults = [](const stub_request&) { return fault::none; };
    }
    proxy.pass();
    // Seen by a replica that has lost no connection.
    auto& other = loop.make<replica>(loop, s.url, s.others);
    EXPECT_EQ((co_await other.at_rest(ctx, s.id)).refunded_minor, 300);
  });
}

}  // namespace
}  // namespace souk::order
