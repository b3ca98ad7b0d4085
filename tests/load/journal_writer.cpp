#include "load/journal_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "kit/time.hpp"

namespace souk::load {
namespace {

using namespace std::chrono_literals;

// How long answers wait for an ask to share a sync with.
constexpr auto patience = 50ms;
// From the beginning of a sync to the next. The journal often lies on the disk of the store that is
// being tried, whose own syncs are what is to be measured.
constexpr auto between_syncs = 8ms;

[[noreturn]] void fail(const std::string& path, std::string_view what) {
  throw journal_error(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

// Cuts off what follows the last line's end.
void cut_torn_line(int file, const std::string& path) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  if (size < 0) fail(path, "cannot be read");
  off_t end = size;
  char buffer[4096];
  while (end > 0) {
    const off_t from = std::max<off_t>(0, end - static_cast<off_t>(sizeof buffer));
    const ssize_t got = ::pread(file, buffer, static_cast<std::size_t>(end - from), from);
    if (got <= 0) fail(path, "cannot be read");
    const std::string_view piece(buffer, static_cast<std::size_t>(got));
    const auto last = piece.rfind('\n');
    if (last != piece.npos) {
      end = from + static_cast<off_t>(last) + 1;
      break;
    }
    end = from;
  }
  if (end < size && ::ftruncate(file, end) != 0) fail(path, "cannot be cut");
}

// A file that is none of ours must not be written into.
void check_beginning(int file, const std::string& path) {
  constexpr std::string_view beginning = "{\"run\":";
  char buffer[beginning.size()];
  const ssize_t got = ::pread(file, buffer, sizeof buffer, 0);
  if (got < 0) fail(path, "cannot be read");
  if (got > 0 && std::string_view(buffer, static_cast<std::size_t>(got)) !=
                     beginning.substr(0, static_cast<std::size_t>(got))) {
    throw journal_error(path + ": is there already, and is no journal of shoppers");
  }
}

// A new file is there after a crash only when its folder is synced, too.
void sync_folder(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const int f = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (f < 0) return;
  ::fsync(f);
  ::close(f);
}

}  // namespace

journal_writer::journal_writer(executor on, const std::string& path)
    : on_(std::move(on)), path_(path), current_(std::make_shared<group>(on_)) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail(path, "cannot be opened");
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) throw journal_error(path + ": other shoppers are writing it");
      fail(path, "cannot be locked");
    }
    check_beginning(file_, path);
    cut_torn_line(file_, path);
    sync_folder(path);
  } catch (...) {
    ::close(file_);
    throw;
  }
  thread_ = std::thread([this] { write_for_ever(); });
}

journal_writer::~journal_writer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  ::close(file_);
}

void journal_writer::begin(const run_begun& run) {
  append_line(run);
}

std::int64_t journal_writer::append(std::string shopper, question what) {
  append_line(
      ask{.n = ++last_n_, .at = now(), .shopper = std::move(shopper), .what = std::move(what)});
  return last_n_;
}

void journal_writer::append(answer a) {
  a.n = ++last_n_;
  a.at = now();
  append_line(a);
}

void journal_writer::append_lost(std::int64_t to, std::string why) {
  append_line(lost{.n = ++last_n_, .to = to, .at = now(), .why = std::move(why)});
}

void journal_writer::append_line(const journal_record& record) {
  const std::string text = to_line(record) + '\n';
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = current_->text.empty();
    current_->text += text;
    ++figures_.records;
  }
  if (first) changed_.notify_one();
}

task<> journal_writer::synced() {
  std::shared_ptr<group> mine;
  {
    const std::lock_guard lock(mutex_);
    mine = current_;
    mine->urgent = true;
  }
  changed_.notify_one();
  while (!mine->done) co_await mine->written.wait_for(1h);
  if (mine->failure) std::rethrow_exception(mine->failure);
}

journal_writer::figures journal_writer::so_far() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void journal_writer::write(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_, "cannot be written");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void journal_writer::write_for_ever() {
  std::unique_lock lock(mutex_);
  auto next = steady_clock::now();
  while (true) {
    changed_.wait(lock, [this] { return ending_ || current_->urgent || !current_->text.empty(); });
    if (!current_->urgent && !ending_) {
      changed_.wait_for(lock, patience, [this] { return ending_ || current_->urgent; });
    }
    changed_.wait_until(lock, next, [this] { return ending_; });
    next = steady_clock::now() + between_syncs;
    if (current_->text.empty() && !current_->urgent) return;  // and ending
    const auto taken = std::exchange(current_, std::make_shared<group>(on_));
    auto failure = failure_;
    lock.unlock();
    auto began = steady_clock::now();
    // Nothing is written behind what could not be: it may be half a line.
    if (!failure && !taken->text.empty()) {
      try {
        write(taken->text);
        began = steady_clock::now();
        if (::fdatasync(file_) != 0) fail(path_, "cannot be synced");
      } catch (...) {
        failure = std::current_exception();
      }
    }
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began);
    boost::asio::post(on_, [taken, failure] {
      taken->done = true;
      taken->failure = failure;
      taken->written.notify_all();
    });
    lock.lock();
    failure_ = failure;
    if (!failure && !taken->text.empty()) {
      ++figures_.syncs;
      figures_.bytes += static_cast<std::int64_t>(taken->text.size());
      figures_.sync_times.record(took);
    }
  }
}

}  // namespace souk::load
