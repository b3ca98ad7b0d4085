// The checkout against PostgreSQL and partners that lose requests and answers.

#include "checkout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kit/testing/proxy.hpp"
#include "testing/replica.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using fake::fault;
using fake::replica;
using fake::stub_request;
namespace tokens = fake::tokens;
using ::testing::ElementsAre;
using testing::eventually;
using testing::fresh_database;
using testing::run;

bool is_call(const stub_request& r, std::string_view ending) {
  return r.path.ends_with(ending);
}

// Gives the first `times` calls of one step this fate.
auto first(int times, std::string ending, fault f) {
  return [times, ending, f](const stub_request& r) mutable {
    if (!is_call(r, ending) || times == 0) return fault::none;
    --times;
    return f;
  };
}

// A shopper with a cart of two things at 500.
struct shopper {
  explicit shopper(fake::partners& others, std::int64_t stock = 10)
      : user(uuid::v7()), thing(others.add_product(500, stock)) {
    revision = others.fill_cart(user, {{thing, 2}});
  }
  new_order wish(std::string_view token = tokens::approve) const {
    return replica::wish(revision, 1'000, token);
  }
  uuid user, thing;
  std::string revision;
};

task<std::vector<std::string>> timeline_of(replica& r, const context& ctx, uuid id) {
  std::vector<std::string> types;
  std::int64_t seq = 0;
  for (const auto& e : co_await r.orders.events_after(ctx, {id}, {0})) {
    EXPECT_EQ(e.seq, ++seq);
    types.push_back(e.type);
  }
  co_return types;
}

TEST(checkout, confirms_with_one_insert_and_five_updates) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_TRUE(o);
    if (!o) co_return;
    EXPECT_EQ(o->state, order_state::confirmed);
    EXPECT_EQ(o->total_minor, 1'000);
    EXPECT_EQ(o->version, 6);
    EXPECT_THAT(
        co_await timeline_of(r, ctx, o->id),
        ElementsAre("placed", "reserved", "authorized", "committed", "captured", "confirmed"));
    const auto row = co_await r.orders.find(ctx, o->id);
    EXPECT_FALSE(row->unfinished_since);
    EXPECT_FALSE(row->step);
    EXPECT_EQ(row->lines.size(), 1u);
    EXPECT_EQ(row->address.city, "Turin");
    EXPECT_EQ(others.items[s.thing.str()].stock, 8);
    EXPECT_EQ(others.payments[o->payment_id.str()].captured, 1'000);
    EXPECT_TRUE(others.carts[s.user.str()].lines.empty());
    co_await r.expect_balanced_books(ctx);
  });
}

struct refusal_case {
  std::string_view token;
  std::int64_t stock_at_reserve;
  bool hold_expires;
  std::string_view reason;
  reply reservation, payment;
};

class refused_checkout : public ::testing::TestWithParam<refusal_case> {};

TEST_P(refused_checkout, leaves_nothing_behind) {
  const auto& c = GetParam();
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    // What happens between pricing and the steps.
    const auto failing = others.failing_by([&](const stub_request& q) {
      if (q.path == "/reservations") others.items[s.thing.str()].stock = c.stock_at_reserve;
      if (c.hold_expires && q.path == "/payments/process") {
        others.expire(others.reservations.begin()->first);
      }
      return fault::none;
    });
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish(c.token));
    EXPECT_TRUE(o);
    if (!o) co_return;
    EXPECT_EQ(o->state, order_state::rejected);
    EXPECT_EQ(o->reason, c.reason);
    EXPECT_EQ(others.reservations[o->id.str()].state, c.reservation);
    EXPECT_EQ(others.payments[o->payment_id.str()].state, c.payment);
    EXPECT_EQ(others.payments[o->payment_id.str()].captured, 0);
    EXPECT_EQ(others.items[s.thing.str()].stock, c.stock_at_reserve);
    EXPECT_FALSE(others.carts[s.user.str()].lines.empty());
    if (c.payment == reply::none) others.payments.erase(o->payment_id.str());
    co_await r.expect_balanced_books(ctx);
  });
}

