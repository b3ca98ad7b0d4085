#include "kit/otlp_exporter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "kit/id.hpp"
#include "kit/resilience.hpp"
#include "kit/telemetry_text.hpp"

namespace souk::telemetry {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

template <std::size_t N>
std::string_view bytes_of(const std::array<std::uint8_t, N>& a) {
  return {reinterpret_cast<const char*>(a.data()), N};
}

void append_value(std::string& out, const attribute& a) {
  struct visitor {
    std::string& to;
    void operator()(const std::string& v) const {
      to += R"({"stringValue":)";
      append_json_string(to, v);
      to += '}';
    }
    // 64 bit integers are strings in the JSON form of protocol buffers.
    void operator()(std::int64_t v) const {
      fmt::format_to(std::back_inserter(to), R"({{"intValue":"{}"}})", v);
    }
    void operator()(double v) const {
      to += R"({"doubleValue":)";
      if (std::isfinite(v)) {
        append_json_number(to, v);
      } else {
        to += std::isnan(v) ? R"("NaN")" : v > 0 ? R"("Infinity")" : R"("-Infinity")";
      }
      to += '}';
    }
    void operator()(bool v) const { to += v ? R"({"boolValue":true})" : R"({"boolValue":false})"; }
  };
  std::visit(visitor{out}, a.value);
}

void append_attributes(std::string& out, const std::vector<attribute>& attributes) {
  out += R"("attributes":[)";
  bool first = true;
  for (const attribute& a : attributes) {
    if (!first) out += ',';
    first = false;
    out += R"({"key":)";
    append_json_string(out, a.key);
    out += R"(,"value":)";
    append_value(out, a);
    out += '}';
  }
  out += ']';
}

// Opentelemetry.proto.trace.v1: Span.SpanKind and Status.StatusCode.
int otlp_kind(span_kind k) {
  switch (k) {
    case span_kind::internal:
      return 1;
    case span_kind::server:
      return 2;
    case span_kind::client:
      return 3;
  }
  return 0;
}
constexpr int otlp_status_error = 2;

void append_span(std::string& out, const span_record& s) {
  fmt::format_to(std::back_inserter(out), R"({{"traceId":"{}","spanId":"{}",)",
                 hex_encode(bytes_of(s.trace.trace_id)), hex_encode(bytes_of(s.trace.span_id)));
  if (s.parent) {
    fmt::format_to(std::back_inserter(out), R"("parentSpanId":"{}",)",
                   hex_encode(bytes_of(*s.parent)));
  }
  out += R"("name":)";
  append_json_string(out, s.name);
  fmt::format_to(
      std::back_inserter(out), R"(,"kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}",)",
      otlp_kind(s.kind), s.start.time_since_epoch().count(), s.end.time_since_epoch().count());
  append_attributes(out, s.attributes);
  if (!s.links.empty()) {
    out += R"(,"links":[)";
    bool first = true;
    for (const trace_context& l : s.links) {
      if (!first) out += ',';
      first = false;
      fmt::format_to(std::back_inserter(out), R"({{"traceId":"{}","spanId":"{}"}})",
                     hex_encode(bytes_of(l.trace_id)), hex_encode(bytes_of(l.span_id)));
    }
    out += ']';
  }
  out += R"(,"status":{)";
  if (s.failed) {
    fmt::format_to(std::back_inserter(out), R"("code":{},"message":)", otlp_status_error);
    append_json_string(out, s.failure);
  }
  out += "}}";
}

