#include "kit/postgres.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/system/system_error.hpp>

#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"

namespace souk::pg {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::eventually;
using testing::fresh_database;
using testing::run;
using testing::tcp_proxy;

constexpr migration schema[] = {{1, "0001_things", R"(
  CREATE TABLE things (
    id bigint PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    quantity bigint NOT NULL DEFAULT 0,
    CONSTRAINT things_quantity_check CHECK (quantity >= 0));
  CREATE TABLE tickets (number bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);
)"}};

constexpr statement insert{"thing.insert", "INSERT INTO things (id, name) VALUES ($1, $2)"};
constexpr statement insert_ticket{"ticket.insert", "INSERT INTO tickets VALUES ($1)"};
constexpr statement count{"thing.count", "SELECT count(*) FROM things"};
constexpr statement names{"thing.names", "SELECT name FROM things ORDER BY id"};
constexpr statement add{"thing.add", "UPDATE things SET quantity = quantity + $2 WHERE id = $1"};
constexpr statement echo{"echo", "SELECT $1::bigint"};
constexpr statement slow_echo{"slow_echo", "SELECT $1::bigint FROM pg_sleep(0.02)"};
constexpr statement sleep_long{"sleep_long", "SELECT 1::bigint FROM pg_sleep(30)", 20s};
constexpr statement backend_pid{"backend_pid", "SELECT pg_backend_pid()::bigint"};

struct fixture : ::testing::Test {
  std::string url = fresh_database(schema);
  std::string database = url.substr(url.rfind('/') + 1, url.find('?') - url.rfind('/') - 1);
  testing::postgres_server& server = testing::postgres();

  std::string ask(const std::string& sql) { return server.query(database, sql); }
  // Connections that programs under test have to this test's database.
  int backends() {
    return std::stoi(
        ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'souk' AND "
            "datname = current_database()"));
  }
};
using Postgres = fixture;
using PostgresTransaction = fixture;
using PostgresFaults = fixture;
using PostgresPool = fixture;
using PostgresListener = fixture;
using PostgresMigrate = fixture;

// Runs all at the same time; throws what the first of them threw that failed.
task<> together(event_loop& loop, std::vector<task<>> all) {
  struct shared {
    explicit shared(executor on) : ended(on) {}
    signal ended;
    std::size_t left = 0;
    std::exception_ptr failure;
  };
  const auto s = std::make_shared<shared>(loop.executor());
  s->left = all.size();
  for (auto& one : all) {
    asio::co_spawn(loop.executor(), std::move(one), [s](std::exception_ptr e) {
      if (e && !s->failure) s->failure = e;
      if (--s->left == 0) s->ended.notify_all();
    });
  }
  while (s->left > 0) co_await s->ended.wait_for(1s);
  if (s->failure) std::rethrow_exception(s->failure);
}

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

// ------------------------------------------------------------------------------------------------
// Values and rows.

enum class colour { red, blue };
BOOST_DESCRIBE_ENUM(colour, red, blue)

struct everything {
  bool flag;
  std::int64_t big;
  std::int32_t small;
  double real;
  std::string text;
  uuid id;
  timestamp at;
  json::raw document;
  colour tint;
  std::optional<std::string> nothing;
  std::optional<std::int64_t> something;
  std::vector<std::string> texts;
  std::vector<std::int64_t> numbers;
  std::vector<uuid> ids;
};
BOOST_DESCRIBE_STRUCT(everything, (),
                      (flag, big, small, real, text, id, at, document, tint, nothing, something,
                       texts, numbers, ids))

TEST_F(Postgres, ValuesComeBackWhateverTheServersDefaults) {
  server.execute("postgres", "ALTER DATABASE " + database + " SET timezone = 'Asia/Kolkata'");
  server.execute("postgres", "ALTER DATABASE " + database + " SET datestyle = 'SQL, DMY'");
  server.execute("postgres", "ALTER DATABASE " + database + " SET client_encoding = 'LATIN1'");
  static constexpr statement all{
      "all",
      "SELECT $1::bool AS flag, $2::bigint AS big, $3::int AS small, $4::float8 AS real, "
      "$5::text AS text, $6::uuid AS id, $7::timestamptz AS at, $8::jsonb AS document, "
      "$9::text AS tint, $10::text AS nothing, $11::bigint AS something, $12::text[] AS texts, "
      "$13::bigint[] AS numbers, $14::uuid[] AS ids"};
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    const auto id = uuid::v7();
    const auto at = now();
    const std::vector<std::string> texts{"", "a,b", "\"\\{}", "NULL", "žluťoučký kůň 🐎"};
    const auto r = co_await db.query_one<everything>(
        ctx, all, true, INT64_MIN, -5, 1e-300, "O'Brien 🐎", id, at, json::raw{R"({"a": [1, 2]})"},
        colour::blue, std::optional<std::string>(), std::optional<std::int64_t>(7), texts,
        std::vector<std::int64_t>{INT64_MAX, -1}, std::vector<uuid>{id, uuid{}});
    EXPECT_TRUE(r->flag);
    EXPECT_EQ(r->big, INT64_MIN);
    EXPECT_EQ(r->small, -5);
    EXPECT_EQ(r->real, 1e-300);
    EXPECT_EQ(r->text, "O'Brien 🐎");
    EXPECT_EQ(r->id, id);
    EXPECT_EQ(r->at, at);
    EXPECT_EQ(r->document.text, R"({"a": [1, 2]})");
    EXPECT_EQ(r->tint, colour::blue);
    EXPECT_EQ(r->nothing, std::nullopt);
    EXPECT_EQ(r->something, 7);
    EXPECT_EQ(r->texts, texts);
    EXPECT_EQ(r->numbers, (std::vector<std::int64_t>{INT64_MAX, -1}));
    EXPECT_EQ(r->ids, (std::vector<uuid>{id, uuid{}}));
  });
}

