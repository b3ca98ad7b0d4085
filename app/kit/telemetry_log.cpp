#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <iterator>
#include <mutex>
#include <vector>

#include "kit/id.hpp"
#include "kit/log_writer.hpp"
#include "kit/telemetry.hpp"
#include "kit/telemetry_parts.hpp"
#include "kit/telemetry_text.hpp"

namespace souk::telemetry {

namespace {

std::string_view name_of(spdlog::level::level_enum l) {
  switch (l) {
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warning";
    default:
      return "error";
  }
}

spdlog::level::level_enum to_spdlog(level l) {
  switch (l) {
    case level::debug:
      return spdlog::level::debug;
    case level::info:
      return spdlog::level::info;
    case level::warning:
      return spdlog::level::warn;
    case level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// RFC 3339 with microseconds. Splitting a time into a date is the dear part, and lines come many to
// the second.
void append_time(std::string& out, spdlog::log_clock::time_point time) {
  thread_local std::chrono::sys_seconds last{};
  thread_local std::string text;
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != last || text.empty()) {
    last = second;
    text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(spdlog::log_clock::to_time_t(second)));
  }
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - second).count();
  std::array<char, 6> digits{};
  for (auto [i, rest] = std::pair{digits.size(), micros}; i > 0; rest /= 10) {
    digits[--i] = static_cast<char>('0' + rest % 10);
  }
  out += text;
  out += '.';
  out.append(digits.data(), digits.size());
  out += 'Z';
}

// Puts time and level in front of what is already the rest of a JSON object.
class json_sink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& m) override {
    thread_local std::string line;
    line.assign(R"({"ts":")");
    append_time(line, m.time);
    line += R"(","level":")";
    line += name_of(m.level);
    line += R"(",)";
    line.append(m.payload.data(), m.payload.size());
    line += '\n';
    if (log_writer* w = writer_.load(std::memory_order_acquire)) {
      w->write(line, m.level >= spdlog::level::warn);
    } else {
      const std::lock_guard lock(mutex_);
      write_fully(STDOUT_FILENO, line);
    }
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  void start() {
    const std::lock_guard lock(mutex_);
    writers_.push_back(std::make_unique<log_writer>(STDOUT_FILENO));
    writer_.store(writers_.back().get(), std::memory_order_release);
  }
  void stop(std::chrono::milliseconds limit) {
    if (log_writer* w = writer_.exchange(nullptr)) w->stop(limit);
  }
  std::uint64_t dropped() {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& w : writers_) sum += w->dropped();
    return sum;
  }

 private:
  std::atomic<log_writer*> writer_ = nullptr;
  std::mutex mutex_;
  // All there ever were: another thread may still be writing to a stopped one.
  std::vector<std::unique_ptr<log_writer>> writers_;
};

struct logs {
  std::shared_ptr<json_sink> sink = std::make_shared<json_sink>();
  spdlog::logger logger{"souk", sink};
  std::string service;  // set before there are threads
};

// Never destroyed: the last words of other statics are logged, too.
logs& the_logs() {
  static logs& all = *new logs;
  return all;
}

void append_attribute(std::string& out, const attribute& a) {
  struct visitor {
    std::string& to;
    void operator()(const std::string& v) const { append_json_string(to, v); }
    void operator()(std::int64_t v) const { to += fmt::format_int(v).c_str(); }
    void operator()(double v) const { append_json_number(to, v); }
    void operator()(bool v) const { to += v ? "true" : "false"; }
  };
  out += ',';
  append_json_string(out, a.key);
  out += ':';
  std::visit(visitor{out}, a.value);
}

void write_line(level l, const context* ctx, std::string_view message,
                std::initializer_list<attribute> attributes) {
  logs& all = the_logs();
  const auto spdlog_level = to_spdlog(l);
  if (!all.logger.should_log(spdlog_level)) return;
  thread_local std::string rest;
  rest.assign(R"("service":)");
  append_json_string(rest, all.service.empty() && ctx ? ctx->service : all.service);
  rest += R"(,"message":)";
  append_json_string(rest, message);
  if (ctx) {
    if (ctx->trace.valid()) {
      const auto bytes = [](const auto& id) {
        return std::string_view(reinterpret_cast<const char*>(id.data()), id.size());
      };
      rest += R"(,"trace_id":")";
      rest += hex_encode(bytes(ctx->trace.trace_id));
      rest += R"(","span_id":")";
      rest += hex_encode(bytes(ctx->trace.span_id));
      rest += '"';
    }
    if (!ctx->request_id.empty()) {
      rest += R"(,"request_id":)";
      append_json_string(rest, ctx->request_id);
    }
  }
  for (const attribute& a : attributes) append_attribute(rest, a);
  rest += '}';
  all.logger.log(spdlog_level, spdlog::string_view_t(rest.data(), rest.size()));
}

}  // namespace

std::optional<level> parse_level(std::string_view name) {
  if (name == "debug") return level::debug;
  if (name == "info") return level::info;
  if (name == "warning" || name == "warn") return level::warning;
  if (name == "error") return level::error;
  return std::nullopt;
}

void log(level l, const context& ctx, std::string_view message,
         std::initializer_list<attribute> attributes) {
  write_line(l, &ctx, message, attributes);
}

void log(level l, std::string_view message, std::initializer_list<attribute> attributes) {
  write_line(l, nullptr, message, attributes);
}

void start_logs(const settings& s) {
  ::signal(SIGPIPE, SIG_IGN);  // a reader of the log who goes away must not take the service along
  logs& all = the_logs();
  all.service = s.service;
  all.logger.set_level(to_spdlog(s.log_level));
  all.sink->start();
}

void stop_logs(std::chrono::milliseconds limit) {
  the_logs().sink->stop(limit);
}

std::uint64_t log_lines_dropped() {
  return the_logs().sink->dropped();
}

}  // namespace souk::telemetry
