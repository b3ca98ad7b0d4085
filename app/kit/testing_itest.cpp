// The testing library itself, as far as the tests that use it don't show that it works.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "kit/testing/http.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/socket.hpp"
#include "kit/testing/stub.hpp"

namespace souk::testing {
namespace {

using namespace std::chrono_literals;

TEST(HttpStub, AnswersAsScriptedAndRecords) {
  http_stub stub;
  stub.on("GET", "/items/*", {.body = R"({"id":1})"});
  stub.on("GET", "/items/2", {{.status = 503}, {.status = 200, .body = "two"}});
  stub.on("POST", "/charges", [](const stub_request& r) {
    return stub_answer{.status = 201, .body = r.body, .headers = {{"X-Seen", r.header("x-key")}}};
  });
  EXPECT_EQ(http_call(stub.port(), "GET", "/items/1?a=b").body, R"({"id":1})");
  EXPECT_EQ(http_call(stub.port(), "GET", "/items/2").status, 503);
  EXPECT_EQ(http_call(stub.port(), "GET", "/items/2").body, "two");
  EXPECT_EQ(http_call(stub.port(), "GET", "/items/2").body, "two");
  EXPECT_EQ(http_call(stub.port(), "GET", "/items/1/more").status, 404);
  const auto made = http_call(stub.port(), "POST", "/charges", {{"X-Key", "k"}}, "{}");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("x-seen"), "k");
  EXPECT_EQ(stub.requests().size(), 6u);
  EXPECT_EQ(stub.requests("GET", "/items/*").at(0).query, "a=b");
}

TEST(HttpStub, DropsDelaysAndStops) {
  http_stub stub;
  stub.on("GET", "/dropped", {.drop = true});
  stub.on("GET", "/slow", {.delay = 10s});
  EXPECT_THROW(http_call(stub.port(), "GET", "/dropped"), std::runtime_error);
  EXPECT_THROW(http_call(stub.port(), "GET", "/slow", {}, {}, 100ms), std::runtime_error);
  std::thread waiting(
      [&] { EXPECT_THROW(http_call(stub.port(), "GET", "/slow"), std::runtime_error); });
  EXPECT_TRUE(stub.wait_for_requests(3, 5s));
  stub.stop();
  waiting.join();
  EXPECT_THROW(http_call(stub.port(), "GET", "/"), std::runtime_error);
  stub.start();
  EXPECT_EQ(http_call(stub.port(), "GET", "/").status, 404);
}

TEST(HttpStub, KeepsConnectionsAndReadsChunks) {
  http_stub stub;
  stub.on("POST", "/echo", [](const stub_request& r) { return stub_answer{.body = r.body}; });
  const auto answer =
      raw_http(stub.port(),
               "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
               "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
               "xyz");
  EXPECT_EQ(parse_http_answer(answer)->body, "abcde");
  EXPECT_THAT(answer, ::testing::EndsWith("xyz"));
}

TEST(HttpAnswer, IsParsed) {
  const auto a = parse_http_answer(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
      "Transfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n0\r\n\r\n");
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->header("content-type"), "text/plain");
  EXPECT_EQ(a->body, "Wiki");
  EXPECT_EQ(parse_http_answer("HTTP/1.1 200 OK\r\n\r\nto the end")->body, "to the end");
  EXPECT_FALSE(parse_http_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234"));
}

TEST(TcpProxy, PassesAndBreaks) {
  http_stub stub;
  stub.on("GET", "/", {.body = "hello"});
  tcp_proxy proxy(stub.port());
  const auto get = [&](std::chrono::milliseconds limit = 2s) {
    return http_call(proxy.port(), "GET", "/", {}, {}, limit).body;
  };
  EXPECT_EQ(get(), "hello");
  proxy.delay(50ms);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(get(), "hello");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
  proxy.refuse();
  EXPECT_THROW(get(), std::runtime_error);
  proxy.pass();
  EXPECT_EQ(get(), "hello");
  proxy.blackhole();
  EXPECT_THROW(get(100ms), std::runtime_error);
  proxy.pass();
  EXPECT_EQ(get(), "hello");
  EXPECT_TRUE(stub.wait_for_requests(5, 5s));  // what was held back comes, too
  stub.forget_requests();
  proxy.lose_request("GET /");
  EXPECT_THROW(get(), std::runtime_error);
  EXPECT_TRUE(proxy.has_struck());
  EXPECT_EQ(stub.requests().size(), 0u);
  proxy.lose_answer("GET /");
  EXPECT_THROW(get(), std::runtime_error);
  EXPECT_TRUE(proxy.has_struck());
  EXPECT_EQ(stub.requests().size(), 1u);
  EXPECT_EQ(get(), "hello");
}

// What a stream of 1,000 bytes is turned into.
class TcpProxyFaults : public ::testing::Test {
 protected:
  TcpProxyFaults() {
    stub_.on("GET", "/", {.body = std::string(1000, 'x')});
    stub_.on("POST", "/", [](const stub_request& r) { return stub_answer{.body = r.body}; });
  }
  std::string get(std::chrono::milliseconds limit = 5s) {
    return http_call(proxy_.port(), "GET", "/", {}, {}, limit).body;
  }
  // An open connection that has been used.
  socket_handle connected() {
    auto s = connect_to(proxy_.port());
    ask(s);
    EXPECT_TRUE(heard(s, "xxx"));
    return s;
  }
  static void ask(const socket_handle& s) {
    EXPECT_TRUE(send_all(s.fd(), "GET / HTTP/1.1\r\n\r\n", std::chrono::steady_clock::now() + 5s));
  }
  static bool heard(const socket_handle& s, std::string_view what) {
    std::string all;
    const auto until = std::chrono::steady_clock::now() + 2s;
    while (receive_some(s.fd(), all, until) > 0) {
      if (all.ends_with(what)) return true;
    }
    return false;
  }