struct pair {
  std::int64_t a;
  std::optional<std::int64_t> b;
};
BOOST_DESCRIBE_STRUCT(pair, (), (a, b))

TEST_F(Postgres, RowsThatDoNotFitAreTheProgrammersError) {
  static constexpr statement reordered{"r", "SELECT 2::bigint AS b, 1::bigint AS a"};
  static constexpr statement without_b{"w", "SELECT 1::bigint AS a"};
  static constexpr statement without_a{"wa", "SELECT 1::bigint AS b"};
  static constexpr statement null{"n", "SELECT NULL::bigint AS a, 1::bigint AS b"};
  static constexpr statement extra{"e", "SELECT 1::bigint AS a, 2::bigint AS c"};
  static constexpr statement twice{"t", "SELECT 1::bigint AS a, 2::bigint AS a"};
  static constexpr statement wrong{"x", "SELECT 'x' AS a"};
  static constexpr statement two{"two", "SELECT generate_series(1, 2)::bigint AS a"};
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    const auto r = co_await db.query_one<pair>(ctx, reordered);
    EXPECT_EQ(r->a, 1);
    EXPECT_EQ(r->b, 2);
    EXPECT_EQ((co_await db.query_one<pair>(ctx, without_b))->b, std::nullopt);
    for (const auto& s : {without_a, null, extra, twice, wrong, two}) {
      const auto e = co_await failure_of<std::logic_error>(db.query_one<pair>(ctx, s));
      EXPECT_THAT(e.what(), ::testing::HasSubstr(fmt::format("statement {}", s.name)));
    }
    EXPECT_EQ((co_await db.query<std::int64_t>(ctx, two)), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ((co_await db.query<pair>(ctx, two)).size(), 2u);
    co_await failure_of<std::logic_error>(db.query<std::int64_t>(ctx, reordered));
  });
}

TEST_F(Postgres, RefusalsCarrySqlstateAndConstraint) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    EXPECT_EQ(co_await db.execute(ctx, insert, 1, "a"), 1);
    auto e = co_await failure_of<error>(db.execute(ctx, insert, 1, "b"));
    EXPECT_TRUE(e.is_unique_violation());
    EXPECT_EQ(e.constraint, "things_pkey");
    e = co_await failure_of<error>(db.execute(ctx, add, 1, -1));
    EXPECT_TRUE(e.is_check_violation());
    EXPECT_EQ(e.constraint, "things_quantity_check");
    static constexpr statement nonsense{"nonsense", "SELEKT"};
    e = co_await failure_of<error>(db.query<std::int64_t>(ctx, nonsense));
    EXPECT_EQ(e.sqlstate, "42601");
    EXPECT_THAT(e.what(), ::testing::HasSubstr("nonsense"));
    e = co_await failure_of<error>(db.query<std::int64_t>(ctx, nonsense));
    EXPECT_EQ(e.sqlstate, "42601");
    e = co_await failure_of<error>(db.query<std::int64_t>(ctx, echo, "no number"));
    EXPECT_EQ(e.sqlstate, "22P02");
    EXPECT_EQ((co_await db.query<std::int64_t>(ctx, echo, 1)).at(0), 1);
  });
}

TEST_F(Postgres, SharedReadersCannotWrite) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    static constexpr statement sneaky{"sneaky", "INSERT INTO things (id) VALUES (1) RETURNING id"};
    const auto e = co_await failure_of<error>(db.query<std::int64_t>(ctx, sneaky));
    EXPECT_EQ(e.sqlstate, "25006");
    EXPECT_EQ((co_await db.execute_returning<std::int64_t>(ctx, sneaky)).at(0), 1);
  });
}

TEST_F(Postgres, SessionsAreSetUpAndTheUrlsOptionsWin) {
  static constexpr statement settings_of_session{
      "settings",
      "SELECT concat_ws(' ', current_setting('application_name'), "
      "current_setting('statement_timeout'), current_setting('lock_timeout'), "
      "current_setting('idle_in_transaction_session_timeout'), "
      "current_setting('client_encoding'), current_setting('timezone'))"};
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .statement_timeout = 4s});
    EXPECT_EQ(co_await db.query_one<std::string>(ctx, settings_of_session),
              "test 4s 2s 10s UTF8 UTC");
    pool other(loop, {.url = url + "&application_name=me&options=-c%20lock_timeout%3D7s%20-c%20"
                                   "timezone%3DAsia/Tokyo"});
    EXPECT_EQ(co_await other.query_one<std::string>(ctx, settings_of_session),
              "me 5s 7s 10s UTF8 UTC");
  });
}

TEST_F(Postgres, NamesAreResolved) {
  auto by_name = url;
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  auto unknown = url;
  unknown.replace(unknown.find("127.0.0.1"), 9, "no-such-host.invalid");
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = by_name});
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, echo, 5), 5);
    pool nowhere(loop, {.url = unknown});
    co_await failure_of<unavailable>(nowhere.query_one<std::int64_t>(ctx, echo, 5));
    pool nonsense(loop, {.url = "postgresql://[secret"});
    const auto e = co_await failure_of<unavailable>(nonsense.begin(ctx));
    EXPECT_THAT(e.what(), ::testing::Not(::testing::HasSubstr("secret")));
  });
}

