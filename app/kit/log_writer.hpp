#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace souk::telemetry {

// Writes lines to a file descriptor from a thread of its own, so that a reader who stops reading
// holds nobody up: the buffer is bounded, and lines that don't fit are dropped and counted.
// Thread-safe.
class log_writer {
 public:
  // `capacity` in bytes. The descriptor is not closed.
  explicit log_writer(int fd, std::size_t capacity = std::size_t{2} * 1024 * 1024);
  // Lines still buffered are lost: stop() first.
  ~log_writer();
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  // `line` ends in a newline. Written within `flush_interval`, sooner when `urgent`.
  void write(std::string_view line, bool urgent);
  // Waits until everything is written, at most `limit`; false if something is left.
  bool stop(std::chrono::milliseconds limit);
  std::uint64_t dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

  static constexpr std::chrono::milliseconds flush_interval{200};

 private:
  // Shared with the thread, which may outlive the writer when it is stuck in write(2).
  struct state {
    int fd;
    std::size_t capacity;
    std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable finished;
    std::string buffer;
    bool urgent = false;
    bool stopping = false;
    bool done = false;
    std::atomic<std::uint64_t> dropped{0};
  };
  static void run(const std::shared_ptr<state>& s);
  std::shared_ptr<state> state_;
};

// All of it, whatever it takes; false when the descriptor fails.
bool write_fully(int fd, std::string_view data);

}  // namespace souk::telemetry
