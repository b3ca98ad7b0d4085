#pragma once

// A program under a small supervisor: started again within milliseconds whenever it dies.

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace souk::crash {

// Runs from its making to its destruction, and never longer than this process.
class supervised_program {
 public:
  // `environment`: NAME=value. What it prints is added to `log`.
  supervised_program(std::string name, std::filesystem::path program,
                     std::vector<std::string> environment, std::filesystem::path log);
  ~supervised_program();
  supervised_program(const supervised_program&) = delete;

  const std::string& name() const { return name_; }

  struct death {
    int count = 0;                               // so far
    std::chrono::system_clock::time_point at{};  // of the last one
  };
  death deaths() const;
  // Ends that were not by SIGKILL: it has failed by itself.
  std::vector<std::string> failures() const;

  bool is_stopped() const;  // by SIGSTOP
  bool wait_stopped(std::chrono::milliseconds limit) const;
  void go_on();  // SIGCONT

 private:
  void supervise();
  pid_t start() const;
  void end();

  const std::string name_;
  const std::filesystem::path program_, log_;
  const std::vector<std::string> environment_;
  mutable std::mutex mutex_;  // all below
  mutable std::condition_variable changed_;
  pid_t pid_ = -1;
  bool stopped_ = false;
  bool ending_ = false;
  death deaths_;
  std::vector<std::string> failures_;
  std::thread thread_;
};

}  // namespace souk::crash
