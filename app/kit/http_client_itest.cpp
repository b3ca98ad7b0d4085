#include "kit/http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <thread>

#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/socket.hpp"
#include "kit/testing/stub.hpp"

namespace souk::http {
namespace {

using namespace std::chrono_literals;
using souk::testing::http_stub;
using souk::testing::stub_answer;
using souk::testing::tcp_proxy;
using ::testing::HasSubstr;

struct item {
  std::string name;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(item, (), (name, count))

struct missing_line {
  std::string product;
};
BOOST_DESCRIBE_STRUCT(missing_line, (), (product))

// A callee behind a proxy that breaks connections on request.
struct callee {
  callee() : proxy(stub.port()) {
    stub.on("GET", "/things/1", {.body = R"({"name":"one","count":1,"newer":true})"});
    stub.on("POST", "/things", {.status = 201, .body = R"({"name":"two","count":2})"});
  }
  upstream address() const {
    return {.name = "things", .url = "http://127.0.0.1:" + std::to_string(proxy.port())};
  }
  http_stub stub;
  tcp_proxy proxy;
};

// What a call that fails threw.
task<std::optional<call_failed>> failure_of(client& c, const context& ctx, call what) {
  try {
    co_await c.send(ctx, std::move(what));
  } catch (const call_failed& f) {
    co_return f;
  }
  co_return std::nullopt;
}

// Runs the calls side by side and waits for all; gives back how many ended with an answer.
task<int> together(event_loop& loop, client& c, const context& ctx, int count, call what) {
  struct progress {
    int ended = 0, answered = 0;
  };
  auto p = std::make_shared<progress>();
  for (int i = 0; i < count; ++i) {
    loop.spawn("call",
               [](client& to, context with, call one, std::shared_ptr<progress> counts) -> task<> {
                 try {
                   co_await to.send(with, std::move(one));
                   ++counts->answered;
                 } catch (const std::exception&) {
                 }
                 ++counts->ended;
               }(c, ctx, what, p));
  }
  co_await souk::testing::eventually([p, count] { return p->ended == count; }, 30s);
  co_return p->answered;
}

TEST(http_client, reads_answers_and_refusals) {
  callee to;
  to.stub.on("POST", "/things",
             {.status = 409,
              .body = R"({"type":"/problems/out-of-stock","title":"t",
                                   "detail":"some","missing":[{"product":"p","extra":1}]})",
              .content_type = "application/problem+json"});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    const auto one = co_await c.call_for<item>(ctx, get("/things/1?full=true"));
    EXPECT_TRUE(one.has_value());
    EXPECT_EQ(one->name, "one");

    const auto refusal = co_await c.call_for<item>(ctx, post("/things", item{.name = "x"}));
    EXPECT_FALSE(refusal.has_value());
    EXPECT_EQ(refusal.error().status, 409);
    EXPECT_EQ(refusal.error().type, "out-of-stock");
    EXPECT_EQ(refusal.error().detail, "some");
    const auto missing = refusal.error().extension<std::vector<missing_line>>("missing");
    EXPECT_TRUE(missing && missing->size() == 1 && missing->front().product == "p");
    EXPECT_FALSE(refusal.error().extension<std::string>("missing").has_value());
    EXPECT_FALSE(refusal.error().extension<std::string>("other").has_value());
  });
  const auto requests = to.stub.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].query, "full=true");
  EXPECT_EQ(requests[1].body, R"({"name":"x","count":0})");
  EXPECT_EQ(requests[1].header("Content-Type"), "application/json");
  EXPECT_EQ(to.proxy.accepted(), 1u) << "the connection is kept";
}

TEST(http_client, an_answer_that_is_not_what_was_agreed_is_a_failure) {
  callee to;
  to.stub.on("GET", "/things/1", {.body = R"({"name":1})"});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    bool thrown = false;
    try {
      co_await c.call_for<item>(ctx, get("/things/1"));
    } catch (const call_failed& f) {
      thrown = !f.never_sent;
    }
    EXPECT_TRUE(thrown);
  });
}

