#include "repository.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "migrations.hpp"

namespace souk::inventory {
namespace {

using namespace std::chrono_literals;
using enum reservation_state;

// A repository on a database of its own.
struct shop {
  explicit shop(event_loop& loop, std::string database_url = testing::fresh_database(migrations),
                std::chrono::milliseconds hold_for = 15min)
      : url(std::move(database_url)),
        db(loop, pg::settings{.url = url, .connections = 16}),
        stock(db, db, hold_for) {}

  task<uuid> product(const context& ctx, std::int64_t quantity) {
    const auto id = uuid::v7();
    const auto row = co_await stock.adjust_once(
        ctx, id, {.delta = quantity, .reason = adjustment_reason::opening}, "opening", "hash");
    EXPECT_TRUE(row);
    co_return id;
  }
  task<> expect_stock(const context& ctx, uuid product, std::int64_t on_hand,
                      std::int64_t reserved) {
    const auto row = co_await stock.find_stock(ctx, product);
    EXPECT_TRUE(row);
    if (!row) co_return;
    EXPECT_EQ(row->on_hand, on_hand);
    EXPECT_EQ(row->reserved, reserved);
  }
  task<> expect_balanced_books(const context& ctx) {
    const auto result = co_await stock.check(ctx);
    for (const auto& v : result.violations)
      ADD_FAILURE() << v.violation << " " << v.subject << ": " << v.detail;
    EXPECT_GT(result.checked, 0);
  }

  std::string url;
  pg::pool db;
  repository stock;
};

TEST(reservations, hold_sell_and_give_back) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 10);
    const auto order = uuid::v7();
    const std::vector<line> lines{{lamp, 4}};

    auto held_now = co_await s.stock.reserve(ctx, order, lines);
    EXPECT_TRUE(held_now && held_now->state == held && held_now->expires_at);
    co_await s.expect_stock(ctx, lamp, 10, 4);
    auto again = co_await s.stock.reserve(ctx, order, lines);
    EXPECT_TRUE(again && again->state == held && again->lines == lines);
    co_await s.expect_stock(ctx, lamp, 10, 4);

    auto sold = co_await s.stock.commit(ctx, order);
    EXPECT_TRUE(sold && sold->state == committed && sold->lines == lines);
    sold = co_await s.stock.commit(ctx, order);
    EXPECT_TRUE(sold && sold->state == committed);
    co_await s.expect_stock(ctx, lamp, 6, 0);
    const auto too_late = co_await s.stock.release(ctx, order);
    EXPECT_EQ(too_late.state, committed);

