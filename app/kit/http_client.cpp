#include "kit/http_client.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <boost/url/parse.hpp>
#include <charconv>
#include <list>
#include <map>
#include <tuple>

#include "kit/address_lookup.hpp"
#include "kit/fault_point.hpp"
#include "kit/resilience.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"

namespace souk::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;
using std::chrono::milliseconds;
using std::chrono::seconds;
using time_point = steady_clock::time_point;

namespace {

constexpr auto ends_in_tuple = asio::as_tuple(asio::use_awaitable);

constexpr seconds max_connection_age{30};
constexpr seconds max_idle{20};  // servers of Souk keep idle connections for longer
constexpr seconds look_up_timeout{1};
// Less than half of what the shortest calls have, and than the second after which the system says
// once more that it wants to connect: a first packet that was lost, or that went to a node which is
// gone, leaves time to try again, perhaps at another replica.
constexpr milliseconds connect_timeout{400};
// Of a client that repeats nothing: until the second packet of who wants to connect is answered.
constexpr milliseconds connect_timeout_as_it_is{2'000};
constexpr std::size_t max_answer = std::size_t{8} * 1024 * 1024;
constexpr std::size_t max_line = std::size_t{1024} * 1024;
constexpr int max_attempts = 2;
// An upstream that was given less time than this is not judged by its silence.
constexpr milliseconds fair_chance{100};

// Values of the metric's label `outcome`.
constexpr std::string_view ok = "ok";            // below 400
constexpr std::string_view refused = "refused";  // 4xx
constexpr std::string_view failed = "failed";    // 5xx, 429, connection
constexpr std::string_view timed_out = "timeout";
constexpr std::string_view not_sent = "not_sent";    // breaker open, pool full
constexpr std::string_view cancelled = "cancelled";  // the caller lost interest

struct attempt_failed : call_failed {
  attempt_failed(const std::string& upstream, std::string what, std::string_view outcome)
      : call_failed(upstream, std::move(what), false), outcome(outcome) {}
  attempt_failed&& unsent(bool yes = true) && {
    never_sent = yes;
    return std::move(*this);
  }
  attempt_failed&& repeatable(bool yes = true) && {
    may_repeat = yes;
    return std::move(*this);
  }
  attempt_failed&& with_status(unsigned s) && {
    status = static_cast<int>(s);
    return std::move(*this);
  }
  attempt_failed&& stale() && {
    was_stale = true;
    return std::move(*this);
  }
  std::string_view outcome;
  bool may_repeat = false;  // a read may be tried again, within the budget
  bool was_stale = false;   // a kept connection ended before the first byte of an answer
};

bool is_read(method m) {
  return m == method::get || m == method::head;
}

bool fits_in_a_header(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

bool fits_in_a_request_line(std::string_view path) {
  return path.starts_with('/') &&
         std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  if (name.empty() || name.contains(':') || name.contains(' ') || !fits_in_a_header(name) ||
      !fits_in_a_header(value)) {
    throw std::invalid_argument("a header of a call has characters that no header may have");
  }
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

struct connection {
  explicit connection(const executor& on)
      : stream(on),
        retire_at(steady_clock::now() +
                  std::chrono::duration_cast<milliseconds>(max_connection_age) *
                      static_cast<int>(80 + 20 * random_unit()) / 100) {}

  // A peer that closed an idle connection is noticed here, before a request is lost on it.
  bool fit(time_point now) {
    if (now >= retire_at || now >= idle_since + max_idle) return false;
    pollfd p{.fd = stream.socket().native_handle(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&p, 1, 0) == 0;
  }

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  time_point retire_at;
  time_point idle_since{};
  bool reused = false;
};

// The leave that a breaker gave to one call; one that is not asked always gives it.
class permit {
 public:
  permit(resilience::breaker& b, bool ask)
      : breaker_(b),
        asked_(ask),
        open_(ask && b.allow()),
        is_probe_(open_ && b.current() == resilience::breaker::state::half_open) {}
  permit(const permit&) = delete;
  permit& operator=(const permit&) = delete;
  // A call that proved nothing leaves the breaker as it was, except that a probe that came to
  // nothing must make room for the next.
  ~permit() {
    if (open_ && is_probe_) breaker_.failed();
  }
  bool given() const { return open_ || !asked_; }
  void succeeded() {
    if (std::exchange(open_, false)) breaker_.succeeded();
  }
  void failed() {
    if (std::exchange(open_, false)) breaker_.failed();
  }

 private:
  resilience::breaker& breaker_;
  bool asked_;
  bool open_;
  bool is_probe_;
};

// For waits that end in the same way when their time is over and when nobody wants them any more.
task<> throw_if_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw system_error(asio::error::operation_aborted);
  }
}

}  // namespace

// ---------------------------------------------------------------------------------------------

struct client::state : std::enable_shared_from_this<state> {
  // A place in the pool, with a connection or the right to make one.
  class lease {
   public:
    lease(std::shared_ptr<state> pool, std::unique_ptr<connection> c)
        : pool_(std::move(pool)), connection_(std::move(c)) {}
    lease(lease&&) noexcept = default;
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (pool_) pool_->give_back(keep_ ? std::move(connection_) : nullptr);
    }
    connection& operator*() { return *connection_; }
    connection* operator->() { return connection_.get(); }
    void renew() { connection_ = std::make_unique<connection>(pool_->on); }
    bool has_connection() const { return connection_ != nullptr; }
    void keep() { keep_ = true; }

   private:
    std::shared_ptr<state> pool_;
    std::unique_ptr<connection> connection_;
    bool keep_ = false;
  };

  // One who waits for a lease; stands in `waiting` until it is granted or gone.
  struct waiter {
    waiter(state& p, time_point until) : pool(p), timer(p.on, until) {
      place = pool.waiting.insert(pool.waiting.end(), this);
    }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() {
      if (!granted) {
        pool.waiting.erase(place);
      } else if (!taken) {
        pool.give_back(std::move(given));
      }
    }
    state& pool;
    asio::steady_timer timer;
    std::list<waiter*>::iterator place;
    bool granted = false, taken = false;
    std::unique_ptr<connection> given;
  };

  state(event_loop& loop, upstream u)
      : to(std::move(u)),
        on(loop.executor()),
        service(loop.service_name()),
        breaker_gauge(telemetry::get_gauge("souk_breaker_state", "0 closed, 1 half open, 2 open",
                                           {{"upstream", to.name}})),
        breaker([this](resilience::breaker::state s) { breaker_gauge.set(static_cast<int>(s)); }),
        cleaning(on) {
    const auto url = boost::urls::parse_uri(to.url);
    if (!url || url->scheme() != "http" || url->host().empty() || url->has_query() ||
        url->has_fragment() || url->has_userinfo() ||
        (!url->encoded_path().empty() && url->encoded_path() != "/")) {
      throw std::invalid_argument(to.name + ": the address must be http://host:port");
    }
    host = url->host_address();
    port = url->has_port() ? url->port_number() : 80;
    authority = std::string(url->encoded_host_and_port());
    breaker_gauge.set(0);
  }

  // --- the pool

  // Nothing when time is over.
  task<std::optional<lease>> acquire(time_point by) {
    const auto now = steady_clock::now();
    while (!idle.empty()) {
      auto c = std::move(idle.back());  // the most recent, so that the others grow old
      idle.pop_back();
      if (c->fit(now)) {
        c->reused = true;
        co_return lease(shared_from_this(), std::move(c));
      }
      --open;
    }
    if (open < to.max_connections) {
      ++open;
      co_return lease(shared_from_this(), nullptr);
    }
    if (waiting.size() >= to.max_waiting) {
      throw attempt_failed(to.name, "too many calls wait for a connection", not_sent).unsent();
    }
    auto self = shared_from_this();  // outlives the waiter
    waiter w(*this, by);
    co_await w.timer.async_wait(ends_in_tuple);
    if (!w.granted) {
      co_await throw_if_cancelled();
      co_return std::nullopt;
    }
    w.taken = true;
    co_return lease(std::move(self), std::move(w.given));
  }

  void give_back(std::unique_ptr<connection> c) {
    const auto now = steady_clock::now();
    if (c) {
      c->idle_since = now;
      if (now >= c->retire_at) c.reset();
    }
    if (!waiting.empty()) {
      waiter& next = *waiting.front();
      waiting.pop_front();
      if (c) c->reused = true;
      next.granted = true;
      next.given = std::move(c);
      next.timer.cancel();
    } else if (c) {
      idle.push_back(std::move(c));
      if (!clean_planned) plan_cleaning();
    } else {
      --open;
    }
  }

  void forget_idle() {
    open -= idle.size();
    idle.clear();
  }

  // Closes what has been idle for too long, so that no socket stays behind when calls stop.
  void plan_cleaning() {
    clean_planned = true;
    cleaning.expires_after(seconds(5));
    cleaning.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      const auto now = steady_clock::now();
      self->open -= std::erase_if(self->idle, [now](auto& c) { return !c->fit(now); });
      self->clean_planned = false;
      if (!self->idle.empty()) self->plan_cleaning();
    });
  }

  // --- one connection

  task<> connect(lease& l, time_point by) {
    l.renew();
    std::vector<tcp::endpoint> endpoints;
    for (const auto& address : co_await souk::detail::look_up(
             host, std::min<time_point>(by, steady_clock::now() + look_up_timeout)))
      endpoints.emplace_back(asio::ip::make_address(address), port);
    l->stream.expires_at(std::min<time_point>(
        by, steady_clock::now() + (to.as_it_is ? connect_timeout_as_it_is : connect_timeout)));
    co_await l->stream.async_connect(endpoints, asio::use_awaitable);
    l->stream.socket().set_option(tcp::no_delay(true));
  }

  std::string request_text(const context& ctx, const call& c, milliseconds time_left) const {
    if (!fits_in_a_request_line(c.path)) {
      throw std::invalid_argument("the path of a call has characters that no path may have");
    }
    std::string out;
    out.reserve(512 + c.body.size());
    fmt::format_to(std::back_inserter(out),
                   "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\ntraceparent: {}\r\n"
                   "Souk-Deadline-Ms: {}\r\n",
                   to_string(c.method), c.path, authority, service, ctx.trace.traceparent(),
                   time_left.count());
    if (!ctx.request_id.empty() && fits_in_a_header(ctx.request_id)) {
      append_header(out, "X-Request-Id", ctx.request_id);
    }
    if (!ctx.bucket.empty()) append_header(out, "x-souk-bucket", ctx.bucket);
    for (const auto& [name, value] : to.headers) append_header(out, name, value);
    bool typed = false;
    for (const auto& [name, value] : c.headers) {
      append_header(out, name, value);
      typed |= beast::iequals(name, "content-type");
    }
    if (!c.body.empty() && !typed) append_header(out, "Content-Type", "application/json");
    if (!is_read(c.method) || !c.body.empty()) {
      fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", c.body.size());
    }
    out += "\r\n";
    out += c.body;
    return out;
  }

  // --- one attempt

  struct attempt {
    const context& ctx;
    const http::call& call;
    time_point by;  // the call's time or the context's, whichever ends first
    time_point began = steady_clock::now();
  };

  [[noreturn]] void throw_time_over(const attempt& a, bool sent) const {
    if (is_read(a.call.method) && a.ctx.deadline <= a.by) throw deadline_exceeded();
    throw attempt_failed(to.name, "time over", timed_out).unsent(!sent);
  }

  [[noreturn]] void judge_silence(const attempt& a, permit& leave, bool sent) const {
    if (steady_clock::now() - a.began >= fair_chance) leave.failed();
    throw_time_over(a, sent);
  }

  // Sends the request and reads the head of the answer (all of it if `parser` is told so by
  // `whole`), on a kept connection or a new one.
  template <class Parser>
  task<lease> exchange(attempt& a, permit& leave, Parser& parser, bool whole) {
    if (!leave.given()) {
      throw attempt_failed(to.name, "circuit breaker open", not_sent).unsent();
    }
    const auto given = std::chrono::duration_cast<milliseconds>(a.by - steady_clock::now());
    if (given.count() <= 0) throw_time_over(a, false);
    const std::string text = request_text(a.ctx, a.call, given);
    auto acquired = co_await acquire(a.by);
    if (!acquired) throw_time_over(a, false);
    lease l = std::move(*acquired);
    // While this one waited, the others may have found out.
    if (breaker.current() == resilience::breaker::state::open) {
      if (l.has_connection()) l.keep();
      throw attempt_failed(to.name, "circuit breaker open", not_sent).unsent();
    }

    error_code ec;
    if (!l.has_connection()) {
      try {
        co_await connect(l, a.by);
      } catch (const system_error& e) {
        ec = e.code();
      }
      if (ec) {
        if (ec == asio::error::operation_aborted) throw system_error(ec);
        if (steady_clock::now() >= a.by) judge_silence(a, leave, false);
        leave.failed();
        throw attempt_failed(to.name, "cannot connect: " + ec.message(), failed)
            .unsent()
            .repeatable();
      }
    }

    l->stream.expires_at(a.by);
    std::tie(ec, std::ignore) =
        co_await asio::async_write(l->stream, asio::buffer(text), ends_in_tuple);
    if (!ec) {
      if (whole) {
        std::tie(ec, std::ignore) =
            co_await beast::http::async_read(l->stream, l->buffer, parser, ends_in_tuple);
      } else {
        std::tie(ec, std::ignore) =
            co_await beast::http::async_read_header(l->stream, l->buffer, parser, ends_in_tuple);
      }
    }
    if (ec == asio::error::operation_aborted) throw system_error(ec);
    if (ec == beast::error::timeout) judge_silence(a, leave, true);
    if (ec) {
      if (l->reused && !parser.got_some()) {
        throw attempt_failed(to.name, "kept connection was closed", failed).stale();
      }
      leave.failed();
      const bool too_large =
          ec == beast::http::error::body_limit || ec == beast::http::error::header_limit;
      throw attempt_failed(to.name, ec.message(), failed).repeatable(!too_large);
    }
    co_return l;
  }

  void judge(unsigned status, bool try_again_later, permit& leave) const {
    if (status >= 500) {
      leave.failed();
    } else {
      leave.succeeded();
    }
    if (status < 500 && status != 429) return;
    const bool passing = (status == 502 || status == 503 || status == 504) && !try_again_later;
    throw attempt_failed(to.name, fmt::format("status {}", status), failed)
        .with_status(status)
        .repeatable(passing);
  }

  task<answer> attempt_once(attempt a) {
    permit leave(breaker, !to.as_it_is);
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(max_answer);
    parser.skip(a.call.method == method::head);
    lease l = co_await exchange(a, leave, parser, true);
    auto message = parser.release();
    if (message.keep_alive() && l->buffer.size() == 0) l.keep();
    const std::string_view later = message[beast::http::field::retry_after];
    if (!to.as_it_is) judge(message.result_int(), !later.empty(), leave);
    std::string_view etag = message[beast::http::field::etag];
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
      etag = etag.substr(1, etag.size() - 2);
    }
    answer out{.status = static_cast<int>(message.result_int()), .etag = std::string(etag)};
    if (unsigned s = 0;
        std::from_chars(later.data(), later.data() + later.size(), s).ptr != later.data()) {
      out.retry_after = seconds(s);
    }
    out.body = std::move(message.body());
    co_return out;
  }

  task<> stream(const context& ctx, const call& c, std::function<void(std::string_view)>& line) {
    permit leave(breaker, !to.as_it_is);
    const auto wait = std::chrono::duration_cast<steady_clock::duration>(c.timeout);
    const auto by = [&] { return std::min(ctx.deadline, steady_clock::now() + wait); };
    attempt a{.ctx = ctx, .call = c, .by = by()};
    beast::http::response_parser<beast::http::buffer_body> parser;
    parser.body_limit(boost::none);
    lease l = co_await exchange(a, leave, parser, false);
    judge(parser.get().result_int(), true, leave);
    if (parser.get().result_int() / 100 != 2) {
      throw attempt_failed(to.name, fmt::format("status {}", parser.get().result_int()), refused)
          .with_status(parser.get().result_int());
    }
    std::vector<char> piece(std::size_t{16} * 1024);
    std::string rest;  // of a line whose end has not come
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      a.by = by();
      l->stream.expires_at(a.by);
      auto [ec, n] =
          co_await beast::http::async_read_some(l->stream, l->buffer, parser, ends_in_tuple);
      if (ec == asio::error::operation_aborted) throw system_error(ec);
      if (ec == beast::error::timeout) throw_time_over(a, true);
      if (ec && ec != beast::http::error::need_buffer) {
        throw attempt_failed(to.name, "answer broke off: " + ec.message(), failed);
      }
      rest.append(piece.data(), piece.size() - parser.get().body().size);
      std::size_t begin = 0;
      for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
        line(std::string_view(rest).substr(begin, end - begin));
      }
      rest.erase(0, begin);
      if (rest.size() > max_line) {
        throw attempt_failed(to.name, "a line of the answer is too long", failed);
      }
    }
    if (!rest.empty()) line(rest);
    if (parser.get().keep_alive() && l->buffer.size() == 0) l.keep();
  }

  telemetry::histogram& duration_metric(std::string_view method, std::string_view outcome) {
    auto& slot = durations[{method, outcome}];
    if (!slot) {
      slot = &telemetry::get_histogram("http_client_request_duration_seconds",
                                       "Calls to other services, with their repeats",
                                       {{"upstream", to.name},
                                        {"method", std::string(method)},
                                        {"outcome", std::string(outcome)}});
    }
    return *slot;
  }

  upstream to;
  executor on;
  std::string service;
  std::string host, authority;
  std::uint16_t port = 0;
  telemetry::gauge& breaker_gauge;
  resilience::breaker breaker;
  resilience::retry_budget budget;
  std::vector<std::unique_ptr<connection>> idle;  // least recently used first
  std::size_t open = 0;                           // idle, in use or being made
  std::list<waiter*> waiting;
  asio::steady_timer cleaning;
  bool clean_planned = false;
  std::map<std::pair<std::string_view, std::string_view>, telemetry::histogram*> durations;
};

