// The server of one event loop, as seen from the network: every test talks to it through sockets.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "kit/http_client.hpp"
#include "kit/http_server.hpp"
#include "kit/keys.hpp"
#include "kit/postgres.hpp"
#include "kit/redis.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/http.hpp"

namespace souk::http {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::http_answer;
using testing::http_call;
using testing::http_headers;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// ---------------------------------------------------------------------------------------------
// A connection that sends what it is told, and nothing else.

class wire {
 public:
  explicit wire(std::uint16_t port, int receive_buffer = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd_ < 0) throw std::runtime_error("no socket");
    if (receive_buffer > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~wire() { close(); }
  wire(const wire&) = delete;
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool connected() const { return connected_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // What can be sent until `limit` passes without progress.
  std::size_t send_while_taken(std::string_view bytes, std::chrono::milliseconds limit) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      pollfd p{fd_, POLLOUT, 0};
      if (::poll(&p, 1, static_cast<int>(limit.count())) <= 0) break;
      const auto n =
          ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }

  // Waits for more bytes; false at the end or when nothing comes in time.
  bool receive(std::chrono::milliseconds limit = 10s) {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(limit.count())) <= 0) return false;
    char buffer[65536];
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) {
      closed_ = true;
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  // Waits until `text` has come; gives back everything up to its end.
  std::string until(std::string_view text, std::chrono::milliseconds limit = 10s) {
    std::size_t at;
    while ((at = received_.find(text)) == std::string::npos)
      if (!receive(limit)) return std::exchange(received_, {});
    std::string out = received_.substr(0, at + text.size());
    received_.erase(0, at + text.size());
    return out;
  }
  // The next answer with a Content-Length (or none).
  http_answer answer(bool to_head = false) {
    http_answer out;
    const std::string head = until("\r\n\r\n");
    if (head.size() < 12) return out;
    out.status = std::stoi(head.substr(9, 3));
    for (std::size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
      const auto end = head.find("\r\n", at), colon = head.find(':', at);
      out.headers.emplace_back(head.substr(at, colon - at),
                               head.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    const auto length = out.header("content-length");
    const std::size_t size = to_head || length.empty() ? 0 : std::stoul(length);
    while (received_.size() < size && receive()) {
    }
    out.body = received_.substr(0, size);
    received_.erase(0, size);
    return out;
  }
  http_answer ask(std::string_view request) {
    send(request);
    return answer();
  }
  bool closed_within(std::chrono::milliseconds limit) {
    const auto end = steady_clock::now() + limit;
    while (!closed_ && steady_clock::now() < end) receive(20ms);
    return closed_;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

std::string get(std::string_view path, std::string_view more = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", path, more);
}

std::string post(std::string_view path, std::string_view body, std::string_view more = "") {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n{}\r\n{}",
      path, body.size(), more, body);
}

// ---------------------------------------------------------------------------------------------
// A server with a route for everything that a handler may do.

struct thing {
  std::string id;
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(thing, (), (id, number))

struct by_id {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(by_id, (), (id))

struct by_name {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(by_name, (), (name))

struct page {
  std::optional<json::integer<1, 100>> limit;
};
BOOST_DESCRIBE_STRUCT(page, (), (limit))

struct new_thing {
  json::text<1, 10> name;
  json::integer<1, 1000> quantity;
};
BOOST_DESCRIBE_STRUCT(new_thing, (), (name, quantity))

const std::string some_id = "0190b0b0-0000-7000-8000-000000000001";

// What handlers do, seen from the test.
struct probe {
  std::atomic<int> calls = 0, ended = 0, writes_done = 0, streams = 0, client_gone = 0;
  std::atomic<std::size_t> uploaded = 0;
  std::atomic<bool> take_upload = true, events_open = true;
  std::atomic<bool> cancelled = false;
  std::atomic<std::int64_t> time_left_ms = -1;
};

struct counts_end {
  explicit counts_end(std::atomic<int>& n) : n(n) {}
  ~counts_end() { ++n; }
  std::atomic<int>& n;
};

using none_in = request<>;

task<response<thing>> get_thing(probe& p, context&, request<by_id, page> in) {
  ++p.calls;
  co_return thing{in.path.id.str(), in.query.limit ? in.query.limit->value : 0};
}

task<response<thing>> make_thing(probe& p, context&, request<by_id, none, new_thing> in) {
  ++p.calls;
  co_return thing{in.idempotency_key + "/" + in.if_match.value_or("-"), in.body.quantity};
}

task<response<thing>> who_am_i(context& ctx, none_in in) {
  constexpr std::string_view kinds[] = {"nobody", "shopper", "admin", "service"};
  auto out =
      response<thing>(thing{std::string(kinds[static_cast<int>(ctx.who.what)]) + " " + ctx.who.id});
  co_return std::move(out)
      .header("X-Trace", ctx.trace.trace_id_hex())
      .header("X-Bucket", ctx.bucket)
      .header("X-Client", std::string(in.headers->client_address()))
      .header("X-Custom", std::string(in.headers->get("x-CUSTOM").value_or("")));
}

task<response<thing>> fail(request<by_name> in) {
  const auto& what = in.path.name;
  if (what == "unavailable") throw pg::unavailable("the password is hunter2");
  if (what == "unknown") throw pg::unknown_outcome("the password is hunter2");
  if (what == "redis") throw redis::unavailable("the password is hunter2");
  if (what == "call") throw call_failed("inventory", "the password is hunter2", true);
  if (what == "deadline") throw deadline_exceeded();
  if (what == "shutdown") throw pg::error("57P01", "", "the password is hunter2");
  if (what == "full") throw pg::error("53300", "", "the password is hunter2");
  if (what == "serialization") throw pg::error("40001", "", "the password is hunter2");
  if (what == "deadlock") throw pg::error("40P01", "", "the password is hunter2");
  if (what == "syntax") throw pg::error("42601", "", "the password is hunter2");
  if (what == "logic") throw std::logic_error("the password is hunter2");
  if (what == "strange") throw 42;
  if (what == "header") co_return response<thing>(thing{}).header("X-Bad", "a\r\nSet-Cookie: b");
  if (what == "conflict")
    co_return problem{.status = 409, .type = "out-of-stock"}.with("left", 3).header("X-More",
                                                                                    "yes");
  co_return problems::not_found();
}

task<response<thing>> slow_read(probe& p, context& ctx) {
  ++p.calls;
  counts_end end(p.ended);
  p.time_left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(ctx.time_left()).count();
  try {
    co_await sleep_for(5s);
  } catch (const std::exception&) {
    p.cancelled = true;
    throw;
  }
  co_return thing{};
}

task<response<thing>> slow_write(probe& p, context& ctx) {
  ++p.calls;
  p.time_left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(ctx.time_left()).count();
  co_await sleep_for(500ms);
  ++p.writes_done;
  co_return thing{"written", 1};
}

task<response<thing>> take(probe& p, body_stream& body) {
  ++p.calls;
  counts_end end(p.ended);
  while (!p.take_upload) co_await sleep_for(5ms);
  while (auto piece = co_await body.read()) p.uploaded += piece->size();
  co_return thing{"uploaded", static_cast<std::int64_t>(p.uploaded)};
}

task<std::optional<problem>> lines(request<none, page> in, response_stream& out) {
  const auto n = in.query.limit ? in.query.limit->value : 3;
  if (n == 100) co_return problems::not_found();
  out.header("X-Lines", std::to_string(n));
  for (int i = 0; i < n; ++i) co_await out.write(fmt::format("{{\"n\":{}}}\n", i));
  if (n == 50) throw std::runtime_error("in the middle");
  co_return std::nullopt;
}

task<std::optional<problem>> endless(probe& p, response_stream& out) {
  counts_end end(p.ended);
  const std::string line(10'000, 'x');
  while (!out.draining()) {
    co_await out.write(line);
    ++p.streams;
  }
  co_return std::nullopt;
}

task<std::optional<problem>> events(probe& p, executor on, event_stream& out) {
  counts_end end(p.ended);
  signal never(on);
  int n = 0;
  if (auto last = out.last_event_id()) n = std::stoi(std::string(*last));
  ++p.streams;
  try {
    do {
      if (n < 3) {
        ++n;
        co_await out.send(std::to_string(n), "tick", fmt::format("{{\"n\":{}}}\nmore", n));
      }
      if (!p.events_open) co_return std::nullopt;
    } while (co_await out.wait(never, steady_clock::now() + 20ms));
  } catch (const std::exception&) {
    ++p.client_gone;
    throw;
  }
  co_return std::nullopt;
}

struct serving : ::testing::Test {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("souk-http-" + random_hex(8));
  server_settings settings;
  probe p;
  std::unique_ptr<event_loop> loop;
  std::unique_ptr<server> running;
  std::thread thread;
  std::optional<security::signer> signer;

  serving() {
    telemetry::get_counter("http_itest_runs", "so that there is a metric").add();
    std::filesystem::create_directory(folder);
    const auto key = security::private_key::generate();
    security::key_set keys;
    keys.add(key.public_part());
    std::ofstream(folder / "keys.jwks") << keys.jwks();
    std::ofstream(folder / "key.pem") << key.pem();
    signer.emplace(folder / "key.pem", "souk", "souk");
    settings.sessions = std::make_shared<security::verifier>(
        security::token_settings{folder / "keys.jwks", "souk", "souk"});
    settings.callers = security::accepted_callers("order=" + security_hash("order-secret") +
                                                  ";cart=" + security_hash("cart-secret"));
    settings.public_origins = {"http://shop.example"};
    settings.instance = "test";
  }
  ~serving() override {
    stop();
    std::filesystem::remove_all(folder);
  }

  static std::string security_hash(std::string_view secret) {
    return hex_encode(security::sha256(secret));
  }

  std::uint16_t start() {
    loop = std::make_unique<event_loop>("test-service");
    add_routes(loop->routes());
    running = std::make_unique<server>(*loop, settings);
    thread = std::thread([this] { loop->run_until_complete(running->serve()); });
    return running->port();
  }
  void stop() {
    if (!thread.joinable()) return;
    p.events_open = false;
    p.take_upload = true;
    running->drain(0ms, 1s);
    thread.join();
    running.reset();
    loop.reset();
  }

  void add_routes(router& r) {
    const executor on = loop->executor();
    const auto who = [](context& c, none_in in) { return who_am_i(c, std::move(in)); };
    r.on<request<by_id, page>, thing>(
        {method::get, "/things/{id}", "A thing", anyone},
        [this](context& c, request<by_id, page> in) { return get_thing(p, c, std::move(in)); });
    const auto make = [this](context& c, request<by_id, none, new_thing> in) {
      return make_thing(p, c, std::move(in));
    };
    r.on<request<by_id, none, new_thing>, thing>({.method = method::post,
                                                  .path = "/things/{id}",
                                                  .summary = "Makes a thing",
                                                  .who = anyone,
                                                  .key = idempotency::optional,
                                                  .max_body = 1000},
                                                 make);
    r.on<request<by_id, none, new_thing>, thing>({.method = method::put,
                                                  .path = "/things/{id}",
                                                  .summary = "Changes a thing",
                                                  .who = anyone,
                                                  .key = idempotency::required,
                                                  .if_match = true},
                                                 make);
    r.on<none_in, thing>({method::get, "/open", "", anyone}, who);
    r.on<none_in, thing>({method::post, "/open", "", anyone}, who);
    r.on<none_in, thing>({method::get, "/shopper", "", shopper}, who);
    r.on<none_in, thing>({method::post, "/shopper", "", shopper}, who);
    r.on<none_in, thing>({method::get, "/admin", "", admin}, who);
    r.on<none_in, thing>({method::post, "/admin", "", admin}, who);
    r.on<none_in, thing>({method::get, "/both", "", shopper | admin}, who);
    r.on<none_in, thing>({method::get, "/order-only", "", service("order")}, who);
    r.on<none_in, thing>({method::get, "/operator", "", operators}, who);
    r.on<request<by_name>, thing>(
        {method::get, "/fail/{name}", "", anyone},
        [](context&, request<by_name> in) { return fail(std::move(in)); });
    r.on<none_in, thing>({.method = method::get,
                          .path = "/slow",
                          .summary = "",
                          .who = anyone | service("order"),
                          .time_limit = 700ms},
                         [this](context& c, none_in) { return slow_read(p, c); });
    r.on<none_in, thing>({method::post, "/slow", "", anyone},
                         [this](context& c, none_in) { return slow_write(p, c); });
    r.on<none_in, thing>(
        {method::get, "/big", "", anyone}, [](context&, none_in) -> task<response<thing>> {
          static const auto body = std::make_shared<const std::string>(8 * 1024 * 1024, 'b');
          co_return encoded{body, "text/plain"};
        });
    r.on_upload<none_in, thing>(
        {.method = method::post,
         .path = "/upload",
         .summary = "",
         .who = anyone,
         .max_body = 64 * 1024 * 1024},
        [this](context&, none_in, body_stream& body) { return take(p, body); });
    r.on_stream<request<none, page>, thing>(
        {method::get, "/lines", "", anyone},
        [](context&, request<none, page> in, response_stream& out) {
          return lines(std::move(in), out);
        });
    r.on_stream<none_in, thing>(
        {method::get, "/endless", "", anyone},
        [this](context&, none_in, response_stream& out) { return endless(p, out); });
    r.on_events<none_in>(
        {method::get, "/events", "", anyone},
        [this, on](context&, none_in, event_stream& out) { return events(p, on, out); });
  }

  std::string token(std::string subject, bool is_admin = false) {
    return signer->sign(
        {std::move(subject), is_admin,
         std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count() + 60});
  }

  template <class Condition>
  static bool eventually(Condition condition, std::chrono::milliseconds limit = 10s) {
    const auto end = steady_clock::now() + limit;
    while (!condition()) {
      if (steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
};

void expect_problem(const http_answer& a, int status, std::string_view type) {
  EXPECT_EQ(a.status, status) << a.body;
  EXPECT_EQ(a.header("content-type"), "application/problem+json");
  EXPECT_THAT(a.body, HasSubstr(fmt::format("\"type\":\"/problems/{}\"", type)));
  EXPECT_THAT(a.body, ::testing::ContainsRegex("\"trace_id\":\"[0-9a-f]{32}\""));
  EXPECT_EQ(a.header("cache-control"), "no-store");
  EXPECT_THAT(a.header("x-request-id"), Not(IsEmpty()));
}

// ---------------------------------------------------------------------------------------------
// The protocol.

TEST_F(serving, connections_are_kept_alive) {
  wire w(start());
  for (int i = 1; i <= 3; ++i) {
    const auto a = w.ask(get(fmt::format("/things/{}?limit={}", some_id, i)));
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(a.header("content-type"), "application/json");
    EXPECT_EQ(a.body, fmt::format("{{\"id\":\"{}\",\"number\":{}}}", some_id, i));
    EXPECT_EQ(a.header("connection"), "");
    EXPECT_THAT(a.header("date"), ::testing::ContainsRegex("^[A-Z][a-z]{2}, .* GMT$"));
  }
  EXPECT_EQ(w.ask(get("/nowhere")).status, 404);
  EXPECT_EQ(w.ask(get("/open", "Connection: close\r\n")).header("connection"), "close");
  EXPECT_TRUE(w.closed_within(5s));
}

TEST_F(serving, pipelined_requests_are_answered_in_order) {
  wire w(start());
  std::string all;
  for (int i = 1; i <= 50; ++i) {
    all += get(fmt::format("/things/{}?limit={}", some_id, i));
    all += post("/things/" + some_id, fmt::format(R"({{"name":"x","quantity":{}}})", 100 + i));
  }
  w.send(all);
  for (int i = 1; i <= 50; ++i) {
    EXPECT_THAT(w.answer().body, HasSubstr(fmt::format("\"number\":{}}}", i)));
    EXPECT_THAT(w.answer().body, HasSubstr(fmt::format("\"number\":{}}}", 100 + i)));
  }
}

TEST_F(serving, requests_may_come_in_any_pieces) {
  wire w(start());
  for (char c : post("/things/" + some_id, R"({"name":"x","quantity":7})")) {
    w.send({&c, 1});
    std::this_thread::sleep_for(100us);
  }
  EXPECT_THAT(w.answer().body, HasSubstr("\"number\":7}"));
}

TEST_F(serving, http_1_0_is_spoken) {
  const auto port = start();
  wire closing(port);
  EXPECT_EQ(closing.ask("GET /open HTTP/1.0\r\n\r\n").header("connection"), "close");
  EXPECT_TRUE(closing.closed_within(5s));
  wire kept(port);
  const std::string request = "GET /open HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.ask(request).header("connection"), "keep-alive");
  EXPECT_EQ(kept.ask(request).status, 200);
  const auto stream = testing::raw_http(port, "GET /lines HTTP/1.0\r\n\r\n");
  EXPECT_THAT(stream, HasSubstr("\r\n\r\n{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"));
  EXPECT_THAT(stream, Not(HasSubstr("chunked")));
}

TEST_F(serving, malformed_requests_get_a_problem_and_the_connection_is_closed) {
  const auto port = start();
  const std::string body = R"({"name":"x","quantity":1})";
  const auto posted = [&](std::string_view fields, std::string_view rest) {
    return fmt::format(
        "POST /things/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{}\r\n{}",
        some_id, fields, rest);
  };
  const std::vector<std::tuple<std::string, std::string, int>> requests{
      {"garbage", "nonsense\r\n\r\n", 400},
      {"binary", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400},
      {"space in target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/0.9", "GET /open HTTP/0.9\r\n\r\n", 505},
      {"bare LF", "GET /open HTTP/1.1\nHost: x\n\n\r\n\r\n", 400},
      {"no Host", "GET /open HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET /open HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"field without name", "GET /open HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400},
      {"space before colon", "GET /open HTTP/1.1\r\nHost : x\r\n\r\n", 400},
      {"folded field", "GET /open HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", 400},
      {"NUL in field", std::string("GET /open HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n", 41), 400},
      {"two Authorizations",
       "GET /open HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer "
       "b\r\n\r\n",
       400},
      {"Content-Length twice", posted("Content-Length: 25\r\nContent-Length: 25\r\n", body), 400},
      {"Content-Length differs", posted("Content-Length: 25\r\nContent-Length: 5\r\n", body), 400},
      {"Content-Length list", posted("Content-Length: 25, 25\r\n", body), 400},
      {"Content-Length negative", posted("Content-Length: -25\r\n", body), 400},
      {"Content-Length with sign", posted("Content-Length: +25\r\n", body), 400},
      {"Content-Length hexadecimal", posted("Content-Length: 0x19\r\n", body), 400},
      {"Content-Length empty", posted("Content-Length: \r\n", body), 400},
      {"Content-Length beyond 64 bits", posted("Content-Length: 99999999999999999999999\r\n", body),
       400},
      {"length, then chunked",
       posted("Content-Length: 25\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunked, then length",
       posted("Transfer-Encoding: chunked\r\nContent-Length: 25\r\n", "0\r\n\r\n"), 400},
      {"chunked twice",
       posted("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"another encoding", posted("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400},
      {"identity encoding", posted("Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 400},
      {"encoding in disguise", posted("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400},
      {"encoding in HTTP/1.0",
       "POST /upload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"bad chunk size", posted("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"), 400},
      {"negative chunk size", posted("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"),
       400},
      {"huge chunk size", posted("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n"),
       400},
      {"chunk longer than it says",
       posted("Transfer-Encoding: chunked\r\n", "2\r\n{}{}\r\n0\r\n\r\n"), 400},
      {"target in absolute form", "GET http://x/open HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"target *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"authority form", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"fragment", "GET /open#a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"header of 17 KB", get("/open", "X-A: " + std::string(17 * 1024, 'a') + "\r\n"), 431},
      {"target of 17 KB", get("/" + std::string(17 * 1024, 'a')), 431},
      {"header of 20 KB in all",
       get("/open?" + std::string(10 * 1024, 'a'), "X-A: " + std::string(10 * 1024, 'a') + "\r\n"),
       431},
      {"endless field name", "GET /open HTTP/1.1\r\n" + std::string(100'000, 'a'), 431},
      {"endless target", "GET /" + std::string(100'000, 'a'), 431},
  };
  for (const auto& [name, bytes, status] : requests) {
    SCOPED_TRACE(name);
    // What is hidden behind must not be answered.
    const std::string received =
        testing::raw_http(port, bytes + get("/open", "Connection: close\r\n"));
    const auto a = testing::parse_http_answer(received);
    ASSERT_TRUE(a) << received;
    EXPECT_EQ(a->status, status) << a->body;
    EXPECT_EQ(a->header("content-type"), "application/problem+json");
    EXPECT_THAT(a->body, ::testing::ContainsRegex("\"trace_id\":\"[0-9a-f]{32}\""));
    if (name.starts_with("target ") || name == "authority form" || name == "fragment") continue;
    EXPECT_EQ(a->header("connection"), "close");
    EXPECT_EQ(received.find("HTTP/1.1 2"), std::string::npos) << received;
  }
  EXPECT_EQ(p.calls, 0);
}

TEST_F(serving, bad_encodings_in_path_and_query_are_the_clients_fault) {
  const auto port = start();
  for (const char* path :
       {"/fail/%", "/fail/%zz", "/fail/%00", "/fail/%ff", "/fail/%ed%a0%80", "/%c0%af", "/open?%zz",
        "/open?a=%zz", "/things/x?limit=%00", "/open?%00=1"}) {
    SCOPED_TRACE(path);
    expect_problem(http_call(port, "GET", path), 400, "bad-request");
  }
}

TEST_F(serving, chunked_bodies_are_read_and_trailers_pass_for_nothing) {
  wire w(start());
  EXPECT_THAT(
      w.ask(fmt::format("POST /things/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; "
                        "charset=utf-8\r\nTransfer-Encoding: Chunked\r\n\r\n"
                        "5;ext=\"1\"\r\n{{\"nam\r\n14\r\ne\":\"x\",\"quantity\":7}}\r\n0\r\n"
                        "Idempotency-Key: sneaked\r\n\r\n",
                        some_id))
          .body,
      HasSubstr(R"("id":"/-","number":7)"));
  EXPECT_EQ(w.ask(get("/open")).status, 200);
}

TEST_F(serving, a_large_body_is_refused_before_it_is_read) {
  const auto port = start();
  wire early(port);
  early.send(
      fmt::format("POST /things/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Content-Length: 1000000000\r\n\r\n",
                  some_id));
  auto a = early.answer();
  expect_problem(a, 413, "too-large");
  EXPECT_EQ(a.header("connection"), "close");
  // A client that sends all the same still gets to read why.
  const auto sent = http_call(port, "POST", "/things/" + some_id, {}, std::string(300'000, 'a'));
  expect_problem(sent, 413, "too-large");
  wire whole(port);
  whole.send(
      fmt::format("POST /things/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Content-Length: 8000000\r\n\r\n",
                  some_id));
  EXPECT_TRUE(whole.send(std::string(8'000'000, 'a')));
  expect_problem(whole.answer(), 413, "too-large");
  wire chunked(port);
  chunked.send(
      fmt::format("POST /things/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n",
                  some_id));
  for (int i = 0; i < 20; ++i) chunked.send("64\r\n" + std::string(100, 'a') + "\r\n");
  expect_problem(chunked.answer(), 413, "too-large");
  EXPECT_EQ(p.calls, 0);
}

TEST_F(serving, a_refused_request_leaves_a_small_body_behind_without_harm) {
  wire w(start());
  const std::string hidden = get("/open");
  EXPECT_EQ(w.ask(post("/nowhere", hidden)).status, 404);
  EXPECT_EQ(w.ask(post("/admin", hidden)).status, 401);
  EXPECT_EQ(w.ask(get("/things/" + some_id + "?limit=5")).status, 200);
}

TEST_F(serving, bodies_must_be_json_and_say_so) {
  const auto port = start();
  const std::string body = R"({"name":"x","quantity":1})", path = "/things/" + some_id;
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonp"})
    expect_problem(http_call(port, "POST", path, {{"Content-Type", type}}, body), 415,
                   "unsupported-media-type");
  for (const char* type : {"", "Content-Type:\r\n"})
    expect_problem(
        wire(port).ask(fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}",
                                   path, body.size(), type, body)),
        415, "unsupported-media-type");
  EXPECT_EQ(
      http_call(port, "POST", path, {{"Content-Type", "Application/JSON;charset=utf-8"}}, body)
          .status,
      200);
  expect_problem(http_call(port, "POST", path, {{"Content-Encoding", "gzip"}}, body), 415,
                 "unsupported-media-type");
  expect_problem(http_call(port, "POST", path), 400, "bad-request");
  expect_problem(http_call(port, "POST", path, {}, std::string(500, '[')), 400, "bad-request");
  expect_problem(http_call(port, "POST", path, {}, "{\"name\":\"\xff\",\"quantity\":1}"), 400,
                 "bad-request");
  expect_problem(http_call(port, "POST", path, {}, std::string("{\0}", 3)), 400, "bad-request");
  expect_problem(http_call(port, "GET", path, {}, body), 400, "bad-request");
}

TEST_F(serving, asks_a_client_that_waits_to_go_on) {
  const auto port = start();
  const std::string body = R"({"name":"x","quantity":9})";
  const auto head = [&](std::string_view path, std::size_t length) {
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\nExpect: 100-Continue\r\n\r\n",
        path, length);
  };
  wire w(port);
  w.send(head("/things/" + some_id, body.size()));
  EXPECT_EQ(w.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(w.ask(body).body, HasSubstr("\"number\":9"));
  // Whoever is refused is not asked; whether the body comes then nobody knows.
  wire refused(port);
  const auto a = refused.ask(head("/things/" + some_id, 5000));
  expect_problem(a, 413, "too-large");
  EXPECT_EQ(a.header("connection"), "close");
  expect_problem(http_call(port, "POST", "/things/" + some_id, {{"Expect", "tea"}}, body), 417,
                 "expectation-failed");
}

TEST_F(serving, slow_clients_are_given_up) {
  settings.limits.header_time = 300ms;
  settings.limits.body_time = 300ms;
  settings.limits.idle_time = 400ms;
  const auto port = start();
  {
    wire silent(port);
    EXPECT_TRUE(silent.closed_within(3s));
  }
  {
    wire w(port);
    w.send("GET /open HTTP/1.1\r\n");
    std::atomic<bool> stop = false;
    std::thread drip([&] {
      while (!stop && w.send("X-A: b\r\n")) std::this_thread::sleep_for(20ms);
    });
    expect_problem(w.answer(), 408, "too-slow");
    EXPECT_TRUE(w.closed_within(5s));
    stop = true;
    drip.join();
  }
  {
    wire w(port);
    w.send(
        fmt::format("POST /things/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    "Content-Length: 900\r\n\r\n{{",
                    some_id));
    std::atomic<bool> stop = false;
    std::thread drip([&] {
      while (!stop && w.send(" ")) std::this_thread::sleep_for(20ms);
    });
    expect_problem(w.answer(), 408, "too-slow");
    stop = true;
    drip.join();
  }
  EXPECT_EQ(p.calls, 0);
  EXPECT_EQ(http_call(port, "GET", "/open").status, 200);
}

TEST_F(serving, readers_that_do_not_read_are_given_up) {
  settings.limits.write_time = 300ms;
  settings.limits.rate = 100'000'000;
  const auto port = start();
  wire w(port, 4096);
  w.send(get("/endless"));
  ASSERT_TRUE(eventually([&] { return p.ended == 1; }));
  EXPECT_EQ(http_call(port, "GET", "/open").status, 200);
}

TEST_F(serving, large_answers_reach_slow_readers_whole) {
  const auto port = start();
  wire w(port, 4096);
  w.send(get("/big"));
  std::this_thread::sleep_for(100ms);
  const auto a = w.answer();
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("content-type"), "text/plain");
  EXPECT_EQ(a.body.size(), 8u * 1024 * 1024);
  EXPECT_EQ(w.ask(get("/open")).status, 200);
}

TEST_F(serving, more_connections_than_allowed_are_refused) {
  settings.limits.connections = 3;
  const auto port = start();
  wire a(port), b(port), c(port);
  EXPECT_EQ(a.ask(get("/open")).status, 200);
  EXPECT_EQ(b.ask(get("/open")).status, 200);
  EXPECT_EQ(c.ask(get("/open")).status, 200);
  wire d(port);
  EXPECT_EQ(d.ask(get("/open")).status, 503);
  EXPECT_TRUE(d.closed_within(5s));
  a.close();
  EXPECT_TRUE(eventually([&] {
    wire again(port);
    return again.ask(get("/open")).status == 200;
  }));
}

// ---------------------------------------------------------------------------------------------
// Routes.

TEST_F(serving, head_is_get_without_the_body) {
  wire w(start());
  const auto whole = w.ask(get("/things/" + some_id));
  w.send("HEAD /things/" + some_id + " HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto a = w.answer(true);
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("content-length"), std::to_string(whole.body.size()));
  w.send("HEAD /fail/x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(w.answer(true).status, 404);
  w.send("HEAD /lines HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto stream = w.answer(true);
  EXPECT_EQ(stream.header("x-lines"), "3");
  EXPECT_EQ(stream.header("transfer-encoding"), "chunked");
  EXPECT_THAT(w.ask(get("/open")).body, HasSubstr("nobody"));
}

TEST_F(serving, wrong_methods_and_paths_are_told_apart) {
  const auto port = start();
  for (const char* m : {"DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get"}) {
    const auto a = http_call(port, m, "/things/" + some_id);
    expect_problem(a, 405, "method-not-allowed");
    EXPECT_EQ(a.header("allow"), "GET, HEAD, POST, PUT");
  }
  expect_problem(http_call(port, "GET", "/upload"), 405, "method-not-allowed");
  EXPECT_EQ(http_call(port, "HEAD", "/upload").status, 405);
  expect_problem(http_call(port, "BREW", "/coffee"), 404, "not-found");
  expect_problem(http_call(port, "GET", "/things/" + some_id + "/"), 404, "not-found");
}

TEST_F(serving, every_wrong_part_is_named_at_once) {
  const auto a = http_call(
      start(), "PUT", "/things/1?more=2",
      {{"Idempotency-Key", "with space"}, {"If-Match", "W/\"1\""}, {"Souk-Deadline-Ms", "soon"}},
      R"({"quantity":-1,"extra":true})");
  expect_problem(a, 400, "bad-request");
  for (const char* where :
       {R"({"header":"Idempotency-Key",)", R"({"header":"If-Match",)",
        R"({"header":"Souk-Deadline-Ms",)", R"({"parameter":"id",)", R"({"parameter":"more",)",
        R"({"pointer":"/quantity",)", R"({"pointer":"/extra",)", R"({"pointer":"/name",)"})
    EXPECT_THAT(a.body, HasSubstr(where));
}

TEST_F(serving, conditions_are_read_strictly) {
  const auto port = start();
  const std::string path = "/things/" + some_id, body = R"({"name":"x","quantity":1})";
  const auto put = [&](http_headers h) { return http_call(port, "PUT", path, h, body); };
  EXPECT_THAT(put({{"Idempotency-Key", "k-1"}, {"If-Match", "\"7\""}}).body,
              HasSubstr("\"id\":\"k-1/7\""));
  EXPECT_THAT(put({{"Idempotency-Key", std::string(255, 'k')}, {"If-Match", "*"}}).body,
              HasSubstr("k/*\""));
  expect_problem(put({{"Idempotency-Key", "k"}}), 428, "if-match-required");
  expect_problem(put({{"If-Match", "\"7\""}}), 400, "bad-request");
  for (const char* key : {"", "a b", "\xc3\xa4", "a\tb"})
    expect_problem(put({{"Idempotency-Key", key}, {"If-Match", "\"7\""}}), 400, "bad-request");
  expect_problem(put({{"Idempotency-Key", std::string(256, 'k')}, {"If-Match", "\"7\""}}), 400,
                 "bad-request");
  for (const char* tag : {"7", "\"7", "W/\"7\"", "\"7\", \"8\"", "", "\"a\"b\""})
    expect_problem(put({{"Idempotency-Key", "k"}, {"If-Match", tag}}), 400, "bad-request");
}

TEST_F(serving, failures_tell_nothing_about_the_inside) {
  const auto port = start();
  for (const auto& [name, status, type] : std::vector<std::tuple<std::string, int, std::string>>{
           {"unavailable", 503, "unavailable"},
           {"unknown", 503, "unavailable"},
           {"redis", 503, "unavailable"},
           {"call", 503, "unavailable"},
           {"shutdown", 503, "unavailable"},
           {"full", 503, "unavailable"},
           {"serialization", 503, "unavailable"},
           {"deadlock", 503, "unavailable"},
           {"deadline", 504, "deadline-exceeded"},
           {"syntax", 500, "internal"},
           {"logic", 500, "internal"},
           {"strange", 500, "internal"},
           {"header", 500, "internal"}}) {
    SCOPED_TRACE(name);
    const auto a = http_call(port, "GET", "/fail/" + name);
    expect_problem(a, status, type);
    EXPECT_THAT(a.body, Not(HasSubstr("hunter2")));
    EXPECT_EQ(a.header("set-cookie"), "");
    EXPECT_EQ(a.header("retry-after"), status == 500 ? "" : "1");
  }
  const auto conflict = http_call(port, "GET", "/fail/conflict");
  expect_problem(conflict, 409, "out-of-stock");
  EXPECT_THAT(conflict.body, HasSubstr("\"left\":3"));
  EXPECT_EQ(conflict.header("x-more"), "yes");
}

// ---------------------------------------------------------------------------------------------
// Who calls.

struct credentials {
  std::string name;
  http_headers headers;
};

TEST_F(serving, each_kind_of_caller_gets_in_where_it_is_named_and_only_there) {
  const auto port = start();
  const std::string s = token("s1"), a = token("admin", true);
  const std::string shopper_cookie = "souk_test_shopper=" + s,
                    admin_cookie = "souk_test_admin=" + a;
  const std::string other_key = [&] {
    const auto key = security::private_key::generate();
    std::ofstream(folder / "other.pem") << key.pem();
    return security::signer(folder / "other.pem", "souk", "souk")
        .sign({"s1", false, 4'000'000'000});
  }();
  const std::string expired = signer->sign({"s1", false, 1'000'000'000});
  const std::string other_audience =
      security::signer(folder / "key.pem", "souk", "elsewhere").sign({"s1", false, 4'000'000'000});
  const std::string other_issuer =
      security::signer(folder / "key.pem", "elsewhere", "souk").sign({"s1", false, 4'000'000'000});
  struct row {
    std::string name;
    http_headers headers;
    std::string who;  // on an open route
    int as_shopper, as_admin, as_both, as_order;
  };
  const std::vector<row> rows{
      {"nothing", {}, "nobody ", 401, 401, 401, 401},
      {"shopper", {{"Authorization", "Bearer " + s}}, "shopper s1", 200, 403, 200, 403},
      {"scheme in lower case",
       {{"Authorization", "bearer " + s}},
       "shopper s1",
       200,
       403,
       200,
       403},
      {"admin", {{"Authorization", "Bearer " + a}}, "admin admin", 403, 200, 200, 403},
      {"shopper cookie", {{"Cookie", "a=b; " + shopper_cookie}}, "shopper s1", 200, 403, 200, 403},
      {"admin cookie alone", {{"Cookie", admin_cookie}}, "nobody ", 401, 401, 401, 401},
      {"admin cookie",
       {{"Cookie", admin_cookie}, {"Souk-Act-As", "admin"}},
       "admin admin",
       403,
       200,
       200,
       403},
      {"both cookies",
       {{"Cookie", shopper_cookie + "; " + admin_cookie}},
       "shopper s1",
       200,
       403,
       200,
       403},
      {"both cookies as admin",
       {{"Cookie", shopper_cookie + "; " + admin_cookie}, {"Souk-Act-As", "admin"}},
       "admin admin",
       403,
       200,
       200,
       403},
      {"shopper cookie as admin",
       {{"Cookie", shopper_cookie}, {"Souk-Act-As", "admin"}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"admin's token in the shopper's cookie",
       {{"Cookie", "souk_test_shopper=" + a}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"shopper's token in the admin's cookie",
       {{"Cookie", "souk_test_admin=" + s}, {"Souk-Act-As", "admin"}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"cookie of another store",
       {{"Cookie", "souk_other_shopper=" + s}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"Authorization wins over the cookie",
       {{"Authorization", "Bearer " + a}, {"Cookie", shopper_cookie}},
       "admin admin",
       403,
       200,
       200,
       403},
      {"a bad Authorization, too",
       {{"Authorization", "Bearer x"}, {"Cookie", shopper_cookie}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"Basic", {{"Authorization", "Basic YTpi"}}, "nobody ", 401, 401, 401, 401},
      {"another key", {{"Authorization", "Bearer " + other_key}}, "nobody ", 401, 401, 401, 401},
      {"expired", {{"Authorization", "Bearer " + expired}}, "nobody ", 401, 401, 401, 401},
      {"another audience",
       {{"Authorization", "Bearer " + other_audience}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"another issuer",
       {{"Authorization", "Bearer " + other_issuer}},
       "nobody ",
       401,
       401,
       401,
       401},
      {"order", {{"Souk-Service", "order:order-secret"}}, "service order", 403, 403, 403, 200},
      {"cart", {{"Souk-Service", "cart:cart-secret"}}, "service cart", 403, 403, 403, 403},
      {"wrong secret", {{"Souk-Service", "order:cart-secret"}}, "nobody ", 401, 401, 401, 401},
      {"unknown service", {{"Souk-Service", "audit:order-secret"}}, "nobody ", 401, 401, 401, 401},
      {"service and shopper",
       {{"Souk-Service", "order:order-secret"}, {"Authorization", "Bearer " + s}},
       "service order",
       403,
       403,
       403,
       200},
      {"wrong secret and shopper",
       {{"Souk-Service", "order:x"}, {"Authorization", "Bearer " + s}},
       "nobody ",
       401,
       401,
       401,
       401},
  };
  for (const auto& r : rows) {
    SCOPED_TRACE(r.name);
    const auto open = http_call(port, "GET", "/open", r.headers);
    EXPECT_EQ(open.status, 200);
    EXPECT_THAT(open.body, HasSubstr("\"id\":\"" + r.who + "\""));
    EXPECT_EQ(open.header("cache-control"), "");
    for (const auto& [path, status] :
         std::vector<std::pair<std::string, int>>{{"/shopper", r.as_shopper},
                                                  {"/admin", r.as_admin},
                                                  {"/both", r.as_both},
                                                  {"/order-only", r.as_order}}) {
      SCOPED_TRACE(path);
      const auto answer = http_call(port, "GET", path, r.headers);
      EXPECT_EQ(answer.status, status);
      EXPECT_EQ(answer.header("cache-control"), "no-store");
      if (status == 401) {
        expect_problem(answer, 401, "unauthorized");
        EXPECT_THAT(answer.header("www-authenticate"), StartsWith("Bearer"));
      }
      if (status == 403) expect_problem(answer, 403, "forbidden");
    }
    EXPECT_EQ(http_call(port, "GET", "/operator", r.headers).status, 200);
  }
}

TEST_F(serving, a_page_from_elsewhere_can_do_nothing_with_a_shoppers_cookie) {
  const auto port = start();
  const http_headers cookie{{"Cookie", "souk_test_shopper=" + token("s1")}};
  const http_headers bearer{{"Authorization", "Bearer " + token("s1")}};
  const auto with = [](http_headers h, const char* origin) {
    h.emplace_back("Origin", origin);
    return h;
  };
  EXPECT_EQ(http_call(port, "GET", "/shopper", cookie).status, 200);
  EXPECT_EQ(http_call(port, "HEAD", "/shopper", cookie).status, 200);
  expect_problem(http_call(port, "POST", "/shopper", cookie), 403, "origin-required");
  EXPECT_EQ(http_call(port, "POST", "/shopper", with(cookie, "http://shop.example")).status, 200);
  for (const char* origin :
       {"http://evil.example", "https://shop.example", "http://shop.example.evil", "null", ""}) {
    SCOPED_TRACE(origin);
    for (const char* path : {"/shopper", "/open"})
      for (const char* m : {"GET", "POST"})
        for (const auto& h : {cookie, bearer, http_headers{}})
          expect_problem(http_call(port, m, path, with(h, origin)), 403, "origin-not-allowed");
    EXPECT_EQ(http_call(port, "GET", "/operator", with({}, origin)).status, 200);
  }
  EXPECT_EQ(http_call(port, "POST", "/shopper", bearer).status, 200);
  // A stale cookie counts as none where anyone may come; one that is valid does not.
  EXPECT_EQ(http_call(port, "POST", "/open", {{"Cookie", "souk_test_shopper=stale"}}).status, 200);
  expect_problem(http_call(port, "POST", "/open", cookie), 403, "origin-required");
}

TEST_F(serving, who_may_not_call_is_told_nothing_about_the_rest_of_the_request) {
  const auto port = start();
  expect_problem(http_call(port, "POST", "/shopper?x=1", {{"Idempotency-Key", " "}}, "{"), 401,
                 "unauthorized");
}

// ---------------------------------------------------------------------------------------------
// The context of a request.

TEST_F(serving, trace_and_request_id_are_taken_over_or_made) {
  const auto port = start();
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  auto a = http_call(port, "GET", "/open",
                     {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"},
                      {"X-Request-Id", "req-1.a_B"},
                      {"X-Souk-Bucket", "07"},
                      {"X-Custom", "c"}});
  EXPECT_EQ(a.header("x-trace"), trace);
  EXPECT_EQ(a.header("x-request-id"), "req-1.a_B");
  EXPECT_EQ(a.header("x-bucket"), "07");
  EXPECT_EQ(a.header("x-custom"), "c");
  for (const auto& bad :
       std::vector<http_headers>{{},
                                 {{"traceparent", "00-" + trace + "-0000000000000000-01"},
                                  {"X-Request-Id", "a b"},
                                  {"X-Souk-Bucket", "7"}},
                                 {{"traceparent", "nonsense"},
                                  {"X-Request-Id", std::string(65, 'a')},
                                  {"X-Souk-Bucket", "100"}}}) {
    a = http_call(port, "GET", "/open", bad);
    EXPECT_THAT(a.header("x-trace"), ::testing::ContainsRegex("^[0-9a-f]{32}$"));
    EXPECT_NE(a.header("x-trace"), trace);
    EXPECT_EQ(a.header("x-request-id"), a.header("x-trace"));
    EXPECT_EQ(a.header("x-bucket"), "");
  }
  EXPECT_EQ(http_call(port, "GET", "/open", {{"X-Souk-Bucket", "test"}}).header("x-bucket"),
            "test");
  a = http_call(port, "GET", "/open", {{"X-Request-Id", trace}});
  EXPECT_EQ(a.header("x-trace"), trace) << "the gateway's request id names the trace";
  const auto failed =
      http_call(port, "GET", "/nowhere", {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"}});
  EXPECT_THAT(failed.body, HasSubstr("\"trace_id\":\"" + trace + "\""));
}

TEST_F(serving, the_clients_address_is_counted_from_the_right) {
  const auto address = [&](int proxies, const char* forwarded) {
    stop();
    settings.trusted_proxies = proxies;
    return http_call(start(), "GET", "/open", {{"X-Forwarded-For", forwarded}}).header("x-client");
  };
  EXPECT_EQ(address(1, "6.6.6.6, 10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(address(2, "6.6.6.6, 10.0.0.1,10.0.0.2"), "10.0.0.1");
  EXPECT_EQ(address(0, "10.0.0.1"), "127.0.0.1");
  EXPECT_EQ(address(2, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(address(1, "::1"), "::1");
  EXPECT_EQ(address(1, "evil\"}"), "127.0.0.1");
}

TEST_F(serving, reads_give_up_when_their_time_is_over) {
  const auto port = start();
  auto begun = steady_clock::now();
  expect_problem(http_call(port, "GET", "/slow"), 504, "deadline-exceeded");
  EXPECT_LT(steady_clock::now() - begun, 3s);
  EXPECT_TRUE(p.cancelled);
  EXPECT_LE(p.time_left_ms, 700);
  EXPECT_GT(p.time_left_ms, 400);
  expect_problem(http_call(port, "GET", "/slow", {{"Souk-Deadline-Ms", "100"}}), 504,
                 "deadline-exceeded");
  EXPECT_LE(p.time_left_ms, 100);
  expect_problem(http_call(port, "GET", "/slow", {{"Souk-Deadline-Ms", "99999"}}), 504,
                 "deadline-exceeded");
  EXPECT_GT(p.time_left_ms, 400);
  // A handler that was cancelled leaves its connection in order.
  wire w(port);
  EXPECT_EQ(w.ask(get("/slow", "Souk-Deadline-Ms: 50\r\n")).status, 504);
  EXPECT_EQ(w.ask(get("/open")).status, 200);
  EXPECT_EQ(w.ask(get("/slow", "Souk-Deadline-Ms: 50\r\n")).status, 504);
  EXPECT_EQ(p.calls, 5);
  // Without time left it does not even start.
  expect_problem(http_call(port, "GET", "/slow", {{"Souk-Deadline-Ms", "0"}}), 504,
                 "deadline-exceeded");
  expect_problem(http_call(port, "POST", "/slow", {{"Souk-Deadline-Ms", "0"}}), 504,
                 "deadline-exceeded");
  EXPECT_EQ(p.calls, 5);
}

TEST_F(serving, writes_run_to_their_end) {
  const auto port = start();
  const auto a = http_call(port, "POST", "/slow", {{"Souk-Deadline-Ms", "100"}});
  EXPECT_EQ(a.status, 200);
  EXPECT_GT(p.time_left_ms, 1'000'000);
  {
    wire gone(port);
    gone.send(post("/slow", "{}"));
    ASSERT_TRUE(eventually([&] { return p.calls == 2; }));
  }
  EXPECT_TRUE(eventually([&] { return p.writes_done == 2; }));
}

// ---------------------------------------------------------------------------------------------
// Admission.

TEST_F(serving, shoppers_cannot_take_the_services_share) {
  settings.limits.requests = 2;
  settings.limits.service_requests = 1;
  const auto port = start();
  wire a(port), b(port), c(port);
  a.send(post("/slow", "{}"));
  b.send(post("/slow", "{}"));
  ASSERT_TRUE(eventually([&] { return p.calls == 2; }));
  const auto refused = http_call(port, "GET", "/open");
  expect_problem(refused, 503, "overloaded");
  EXPECT_EQ(refused.header("retry-after"), "1");
  // What a service reads may be a shopper's wish: it has no share of its own.
  expect_problem(http_call(port, "GET", "/open", {{"Souk-Service", "order:order-secret"}}), 503,
                 "overloaded");
  c.send(post("/slow", "{}", "Souk-Service: order:order-secret\r\n"));
  ASSERT_TRUE(eventually([&] { return p.calls == 3; }));
  expect_problem(http_call(port, "POST", "/slow", {{"Souk-Service", "order:order-secret"}}, "{}"),
                 503, "overloaded");
  EXPECT_EQ(http_call(port, "GET", "/operator").status, 200);
  EXPECT_EQ(a.answer().status, 200);
  EXPECT_EQ(b.answer().status, 200);
  EXPECT_EQ(c.answer().status, 200);
  EXPECT_EQ(http_call(port, "GET", "/open").status, 200);
}

TEST_F(serving, while_held_only_operators_are_served) {
  const auto port = start();
  running->hold("The database is being prepared.");
  ASSERT_TRUE(eventually([&] { return http_call(port, "GET", "/open").status == 503; }));
  expect_problem(http_call(port, "GET", "/open"), 503, "unavailable");
  EXPECT_EQ(http_call(port, "GET", "/operator").status, 200);
  running->hold({});
  EXPECT_TRUE(eventually([&] { return http_call(port, "GET", "/open").status == 200; }));
}

// ---------------------------------------------------------------------------------------------
// Streams.

TEST_F(serving, uploads_are_read_only_as_fast_as_they_are_taken) {
  const auto port = start();
  p.take_upload = false;
  constexpr std::size_t size = 48 * 1024 * 1024;
  wire w(port);
  w.send(fmt::format("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", size));
  const std::string all(size, 'u');
  const auto sent = w.send_while_taken(all, 300ms);
  EXPECT_LT(sent, size) << "the server reads although nobody takes it";
  EXPECT_EQ(p.uploaded, 0u);
  p.take_upload = true;
  EXPECT_TRUE(w.send(std::string_view(all).substr(sent)));
  EXPECT_THAT(w.answer().body, HasSubstr(std::to_string(size)));
  EXPECT_EQ(w.ask(get("/open")).status, 200);
}

TEST_F(serving, uploads_in_chunks_have_a_limit) {
  const auto port = start();
  wire w(port);
  w.send("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 100; ++i) w.send("3e8\r\n" + std::string(1000, 'u') + "\r\n");
  w.send("0\r\n\r\n");
  EXPECT_THAT(w.answer().body, HasSubstr("\"number\":100000"));
  expect_problem(http_call(port, "POST", "/upload", {{"Content-Length", "100000000"}}, "x"), 413,
                 "too-large");
  wire over(port);
  over.send("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "100000\r\n" + std::string(1024 * 1024, 'u') + "\r\n";
  for (int i = 0; i < 70; ++i)
    if (over.send_while_taken(chunk, 5s) < chunk.size()) break;
  expect_problem(over.answer(), 413, "too-large");
}

TEST_F(serving, an_upload_that_breaks_off_ends_its_handler) {
  settings.limits.body_time = 300ms;
  const auto port = start();
  {
    wire w(port);
    w.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome");
    ASSERT_TRUE(eventually([&] { return p.uploaded == 4; }));
  }
  EXPECT_TRUE(eventually([&] { return p.ended == 1; }));
  wire slow(port);
  slow.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome");
  expect_problem(slow.answer(), 408, "too-slow");
  EXPECT_EQ(p.ended, 2);
  wire bad(port);
  bad.send(
      "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nzz\r\n");
  expect_problem(bad.answer(), 400, "bad-request");
}

TEST_F(serving, lines_are_streamed) {
  const auto port = start();
  const auto a = http_call(port, "GET", "/lines");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("content-type"), "application/x-ndjson");
  EXPECT_EQ(a.header("x-lines"), "3");
  EXPECT_EQ(a.body, "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
  expect_problem(http_call(port, "GET", "/lines?limit=100"), 404, "not-found");
  expect_problem(http_call(port, "GET", "/lines?limit=x"), 400, "bad-request");
  wire w(port);
  w.send(get("/lines"));
  EXPECT_THAT(w.until("\r\n0\r\n\r\n"), HasSubstr("8\r\n{\"n\":2}\n\r\n0\r\n\r\n"));
  EXPECT_EQ(w.ask(get("/open")).status, 200);
}

TEST_F(serving, a_stream_that_fails_does_not_look_complete) {
  wire w(start());
  w.send(get("/lines?limit=50"));
  EXPECT_TRUE(w.closed_within(5s));
  EXPECT_THAT(w.until("\r\n0\r\n\r\n", 10ms), Not(HasSubstr("\r\n0\r\n\r\n")));
}

TEST_F(serving, events_are_sent_and_resumed) {
  const auto port = start();
  wire w(port);
  w.send(get("/events"));
  const auto head = w.until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(head, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Accel-Buffering: no\r\n"));
  EXPECT_THAT(w.until("id: 3\n"), HasSubstr("id: 1\nevent: tick\ndata: {\"n\":1}\ndata: more\n\n"));
  wire resumed(port);
  resumed.send(get("/events", "Last-Event-ID: 2\r\n"));
  EXPECT_THAT(resumed.until("\n\n\r\n"), AnyOf(HasSubstr("id: 3\n")));
  EXPECT_THAT(resumed.until("id: 1\n", 100ms), Not(HasSubstr("id: 1\n")));
  p.events_open = false;
  EXPECT_THAT(w.until("\r\n0\r\n\r\n"), HasSubstr("0\r\n\r\n"));
  EXPECT_TRUE(w.closed_within(5s));
}

TEST_F(serving, silent_event_streams_send_comments_and_notice_who_leaves) {
  settings.limits.events_silence = 100ms;
  const auto port = start();
  {
    wire w(port);
    w.send(get("/events", "Last-Event-ID: 3\r\n"));
    w.until("\r\n\r\n");
    EXPECT_EQ(w.until("\r\n:\n\n\r\n", 2s), "3\r\n:\n\n\r\n");
    EXPECT_EQ(w.until("\r\n:\n\n\r\n", 2s), "3\r\n:\n\n\r\n");
    EXPECT_EQ(p.client_gone, 0);
  }
  EXPECT_TRUE(eventually([&] { return p.client_gone == 1 && p.ended == 1; }));
}

TEST_F(serving, event_streams_have_limits_of_their_own) {
  settings.limits.event_streams = 4;
  settings.limits.event_streams_of_one = 2;
  settings.limits.requests = 1;
  const auto port = start();
  const auto as = [&](const char* who) { return "Authorization: Bearer " + token(who) + "\r\n"; };
  std::vector<std::unique_ptr<wire>> open;
  const auto try_open = [&](const std::string& credential) {
    auto& w = *open.emplace_back(std::make_unique<wire>(port));
    w.send(get("/events", credential));
    return w.answer().status;
  };
  const std::string s1 = as("s1"), s2 = as("s2");
  EXPECT_EQ(try_open(s1), 200);
  EXPECT_EQ(try_open(s1), 200);
  EXPECT_EQ(try_open(s1), 429);
  EXPECT_EQ(try_open(s2), 200);
  EXPECT_EQ(try_open(s2), 200);
  EXPECT_EQ(try_open(as("s3")), 503);
  EXPECT_EQ(http_call(port, "GET", "/open").status, 200);
  open.clear();
  EXPECT_TRUE(eventually([&] { return p.ended == 4; }));
  EXPECT_EQ(try_open(s1), 200);
}

// ---------------------------------------------------------------------------------------------
// Drain.

TEST_F(serving, a_drain_lets_requests_end_and_closes_their_connections) {
  const auto port = start();
  wire busy(port), idle(port), fresh(port);
  EXPECT_EQ(idle.ask(get("/open")).status, 200);
  busy.send(post("/slow", "{}") + get("/open"));
  ASSERT_TRUE(eventually([&] { return p.calls == 1; }));
  running->drain(0ms, 10s);
  const auto a = busy.answer();
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("connection"), "close");
  EXPECT_TRUE(busy.closed_within(5s));
  EXPECT_TRUE(idle.closed_within(5s));
  EXPECT_TRUE(fresh.closed_within(5s));
  thread.join();
  EXPECT_FALSE(wire(port).connected());
}

TEST_F(serving, during_the_drain_delay_everything_is_served_once_more) {
  const auto port = start();
  wire kept(port);
  EXPECT_EQ(kept.ask(get("/open")).header("connection"), "");
  running->drain(600ms, 10s);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(kept.ask(get("/open")).header("connection"), "close");
  EXPECT_EQ(http_call(port, "GET", "/open").status, 200);
  thread.join();
}

TEST_F(serving, no_request_is_lost_when_idle_connections_are_closed) {
  const auto port = start();
  std::atomic<int> answered = 0, lost = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&, i] {
      // Each keeps its connection until it is told to close it, then stops.
      wire w(port);
      for (;;) {
        if (!w.send(get("/open"))) break;
        const auto a = w.answer();
        if (a.status != 200) {
          ++lost;
          break;
        }
        ++answered;
        if (a.header("connection") == "close") break;
        std::this_thread::sleep_for(std::chrono::milliseconds(i * 3));
      }
    });
  ASSERT_TRUE(eventually([&] { return answered > 50; }));
  running->drain(0ms, 10s);
  for (auto& c : clients) c.join();
  thread.join();
  EXPECT_EQ(lost, 0);
}

TEST_F(serving, a_drain_ends_event_streams_and_tells_when_to_come_back) {
  const auto port = start();
  wire w(port);
  w.send(get("/events", "Last-Event-ID: 3\r\n"));
  w.until("\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return p.streams == 1; }));
  const auto begun = steady_clock::now();
  running->drain(0ms, 10s);
  EXPECT_THAT(w.until("\r\n0\r\n\r\n"), ::testing::ContainsRegex("retry: [0-9]+\n\n"));
  EXPECT_TRUE(w.closed_within(5s));
  w.close();
  thread.join();
  EXPECT_LT(steady_clock::now() - begun, 5s);
}

TEST_F(serving, a_drain_does_not_wait_for_ever) {
  const auto port = start();
  wire w(port);
  p.take_upload = false;
  w.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return p.calls == 1; }));
  const auto begun = steady_clock::now();
  running->drain(0ms, 300ms);
  thread.join();
  EXPECT_LT(steady_clock::now() - begun, 5s);
  EXPECT_TRUE(w.closed_within(5s));
}

// ---------------------------------------------------------------------------------------------

TEST_F(serving, requests_are_counted_by_route_and_status) {
  const auto port = start();
  // Failures are there before the first: rate() sees no step from nothing to something.
  EXPECT_THAT(
      telemetry::metrics_text(),
      ::testing::HasSubstr(
          R"(http_server_request_duration_seconds_count{method="GET",route="/things/{id}",service="test-service",status="503"})"));
  http_call(port, "GET", "/things/" + some_id);
  http_call(port, "GET", "/things/x");
  http_call(port, "BREW", "/nowhere/" + some_id);
  const auto text = telemetry::metrics_text();
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  for (
      const char* metric :
      {R"(http_server_request_duration_seconds_count{method="GET",route="/things/{id}",service="test-service",status="200"})",
       R"(http_server_request_duration_seconds_count{method="GET",route="/things/{id}",service="test-service",status="400"})",
       R"(http_server_request_duration_seconds_count{method="_OTHER",route="unmatched",service="test-service",status="404"})",
       R"(http_server_active_requests{service="test-service"})",
       R"(souk_event_loop_delay_seconds_count{service="test-service"})"})
    EXPECT_TRUE(has(metric)) << metric;
  EXPECT_FALSE(has("nowhere"));
}

TEST(server, says_what_is_wrong_when_it_cannot_listen) {
  event_loop loop("test");
  server first(loop, {});
  try {
    server second(loop, {.port = first.port()});
    FAIL() << "two servers on one port";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("another program uses this port"));
  }
  EXPECT_THROW(server(loop, {.host = "nowhere"}), std::runtime_error);
}

TEST(server, shares_its_port_between_loops) {
  event_loop a("test"), b("test");
  server first(a, {.shared_port = true});
  server second(b, {.port = first.port(), .shared_port = true});
  EXPECT_EQ(first.port(), second.port());
}

}  // namespace
}  // namespace souk::http
