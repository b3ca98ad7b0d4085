#include "kit/redis.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"

namespace souk::redis {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::eventually;
using testing::run;
using testing::tcp_proxy;

constexpr script add{"add", "return redis.call('INCRBY', KEYS[1], ARGV[1])", 5s};
constexpr script hasty_add{"hasty_add", add.source, 500ms};
constexpr script echo{"echo", "return ARGV[1]"};
// Takes about the given milliseconds.
constexpr script busy{"busy", R"(
  local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
  local stop = now() + ARGV[1]
  while now() < stop do end
  return ARGV[1])"};

struct RedisTest : ::testing::Test {
  std::string url = testing::fresh_redis();
  testing::redis_server& server = testing::redis();
};
using Redis = RedisTest;
using RedisFaults = RedisTest;

template <class Exception, class T>
task<Exception> failure_of(task<T> work) {
  try {
    co_await std::move(work);
  } catch (const Exception& e) {
    co_return e;
  }
  throw std::logic_error("nothing was thrown");
}

steady_clock::duration since(steady_clock::time_point begin) {
  return steady_clock::now() - begin;
}

task<> wait_alive(client& db, const context& ctx) {
  while (!co_await db.alive(ctx)) co_await sleep_for(10ms);
}

TEST_F(Redis, RepliesOfEachKind) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    EXPECT_EQ((co_await db.read(ctx, "ping", {"PING"})).text(), "PONG");
    EXPECT_TRUE((co_await db.read(ctx, "get", {"GET", "none"})).is_null());
    const std::string binary("a\0\r\n\xff", 5);
    EXPECT_EQ((co_await db.run_read(ctx, echo, {}, {binary})).text(), binary);
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"5"})).integer(), 5);
    static constexpr script nested{"nested", "return {1, 'two', {3, false}, {}}"};
    const auto r = co_await db.run(ctx, nested, {}, {});
    EXPECT_EQ(r.list().at(0).integer(), 1);
    EXPECT_EQ(r.list().at(1).text(), "two");
    EXPECT_TRUE(r.list().at(2).list().at(1).is_null());
    EXPECT_TRUE(r.list().at(3).list().empty());
    EXPECT_THROW(r.text(), std::bad_variant_access);
    const std::string large(10'000'000, 'x');
    EXPECT_EQ((co_await db.run_read(ctx, echo, {}, {large})).text(), large);
  });
}

TEST_F(Redis, RefusalsAreErrors) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    static constexpr script broken{"broken", "return redis.error_reply('SOME thing is wrong')"};
    auto e = co_await failure_of<error>(db.run(ctx, broken, {}, {}));
    EXPECT_STREQ(e.what(), "broken: SOME thing is wrong");
    co_await failure_of<error>(db.read(ctx, "nonsense", {"NONSENSE"}));
    co_await failure_of<error>(db.run(ctx, add, {"n"}, {"no number"}));
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 1);
  });
}

TEST_F(Redis, AScriptThatTheServerHasForgottenIsSentOnceMore) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    for (int i = 1; i <= 3; ++i) {
      server.command({"SCRIPT", "FLUSH"});
      EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 2 * i - 1);
      EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 2 * i);
    }
  });
}

TEST_F(Redis, PasswordDatabaseAndName) {
  testing::redis_server guarded("se/cret");
  auto right = guarded.url() + "/3";
  right.replace(right.find("se/cret"), 7, "se%2Fcret");
  auto wrong = right;
  wrong.replace(wrong.find("se%2Fcret"), 9, "guess");
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = right});
    co_await db.run(ctx, add, {"n"}, {"7"});
    EXPECT_EQ(guarded.command({"GET", "n"}), "(nil)");
    EXPECT_THAT(guarded.command({"CLIENT", "LIST"}), ::testing::ContainsRegex(" name=test .*db=3"));
    client stranger(loop, {.url = wrong});
    const auto e = co_await failure_of<unavailable>(stranger.run(ctx, add, {"n"}, {"1"}));
    EXPECT_THAT(e.what(), ::testing::HasSubstr("AUTH"));
    EXPECT_FALSE(co_await stranger.alive(ctx));
    for (const char* bad :
         {"", "http://127.0.0.1:1", "redis://", "redis://h:1/x", "redis://h:99999"}) {
      EXPECT_THROW(client(loop, {.url = bad}), std::invalid_argument) << bad;
    }
  });
}

