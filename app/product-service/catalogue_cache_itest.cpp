// The cache with a real PostgreSQL under it: never older than an acknowledged write, other
// replicas' changes within a second, and what happens when nobody listens.

#include "catalogue_cache.hpp"

#include <gtest/gtest.h>

#include "kit/testing/proxy.hpp"
#include "testing/store.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;
using fake::store;

constexpr auto no_inventory = "http://127.0.0.1:1";

product_content lamp(std::int64_t price_minor) {
  return {.sku = "LAMP", .name = "Lamp", .price_minor = price_minor, .currency = "USD"};
}

task<std::int64_t> price_shown(store& s, const context& ctx, uuid id) {
  const auto encoded = co_await s.front.product(ctx, id.str());
  if (!encoded) co_return -1;
  const auto product = json::read<product_detail>(*encoded->body);
  co_return product ? product->price_minor : -2;
}

task<std::int64_t> price_in_list(store& s, const context& ctx) {
  const auto encoded = co_await s.front.list(ctx, listing_query{}, std::nullopt);
  const auto page = json::read<product_page>(*encoded->body);
  co_return page && !page->items.empty() ? page->items.at(0).price_minor : -1;
}

struct progress {
  std::int64_t acknowledged = 1;
  bool over = false;
  int reads = 0;
};

task<> read_all_the_time(store& s, uuid id, progress& p) {
  const auto ctx = context::background("test", 60s);
  while (!p.over) {
    const auto least = p.acknowledged;
    const auto shown = co_await price_shown(s, ctx, id);
    EXPECT_GE(shown, least) << "older than a change that was acknowledged before";
    const auto least_in_list = p.acknowledged;
    const auto listed = co_await price_in_list(s, ctx);
    EXPECT_GE(listed, least_in_list);
    ++p.reads;
    co_await yield_now();
  }
}

TEST(cache, never_shows_what_is_older_than_an_acknowledged_change) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    const auto made = co_await s.products.create(ctx, lamp(1), std::nullopt, std::nullopt);
    const auto id = made->id;
    auto& p = loop.make<progress>();
    for (int i = 0; i < 8; ++i) loop.spawn("reader", read_all_the_time(s, id, p));
    for (std::int64_t price = 2; price <= 60; ++price) {
      const auto changed =
          co_await s.products.replace(ctx, id, std::nullopt, lamp(price), std::nullopt);
      EXPECT_TRUE(changed);
      p.acknowledged = price;
      const auto shown = co_await price_shown(s, ctx, id);
      EXPECT_EQ(shown, price);
      if (price % 7 == 0) co_await sleep_for(3ms);  // lets the readers hit
    }
    p.over = true;
    EXPECT_GT(p.reads, 100);
    co_await sleep_for(50ms);
  });
}

TEST(cache, hears_of_other_replicas_changes) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    const auto url = testing::fresh_database(migrations);
    auto& one = loop.make<store>(loop, url, no_inventory);
    auto& other = loop.make<store>(loop, url, no_inventory);
    const auto made = co_await one.products.create(ctx, lamp(1), std::nullopt, std::nullopt);
    const bool listens = co_await testing::eventually([&] { return other.version.hears_others(); });
    EXPECT_TRUE(listens);
    for (std::int64_t price = 2; price < 12; ++price) {
      EXPECT_EQ(co_await price_shown(other, ctx, made->id), price - 1);
      const auto version = other.version.current();
      co_await one.products.replace(ctx, made->id, std::nullopt, lamp(price), std::nullopt);
      const bool told =
          co_await testing::eventually([&] { return other.version.current() > version; }, 1s);
      EXPECT_TRUE(told);
      EXPECT_EQ(co_await price_shown(other, ctx, made->id), price);
    }
    // A change that nobody's program made, too.
    const auto version = other.version.current();
    testing::postgres().execute(fake::database_of(url), "UPDATE products SET price_minor = 77");
    const bool told =
        co_await testing::eventually([&] { return other.version.current() > version; }, 1s);
    EXPECT_TRUE(told);
    EXPECT_EQ(co_await price_in_list(other, ctx), 77);
  });
}

TEST(cache, trusts_itself_for_a_second_only_while_the_listener_is_lost) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    const auto url = testing::fresh_database(migrations);
    testing::tcp_proxy proxy(testing::postgres().port());
    auto& one = loop.make<store>(loop, url, no_inventory);
    auto& deaf = loop.make<store>(loop, url, no_inventory, testing::via(url, proxy.port()));
    const auto made = co_await one.products.create(ctx, lamp(1), std::nullopt, std::nullopt);
    bool reached = co_await testing::eventually([&] { return deaf.version.hears_others(); });
    EXPECT_TRUE(reached);
    EXPECT_EQ(co_await price_shown(deaf, ctx, made->id), 1);

    proxy.refuse();
    reached = co_await testing::eventually([&] { return !deaf.version.hears_others(); });
    EXPECT_TRUE(reached);
    for (std::int64_t price = 2; price < 5; ++price) {
      co_await one.products.replace(ctx, made->id, std::nullopt, lamp(price), std::nullopt);
      co_await sleep_for(1050ms);
      EXPECT_EQ(co_await price_shown(deaf, ctx, made->id), price);
    }
    // What was missed meanwhile is not trusted when the listener is back.
    co_await one.products.replace(ctx, made->id, std::nullopt, lamp(9), std::nullopt);
    proxy.pass();
    reached = co_await testing::eventually([&] { return deaf.version.hears_others(); });
    EXPECT_TRUE(reached);
    EXPECT_EQ(co_await price_shown(deaf, ctx, made->id), 9);
  });
}

// The connection is lost after COMMIT was sent: done or not, the cache must not say the old.
TEST(cache, does_not_survive_a_change_of_unknown_outcome) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    const auto url = testing::fresh_database(migrations);
    testing::tcp_proxy proxy(testing::postgres().port());
    auto& s = loop.make<store>(loop, testing::via(url, proxy.port()), no_inventory, url);
    const auto made = co_await s.products.create(ctx, lamp(1), std::nullopt, std::nullopt);
    EXPECT_EQ(co_await price_shown(s, ctx, made->id), 1);
    proxy.lose_answer(std::string("COMMIT\0", 7));  // the command, not READ COMMITTED
    bool unknown = false;
    try {
      co_await s.products.replace(ctx, made->id, std::nullopt, lamp(2), std::nullopt);
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    EXPECT_TRUE(unknown);
    EXPECT_EQ(co_await price_shown(s, ctx, made->id), 2);
    const bool quiet = co_await testing::eventually([&] { return proxy.has_struck(); });
    EXPECT_TRUE(quiet);
  });
}

}  // namespace
}  // namespace souk::product
