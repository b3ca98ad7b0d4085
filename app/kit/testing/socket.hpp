#pragma once

// Blocking sockets. Private to the testing library.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace souk::testing {

// Owns a file descriptor.
class socket_handle {
 public:
  socket_handle() = default;
  explicit socket_handle(int fd) : fd_(fd) {}
  socket_handle(socket_handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  socket_handle& operator=(socket_handle&& other) noexcept;
  ~socket_handle() { close(); }

  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();
  void reset();  // closes with RST: what is under way is lost

 private:
  int fd_ = -1;
};

// On 127.0.0.1; port 0 is any. Throws std::system_error.
socket_handle listen_on(std::uint16_t port);
std::uint16_t port_of(const socket_handle& listener);
// Empty when refused.
socket_handle connect_to(std::uint16_t port);
// Without waiting; empty when refused at once. is_connected says what became of it: nothing while
// that is open (a listener whose queue is full).
socket_handle begin_connect(std::uint16_t port);
std::optional<bool> is_connected(const socket_handle& s);
void set_non_blocking(const socket_handle& s);

using time_limit = std::chrono::steady_clock::time_point;
// False when the peer is gone or time is over.
bool send_all(int fd, std::string_view bytes, time_limit until);
// Appends what has come; 0 at the end, -1 when the peer is gone or time is over.
long receive_some(int fd, std::string& into, time_limit until);

}  // namespace souk::testing
