#pragma once

// Writes the journal of one run. All shoppers of an event loop share one file and, through a thread
// that writes, its syncs: who asks while a sync is under way is in the next one.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "kit/task.hpp"
#include "load/histogram.hpp"
#include "load/journal.hpp"

namespace souk::load {

// But for what it says of its thread, to be used on the event loop of `on` only, and to be
// destroyed before it.
class journal_writer {
 public:
  // Opens the file to append to, and makes it if it is not there. What a writer that died has left
  // of a last line is cut off: it was never acted upon. Throws journal_error when the file cannot
  // be written, is no journal, or another writer has it.
  journal_writer(executor on, const std::string& path);
  // Writes what is left, and syncs it.
  ~journal_writer();
  journal_writer(const journal_writer&) = delete;

  // The first line of the run, before all others.
  void begin(const run_begun& run);
  // Appends an ask and gives its number. It must not be sent before synced() has returned.
  std::int64_t append(std::string shopper, question what);
  // Waits until all that has been appended is on disk. Throws journal_error when it cannot be.
  task<> synced();

  // Answers are on disk with the next sync, which is at most a twentieth of a second away. `n` and
  // `at` are filled in.
  void append(answer a);
  void append_lost(std::int64_t to, std::string why);

  struct figures {
    std::int64_t records = 0;
    std::int64_t syncs = 0;
    std::int64_t bytes = 0;
    histogram sync_times;  // of fdatasync alone
  };
  figures so_far() const;

 private:
  // What is written and synced together.
  struct group {
    explicit group(const executor& on) : written(on) {}
    std::string text;
    bool urgent = false;  // somebody waits
    // The loop's:
    signal written;
    bool done = false;
    std::exception_ptr failure;
  };
  void append_line(const journal_record& record);
  void write_for_ever();
  void write(const std::string& text);

  executor on_;
  std::string path_;
  int file_ = -1;
  std::int64_t last_n_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::shared_ptr<group> current_;
  bool ending_ = false;
  std::exception_ptr failure_;
  figures figures_;

  std::thread thread_;
};

}  // namespace souk::load
