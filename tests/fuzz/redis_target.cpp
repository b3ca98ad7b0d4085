// What Redis answers, or something in its place: the input is sent to the kit's client as the reply
// to a command. The value is what the protocol says, the next command gets its own reply and no
// left over one, and a cart made of it is made of nothing else.

#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <thread>

#include "cart-service/repository.hpp"
#include "fuzz.hpp"
#include "kit/redis.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/socket.hpp"
#include "reference_http.hpp"

namespace souk::fuzz {
namespace {

using namespace std::chrono_literals;
using redis::value;

bool same(const value& a, const value& b) {
  if (a.data.index() != b.data.index()) return false;
  if (const auto* list = std::get_if<std::vector<value>>(&a.data))
    return std::ranges::equal(*list, b.list(), same);
  if (const auto* text = std::get_if<std::string>(&a.data)) return *text == b.text();
  if (const auto* n = std::get_if<std::int64_t>(&a.data)) return *n == b.integer();
  return true;
}

// RESP 2, once more.
class reference_reader {
 public:
  explicit reference_reader(std::string_view bytes) : rest_(bytes) {}

  struct stop {};
  struct outcome {
    value v;
    std::optional<std::string> error;  // the first, anywhere in it
  };
  // Nothing when the bytes are no whole reply.
  std::optional<outcome> read() {
    outcome out;
    try {
      out.v = one(0, out.error);
    } catch (const stop&) {
      return std::nullopt;
    }
    return out;
  }
  std::string_view rest() const { return rest_; }
  int depth() const { return depth_; }

 private:
  std::string_view line() {
    const auto end = rest_.find("\r\n");
    if (end == rest_.npos) throw stop{};
    const auto out = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    return out;
  }
  static std::int64_t number(std::string_view text) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size()) throw stop{};
    if (text != std::to_string(n)) throw stop{};
    return n;
  }
  value one(int level, std::optional<std::string>& error) {
    depth_ = std::max(depth_, level);
    if (rest_.empty() || level > 100) throw stop{};
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    switch (kind) {
      case '+':
        return {std::string(line())};
      case '-': {
        const auto text = line();
        if (!error) error = std::string(text);
        return {};
      }
      case ':':
        return {number(line())};
      case '$': {
        const auto size = number(line());
        if (size == -1) return {};
        if (size < 0 || static_cast<std::size_t>(size) + 2 > rest_.size()) throw stop{};
        const auto text = rest_.substr(0, static_cast<std::size_t>(size));
        rest_.remove_prefix(text.size() + 2);
        return {std::string(text)};
      }
      case '*': {
        const auto size = number(line());
        if (size == -1) return {};
        if (size < 0 || static_cast<std::size_t>(size) > rest_.size()) throw stop{};
        std::vector<value> list;
        for (std::int64_t i = 0; i < size; ++i) list.push_back(one(level + 1, error));
        return {std::move(list)};
      }
      default:
        throw stop{};
    }
  }
  std::string_view rest_;
  int depth_ = 0;
};

// Answers CLIENT SETNAME and PING as Redis does and everything else with the input.
class false_redis {
 public:
  false_redis() : thread_([this] { serve(); }) {}
  false_redis(const false_redis&) = delete;
  ~false_redis() {
    ::shutdown(listener_.fd(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return testing::port_of(listener_); }
  // `ends`: the connection ends behind it.
  void set(std::string_view reply, bool ends) {
    const std::lock_guard lock(mutex_);
    reply_ = reply;
    ends_ = ends;
  }

 private:
  void serve() {
    for (;;) {
      const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      testing::socket_handle s(fd);
      const auto until = std::chrono::steady_clock::now() + 1h;
      std::string asked;
      while (testing::receive_some(fd, asked, until) > 0) {
        if (!asked.ends_with("\r\n")) continue;
        std::string reply = "+OK\r\n";
        bool ends = false;
        if (asked.contains("PING"))
          reply = "+PONG\r\n";
        else if (!asked.contains("SETNAME")) {
          const std::lock_guard lock(mutex_);
          reply = reply_;
          ends = ends_;
        }
        asked.clear();
        if (!testing::send_all(fd, reply, until) || ends) break;
      }
    }
  }

  testing::socket_handle listener_ = testing::listen_on(0);
  std::mutex mutex_;
  std::string reply_;
  bool ends_ = false;
  std::thread thread_;
};

struct world {
  world() {
    telemetry::start({.service = "fuzz",
                      .version = "0",
                      .otlp_endpoint = "",
                      .log_level = telemetry::level::error});
  }
  world(const world&) = delete;
  ~world() { telemetry::stop(100ms); }
  false_redis server;
  event_loop loop{"fuzz"};
  redis::client db{loop, {.url = "redis://127.0.0.1:" + std::to_string(server.port())}};
  cart::repository carts{db};
};

struct results {
  std::optional<value> read;
  std::optional<cart::stored_cart> cart;
  bool refused = false, unavailable = false, next_was_right = false;
};

task<results> ask(world& w) {
  results out;
  const auto ctx = context::background("fuzz", 5s);
  try {
    out.read = co_await w.db.read(ctx, "fuzz", {"HGETALL", "x"});
  } catch (const redis::error&) {
    out.refused = true;
  } catch (const redis::unavailable&) {
    out.unavailable = true;
  }
  const auto pong = co_await w.db.read(ctx, "ping", {"PING"});
  out.next_was_right = std::get_if<std::string>(&pong.data) && pong.text() == "PONG";
  try {
    out.cart = co_await w.carts.find(ctx, uuid{});
  } catch (const std::exception&) {
  }
  co_return out;
}

void check_cart(const cart::stored_cart& cart, const value& fields) {
  const auto& all = fields.list();
  const auto find = [&](std::string_view name) {
    const std::string* last = nullptr;
    for (std::size_t i = 0; i + 1 < all.size(); i += 2)
      if (reference::lower(all[i].text()) == name) last = &all[i + 1].text();
    return last;
  };
  for (const auto& l : cart.lines) {
    const auto* quantity = find(l.product_id.str());
    const auto* snapshot = find(l.product_id.str() + ":when_added");
    require(quantity || snapshot, "a line that nobody stored");
    if (quantity)
      require(std::to_string(l.quantity) == *quantity || quantity->starts_with("-0") ||
                  quantity->starts_with('0'),
              "another quantity");
  }
}

}  // namespace

SOUK_FUZZ_TARGET(redis) {
  static world w;
  // hiredis takes the memory for as many elements as are promised, at once.
  for (auto at = input.find('*'); at != input.npos; at = input.find('*', at + 1))
    if (input.find_first_not_of("0123456789", at + 1) - at > 6) return;
  reference_reader reader(input);
  const auto expected = reader.read();
  // What is not a whole reply would be waited for.
  w.server.set(input, !expected || reader.depth() > 5);
  results got;
  w.loop.run_until_complete(
      [](world& in, results& out) -> task<> { out = co_await ask(in); }(w, got));
  require(got.next_was_right, "a reply is given to another command");
  if (got.read) {
    require(expected && !expected->error && same(*got.read, expected->v), "another value is read");
    if (got.cart) check_cart(*got.cart, *got.read);
  } else {
    require(!got.cart, "a cart is made of what could not be read");
    if (expected && reader.depth() <= 5) require(expected->error.has_value(), "a reply is refused");
  }
}

}  // namespace souk::fuzz