// Answers after which the specification lets a batch be sent again.
bool worth_repeating(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// One kept connection, used from the exporter's thread only. Its operations are asynchronous only
// because that is how they get a time limit.
class connection {
 public:
  explicit connection(const std::string& endpoint) {
    const auto url = boost::urls::parse_uri(endpoint);
    if (!url || url->scheme() != "http" || url->host().empty() || url->has_query() ||
        url->has_fragment() || url->has_userinfo()) {
      throw std::invalid_argument("the OTLP endpoint must be http://host:port");
    }
    host_ = url->host_address();
    port_ = url->has_port() ? std::string(url->port()) : "80";
    authority_ = std::string(url->encoded_host_and_port());
    target_ = std::string(url->encoded_path());
    while (target_.ends_with('/')) target_.pop_back();
    target_ += "/v1/traces";
  }

  // The answer's status; throws boost::system::system_error.
  unsigned post(const std::string& body, std::chrono::milliseconds limit) {
    const auto by = steady_clock::now() + limit;
    const bool reused = stream_.has_value();
    try {
      if (!reused) connect(by);
      return exchange(body, by);
    } catch (const boost::system::system_error&) {
      stream_.reset();
      if (!reused) throw;
    }
    // The receiver had closed the idle connection.
    try {
      connect(by);
      return exchange(body, by);
    } catch (const boost::system::system_error&) {
      stream_.reset();
      throw;
    }
  }

 private:
  // Runs one asynchronous operation to its end.
  template <class Start>
  void wait(steady_clock::time_point by, Start start) {
    boost::system::error_code result = asio::error::timed_out;
    bool ended = false;
    io_.restart();
    start([&](boost::system::error_code ec, auto&&...) {
      result = ec;
      ended = true;
    });
    io_.run_until(by);
    if (!ended) {
      resolver_.cancel();
      if (stream_) stream_->close();
      io_.run();
      result = asio::error::timed_out;
    }
    if (result) throw boost::system::system_error(result);
  }

  void connect(steady_clock::time_point by) {
    asio::ip::tcp::resolver::results_type found;
    wait(by, [&](auto done) {
      resolver_.async_resolve(host_, port_,
                              [done, &found](boost::system::error_code ec, auto results) mutable {
                                found = std::move(results);
                                done(ec);
                              });
    });
    stream_.emplace(io_);
    wait(by, [&](auto done) { asio::async_connect(*stream_, found, done); });
    stream_->set_option(asio::ip::tcp::no_delay(true));
  }

  unsigned exchange(const std::string& body, steady_clock::time_point by) {
    beast::http::request<beast::http::string_body> request{beast::http::verb::post, target_, 11};
    request.set(beast::http::field::host, authority_);
    request.set(beast::http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    wait(by, [&](auto done) { beast::http::async_write(*stream_, request, done); });
    beast::http::response_parser<beast::http::string_body> answer;
    answer.body_limit(std::size_t{64} * 1024);
    beast::flat_buffer buffer;
    wait(by, [&](auto done) { beast::http::async_read(*stream_, buffer, answer, done); });
    if (!answer.get().keep_alive()) stream_.reset();
    return answer.get().result_int();
  }

  std::string host_, port_, authority_, target_;
  asio::io_context io_{1};
  asio::ip::tcp::resolver resolver_{io_};
  std::optional<asio::ip::tcp::socket> stream_;
};

}  // namespace

std::string encode_otlp(const resource& from,
                        const std::vector<std::unique_ptr<span_record>>& spans) {
  std::string out;
  out.reserve(512 + spans.size() * 640);
  out += R"({"resourceSpans":[{"resource":{)";
  append_attributes(out, {{"service.name", from.service},
                          {"service.version", from.version},
                          {"service.instance.id", from.instance}});
  out += R"(},"scopeSpans":[{"scope":{"name":"souk"},"spans":[)";
  bool first = true;
  for (const auto& s : spans) {
    if (!first) out += ',';
    first = false;
    append_span(out, *s);
  }
  out += "]}]}]}";
  return out;
}

struct otlp_exporter::state {
  state(const std::string& endpoint, resource r) : from(std::move(r)), receiver(endpoint) {}

  void run();
  bool deliver(const std::string& body);
  bool pause(std::chrono::milliseconds time);
  std::chrono::milliseconds time_limit();

  const resource from;
  connection receiver;  // the thread's
  std::atomic<std::uint64_t> dropped{0};
  std::mutex mutex;  // of all that follows
  std::condition_variable wake;
  std::condition_variable finished;
  std::vector<std::unique_ptr<span_record>> queue;
  std::optional<steady_clock::time_point> stop_by;
  bool done = false;
};

otlp_exporter::otlp_exporter(const std::string& endpoint, resource from)
    : state_(std::make_shared<state>(endpoint, std::move(from))) {
  std::thread([s = state_] { s->run(); }).detach();
}

otlp_exporter::~otlp_exporter() {
  stop(std::chrono::milliseconds(0));
}

void otlp_exporter::add(std::unique_ptr<span_record> span) {
  state& s = *state_;
  bool wake = false;
  {
    const std::lock_guard lock(s.mutex);
    if (s.queue.size() >= max_queue || s.stop_by) {
      s.dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    s.queue.push_back(std::move(span));
    wake = s.queue.size() == 1 || s.queue.size() == max_batch;
  }
  if (wake) s.wake.notify_one();
}

bool otlp_exporter::stop(std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  if (!state_->stop_by) state_->stop_by = steady_clock::now() + limit;
  state_->wake.notify_one();
  return state_->finished.wait_until(lock, *state_->stop_by, [this] { return state_->done; });
}

std::uint64_t otlp_exporter::dropped() const {
  return state_->dropped.load(std::memory_order_relaxed);
}

void otlp_exporter::state::run() {
  std::vector<std::unique_ptr<span_record>> batch;
  while (true) {
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return stop_by || !queue.empty(); });
      if (queue.empty()) break;
      wake.wait_for(lock, max_delay, [this] { return stop_by || queue.size() >= max_batch; });
      const auto end =
          queue.begin() + static_cast<std::ptrdiff_t>(std::min(queue.size(), max_batch));
      batch.assign(std::move_iterator(queue.begin()), std::move_iterator(end));
      queue.erase(queue.begin(), end);
    }
    if (!deliver(encode_otlp(from, batch))) {
      dropped.fetch_add(batch.size(), std::memory_order_relaxed);
    }
    batch.clear();
  }
  const std::lock_guard lock(mutex);
  done = true;
  finished.notify_all();
}

bool otlp_exporter::state::deliver(const std::string& body) {
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    const auto limit = time_limit();
    if (limit.count() <= 0) return false;
    std::string why;
    bool again = true;
    try {
      const unsigned status = receiver.post(body, limit);
      if (status >= 200 && status < 300) return true;
      why = fmt::format("status {}", status);
      again = worth_repeating(status);
    } catch (const boost::system::system_error& e) {
      why = e.code().message();
    }
    if (!again || attempt == attempts ||
        !pause(resilience::backoff(attempt, std::chrono::milliseconds(500),
                                   std::chrono::milliseconds(5'000)))) {
      log(level::warning, "spans dropped: the trace receiver took none", {{"error", why}});
      return false;
    }
  }
}

// False when the exporter is being stopped: nothing is tried again then.
bool otlp_exporter::state::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex);
  return !wake.wait_for(lock, time, [this] { return stop_by.has_value(); });
}

std::chrono::milliseconds otlp_exporter::state::time_limit() {
  const std::lock_guard lock(mutex);
  constexpr std::chrono::milliseconds usual{5'000};
  if (!stop_by) return usual;
  return std::min(
      usual, std::chrono::duration_cast<std::chrono::milliseconds>(*stop_by - steady_clock::now()));
}

}  // namespace souk::telemetry
