#pragma once

// One connection to Redis, on which commands are pipelined. Private to the kit; one event loop.

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "kit/redis.hpp"
#include "kit/tls.hpp"

struct redisReader;
struct redisReply;

namespace souk::redis::detail {

inline constexpr std::chrono::milliseconds connect_timeout{2'000};
inline constexpr std::size_t max_reply_bytes = 16 * 1024 * 1024;

struct address {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;      // empty: the default user
  std::string password;  // empty: none is sent
  std::string database;  // empty: the first
  std::optional<souk::tls::settings> tls;
};
// Throws std::invalid_argument, never with a part of the URL: it may hold a password.
address parse_url(const std::string& url);

// A command in Redis's protocol.
std::string encode(const std::vector<std::string>& words);

enum class fate {
  done,
  refused,   // an error reply: `message`
  not_sent,  // the connection was lost before
  lost,      // the connection was lost afterwards
  late,      // no answer in time
};

struct reply {
  fate what = fate::not_sent;
  redis::value value;
  std::string message;
};

// Alive as long as somebody holds it or an answer is outstanding.
class connection : public std::enable_shared_from_this<connection> {
 public:
  using time_point = steady_clock::time_point;

  // Throws unavailable; takes connect_timeout at most.
  static task<std::shared_ptr<connection>> open(executor on, address to, std::string client_name);
  ~connection();

  // When the coroutine is cancelled or destroyed meanwhile, or time is over, the connection takes
  // no more and closes after the answers that others wait for.
  task<reply> exchange(std::string command, time_point until);

  bool usable() const { return !retired_; }
  bool is_open() const { return socket_.is_open(); }
  void retire();
  void close();

 private:
  struct operation;
  struct secured;
  class watcher;

  explicit connection(executor on);
  task<> connect(address to);
  task<> shake_hands(const address& to);
  task<> introduce(address to, std::string client_name, time_point until);
  void write();
  void read();
  void feed(std::size_t bytes);
  void answer(redisReply* raw);
  void lose(std::string_view why);

  executor executor_;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<secured> tls_;  // over the socket; null: nothing is
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  std::deque<std::shared_ptr<operation>> operations_;  // in order
  std::size_t unsent_ = 0;                             // the last of them
  std::string outgoing_, sending_;
  std::array<char, 16 * 1024> incoming_;
  std::size_t reply_bytes_ = 0;  // of the reply that is not complete
  bool connected_ = false;
  bool retired_ = false;
  bool writing_ = false;
};

}  // namespace souk::redis::detail