TEST(http_client, passes_on_what_belongs_to_the_request) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& background) -> task<> {
    context ctx = background.with_time_limit(1500ms);
    ctx.trace = *trace_context::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    ctx.request_id = "the-request";
    ctx.bucket = "42";
    auto address = to.address();
    address.headers = {{"Souk-Service", "order:secret"}};
    client c(loop, address);
    co_await c.send(ctx, post("/things", item{}).header("Idempotency-Key", "k1").within(10s));
  });
  const auto sent = to.stub.requests().at(0);
  EXPECT_THAT(sent.header("traceparent"), HasSubstr("00-0af7651916cd43dd8448eb211c80319c-"));
  EXPECT_EQ(sent.header("X-Request-Id"), "the-request");
  EXPECT_EQ(sent.header("x-souk-bucket"), "42");
  EXPECT_EQ(sent.header("Souk-Service"), "order:secret");
  EXPECT_EQ(sent.header("Idempotency-Key"), "k1");
  EXPECT_EQ(sent.header("Host"), "127.0.0.1:" + std::to_string(to.proxy.port()));
  const int time_left = std::stoi(sent.header("Souk-Deadline-Ms"));
  EXPECT_GT(time_left, 500);
  EXPECT_LE(time_left, 1500);
}

TEST(http_client, refuses_what_could_not_stand_in_a_request) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    for (const char* path : {"", "things", "/a b", "/a\r\nX: y", "/a#b", "/\xc3\xa4"}) {
      bool thrown = false;
      try {
        co_await c.send(ctx, get(path));
      } catch (const std::invalid_argument&) {
        thrown = true;
      }
      EXPECT_TRUE(thrown) << path;
    }
    bool thrown = false;
    try {
      co_await c.send(ctx, get("/a").header("X-A", "b\r\nX-C: d"));
    } catch (const std::invalid_argument&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    co_await c.send(ctx, get("/things/1"));  // and is none the worse for it
  });
  EXPECT_EQ(to.stub.requests().size(), 1u);
  EXPECT_EQ(url_encode("a b/c?d=\xc3\xa4&~"), "a%20b%2Fc%3Fd%3D%C3%A4%26~");
  EXPECT_THROW(client(*std::make_unique<event_loop>("test"), {.name = "x", .url = "ftp://x"}),
               std::invalid_argument);
}

TEST(http_client, keeps_to_its_number_of_connections) {
  callee to;
  to.stub.on("GET", "/things/1", {.delay = 30ms});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    auto address = to.address();
    address.max_connections = 2;
    client c(loop, address);
    const int answered = co_await together(loop, c, ctx, 10, get("/things/1"));
    EXPECT_EQ(answered, 10);
  });
  EXPECT_EQ(to.proxy.accepted(), 2u);
}

TEST(http_client, lets_few_wait_for_a_connection_and_none_for_too_long) {
  callee to;
  to.stub.on("GET", "/things/1", {.delay = 400ms});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    auto address = to.address();
    address.max_connections = 1;
    address.max_waiting = 1;
    client c(loop, address);
    const auto began = steady_clock::now();
    const int answered = co_await together(loop, c, ctx, 5, get("/things/1").within(600ms));
    EXPECT_EQ(answered, 1) << "one waited in vain, three were refused at once";
    EXPECT_LT(steady_clock::now() - began, 2s);
    const auto later = co_await c.send(ctx, get("/things/1"));
    EXPECT_EQ(later.status, 200) << "the pool is whole again";
  });
}

TEST(http_client, gives_up_when_the_time_of_the_call_is_over) {
  callee to;
  to.stub.on("GET", "/slow", {.delay = 1s});
  to.stub.on("POST", "/slow", {.delay = 1s});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    const auto began = steady_clock::now();
    const auto read = co_await failure_of(c, ctx, get("/slow").within(150ms));
    EXPECT_TRUE(read && !read->never_sent);
    const auto write = co_await failure_of(c, ctx, post("/slow", item{}).within(150ms));
    EXPECT_TRUE(write && !write->never_sent) << "whether it was done is not known";
    EXPECT_LT(steady_clock::now() - began, 2s);
    const bool closed =
        co_await souk::testing::eventually([&] { return to.proxy.open_connections() == 0; });
    EXPECT_TRUE(closed) << "a late answer must not meet the next request";
  });
  EXPECT_EQ(to.stub.requests().size(), 2u);
}

