#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kit/context.hpp"
#include "kit/telemetry.hpp"

namespace souk::telemetry {

struct span_record {
  trace_context trace;
  std::optional<std::array<std::uint8_t, 8>> parent;
  std::string name;
  span_kind kind;
  std::chrono::sys_time<std::chrono::nanoseconds> start, end;
  std::vector<attribute> attributes;
  std::vector<trace_context> links;
  bool failed = false;
  std::string_view failure;
};

struct resource {
  std::string service, version, instance;
};

// The body of POST /v1/traces: an ExportTraceServiceRequest in OTLP's JSON form.
std::string encode_otlp(const resource& from,
                        const std::vector<std::unique_ptr<span_record>>& spans);

// Sends spans to an OTLP/HTTP receiver from a thread of its own. Never waits for it: the queue is
// bounded, and spans that don't fit, or that the receiver doesn't take in time, are dropped and
// counted. Thread-safe.
class otlp_exporter {
 public:
  // Throws std::invalid_argument when `endpoint` is no http URL.
  otlp_exporter(const std::string& endpoint, resource from);
  ~otlp_exporter();
  otlp_exporter(const otlp_exporter&) = delete;
  otlp_exporter& operator=(const otlp_exporter&) = delete;

  void add(std::unique_ptr<span_record> span);
  // Sends what is left, for at most `limit`; false if something is left.
  bool stop(std::chrono::milliseconds limit);
  std::uint64_t dropped() const;

  static constexpr std::size_t max_queue = 8192;
  static constexpr std::size_t max_batch = 512;
  static constexpr std::chrono::milliseconds max_delay{1'000};

 private:
  // Shared with the thread, which may outlive the exporter when it is stuck in a name look-up.
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace souk::telemetry
