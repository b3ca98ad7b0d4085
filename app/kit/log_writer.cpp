#include "kit/log_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace souk::telemetry {

namespace {
constexpr std::size_t flush_size = std::size_t{64} * 1024;
}

bool write_fully(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n >= 0) {
      data.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      // Somebody else made the descriptor non-blocking.
      pollfd p{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&p, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

log_writer::log_writer(int fd, std::size_t capacity) : state_(std::make_shared<state>()) {
  state_->fd = fd;
  state_->capacity = capacity;
  state_->buffer.reserve(flush_size);
  std::thread([s = state_] { run(s); }).detach();
}

log_writer::~log_writer() {
  const std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->buffer.clear();
  state_->wake.notify_one();
}

void log_writer::write(std::string_view line, bool urgent) {
  bool wake = false;
  {
    const std::lock_guard lock(state_->mutex);
    const std::size_t before = state_->buffer.size();
    if (before + line.size() > state_->capacity) {
      state_->dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    state_->buffer += line;
    wake = before == 0 || (urgent && !state_->urgent) ||
           (before < flush_size && state_->buffer.size() >= flush_size);
    state_->urgent |= urgent;
  }
  if (wake) state_->wake.notify_one();
}

bool log_writer::stop(std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->wake.notify_one();
  return state_->finished.wait_for(lock, limit, [this] { return state_->done; });
}

void log_writer::run(const std::shared_ptr<state>& s) {
  std::string out;
  out.reserve(flush_size);
  std::unique_lock lock(s->mutex);
  while (true) {
    s->wake.wait(lock, [&] { return s->stopping || !s->buffer.empty(); });
    if (s->buffer.empty()) break;
    s->wake.wait_for(lock, flush_interval,
                     [&] { return s->stopping || s->urgent || s->buffer.size() >= flush_size; });
    s->urgent = false;
    out.swap(s->buffer);
    lock.unlock();
    write_fully(s->fd, out);  // a descriptor that fails has nobody to tell
    out.clear();
    if (out.capacity() > 4 * flush_size) out = {};  // a burst is over
    lock.lock();
  }
  s->done = true;
  s->finished.notify_all();
}

}  // namespace souk::telemetry