TEST(http_client, tells_apart_whose_time_is_over) {
  callee to;
  to.stub.on("GET", "/slow", {.delay = 1s});
  to.stub.on("POST", "/slow", {.delay = 1s});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    bool over = false;
    try {
      co_await c.send(ctx.with_time_limit(100ms), get("/slow"));
    } catch (const deadline_exceeded&) {
      over = true;
    }
    EXPECT_TRUE(over);
    const auto write = co_await failure_of(c, ctx.with_time_limit(100ms), post("/slow", item{}));
    EXPECT_TRUE(write && !write->never_sent);
    const auto unsent = co_await failure_of(c, ctx.with_time_limit(0ms), post("/slow", item{}));
    EXPECT_TRUE(unsent && unsent->never_sent);

    auto address = to.address();
    address.max_connections = 1;
    client narrow(loop, address);
    loop.spawn("slow call", [](client& slow, context with) -> task<> {
      co_await failure_of(slow, with, get("/slow").within(500ms));
    }(narrow, ctx));
    co_await sleep_for(20ms);
    over = false;
    try {
      co_await narrow.send(ctx.with_time_limit(50ms), get("/things/1"));
    } catch (const deadline_exceeded&) {
      over = true;
    }
    EXPECT_TRUE(over) << "also while waiting for a connection";
    const auto waited =
        co_await failure_of(narrow, ctx.with_time_limit(50ms), post("/things", item{}));
    EXPECT_TRUE(waited && waited->never_sent);
    EXPECT_EQ((co_await narrow.send(ctx, get("/things/1"))).status, 200);
  });
}

TEST(http_client, connects_anew_within_the_time_of_a_call_when_the_first_packet_was_lost) {
  // Whoever comes while a listener's queue is full gets no answer, as from a node that is gone.
  const auto listener = souk::testing::listen_on(0);
  ASSERT_EQ(::listen(listener.fd(), 0), 0);
  const auto port = souk::testing::port_of(listener);
  std::vector<souk::testing::socket_handle> others;
  for (int i = 0; i < 4; ++i) others.push_back(souk::testing::begin_connect(port));
  std::atomic<bool> served = false;
  const std::jthread later([&] {
    std::this_thread::sleep_for(250ms);
    const auto until = steady_clock::now() + 5s;
    while (!served) {
      pollfd ready{.fd = listener.fd(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 3'000) != 1) break;
      const souk::testing::socket_handle peer(::accept(listener.fd(), nullptr, nullptr));
      std::string request;
      if (souk::testing::receive_some(peer.fd(), request, steady_clock::now() + 20ms) <= 0)
        continue;
      served = souk::testing::send_all(peer.fd(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                                       until);
    }
  });
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, {.name = "things", .url = "http://127.0.0.1:" + std::to_string(port)});
    EXPECT_EQ((co_await c.send(ctx, get("/things/1").within(1s))).status, 200);
  });
}

TEST(http_client, does_not_lose_a_request_on_a_connection_that_was_closed_while_idle) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    for (int i = 0; i < 3; ++i) {
      const auto a = co_await c.send(ctx, post("/things", item{}));
      EXPECT_EQ(a.status, 201);
      to.proxy.cut();
      co_await sleep_for(20ms);
    }
  });
  EXPECT_EQ(to.stub.requests().size(), 3u);
}

TEST(http_client, repeats_a_read_but_no_write_that_a_kept_connection_swallowed) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    co_await c.send(ctx, get("/things/1"));
    to.proxy.lose_request("GET /things/1");
    const auto again = co_await c.send(ctx, get("/things/1"));
    EXPECT_EQ(again.status, 200);
    to.proxy.lose_request("POST /things");
    const auto lost = co_await failure_of(c, ctx, post("/things", item{}));
    EXPECT_TRUE(lost && !lost->never_sent);
  });
  EXPECT_EQ(to.stub.requests("GET", "/things/1").size(), 2u);
  EXPECT_EQ(to.stub.requests("POST", "/things").size(), 0u);
}