    const std::vector<line> one{{lamp, 1}}, four{{lamp, 4}};
    const auto refund = uuid::v7();
    for (int i = 0; i < 2; ++i) {
      auto partly = co_await s.stock.give_back(ctx, order, refund, one);
      EXPECT_TRUE(partly && partly->state == committed);
      co_await s.expect_stock(ctx, lamp, 7, 0);
    }
    auto other = co_await s.stock.give_back(ctx, order, refund, four);
    EXPECT_TRUE(!other && other.error().what == failure::key_reused);
    auto more = co_await s.stock.give_back(ctx, order, uuid::v7(), four);
    EXPECT_TRUE(!more && more.error().what == failure::return_exceeds);
    auto rest = co_await s.stock.give_back(ctx, order, uuid::v7(), std::nullopt);
    EXPECT_TRUE(rest && rest->state == returned);
    co_await s.expect_stock(ctx, lamp, 10, 0);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(reservations, take_the_whole_basket_or_nothing) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 10);
    const auto bowl = co_await s.product(ctx, 1);
    const auto unknown = uuid::v7();
    auto lines = in_lock_order({{lamp, 2}, {bowl, 2}, {unknown, 1}});
    auto refused = co_await s.stock.reserve(ctx, uuid::v7(), *lines);
    EXPECT_TRUE(!refused && refused.error().what == failure::out_of_stock);
    EXPECT_EQ(refused.error().missing.size(), 2u);
    co_await s.expect_stock(ctx, lamp, 10, 0);

    // The order is not marked by the refusal: it may try again with what there is.
    const auto order = uuid::v7();
    lines = in_lock_order({{lamp, 2}, {bowl, 2}});
    refused = co_await s.stock.reserve(ctx, order, *lines);
    EXPECT_FALSE(refused);
    lines = in_lock_order({{lamp, 2}, {bowl, 1}});
    auto taken = co_await s.stock.reserve(ctx, order, *lines);
    EXPECT_TRUE(taken && taken->state == held);
    lines = in_lock_order({{lamp, 3}, {bowl, 1}});
    refused = co_await s.stock.reserve(ctx, order, *lines);
    EXPECT_TRUE(!refused && refused.error().what == failure::reservation_differs);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(compensations, absorb_whatever_comes_after_them) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 5);
    const std::vector<line> lines{{lamp, 2}};
    for (const bool seen : {true, false}) {
      const auto order = uuid::v7();
      if (seen) {
        auto r = co_await s.stock.reserve(ctx, order, lines);
        EXPECT_TRUE(r && r->state == held);
      }
      for (int i = 0; i < 2; ++i) {
        const auto gone = co_await s.stock.release(ctx, order);
        EXPECT_EQ(gone.state, released);
      }
      auto late = co_await s.stock.reserve(ctx, order, lines);
      EXPECT_TRUE(late && late->state == released);
      late = co_await s.stock.commit(ctx, order);
      EXPECT_TRUE(late && late->state == released);
      late = co_await s.stock.give_back(ctx, order, uuid::v7(), std::nullopt);
      EXPECT_TRUE(late && late->state == released);
      co_await s.expect_stock(ctx, lamp, 5, 0);
    }
    const auto never = co_await s.stock.commit(ctx, uuid::v7());
    EXPECT_TRUE(!never && never.error().what == failure::not_found);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(expiry, ends_the_whole_basket_once) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop, testing::fresh_database(migrations), 50ms);
    const auto lamp = co_await s.product(ctx, 5);
    const auto bowl = co_await s.product(ctx, 5);
    const auto lines = in_lock_order({{lamp, 2}, {bowl, 3}});
    const auto order = uuid::v7();
    auto r = co_await s.stock.reserve(ctx, order, *lines);
    EXPECT_TRUE(r);
    // Until the sweeper comes the hold is a hold, however late it is.
    co_await sleep_for(100ms);
    const auto kept = uuid::v7();
    r = co_await s.stock.reserve(ctx, kept, *lines);
    EXPECT_FALSE(r);
    bool one = co_await s.stock.expire_one(ctx);
    EXPECT_TRUE(one);
    one = co_await s.stock.expire_one(ctx);
    EXPECT_FALSE(one);
    auto late = co_await s.stock.commit(ctx, order);
    EXPECT_TRUE(late && late->state == expired);
    const auto gone = co_await s.stock.release(ctx, order);
    EXPECT_EQ(gone.state, expired);
    co_await s.expect_stock(ctx, lamp, 5, 0);
    co_await s.expect_stock(ctx, bowl, 5, 0);
    co_await s.expect_balanced_books(ctx);
  });
}

// Runs many coroutines side by side and waits for all.
task<> all_of(event_loop& loop, std::vector<task<>> work) {
  auto left = std::make_shared<std::size_t>(work.size());
  for (auto& w : work)
    loop.spawn("racer", [](task<> one, std::shared_ptr<std::size_t> n) -> task<> {
      try {
        co_await std::move(one);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();  // a deadlock, say
      }
      --*n;
    }(std::move(w), left));
  const bool done = co_await testing::eventually([left] { return *left == 0; }, 60s);
  EXPECT_TRUE(done);
}