INSTANTIATE_TEST_SUITE_P(
    reasons, refused_checkout,
    ::testing::Values(
        refusal_case{tokens::approve, 1, false, "out-of-stock", reply::released, reply::none},
        refusal_case{tokens::decline, 10, false, "payment-declined", reply::released,
                     reply::declined},
        refusal_case{tokens::approve, 10, true, "hold-expired", reply::expired, reply::voided},
        refusal_case{tokens::refuse_capture, 10, false, "payment-refused", reply::returned,
                     reply::refused}),
    [](const auto& info) {
      std::string name(info.param.reason);
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST(checkout, says_what_was_missing) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    const auto failing = others.failing_by([&](const stub_request& q) {
      if (q.path == "/reservations") others.items[s.thing.str()].stock = 1;
      return fault::none;
    });
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_EQ(o.value().reason_detail, "Thing (2 wanted, 1 left)");
  });
}

// ---------------------------------------------------------------------------------------------
// Crashes

struct crash_case {
  std::string_view call;  // during which the process dies
  fault fate;             // of that call
  std::string_view token;
  order_state end;
};

class crash : public ::testing::TestWithParam<crash_case> {};

// The process dies while a call is under way, which has or has not reached the other side. Another
// process finds the order when the lease is over and goes on.
TEST_P(crash, is_survived) {
  const auto& c = GetParam();
  fake::partners others;
  const auto url = fresh_database(migrations);
  const shopper s(others);
  bool hit = false;
  const auto failing = others.failing_by([&](const stub_request& q) {
    if (hit || !is_call(q, c.call)) return fault::none;
    hit = true;
    return c.fate;
  });
  run([&](event_loop& loop, const context& ctx) -> task<> {
    // Without a worker that polls: what is cut off stays so.
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "5000"}});
    loop.spawn("request", [](replica& one, context of, uuid user, new_order wish) -> task<> {
      try {
        co_await one.placing_.place(of, user, "k", wish);
      } catch (const std::exception&) {
      }
    }(r, ctx, s.user, s.wish(c.token)));
    EXPECT_TRUE(co_await eventually([&] {
      const std::scoped_lock lock(others.mutex);
      return hit;
    }));
  });
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto before = co_await r.find_by_key(ctx, s.user, "k");
    EXPECT_TRUE(before.unfinished_since) << "the crash came too late";
    r.start();
    const auto o = co_await r.at_rest(ctx, before.id);
    EXPECT_EQ(o.state, c.end);
    EXPECT_EQ(others.payments[o.payment_id.str()].captures, c.end == order_state::confirmed);
    EXPECT_EQ(others.items[s.thing.str()].stock, c.end == order_state::confirmed ? 8 : 10);
    co_await r.expect_balanced_books(ctx);
  });
}

std::vector<crash_case> crash_cases() {
  std::vector<crash_case> all;
  for (const auto fate : {fault::request_lost, fault::answer_lost, fault::answer_late}) {
    for (const std::string_view call :
         {"/reservations", "/process", "/commit", "/capture", "/ordered"}) {
      all.push_back({call, fate, tokens::approve, order_state::confirmed});
    }
    all.push_back({"/release", fate, tokens::decline, order_state::rejected});
    all.push_back({"/return", fate, tokens::refuse_capture, order_state::rejected});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(around_each_call, crash, ::testing::ValuesIn(crash_cases()),
                         [](const auto& info) {
                           std::string name(info.param.call.substr(1));
                           name += info.param.fate == fault::request_lost  ? "_request_lost"
                                   : info.param.fate == fault::answer_lost ? "_answer_lost"
                                                                           : "_answer_late";
                           return name;
                         });

// A worker that was stopped for longer than its lease: its outcome is discarded.
TEST(checkout, discards_what_a_worker_without_lease_has_learned) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    others.faults = [](const stub_request&) { return fault::request_lost; };
    auto& slow = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    co_await slow.placing_.place(ctx, s.user, "k", s.wish());
    auto stale = co_await r.find_by_key(ctx, s.user, "k");
    co_await sleep_for(1100ms);
    auto claimed = co_await r.orders.claim(ctx, 10);
    EXPECT_EQ(claimed.size(), 1u);
    if (claimed.empty()) co_return;
    EXPECT_EQ(claimed[0].token, stale.token + 1);

    const auto m = std::get<move>(after(stale, reply::held));
    EXPECT_FALSE(co_await r.orders.save(ctx, stale, m, ""));
    EXPECT_FALSE(co_await r.orders.find_leased(ctx, stale));
    co_await r.orders.postpone(ctx, stale, 1h);  // nor does it take the order from its new owner
    EXPECT_TRUE(co_await r.orders.save(ctx, claimed[0], m, ""));
    EXPECT_EQ(claimed[0].state, order_state::reserved);
  });
}

