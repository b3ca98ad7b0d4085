#include "kit/testing/proxy.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kit/testing/socket.hpp"

namespace souk::testing {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

// Between the first byte of an answer that shall be lost and the cut: for the rest of it, so that
// what was asked is done.
constexpr auto time_to_answer = 50ms;
constexpr std::size_t max_held = 1024 * 1024;  // bytes in one direction

struct packet {
  clock::time_point due;
  std::string bytes;  // empty: the end of the stream
};

struct stream {
  std::deque<packet> held;
  std::size_t held_bytes = 0;
  bool ended = false;
};

struct link {
  socket_handle client, server;
  stream to_server, to_client;
  std::string tail;          // the client's last bytes
  bool client_deaf = false;  // half closed: what the server says is dropped
  bool awaits_answer = false;
  std::optional<clock::time_point> cut_at;
  bool broken = false;
};

}  // namespace

struct tcp_proxy::state {
  explicit state(std::uint16_t target_port) : target(target_port), listener(listen_on(0)) {
    port = port_of(listener);
    set_non_blocking(listener);
    wake = socket_handle(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    thread = std::thread([this] { work(); });
  }

  ~state() {
    change([this] { stop = true; });
    thread.join();
  }

  // Runs `f` while the thread does nothing else.
  template <class F>
  void change(F f) {
    {
      const std::lock_guard lock(mutex);
      f();
    }
    const std::uint64_t one = 1;
    if (write(wake.fd(), &one, sizeof one) < 0) std::abort();
  }

  void reset_all() {
    for (auto& l : links) reset(l);
    links.clear();
  }
  static void reset(link& l) {
    l.client.reset();
    l.server.reset();
    l.broken = true;
  }

  void work() {
    std::vector<pollfd> watched;
    while (true) {
      auto next = clock::time_point::max();
      {
        const std::lock_guard lock(mutex);
        if (stop) return reset_all();
        step();
        watched.assign(1, {.fd = wake.fd(), .events = POLLIN, .revents = 0});
        if (listener) watched.push_back({.fd = listener.fd(), .events = POLLIN, .revents = 0});
        for (auto& l : links) {
          if (l.cut_at) next = std::min(next, *l.cut_at);
          if (holding) continue;
          watch(l.client.fd(), l.to_server, l.to_client, watched, next);
          watch(l.server.fd(), l.to_client, l.to_server, watched, next);
        }
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now()).count();
      poll(watched.data(), watched.size(),
           next == clock::time_point::max()
               ? -1
               : static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000)));
      std::uint64_t ignored = 0;
      while (read(wake.fd(), &ignored, sizeof ignored) > 0) {
      }
    }
  }

  // For one socket: reads into `in`, writes from `out`.
  static void watch(int fd, const stream& in, const stream& out, std::vector<pollfd>& watched,
                    clock::time_point& next) {
    short events = 0;
    if (!in.ended && in.held_bytes < max_held) events |= POLLIN;
    if (!out.held.empty()) {
      if (out.held.front().due <= clock::now()) {
        events |= POLLOUT;
      } else {
        next = std::min(next, out.held.front().due);
      }
    }
    if (events) watched.push_back({.fd = fd, .events = events, .revents = 0});
  }

  // Everything that can be done without waiting.
  void step() {
    while (listener) {
      socket_handle client(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) break;
      set_non_blocking(client);
      ++accepted;
      links.emplace_back().client = std::move(client);
    }
    for (auto& l : links) {
      if (l.cut_at && *l.cut_at <= clock::now()) reset(l);
      if (!l.broken && !holding) serve(l);
    }
    std::erase_if(links, [](const link& l) {
      const bool finished = l.to_server.ended && l.to_client.ended && l.to_server.held.empty() &&
                            l.to_client.held.empty();
      return l.broken || finished;
    });
  }

  void serve(link& l) {
    if (!l.server) {
      l.server = connect_to(target);
      if (!l.server) return reset(l);
      set_non_blocking(l.server);
    }
    receive(l.client, l.to_server, [&](std::string_view bytes) { from_client(l, bytes); });
    if (!l.broken) {
      receive(l.server, l.to_client, [&](std::string_view bytes) { from_server(l, bytes); });
    }
    if (!l.broken) l.broken = !send_due(l.server, l.to_server) || !send_due(l.client, l.to_client);
  }

  template <class F>
  void receive(socket_handle& from, stream& into, F take) {
    char buffer[16 * 1024];
    while (from && !into.ended && into.held_bytes < max_held) {
      const ssize_t got = recv(from.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) {
        take(std::string_view(buffer, static_cast<std::size_t>(got)));
      } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        into.ended = true;
        into.held.push_back({clock::now() + each_way, {}});
      } else {
        return;
      }
    }
  }

  void hold(stream& s, std::string_view bytes) {
    s.held.push_back({clock::now() + each_way, std::string(bytes)});
    s.held_bytes += bytes.size();
  }

  void from_client(link& l, std::string_view bytes) {
    if (!pattern.empty()) {
      const std::string seen = l.tail + std::string(bytes);
      if (seen.find(pattern) != seen.npos) {
        pattern.clear();
        if (before_server) {
          struck = true;
          return reset(l);
        }
        l.awaits_answer = true;
      }
      l.tail = seen.substr(seen.size() - std::min(seen.size(), pattern.size()));
    }
    hold(l.to_server, bytes);
  }

  void from_server(link& l, std::string_view bytes) {
    if (l.awaits_answer) {
      if (!l.cut_at) l.cut_at = clock::now() + time_to_answer;
      struck = true;
      return;
    }
    if (!l.client_deaf) hold(l.to_client, bytes);
  }

  // False when the receiver is gone.
  static bool send_due(socket_handle& to, stream& from) {
    while (!from.held.empty() && from.held.front().due <= clock::now()) {
      auto& first = from.held.front();
      if (first.bytes.empty()) {
        shutdown(to.fd(), SHUT_WR);
        from.held.pop_front();
        continue;
      }
      const ssize_t sent =
          send(to.fd(), first.bytes.data(), first.bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      from.held_bytes -= static_cast<std::size_t>(sent);
      first.bytes.erase(0, static_cast<std::size_t>(sent));
      if (!first.bytes.empty()) return true;
      from.held.pop_front();
    }
    return true;
  }

  const std::uint16_t target;
  std::uint16_t port;
  std::mutex mutex;  // all below
  socket_handle listener, wake;
  std::list<link> links;
  bool holding = false;
  std::chrono::milliseconds each_way{0};
  std::string pattern;
  bool before_server = false;
  bool struck = false;
  bool stop = false;
  std::size_t accepted = 0;
  std::thread thread;
};