TEST(what_sells, is_counted_when_less_is_left_than_a_day_took) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto sell = [](shop& in, const context& c, uuid product,
                         std::int64_t quantity) -> task<uuid> {
      const auto order = uuid::v7();
      const std::vector<line> lines{{product, quantity}};
      EXPECT_TRUE(co_await in.stock.reserve(c, order, lines));
      EXPECT_TRUE(co_await in.stock.commit(c, order));
      co_return order;
    };
    const auto plenty = co_await s.product(ctx, 10), scarce = co_await s.product(ctx, 10);
    const auto gone = co_await s.product(ctx, 3), held_back = co_await s.product(ctx, 4);
    const auto long_ago = co_await s.product(ctx, 5);
    co_await s.product(ctx, 0);  // never sold
    auto count = co_await s.stock.count_selling_out(ctx);
    EXPECT_EQ(count.nearly_gone, 0);
    EXPECT_EQ(count.sold_out, 0);

    co_await sell(s, ctx, plenty, 5);  // as much is left
    co_await sell(s, ctx, scarce, 3);
    co_await sell(s, ctx, scarce, 3);
    co_await sell(s, ctx, gone, 3);
    co_await sell(s, ctx, held_back, 1);
    const auto order = uuid::v7();
    const std::vector<line> rest{{held_back, 3}};
    EXPECT_TRUE(co_await s.stock.reserve(ctx, order, rest));
    co_await sell(s, ctx, long_ago, 5);
    constexpr pg::statement make_older{"make_older", R"(
      UPDATE movements SET at = now() - interval '25 hours' WHERE product_id = $1)"};
    co_await s.db.execute(ctx, make_older, long_ago);

    count = co_await s.stock.count_selling_out(ctx);
    EXPECT_EQ(count.nearly_gone, 3);
    EXPECT_EQ(count.sold_out, 2) << "what is held is not available";
    co_await s.stock.release(ctx, order);
    count = co_await s.stock.count_selling_out(ctx);
    EXPECT_EQ(count.nearly_gone, 2);
    EXPECT_EQ(count.sold_out, 1);
  });
}

TEST(contention, sells_exactly_what_there_is) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 50);
    int won = 0, lost = 0;
    std::vector<task<>> racers;
    for (int i = 0; i < 200; ++i)
      racers.push_back([](shop& in, const context& c, uuid product, int& w, int& l) -> task<> {
        const std::vector<line> one{{product, 1}};
        const auto r = co_await in.stock.reserve(c, uuid::v7(), one);
        ++(r ? w : l);
      }(s, ctx, lamp, won, lost));
    co_await all_of(loop, std::move(racers));
    EXPECT_EQ(won, 50);
    EXPECT_EQ(lost, 150);
    co_await s.expect_stock(ctx, lamp, 50, 50);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(contention, overlapping_baskets_in_every_order_never_deadlock) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    std::vector<uuid> products;
    for (int i = 0; i < 4; ++i) products.push_back(co_await s.product(ctx, 1000));
    std::vector<task<>> racers;
    std::mt19937 random(7);
    for (int i = 0; i < 120; ++i) {
      std::ranges::shuffle(products, random);
      std::vector<line> basket;
      for (std::size_t n = 0; n < 1 + i % 4u; ++n) basket.push_back({products[n], 1 + i % 3});
      racers.push_back([](shop& in, const context& c, std::vector<line> lines, int kind) -> task<> {
        const auto order = uuid::v7();
        const auto ordered = in_lock_order(std::move(lines));
        auto r = co_await in.stock.reserve(c, order, *ordered);
        EXPECT_TRUE(r);
        if (kind % 3 == 0) {
          co_await in.stock.release(c, order);
        } else {
          r = co_await in.stock.commit(c, order);
          EXPECT_TRUE(r && r->state == committed);
          if (kind % 3 == 1) r = co_await in.stock.give_back(c, order, uuid::v7(), std::nullopt);
        }
      }(s, ctx, std::move(basket), i));
    }
    co_await all_of(loop, std::move(racers));
    co_await s.expect_balanced_books(ctx);
  });
}

// Three replicas with 48 connections between them; who knows in which order a basket's lines stand.
struct crowd {
  explicit crowd(event_loop& loop)
      : url(testing::fresh_database(migrations)),
        a(loop, url),
        b(loop, url),
        hasty(loop, url, 1ms) {}