TEST(checkout, lets_one_worker_at_a_time_have_an_order) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    others.faults = [](const stub_request&) { return fault::request_lost; };
    for (int i = 0; i < 8; ++i) {
      const shopper s(others);
      co_await r.placing_.place(ctx, s.user, "k", s.wish());
    }
    co_await sleep_for(1200ms);
    const auto a = co_await r.orders.claim(ctx, 5);
    const auto b = co_await r.orders.claim(ctx, 5);
    EXPECT_EQ(a.size(), 5u);
    EXPECT_EQ(b.size(), 3u);
  });
}

// Whatever gets lost, each order ends well, and no stock is sold twice.
TEST(checkout, survives_a_storm) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& a = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    auto& b = loop.make<replica>(loop, url, others);
    a.start();
    b.start();
    std::mt19937 random(1);
    const auto failing = others.failing_by([&](const stub_request& q) {
      // Holds end at bad moments, too.
      if (is_call(q, "/process") && random() % 8 == 0 && !others.reservations.empty()) {
        auto some = others.reservations.begin();
        std::advance(some, random() % others.reservations.size());
        others.expire(some->first);
      }
      switch (random() % 6) {
        case 0:
          return fault::request_lost;
        case 1:
          return fault::answer_lost;
        case 2:
          return random() % 4 == 0 ? fault::answer_late : fault::none;
        default:
          return fault::none;
      }
    });
    constexpr std::int64_t stock = 60;
    const auto thing = others.add_product(500, stock);
    const std::string_view kinds[] = {tokens::approve,        tokens::approve,
                                      tokens::approve,        tokens::decline,
                                      tokens::refuse_capture, tokens::settle_slowly};
    std::vector<uuid> ids;
    for (int i = 0; i < 48; ++i) {
      const auto user = uuid::v7();
      const auto revision = others.fill_cart(user, {{thing, 2}});
      const auto o = co_await a.placing_.place(
          ctx, user, "k", replica::wish(revision, 1'000, kinds[random() % std::size(kinds)]));
      if (o) ids.push_back(o->id);
      if (o && random() % 6 == 0) co_await b.orders.request_cancel(ctx, o->id);
    }
    std::map<order_state, int> ends;
    std::int64_t sold = 0;
    for (const auto id : ids) {
      const auto o = co_await b.at_rest(ctx, id);
      ++ends[o.state];
      if (o.state == order_state::confirmed) sold += 2;
    }
    EXPECT_GT(ends[order_state::confirmed], 0);
    EXPECT_GT(ends[order_state::rejected], 0);
    EXPECT_EQ(
        ends[order_state::confirmed] + ends[order_state::rejected] + ends[order_state::cancelled],
        static_cast<int>(ids.size()));
    EXPECT_EQ(others.items[thing.str()].stock, stock - sold);
    for (const auto& [id, p] : others.payments) EXPECT_LE(p.captures, 1);
    others.faults = [](const stub_request&) { return fault::none; };
    co_await b.expect_balanced_books(ctx);
  });
}

// ---------------------------------------------------------------------------------------------
// Answers that lead nowhere

TEST(checkout, asks_again_until_the_payment_is_settled) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    r.start();
    const shopper s(others);
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish(tokens::settle_slowly));
    EXPECT_EQ(o.value().state, order_state::confirmed);
  });
}

TEST(checkout, flags_an_order_that_fails_often_and_goes_on) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(
        loop, url, others,
        fake::variables{{"ORDER_WAIT_MS", "0"}, {"ATTENTION_AFTER_ATTEMPTS", "3"}});
    r.start();
    const shopper s(others);
    bool down = true;
    const auto failing = others.failing_by([&](const stub_request& q) {
      return down && is_call(q, "/ordered") ? fault::request_lost : fault::none;
    });
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    const auto id = o.value().id;
    for (int i = 0; i < 500; ++i) {
      if ((co_await r.orders.find(ctx, id))->needs_attention) break;
      co_await sleep_for(10ms);
    }
    auto row = co_await r.orders.find(ctx, id);
    EXPECT_TRUE(row->needs_attention);
    EXPECT_EQ(row->state, order_state::captured);
    {
      const std::scoped_lock lock(others.mutex);
      down = false;
    }
    *row = co_await r.at_rest(ctx, id);
    EXPECT_EQ(row->state, order_state::confirmed);
    EXPECT_FALSE(row->needs_attention);
    const auto types = co_await timeline_of(r, ctx, id);
    EXPECT_EQ(std::ranges::count(types, "delayed"), 1);
  });
}

