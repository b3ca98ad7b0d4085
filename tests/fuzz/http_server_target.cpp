// The whole server of one event loop, over a real connection: what its handlers get to see are the
// requests that the reference finds in the bytes, each once, in their order, never one more; every
// answer belongs to the request at its place; who nobody vouched for is nobody.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <thread>

#include "fuzz.hpp"
#include "kit/http_server.hpp"
#include "kit/id.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "reference_http.hpp"
#include "reference_json.hpp"

namespace souk::fuzz {
namespace {

using namespace std::chrono_literals;
using reference::state;

constexpr int trusted_proxies = 2;
constexpr std::string_view good_credential = "order:the-secret";

// What a handler saw.
struct record {
  std::string method, path, body;
  std::string client_address, request_id, bucket, trace_id, key;
  caller who;
  std::optional<std::string> if_match;
  std::vector<std::string> if_none_match;
};

struct shown {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(shown, (), (text))
struct by_name {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(by_name, (), (name))

class site {
 public:
  site() {
    telemetry::start({.service = "fuzz",
                      .version = "0",
                      .otlp_endpoint = "",
                      .log_level = telemetry::level::error});
    add_routes();
    http::server_settings settings;
    settings.callers = security::accepted_callers(
        "order=" + hex_encode(security::sha256(good_credential.substr(6))));
    settings.trusted_proxies = trusted_proxies;
    server_ = std::make_unique<http::server>(loop_, settings);
    thread_ = std::thread([this] { loop_.run_until_complete(server_->serve()); });
  }
  site(const site&) = delete;
  ~site() {
    server_->drain(0ms, 1s);
    thread_.join();
    server_.reset();
    telemetry::stop(100ms);
  }

  std::uint16_t port() const { return server_->port(); }
  std::vector<record> take_records() {
    const std::lock_guard lock(mutex_);
    return std::exchange(records_, {});
  }

 private:
  template <class Request>
  http::response<shown> keep(const context& ctx, const Request& in, std::string_view method,
                             std::string path, std::string body) {
    const std::lock_guard lock(mutex_);
    records_.push_back({.method = std::string(method),
                        .path = std::move(path),
                        .body = std::move(body),
                        .client_address = std::string(in.headers->client_address()),
                        .request_id = ctx.request_id,
                        .bucket = ctx.bucket,
                        .trace_id = ctx.trace.trace_id_hex(),
                        .key = in.idempotency_key,
                        .who = ctx.who,
                        .if_match = in.if_match,
                        .if_none_match = in.if_none_match});
    http::response<shown> out(shown{"x"});
    return std::move(out).header("X-Serial", std::to_string(records_.size() - 1));
  }

  void add_routes() {
    auto& r = loop_.routes();
    using plain = http::request<>;
    using named = http::request<by_name>;
    for (const auto m : {http::method::post, http::method::put}) {
      r.on_upload<plain, shown>(
          {.method = m, .path = "/u", .summary = "", .who = http::anyone, .max_body = 64 * 1024},
          [this, m](context& ctx, plain in, http::body_stream& body) {
            return upload(*this, m, ctx, std::move(in), body);
          });
    }
    const auto get = [this](context& ctx, named in) { return answer(*this, ctx, std::move(in)); };
    r.on<named, shown>({http::method::get, "/g/{name}", "", http::anyone}, get);
    r.on<named, shown>({http::method::get, "/admin/{name}", "", http::admin | http::shopper}, get);
    r.on<named, shown>({http::method::get, "/order/{name}", "", http::service("order")}, get);
    const auto take = [this](context& ctx, http::request<http::none, http::none, shown> in) {
      return json(*this, ctx, std::move(in));
    };
    r.on<http::request<http::none, http::none, shown>, shown>({.method = http::method::post,
                                                               .path = "/j",
                                                               .summary = "",
                                                               .who = http::anyone,
                                                               .key = http::idempotency::optional},
                                                              take);
  }
  static task<http::response<shown>> upload(site& s, http::method m, context& ctx,
                                            http::request<> in, http::body_stream& body) {
    std::string all;
    while (const auto piece = co_await body.read()) all += *piece;
    co_return s.keep(ctx, in, to_string(m), "/u", std::move(all));
  }
  static task<http::response<shown>> answer(site& s, context& ctx, http::request<by_name> in) {
    co_return s.keep(ctx, in, "GET", in.path.name, "");
  }
  static task<http::response<shown>> json(site& s, context& ctx,
                                          http::request<http::none, http::none, shown> in) {
    co_return s.keep(ctx, in, "POST", "/j", in.body_text);
  }