  task<> stock(const context& ctx, std::vector<std::int64_t> quantities) {
    for (const auto q : quantities) products.push_back(co_await a.product(ctx, q));
  }
  std::vector<line> basket() {
    std::ranges::shuffle(products, random);
    std::vector<line> lines(2 + random() % (products.size() - 1));
    for (std::size_t i = 0; i < lines.size(); ++i)
      lines[i] = {products[i], static_cast<std::int64_t>(1 + random() % 2)};
    return lines;
  }

  std::string url;
  shop a, b;
  shop hasty;  // its holds are over at once
  std::vector<uuid> products;
  std::mt19937 random{11};
};

TEST(contention, overlapping_baskets_sell_all_that_can_be_sold) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    crowd all(loop);
    co_await all.stock(ctx, {150, 120, 90, 60, 30});
    std::map<uuid, std::int64_t> left;
    for (const auto& p : all.products) {
      const auto row = co_await all.a.stock.find_stock(ctx, p);
      left[p] = row->on_hand;
    }
    std::vector<std::vector<line>> sold, refused;
    std::vector<task<>> racers;
    for (int i = 0; i < 500; ++i)
      racers.push_back(
          [](shop& in, const context& c, std::vector<line> lines, auto& won, auto& lost) -> task<> {
            const auto order = uuid::v7();
            auto r = co_await in.stock.reserve(c, order, lines);
            if (r) r = co_await in.stock.commit(c, order);
            (r ? won : lost).push_back(std::move(lines));
          }(i % 2 ? all.a : all.b, ctx, all.basket(), sold, refused));
    co_await all_of(loop, std::move(racers));

    for (const auto& lines : sold)
      for (const auto& l : lines) left[l.product_id] -= l.quantity;
    for (const auto& [product, quantity] : left) {
      EXPECT_GE(quantity, 0);
      co_await all.a.expect_stock(ctx, product, quantity, 0);
    }
    EXPECT_EQ(sold.size() + refused.size(), 500u);
    EXPECT_FALSE(sold.empty());
    EXPECT_FALSE(refused.empty());
    // Stock only shrank: whoever was refused could not be served now either.
    for (const auto& lines : refused)
      EXPECT_TRUE(std::ranges::any_of(
          lines, [&](const line& l) { return left[l.product_id] < l.quantity; }));
    co_await all.a.expect_balanced_books(ctx);
  });
}

TEST(contention, everything_at_once_on_the_same_products_never_deadlocks) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    crowd all(loop);
    co_await all.stock(ctx, {60, 50, 40, 30});
    std::vector<task<>> racers;
    for (int i = 0; i < 240; ++i)
      racers.push_back([](crowd& in, const context& c, std::vector<line> lines,
                          int kind) -> task<> {
        const auto order = uuid::v7();
        shop& here = kind % 2 ? in.a : in.b;
        shop& there = kind % 2 ? in.b : in.a;
        const auto product = lines.front().product_id;
        switch (kind % 8) {
          case 0:
          case 1: {
            auto r = co_await here.stock.reserve(c, order, lines);
            if (r) r = co_await there.stock.commit(c, order);
            if (r) r = co_await here.stock.give_back(c, order, uuid::v7(), std::nullopt);
            break;
          }
          case 2:
          case 3: {
            const auto r = co_await here.stock.reserve(c, order, lines);
            co_await there.stock.release(c, order);
            break;
          }
          case 4:
          case 5: {
            const auto r = co_await in.hasty.stock.reserve(c, order, lines);
            co_await here.stock.expire_one(c);
            const auto late = co_await there.stock.commit(c, order);
            break;
          }
          case 6: {
            const stock_change delivery{.delta = 2, .reason = adjustment_reason::delivery};
            const auto row =
                co_await here.stock.adjust_once(c, product, delivery, std::to_string(kind), "hash");
            EXPECT_TRUE(row);
            break;
          }
          default: {
            const stock_change loss{.delta = -1, .reason = adjustment_reason::damage};
            const auto row = co_await there.stock.change_stock(c, product, loss);
            EXPECT_TRUE(row || row.error().what == failure::below_reserved);
          }
        }
      }(all, ctx, all.basket(), i));
    co_await all_of(loop, std::move(racers));
    while (co_await all.a.stock.expire_one(ctx)) {
    }
    for (const auto& p : all.products) {
      const auto row = co_await all.a.stock.find_stock(ctx, p);
      EXPECT_EQ(row->reserved, 0);
    }
    co_await all.a.expect_balanced_books(ctx);
  });
}