// Its workers die in a step, and so have nothing to say about it afterwards.
TEST(checkout, flags_an_order_whose_workers_die) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  const auto database = url.substr(url.rfind('/') + 1);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(
        loop, url, others,
        fake::variables{{"ORDER_WAIT_MS", "0"}, {"ATTENTION_AFTER_ATTEMPTS", "3"}});
    const shopper s(others);
    others.faults = first(1, "/reservations", fault::request_lost);
    const auto id = (co_await r.placing_.place(ctx, s.user, "k", s.wish())).value().id;
    EXPECT_TRUE(co_await eventually([&] { return others.inventory.requests().size() >= 2; }));
    co_await sleep_for(200ms);  // it is put off
    const auto end_lease = [&] {
      testing::postgres().execute(database.substr(0, database.find('?')),
                                  "UPDATE orders SET due_at = now()");
    };
    for (int i = 2; i <= 3; ++i) {
      end_lease();
      const auto claimed = co_await r.orders.claim(ctx, 1);
      EXPECT_EQ(claimed.size(), 1u);
      if (!claimed.empty()) EXPECT_EQ(claimed[0].attempts, i);
    }
    end_lease();
    r.start();
    const auto row = co_await r.at_rest(ctx, id);
    EXPECT_EQ(row.state, order_state::confirmed);
    EXPECT_EQ(row.attempts, 0);
    const auto types = co_await timeline_of(r, ctx, id);
    EXPECT_EQ(std::ranges::count(types, "delayed"), 1);
  });
}

TEST(checkout, calls_a_person_at_once_when_the_payment_is_gone) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    r.start();
    const shopper s(others);
    others.payment.on("POST", "/payments/*/capture",
                      testing::stub_answer{.status = 404,
                                           .body = R"({"type":"/problems/not-found"})",
                                           .content_type = "application/problem+json"});
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_TRUE(co_await eventually(
        [&] { return others.payment.requests("POST", "/payments/*/capture").size() >= 2; }));
    const auto row = co_await r.orders.find(ctx, o.value().id);
    EXPECT_EQ(row->state, order_state::committed);
    EXPECT_EQ(row->step, step::capture);
    EXPECT_TRUE(row->needs_attention);
  });
}

TEST(checkout, neither_sells_nor_gives_up_on_an_answer_that_cannot_be) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    r.start();
    const shopper s(others);
    others.payment.on("POST", "/payments/*/capture",
                      testing::stub_answer{.body = R"({"state":"voided"})"});
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_TRUE(co_await eventually(
        [&] { return others.payment.requests("POST", "/payments/*/capture").size() >= 3; }));
    const auto row = co_await r.orders.find(ctx, o.value().id);
    EXPECT_EQ(row->state, order_state::committed);
    EXPECT_EQ(row->step, step::capture);
    EXPECT_TRUE(row->needs_attention);
    EXPECT_FALSE(row->reason);
  });
}

TEST(checkout, gives_up_an_order_that_is_not_accepted) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    others.payment.on("POST", "/payments/process",
                      testing::stub_answer{.status = 422,
                                           .body = R"({"type":"/problems/payment-differs"})",
                                           .content_type = "application/problem+json"});
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_EQ(o.value().state, order_state::rejected);
    EXPECT_EQ(o.value().reason, "not-accepted");
    EXPECT_EQ(others.reservations[o->id.str()].state, reply::released);
    EXPECT_EQ(others.payments[o->payment_id.str()].state, reply::voided);
    co_await r.expect_balanced_books(ctx);
  });
}

