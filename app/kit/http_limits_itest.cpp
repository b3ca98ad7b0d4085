// What the server does at the limits that keep it alive.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "kit/health.hpp"
#include "kit/http_server.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/socket.hpp"

namespace souk::http {
namespace {

using namespace std::chrono_literals;
using testing::http_call;
using testing::socket_handle;

struct thing {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(thing, (), (name))

struct limits : ::testing::Test {
  event_loop loop{"test-service"};
  health state{loop};
  std::unique_ptr<server> running;
  std::thread thread;
  std::vector<socket_handle> idle;

  void start(server_limits l) {
    add_operator_routes(loop, state, "Test");
    const auto answer = [](context&, request<>) -> task<response<thing>> { co_return thing{"x"}; };
    loop.routes().on<request<>, thing>({method::get, "/open", "", anyone}, answer);
    loop.routes().on<request<>, thing>({method::post, "/open", "", anyone}, answer);
    loop.routes().on<request<none, none, thing>, thing>(
        {.method = method::post,
         .path = "/full",
         .summary = "",
         .who = shopper,
         .key = idempotency::required,
         .refuse_early = [](const header_view& head) -> std::optional<problem> {
           if (head.get("idempotency-key") == "known") return std::nullopt;
           return problems::overloaded(3s);
         }},
        [](context&, request<none, none, thing> in) -> task<response<thing>> {
          co_return in.body;
        });
    running = std::make_unique<server>(loop, server_settings{.limits = l});
    thread = std::thread([this] { loop.run_until_complete(running->serve()); });
  }
  ~limits() override {
    idle.clear();
    running->drain(0ms, 1s);
    thread.join();
    running.reset();
  }

  void open_idle(std::size_t n) {
    for (; n > 0; --n) idle.push_back(testing::connect_to(running->port()));
  }
  std::string raw(std::string_view bytes, std::chrono::milliseconds limit = 5s) {
    return testing::raw_http(running->port(), bytes, limit);
  }
};

template <class Condition>
bool soon(Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto end = steady_clock::now() + limit;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

// Of all servers of this process.
double metric(std::string_view name) {
  const auto text = telemetry::metrics_text();
  const auto series = fmt::format("\n{}{{", name);
  double sum = 0;
  for (auto at = text.find(series); at != std::string::npos; at = text.find(series, at + 1)) {
    sum += std::stod(text.substr(text.find("} ", at) + 2));
  }
  return sum;
}

constexpr std::string_view probe = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(limits, of_connections_leave_room_for_operators) {
  start({.connections = 4});
  open_idle(4);
  const auto port = running->port();
  EXPECT_EQ(http_call(port, "GET", "/health/live").status, 200);
  EXPECT_EQ(http_call(port, "GET", "/metrics").status, 200);
  for (const auto* method : {"GET", "POST"}) {
    const auto refused = http_call(port, method, "/open");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.header("content-type"), "application/problem+json");
    EXPECT_THAT(refused.body, ::testing::HasSubstr("/problems/overloaded"));
    EXPECT_EQ(refused.header("retry-after"), "1");
  }
  // One answer, then it is closed, whatever the client would like.
  const auto answers = raw(fmt::format("{}{}", probe, probe));
  EXPECT_THAT(answers, ::testing::StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answers, ::testing::HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(answers.find("HTTP/1.1", 1), std::string::npos);

  idle.pop_back();
  EXPECT_TRUE(soon([&] { return http_call(port, "GET", "/open").status == 200; }));
}

TEST_F(limits, of_the_room_for_operators_are_told_without_a_body) {
  start({.connections = 4});
  open_idle(4 + 64);
  const auto full = raw(probe);
  EXPECT_THAT(full, ::testing::StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(full, ::testing::HasSubstr("Content-Length: 0\r\n"));
  // Who takes this room and says nothing does not keep it.
  EXPECT_TRUE(soon([&] { return raw(probe).starts_with("HTTP/1.1 200"); }, 5s));
}

TEST_F(limits, of_a_route_are_told_before_anything_else_is_looked_at) {
  start({});
  const auto port = running->port();
  const auto refused_before = metric("souk_requests_refused_total");
  for (const auto* body : {"{}", "nonsense"}) {
    const auto refused =
        http_call(port, "POST", "/full",
                  {{"Authorization", "Bearer nonsense"}, {"Idempotency-Key", "new"}}, body);
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.header("retry-after"), "3");
    EXPECT_THAT(refused.body, ::testing::HasSubstr("/problems/overloaded"));
  }
  EXPECT_EQ(http_call(port, "POST", "/full", {{"Idempotency-Key", "known"}}, "{}").status, 401);
  EXPECT_EQ(metric("souk_requests_refused_total") - refused_before, 2);
  // The refused body is out of the way of the next request.
  const auto answers =
      raw("POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
          "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answers, ::testing::StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answers, ::testing::HasSubstr("HTTP/1.1 200"));
}

}  // namespace
}  // namespace souk::http
