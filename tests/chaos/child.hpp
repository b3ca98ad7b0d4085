#pragma once

// Programs that a run starts.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace souk::chaos {

using variables = std::vector<std::pair<std::string, std::string>>;

// In a process group of its own, so that the terminal's ^C does not reach it. Must be started by
// the main thread: one that shall not outlive us is killed when the thread that started it ends,
// however that happens.
class child {
 public:
  struct how {
    variables environment{};         // besides ours; an empty value removes one
    std::filesystem::path output{};  // standard output and error are appended to it
    std::filesystem::path errors{};  // standard error, if elsewhere
    bool dies_with_us = false;
  };
  child(const std::vector<std::string>& command, const how& h);
  ~child();  // SIGTERM, and after some seconds SIGKILL
  child(const child&) = delete;

  pid_t pid() const { return pid_; }
  // The exit status, or 128 + the signal; nothing while it runs.
  std::optional<int> poll();
  std::optional<int> wait(std::chrono::milliseconds limit);
  void send(int signal);

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

}  // namespace souk::chaos
