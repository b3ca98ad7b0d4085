// While a backup takes its moment (app/backup/cut.hpp), nothing is written to `orders`: all who
// would write wait. What shoppers see of it, and that no checkout is the worse for it.

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "testing/replica.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using fake::replica;
using fake::stub_request;
using testing::fresh_database;
using testing::run;

// Holds the table as a backup does, on a thread of its own.
class pause {
 public:
  pause(const std::string& url, std::chrono::milliseconds length) {
    const auto database = url.substr(url.rfind('/') + 1);
    holder_ = std::thread([this, database, length] {
      testing::postgres().execute(
          database.substr(0, database.find('?')),
          fmt::format("BEGIN; LOCK TABLE orders IN SHARE MODE; SELECT pg_sleep({}); COMMIT",
                      static_cast<double>(length.count()) / 1000));
      over_ = true;
    });
    std::this_thread::sleep_for(100ms);  // it has the lock by then
  }
  ~pause() { holder_.join(); }
  bool over() const { return over_; }

 private:
  std::thread holder_;
  std::atomic<bool> over_ = false;
};

TEST(pause, a_shopper_who_orders_meanwhile_is_served_when_it_is_over) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto user = uuid::v7();
    const auto wish =
        replica::wish(others.fill_cart(user, {{others.add_product(500, 10), 2}}), 1'000);
    const pause backup(url, 800ms);
    // Reading goes on.
    EXPECT_FALSE(co_await r.orders.look_up(ctx, user, "k", ""));
    EXPECT_FALSE(backup.over());
    const auto placed = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_TRUE(backup.over());
    EXPECT_EQ(placed.value().state, order_state::confirmed);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(pause, who_cannot_wait_so_long_is_told_that_the_order_is_under_way) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "500"}});
    r.start();
    const auto user = uuid::v7();
    const auto wish =
        replica::wish(others.fill_cart(user, {{others.add_product(500, 10), 2}}), 1'000);
    // It begins while the order's first call is under way.
    std::optional<pause> backup;
    const auto rule = others.failing_by([&](const stub_request& q) {
      if (!backup && q.path == "/reservations") backup.emplace(url, 1500ms);
      return fake::fault::none;
    });
    const auto placed = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_FALSE(backup->over());
    EXPECT_EQ(placed.value().state, order_state::pending);  // 202
    const auto o = co_await r.at_rest(ctx, placed->id);
    EXPECT_EQ(o.state, order_state::confirmed);
    const auto again = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_EQ(again.value().state, order_state::confirmed);
    EXPECT_EQ(others.payment.requests("POST", "/payments/process").size(), 1u);
    co_await r.expect_balanced_books(ctx);
  });
}

// Longer than a lease, which is a second here, and again and again.
TEST(pause, checkouts_under_way_stand_still_and_go_on) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& a = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "20000"}});
    auto& b = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "20000"}});
    a.start();
    b.start();
    const auto thing = others.add_product(500, 1'000);
    int confirmed = 0, declined = 0, asked = 0;
    const auto shop = [](replica& r, fake::partners& world, context of, uuid what, int& good,
                         int& bad) -> task<> {
      const auto user = uuid::v7();
      const bool pays = random_unit() < 0.7;
      const auto wish = replica::wish(world.fill_cart(user, {{what, 2}}), 1'000,
                                      pays ? fake::tokens::approve : fake::tokens::decline);
      const auto o = co_await r.placing_.place(of, user, "k", wish);
      ++(o.value().state == order_state::confirmed ? good : bad);
      EXPECT_EQ(o->state, pays ? order_state::confirmed : order_state::rejected);
    };
    for (const auto length : {150ms, 400ms, 1300ms, 100ms, 1700ms}) {
      for (int i = 0; i < 4; ++i, ++asked) {
        loop.spawn("shopper", shop(i % 2 ? a : b, others, ctx, thing, confirmed, declined));
        co_await sleep_for(15ms);
      }
      const pause backup(url, length);
      for (int i = 0; i < 4; ++i, ++asked) {
        loop.spawn("shopper", shop(i % 2 ? a : b, others, ctx, thing, confirmed, declined));
        co_await sleep_for(10ms);
      }
    }
    EXPECT_TRUE(co_await testing::eventually([&] { return confirmed + declined == asked; }, 30s));
    EXPECT_EQ(others.items[thing.str()].stock, 1'000 - 2 * confirmed);
    for (const auto& [_, p] : others.payments) EXPECT_LE(p.captures, 1);
    co_await a.expect_balanced_books(ctx);
  });
}

// A backup's own limits end it sooner; whatever holds the table so long, no order is lost or made
// twice.
TEST(pause, beyond_all_patience_is_a_refusal_that_may_be_repeated) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    r.start();
    const auto user = uuid::v7();
    const auto wish =
        replica::wish(others.fill_cart(user, {{others.add_product(500, 10), 2}}), 1'000);
    {
      const pause something(url, 4500ms);
      bool refused = false;
      try {
        co_await r.placing_.place(ctx, user, "k", wish);
      } catch (const pg::unavailable&) {  // 503 with Retry-After
        refused = true;
      }
      EXPECT_TRUE(refused);
    }
    const auto again = co_await r.placing_.place(ctx, user, "k", wish);
    EXPECT_EQ(again.value().state, order_state::confirmed);
    const auto o = co_await r.at_rest(ctx, again->id);
    EXPECT_EQ(others.payment.requests("POST", "/payments/process").size(), 1u);
    EXPECT_EQ(o.state, order_state::confirmed);
    co_await r.expect_balanced_books(ctx);
  });
}

}  // namespace
}  // namespace souk::order
