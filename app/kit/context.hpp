#pragma once

// What a request brings along: a parameter of every coroutine that does I/O, never thread-local.

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "kit/task.hpp"

namespace souk {

// W3C Trace Context, level 1.
struct trace_context {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  bool sampled = true;

  static trace_context start();  // a new trace
  // A trace that will have this id (32 lower-case hexadecimal digits, not all zero) and has no span
  // yet. Nothing if it is no such id.
  static std::optional<trace_context> named(std::string_view trace_id);
  trace_context child() const;  // same trace, new span id
  bool valid() const;           // neither id is all zero
  std::string trace_id_hex() const;
  std::string traceparent() const;
  // Nothing unless exactly as the recommendation wants it (also future versions' prefix form).
  static std::optional<trace_context> parse(std::string_view traceparent);
};

// Who makes the request, as proven by what it carried.
struct caller {
  enum class kind { nobody, shopper, admin, service };
  kind what = kind::nobody;
  std::string id;  // the shopper's or administrator's id (sub); the service's name

  bool is_shopper() const { return what == kind::shopper; }
  bool is_admin() const { return what == kind::admin; }
  bool is_service(std::string_view name) const { return what == kind::service && id == name; }
};

struct context {
  trace_context trace;
  // Reads give up at this time. An operation that has begun to write does not look at it.
  steady_clock::time_point deadline = steady_clock::time_point::max();
  caller who;
  std::string request_id;
  std::string bucket;        // x-souk-bucket: "00" to "99", "test" for a tester, or empty
  std::string_view service;  // the running program's name

  // For work that is not a request's: workers, sweepers, start-up.
  static context background(std::string_view service, steady_clock::duration time_limit);
  // The same work with a deadline of its own, e.g. once a first write has been made.
  context with_time_limit(steady_clock::duration limit) const;
  context with_trace(const trace_context& t) const;
  steady_clock::duration time_left() const;  // zero when over
};

// A read that ran out of the time its caller gave it.
struct deadline_exceeded : std::exception {
  const char* what() const noexcept override { return "deadline exceeded"; }
};

}  // namespace souk
