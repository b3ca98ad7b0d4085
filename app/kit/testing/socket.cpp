#include "kit/testing/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace souk::testing {

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool wait_for(int fd, short events, time_limit until) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd p{.fd = fd, .events = events, .revents = 0};
  return left.count() > 0 &&
         poll(&p, 1, static_cast<int>(std::min<long>(left.count(), 60'000))) > 0;
}

void send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

socket_handle& socket_handle::operator=(socket_handle&& other) noexcept {
  close();
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void socket_handle::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void socket_handle::reset() {
  if (fd_ < 0) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

socket_handle listen_on(std::uint16_t port) {
  socket_handle s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!s) fail("socket");
  const int on = 1;
  setsockopt(s.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = loopback(port);
  if (bind(s.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (listen(s.fd(), 256) != 0) fail("listen");
  return s;
}

std::uint16_t port_of(const socket_handle& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

socket_handle connect_to(std::uint16_t port) {
  socket_handle s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!s) fail("socket");
  const auto address = loopback(port);
  if (connect(s.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  send_at_once(s.fd());
  return s;
}

socket_handle begin_connect(std::uint16_t port) {
  socket_handle s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!s) fail("socket");
  const auto address = loopback(port);
  if (connect(s.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    return {};
  }
  send_at_once(s.fd());
  return s;
}

std::optional<bool> is_connected(const socket_handle& s) {
  pollfd p{.fd = s.fd(), .events = POLLOUT, .revents = 0};
  if (poll(&p, 1, 0) == 0) return std::nullopt;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(s.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

void set_non_blocking(const socket_handle& s) {
  fcntl(s.fd(), F_SETFL, fcntl(s.fd(), F_GETFL) | O_NONBLOCK);
  send_at_once(s.fd());
}

bool send_all(int fd, std::string_view bytes, time_limit until) {
  while (!bytes.empty()) {
    if (!wait_for(fd, POLLOUT, until)) return false;
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

long receive_some(int fd, std::string& into, time_limit until) {
  char buffer[16 * 1024];
  while (true) {
    if (!wait_for(fd, POLLIN, until)) return -1;
    const ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got > 0) into.append(buffer, static_cast<std::size_t>(got));
    return got;
  }
}

}  // namespace souk::testing
