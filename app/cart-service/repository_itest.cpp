#include "repository.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"

namespace souk::cart {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

struct store {
  explicit store(event_loop& loop, std::string url = testing::fresh_redis())
      : db(loop, redis::settings{.url = std::move(url)}), carts(db) {}

  task<std::expected<stored_cart, failure>> add(const context& ctx, uuid product,
                                                std::int64_t quantity,
                                                std::optional<idempotency> key = {}) {
    co_return co_await carts.add(ctx, user, change(product, quantity), key);
  }
  line_change change(uuid product, std::int64_t quantity) {
    return {.product_id = product,
            .quantity = quantity,
            .now = {.sku = "S", .name = "Lamp", .price_minor = 500, .added_at_ms = ++clock}};
  }
  task<std::int64_t> quantity_of(const context& ctx, uuid product) {
    const auto cart = co_await carts.find(ctx, user);
    for (const auto& l : cart.lines) {
      if (l.product_id == product) co_return l.quantity;
    }
    co_return 0;
  }

  redis::client db;
  repository carts;
  uuid user = uuid::v7();
  std::int64_t clock = 0;
};

TEST(carts_in_redis, keep_their_lines_in_order_with_the_price_of_the_first_time) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7(), chair = uuid::v7();
    const auto none = co_await s.carts.find(ctx, s.user);
    EXPECT_EQ(none.revision, "");
    EXPECT_THAT(none.lines, IsEmpty());

    co_await s.add(ctx, chair, 1);
    co_await s.add(ctx, lamp, 2);
    auto more = s.change(chair, 4);
    more.now.price_minor = 900;
    const auto cart = co_await s.carts.add(ctx, s.user, more, {});
    EXPECT_TRUE(cart);
    EXPECT_EQ(cart->lines.size(), 2u);
    EXPECT_EQ(cart->lines.at(0).product_id, chair);
    EXPECT_EQ(cart->lines.at(0).quantity, 5);
    EXPECT_EQ(cart->lines.at(0).when_added.price_minor, 500);
    EXPECT_EQ(cart->lines.at(1).product_id, lamp);
    const auto read = co_await s.carts.find(ctx, s.user);
    EXPECT_EQ(read.revision, cart->revision);
    EXPECT_EQ(read.lines.at(0).when_added.name, "Lamp");
  });
}

TEST(carts_in_redis, have_a_new_revision_after_each_change_and_no_other) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    std::set<std::string> seen{""};
    const auto changed = [&](const stored_cart& c) { return seen.insert(c.revision).second; };
    EXPECT_TRUE(changed(*co_await s.add(ctx, lamp, 1)));
    EXPECT_TRUE(changed(*co_await s.add(ctx, lamp, 1)));
    EXPECT_TRUE(changed(*co_await s.carts.set(ctx, s.user, s.change(lamp, 7))));
    EXPECT_FALSE(changed(*co_await s.carts.set(ctx, s.user, s.change(lamp, 7))));
    EXPECT_FALSE(changed(*co_await s.carts.set(ctx, s.user, s.change(uuid::v7(), 0))));
    EXPECT_TRUE(changed(*co_await s.carts.set(ctx, s.user, s.change(lamp, 0))));
    co_await s.carts.clear(ctx, s.user);  // is empty already
    EXPECT_FALSE(changed(co_await s.carts.find(ctx, s.user)));
    EXPECT_TRUE(changed(*co_await s.add(ctx, lamp, 3)));
    co_await s.carts.clear(ctx, s.user);
    const auto cleared = co_await s.carts.find(ctx, s.user);
    EXPECT_TRUE(changed(cleared));
    EXPECT_THAT(cleared.lines, IsEmpty());
    EXPECT_TRUE(changed(*co_await s.add(ctx, lamp, 3)));
  });
}

