#include "kit/database_metrics.hpp"

#include <utility>

namespace souk::detail {

namespace {

const char* to_text(db_outcome outcome) {
  switch (outcome) {
    case db_outcome::ok:
      return "ok";
    case db_outcome::refused:
      return "refused";
    case db_outcome::unavailable:
      return "unavailable";
    case db_outcome::late:
      return "late";
    case db_outcome::unknown:
      return "unknown";
    case db_outcome::cancelled:
      return "cancelled";
  }
  std::unreachable();
}

// A statement that belongs to no request and no named piece of work is a poll of a background task:
// as traces of one span there would be dozens a second, and what is looked for among them. Its
// duration is in the metric.
telemetry::span span_of(const context& ctx, std::string_view name) {
  if (ctx.trace.valid()) return {ctx, name, telemetry::span_kind::client};
  auto unrecorded = trace_context::start();
  unrecorded.sampled = false;
  return {ctx.with_trace(unrecorded), name, telemetry::span_kind::client};
}

}  // namespace

void operation_durations::observe(std::string_view operation, db_outcome outcome, double seconds) {
  auto known = histograms_.find(operation);
  if (known == histograms_.end()) known = histograms_.emplace(operation, by_outcome{}).first;
  auto& histogram = known->second[static_cast<std::size_t>(outcome)];
  if (!histogram) {
    histogram = &telemetry::get_histogram("db_client_operation_duration_seconds",
                                          "Duration of statements and scripts",
                                          {{"db", std::string(system_)},
                                           {"statement", std::string(operation)},
                                           {"outcome", to_text(outcome)}});
  }
  histogram->observe(seconds);
}

observed_operation::observed_operation(operation_durations& durations, const context& ctx,
                                       std::string_view name, std::string_view verb)
    : durations_(durations), name_(name), span_(span_of(ctx, name)) {
  span_.set({"db.system.name", durations.system()});
  span_.set({"db.operation.name", verb});
  span_.set({"db.query.summary", name});
}

observed_operation::~observed_operation() {
  if (!ended_) end(db_outcome::cancelled);
}

void observed_operation::failed(db_outcome outcome, std::string_view code) {
  if (!code.empty()) span_.set({"db.response.status_code", code});
  span_.set({"error.type", to_text(outcome)});
  span_.fail(to_text(outcome));
  end(outcome);
}

void observed_operation::end(db_outcome outcome) {
  ended_ = true;
  const std::chrono::duration<double> taken = steady_clock::now() - begin_;
  durations_.observe(name_, outcome, taken.count());
  span_.end();
}

}  // namespace souk::detail