TEST(http_client, repeats_a_read_but_no_write_whose_answer_was_lost) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    to.proxy.lose_answer("GET /things/1");
    const auto again = co_await c.send(ctx, get("/things/1"));
    EXPECT_EQ(again.status, 200);
    to.proxy.lose_answer("POST /things");
    const auto lost = co_await failure_of(c, ctx, post("/things", item{}));
    EXPECT_TRUE(lost && !lost->never_sent);
  });
  EXPECT_EQ(to.stub.requests("GET", "/things/1").size(), 2u);
  EXPECT_EQ(to.stub.requests("POST", "/things").size(), 1u);
}

TEST(http_client, repeats_reads_that_a_callee_could_not_serve_unless_told_when_to_come_back) {
  callee to;
  to.stub.on("GET", "/things/1", std::vector<stub_answer>{{.status = 503}, {.status = 200}});
  to.stub.on("GET", "/busy", {.status = 503, .headers = {{"Retry-After", "1"}}});
  to.stub.on("GET", "/broken", {.status = 500});
  to.stub.on("POST", "/things", {.status = 503});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    EXPECT_EQ((co_await c.send(ctx, get("/things/1"))).status, 200);
    const auto busy = co_await failure_of(c, ctx, get("/busy"));
    EXPECT_TRUE(busy && !busy->never_sent);
    EXPECT_TRUE(co_await failure_of(c, ctx, get("/broken")));
    EXPECT_TRUE(co_await failure_of(c, ctx, post("/things", item{})));
  });
  EXPECT_EQ(to.stub.requests("GET", "/things/1").size(), 2u);
  EXPECT_EQ(to.stub.requests("GET", "/busy").size(), 1u);
  EXPECT_EQ(to.stub.requests("GET", "/broken").size(), 1u);
  EXPECT_EQ(to.stub.requests("POST", "/things").size(), 1u);
}

TEST(http_client, takes_4xx_as_answers_but_429_as_failure) {
  callee to;
  to.stub.on("GET", "/limited", {.status = 429});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    EXPECT_EQ((co_await c.send(ctx, get("/unknown"))).status, 404);
    EXPECT_TRUE(co_await failure_of(c, ctx, get("/limited")));
  });
}

TEST(http_client, gives_every_answer_as_it_is_to_who_judges_the_callee) {
  callee to;
  to.stub.on("GET", "/broken", {.status = 500, .body = "oops"});
  to.stub.on("GET", "/busy", {.status = 503, .headers = {{"Retry-After", "7"}}});
  to.stub.on("GET", "/limited", {.status = 429});
  to.stub.on("GET", "/lost", {.drop = true});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    auto address = to.address();
    address.as_it_is = true;
    client c(loop, address);
    // More failures in a row than a breaker lets pass.
    for (int i = 0; i < 30; ++i) {
      const auto broken = co_await c.send(ctx, get("/broken"));
      EXPECT_EQ(broken.status, 500);
      EXPECT_EQ(broken.body, "oops");
      EXPECT_FALSE(broken.retry_after);
    }
    EXPECT_EQ((co_await c.send(ctx, get("/busy"))).retry_after, 7s);
    EXPECT_EQ((co_await c.send(ctx, get("/limited"))).status, 429);
    EXPECT_TRUE(co_await failure_of(c, ctx, get("/lost")));
  });
  EXPECT_EQ(to.stub.requests("GET", "/busy").size(), 1u);
  EXPECT_EQ(to.stub.requests("GET", "/lost").size(), 1u);
}

TEST(http_client, tells_the_status_of_the_answer_that_was_the_failure) {
  callee to;
  to.stub.on("GET", "/limited", {.status = 429});
  to.stub.on("GET", "/gone", {.status = 410});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    const auto limited = co_await failure_of(c, ctx, get("/limited"));
    EXPECT_TRUE(limited && limited->status == 429);
    int gone = 0;
    try {
      co_await c.stream_lines(ctx, get("/gone"), [](std::string_view) {});
    } catch (const call_failed& f) {
      gone = f.status;
    }
    EXPECT_EQ(gone, 410);
  });
}