TEST(contention, commit_release_and_expiry_of_one_basket_have_one_winner) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop, testing::fresh_database(migrations), 1ms);
    const auto lamp = co_await s.product(ctx, 100);
    const std::vector<line> lines{{lamp, 2}};
    std::int64_t sold = 0;
    for (int round = 0; round < 30; ++round) {
      const auto order = uuid::v7();
      auto r = co_await s.stock.reserve(ctx, order, lines);
      EXPECT_TRUE(r);
      std::vector<task<>> racers;
      racers.push_back([](shop& in, const context& c, uuid id) -> task<> {
        co_await in.stock.commit(c, id);
      }(s, ctx, order));
      racers.push_back([](shop& in, const context& c, uuid id) -> task<> {
        co_await in.stock.release(c, id);
      }(s, ctx, order));
      racers.push_back(
          [](shop& in, const context& c) -> task<> { co_await in.stock.expire_one(c); }(s, ctx));
      co_await all_of(loop, std::move(racers));
      const auto end = co_await s.stock.find_reservation(ctx, order);
      EXPECT_TRUE(end && end->state != held);
      if (end && end->state == committed) sold += 2;
    }
    co_await s.expect_stock(ctx, lamp, 100 - sold, 0);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(contention, parallel_returns_of_one_basket_see_each_other) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 10);
    const auto order = uuid::v7();
    const std::vector<line> two{{lamp, 2}};
    co_await s.stock.reserve(ctx, order, two);
    co_await s.stock.commit(ctx, order);

    // Both returns wait for the lock that this transaction holds.
    auto first = co_await s.db.begin(ctx);
    static constexpr pg::statement lock{
        "test_lock", "SELECT 1 FROM reservations WHERE order_id = $1 FOR UPDATE"};
    co_await first.execute(lock, order);
    std::vector<task<>> returns;
    for (int i = 0; i < 2; ++i)
      returns.push_back([](shop& in, const context& c, uuid id, uuid product) -> task<> {
        const std::vector<line> one{{product, 1}};
        const auto r = co_await in.stock.give_back(c, id, uuid::v7(), one);
        EXPECT_TRUE(r);
      }(s, ctx, order, lamp));
    returns.push_back([](pg::transaction& tx) -> task<> {
      co_await sleep_for(300ms);
      co_await tx.rollback();
    }(first));
    co_await all_of(loop, std::move(returns));
    const auto end = co_await s.stock.find_reservation(ctx, order);
    EXPECT_TRUE(end && end->state == returned);
    co_await s.expect_stock(ctx, lamp, 10, 0);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(adjustments, happen_once_under_a_key) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 10);
    const stock_change delivery{.delta = 5, .reason = adjustment_reason::delivery};
    auto first = co_await s.stock.adjust_once(ctx, lamp, delivery, "d1", "h1");
    EXPECT_TRUE(first && first->on_hand == 15);
    const stock_change loss{.delta = -1, .reason = adjustment_reason::damage};
    auto other = co_await s.stock.adjust_once(ctx, lamp, loss, "d2", "h2");
    EXPECT_TRUE(other && other->on_hand == 14);
    auto repeat = co_await s.stock.adjust_once(ctx, lamp, delivery, "d1", "h1");
    EXPECT_TRUE(repeat && repeat->on_hand == 15 && repeat->version == first->version);
    auto reused = co_await s.stock.adjust_once(ctx, lamp, loss, "d1", "h2");
    EXPECT_TRUE(!reused && reused.error().what == failure::key_reused);

    const std::vector<line> lines{{lamp, 10}};
    auto r = co_await s.stock.reserve(ctx, uuid::v7(), lines);
    EXPECT_TRUE(r);
    const stock_change too_low{.delta = -5, .reason = adjustment_reason::correction};
    auto refused = co_await s.stock.adjust_once(ctx, lamp, too_low, "d3", "h3");
    EXPECT_TRUE(!refused && refused.error().what == failure::below_reserved);
    const stock_change too_high{.delta = max_on_hand, .reason = adjustment_reason::correction};
    refused = co_await s.stock.adjust_once(ctx, lamp, too_high, "d4", "h4");
    EXPECT_TRUE(!refused && refused.error().what == failure::too_much);
    // A refusal leaves the key free.
    const stock_change fits{.delta = -4, .reason = adjustment_reason::correction};
    auto allowed = co_await s.stock.adjust_once(ctx, lamp, fits, "d3", "h5");
    EXPECT_TRUE(allowed && allowed->on_hand == 10);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(adjustments, say_so_while_the_first_under_their_key_is_running) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = co_await s.product(ctx, 10);
    auto first = co_await s.db.begin(ctx);
    static constexpr pg::statement claim{
        "test_claim",
        "INSERT INTO adjustments (product_id, key, body_hash) VALUES ($1, 'd1', 'h')"};
    co_await first.execute(claim, lamp);
    const stock_change delivery{.delta = 5, .reason = adjustment_reason::delivery};
    const auto repeat = co_await s.stock.adjust_once(ctx, lamp, delivery, "d1", "h");
    EXPECT_TRUE(!repeat && repeat.error().what == failure::key_running);
    co_await first.rollback();
    const auto again = co_await s.stock.adjust_once(ctx, lamp, delivery, "d1", "h");
    EXPECT_TRUE(again && again->on_hand == 15);
  });
}