// A refusal that has nothing to do with the order, such as a wrong secret, undoes nothing.
TEST(checkout, repeats_when_it_is_not_let_in) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "300"}});
    r.start();
    const shopper s(others);
    others.inventory.on("POST", "/reservations",
                        testing::stub_answer{.status = 401,
                                             .body = R"({"type":"/problems/unauthorized"})",
                                             .content_type = "application/problem+json"});
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_EQ(o.value().state, order_state::pending);
    EXPECT_FALSE(o->reason);
  });
}

// ---------------------------------------------------------------------------------------------
// The database

// The connection is cut after COMMIT was sent: looking again tells, nothing is compensated.
TEST(checkout, looks_again_when_it_is_not_known_whether_a_save_was_done) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  testing::tcp_proxy proxy(testing::postgres().port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    for (const std::string_view event : {"reserved", "captured", "confirmed"}) {
      for (const bool arrives : {true, false}) {
        auto& r = loop.make<replica>(loop, testing::via(url, proxy.port()), others);
        r.start();
        const shopper s(others);
        // The event's type is a parameter of the statement that saves the move.
        if (arrives) {
          proxy.lose_answer(std::string(event));
        } else {
          proxy.lose_request(std::string(event));
        }
        const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
        EXPECT_TRUE(o);
        if (!o) co_return;
        EXPECT_TRUE(proxy.has_struck()) << event;
        EXPECT_EQ(o->state, order_state::confirmed) << event;
        EXPECT_EQ(o->version, 6) << event;
        EXPECT_EQ(others.payments[o->payment_id.str()].captures, 1);
        co_await r.expect_balanced_books(ctx);
      }
    }
  });
}

TEST(checkout, goes_on_when_the_database_is_back) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  testing::tcp_proxy proxy(testing::postgres().port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, testing::via(url, proxy.port()), others,
                                 fake::variables{{"ORDER_WAIT_MS", "0"}});
    r.start();
    const shopper s(others);
    const auto failing = others.failing_by([&](const stub_request& q) {
      if (is_call(q, "/capture")) proxy.refuse();
      return fault::none;
    });
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    EXPECT_TRUE(co_await eventually([&] { return others.payment.requests().size() >= 2; }));
    co_await sleep_for(500ms);
    {
      const std::scoped_lock lock(others.mutex);
      others.faults = [](const stub_request&) { return fault::none; };
    }
    proxy.pass();
    const auto row = co_await r.at_rest(ctx, o.value().id);
    EXPECT_EQ(row.state, order_state::confirmed);
    EXPECT_EQ(others.payments[row.payment_id.str()].captures, 1);
  });
}

// ---------------------------------------------------------------------------------------------
// Wishes

struct cancel_case {
  std::string_view during;
  std::vector<std::string> last_events;
  reply payment, reservation;
};

class cancel : public ::testing::TestWithParam<cancel_case> {};

TEST_P(cancel, is_honoured_at_the_next_boundary) {
  const auto& c = GetParam();
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(
        loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}, {"STEP_TIMEOUT_MS", "800"}});
    r.start();
    const shopper s(others);
    bool reached = false;
    const auto failing = others.failing_by([&](const stub_request& q) {
      if (!is_call(q, c.during)) return fault::none;
      reached = true;
      return fault::answer_late;
    });
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    const auto id = o.value().id;
    EXPECT_TRUE(co_await eventually([&] {
      const std::scoped_lock lock(others.mutex);
      return reached;
    }));
    EXPECT_TRUE(co_await r.orders.request_cancel(ctx, id));
    EXPECT_FALSE(co_await r.orders.request_cancel(ctx, id));
    order_record row;
    do {
      co_await sleep_for(10ms);
      row = co_await r.at_rest(ctx, id);
    } while (row.state == order_state::confirmed);
    EXPECT_EQ(row.state, order_state::cancelled);
    EXPECT_EQ(row.reason, "cancelled");
    auto types = co_await timeline_of(r, ctx, id);
    const auto wished = std::ranges::find(types, "cancel-requested");
    EXPECT_EQ(std::vector(std::next(wished), types.end()), c.last_events);
    const auto& p = others.payments[row.payment_id.str()];
    EXPECT_EQ(p.state, c.payment);
    EXPECT_EQ(p.refunded, p.captured);
    EXPECT_EQ(others.reservations[id.str()].state, c.reservation);
    EXPECT_EQ(others.items[s.thing.str()].stock, 10);
    if (c.payment == reply::none) others.payments.erase(row.payment_id.str());
    co_await r.expect_balanced_books(ctx);
  });
}