TEST_F(Postgres, LargeValuesAndManyDifferentStatements) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .shared_readers = 1});
    static constexpr statement echo_text{"echo_text", "SELECT $1::text"};
    const std::string large(20'000'000, 'x');
    std::vector<task<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back([](pool& p, const context& c, const std::string& text) -> task<> {
        EXPECT_EQ(co_await p.query_one<std::string>(c, echo_text, text), text);
      }(db, ctx, large));
    }
    co_await together(loop, std::move(all));
    // SQL put together at run time.
    for (int i = 0; i < 600; ++i) {
      const auto sql = fmt::format("SELECT {} + $1::bigint", i);
      const statement s{"dynamic", sql.c_str()};
      EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, s, 1), i + 1);
    }
    static constexpr statement prepared{"prepared", "SELECT count(*) FROM pg_prepared_statements"};
    EXPECT_LE(*co_await db.query_one<std::int64_t>(ctx, prepared), 256);
  });
}

TEST_F(Postgres, ChangedTablesDoNotStopPreparedStatements) {
  static constexpr statement rows{"rows", "SELECT quantity FROM things"};
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 3});
    const auto change = [&](int round) {
      ask(fmt::format("ALTER TABLE things ALTER COLUMN quantity TYPE {}",
                      round % 2 == 0 ? "int" : "bigint"));
    };
    const auto in_transaction = [](pool& p, const context& c) -> task<> {
      auto tx = co_await p.begin(c);
      co_await tx.execute(rows);
      co_await sleep_for(5ms);
      co_await tx.commit();
    };
    for (int round = 0; round < 3; ++round) {
      co_await db.query<std::int64_t>(ctx, rows);
      co_await db.execute(ctx, rows);
      std::vector<task<>> all;
      for (int i = 0; i < 3; ++i) all.push_back(in_transaction(db, ctx));
      co_await together(loop, std::move(all));
      change(round);
    }
    // Not at the beginning of a transaction: that one fails, the next does not.
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(rows);
    co_await tx.commit();
    change(3);
    {
      auto second = co_await db.begin(ctx);
      co_await second.execute(insert, 1, "a");
      const auto e = co_await failure_of<error>(second.execute(rows));
      EXPECT_EQ(e.sqlstate, "0A000");
    }
    for (int i = 0; i < 5; ++i) {
      auto next = co_await db.begin(ctx);
      co_await next.execute(insert, 10 + i, "a");
      co_await next.execute(rows);
      co_await next.commit();
    }
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 5);
  });
}

TEST_F(Postgres, OperationsAreMeasuredByStatement) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    static constexpr statement measured{"measured.statement", "SELECT 1/$1::bigint"};
    co_await db.query_one<std::int64_t>(ctx, measured, 1);
    co_await failure_of<error>(db.query_one<std::int64_t>(ctx, measured, 0));
    const auto text = telemetry::metrics_text();
    for (const char* outcome : {"ok", "refused"}) {
      EXPECT_THAT(text, ::testing::ContainsRegex(fmt::format(
                            "db_client_operation_duration_seconds_count\\{{.*db=\"postgresql\","
                            "outcome=\"{}\".*statement=\"measured.statement\"[^}}]*\\}} 1",
                            outcome)));
    }
    EXPECT_THAT(text, ::testing::HasSubstr("db_client_connections{"));
  });
}

// ------------------------------------------------------------------------------------------------
// Transactions.

TEST_F(PostgresTransaction, RollsBackUnlessCommitted) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1});
    {
      auto tx = co_await db.begin(ctx);
      co_await tx.execute(insert, 1, "dropped");
    }
    try {
      auto tx = co_await db.begin(ctx);
      co_await tx.execute(insert, 2, "thrown");
      throw std::runtime_error("a handler's own");
    } catch (const std::runtime_error&) {
    }
    {
      auto tx = co_await db.begin(ctx);
      co_await tx.execute(insert, 3, "rolled back");
      co_await tx.rollback();
      EXPECT_THROW(co_await tx.execute(insert, 3, "again"), std::logic_error);
    }
    {
      auto unused = co_await db.begin(ctx);
    }
    {
      auto empty = co_await db.begin(ctx);
      co_await empty.commit();
    }
    {
      auto tx = co_await db.begin(ctx);
      EXPECT_EQ(co_await tx.execute(insert, 4, "kept"), 1);
      EXPECT_EQ(co_await tx.query_one<std::string>(names), "kept");
      co_await tx.commit();
    }
    EXPECT_EQ((co_await db.query<std::string>(ctx, names)), std::vector<std::string>{"kept"});
    EXPECT_EQ(ask("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in trans%'"), "0");
    EXPECT_EQ(backends(), 2);  // the one and a reader
  });
}

TEST_F(PostgresTransaction, CommitOfAnAbortedOneThrows) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1});
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(insert, 1, "a");
    co_await failure_of<error>(tx.execute(insert, 1, "b"));
    const auto next = co_await failure_of<error>(tx.execute(insert, 2, "b"));
    EXPECT_EQ(next.sqlstate, "25P02");
    const auto e = co_await failure_of<error>(tx.commit());
    EXPECT_EQ(e.sqlstate, "40000");
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 0);
  });
}

TEST_F(PostgresTransaction, WhatCommitRefusesIsNotDone) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1});
    co_await db.execute(ctx, insert_ticket, 1);
    {
      auto tx = co_await db.begin(ctx);
      co_await tx.execute(insert_ticket, 1);  // checked at the end
      co_await tx.execute(insert, 1, "a");
      EXPECT_TRUE((co_await failure_of<error>(tx.commit())).is_unique_violation());
    }
    {
      auto tx = co_await db.begin(ctx);
      co_await tx.execute(insert, 1, "a");
      const auto e = co_await failure_of<error>(tx.execute_and_commit(insert_ticket, 1));
      EXPECT_TRUE(e.is_unique_violation());
    }
    // A single statement is committed after its answer: the refusal comes later still.
    EXPECT_TRUE(
        (co_await failure_of<error>(db.execute(ctx, insert_ticket, 1))).is_unique_violation());
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 0);
    EXPECT_EQ(ask("SELECT count(*) FROM tickets"), "1");
  });
}