TEST(stocktake, is_guarded_by_the_version_and_by_what_is_promised) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    shop s(loop);
    const auto lamp = uuid::v7();
    auto row = co_await s.stock.change_stock(ctx, lamp, {.on_hand = 3, .only_if_version = 5});
    EXPECT_TRUE(!row && row.error().what == failure::not_found);
    row = co_await s.stock.change_stock(ctx, lamp, {.on_hand = 3, .only_if_version = 0});
    EXPECT_TRUE(row && row->on_hand == 3);
    auto twice = co_await s.stock.change_stock(ctx, lamp, {.on_hand = 3, .only_if_version = 0});
    EXPECT_TRUE(!twice && twice.error().what == failure::changed_meanwhile);

    const std::vector<line> lines{{lamp, 2}};
    auto r = co_await s.stock.reserve(ctx, uuid::v7(), lines);
    EXPECT_TRUE(r);
    // A reservation is not a change of what is on hand.
    auto low =
        co_await s.stock.change_stock(ctx, lamp, {.on_hand = 1, .only_if_version = row->version});
    EXPECT_TRUE(!low && low.error().what == failure::below_reserved);
    auto good =
        co_await s.stock.change_stock(ctx, lamp, {.on_hand = 9, .only_if_version = row->version});
    EXPECT_TRUE(good && good->on_hand == 9);
    auto stale =
        co_await s.stock.change_stock(ctx, lamp, {.on_hand = 8, .only_if_version = row->version});
    EXPECT_TRUE(!stale && stale.error().what == failure::changed_meanwhile);
    const auto ledger = co_await s.stock.list_movements(ctx, lamp, INT64_MAX, 10);
    EXPECT_TRUE(ledger && ledger->size() == 3);
    co_await s.expect_balanced_books(ctx);
  });
}

