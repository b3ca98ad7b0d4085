#pragma once

// What was done when, and what came of it: in a file, in full, and on the terminal.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "schedule.hpp"

namespace souk::chaos {

// All members may be called from any thread.
class chronicle {
 public:
  explicit chronicle(const std::filesystem::path& file);

  void begin();  // times count from here
  std::chrono::milliseconds now() const;

  void note(std::string_view text);  // to the file
  void say(std::string_view text);   // and to the terminal

  // A fault that has struck, and how often; with zero, one that struck nothing.
  void count(kind k, std::int64_t blows);
  struct tally {
    std::int64_t struck = 0;  // faults
    std::int64_t missed = 0;
    std::int64_t blows = 0;
  };
  std::map<kind, tally> tallies() const;

 private:
  mutable std::mutex mutex_;
  std::ofstream file_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::map<kind, tally> tallies_;
};

double in_seconds(std::chrono::steady_clock::duration d);

}  // namespace souk::chaos
