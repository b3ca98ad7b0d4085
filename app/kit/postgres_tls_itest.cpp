// What the parameters of a URL about TLS mean is libpq's affair; that they count for each kind of
// connection, and that none of them waits for ever, is ours.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "kit/postgres.hpp"
#include "kit/service.hpp"
#include "kit/testing/certificates.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"

namespace souk::pg {
namespace {

using namespace std::chrono_literals;
using testing::certificate_authority;
using testing::eventually;
using ::testing::HasSubstr;
using testing::postgres_server;
using testing::run;

constexpr statement is_tls{"is_tls", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"};
constexpr statement repeat{"repeat", "SELECT repeat('x', $1::int)"};
constexpr statement fill{"fill", "INSERT INTO things (text) VALUES ($1)"};
constexpr statement count{"count", "SELECT count(*) FROM things WHERE length(text) = $1::int"};
constexpr migration schema[] = {{1, "0001_things", "CREATE TABLE things (text text NOT NULL);"}};

// A server of its own, since the other tests' has no TLS; it takes nobody without.
struct PostgresTls : ::testing::Test {
  static void SetUpTestSuite() {
    authority = std::make_unique<certificate_authority>();
    server = std::make_unique<postgres_server>();
    server->use_tls(authority->issue("DNS:localhost"));
    server->execute("postgres", "CREATE DATABASE shop OWNER souk");
  }
  static void TearDownTestSuite() {
    server.reset();
    authority.reset();
  }

  static std::string url(std::string_view host, const std::filesystem::path& trusted,
                         std::string_view mode = "verify-full") {
    return fmt::format("postgresql://souk@{}:{}/shop?sslmode={}&sslrootcert={}", host,
                       server->port(), mode, trusted.string());
  }

  static inline std::unique_ptr<certificate_authority> authority;
  static inline std::unique_ptr<postgres_server> server;
};

task<std::string> complaint_of(event_loop& loop, const context& ctx, std::string url) {
  pool db(loop, {.url = std::move(url)});
  try {
    co_await db.query_one<bool>(ctx, is_tls);
  } catch (const unavailable& e) {
    co_return e.what();
  }
  ADD_FAILURE() << "it was accepted";
  co_return "";
}

TEST_F(PostgresTls, EachKindOfConnectionIsVerified) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    const auto right = url("localhost", authority->file());
    co_await migrate(loop, right, schema);
    pool db(loop, {.url = right});
    EXPECT_EQ(co_await db.query_one<bool>(ctx, is_tls), true);
    auto tx = co_await db.begin(ctx);
    EXPECT_EQ(co_await tx.query_one<bool>(is_tls), true);
    co_await tx.rollback();
    // Larger than records of TLS, both ways.
    const std::string large(3'000'000, 'y');
    EXPECT_EQ(co_await db.execute(ctx, fill, large), 1);
    EXPECT_EQ(co_await db.query_one<std::int64_t>(ctx, count, 3'000'000), 1);
    EXPECT_EQ((co_await db.query_one<std::string>(ctx, repeat, 5'000'000)).value(),
              std::string(5'000'000, 'x'));

    std::string heard;
    bool connected = false;
    listener news(
        loop, right, "news", [&](std::string_view payload) { heard = payload; },
        [&](bool now) { connected = now; });
    EXPECT_TRUE(co_await eventually([&] { return connected; }));
    server->execute("shop", "NOTIFY news, 'of today'");
    EXPECT_TRUE(co_await eventually([&] { return heard == "of today"; }));
    EXPECT_EQ(
        server->query("postgres",
                      "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                      "WHERE a.usename = 'souk' AND NOT s.ssl"),
        "0");
  });
}

TEST_F(PostgresTls, WhoIsNotTrustedIsToldWhy) {
  certificate_authority stranger;
  run([&](event_loop& loop, const context& ctx) -> task<> {
    // The right server, under a name that its certificate does not have.
    EXPECT_THAT(co_await complaint_of(loop, ctx, url("127.0.0.1", authority->file())),
                HasSubstr("does not match host name \"127.0.0.1\""));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url("localhost", stranger.file())),
                HasSubstr("certificate verify failed"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url("localhost", "/nowhere/ca.pem")),
                HasSubstr("root certificate file \"/nowhere/ca.pem\" does not exist"));
    // The name does not count here, the authority does.
    pool db(loop, {.url = url("127.0.0.1", authority->file(), "verify-ca")});
    EXPECT_EQ(co_await db.query_one<bool>(ctx, is_tls), true);

    for (const auto& [wrong, why] :
         {std::pair{url("127.0.0.1", authority->file()), "does not match"},
          std::pair{url("localhost", stranger.file()), "verify failed"}}) {
      try {
        co_await migrate(loop, wrong, schema);
        ADD_FAILURE() << "it was accepted";
      } catch (const unavailable& e) {
        EXPECT_THAT(e.what(), HasSubstr(why));
      }
      bool connected = false;
      listener news(
          loop, wrong, "news", [](std::string_view) {}, [&](bool now) { connected = now; });
      co_await sleep_for(300ms);
      EXPECT_FALSE(connected);
    }
  });
}

TEST_F(PostgresTls, AServerWithoutTlsIsRefused) {
  run([&](event_loop& loop, const context& ctx) -> task<> {
    const auto plain =
        fmt::format("postgresql://souk@localhost:{}/postgres?sslmode=verify-full&sslrootcert={}",
                    testing::postgres().port(), authority->file().string());
    EXPECT_THAT(co_await complaint_of(loop, ctx, plain),
                HasSubstr("server does not support SSL, but SSL was required"));
  });
}

TEST_F(PostgresTls, APeerThatSaysNothingCostsNoMoreThanTheTimeLimit) {
  testing::tcp_proxy proxy(server->port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    const auto through = testing::via(url("localhost", authority->file()), proxy.port());
    pool db(loop, {.url = through});
    EXPECT_EQ(co_await db.query_one<bool>(ctx, is_tls), true);
    proxy.blackhole();
    auto begin = steady_clock::now();
    EXPECT_THAT(co_await complaint_of(loop, ctx, through), HasSubstr("in time"));
    EXPECT_LT(steady_clock::now() - begin, 5s);
    proxy.pass();
    proxy.cut();
    const auto end = steady_clock::now() + 20s;
    while (!co_await db.alive(ctx) && steady_clock::now() < end) co_await sleep_for(20ms);
    EXPECT_EQ(co_await db.query_one<bool>(ctx, is_tls), true);
  });
}

TEST_F(PostgresTls, SurvivesARestartWithAnotherCertificate) {
  certificate_authority second;
  const auto trusted = authority->file().parent_path() / "trusted.pem";
  std::filesystem::copy_file(authority->file(), trusted);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    pool db(loop, {.url = url("localhost", trusted)});
    EXPECT_EQ(co_await db.query_one<bool>(ctx, is_tls), true);
    server->use_tls(second.issue("DNS:localhost"));
    EXPECT_THROW(co_await db.query_one<bool>(ctx, is_tls), unavailable);
    std::filesystem::copy_file(second.file(), trusted,
                               std::filesystem::copy_options::overwrite_existing);
    const auto end = steady_clock::now() + 20s;
    while (!co_await db.alive(ctx) && steady_clock::now() < end) co_await sleep_for(20ms);
    EXPECT_EQ(co_await db.query_one<bool>(ctx, is_tls), true);
  });
  server->use_tls(authority->issue("DNS:localhost"));
}

}  // namespace
}  // namespace souk::pg
