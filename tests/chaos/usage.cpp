#include "usage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "strikes.hpp"

namespace souk::chaos {

using namespace std::chrono_literals;

namespace {

// Idle they have 10 MB, under load 20; what the faults make them hold must be bounded, too.
constexpr std::int64_t most_memory_kb = 200'000;
constexpr std::int64_t most_files = 1'000;

}  // namespace

usage_watch::usage_watch(const store& s)
    : store_(s), watching_([this](std::stop_token stop) {
        while (!stop.stop_requested()) {
          look();
          pause(1s, stop);
        }
      }) {}

void usage_watch::look() {
  for (const auto& name : services) {
    for (const auto id : processes_of(store_, name)) {
      const auto now = usage_of(id);
      if (!now) continue;
      const std::lock_guard lock(mutex_);
      auto& most = most_[name];
      most.memory_kb = std::max(most.memory_kb, now->memory_kb);
      most.files = std::max(most.files, now->files);
    }
  }
}

std::vector<std::string> usage_watch::judge() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const auto& [name, most] : most_) {
    if (most.memory_kb > most_memory_kb) {
      found.push_back(fmt::format("{} grew to {} MB", name, most.memory_kb / 1000));
    }
    if (most.files > most_files) {
      found.push_back(fmt::format("{} had {} files and connections open", name, most.files));
    }
  }
  return found;
}

std::string usage_watch::table() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [name, most] : most_) {
    text += fmt::format("{}{} {:.1f} MB, {} files", text.empty() ? "at most: " : "; ", name,
                        static_cast<double>(most.memory_kb) / 1000, most.files);
  }
  return text;
}

}  // namespace souk::chaos
