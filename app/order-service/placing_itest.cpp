// POST /orders: what it compares, what it stores, and what a repeat finds.

#include "placing.hpp"

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

std::optional<order_error> error_of(const std::expected<order_view, failure>& result) {
  if (result) return std::nullopt;
  return result.error().what;
}

TEST(placing, answers_a_repeat_from_the_same_order) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
    const auto first = co_await r.placing_.place(ctx, user, "k", wish);
    const auto again = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_EQ(first.value().id, again.value().id);
    EXPECT_EQ(others.payment.requests("POST", "/payments/process").size(), 1u);

    auto other = wish;
    other.address.city = std::string("Milan");
    EXPECT_EQ(error_of(co_await r.placing_.place(ctx, user, "k", other)), order_error::key_reused);
    // Another shopper's key is another key.
    EXPECT_EQ(error_of(co_await r.placing_.place(ctx, uuid::v7(), "k", other)),
              order_error::cart_empty);
  });
}

TEST(placing, makes_one_order_of_many_parallel_repeats) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& a = loop.make<replica>(loop, url, others);
    auto& b = loop.make<replica>(loop, url, others);  // as if it were another process
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
    std::vector<uuid> ids;
    for (int i = 0; i < 20; ++i) {
      loop.spawn("request",
                 [](replica& r, context of, uuid u, new_order w, std::vector<uuid>& out) -> task<> {
                   const auto o = co_await r.placing_.place(of, u, "k", w);
                   EXPECT_EQ(o.value().state, order_state::confirmed);
                   out.push_back(o->id);
                 }(i % 2 == 0 ? a : b, ctx, user, wish, ids));
    }
    EXPECT_TRUE(co_await testing::eventually([&] { return ids.size() == 20; }));
    for (const auto id : ids) EXPECT_EQ(id, ids.front());
    EXPECT_EQ(others.items[thing.str()].stock, 8);
    co_await a.expect_balanced_books(ctx);
  });
}

TEST(placing, lets_two_tabs_with_one_cart_pay_once) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
    int confirmed = 0, refused = 0;
    for (int i = 0; i < 10; ++i) {
      loop.spawn("tab",
                 [](replica& one, context of, uuid u, std::string key, new_order w, int& won,
                    int& lost) -> task<> {
                   const auto o = co_await one.placing_.place(of, u, key, w);
                   if (o) {
                     ++won;
                   } else {
                     EXPECT_EQ(o.error().what, order_error::already_ordered);
                     EXPECT_TRUE(o.error().order_id);
                     ++lost;
                   }
                 }(r, ctx, user, "tab" + std::to_string(i), wish, confirmed, refused));
    }
    EXPECT_TRUE(co_await testing::eventually([&] { return confirmed + refused == 10; }));
    EXPECT_EQ(confirmed, 1);
    EXPECT_EQ(others.items[thing.str()].stock, 8);
  });
}

TEST(placing, frees_the_cart_but_not_the_key_of_a_rejected_order) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto revision = others.fill_cart(user, {{thing, 2}});
    const auto declined = replica::wish(revision, 1'000, fake::tokens::decline);
    const auto first = co_await r.placing_.place(ctx, user, "k", declined);
    EXPECT_EQ(first.value().state, order_state::rejected);
    const auto again = co_await r.placing_.place(ctx, user, "k", declined);
    EXPECT_EQ(again.value().id, first->id);
    // With another card, which needs another key.
    const auto wish = replica::wish(revision, 1'000);
    EXPECT_EQ(error_of(co_await r.placing_.place(ctx, user, "k", wish)), order_error::key_reused);
    const auto second = co_await r.placing_.place(ctx, user, "k2", wish);
    EXPECT_EQ(second.value().state, order_state::confirmed);
  });
}

TEST(placing, refuses_what_is_not_as_it_was_confirmed_and_stores_nothing) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto revision = others.fill_cart(user, {{thing, 2}});
    const auto place = [](replica& one, const context& of, uuid u,
                          new_order w) -> task<std::optional<order_error>> {
      auto o = co_await one.placing_.place(of, u, "k", w);
      if (!o && o.error().what == order_error::cart_changed) {
        EXPECT_TRUE(o.error().cart);
        EXPECT_TRUE(o.error().cart->text.starts_with("{"));
      }
      co_return error_of(o);
    };
    const auto wish = replica::wish(revision, 1'000);
    EXPECT_EQ(co_await place(r, ctx, user, replica::wish("r1", 1'000)), order_error::cart_changed);
    EXPECT_EQ(co_await place(r, ctx, user, replica::wish(revision, 999)),
              order_error::cart_changed);
    others.items[thing.str()].price = 501;
    EXPECT_EQ(co_await place(r, ctx, user, wish), order_error::cart_changed);
    others.items[thing.str()] = {"Thing", 500, 1};
    EXPECT_EQ(co_await place(r, ctx, user, wish), order_error::cart_changed);
    const auto kept = others.items.extract(thing.str());
    EXPECT_EQ(co_await place(r, ctx, user, wish), order_error::cart_changed);
    auto euros = wish;
    euros.currency = std::string("EUR");
    EXPECT_EQ(co_await place(r, ctx, user, euros), order_error::wrong_currency);
    EXPECT_EQ(co_await place(r, ctx, uuid::v7(), wish), order_error::cart_empty);

    // The key is still free.
    others.items[thing.str()] = {"Thing", 500, 10};
    EXPECT_EQ(co_await place(r, ctx, user, wish), std::nullopt);
    uuid last;
    last.bytes.fill(0xff);
    EXPECT_EQ((co_await r.orders.list(ctx, {}, last, 10)).size(), 1u);
  });
}

TEST(placing, answers_with_an_unfinished_order_when_the_wait_is_over) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "800"}});
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
    bool down = true;
    const auto failing = others.failing_by([&](const stub_request& q) {
      return down && q.path == "/payments/process" ? fault::request_lost : fault::none;
    });
    const auto o = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_EQ(o.value().state, order_state::reserved);
    {
      const std::scoped_lock lock(others.mutex);
      down = false;
    }
    // A repeat, at a replica that does not drive the order itself, sees the end of it.
    auto& other = loop.make<replica>(loop, url, others);
    r.start();
    const auto again = co_await other.placing_.place(ctx, user, "k", wish);
    EXPECT_EQ(again.value().state, order_state::confirmed);
  });
}

