#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>
#include <filesystem>

#include "kit/redis.hpp"
#include "kit/service.hpp"
#include "kit/testing/certificates.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"

namespace souk::redis {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::certificate_authority;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::redis_server;
using testing::run;
using testing::tcp_proxy;

constexpr script add{"add", "return redis.call('INCRBY', KEYS[1], ARGV[1])", 5s};
constexpr script echo{"echo", "return ARGV[1]"};

struct RedisTls : ::testing::Test {
  certificate_authority authority;

  static std::string url(std::uint16_t port, const fs::path& trusted,
                         std::string_view host = "localhost", std::string_view credentials = "") {
    return fmt::format("rediss://{}{}:{}?sslrootcert={}", credentials, host, port,
                       trusted.string());
  }
  std::string url(const redis_server& server) { return url(server.tls_port(), authority.file()); }
};
using RedisTlsFaults = RedisTls;

steady_clock::duration since(steady_clock::time_point begin) {
  return steady_clock::now() - begin;
}

// Why there is no connection; within a time that nobody waits for in vain.
task<std::string> complaint_of(event_loop& loop, const context& ctx, std::string url) {
  client db(loop, {.url = std::move(url)});
  const auto begin = steady_clock::now();
  try {
    co_await db.run(ctx, add, {"n"}, {"1"});
  } catch (const unavailable& e) {
    EXPECT_LT(since(begin), 2'500ms);
    co_return e.what();
  }
  ADD_FAILURE() << "it was accepted";
  co_return "";
}

task<> wait_alive(client& db, const context& ctx) {
  const auto end = steady_clock::now() + 20s;
  while (!co_await db.alive(ctx)) {
    if (steady_clock::now() > end) throw std::runtime_error("it does not come back");
    co_await sleep_for(10ms);
  }
}

TEST_F(RedisTls, IsSpokenWithAServerOfTheRightName) {
  redis_server server(authority.issue("DNS:redis.example.com,DNS:localhost"));
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url(server)});
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"5"})).integer(), 5);
    EXPECT_EQ(server.command({"GET", "n"}), "5");
    // Larger than a record of TLS, both ways.
    const std::string large(10'000'000, 'x');
    EXPECT_EQ((co_await db.run_read(ctx, echo, {}, {large})).text(), large);
    EXPECT_THAT(server.command({"CLIENT", "LIST"}), HasSubstr(" name=test "));
  });
}

TEST_F(RedisTls, AddressesAndWildcardsAreNames) {
  redis_server server(authority.issue("IP:127.0.0.1,DNS:*.localdomain"));
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url(server.tls_port(), authority.file(), "127.0.0.1")});
    EXPECT_TRUE(co_await db.alive(ctx));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(server)), HasSubstr("hostname mismatch"));
  });
}

TEST_F(RedisTls, TheSystemsAuthoritiesCountUnlessOthersAreNamed) {
  redis_server server(authority.issue("DNS:localhost"));
  const auto url = fmt::format("rediss://localhost:{}", server.tls_port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    EXPECT_THAT(
        co_await complaint_of(loop, ctx, url),
        HasSubstr("the certificate of localhost is not accepted: unable to get local issuer "
                  "certificate"));
    setenv("SSL_CERT_FILE", authority.file().c_str(), 1);  // which OpenSSL takes for the system's
    client db(loop, {.url = url});
    EXPECT_TRUE(co_await db.alive(ctx));
    unsetenv("SSL_CERT_FILE");
  });
}

TEST_F(RedisTls, ManyAtOnceKeepTheirRepliesApart) {
  redis_server server(authority.issue("DNS:localhost"));
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url(server)});
    int left = 2000;
    for (int i = 0; i < 2000; ++i) {
      asio::co_spawn(
          loop.executor(),
          [](client& c, const context& x, int n, int& l) -> task<> {
            const std::string text(static_cast<std::size_t>(n * 7 % 2'003), 'a');
            EXPECT_EQ((co_await c.run_read(x, echo, {}, {text})).text(), text);
            --l;
          }(db, ctx, i, left),
          asio::detached);
    }
    EXPECT_TRUE(co_await eventually([&] { return left == 0; }));
    EXPECT_THAT(server.command({"INFO", "clients"}), HasSubstr("connected_clients:2"));
  });
}