  http_stub stub_;
  tcp_proxy proxy_{stub_.port()};
};

TEST_F(TcpProxyFaults, JitterKeepsTheOrder) {
  proxy_.delay(0ms, 40ms);
  const auto s = connect_to(proxy_.port());
  std::string body;
  for (int i = 0; i < 50; ++i) body += fmt::format("{:03} ", i);
  const auto until = std::chrono::steady_clock::now() + 10s;
  send_all(s.fd(), fmt::format("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.size()),
           until);
  for (std::size_t at = 0; at < body.size(); at += 4) {
    send_all(s.fd(), body.substr(at, 4), until);
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(heard(s, body));
  EXPECT_EQ(proxy_.touched(), 1u);
}

TEST_F(TcpProxyFaults, ThrottleIsSlowAndLosesNothing) {
  proxy_.throttle(2000);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(get().size(), 1000u);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 400ms);
  proxy_.pass();
  const auto again = std::chrono::steady_clock::now();
  EXPECT_EQ(get().size(), 1000u);
  EXPECT_LT(std::chrono::steady_clock::now() - again, 400ms);
}

TEST_F(TcpProxyFaults, ManyConnectionsAreServedAtOnce) {
  proxy_.throttle(4000);
  std::vector<std::thread> all;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) all.emplace_back([&] { EXPECT_EQ(get(10s).size(), 1000u); });
  for (auto& t : all) t.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  EXPECT_EQ(proxy_.touched(), 20u);
  EXPECT_EQ(proxy_.accepted(), 20u);
}

TEST_F(TcpProxyFaults, CutAfterBytesLetsThoseBytesThrough) {
  proxy_.cut_after(30);
  EXPECT_EQ(raw_http(proxy_.port(), "GET / HTTP/1.1\r\n\r\n").size(), 30u);
  EXPECT_EQ(proxy_.touched(), 1u);
  const auto open = connect_to(proxy_.port());
  proxy_.cut_after(100'000);
  ask(open);
  EXPECT_TRUE(heard(open, "xxx"));
  EXPECT_EQ(proxy_.touched(), 0u);
  proxy_.cut_after(1);
  ask(open);
  EXPECT_FALSE(heard(open, "xxx"));
  proxy_.pass();
  EXPECT_EQ(get().size(), 1000u);
}

TEST_F(TcpProxyFaults, HalfClosedByTheServer) {
  const auto s = connected();
  proxy_.half_close();
  EXPECT_EQ(proxy_.touched(), 1u);
  std::string rest;
  EXPECT_EQ(receive_some(s.fd(), rest, std::chrono::steady_clock::now() + 2s), 0);
  stub_.forget_requests();
  ask(s);  // still arrives
  EXPECT_TRUE(stub_.wait_for_requests(1, 2s));
  EXPECT_EQ(get().size(), 1000u);
}

TEST_F(TcpProxyFaults, HalfClosedByTheClient) {
  const auto s = connected();
  stub_.forget_requests();
  proxy_.half_close_clients();
  EXPECT_EQ(proxy_.touched(), 1u);
  ask(s);  // in vain; the server, which saw the end, closes its side
  EXPECT_FALSE(heard(s, "xxx"));
  EXPECT_EQ(stub_.requests().size(), 0u);
  EXPECT_EQ(get().size(), 1000u);
}

TEST_F(TcpProxyFaults, TouchedCountsWhoWasHit) {
  EXPECT_EQ(proxy_.touched(), 0u);
  proxy_.cut();
  EXPECT_EQ(proxy_.touched(), 0u);
  const auto idle = connected(), busy = connected();
  proxy_.blackhole();
  EXPECT_EQ(proxy_.touched(), 0u);
  ask(busy);
  EXPECT_FALSE(heard(busy, "xxx"));
  EXPECT_EQ(proxy_.touched(), 1u);
  proxy_.pass();
  EXPECT_TRUE(heard(busy, "xxx"));  // what was held back comes
  proxy_.refuse();
  EXPECT_EQ(proxy_.touched(), 2u);
  EXPECT_THROW(get(), std::runtime_error);
  proxy_.pass();
  proxy_.lose_answer("GET /");
  proxy_.lose_answer("");
  EXPECT_EQ(get().size(), 1000u);
  EXPECT_FALSE(proxy_.has_struck());
}

// A connection that the server cannot take yet must not hold up the others.
TEST(TcpProxy, WaitsForAServerWhoseQueueIsFull) {
  socket_handle full(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(full.fd(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(listen(full.fd(), 0), 0);
  tcp_proxy proxy(port_of(full));
  std::vector<socket_handle> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(connect_to(proxy.port()));
  std::this_thread::sleep_for(50ms);
  const auto begin = std::chrono::steady_clock::now();
  proxy.cut();
  EXPECT_EQ(proxy.touched(), 8u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 500ms);
}

TEST(Via, ReplacesThePort) {
  EXPECT_EQ(via("postgresql://u:p@127.0.0.1:5432/db?sslmode=disable", 1),
            "postgresql://u:p@127.0.0.1:1/db?sslmode=disable");
  EXPECT_EQ(via("redis://:secret@127.0.0.1:6379", 2), "redis://:secret@127.0.0.1:2");
}

bool refused(int port) {
  try {
    raw_http(static_cast<std::uint16_t>(port), "", 10ms);
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

// Runs this test in a second process, which starts both servers, tells their ports and is killed.
TEST(Servers, EndWithTheirProcessHoweverItEnds) {
  constexpr const char* mark = "SOUK_TEST_SERVERS_OUT";
  if (const char* out = std::getenv(mark)) {
    const auto ports = fmt::format("{},{}\n", postgres().port(), redis().port());
    ASSERT_EQ(write(std::atoi(out), ports.data(), ports.size()),
              static_cast<ssize_t>(ports.size()));
    while (true) pause();
  }
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    setenv(mark, std::to_string(ends[1]).c_str(), 1);
    execl("/proc/self/exe", "tests", "--gtest_filter=Servers.EndWithTheirProcessHoweverItEnds",
          nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string line;
  for (char c = 0; read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
  close(ends[0]);
  const auto comma = line.find(',');
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_NE(comma, line.npos) << line;
  const int postgres_port = std::stoi(line), redis_port = std::stoi(line.substr(comma + 1));
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!(refused(postgres_port) && refused(redis_port)) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_TRUE(refused(postgres_port));
  EXPECT_TRUE(refused(redis_port));
}

}  // namespace
}  // namespace souk::testing