TEST(a_cut_connection, leaves_a_call_that_can_be_repeated) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    const auto url = testing::fresh_database(migrations);
    testing::tcp_proxy proxy(testing::postgres().port());
    shop direct(loop, url);
    shop s(loop, testing::via(url, proxy.port()));
    const auto lamp = co_await direct.product(ctx, 10);
    const std::vector<line> lines{{lamp, 1}};
    // The answer to COMMIT is lost: nobody knows, and the repeat finds out.
    const auto order = uuid::v7();
    auto warm = co_await s.stock.reserve(ctx, uuid::v7(), lines);
    EXPECT_TRUE(warm);
    proxy.lose_answer(std::string("COMMIT\0", 7));  // with its NUL: BEGIN says READ COMMITTED
    bool unknown = false;
    try {
      co_await s.stock.reserve(ctx, order, lines);
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    EXPECT_TRUE(unknown);
    auto again = co_await s.stock.reserve(ctx, order, lines);
    EXPECT_TRUE(again && again->state == held);
    co_await direct.expect_stock(ctx, lamp, 10, 2);
    // The same for the one statement that commits a reservation.
    proxy.lose_answer("commit");
    unknown = false;
    try {
      co_await s.stock.commit(ctx, order);
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    EXPECT_TRUE(unknown);
    again = co_await s.stock.commit(ctx, order);
    EXPECT_TRUE(again && again->state == committed);
    co_await direct.expect_stock(ctx, lamp, 9, 1);
    co_await direct.expect_balanced_books(ctx);
  });
}

// Random histories against a model of a few lines: state and stock must agree after each step.
TEST(histories, agree_with_a_model) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    struct known {
      std::optional<reservation_state> state;
      std::vector<line> lines;
    };
    shop s(loop);
    std::mt19937 random(20);
    const auto pick = [&random](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    std::vector<uuid> products;
    std::map<uuid, std::pair<std::int64_t, std::int64_t>> stock;
    for (int i = 0; i < 3; ++i) {
      products.push_back(co_await s.product(ctx, 20));
      stock[products.back()] = {20, 0};
    }
    std::vector<std::pair<uuid, known>> orders;
    for (int i = 0; i < 12; ++i) orders.push_back({uuid::v7(), {}});

    for (int step = 0; step < 400; ++step) {
      auto& [id, model] = orders[pick(orders.size())];
      const auto operation = pick(4);
      if (operation == 0) {
        if (model.lines.empty()) {
          std::vector<line> lines;
          for (const auto& p : products)
            if (pick(2)) lines.push_back({p, static_cast<std::int64_t>(1 + pick(6))});
          if (lines.empty()) lines.push_back({products[0], 1});
          model.lines = *in_lock_order(lines);
        }
        const bool enough = std::ranges::all_of(model.lines, [&](const line& l) {
          return stock[l.product_id].first - stock[l.product_id].second >= l.quantity;
        });
        const auto r = co_await s.stock.reserve(ctx, id, model.lines);
        if (model.state) {
          EXPECT_TRUE(r && r->state == *model.state) << step;
        } else if (enough) {
          EXPECT_TRUE(r && r->state == held) << step;
          model.state = held;
          for (const auto& l : model.lines) stock[l.product_id].second += l.quantity;
        } else {
          EXPECT_TRUE(!r && r.error().what == failure::out_of_stock) << step;
          model.lines.clear();
        }
      } else if (operation == 1) {
        const auto r = co_await s.stock.commit(ctx, id);
        EXPECT_EQ(r.has_value(), model.state.has_value()) << step;
        if (model.state == held) {
          model.state = committed;
          for (const auto& l : model.lines) {
            stock[l.product_id].first -= l.quantity;
            stock[l.product_id].second -= l.quantity;
          }
        }
        if (r) EXPECT_EQ(r->state, *model.state) << step;
      } else if (operation == 2) {
        if (pick(3) != 0) continue;
        const auto r = co_await s.stock.release(ctx, id);
        if (model.state == held)
          for (const auto& l : model.lines) stock[l.product_id].second -= l.quantity;
        if (!model.state || model.state == held) model.state = released;
        EXPECT_EQ(r.state, *model.state) << step;
      } else {
        const auto r = co_await s.stock.give_back(ctx, id, uuid::v7(), std::nullopt);
        EXPECT_EQ(r.has_value(), model.state.has_value()) << step;
        if (model.state == committed) {
          model.state = returned;
          for (const auto& l : model.lines) stock[l.product_id].first += l.quantity;
        }
        if (r) EXPECT_EQ(r->state, *model.state) << step;
      }
    }
    for (const auto& [product, row] : stock)
      co_await s.expect_stock(ctx, product, row.first, row.second);
    co_await s.expect_balanced_books(ctx);
  });
}

}  // namespace
}  // namespace souk::inventory
