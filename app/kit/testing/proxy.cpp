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
#include <random>
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
constexpr int throttle_steps = 20;             // a second

enum class what { bytes, end, cut };

struct packet {
  clock::time_point due;
  what kind = what::bytes;
  std::string bytes;
};

struct stream {
  std::deque<packet> held;
  std::size_t held_bytes = 0;
  clock::time_point free_at{};  // when the throttle lets more pass
  bool ended = false;
};

struct link {
  socket_handle client, server;
  bool client_ready = true, server_ready = true;  // there may be something to read
  bool connecting = false;
  stream to_server, to_client;
  std::string tail;                       // the client's last bytes
  bool client_deaf = false;               // half closed: what the server says is dropped
  bool server_deaf = false;               // and what the client says
  std::optional<std::size_t> may_answer;  // bytes until it is cut
  bool awaits_answer = false;
  bool touched = false;
  std::optional<clock::time_point> cut_at;
  bool broken = false;
};

// A socket that is waited for, and whose.
struct watch {
  link* of = nullptr;
  bool client = false;
};

}  // namespace

struct tcp_proxy::state {
  state(std::uint16_t target_port, std::uint16_t own_port)
      : target(target_port), listener(listen_on(own_port)) {
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
      changed = true;
    }
    const std::uint64_t one = 1;
    if (write(wake.fd(), &one, sizeof one) < 0) std::abort();
  }

  void begin_fault() {
    touched = 0;
    for (auto& l : links) l.touched = false;
  }
  void touch(link& l) {
    if (!l.touched) ++touched;
    l.touched = true;
  }

  void reset_all() {
    for (auto& l : links) {
      touch(l);
      reset(l);
    }
    links.clear();
  }
  static void reset(link& l) {
    l.client.reset();
    l.server.reset();
    l.broken = true;
  }

  void work() {
    std::vector<pollfd> polled;
    std::vector<watch> watches;  // of polled, from its second element on
    bool first = true;
    while (true) {
      auto next = clock::time_point::max();
      {
        const std::lock_guard lock(mutex);
        if (stop) return reset_all();
        note_ready(polled, watches, first || changed);
        first = changed = false;
        step();
        polled.assign(1, {.fd = wake.fd(), .events = POLLIN, .revents = 0});
        watches.clear();
        if (listener) add(polled, watches, listener.fd(), POLLIN, {});
        for (auto& l : links) {
          if (l.cut_at) next = std::min(next, *l.cut_at);
          wait_for(l, polled, watches, next);
        }
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now()).count();
      poll(polled.data(), polled.size(),
           next == clock::time_point::max()
               ? -1
               : static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000)));
      std::uint64_t ignored = 0;
      while (read(wake.fd(), &ignored, sizeof ignored) > 0) {
      }
    }
  }

  // Only what poll has said is read. After a change from outside the pointers may lead nowhere:
  // then everything is tried.
  void note_ready(const std::vector<pollfd>& polled, const std::vector<watch>& watches, bool all) {
    if (all) {
      for (auto& l : links) l.client_ready = l.server_ready = true;
      return;
    }
    for (std::size_t i = 0; i < watches.size(); ++i) {
      link* const l = watches[i].of;
      if (!l || !polled[i + 1].revents) continue;
      if (holding) touch(*l);
      (watches[i].client ? l->client_ready : l->server_ready) = true;
    }
  }

  static void add(std::vector<pollfd>& polled, std::vector<watch>& watches, int fd, short events,
                  watch w) {
    polled.push_back({.fd = fd, .events = events, .revents = 0});
    watches.push_back(w);
  }

  void wait_for(link& l, std::vector<pollfd>& polled, std::vector<watch>& watches,
                clock::time_point& next) {
    if (holding) {
      // Only to know whether somebody has spoken in vain.
      if (l.touched) return;
      add(polled, watches, l.client.fd(), POLLIN, {&l, true});
      if (l.server) add(polled, watches, l.server.fd(), POLLIN, {&l, false});
      return;
    }
    if (l.connecting) return add(polled, watches, l.server.fd(), POLLOUT, {&l, false});
    if (const short e = events_of(l.to_server, l.to_client, next)) {
      add(polled, watches, l.client.fd(), e, {&l, true});
    }
    if (const short e = events_of(l.to_client, l.to_server, next)) {
      add(polled, watches, l.server.fd(), e, {&l, false});
    }
  }

  // For one socket: reads into `in`, writes from `out`.
  static short events_of(const stream& in, const stream& out, clock::time_point& next) {
    short events = 0;
    if (!in.ended && in.held_bytes < max_held) events |= POLLIN;
    if (!out.held.empty()) {
      const auto due = std::max(out.held.front().due, out.free_at);
      if (due <= clock::now()) {
        events |= POLLOUT;
      } else {
        next = std::min(next, due);
      }
    }
    return events;
  }

  // Everything that can be done without waiting.
  void step() {
    while (listener) {
      socket_handle client(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) break;
      set_non_blocking(client);
      ++accepted;
      auto& l = links.emplace_back();
      l.client = std::move(client);
      l.may_answer = answer_limit;
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
      l.server = begin_connect(target);
      if (!l.server) return reset(l);
      l.connecting = true;
    }
    if (l.connecting) {
      const auto done = is_connected(l.server);
      if (!done) return;
      if (!*done) return reset(l);
      l.connecting = false;
    }
    if (l.client_ready) {
      receive(l, l.client, l.to_server, [&](std::string_view bytes) { from_client(l, bytes); });
      l.client_ready = false;
    }
    if (!l.broken && l.server_ready) {
      receive(l, l.server, l.to_client, [&](std::string_view bytes) { from_server(l, bytes); });
      l.server_ready = false;
    }
    if (!l.broken) l.broken = !send_due(l, l.server, l.to_server);
    if (!l.broken) l.broken = !send_due(l, l.client, l.to_client);
  }

  template <class F>
  void receive(link& l, socket_handle& from, stream& into, F take) {
    char buffer[16 * 1024];
    while (from && !into.ended && into.held_bytes < max_held) {
      const ssize_t got = recv(from.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) {
        take(std::string_view(buffer, static_cast<std::size_t>(got)));
      } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        into.ended = true;
        hold(l, into, what::end);
      } else {
        return;
      }
    }
  }

  void hold(link& l, stream& s, what kind, std::string_view bytes = {}) {
    auto due = clock::now() + each_way;
    if (jitter > 0ms) {
      due += std::chrono::microseconds(static_cast<std::int64_t>(random()) % (jitter / 1us + 1));
    }
    if (!s.held.empty()) due = std::max(due, s.held.back().due);
    if (each_way + jitter > 0ms || bytes_per_second) touch(l);
    s.held.push_back({due, kind, std::string(bytes)});
    s.held_bytes += bytes.size();
  }

  void from_client(link& l, std::string_view bytes) {
    if (!pattern.empty()) {
      const std::string seen = l.tail + std::string(bytes);
      if (seen.find(pattern) != seen.npos) {
        pattern.clear();
        touch(l);
        if (before_server) {
          struck = true;
          return reset(l);
        }
        l.awaits_answer = true;
      }
      l.tail = seen.substr(seen.size() - std::min(seen.size(), pattern.size()));
    }
    if (!l.server_deaf) hold(l, l.to_server, what::bytes, bytes);
  }

  void from_server(link& l, std::string_view bytes) {
    if (l.awaits_answer) {
      if (!l.cut_at) l.cut_at = clock::now() + time_to_answer;
      struck = true;
      return;
    }
    if (l.client_deaf) return;
    if (!l.may_answer) return hold(l, l.to_client, what::bytes, bytes);
    const auto part = bytes.substr(0, std::min(bytes.size(), *l.may_answer));
    *l.may_answer -= part.size();
    hold(l, l.to_client, what::bytes, part);
    if (*l.may_answer == 0) {
      touch(l);
      l.client_deaf = true;
      hold(l, l.to_client, what::cut);
    }
  }

  // False when the receiver is gone.
  bool send_due(link& l, socket_handle& to, stream& from) const {
    while (!from.held.empty() && from.held.front().due <= clock::now() &&
           from.free_at <= clock::now()) {
      auto& first = from.held.front();
      if (first.kind == what::cut) {
        l.cut_at = clock::now();
        return true;
      }
      if (first.kind == what::end) {
        shutdown(to.fd(), SHUT_WR);
        from.held.pop_front();
        continue;
      }
      auto size = first.bytes.size();
      if (bytes_per_second) {
        size = std::min(size, std::max<std::size_t>(*bytes_per_second / throttle_steps, 1));
      }
      const ssize_t sent = send(to.fd(), first.bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      from.held_bytes -= static_cast<std::size_t>(sent);
      first.bytes.erase(0, static_cast<std::size_t>(sent));
      if (bytes_per_second) {
        from.free_at =
            clock::now() + std::chrono::microseconds(sent * 1'000'000 /
                                                     static_cast<std::int64_t>(*bytes_per_second));
      }
      if (first.bytes.empty()) {
        from.held.pop_front();
      } else if (!bytes_per_second) {
        return true;
      }
    }
    return true;
  }

  const std::uint16_t target;
  std::uint16_t port;
  std::mutex mutex;  // all below
  socket_handle listener, wake;
  std::list<link> links;
  bool changed = false;  // by a call from outside
  bool holding = false;
  std::chrono::milliseconds each_way{0}, jitter{0};
  std::optional<std::size_t> bytes_per_second;
  std::optional<std::size_t> answer_limit;
  std::string pattern;
  bool before_server = false;
  bool struck = false;
  std::size_t touched = 0;
  bool stop = false;
  std::size_t accepted = 0;
  std::minstd_rand random;
  std::thread thread;
};