TEST_F(RedisTls, WhoIsNotTrustedIsToldWhy) {
  certificate_authority stranger;
  redis_server known(authority.issue("DNS:localhost"));
  redis_server elsewhere(authority.issue("DNS:redis.example.com,IP:127.0.0.1"));
  redis_server expired(authority.issue("DNS:localhost", -1h));
  run([&](event_loop& loop, const context& ctx) -> task<> {
    const auto refused = [](std::string_view why) {
      return AllOf(HasSubstr("the certificate of localhost is not accepted: "), HasSubstr(why));
    };
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(known.tls_port(), stranger.file())),
                refused("unable to get local issuer certificate"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(elsewhere)), refused("hostname mismatch"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(expired)), refused("certificate has expired"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(known.tls_port(), "/nowhere/ca.pem")),
                AllOf(HasSubstr("/nowhere/ca.pem"), HasSubstr("can't be read")));
    const auto no_certificate = authority.issue("DNS:localhost").key;
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(known.tls_port(), no_certificate)),
                HasSubstr("can't be read as certificates"));
  });
  for (auto* server : {&known, &elsewhere, &expired}) {
    EXPECT_EQ(server->command({"GET", "n"}), "(nil)");
  }
}

TEST_F(RedisTls, PasswordsAreForWhoIsTrusted) {
  certificate_authority stranger;
  redis_server server(authority.issue("DNS:localhost"));
  server.command({"ACL", "SETUSER", "shop", "on", ">se/cret", "~n", "+ping", "+incrby", "+evalsha",
                  "+eval", "+select"});
  server.command({"ACL", "SETUSER", "open", "on", "nopass", "~*", "+@all"});
  server.command({"ACL", "SETUSER", "default", "-@all", "+client", "+acl"});
  const auto as = [&](std::string_view credentials) {
    return url(server.tls_port(), authority.file(), "localhost", credentials);
  };
  run([&](event_loop& loop, const context& ctx) -> task<> {
    // Without the right to give its connection a name.
    client db(loop, {.url = as("shop:se%2Fcret@")});
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"2"})).integer(), 2);
    client open(loop, {.url = as("open@")});
    EXPECT_TRUE(co_await open.alive(ctx));
    EXPECT_THAT(server.command({"CLIENT", "LIST"}), HasSubstr(" user=open "));
    EXPECT_THAT(co_await complaint_of(loop, ctx, as("shop:guess@")),
                AllOf(HasSubstr("Redis refuses AUTH: WRONGPASS"), Not(HasSubstr("guess"))));
    EXPECT_THAT(co_await complaint_of(loop, ctx, as("nobody:x@")), HasSubstr("WRONGPASS"));
    client untrusting(loop,
                      {.url = url(server.tls_port(), stranger.file(), "localhost", "shop:x@")});
    EXPECT_FALSE(co_await untrusting.alive(ctx));
    // One line each for the two who guessed: the third never came so far as to say a password.
    EXPECT_THAT(server.command({"ACL", "LOG"}), Not(HasSubstr("entry-id\n2")));
  });
}

TEST_F(RedisTls, AServerMayWantToKnowItsClients) {
  certificate_authority of_clients;
  auto files = authority.issue("DNS:localhost");
  files.client_authorities = of_clients.file();
  redis_server server(files);
  const auto own = of_clients.issue("DNS:cart-service");
  const auto foreign = authority.issue("DNS:cart-service");
  run([&](event_loop& loop, const context& ctx) -> task<> {
    const auto with = [&](const fs::path& certificate, const fs::path& key) {
      return fmt::format("{}&sslcert={}&sslkey={}", url(server), certificate.string(),
                         key.string());
    };
    client db(loop, {.url = with(own.certificate, own.key)});
    EXPECT_TRUE(co_await db.alive(ctx));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(server)), HasSubstr("certificate required"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, with(foreign.certificate, foreign.key)),
                HasSubstr("alert"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, with(own.certificate, foreign.key)),
                AllOf(HasSubstr(foreign.key.string()), HasSubstr("can't be used")));
    EXPECT_THAT(co_await complaint_of(loop, ctx, with("/nowhere.pem", own.key)),
                HasSubstr("our certificate /nowhere.pem can't be read"));
  });
}

TEST_F(RedisTls, TheWrongSchemeIsToldAndDoesNotHang) {
  redis_server server(authority.issue("DNS:localhost"));
  run([&](event_loop& loop, const context& ctx) -> task<> {
    EXPECT_THAT(
        co_await complaint_of(loop, ctx, fmt::format("redis://localhost:{}", server.tls_port())),
        HasSubstr("where it speaks TLS, the URL is rediss://"));
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(server.port(), authority.file())),
                HasSubstr("no TLS handshake; does it speak TLS on this port?"));
    testing::postgres();  // answers at once, with something else
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(testing::postgres().port(), authority.file())),
                HasSubstr("no connection to Redis"));
  });
}

