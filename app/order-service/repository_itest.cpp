#include "repository.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "migrations.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct books {
  explicit books(event_loop& loop)
      : db(loop, pg::settings{.url = testing::fresh_database(migrations)}), orders(db, db, 15s) {}

  task<order_record> add(const context& ctx, uuid user, std::string sku, std::string name) {
    order_record o;
    o.id = uuid::v7();
    o.user_id = user;
    o.idempotency_key = o.id.str();
    o.request_hash = "hash";
    o.currency = "USD";
    o.total_minor = 700;
    o.lines = {{uuid::v7(), std::move(sku), std::move(name), std::nullopt, 7, 100, 700}};
    o.address.name = std::string("Åse \"O'Hara\" \\");
    o.address.line1 = std::string("x");
    o.address.city = std::string("x");
    o.address.postal_code = std::string("x");
    o.address.country = std::string("NO");
    o.payment_id = uuid::v7();
    EXPECT_TRUE(co_await orders.place(ctx, o, o.id.str()));
    co_return o;
  }
  task<std::vector<uuid>> list(const context& ctx, repository::list_filter filter,
                               uuid before = last(), std::size_t limit = 10) {
    std::vector<uuid> ids;
    for (const auto& o : co_await orders.list(ctx, filter, before, limit)) ids.push_back(o.id);
    co_return ids;
  }
  static uuid last() {
    uuid u;
    u.bytes.fill(0xff);
    return u;
  }

  pg::pool db;
  repository orders;
};

TEST(repository, gives_back_what_was_placed) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    books b(loop);
    const auto o = co_await b.add(ctx, uuid::v7(), "SKU", "Näme");
    const auto row = co_await b.orders.find(ctx, o.id);
    EXPECT_TRUE(row);
    if (!row) co_return;
    EXPECT_EQ(json::write<order_view>(*row), json::write<order_view>(o));
    EXPECT_EQ(row->address.name, o.address.name);
    EXPECT_EQ(row->lines.at(0).name, "Näme");
    EXPECT_FALSE(row->lines.at(0).image);
    EXPECT_EQ(row->created_at, o.created_at);
    EXPECT_EQ(row->token, 1);
    EXPECT_TRUE(row->unfinished_since);
  });
}

TEST(repository, lists_newest_first_in_pages) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    books b(loop);
    const auto ada = uuid::v7(), bob = uuid::v7();
    // Ids ascend by the millisecond; within one, any order is right.
    const auto one = (co_await b.add(ctx, ada, "MUG-1", "Blue mug")).id;
    co_await sleep_for(2ms);
    const auto two = (co_await b.add(ctx, bob, "MUG-2", "Red 100% mug_")).id;
    co_await sleep_for(2ms);
    const auto three = (co_await b.add(ctx, ada, "PAN", "Pan")).id;
    EXPECT_THAT(co_await b.list(ctx, {}), ElementsAre(three, two, one));
    EXPECT_THAT(co_await b.list(ctx, {}, books::last(), 2), ElementsAre(three, two));
    EXPECT_THAT(co_await b.list(ctx, {}, two), ElementsAre(one));
    EXPECT_THAT(co_await b.list(ctx, {.user = ada}), ElementsAre(three, one));
    EXPECT_THAT(co_await b.list(ctx, {.user = ada}, three), ElementsAre(one));
    EXPECT_THAT(co_await b.list(ctx, {.state = order_state::confirmed}), IsEmpty());
    EXPECT_THAT(co_await b.list(ctx, {.user = bob, .state = order_state::pending}),
                ElementsAre(two));
    EXPECT_THAT(co_await b.list(ctx, {.text = "mug"}), ElementsAre(two, one));
    EXPECT_THAT(co_await b.list(ctx, {.text = "0% mug_"}), ElementsAre(two));
    EXPECT_THAT(co_await b.list(ctx, {.text = "%"}), ElementsAre(two));
    EXPECT_THAT(co_await b.list(ctx, {.text = "pan"}), ElementsAre(three));
    EXPECT_THAT(co_await b.list(ctx, {.text = one.str()}), ElementsAre(one));
    EXPECT_THAT(co_await b.list(ctx, {.text = "\\"}), IsEmpty());
  });
}