TEST_F(PostgresTransaction, LastStatementAndCommitTogether) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1});
    for (int i = 0; i < 2; ++i) {
      auto tx = co_await db.begin(ctx);
      EXPECT_EQ(co_await tx.execute(insert, 2 * i, "a"), 1);
      EXPECT_EQ(co_await tx.execute_and_commit(insert, 2 * i + 1, "b"), 1);
      EXPECT_THROW(co_await tx.commit(), std::logic_error);
    }
    {
      auto alone = co_await db.begin(ctx);
      EXPECT_EQ(co_await alone.execute_and_commit(insert, 10, "c"), 1);
    }
    {
      auto tx = co_await db.begin(ctx);
      co_await tx.execute(insert, 11, "d");
      const auto e = co_await failure_of<error>(tx.execute_and_commit(insert, 11, "d"));
      EXPECT_TRUE(e.is_unique_violation());
    }
    {
      auto tx = co_await db.begin(ctx);
      co_await failure_of<error>(tx.execute(insert, 10, "d"));
      const auto e = co_await failure_of<error>(tx.execute_and_commit(insert, 12, "d"));
      EXPECT_EQ(e.sqlstate, "25P02");
    }
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 5);
  });
}

TEST_F(PostgresTransaction, BeginCostsNoRoundTrip) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port()), .connections = 1});
    co_await db.execute(ctx, insert, 1, "a");
    co_await db.execute(ctx, add, 1, 1);
    proxy.delay(50ms);
    const auto begin = steady_clock::now();
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(add, 1, 1);
    co_await tx.execute_and_commit(insert, 2, "b");
    EXPECT_GE(since(begin), 200ms);
    EXPECT_LT(since(begin), 290ms);
    proxy.pass();
  });
}

TEST_F(PostgresTransaction, RepeatableReadSeesOneSnapshotAndCannotWrite) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    auto tx = co_await db.begin(ctx, isolation::repeatable_read_read_only);
    EXPECT_EQ(co_await tx.query_one<std::int64_t>(count), 0);
    co_await db.execute(ctx, insert, 1, "a");
    EXPECT_EQ(co_await tx.query_one<std::int64_t>(count), 0);
    EXPECT_EQ((co_await failure_of<error>(tx.execute(insert, 2, "b"))).sqlstate, "25006");
  });
}

TEST_F(PostgresTransaction, GoesOnAfterTheCallersDeadline) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    auto tx = co_await db.begin(ctx.with_time_limit(100ms));
    co_await tx.execute(insert, 1, "a");
    co_await sleep_for(150ms);
    co_await tx.execute(add, 1, 1);
    co_await tx.commit();
    EXPECT_EQ(ask("SELECT quantity FROM things"), "1");
    co_await failure_of<deadline_exceeded>(db.begin(ctx.with_time_limit(0ms)));
    co_await failure_of<deadline_exceeded>(db.execute(ctx.with_time_limit(0ms), insert, 2, "a"));
  });
}

// ------------------------------------------------------------------------------------------------
// Faults.

TEST_F(PostgresFaults, ConnectionCutAfterCommitWasSentIsAnUnknownOutcome) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port())});
    for (const bool done : {false, true}) {
      const auto strike = [&](const char* pattern) {
        done ? proxy.lose_answer(pattern) : proxy.lose_request(pattern);
      };
      ask("DELETE FROM things");
      {
        auto tx = co_await db.begin(ctx);
        co_await tx.execute(insert, 1, "commit");
        strike("COMMIT");
        co_await failure_of<unknown_outcome>(tx.commit());
      }
      EXPECT_TRUE(proxy.has_struck());
      {
        auto tx = co_await db.begin(ctx);
        co_await tx.execute(insert, 2, "execute_and_commit");
        strike("COMMIT");
        co_await failure_of<unknown_outcome>(tx.execute_and_commit(add, 2, 5));
      }
      EXPECT_TRUE(proxy.has_struck());
      {
        auto tx = co_await db.begin(ctx);
        strike("COMMIT");
        co_await failure_of<unknown_outcome>(tx.execute_and_commit(insert, 3, "at once"));
      }
      EXPECT_TRUE(proxy.has_struck());
      strike("a single one");
      co_await failure_of<unknown_outcome>(db.execute(ctx, insert, 4, "a single one"));
      EXPECT_TRUE(proxy.has_struck());
      EXPECT_EQ(ask("SELECT count(*) FROM things"), done ? "4" : "0");
      EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), done ? 4 : 0);
    }
  });
}

TEST_F(PostgresFaults, ConnectionCutBeforeCommitChangesNothing) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port())});
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(insert, 1, "a");
    proxy.lose_answer("second");
    co_await failure_of<unavailable>(tx.execute(insert, 2, "second"));
    EXPECT_THROW(co_await tx.commit(), std::logic_error);
    auto idle = co_await db.begin(ctx);
    co_await idle.execute(insert, 3, "c");
    proxy.cut();
    co_await sleep_for(20ms);  // noticed before COMMIT is sent
    co_await failure_of<unavailable>(idle.commit());
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 0);
  });
}

TEST_F(PostgresFaults, CommitWithoutAnAnswerIsUnknownInTheEnd) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port()), .statement_timeout = 100ms});
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(insert, 1, "a");
    proxy.blackhole();
    const auto begin = steady_clock::now();
    co_await failure_of<unknown_outcome>(tx.commit());
    EXPECT_LT(since(begin), 7s);
    proxy.pass();
  });
}

