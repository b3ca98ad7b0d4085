#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "kit/id.hpp"
#include "kit/otlp_exporter.hpp"
#include "kit/telemetry.hpp"
#include "kit/telemetry_parts.hpp"

namespace souk::telemetry {

namespace {

std::atomic<otlp_exporter*> exporter = nullptr;
std::atomic<double> sample_ratio = 1.0;

// All there ever were: spans that are still open know a stopped one.
struct exporters {
  std::mutex mutex;
  std::vector<std::unique_ptr<otlp_exporter>> all;
};
exporters& the_exporters() {
  static exporters& all = *new exporters;
  return all;
}

template <std::size_t N>
bool is_zero(const std::array<std::uint8_t, N>& id) {
  return std::ranges::all_of(id, [](std::uint8_t b) { return b == 0; });
}

// Random identifiers, many to one call of the system's generator.
template <std::size_t N>
void make_id(std::array<std::uint8_t, N>& id) {
  thread_local std::array<std::uint8_t, 512> pool;
  thread_local std::size_t used = pool.size();
  do {
    if (used + N > pool.size()) {
      random_bytes(pool.data(), pool.size());
      used = 0;
    }
    std::memcpy(id.data(), pool.data() + used, N);
    used += N;
  } while (is_zero(id));
}

}  // namespace

bool sampled(const std::array<std::uint8_t, 16>& trace_id) {
  // The last 63 bits as a fraction: random by the recommendation, also for ids made by others.
  std::uint64_t tail = 0;
  for (std::size_t i = 8; i < 16; ++i) tail = tail << 8 | trace_id[i];
  return static_cast<double>(tail >> 1) < sample_ratio.load(std::memory_order_relaxed) * 0x1p63;
}

struct span::state {
  otlp_exporter* to;
  std::unique_ptr<span_record> record;
  steady_clock::time_point started;
};

span::span(const context& parent, std::string_view name, span_kind kind) : ctx_(parent) {
  trace_context& trace = ctx_.trace;
  if (is_zero(trace.trace_id)) {
    make_id(trace.trace_id);
    trace.span_id = {};
    trace.sampled = sampled(trace.trace_id);
  }
  const bool is_root = is_zero(trace.span_id);
  otlp_exporter* to = trace.sampled ? exporter.load(std::memory_order_acquire) : nullptr;
  if (is_root || to) make_id(trace.span_id);
  if (!to) return;
  auto record = std::make_unique<span_record>();
  record->trace = trace;
  if (!is_root) record->parent = parent.trace.span_id;
  record->name = name;
  record->kind = kind;
  record->start = std::chrono::system_clock::now();
  state_ = std::make_unique<state>(state{to, std::move(record), steady_clock::now()});
}

span::span(span&&) noexcept = default;

span::~span() {
  if (state_ && std::uncaught_exceptions() > 0 && !state_->record->failed) fail("exception");
  end();
}

const context& span::ctx() const {
  return ctx_;
}

void span::set(attribute a) {
  if (state_) state_->record->attributes.push_back(std::move(a));
}

void span::link(const trace_context& to) {
  if (state_) state_->record->links.push_back(to);
}

void span::fail(std::string_view description) {
  if (!state_) return;
  state_->record->failed = true;
  state_->record->failure = description;
}

void span::end() {
  if (!state_) return;
  span_record& r = *state_->record;
  r.end = r.start + (steady_clock::now() - state_->started);
  state_->to->add(std::move(state_->record));
  state_.reset();
}

void start_spans(const settings& s) {
  sample_ratio = s.sample_ratio;
  if (s.otlp_endpoint.empty()) return;
  exporters& past = the_exporters();
  const std::lock_guard lock(past.mutex);
  past.all.push_back(std::make_unique<otlp_exporter>(
      s.otlp_endpoint,
      resource{.service = s.service, .version = s.version, .instance = uuid::v7().str()}));
  exporter.store(past.all.back().get(), std::memory_order_release);
}

void stop_spans(std::chrono::milliseconds limit) {
  if (otlp_exporter* e = exporter.exchange(nullptr)) e->stop(limit);
}

std::uint64_t spans_dropped() {
  exporters& past = the_exporters();
  const std::lock_guard lock(past.mutex);
  std::uint64_t sum = 0;
  for (const auto& e : past.all) sum += e->dropped();
  return sum;
}

}  // namespace souk::telemetry
