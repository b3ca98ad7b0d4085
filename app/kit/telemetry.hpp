#pragma once

// Traces (W3C Trace Context, exported by OTLP/HTTP as JSON), metrics (Prometheus) and logs (one
// JSON object a line on standard output). No card number, token, cookie or received text ever goes
// into any of them.

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kit/context.hpp"

namespace souk::telemetry {

struct attribute {
  std::string_view key;  // a constant
  std::variant<std::string, std::int64_t, double, bool> value;

  attribute(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  attribute(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  attribute(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  attribute(std::string_view k, bool v) : key(k), value(v) {}
  attribute(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral I>
  attribute(std::string_view k, I v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

// ---------------------------------------------------------------------------------------------
enum class level { debug, info, warning, error };
// "debug", "info", "warning" (or "warn"), "error".
std::optional<level> parse_level(std::string_view name);

// `message` is a constant; what varies goes into attributes. Trace and request id come from `ctx`.
// Attributes become members of the line beside ts, level, service, message, trace_id, span_id and
// request_id, so their keys must be others. Never waits for standard output.
void log(level l, const context& ctx, std::string_view message,
         std::initializer_list<attribute> attributes = {});
void log(level l, std::string_view message, std::initializer_list<attribute> attributes = {});
inline void info(const context& c, std::string_view m, std::initializer_list<attribute> a = {}) {
  log(level::info, c, m, a);
}
inline void warn(const context& c, std::string_view m, std::initializer_list<attribute> a = {}) {
  log(level::warning, c, m, a);
}
inline void error(const context& c, std::string_view m, std::initializer_list<attribute> a = {}) {
  log(level::error, c, m, a);
}

// ---------------------------------------------------------------------------------------------
enum class span_kind { internal, server, client };

// A span lasts from its making to its end() or destruction. Costs little when not sampled or when
// nothing is exported; ctx() is then the parent's, so that no span misses its parent. A span that
// an exception destroys has failed.
//
// A parent context without a span id makes the span the root of its trace; one that has no trace id
// either (trace_context{}) starts a trace, which is sampled by settings::sample_ratio.
class span {
 public:
  span(const context& parent, std::string_view name, span_kind kind = span_kind::internal);
  span(span&&) noexcept;
  ~span();

  // For what happens inside it: the same request, this span as parent.
  const context& ctx() const;
  void set(attribute a);
  void link(const trace_context& to);
  void fail(std::string_view description);  // a constant
  void end();

 private:
  struct state;
  context ctx_;
  std::unique_ptr<state> state_;  // empty when not sampled
};

// ---------------------------------------------------------------------------------------------
// Metrics live as long as the program; the references may be kept. Label values must come from
// small, closed sets. Thread-safe.
using labels = std::vector<std::pair<std::string, std::string>>;

class counter {
 public:
  virtual void add(double amount = 1) = 0;

 protected:
  ~counter() = default;
};
class gauge {
 public:
  virtual void set(double value) = 0;
  virtual void add(double amount) = 0;

 protected:
  ~gauge() = default;
};
class histogram {
 public:
  virtual void observe(double value) = 0;

 protected:
  ~histogram() = default;
};

// Asking again for the same name and labels gives the same metric.
counter& get_counter(std::string_view name, std::string_view help, const labels& l = {});
gauge& get_gauge(std::string_view name, std::string_view help, const labels& l = {});
// Buckets for durations in seconds from 0.5 ms to 30 s.
histogram& get_histogram(std::string_view name, std::string_view help, const labels& l = {});

// The text of GET /metrics.
std::string metrics_text();

// ---------------------------------------------------------------------------------------------
struct settings {
  std::string service;  // "order-service"
  std::string version;
  std::string otlp_endpoint;  // http://host:port[/prefix]; spans go to <endpoint>/v1/traces
  double sample_ratio = 1.0;  // of the traces that begin here, in [0, 1]
  level log_level = level::info;
};

// Starts the threads that write logs and export spans. Without start(), and after stop(), lines are
// written at once by whoever logs, and spans are not recorded. Throws std::invalid_argument for an
// endpoint that is no http URL.
void start(const settings& s);
// Writes and exports what is left, for at most `limit`; then the rest is given up.
void stop(std::chrono::milliseconds limit);

// Whether a trace that begins here with this id is recorded; the same in each service.
bool sampled(const std::array<std::uint8_t, 16>& trace_id);

}  // namespace souk::telemetry