tcp_proxy::tcp_proxy(std::uint16_t target_port, std::uint16_t own_port)
    : state_(std::make_unique<state>(target_port, own_port)) {}
tcp_proxy::~tcp_proxy() = default;

std::uint16_t tcp_proxy::port() const {
  return state_->port;
}

void tcp_proxy::pass() {
  state_->change([&s = *state_] {
    s.holding = false;
    s.each_way = s.jitter = 0ms;
    s.bytes_per_second.reset();
    s.answer_limit.reset();
    for (auto& l : s.links) {
      l.may_answer.reset();
      l.to_server.free_at = l.to_client.free_at = {};
    }
    if (s.listener) return;
    s.listener = listen_on(s.port);
    set_non_blocking(s.listener);
  });
}

void tcp_proxy::cut() {
  state_->change([&s = *state_] {
    s.begin_fault();
    s.reset_all();
  });
}

void tcp_proxy::refuse() {
  state_->change([&s = *state_] {
    s.begin_fault();
    // Our own thread's poll() may hold it open, and the port with it.
    shutdown(s.listener.fd(), SHUT_RDWR);
    s.listener.close();
    s.reset_all();
  });
}

void tcp_proxy::blackhole() {
  state_->change([&s = *state_] {
    s.begin_fault();
    s.holding = true;
  });
}