TEST(carts_in_redis, lose_none_of_two_hundred_adds_at_once) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    int ended = 0;
    for (int i = 0; i < 200; ++i) {
      loop.spawn("add", [](store& to, context with, uuid product, int& count) -> task<> {
        co_await to.add(with, product, 1);
        ++count;
      }(s, ctx, lamp, ended));
    }
    const bool all = co_await testing::eventually([&] { return ended == 200; });
    EXPECT_TRUE(all);
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 200);
  });
}

TEST(carts_in_redis, keep_to_their_limits) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    EXPECT_TRUE(co_await s.add(ctx, lamp, 999));
    const auto too_many = co_await s.add(ctx, lamp, 2);
    EXPECT_TRUE(!too_many && too_many.error() == failure::quantity_limit);
    EXPECT_TRUE(co_await s.add(ctx, lamp, 1));
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 1000);
    for (int i = 1; i < 100; ++i) EXPECT_TRUE(co_await s.add(ctx, uuid::v7(), 1));
    const auto added = co_await s.add(ctx, uuid::v7(), 1);
    EXPECT_TRUE(!added && added.error() == failure::cart_full);
    const auto put = co_await s.carts.set(ctx, s.user, s.change(uuid::v7(), 1));
    EXPECT_TRUE(!put && put.error() == failure::cart_full);
    EXPECT_TRUE(co_await s.carts.set(ctx, s.user, s.change(lamp, 5))) << "a line that is there";
    EXPECT_EQ((co_await s.carts.find(ctx, s.user)).lines.size(), 100u);
  });
}

TEST(carts_in_redis, add_once_under_one_key) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    const idempotency key{"key-1", "body"};
    EXPECT_EQ(co_await s.carts.find_key(ctx, s.user, key), repository::key_state::unused);
    const auto first = co_await s.add(ctx, lamp, 2, key);
    const auto again = co_await s.add(ctx, lamp, 2, key);
    EXPECT_TRUE(first && again);
    EXPECT_EQ(again->revision, first->revision);
    EXPECT_EQ(again->lines.at(0).quantity, 2);
    EXPECT_EQ(co_await s.carts.find_key(ctx, s.user, key), repository::key_state::used);

    const idempotency other{"key-1", "another body"};
    const auto reused = co_await s.add(ctx, lamp, 3, other);
    EXPECT_TRUE(!reused && reused.error() == failure::key_reused);
    EXPECT_EQ(co_await s.carts.find_key(ctx, s.user, other),
              repository::key_state::used_for_another);
    EXPECT_TRUE(co_await s.add(ctx, lamp, 3, idempotency{"key-2", "another body"}));
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 5);
  });
}

TEST(carts_in_redis, do_not_remember_a_key_whose_add_was_refused) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    const idempotency key{"key-1", "body"};
    co_await s.add(ctx, lamp, 1000);
    EXPECT_FALSE(co_await s.add(ctx, lamp, 1, key));
    co_await s.carts.set(ctx, s.user, s.change(lamp, 1));
    EXPECT_TRUE(co_await s.add(ctx, lamp, 1, key));
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 2);
  });
}

TEST(carts_in_redis, bound_what_they_remember_of_keys) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    for (int i = 0; i < 250; ++i) {
      co_await s.add(ctx, lamp, 1, idempotency{"key-" + std::to_string(i), "body"});
    }
    const auto kept =
        co_await s.db.read(ctx, "count", {"HLEN", "cart:{" + s.user.str() + "}:keys"});
    EXPECT_LE(kept.integer(), 100);
    EXPECT_EQ(co_await s.carts.find_key(ctx, s.user, {"key-249", "body"}),
              repository::key_state::used);
  });
}