TEST_F(PostgresFaults, DeadPooledConnectionsCostReadsAndTransactionsNothing) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port()), .connections = 2});
    for (int round = 0; round < 10; ++round) {
      co_await db.query_one<std::int64_t>(ctx, count);
      co_await db.execute(ctx, add, 1, 1);
      proxy.cut();  // and the loop has had no time to notice
      if (round % 2 == 0) {
        EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, echo, round), round);
        auto tx = co_await db.begin(ctx);
        co_await tx.execute(insert, round, "a");
        co_await tx.commit();
      } else {
        auto tx = co_await db.begin(ctx);
        proxy.cut();  // after begin(), before its first statement
        co_await tx.execute(insert, round, "a");
        co_await tx.commit();
        EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, echo, round), round);
      }
    }
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 10);
  });
}

TEST_F(PostgresFaults, ReadsInFlightAreRepeatedOnceAndNoMore) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port()), .shared_readers = 1});
    co_await db.query_one<std::int64_t>(ctx, echo, 1);
    std::vector<task<>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back([](pool& p, const context& c, int n) -> task<> {
        EXPECT_EQ(co_await p.query_one<std::int64_t>(c, slow_echo, n), n);
      }(db, ctx, i));
    }
    all.push_back([](tcp_proxy& p) -> task<> {
      co_await sleep_for(50ms);
      p.cut();
    }(proxy));
    co_await together(loop, std::move(all));
    EXPECT_EQ(proxy.accepted(), 2u);

    proxy.lose_request("1234567");
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, echo, 1234567), 1234567);
    proxy.refuse();
    co_await failure_of<unavailable>(db.query_one<std::int64_t>(ctx, echo, 1));
    co_await failure_of<unavailable>(db.begin(ctx));
    EXPECT_FALSE(co_await db.alive(ctx));
    proxy.pass();
    while (!co_await db.alive(ctx)) co_await sleep_for(20ms);
  });
}

TEST_F(PostgresFaults, PoolRecoversWhenTheServerIsKilled) {
  testing::postgres_server own;
  own.execute("postgres", "CREATE TABLE things (id bigint, name text)");
  own.execute("postgres", "GRANT ALL ON things TO souk");
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = own.url("postgres")});
    auto open = co_await db.begin(ctx);
    co_await open.execute(insert, 1, "lost");
    co_await db.query_one<std::int64_t>(ctx, count);
    own.kill9();
    co_await failure_of<unavailable>(open.execute(insert, 2, "lost"));
    co_await failure_of<unavailable>(db.query_one<std::int64_t>(ctx, count));
    co_await failure_of<unavailable>(db.begin(ctx));
    EXPECT_FALSE(co_await db.alive(ctx));
    own.start();
    while (!co_await db.alive(ctx)) co_await sleep_for(20ms);
    while (true) {  // its connections have a backoff of their own
      try {
        co_await db.execute(ctx, insert, 3, "kept");
        break;
      } catch (const unavailable&) {
      }
      co_await sleep_for(20ms);
    }
    EXPECT_EQ((co_await db.query<std::string>(ctx, names)), std::vector<std::string>{"kept"});

    // A restart that nobody looked at costs nothing.
    own.stop();
    own.start();
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 1);
    auto tx = co_await db.begin(ctx);
    EXPECT_EQ(co_await tx.query_one<std::int64_t>(count), 1);
  });
}

TEST_F(PostgresFaults, DeadPeerCostsNoMoreThanTheTimeLimit) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port())});
    static constexpr statement hasty{"hasty", "SELECT $1::bigint", 300ms};
    static constexpr statement hasty_insert{"hasty_insert", "INSERT INTO things (id) VALUES ($1)",
                                            300ms};
    co_await db.query_one<std::int64_t>(ctx, hasty, 1);
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(add, 1, 1);
    auto other = co_await db.begin(ctx);
    co_await other.execute(add, 1, 1);
    co_await other.commit();
    proxy.blackhole();

    auto begin = steady_clock::now();
    co_await failure_of<deadline_exceeded>(
        db.query_one<std::int64_t>(ctx.with_time_limit(100ms), hasty, 1));
    EXPECT_LT(since(begin), 200ms);
    begin = steady_clock::now();
    co_await failure_of<unavailable>(tx.execute(hasty_insert, 1));
    EXPECT_LT(since(begin), 500ms);
    co_await failure_of<unknown_outcome>(db.execute(ctx, hasty_insert, 2));
    begin = steady_clock::now();
    co_await failure_of<unavailable>(db.begin(ctx));  // a new connection is not to be had either
    EXPECT_LT(since(begin), 2500ms);
    proxy.pass();
    while (!co_await db.alive(ctx)) co_await sleep_for(20ms);
  });
}

TEST_F(PostgresFaults, TheServersOwnTimeLimits) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .statement_timeout = 200ms});
    static constexpr statement sleeping{"sleeping", "SELECT 1::bigint FROM pg_sleep(10)", 5s};
    auto e = co_await failure_of<unavailable>(db.query_one<std::int64_t>(ctx, sleeping));
    EXPECT_EQ(e.sqlstate, "57014");
    e = co_await failure_of<unavailable>(db.execute(ctx, sleeping));
    EXPECT_EQ(e.sqlstate, "57014");

    pool locking(loop, {.url = url + "&options=-c%20lock_timeout%3D100ms"});
    co_await locking.execute(ctx, insert, 1, "a");
    auto first = co_await locking.begin(ctx);
    co_await first.execute(add, 1, 1);
    auto second = co_await locking.begin(ctx);
    e = co_await failure_of<unavailable>(second.execute(add, 1, 1));
    EXPECT_EQ(e.sqlstate, "55P03");
  });
}