// Span and duration of one call, whichever way it ends.
class client::observation {
 public:
  observation(std::shared_ptr<state> of, const context& ctx, const call& c)
      : span(ctx, fmt::format("{} {}", to_string(c.method), of->to.name),
             telemetry::span_kind::client),
        of_(std::move(of)),
        method_(to_string(c.method)) {
    span.set({"http.request.method", method_});
    span.set({"server.address", of_->host});
    span.set({"server.port", of_->port});
    span.set({"url.path", c.path.substr(0, c.path.find('?'))});
  }
  observation(const observation&) = delete;
  observation& operator=(const observation&) = delete;
  ~observation() {
    if (outcome != ok && outcome != refused) {
      span.set({"error.type", outcome});
      span.fail(outcome);
    }
    const std::chrono::duration<double> took = steady_clock::now() - began_;
    of_->duration_metric(method_, outcome).observe(took.count());
  }
  void answered(int status) {
    outcome = status < 400 ? ok : refused;
    span.set({"http.response.status_code", status});
  }

  telemetry::span span;
  std::string_view outcome = cancelled;

 private:
  std::shared_ptr<state> of_;
  std::string_view method_;
  time_point began_ = steady_clock::now();
};

client::client(event_loop& loop, upstream to)
    : state_(std::make_shared<state>(loop, std::move(to))) {}
