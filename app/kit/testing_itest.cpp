// The testing library itself, as far as the tests that use it don't show that it works.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "kit/testing/http.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/servers.hpp"
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