TEST_F(PostgresFaults, TerminatedBackendIsUnavailableNotRefused) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url});
    auto tx = co_await db.begin(ctx);
    co_await tx.execute(insert, 1, "a");
    const auto pid = *co_await tx.query_one<std::int64_t>(backend_pid);
    ask(fmt::format("SELECT pg_terminate_backend({})", pid));
    co_await failure_of<unavailable>(tx.execute(insert, 2, "b"));
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count), 0);
  });
}

TEST_F(PostgresFaults, CancelledOperationsCloseTheirConnection) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1, .shared_readers = 1});
    for (const bool read : {true, false}) {
      std::int64_t pid = 0;
      bool ended = false, aborted = false;
      asio::cancellation_signal cancel;
      asio::co_spawn(
          loop.executor(),
          [](pool& p, const context& c, std::int64_t& where, bool reads) -> task<> {
            if (reads) {
              where = *co_await p.query_one<std::int64_t>(c, backend_pid);
              co_await p.query_one<std::int64_t>(c, sleep_long);
            } else {
              auto tx = co_await p.begin(c);
              where = *co_await tx.query_one<std::int64_t>(backend_pid);
              co_await tx.query_one<std::int64_t>(sleep_long);
            }
          }(db, ctx, pid, read),
          asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) {
            ended = true;
            try {
              if (e) std::rethrow_exception(e);
            } catch (const boost::system::system_error& failure) {
              aborted = failure.code() == asio::error::operation_aborted;
            }
          }));
      EXPECT_TRUE(co_await eventually([&] {
        return ask(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND "
                               "wait_event = 'PgSleep'",
                               pid)) == "1";
      }));
      cancel.emit(asio::cancellation_type::terminal);
      EXPECT_TRUE(co_await eventually([&] { return ended; }));
      EXPECT_TRUE(aborted);
      // The server notices that its client is gone, in the middle of the statement.
      EXPECT_TRUE(co_await eventually([&] {
        return ask(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", pid)) == "0";
      }));
      EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, echo, 1), 1);
      auto tx = co_await db.begin(ctx);
      EXPECT_EQ(co_await tx.query_one<std::int64_t>(echo, 2), 2);
    }
  });
}

TEST_F(PostgresFaults, OneReadersDeadlineDoesNotHarmThoseBehindIt) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .shared_readers = 1});
    const auto pid = co_await db.query_one<std::int64_t>(ctx, backend_pid);
    static constexpr statement slow{"slow", "SELECT 1::bigint FROM pg_sleep(0.3)"};
    std::vector<task<>> all;
    all.push_back([](pool& p, const context& c) -> task<> {
      co_await failure_of<deadline_exceeded>(
          p.query_one<std::int64_t>(c.with_time_limit(50ms), slow));
    }(db, ctx));
    all.push_back([](pool& p, const context& c, std::int64_t same) -> task<> {
      EXPECT_EQ(co_await p.query_one<std::int64_t>(c, backend_pid), same);
    }(db, ctx, *pid));
    all.push_back([](pool& p, const context& c, std::int64_t old) -> task<> {
      co_await sleep_for(100ms);  // the connection has been given up by then
      const auto begin = steady_clock::now();
      EXPECT_NE(co_await p.query_one<std::int64_t>(c, backend_pid), old);
      EXPECT_LT(since(begin), 150ms);
    }(db, ctx, *pid));
    co_await together(loop, std::move(all));
    EXPECT_TRUE(co_await eventually([&] { return backends() == 1; }));
  });
}

TEST_F(PostgresFaults, TheLoopMayEndInTheMiddleOfEverything) {
  for (int round = 0; round < 3; ++round) {
    event_loop loop("test");
    const auto ctx = context::background("test", 60s);
    auto& db = loop.make<pool>(loop, settings{.url = url, .connections = 3});
    auto& events = loop.make<listener>(loop, url, "channel", [](std::string_view) {}, [](bool) {});
    static_cast<void>(events);
    loop.run_until_complete([](event_loop& l, pool& p, const context& c, bool soon) -> task<> {
      const auto write = [](pool& q, const context& d, int i) -> task<> {
        auto tx = co_await q.begin(d);
        co_await tx.execute(insert, i, "a");
        co_await tx.query_one<std::int64_t>(sleep_long);
      };
      const auto idle = [](pool& q, const context& d) -> task<> {
        auto tx = co_await q.begin(d);
        co_await tx.execute(insert, 100, "a");
        co_await sleep_for(1h);
      };
      const auto read = [](pool& q, const context& d) -> task<> {
        co_await q.query_one<std::int64_t>(d, sleep_long);
      };
      asio::co_spawn(l.executor(), idle(p, c), asio::detached);
      for (int i = 0; i < 5; ++i) asio::co_spawn(l.executor(), write(p, c, i), asio::detached);
      for (int i = 0; i < 5; ++i) asio::co_spawn(l.executor(), read(p, c), asio::detached);
      if (!soon) co_await sleep_for(100ms);
    }(loop, db, ctx, round == 0));
  }
  EXPECT_EQ(ask("SELECT count(*) FROM things"), "0");
}

// ------------------------------------------------------------------------------------------------
// The pool.

TEST_F(PostgresPool, PipelinedReadsKeepTheirAnswersApart) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .shared_readers = 2});
    std::vector<task<>> all;
    for (int i = 0; i < 200; ++i) {
      all.push_back([](pool& p, const context& c, int n) -> task<> {
        static constexpr statement zero_divide{"zero_divide", "SELECT 1 / ($1::bigint - $1)"};
        if (n % 10 == 3) {
          const auto e = co_await failure_of<error>(p.query_one<std::int64_t>(c, zero_divide, n));
          EXPECT_EQ(e.sqlstate, "22012");
        } else {
          const auto& s = n % 7 == 0 ? slow_echo : echo;
          EXPECT_EQ(co_await p.query_one<std::int64_t>(c, s, n), n);
        }
      }(db, ctx, i));
    }
    co_await together(loop, std::move(all));
    EXPECT_EQ(backends(), 2);
  });
}