TEST(http_client, knows_that_a_request_was_never_sent) {
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    const auto port = std::to_string(souk::testing::free_port());
    client nobody(loop, {.name = "nobody", .url = "http://127.0.0.1:" + port});
    const auto refused = co_await failure_of(nobody, ctx, post("/things", item{}));
    EXPECT_TRUE(refused && refused->never_sent);
    client unknown(loop, {.name = "unknown", .url = "http://no-such-host.invalid:80"});
    const auto began = steady_clock::now();
    const auto unresolved = co_await failure_of(unknown, ctx, post("/things", item{}));
    EXPECT_TRUE(unresolved && unresolved->never_sent);
    EXPECT_LT(steady_clock::now() - began, 1500ms);
  });
}

TEST(http_client, resolves_names) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop,
             {.name = "things", .url = "http://localhost:" + std::to_string(to.proxy.port())});
    EXPECT_EQ((co_await c.send(ctx, get("/things/1"))).status, 200);
  });
  EXPECT_THAT(to.stub.requests().at(0).header("Host"), HasSubstr("localhost:"));
}

TEST(http_client, leaves_a_callee_alone_that_fails_and_finds_out_when_it_is_back) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    to.proxy.refuse();
    for (int i = 0; i < 5; ++i) co_await failure_of(c, ctx, post("/things", item{}));
    EXPECT_THAT(telemetry::metrics_text(),
                HasSubstr("souk_breaker_state{upstream=\"things\"} 2\n"));
    const auto began = steady_clock::now();
    for (int i = 0; i < 100; ++i) {
      const auto f = co_await failure_of(c, ctx, post("/things", item{}));
      EXPECT_TRUE(f && f->never_sent);
    }
    EXPECT_LT(steady_clock::now() - began, 500ms);

    co_await sleep_for(2100ms);  // a probe, which fails
    co_await failure_of(c, ctx, post("/things", item{}));
    to.proxy.pass();
    const auto closed = co_await failure_of(c, ctx, post("/things", item{}));
    EXPECT_TRUE(closed && closed->never_sent);
    co_await sleep_for(2100ms);
    EXPECT_EQ((co_await c.send(ctx, post("/things", item{}))).status, 201);
    EXPECT_EQ((co_await c.send(ctx, post("/things", item{}))).status, 201);
    EXPECT_THAT(telemetry::metrics_text(),
                HasSubstr("souk_breaker_state{upstream=\"things\"} 0\n"));
  });
  EXPECT_EQ(to.stub.requests().size(), 2u);
}

TEST(http_client, a_probe_that_was_given_up_makes_room_for_the_next) {
  using namespace boost::asio::experimental::awaitable_operators;
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    to.proxy.refuse();
    for (int i = 0; i < 5; ++i) co_await failure_of(c, ctx, post("/things", item{}));
    to.proxy.blackhole();
    co_await sleep_for(2100ms);
    co_await (c.send(ctx, get("/things/1")) || sleep_for(50ms));
    to.proxy.pass();
    co_await sleep_for(2100ms);
    EXPECT_EQ((co_await c.send(ctx, get("/things/1"))).status, 200);
  });
}

TEST(http_client, closes_the_connection_of_a_call_that_was_given_up) {
  using namespace boost::asio::experimental::awaitable_operators;
  callee to;
  to.stub.on("GET", "/slow", {.delay = 2s});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    auto address = to.address();
    address.max_connections = 1;
    client c(loop, address);
    co_await (c.send(ctx, get("/slow")) || sleep_for(50ms));
    const bool closed =
        co_await souk::testing::eventually([&] { return to.proxy.open_connections() == 0; });
    EXPECT_TRUE(closed);
    // One who waits for a connection can be given up as well.
    loop.spawn("slow call", [](client& slow, context with) -> task<> {
      co_await failure_of(slow, with, get("/slow").within(500ms));
    }(c, ctx));
    co_await sleep_for(20ms);
    co_await (c.send(ctx, get("/things/1")) || sleep_for(50ms));
    EXPECT_EQ((co_await c.send(ctx, get("/things/1"))).status, 200);
  });
}

