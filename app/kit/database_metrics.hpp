#pragma once

// What PostgreSQL and Redis tell about each operation: a span, a duration. Private to the kit.

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kit/context.hpp"
#include "kit/telemetry.hpp"

namespace souk::detail {

enum class db_outcome { ok, refused, unavailable, late, unknown, cancelled };

// The histograms of one database on one event loop.
class operation_durations {
 public:
  explicit operation_durations(std::string_view system) : system_(system) {}
  void observe(std::string_view operation, db_outcome outcome, double seconds);
  std::string_view system() const { return system_; }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using by_outcome = std::array<telemetry::histogram*, 6>;
  std::string_view system_;
  std::unordered_map<std::string, by_outcome, text_hash, std::equal_to<>> histograms_;
};

// One operation, from its making to its end; one that is destroyed before has been cancelled.
class observed_operation {
 public:
  // `name` labels the metric and names the span; `verb` is SELECT, EVALSHA and the like.
  observed_operation(operation_durations& durations, const context& ctx, std::string_view name,
                     std::string_view verb);
  observed_operation(const observed_operation&) = delete;
  ~observed_operation();

  void succeeded() { end(db_outcome::ok); }
  // `code`: what the server gave, e.g. an SQLSTATE, or empty.
  void failed(db_outcome outcome, std::string_view code = {});

 private:
  void end(db_outcome outcome);
  operation_durations& durations_;
  std::string_view name_;
  steady_clock::time_point begin_ = steady_clock::now();
  telemetry::span span_;
  bool ended_ = false;
};

}  // namespace souk::detail