TEST_F(PostgresPool, WaitersAreBoundedAndServedInOrder) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1, .max_waiting = 3});
    auto held = std::make_optional(co_await db.begin(ctx));
    co_await held->execute(insert, 1, "a");
    std::vector<int> order;
    std::vector<task<>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back([](pool& p, const context& c, std::vector<int>& o, int n) -> task<> {
        if (n == 1) {  // gives up
          co_await failure_of<deadline_exceeded>(p.begin(c.with_time_limit(50ms)));
        } else {
          auto tx = co_await p.begin(c);
          o.push_back(n);
          co_await tx.query_one<std::int64_t>(echo, 1);
        }
      }(db, ctx, order, i));
    }
    all.push_back([](pool& p, const context& c, std::optional<transaction>& h) -> task<> {
      co_await sleep_for(10ms);
      const auto begin = steady_clock::now();
      co_await failure_of<unavailable>(p.begin(c));
      EXPECT_LT(since(begin), 10ms);
      co_await sleep_for(100ms);
      h.reset();
    }(db, ctx, held));
    co_await together(loop, std::move(all));
    EXPECT_EQ(order, (std::vector{0, 2}));
    EXPECT_EQ(ask("SELECT count(*) FROM things"), "0");
  });
}

TEST_F(PostgresPool, ConnectionsAreOpenedOnDemandAndBounded) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 4, .shared_readers = 2});
    EXPECT_EQ(backends(), 0);
    co_await db.execute(ctx, insert, 1, "a");
    EXPECT_EQ(backends(), 1);
    std::vector<task<>> all;
    for (int i = 0; i < 50; ++i) {
      all.push_back([](pool& p, const context& c) -> task<> {
        auto tx = co_await p.begin(c);
        co_await tx.execute(add, 1, 1);
        co_await tx.commit();
        co_await p.query_one<std::int64_t>(c, slow_echo, 1);
      }(db, ctx));
    }
    co_await together(loop, std::move(all));
    EXPECT_LE(backends(), 6);
    EXPECT_EQ(ask("SELECT quantity FROM things"), "50");
  });
}

TEST_F(PostgresPool, OldConnectionsAreReplaced) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .connections = 1, .shared_readers = 1, .max_age = 100ms});
    const auto pids = [](pool& p, const context& c) -> task<std::vector<std::int64_t>> {
      auto tx = co_await p.begin(c);
      std::vector<std::int64_t> both;
      both.push_back(*co_await tx.query_one<std::int64_t>(backend_pid));
      both.push_back(*co_await p.query_one<std::int64_t>(c, backend_pid));
      co_return both;
    };
    const auto first = co_await pids(db, ctx);
    co_await sleep_for(150ms);
    const auto second = co_await pids(db, ctx);
    EXPECT_NE(first.at(0), second.at(0));
    EXPECT_NE(first.at(1), second.at(1));
    EXPECT_TRUE(co_await eventually([&] { return backends() == 2; }));
  });
}

TEST_F(PostgresPool, AnUnreachableServerIsNotHammered) {
  tcp_proxy proxy(testing::free_port());  // accepts and resets
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port())});
    std::vector<task<>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back([](pool& p, const context& c) -> task<> {
        const auto begin = steady_clock::now();
        while (since(begin) < 1500ms) {
          co_await failure_of<unavailable>(p.begin(c));
          co_await failure_of<unavailable>(p.query_one<std::int64_t>(c, echo, 1));
          co_await sleep_for(2ms);
        }
      }(db, ctx));
    }
    co_await together(loop, std::move(all));
  });
  EXPECT_GE(proxy.accepted(), 4u);
  EXPECT_LE(proxy.accepted(), 40u);
}

TEST_F(PostgresPool, TooManyReadsFailAtOnce) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url, .max_waiting = 10});
    int refused = 0;
    std::vector<task<>> all;
    for (int i = 0; i < 15; ++i) {
      all.push_back([](pool& p, const context& c, int& r) -> task<> {
        try {
          co_await p.query_one<std::int64_t>(c, slow_echo, 1);
        } catch (const unavailable&) {
          ++r;
        }
      }(db, ctx, refused));
    }
    co_await together(loop, std::move(all));
    EXPECT_EQ(refused, 5);
  });
}

TEST_F(PostgresPool, SurvivesRandomCutsUnderLoad) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = testing::via(url, proxy.port()), .connections = 4});
    co_await db.execute(ctx, insert, 1, "a");
    std::int64_t committed = 0, unknown = 0;
    bool stop = false;
    std::vector<task<>> all;
    for (int i = 0; i < 8; ++i) {
      all.push_back([](pool& p, const context& c, std::int64_t& yes, std::int64_t& maybe,
                       const bool& end) -> task<> {
        while (!end) {
          try {
            auto tx = co_await p.begin(c);
            co_await tx.execute(add, 1, 1);
            co_await tx.query_one<std::int64_t>(echo, 1);
            co_await tx.commit();
            ++yes;
          } catch (const unknown_outcome&) {
            ++maybe;
          } catch (const unavailable&) {
          }
          try {
            EXPECT_EQ(co_await p.query_one<std::int64_t>(c, echo, 7), 7);
          } catch (const unavailable&) {
          }
        }
      }(db, ctx, committed, unknown, stop));
    }
    all.push_back([](tcp_proxy& p, bool& end) -> task<> {
      for (int i = 0; i < 40; ++i) {
        co_await sleep_for(std::chrono::milliseconds(10 + 7 * (i % 5)));
        p.cut();
      }
      end = true;
    }(proxy, stop));
    co_await together(loop, std::move(all));
    proxy.pass();
    const auto quantity = std::stoll(ask("SELECT quantity FROM things"));
    EXPECT_GE(quantity, committed);
    EXPECT_LE(quantity, committed + unknown);
    EXPECT_GT(committed, 0);
  });
}