TEST(ordered_lines, are_taken_away_once_for_each_order) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7(), chair = uuid::v7(), table = uuid::v7(), order = uuid::v7();
    co_await s.add(ctx, lamp, 5);
    co_await s.add(ctx, chair, 1);
    const auto before = (co_await s.carts.find(ctx, s.user)).revision;
    const std::vector<ordered_line> lines{{lamp, 3}, {chair, 2}, {table, 1}};
    const auto revision = co_await s.carts.take_ordered(ctx, s.user, order, lines);
    EXPECT_NE(revision, before);
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 2);
    EXPECT_EQ((co_await s.carts.find(ctx, s.user)).lines.size(), 1u) << "no more than there was";

    co_await s.add(ctx, chair, 4);  // for the next time
    const auto now = (co_await s.carts.find(ctx, s.user)).revision;
    EXPECT_EQ(co_await s.carts.take_ordered(ctx, s.user, order, lines), now);
    EXPECT_EQ(co_await s.quantity_of(ctx, chair), 4);
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 2);

    co_await s.carts.take_ordered(ctx, s.user, uuid::v7(), lines);
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 0);
    EXPECT_EQ(co_await s.quantity_of(ctx, chair), 2);
  });
}

TEST(ordered_lines, are_remembered_even_without_a_cart) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7(), order = uuid::v7();
    EXPECT_EQ(co_await s.carts.take_ordered(ctx, s.user, order, {{lamp, 1}}), "");
    co_await s.add(ctx, lamp, 2);
    co_await s.carts.clear(ctx, s.user);
    co_await s.add(ctx, lamp, 2);
    co_await s.carts.take_ordered(ctx, s.user, order, {{lamp, 1}});
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 2);
  });
}

TEST(ordered_lines, at_once_with_adds_lose_nothing) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    co_await s.add(ctx, lamp, 300);
    int ended = 0;
    for (int i = 0; i < 100; ++i) {
      loop.spawn("add", [](store& to, context with, uuid product, int& count) -> task<> {
        co_await to.add(with, product, 2);
        ++count;
      }(s, ctx, lamp, ended));
      loop.spawn("order", [](store& to, context with, uuid product, int& count) -> task<> {
        co_await to.carts.take_ordered(with, to.user, uuid::v7(), {{product, 3}});
        ++count;
      }(s, ctx, lamp, ended));
    }
    co_await testing::eventually([&] { return ended == 200; });
    EXPECT_EQ(co_await s.quantity_of(ctx, lamp), 200);
  });
}

TEST(books, list_orders_by_id_within_bounds) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    std::vector<uuid> orders;
    for (int i = 0; i < 10; ++i) {
      orders.push_back(uuid::v7());
      co_await sleep_for(2ms);  // so that they sort as they were made
    }
    for (int i = 9; i >= 0; --i) {
      s.user = uuid::v7();
      co_await s.carts.take_ordered(ctx, s.user, orders.at(static_cast<std::size_t>(i)),
                                    {{uuid::v7(), 1}});
    }
    uuid last;
    last.bytes.fill(0xff);
    const auto all = co_await s.carts.list_orders(ctx, {}, last, 100);
    EXPECT_EQ(all.size(), 10u);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].order_id, orders[i]);
    EXPECT_EQ(all.at(0).user_id, s.user);
    const auto some = co_await s.carts.list_orders(ctx, orders[2], orders[7], 3);
    EXPECT_EQ(some.size(), 3u);
    EXPECT_EQ(some.at(0).order_id, orders[3]);
    const auto rest = co_await s.carts.list_orders(ctx, orders[5], orders[7], 100);
    EXPECT_EQ(rest.size(), 2u);
    EXPECT_THAT(co_await s.carts.find_forgotten(ctx, all), IsEmpty());

    testing::redis().command({"DEL", "cart:{" + all[4].user_id.str() + "}:orders"});
    const auto forgotten = co_await s.carts.find_forgotten(ctx, all);
    EXPECT_EQ(forgotten.size(), 1u);
    EXPECT_EQ(forgotten.at(0).order_id, orders[4]);
  });
}