void tcp_proxy::delay(std::chrono::milliseconds each_way, std::chrono::milliseconds jitter) {
  state_->change([&s = *state_, each_way, jitter] {
    s.begin_fault();
    s.each_way = each_way;
    s.jitter = jitter;
  });
}

void tcp_proxy::throttle(std::size_t bytes_per_second) {
  state_->change([&s = *state_, bytes_per_second] {
    s.begin_fault();
    s.bytes_per_second = std::max<std::size_t>(bytes_per_second, 1);
  });
}

void tcp_proxy::cut_after(std::size_t bytes) {
  state_->change([&s = *state_, bytes] {
    s.begin_fault();
    s.answer_limit = std::max<std::size_t>(bytes, 1);
    for (auto& l : s.links) l.may_answer = s.answer_limit;
  });
}

void tcp_proxy::half_close() {
  state_->change([&s = *state_] {
    s.begin_fault();
    for (auto& l : s.links) {
      s.touch(l);
      l.client_deaf = true;
      l.to_client.held.clear();
      l.to_client.held_bytes = 0;
      shutdown(l.client.fd(), SHUT_WR);
    }
  });
}

void tcp_proxy::half_close_clients() {
  state_->change([&s = *state_] {
    s.begin_fault();
    for (auto& l : s.links) {
      if (!l.server || l.connecting) continue;
      s.touch(l);
      l.server_deaf = true;
      l.to_server.held.clear();
      l.to_server.held_bytes = 0;
      shutdown(l.server.fd(), SHUT_WR);
    }
  });
}

void tcp_proxy::lose_request(std::string pattern) {
  state_->change([&s = *state_, &pattern] {
    s.begin_fault();
    s.pattern = std::move(pattern);
    s.before_server = true;
    s.struck = false;
  });
}

void tcp_proxy::lose_answer(std::string pattern) {
  state_->change([&s = *state_, &pattern] {
    s.begin_fault();
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

std::size_t tcp_proxy::touched() const {
  const std::lock_guard lock(state_->mutex);
  return state_->touched;
}

}  // namespace souk::testing