  std::mutex mutex_;
  std::vector<record> records_;
  event_loop loop_{"fuzz"};
  std::unique_ptr<http::server> server_;
  std::thread thread_;
};

// Says everything at once, ends its side, and hears everything.
struct dialogue {
  std::string heard;
  bool was_reset = false, in_time = true;
};

dialogue talk(std::uint16_t port, std::string_view bytes) {
  dialogue out;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    if (fd >= 0) ::close(fd);
    out.was_reset = true;
    return out;
  }
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  ::shutdown(fd, SHUT_WR);
  for (std::array<char, 16384> buffer{};;) {
    pollfd p{fd, POLLIN, 0};
    const auto ready = ::poll(&p, 1, 8'000);
    if (ready < 0 && errno == EINTR) continue;  // libFuzzer's own clock
    if (ready <= 0) {
      out.in_time = false;
      break;
    }
    const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
    out.was_reset = n < 0;
    if (n <= 0) break;
    out.heard.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return out;
}

struct answer {
  int status = 0;
  std::optional<std::size_t> serial;
  std::string body;
  bool closes = false;
};

// The answers one after another; the first of them that is not whole is a violation.
std::vector<answer> answers_in(std::string_view heard,
                               const std::vector<reference::request>& requests) {
  std::vector<answer> out;
  while (!heard.empty()) {
    const auto end = heard.find("\r\n\r\n");
    require(end != heard.npos && heard.starts_with("HTTP/1.1 "), "an answer is not whole");
    const auto head = heard.substr(0, end);
    heard.remove_prefix(end + 4);
    if (head == "HTTP/1.1 100 Continue") continue;
    answer a;
    a.status = std::stoi(std::string(head.substr(9, 3)));
    std::size_t length = 0;
    bool has_id = false;
    for (const auto line : lines_of(head)) {
      const auto value = line.substr(std::min(line.find(": ") + 2, line.size()));
      if (line.starts_with("Content-Length: ")) length = std::stoul(std::string(value));
      if (line.starts_with("X-Serial: ")) a.serial = std::stoul(std::string(value));
      if (line == "Connection: close") a.closes = true;
      has_id |= line.starts_with("X-Request-Id: ") && !value.empty();
    }
    require(has_id, "an answer without a request id");
    const bool to_head = out.size() < requests.size() &&
                         requests[out.size()].head == state::complete &&
                         requests[out.size()].method == "HEAD";
    if (!to_head) {
      require(heard.size() >= length, "an answer is cut off");
      a.body = heard.substr(0, length);
      heard.remove_prefix(length);
    }
    require(a.status >= 200 && a.status != 500 && a.status != 503, "a server error");
    if (!a.body.empty())
      require(reference::read_json(a.body, 32).value.has_value(), "an answer is no JSON");
    out.push_back(std::move(a));
    if (out.back().closes) require(heard.empty(), "something is said behind the last answer");
  }
  return out;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool is_address(std::string_view text) {
  std::array<unsigned char, 16> out{};
  const std::string s(text);
  return !s.contains('\0') && (::inet_pton(AF_INET, s.c_str(), out.data()) == 1 ||
                               ::inet_pton(AF_INET6, s.c_str(), out.data()) == 1);
}

// Counted from the right, over the proxies that are trusted.
std::string expected_address(const reference::request& r) {
  std::vector<std::string> list;
  for (const auto& [name, value] : r.fields)
    if (reference::lower(name) == "x-forwarded-for")
      for (std::string_view rest = value;;) {
        const auto comma = rest.find(',');
        list.emplace_back(trimmed(rest.substr(0, comma)));
        if (comma == rest.npos) break;
        rest.remove_prefix(comma + 1);
      }
  std::string out = "127.0.0.1";
  for (int hop = 0; hop < trusted_proxies && !list.empty(); ++hop, list.pop_back()) {
    if (!is_address(list.back())) break;
    out = list.back();
  }
  return out;
}

void check_fields(const record& got, const reference::request& sent) {
  require(is_address(got.client_address), "a client address that is none");
  require(got.client_address == expected_address(sent), "another client address");

  const auto credential = sent.field("souk-service");
  if (credential == good_credential)
    require(got.who.is_service("order"), "a service is not known");
  else
    require(got.who.what == caller::kind::nobody, "somebody is let in whom nobody vouched for");

  const auto id = sent.field("x-request-id");
  const bool good_id =
      id && !id->empty() && id->size() <= 64 && std::ranges::all_of(*id, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
      });
  require(got.request_id == (good_id ? *id : got.trace_id), "another request id");

  const auto bucket = sent.field("x-souk-bucket");
  const bool good_bucket =
      bucket &&
      (*bucket == "test" ||
       (bucket->size() == 2 && bucket->find_first_not_of("0123456789") == std::string::npos));
  require(got.bucket == (good_bucket ? *bucket : ""), "another bucket");

  if (const auto parent = sent.field("traceparent"))
    if (const auto trace = trace_context::parse(*parent))
      require(got.trace_id == trace->trace_id_hex(), "another trace");

  const auto key = sent.field("idempotency-key");
  require(got.key == key.value_or(""), "another Idempotency-Key");
  if (key)
    require(!key->empty() && key->size() <= 255 &&
                std::ranges::all_of(*key, [](char c) { return c > 0x20 && c < 0x7F; }),
            "an Idempotency-Key against the rules");

  const auto match = sent.field("if-match");
  require(got.if_match.has_value() == match.has_value(), "If-Match is lost");
  if (match)
    require(*match == "*" ? got.if_match == "*"
                          : *match == '"' + *got.if_match + '"' && !got.if_match->contains('"') &&
                                !got.if_match->contains(' '),
            "If-Match is read otherwise");
  for (const auto& tag : got.if_none_match)
    require(!tag.contains('"'), "a tag of If-None-Match with quotes");
}

// Sent without anything that could be refused, to a route that is there.
bool is_plain(const reference::request& r) {
  for (const auto& [name, value] : r.fields) {
    const auto n = reference::lower(name);
    if (n != "host" && n != "content-length" && n != "transfer-encoding" && n != "accept")
      return false;
  }
  if (r.method == "POST" && r.target == "/u") return true;
  return r.method == "GET" && r.target == "/g/a" && !r.has_body();
}

std::vector<std::string> segments_of(std::string_view target) {
  std::vector<std::string> out;
  auto path = target.substr(0, target.find('?'));
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const auto part = path.substr(0, path.find('/'));
    out.push_back(reference::percent_decoded(part, false).value_or("?"));
    path.remove_prefix(part.size());
  }
  return out;
}

void check_execution(const record& got, const reference::request& sent) {
  require(sent.whole == state::complete, "a request is executed that never came whole");
  const bool reads = sent.method == "GET" || sent.method == "HEAD";
  require(reads ? got.method == "GET" : got.method == sent.method, "another method is executed");
  const auto path = segments_of(sent.target);
  if (reads) {
    require(path.size() == 2 && (path[0] == "g" || path[0] == "order"), "a route that is not open");
    require(got.path == path[1], "another resource is read");
    require(sent.body.empty() || sent.body == "{}", "a body is passed over in silence");
    if (path[0] == "order")
      require(sent.field("souk-service") == good_credential, "a route is open to nobody");
  } else {
    require(path.size() == 1 && got.path == "/" + path[0], "another path is executed");
    require(got.body == sent.body, "another body is executed");
  }
  require(!sent.field("origin"), "a page of another origin is served");
}

}  // namespace

SOUK_FUZZ_TARGET(http_server) {
  static site s;
  if (input.size() > 12'000) return;
  const auto requests = reference::requests_in(input);
  s.take_records();
  const auto d = talk(s.port(), input);
  require(d.in_time, "a connection stays open although its client has ended");
  const auto records = s.take_records();
  if (d.was_reset) {
    require(records.size() <= requests.size(), "more is executed than was asked");
    return;
  }
  const auto answers = answers_in(d.heard, requests);
  require(answers.size() <= requests.size(), "more answers than requests");

  std::size_t executed = 0;
  bool all_plain = true;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const bool was_executed = i < answers.size() && answers[i].serial.has_value();
    const bool is_whole =
        requests[i].head == state::complete && requests[i].whole == state::complete;
    require(is_whole || !was_executed, "an answer of a handler to a bad request");
    if (was_executed) {
      require(answers[i].serial == executed && executed < records.size(), "answers out of order");
      check_execution(records[executed], requests[i]);
      check_fields(records[executed], requests[i]);
      ++executed;
    }
    all_plain &= is_whole && is_plain(requests[i]);
    if (all_plain) require(was_executed, "a good request is not executed");
  }
  require(executed == records.size(), "something is executed that nobody asked for");
}

}  // namespace souk::fuzz