TEST(http_client, repeats_no_more_than_its_budget_allows) {
  callee to;
  // Good calls in between keep the breaker closed.
  to.stub.on("GET", "/bad", {.status = 503});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    for (int i = 0; i < 60; ++i) {
      co_await failure_of(c, ctx, get("/bad"));
      for (int j = 0; j < 4; ++j) co_await c.send(ctx, get("/things/1"));
    }
  });
  // 10 are saved up, and a tenth of 300 calls earned.
  EXPECT_GT(to.stub.requests("GET", "/bad").size(), 60u + 10u);
  EXPECT_LE(to.stub.requests("GET", "/bad").size(), 60u + 10u + 30u);
}

TEST(http_client, bounds_the_size_of_an_answer) {
  callee to;
  to.stub.on("GET", "/large", {.body = std::string(9 * 1024 * 1024, 'x')});
  to.stub.on("GET", "/not-so-large", {.body = std::string(7 * 1024 * 1024, 'x')});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    EXPECT_TRUE(co_await failure_of(c, ctx, get("/large")));
    EXPECT_EQ((co_await c.send(ctx, get("/not-so-large"))).body.size(), 7u * 1024 * 1024);
  });
}

TEST(http_client, gives_the_entity_tag_without_quotes) {
  callee to;
  to.stub.on("GET", "/things/1", {.headers = {{"ETag", "\"17\""}}});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    EXPECT_EQ((co_await c.send(ctx, get("/things/1"))).etag, "17");
  });
}

TEST(http_client, reads_lines_piece_by_piece) {
  callee to;
  std::string body;
  for (int i = 0; i < 20'000; ++i) body += "{\"n\":" + std::to_string(i) + "}\n";
  to.stub.on("GET", "/books", {.body = body + "{\"end\":true}"});
  to.stub.on("GET", "/long", {.body = std::string(2 * 1024 * 1024, 'x')});
  to.stub.on("GET", "/none", {.body = ""});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    std::vector<std::string> lines;
    const auto take = [&](std::string_view line) { lines.emplace_back(line); };
    co_await c.stream_lines(ctx, get("/books"), take);
    EXPECT_EQ(lines.size(), 20'001u);
    EXPECT_EQ(lines.at(12'345), "{\"n\":12345}");
    EXPECT_EQ(lines.back(), "{\"end\":true}");

    lines.clear();
    co_await c.stream_lines(ctx, get("/none"), take);
    EXPECT_TRUE(lines.empty());
    for (const char* path : {"/long", "/unknown"}) {
      bool failed = false;
      try {
        co_await c.stream_lines(ctx, get(path), take);
      } catch (const call_failed&) {
        failed = true;
      }
      EXPECT_TRUE(failed) << path;
    }
    EXPECT_TRUE(lines.empty());
  });
}

TEST(http_client, notices_lines_that_break_off) {
  callee to;
  std::string body;
  for (int i = 0; i < 200'000; ++i) body += "{\"n\":" + std::to_string(i) + "}\n";
  to.stub.on("GET", "/books", {.body = body});
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    client c(loop, to.address());
    int lines = 0;
    bool failed = false;
    try {
      co_await c.stream_lines(ctx, get("/books"), [&](std::string_view) {
        if (++lines == 100) to.proxy.cut();
      });
    } catch (const call_failed&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
    EXPECT_LT(lines, 200'000);
  });
}

TEST(http_client, counts_calls_by_how_they_ended) {
  callee to;
  souk::testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    auto address = to.address();
    address.name = "counted";
    client c(loop, address);
    co_await c.send(ctx, get("/things/1"));
    co_await c.send(ctx, get("/unknown"));
    to.proxy.refuse();
    co_await failure_of(c, ctx, post("/things", item{}));
  });
  const std::string text = telemetry::metrics_text();
  for (const char* labels : {"method=\"GET\",outcome=\"ok\"", "method=\"GET\",outcome=\"refused\"",
                             "method=\"POST\",outcome=\"failed\""}) {
    EXPECT_THAT(text, HasSubstr("http_client_request_duration_seconds_count{" +
                                std::string(labels) + ",upstream=\"counted\"} 1\n"));
  }
}

}  // namespace
}  // namespace souk::http