const std::vector<std::string> paid_back{"refunding", "refunded", "cancelled"};
INSTANTIATE_TEST_SUITE_P(
    at_every_step, cancel,
    ::testing::Values(
        cancel_case{"/reservations", {"undoing", "cancelled"}, reply::none, reply::released},
        cancel_case{
            "/process", {"undoing", "payment-voided", "cancelled"}, reply::voided, reply::released},
        cancel_case{
            "/commit", {"undoing", "payment-voided", "cancelled"}, reply::voided, reply::returned},
        cancel_case{"/capture",
                    {"captured", "confirmed", "refunding", "refunded", "cancelled"},
                    reply::captured,
                    reply::returned},
        cancel_case{"/ordered",
                    {"confirmed", "refunding", "refunded", "cancelled"},
                    reply::captured,
                    reply::returned}),
    [](const auto& info) { return std::string(info.param.during.substr(1)); });

TEST(cancel_after_confirmation, pays_back_and_restocks_and_cannot_be_shipped) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    const auto o = co_await r.placing_.place(ctx, s.user, "k", s.wish());
    const auto id = o.value().id;
    EXPECT_TRUE(co_await r.orders.request_cancel(ctx, id));
    EXPECT_FALSE(co_await r.orders.mark(ctx, id, order_state::confirmed, order_state::shipped));
    r.start();
    const auto row = co_await r.at_rest(ctx, id);
    EXPECT_EQ(row.state, order_state::cancelled);
    EXPECT_EQ(row.refunded_minor, 1'000);
    EXPECT_EQ(others.items[s.thing.str()].stock, 10);
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(cancel_after_confirmation, is_too_late_for_a_shipped_order) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const shopper s(others);
    const auto id = (co_await r.placing_.place(ctx, s.user, "k", s.wish())).value().id;
    EXPECT_FALSE(co_await r.orders.mark(ctx, id, order_state::shipped, order_state::delivered));
    EXPECT_TRUE(co_await r.orders.mark(ctx, id, order_state::confirmed, order_state::shipped));
    EXPECT_FALSE(co_await r.orders.request_cancel(ctx, id));
    EXPECT_TRUE(co_await r.orders.mark(ctx, id, order_state::shipped, order_state::delivered));
    co_await r.expect_balanced_books(ctx);
  });
}

TEST(cancel_after_confirmation, tries_another_refund_when_one_was_refused) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    r.start();
    const shopper s(others);
    const auto id =
        (co_await r.placing_.place(ctx, s.user, "k", s.wish(tokens::refuse_first_refund)))
            .value()
            .id;
    EXPECT_TRUE(co_await r.orders.request_cancel(ctx, id));
    r.worker.wake();
    const auto row = co_await r.at_rest(ctx, id);
    EXPECT_EQ(row.state, order_state::cancelled);
    EXPECT_EQ(row.refunds.size(), 2u);
    EXPECT_EQ(row.refunded_minor, 1'000);
    const auto types = co_await timeline_of(r, ctx, id);
    EXPECT_EQ(std::ranges::count(types, "delayed"), 1);  // a person was called
    co_await r.expect_balanced_books(ctx);
  });
}

// Dies around each call of a cancellation.
TEST(cancel_after_confirmation, survives_lost_calls) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    r.start();
    for (const std::string call : {"/refund", "/return"}) {
      for (const auto fate : {fault::request_lost, fault::answer_lost, fault::answer_late}) {
        const shopper s(others);
        const auto o = (co_await r.placing_.place(ctx, s.user, "k", s.wish())).value();
        others.faults = first(2, call, fate);
        EXPECT_TRUE(co_await r.orders.request_cancel(ctx, o.id));
        const auto row = co_await r.at_rest(ctx, o.id);
        EXPECT_EQ(row.state, order_state::cancelled) << call;
        EXPECT_EQ(others.payments[o.payment_id.str()].refunded, 1'000) << call;
        EXPECT_EQ(others.items[s.thing.str()].stock, 10) << call;
      }
    }
    co_await r.expect_balanced_books(ctx);
  });
}

}  // namespace
}  // namespace souk::order