// It is stored, so there is no reason to answer that it could not be.
TEST(placing, answers_with_the_order_when_the_database_is_lost_meanwhile) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  testing::tcp_proxy proxy(testing::postgres().port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, testing::via(url, proxy.port()), others,
                                 fake::variables{{"ORDER_WAIT_MS", "1500"}});
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
    const auto failing = others.failing_by([&](const stub_request&) {
      proxy.refuse();
      return fault::none;
    });
    const auto begun = steady_clock::now();
    const auto o = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_EQ(o.value().state, order_state::pending);
    EXPECT_GT(steady_clock::now() - begun, 1400ms);
    proxy.pass();
  });
}

TEST(placing, refuses_new_orders_but_no_repeats_when_too_many_are_under_way) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(
        loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}, {"MAX_UNFINISHED_ORDERS", "2"}});
    others.faults = [](const stub_request&) { return fault::answer_late; };
    const auto thing = others.add_product(500, 10);
    uuid user;
    new_order wish;
    EXPECT_FALSE(r.placing_.refuses_early("another"));
    for (int i = 0; i < 2; ++i) {
      user = uuid::v7();
      wish = replica::wish(others.fill_cart(user, {{thing, 1}}), 500);
      EXPECT_TRUE(co_await r.placing_.place(ctx, user, "k", wish));
    }
    const auto third = uuid::v7();
    const auto more = replica::wish(others.fill_cart(third, {{thing, 1}}), 500);
    EXPECT_EQ(error_of(co_await r.placing_.place(ctx, third, "k", more)), order_error::overloaded);
    EXPECT_TRUE(co_await r.placing_.place(ctx, user, "k", wish));
    // A key that is new is not even looked up: there would be no time for it.
    EXPECT_EQ(error_of(co_await r.placing_.place(ctx.with_time_limit(0ms), third, "new", more)),
              order_error::overloaded);
    // The same before looking who asks.
    EXPECT_TRUE(r.placing_.refuses_early("another"));
    EXPECT_FALSE(r.placing_.refuses_early("k"));
  });
}

TEST(placing, counts_orders_that_wait_for_a_repeat_as_unfinished) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(
        loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}, {"MAX_UNFINISHED_ORDERS", "2"}});
    loop.spawn("unfinished orders", r.worker.count_unfinished());
    bool down = true;
    const auto failing = others.failing_by(
        [&](const stub_request&) { return down ? fault::request_lost : fault::none; });
    const auto thing = others.add_product(500, 10);
    std::vector<uuid> ids;
    for (int i = 0; i < 2; ++i) {
      const auto user = uuid::v7();
      const auto wish = replica::wish(others.fill_cart(user, {{thing, 1}}), 500);
      ids.push_back((co_await r.placing_.place(ctx, user, "k", wish)).value().id);
    }
    co_await sleep_for(300ms);
    EXPECT_EQ(others.inventory.requests("POST", "/reservations").size(), 2u) << "both are put off";
    const auto third = uuid::v7();
    const auto more = replica::wish(others.fill_cart(third, {{thing, 1}}), 500);
    EXPECT_EQ(error_of(co_await r.placing_.place(ctx, third, "k", more)), order_error::overloaded);

    // Another replica finishes them: then there is room again.
    {
      const std::scoped_lock lock(others.mutex);
      down = false;
    }
    auto& other = loop.make<replica>(loop, url, others);
    other.start();
    for (const auto id : ids) co_await other.at_rest(ctx, id);
    for (int i = 0; i < 50 && !r.worker.admit(); ++i) co_await sleep_for(100ms);
    EXPECT_TRUE(co_await r.placing_.place(ctx, third, "k", more));
  });
}

TEST(placing, looks_again_when_it_is_not_known_whether_the_order_was_stored) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  testing::tcp_proxy proxy(testing::postgres().port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, testing::via(url, proxy.port()), others);
    const auto thing = others.add_product(500, 10);
    {
      const auto user = uuid::v7();
      const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
      proxy.lose_answer("Loop Lane");  // in the address, which only the INSERT has
      const auto o = co_await r.placing_.place(ctx, user, "k", wish);
      EXPECT_TRUE(proxy.has_struck());
      EXPECT_EQ(o.value().state, order_state::confirmed);
    }
    {
      const auto user = uuid::v7();
      const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
      proxy.lose_request("Loop Lane");
      bool refused = false;
      try {
        co_await r.placing_.place(ctx, user, "k", wish);
      } catch (const pg::unavailable&) {
        refused = true;
      }
      EXPECT_TRUE(proxy.has_struck());
      EXPECT_TRUE(refused);
      const auto again = co_await r.placing_.place(ctx, user, "k", wish);
      EXPECT_EQ(again.value().state, order_state::confirmed);
    }
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(placing, is_not_possible_while_prices_cannot_be_read) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto wish = replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000);
    others.product.stop();
    EXPECT_THROW(co_await r.placing_.place(ctx, user, "k", wish), http::call_failed);
    others.product.start();
  });
}

}  // namespace
}  // namespace souk::order