TEST_F(Redis, ManyAtOnceKeepTheirRepliesApart) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    int left = 2000;
    for (int i = 0; i < 2000; ++i) {
      asio::co_spawn(
          loop.executor(),
          [](client& c, const context& x, int n, int& l) -> task<> {
            const auto text = std::to_string(n);
            if (n % 3 == 0) {
              co_await c.run(x, add, {"n"}, {"1"});
            } else {
              EXPECT_EQ((co_await c.run_read(x, echo, {}, {text})).text(), text);
            }
            --l;
          }(db, ctx, i, left),
          asio::detached);
    }
    EXPECT_TRUE(co_await eventually([&] { return left == 0; }));
    EXPECT_EQ(server.command({"GET", "n"}), "667");
    EXPECT_THAT(server.command({"INFO", "clients"}), ::testing::HasSubstr("connected_clients:2"));
  });
}

TEST_F(Redis, TooManyCommandsFailAtOnce) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url, .max_waiting = 10});
    int done = 0, refused = 0;
    for (int i = 0; i < 15; ++i) {
      asio::co_spawn(
          loop.executor(),
          [](client& c, const context& x, int& d, int& r) -> task<> {
            try {
              co_await c.run(x, add, {"n"}, {"1"});
              ++d;
            } catch (const unavailable&) {
              ++r;
            }
          }(db, ctx, done, refused),
          asio::detached);
    }
    EXPECT_TRUE(co_await eventually([&] { return done + refused == 15; }));
    EXPECT_EQ(refused, 5);
  });
}

TEST_F(Redis, OperationsAreMeasuredByScript) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    static constexpr script measured{"measured.script", "return 1"};
    co_await db.run(ctx, measured, {}, {});
    EXPECT_THAT(telemetry::metrics_text(),
                ::testing::ContainsRegex("db_client_operation_duration_seconds_count\\{.*db="
                                         "\"redis\",outcome=\"ok\".*statement=\"measured.script\""
                                         "[^}]*\\} 1"));
  });
}

TEST_F(RedisFaults, SurvivesARestart) {
  testing::redis_server own;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = own.url()});
    std::int64_t acknowledged = 0;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i) {
        acknowledged = (co_await db.run(ctx, add, {"n"}, {"1"})).integer();
      }
      own.kill9();
      co_await failure_of<unavailable>(db.run(ctx, add, {"n"}, {"1"}));
      EXPECT_FALSE(co_await db.alive(ctx));
      own.start();
      co_await wait_alive(db, ctx);
      EXPECT_EQ((co_await db.read(ctx, "get", {"GET", "n"})).text(), std::to_string(acknowledged));
    }
  });
}

TEST_F(RedisFaults, AScriptThatMayHaveRunIsNotSentAgain) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = testing::via(url, proxy.port())});
    co_await db.run(ctx, add, {"n"}, {"1"});
    proxy.lose_request("lost-key");
    co_await failure_of<unavailable>(db.run(ctx, add, {"lost-key"}, {"1"}));
    EXPECT_EQ(server.command({"GET", "lost-key"}), "(nil)");
    proxy.lose_answer("done-key");
    co_await failure_of<unavailable>(db.run(ctx, add, {"done-key"}, {"1"}));
    EXPECT_EQ(server.command({"GET", "done-key"}), "1");
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 2);
  });
}

TEST_F(RedisFaults, AnIdleConnectionThatIsCutCostsNothing) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = testing::via(url, proxy.port())});
    for (int i = 1; i <= 10; ++i) {
      EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), i);
      i % 2 == 0 ? proxy.cut() : proxy.half_close();
      co_await sleep_for(20ms);
    }
  });
}

TEST_F(RedisFaults, TimeLimits) {
  testing::redis_server own;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = own.url()});
    co_await db.run(ctx, add, {"n"}, {"1"});
    own.pause();
    auto begin = steady_clock::now();
    co_await failure_of<deadline_exceeded>(
        db.read(ctx.with_time_limit(100ms), "get", {"GET", "n"}));
    EXPECT_LT(since(begin), 200ms);
    co_await failure_of<deadline_exceeded>(db.run_read(ctx.with_time_limit(0ms), echo, {}, {"a"}));
    begin = steady_clock::now();
    co_await failure_of<unavailable>(db.run(ctx.with_time_limit(0ms), hasty_add, {"n"}, {"1"}));
    EXPECT_GE(since(begin), 490ms);  // a script has a limit of its own
    EXPECT_LT(since(begin), 700ms);
    EXPECT_FALSE(co_await db.alive(ctx.with_time_limit(100ms)));
    own.resume();
    co_await wait_alive(db, ctx);
    co_await db.run(ctx, add, {"n"}, {"1"});
  });
}