TEST_F(RedisTlsFaults, APeerThatSaysNothingCostsNoMoreThanTheTimeLimit) {
  redis_server server(authority.issue("DNS:localhost"));
  tcp_proxy proxy(server.tls_port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url(proxy.port(), authority.file())});
    EXPECT_TRUE(co_await db.alive(ctx));
    proxy.blackhole();
    auto begin = steady_clock::now();
    EXPECT_THROW(co_await db.run_read(ctx.with_time_limit(100ms), echo, {}, {"a"}),
                 deadline_exceeded);
    EXPECT_LT(since(begin), 300ms);
    proxy.cut();
    proxy.blackhole();
    EXPECT_THAT(co_await complaint_of(loop, ctx, url(proxy.port(), authority.file())),
                HasSubstr("no TLS handshake"));
    proxy.pass();
    co_await wait_alive(db, ctx);
    EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), 1);
  });
}

TEST_F(RedisTlsFaults, AnIdleConnectionThatIsCutCostsNothing) {
  redis_server server(authority.issue("DNS:localhost"));
  tcp_proxy proxy(server.tls_port());
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url(proxy.port(), authority.file())});
    for (int i = 1; i <= 10; ++i) {
      EXPECT_EQ((co_await db.run(ctx, add, {"n"}, {"1"})).integer(), i);
      i % 2 == 0 ? proxy.cut() : proxy.half_close();
      co_await sleep_for(20ms);
    }
  });
}

TEST_F(RedisTlsFaults, SurvivesARestartAlsoWithAnotherCertificate) {
  certificate_authority second;
  redis_server server(authority.issue("DNS:localhost"));
  const auto trusted = authority.file().parent_path() / "trusted.pem";
  fs::copy_file(authority.file(), trusted);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    client db(loop, {.url = url(server.tls_port(), trusted)});
    std::int64_t acknowledged = 0;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i) {
        acknowledged = (co_await db.run(ctx, add, {"n"}, {"1"})).integer();
      }
      server.kill9();
      EXPECT_THROW(co_await db.run(ctx, add, {"n"}, {"1"}), unavailable);
      EXPECT_FALSE(co_await db.alive(ctx));
      server.start();
      co_await wait_alive(db, ctx);
      EXPECT_EQ((co_await db.read(ctx, "get", {"GET", "n"})).text(), std::to_string(acknowledged));
    }
    // A certificate of another authority is refused until the file of those that count has it.
    server.kill9();
    server.use(second.issue("DNS:localhost"));
    server.start();
    EXPECT_THROW(co_await db.run(ctx, add, {"n"}, {"1"}), unavailable);
    co_await sleep_for(200ms);
    EXPECT_FALSE(co_await db.alive(ctx));
    fs::copy_file(second.file(), trusted, fs::copy_options::overwrite_existing);
    co_await wait_alive(db, ctx);
    EXPECT_EQ((co_await db.read(ctx, "get", {"GET", "n"})).text(), std::to_string(acknowledged));
  });
}

TEST_F(RedisTlsFaults, TheLoopMayEndInTheMiddleOfEverything) {
  redis_server server(authority.issue("DNS:localhost"));
  tcp_proxy proxy(server.tls_port());
  for (const auto pause : {0ms, 1ms, 3ms, 50ms}) {
    for (const bool silent : {false, true}) {
      silent ? proxy.blackhole() : proxy.pass();
      event_loop loop("test");
      const auto ctx = context::background("test", 60s);
      auto& db = loop.make<client>(loop, settings{.url = url(proxy.port(), authority.file())});
      loop.run_until_complete(
          [](event_loop& l, client& c, const context& x, std::chrono::milliseconds p) -> task<> {
            for (int i = 0; i < 5; ++i) {
              asio::co_spawn(
                  l.executor(),
                  [](client& d, const context& y) -> task<> {
                    co_await d.run_read(y, echo, {}, {std::string(1'000'000, 'x')});
                  }(c, x),
                  asio::detached);
            }
            if (p > 0ms) co_await sleep_for(p);
          }(loop, db, ctx, pause));
    }
  }
}

}  // namespace
}  // namespace souk::redis