client::~client() = default;

const std::string& client::name() const {
  return state_->to.name;
}

task<answer> client::send(const context& ctx, call c) {
  const auto self = state_;
  observation seen(self, ctx, c);
  const context inner = seen.span.ctx();
  const time_point by = std::min(ctx.deadline, steady_clock::now() + c.timeout);
  self->budget.earn();
  int attempts = 0;
  bool forgiven = false;  // a stale connection, once
  while (true) {
    std::optional<attempt_failed> failure;
    try {
      ++attempts;
      fault::point("call", {self->to.name, to_string(c.method), c.path}, "before");
      answer a = co_await self->attempt_once({.ctx = inner, .call = c, .by = by});
      fault::point("call", {self->to.name, to_string(c.method), c.path}, "after");
      seen.answered(a.status);
      co_return a;
    } catch (const attempt_failed& f) {
      failure = f;
    } catch (const deadline_exceeded&) {
      seen.outcome = timed_out;
      throw;
    }
    seen.outcome = failure->outcome;
    if (!is_read(c.method) || self->to.as_it_is) throw attempt_failed(*failure);
    if (failure->was_stale && !forgiven) {
      forgiven = true;
      --attempts;
      self->forget_idle();
      continue;
    }
    if (!(failure->may_repeat || failure->was_stale) || attempts >= max_attempts ||
        !self->budget.spend()) {
      throw attempt_failed(*failure);
    }
    seen.span.set({"http.request.resend_count", attempts});
    co_await sleep_for(resilience::backoff(attempts, milliseconds(20), milliseconds(200)));
    seen.outcome = cancelled;
  }
}

