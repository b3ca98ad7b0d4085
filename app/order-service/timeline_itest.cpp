#include "timeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/replica.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using fake::fault;
using fake::replica;
using fake::stub_request;
using ::testing::ElementsAre;
using testing::fresh_database;
using testing::run;

// A browser that reads.
class reader : public http::event_stream {
 public:
  explicit reader(std::optional<std::string> last = std::nullopt) : last_(std::move(last)) {}

  task<> send(std::string_view id, std::string_view event, std::string_view data) override {
    EXPECT_TRUE(data.starts_with("{\"seq\":" + std::string(id) + ","));
    got.push_back(std::string(id) + " " + std::string(event));
    co_return;
  }
  std::optional<std::string_view> last_event_id() const override { return last_; }
  task<bool> wait(signal& s, steady_clock::time_point until) override {
    co_await s.wait_until(until);
    co_return !draining;
  }

  std::vector<std::string> got;
  bool draining = false;
  bool ended = false;

 private:
  std::optional<std::string> last_;
};

task<> read_all(timeline& t, order_view o, reader& into) {
  co_await t.stream(o, into);
  into.ended = true;
}

TEST(timeline, is_live_and_ends_with_the_final_event) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(
        loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}, {"STEP_TIMEOUT_MS", "800"}});
    r.start();
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    others.faults = [](const stub_request& q) {
      return q.path == "/payments/process" ? fault::answer_late : fault::none;
    };
    order_view o = (co_await r.placing_.place(ctx, user, "k",
                                              replica::wish(others.fill_cart(user, {{thing, 2}}),
                                                            1'000, fake::tokens::decline)))
                       .value();
    // Who resumes after an event has seen it, so the row has it, too.
    for (int i = 0; i < 200 && o.version < 2; ++i) {
      co_await sleep_for(5ms);
      o = (co_await r.orders.find(ctx, o.id)).value();
    }
    reader all, some(std::string("2")), nonsense(std::string("x"));
    for (auto* each : {&all, &some, &nonsense})
      loop.spawn("reader", read_all(r.timeline_, o, *each));
    EXPECT_TRUE(
        co_await testing::eventually([&] { return all.ended && some.ended && nonsense.ended; }));
    EXPECT_THAT(all.got, ElementsAre("1 placed", "2 reserved", "3 undoing", "4 rejected"));
    EXPECT_EQ(nonsense.got, all.got);
    EXPECT_THAT(some.got, ElementsAre("3 undoing", "4 rejected"));

    reader late(std::string("4"));
    co_await r.timeline_.stream((co_await r.orders.find(ctx, o.id)).value(), late);
    EXPECT_TRUE(late.got.empty());
  });
}

TEST(timeline, begins_anew_for_an_event_that_is_still_to_come) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    r.start();
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto o = (co_await r.placing_.place(ctx, user, "k",
                                              replica::wish(others.fill_cart(user, {{thing, 2}}),
                                                            1'000, fake::tokens::decline)))
                       .value();
    reader beyond(std::string("999")), last(std::string("9223372036854775807"));
    for (auto* each : {&beyond, &last}) loop.spawn("reader", read_all(r.timeline_, o, *each));
    EXPECT_TRUE(co_await testing::eventually([&] { return beyond.ended && last.ended; }));
    EXPECT_THAT(beyond.got, ElementsAre("1 placed", "2 reserved", "3 undoing", "4 rejected"));
    EXPECT_EQ(last.got, beyond.got);
  });
}

TEST(timeline, goes_on_after_confirmation_until_delivery) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    r.start();
    const auto user = uuid::v7();
    const auto thing = others.add_product(500, 10);
    const auto o = (co_await r.placing_.place(
                        ctx, user, "k", replica::wish(others.fill_cart(user, {{thing, 2}}), 1'000)))
                       .value();
    reader live(std::string("5"));
    loop.spawn("reader", read_all(r.timeline_, o, live));
    EXPECT_TRUE(co_await testing::eventually([&] { return live.got.size() == 1; }));
    co_await r.orders.mark(ctx, o.id, order_state::confirmed, order_state::shipped);
    EXPECT_TRUE(co_await testing::eventually([&] { return live.got.size() == 2; }));
    EXPECT_FALSE(live.ended);
    co_await r.orders.mark(ctx, o.id, order_state::shipped, order_state::delivered);
    EXPECT_TRUE(co_await testing::eventually([&] { return live.ended; }));
    EXPECT_THAT(live.got, ElementsAre("6 confirmed", "7 shipped", "8 delivered"));
  });
}

}  // namespace
}  // namespace souk::order
