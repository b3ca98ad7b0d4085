#include "redis_link.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "carts.hpp"
#include "kit/testing/certificates.hpp"
#include "kit/testing/sandbox.hpp"
#include "kit/testing/servers.hpp"

namespace souk::backup {
namespace {

using namespace std::chrono_literals;
using testing::certificate_authority;
using ::testing::HasSubstr;
using testing::redis_server;

std::string why_not(const std::string& url) {
  const auto begin = std::chrono::steady_clock::now();
  try {
    redis_link link(url, 500ms);
    link.ask({"PING"});
  } catch (const std::runtime_error& e) {
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    return e.what();
  }
  ADD_FAILURE() << "it was accepted";
  return "";
}

struct over_tls : ::testing::Test {
  certificate_authority authority;
  redis_server server{authority.issue("DNS:localhost")};
  std::string url(std::string_view host = "localhost", std::string_view credentials = "") {
    return fmt::format("rediss://{}{}:{}/2?sslrootcert={}", credentials, host, server.tls_port(),
                       authority.file().string());
  }
};

TEST_F(over_tls, asks_and_is_answered) {
  redis_link link(url(), 5s);
  EXPECT_EQ(link.ask({"PING"}).text, "PONG");
  // More than the sockets' buffers hold, both ways.
  const std::string large(300'000, 'x');
  std::vector<redis_link::words> commands;
  for (int i = 0; i < 20; ++i) {
    commands.push_back({"SET", std::to_string(i), large});
    commands.push_back({"GET", std::to_string(i)});
  }
  const auto got = link.ask_all(commands);
  for (std::size_t i = 1; i < got.size(); i += 2) EXPECT_EQ(got[i].text, large);
  EXPECT_THROW(link.ask({"NONSENSE"}), std::runtime_error);
  EXPECT_EQ(link.ask({"DBSIZE"}).number, 20);
  server.command({"ACL", "SETUSER", "shop", "on", ">se/cret", "~*", "+@all"});
  EXPECT_EQ(redis_link(url("localhost", "shop:se%2Fcret@"), 5s).ask({"ACL", "WHOAMI"}).text,
            "shop");
  server.kill9();
  EXPECT_THROW(link.ask({"PING"}), std::runtime_error);
  EXPECT_THROW(link.ask({"PING"}), std::runtime_error);
}

TEST_F(over_tls, carts_are_copied_and_loaded) {
  redis_link link(url(), 5s);
  const std::string user = "01a205d4-c7a3-797d-88ff-96abbb2e64f1";
  link.ask({"HSET", "cart:{" + user + "}", "revision", "r1"});
  const auto file = testing::sandbox::instance().make_folder("carts", "") / "carts.jsonl";
  cart_copier copier(url(), file);
  copier.prepare();
  copier.hold(2s);
  copier.finish();
  EXPECT_TRUE(copier.exact());
  EXPECT_EQ(copier.close().carts, 1);
  link.ask({"FLUSHALL"});
  EXPECT_EQ(load_carts(url(), file).carts, 1);
  EXPECT_EQ(link.ask({"HGET", "cart:{" + user + "}", "revision"}).text, "r1");
}

TEST_F(over_tls, who_is_not_trusted_is_told_why) {
  certificate_authority stranger;
  EXPECT_THAT(why_not(url("127.0.0.1")),
              HasSubstr("the certificate of 127.0.0.1 is not accepted: IP address mismatch"));
  EXPECT_THAT(why_not(fmt::format("rediss://localhost:{}?sslrootcert={}", server.tls_port(),
                                  stranger.file().string())),
              HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(why_not(url("localhost", ":guess@")), HasSubstr("Redis refused AUTH"));
  EXPECT_THAT(why_not(fmt::format("rediss://localhost:{}?sslrootcert={}", server.port(),
                                  authority.file().string())),
              HasSubstr("does it speak TLS on this port?"));
  EXPECT_THAT(why_not(fmt::format("redis://localhost:{}", server.tls_port())),
              HasSubstr("the connection to Redis is lost"));
}

TEST_F(over_tls, a_server_that_says_nothing_costs_no_more_than_the_limit) {
  redis_link link(url(), 300ms);
  server.pause();
  const auto begin = std::chrono::steady_clock::now();
  try {
    link.ask({"PING"});
    ADD_FAILURE() << "it was answered";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("no answer in time"));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  server.resume();
}

}  // namespace
}  // namespace souk::backup
