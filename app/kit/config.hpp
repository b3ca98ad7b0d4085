#pragma once

// Environment variables, typed. A service lists its own in config.hpp, each with default and
// meaning; that list is also what --help prints. All errors are reported at once, at start, and
// name the variable and what is expected, never its value. An empty variable counts as not set.
//
//   struct config {
//     explicit config(environment& env)
//         : database(env.text("DATABASE_URL", "libpq URI of the service's database")) ...

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace souk {

class environment {
 public:
  // Reads the process's environment, or `values` in tests.
  environment();
  explicit environment(std::vector<std::pair<std::string, std::string>> values);
  // For a program that describes itself and does not serve: what is required and not set gets a
  // value that is well-formed and leads nowhere, and nothing is complained about.
  static environment for_description();

  // Required.
  std::string text(std::string_view name, std::string_view meaning);
  std::string text(std::string_view name, std::string_view fallback, std::string_view meaning);
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                       std::int64_t max, std::string_view meaning);
  std::chrono::milliseconds milliseconds(std::string_view name, std::int64_t fallback,
                                         std::int64_t min, std::int64_t max,
                                         std::string_view meaning);
  double number(std::string_view name, double fallback, double min, double max,
                std::string_view meaning);
  // http://host:port, required.
  std::string url(std::string_view name, std::string_view meaning);

  void complain(std::string_view name, std::string_view why);
  const std::vector<std::string>& complaints() const { return complaints_; }
  // A table for --help: name, default, meaning.
  std::string describe() const;

 private:
  std::optional<std::string> find(std::string_view name) const;
  std::string required(std::string_view name, std::string_view placeholder,
                       std::string_view meaning);
  void mention(std::string_view name, std::string_view fallback, std::string_view meaning);
  struct entry {
    std::string name, fallback, meaning;
  };
  std::vector<std::pair<std::string, std::string>> values_;
  std::vector<entry> entries_;
  std::vector<std::string> complaints_;
  bool describes_only_ = false;
};

}  // namespace souk