TEST_F(RedisFaults, OneReadersDeadlineDoesNotHarmOthers) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    co_await db.run(ctx, add, {"n"}, {"1"});
    co_await db.run(ctx, busy, {}, {"1"});  // now the server knows it
    int done = 0;
    asio::co_spawn(
        loop.executor(),
        [](client& c, const context& x, int& d) -> task<> {
          EXPECT_EQ((co_await c.run(x, busy, {}, {"300"})).text(), "300");
          ++d;
        }(db, ctx, done),
        asio::detached);
    asio::co_spawn(
        loop.executor(),
        [](client& c, const context& x, int& d) -> task<> {
          co_await failure_of<deadline_exceeded>(
              c.read(x.with_time_limit(50ms), "get", {"GET", "n"}));
          ++d;
        }(db, ctx, done),
        asio::detached);
    asio::co_spawn(
        loop.executor(),
        [](client& c, const context& x, int& d) -> task<> {
          EXPECT_EQ((co_await c.run(x, add, {"n"}, {"1"})).integer(), 2);
          ++d;
        }(db, ctx, done),
        asio::detached);
    EXPECT_TRUE(co_await eventually([&] { return done == 3; }));
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 3);
    EXPECT_TRUE(co_await eventually([&] {
      return server.command({"INFO", "clients"}).find("connected_clients:2") != std::string::npos;
    }));
  });
}

TEST_F(RedisFaults, ATimedOutScriptFailsThoseBehindIt) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    static constexpr script hasty{"hasty", busy.source, 100ms};
    co_await db.run(ctx, add, {"n"}, {"1"});
    co_await db.run(ctx, busy, {}, {"1"});  // now the server knows it
    bool failed = false;
    asio::co_spawn(
        loop.executor(),
        [](client& c, const context& x) -> task<> {
          co_await failure_of<unavailable>(c.run(x, hasty, {}, {"400"}));
        }(db, ctx),
        asio::detached);
    asio::co_spawn(
        loop.executor(),
        [](client& c, const context& x, bool& f) -> task<> {
          const auto begin = steady_clock::now();
          co_await failure_of<unavailable>(c.read(x, "get", {"GET", "n"}));
          f = since(begin) < 200ms;
        }(db, ctx, failed),
        asio::detached);
    EXPECT_TRUE(co_await eventually([&] { return failed; }));
    co_await sleep_for(500ms);
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 2);
  });
}

TEST_F(RedisFaults, AServerThatCannotServeIsUnavailable) {
  testing::redis_server own;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = own.url()});
    co_await db.run(ctx, add, {"n"}, {"1"});
    own.command({"REPLICAOF", "127.0.0.1", std::to_string(testing::free_port())});
    auto e = co_await failure_of<unavailable>(db.run(ctx, add, {"n"}, {"1"}));
    EXPECT_THAT(e.what(), ::testing::HasSubstr("READONLY"));
    own.command({"REPLICAOF", "NO", "ONE"});
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 2);
    own.command({"CONFIG", "SET", "maxmemory", "1"});
    e = co_await failure_of<unavailable>(db.run(ctx, add, {"n"}, {"1"}));
    EXPECT_THAT(e.what(), ::testing::HasSubstr("OOM"));
    own.command({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 3);
  });
}

TEST_F(RedisFaults, AnUnreachableServerIsNotHammered) {
  tcp_proxy proxy(testing::free_port());  // accepts and resets
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = testing::via(url, proxy.port())});
    const auto begin = steady_clock::now();
    while (since(begin) < 1500ms) {
      co_await failure_of<unavailable>(db.run(ctx, add, {"n"}, {"1"}));
      co_await sleep_for(2ms);
    }
  });
  EXPECT_GE(proxy.accepted(), 3u);
  EXPECT_LE(proxy.accepted(), 20u);
}

TEST_F(RedisFaults, CancelledReadsDoNotDisturbOthers) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url});
    co_await db.run(ctx, add, {"n"}, {"1"});
    asio::cancellation_signal cancel;
    bool ended = false;
    asio::co_spawn(
        loop.executor(),
        [](client& c, const context& x) -> task<> { co_await c.run_read(x, busy, {}, {"200"}); }(
                                            db, ctx),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) {
          EXPECT_TRUE(e);
          ended = true;
        }));
    co_await sleep_for(50ms);
    cancel.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(co_await eventually([&] { return ended; }));
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 2);
  });
}

TEST_F(RedisFaults, TheLoopMayEndInTheMiddleOfEverything) {
  for (const bool soon : {true, false}) {
    event_loop loop("test");
    const auto ctx = context::background("test", 60s);
    auto& db = loop.make<client>(loop, settings{.url = url});
    loop.run_until_complete([](event_loop& l, client& c, const context& x, bool s) -> task<> {
      for (int i = 0; i < 5; ++i) {
        asio::co_spawn(
            l.executor(),
            [](client& d, const context& y) -> task<> {
              co_await d.run_read(y, busy, {}, {"100"});
            }(c, x),
            asio::detached);
      }
      if (!s) co_await sleep_for(50ms);
    }(loop, db, ctx, soon));
  }
}

}  // namespace
}  // namespace souk::redis