TEST(books, forget_orders_of_long_ago) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto old = *uuid::parse("01800000-0000-7000-8000-000000000000");  // of 2022
    co_await s.carts.take_ordered(ctx, s.user, old, {{uuid::v7(), 1}});
    const auto order = uuid::v7();
    co_await s.carts.take_ordered(ctx, s.user, order, {{uuid::v7(), 1}});
    uuid last;
    last.bytes.fill(0xff);
    const auto all = co_await s.carts.list_orders(ctx, {}, last, 100);
    EXPECT_EQ(all.size(), 1u);
    EXPECT_EQ(all.at(0).order_id, order);
    EXPECT_EQ(testing::redis().command({"ZCARD", "orders"}), "1");
  });
}

TEST(lifetimes, are_thirty_days_from_the_last_change) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const std::string key = "cart:{" + s.user.str() + "}";
    const auto ttl = [](const std::string& k) {
      return std::stoll(testing::redis().command({"TTL", k}));
    };
    constexpr long long month = 30 * 24 * 3600;
    co_await s.add(ctx, uuid::v7(), 1, idempotency{"k", "b"});
    EXPECT_GT(ttl(key), month - 60);
    EXPECT_GT(ttl(key + ":keys"), 24 * 3600 - 60);
    testing::redis().command({"EXPIRE", key, "100"});
    co_await s.carts.find(ctx, s.user);
    EXPECT_LE(ttl(key), 100) << "looking is no change";
    co_await s.carts.set(ctx, s.user, s.change(uuid::v7(), 2));
    EXPECT_GT(ttl(key), month - 60);
    testing::redis().command({"EXPIRE", key, "100"});
    co_await s.carts.take_ordered(ctx, s.user, uuid::v7(), {{uuid::v7(), 1}});
    EXPECT_GT(ttl(key + ":orders"), month - 60);
    co_await s.carts.clear(ctx, s.user);
    EXPECT_GT(ttl(key), month - 60);
  });
}

TEST(lifetimes, a_cart_survives_the_death_of_redis) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const auto lamp = uuid::v7();
    co_await s.add(ctx, lamp, 7);
    testing::redis().kill9();
    bool failed = false;
    try {
      co_await s.add(ctx, lamp, 1);
    } catch (const redis::unavailable&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
    testing::redis().start();
    std::int64_t found = 0;
    for (int i = 0; i < 100 && found == 0; ++i) {
      try {
        found = co_await s.quantity_of(ctx, lamp);
      } catch (const redis::unavailable&) {
      }
      co_await sleep_for(50ms);
    }
    EXPECT_EQ(found, 7);
  });
}

TEST(sign_in_attempts, are_limited_by_address_and_in_all) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    store s(loop);
    const repository::attempt_limits limits{.from_one_address = 2, .in_all = 3, .window = 700ms};
    EXPECT_FALSE(co_await s.carts.count_attempt(ctx, "10.0.0.1", limits));
    EXPECT_FALSE(co_await s.carts.count_attempt(ctx, "10.0.0.1", limits));
    const auto wait = co_await s.carts.count_attempt(ctx, "10.0.0.1", limits);
    EXPECT_TRUE(wait && *wait > 0ms && *wait <= 700ms);
    EXPECT_FALSE(co_await s.carts.count_attempt(ctx, "10.0.0.2", limits));
    EXPECT_TRUE(co_await s.carts.count_attempt(ctx, "10.0.0.3", limits)) << "the third in all";
    co_await s.carts.forget_attempts(ctx, "10.0.0.1");
    EXPECT_FALSE(co_await s.carts.count_attempt(ctx, "10.0.0.1", limits));
    EXPECT_TRUE(co_await s.carts.count_attempt(ctx, "10.0.0.1", limits));
    co_await sleep_for(800ms);
    EXPECT_FALSE(co_await s.carts.count_attempt(ctx, "10.0.0.1", limits));
  });
}

}  // namespace
}  // namespace souk::cart