TEST(repository, saves_only_what_the_worker_has_seen) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    books b(loop);
    auto o = co_await b.add(ctx, uuid::v7(), "SKU", "Name");
    const auto held = std::get<move>(after(o, reply::held));
    auto stale = o;
    EXPECT_TRUE(co_await b.orders.request_cancel(ctx, o.id));
    EXPECT_FALSE(co_await b.orders.save(ctx, stale, held, ""));  // a wish came in between
    auto seen = (co_await b.orders.find_leased(ctx, o)).value();
    EXPECT_TRUE(seen.cancel_requested);
    const auto undo = std::get<move>(after(seen, reply::held));
    EXPECT_TRUE(co_await b.orders.save(ctx, seen, undo, "why"));
    const auto row = (co_await b.orders.find(ctx, o.id)).value();
    EXPECT_EQ(json::write<order_view>(row), json::write<order_view>(seen));
    EXPECT_EQ(row.step, step::release_stock);
    EXPECT_EQ(row.reason, "cancelled");
    EXPECT_EQ(row.reason_detail, "why");
    EXPECT_EQ(row.version, 3);
  });
}

// The rule that model_test.cpp assumes.
TEST(repository, takes_a_wish_to_cancel_once_until_an_order_is_shipped_or_undone) {
  static constexpr pg::statement put_into{"put_into", R"(
    UPDATE orders SET state = $2, reason = $3, cancel_requested = $4,
                      step = NULL, due_at = NULL, unfinished_since = NULL
    WHERE id = $1)"};
  std::vector<order_state> states;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<order_state>>(
      [&](auto s) { states.push_back(s.value); });
  testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    books b(loop);
    for (const auto state : states) {
      const bool undone = state == order_state::rejected || state == order_state::cancelled;
      for (const bool with_reason : {false, true}) {
        if (undone && !with_reason) continue;
        for (const bool wished : {false, true}) {
          std::optional<std::string_view> reason;
          if (with_reason) reason = reasons::hold_expired;
          const auto o = co_await b.add(ctx, uuid::v7(), "SKU", "Name");
          co_await b.db.execute(ctx, put_into, o.id, state, reason, wished);
          EXPECT_EQ(co_await b.orders.request_cancel(ctx, o.id),
                    state <= order_state::confirmed && !with_reason && !wished)
              << json::enum_text(state) << ' ' << with_reason << ' ' << wished;
        }
      }
    }
  });
}

TEST(repository, counts_what_is_not_at_rest) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    books b(loop);
    const auto o = co_await b.add(ctx, uuid::v7(), "SKU", "Name");
    co_await b.add(ctx, uuid::v7(), "SKU", "Name");
    co_await b.orders.flag(ctx, o, 1h);
    const auto rows = co_await b.orders.backlog(ctx);
    EXPECT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows.at(0).state, order_state::pending);
    EXPECT_EQ(rows.at(0).orders, 2);
    EXPECT_EQ(rows.at(0).attention, 1);
    EXPECT_GE(rows.at(0).oldest_seconds, 0);
    EXPECT_LT(rows.at(0).oldest_seconds, 30);
    constexpr pg::statement make_older{"make_older", R"(
      UPDATE orders SET unfinished_since = now() - interval '1 hour' WHERE id = $1)"};
    co_await b.db.execute(ctx, make_older, o.id);
    EXPECT_NEAR((co_await b.orders.backlog(ctx)).at(0).oldest_seconds, 3600, 30);
    // Its lease was given up, but it is not due.
    EXPECT_TRUE((co_await b.orders.claim(ctx, 10)).empty());
  });
}

}  // namespace
}  // namespace souk::order