task<> client::stream_lines(const context& ctx, call c,
                            std::function<void(std::string_view)> line) {
  const auto self = state_;
  observation seen(self, ctx, c);
  const context inner = seen.span.ctx();
  try {
    fault::point("call", {self->to.name, to_string(c.method), c.path}, "before");
    co_await self->stream(inner, c, line);
    fault::point("call", {self->to.name, to_string(c.method), c.path}, "after");
  } catch (const attempt_failed& f) {
    seen.outcome = f.outcome;
    throw;
  } catch (const deadline_exceeded&) {
    seen.outcome = timed_out;
    throw;
  }
  seen.outcome = ok;
}

// ---------------------------------------------------------------------------------------------

call get(std::string path) {
  return {.path = std::move(path)};
}

std::string url_encode(std::string_view part) {
  std::string out;
  for (const char c : part) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

namespace detail {

std::optional<std::string> json_member(std::string_view document, std::string_view name) {
  error_code ec;
  const boost::json::value v = boost::json::parse(document, ec);
  if (ec || !v.is_object()) return std::nullopt;
  const auto* member = v.get_object().if_contains(name);
  if (!member) return std::nullopt;
  return boost::json::serialize(*member);
}

refusal to_refusal(answer a) {
  refusal out{.status = a.status};
  error_code ec;
  const boost::json::value v = boost::json::parse(a.body, ec);
  if (!ec && v.is_object()) {
    const auto text = [&v](std::string_view name) {
      const auto* member = v.get_object().if_contains(name);
      return member && member->is_string() ? std::string(member->get_string()) : std::string();
    };
    out.type = text("type");
    out.type.erase(0, out.type.rfind('/') + 1);
    out.detail = text("detail");
  }
  out.body = std::move(a.body);
  return out;
}

void throw_not_as_agreed(const std::string& upstream, const json::errors& errors) {
  throw call_failed(upstream,
                    errors.empty() ? std::string("answer is not what was agreed")
                                   : fmt::format("answer is not what was agreed: {} {}",
                                                 errors.front().pointer, errors.front().detail),
                    false);
}

}  // namespace detail

}  // namespace souk::http