// ------------------------------------------------------------------------------------------------
// LISTEN.

TEST_F(PostgresListener, ComesBackAndSaysSo) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context&) -> task<> {
    std::vector<std::string> log;
    const auto has = [&log](std::vector<std::string> expected) {
      return [&log, expected] { return log == expected; };
    };
    {
      listener events(
          loop, testing::via(url, proxy.port()), "odd \"channel",
          [&](std::string_view payload) { log.emplace_back(payload); },
          [&](bool on) { log.emplace_back(on ? "+" : "-"); });
      EXPECT_TRUE(co_await eventually(has({"+"})));
      ask("NOTIFY \"odd \"\"channel\", 'one'");
      EXPECT_TRUE(co_await eventually(has({"+", "one"})));
      proxy.refuse();
      EXPECT_TRUE(co_await eventually(has({"+", "one", "-"})));
      co_await sleep_for(200ms);  // several tries in vain say nothing
      proxy.pass();
      EXPECT_TRUE(co_await eventually(has({"+", "one", "-", "+"})));
      ask("NOTIFY \"odd \"\"channel\", 'two'");
      EXPECT_TRUE(co_await eventually(has({"+", "one", "-", "+", "two"})));
      ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'souk'");
      EXPECT_TRUE(co_await eventually(has({"+", "one", "-", "+", "two", "-", "+"})));
    }
    EXPECT_TRUE(co_await eventually([&] { return backends() == 0; }));
    EXPECT_EQ(log.size(), 7u);
  });
}

TEST_F(PostgresListener, NoticesAPeerThatSaysNothing) {
  tcp_proxy proxy(server.port());
  run([&](event_loop& loop, const context&) -> task<> {
    std::string log;
    listener events(
        loop, testing::via(url, proxy.port()), "channel", [](std::string_view) {},
        [&](bool on) { log += on ? '+' : '-'; });
    EXPECT_TRUE(co_await eventually([&] { return log == "+"; }));
    proxy.blackhole();
    EXPECT_TRUE(co_await eventually([&] { return log == "+-"; }, 1500ms));
    proxy.pass();
    EXPECT_TRUE(co_await eventually([&] { return log == "+-+"; }));
  });
}

// ------------------------------------------------------------------------------------------------
// Migrations.

TEST_F(PostgresMigrate, AppliesWhatIsMissingOnceAndTogether) {
  const auto empty = fresh_database();
  static constexpr migration first[] = {
      {1, "0001_a", "CREATE TABLE a (x int); INSERT INTO a VALUES (1); SELECT pg_sleep(0.3);"}};
  static constexpr migration both[] = {
      first[0], {2, "0002_it's", "-- a comment; with 'quotes'\nINSERT INTO a VALUES (2);"}};
  run([&](event_loop& loop, const context& ctx) -> task<> {
    std::vector<task<>> all;
    for (int i = 0; i < 4; ++i) all.push_back(migrate(loop, empty, first));
    co_await together(loop, std::move(all));
    co_await migrate(loop, empty, both);
    co_await migrate(loop, empty, both);
    co_await migrate(loop, empty, first);  // the old version on the new schema
    pool db(loop, {.url = empty});
    static constexpr statement rows{"rows", "SELECT x::bigint FROM a ORDER BY x"};
    EXPECT_EQ((co_await db.query<std::int64_t>(ctx, rows)), (std::vector<std::int64_t>{1, 2}));
  });
}

TEST_F(PostgresMigrate, AFailureLeavesNothingOfItsMigration) {
  const auto empty = fresh_database();
  static constexpr migration broken[] = {
      {1, "0001_good", "CREATE TABLE good (x int)"},
      {2, "0002_bad", "CREATE TABLE bad (x int); INSERT INTO bad VALUES (1/0)"},
      {3, "0003_never", "CREATE TABLE never (x int)"}};
  static constexpr migration changed[] = {{1, "0001_good", "CREATE TABLE good (x bigint)"}};
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto e = co_await failure_of<error>(migrate(loop, empty, broken));
    EXPECT_EQ(e.sqlstate, "22012");
    EXPECT_THAT(e.what(), ::testing::HasSubstr("0002_bad"));
    pool db(loop, {.url = empty});
    static constexpr statement tables{
        "tables", "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"};
    EXPECT_EQ((co_await db.query<std::string>(ctx, tables)),
              (std::vector<std::string>{"good", "schema_migrations"}));
    e = co_await failure_of<error>(migrate(loop, empty, changed));
    EXPECT_THAT(e.what(), ::testing::HasSubstr("changed"));
  });
}

TEST_F(PostgresMigrate, IsNotBoundByTheTimeLimitOfStatements) {
  const auto empty = fresh_database();
  static constexpr migration slow[] = {{1, "0001_slow", "SELECT pg_sleep(0.5)"}};
  run([&](event_loop& loop, const context&) -> task<> {
    server.execute("postgres", "ALTER ROLE souk SET statement_timeout = '100ms'");
    co_await migrate(loop, empty, slow);
    server.execute("postgres", "ALTER ROLE souk RESET statement_timeout");
    co_await failure_of<unavailable>(
        migrate(loop, testing::via(empty, testing::free_port()), slow));
  });
}

}  // namespace
}  // namespace souk::pg