tcp_proxy::tcp_proxy(std::uint16_t target_port) : state_(std::make_unique<state>(target_port)) {}
tcp_proxy::~tcp_proxy() = default;

std::uint16_t tcp_proxy::port() const {
  return state_->port;
}

void tcp_proxy::pass() {
  state_->change([&s = *state_] {
    s.holding = false;
    s.each_way = 0ms;
    if (s.listener) return;
    s.listener = listen_on(s.port);
    set_non_blocking(s.listener);
  });
}

void tcp_proxy::cut() {
  state_->change([&s = *state_] { s.reset_all(); });
}

void tcp_proxy::refuse() {
  state_->change([&s = *state_] {
    s.listener.close();
    s.reset_all();
  });
}

void tcp_proxy::blackhole() {
  state_->change([&s = *state_] { s.holding = true; });
}

void tcp_proxy::delay(std::chrono::milliseconds each_way) {
  state_->change([&s = *state_, each_way] { s.each_way = each_way; });
}

void tcp_proxy::half_close() {
  state_->change([&s = *state_] {
    for (auto& l : s.links) {
      l.client_deaf = true;
      shutdown(l.client.fd(), SHUT_WR);
    }
  });
}

void tcp_proxy::lose_request(std::string pattern) {
  state_->change([&s = *state_, &pattern] {
    s.pattern = std::move(pattern);
    s.before_server = true;
    s.struck = false;
  });
}

void tcp_proxy::lose_answer(std::string pattern) {
  state_->change([&s = *state_, &pattern] {
    s.pattern = std::move(pattern);
    s.before_server = false;
    s.struck = false;
  });
}

std::size_t tcp_proxy::open_connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->links.size();
}

std::size_t tcp_proxy::accepted() const {
  const std::lock_guard lock(state_->mutex);
  return state_->accepted;
}

bool tcp_proxy::has_struck() const {
  const std::lock_guard lock(state_->mutex);
  return state_->struck;
}

}  // namespace souk::testing
