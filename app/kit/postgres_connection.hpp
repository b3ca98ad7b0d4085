#pragma once

// One connection to PostgreSQL, in pipeline mode. Private to the kit.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kit/postgres.hpp"
#include "kit/task.hpp"

struct pg_conn;

namespace souk::pg::detail {

inline constexpr std::chrono::milliseconds connect_timeout{2'000};

struct connection_settings {
  std::string url;  // libpq URI
  std::string application_name;
  // The server's own bounds, unless the URI's `options` say otherwise; 0 is none.
  std::chrono::milliseconds statement_timeout{5'000};
  std::chrono::milliseconds lock_timeout{2'000};
  bool read_only = false;
  std::chrono::milliseconds max_age{std::chrono::minutes(30)};  // for whoever keeps it
};

// What goes to the server in one round trip; members may be null. A failure skips what follows it.
struct request {
  const char* before = nullptr;  // BEGIN
  const statement* what = nullptr;
  const parameters* with = nullptr;
  const char* after = nullptr;  // COMMIT, ROLLBACK
  // The statement whose work this request commits, for its fault points.
  const char* commits = nullptr;
};

enum class fate {
  done,
  refused,   // by the server, for certain; the connection is in order
  not_sent,  // the connection was lost before
  lost,      // the connection was lost afterwards
  late,      // no answer in time; the connection takes no more
};

struct reply {
  fate what = fate::not_sent;
  result rows;           // of the statement
  std::string tag;       // command tag of the last command
  std::string sqlstate;  // the failure's, if the server gave one
  std::string constraint;
  std::string message;
  bool stale_plan = false;  // refused because what was prepared before fits no longer
};

// Belongs to one event loop. Alive as long as somebody holds it or an answer is outstanding.
class connection : public std::enable_shared_from_this<connection> {
 public:
  using time_point = steady_clock::time_point;

  // Throws unavailable; takes connect_timeout at most.
  static task<std::shared_ptr<connection>> open(executor on, connection_settings settings);
  ~connection();

  // Sends and waits for the answer. When the coroutine is cancelled or destroyed meanwhile, or time
  // is over, the connection takes no more and closes after the answers that others wait for.
  task<reply> exchange(request r, time_point until);
  // Several statements in the simple protocol, without parameters; nothing may be outstanding.
  task<reply> run_script(std::string sql, time_point until);

  bool usable() const { return native_ && !retired_; }
  bool is_open() const { return native_ != nullptr; }
  std::size_t outstanding() const { return operations_.size(); }
  bool in_transaction() const;
  time_point opened() const { return opened_; }
  time_point last_heard() const { return last_heard_; }

  // Takes no more requests; closes once nobody waits for an answer.
  void retire();
  void close();

  time_point best_before = time_point::max();  // for whoever keeps it
  std::function<void(std::string_view channel, std::string_view payload)> on_notification;
  std::function<void()> on_closed;

 private:
  struct operation;
  class watcher;
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };

  connection(executor on);
  task<> connect(connection_settings settings);
  void take_socket();
  task<reply> wait_for(std::shared_ptr<operation> op, time_point until);
  std::shared_ptr<operation> send(const request& r);
  std::shared_ptr<operation> send_script(const std::string& sql);
  bool send_statement(const statement& s, const parameters& p, operation& op, int& commands);
  void flush();
  void watch();
  void readable();
  void take_results();
  void take(operation& op, result r);
  void finish(operation& op, fate what);
  void lose(std::string_view why, std::string_view sqlstate = {});

  executor executor_;
  boost::asio::posix::stream_descriptor socket_;  // libpq's; released, never closed
  pg_conn* native_ = nullptr;
  std::deque<std::shared_ptr<operation>> operations_;  // sent, in order
  std::unordered_map<std::string, std::string, text_hash, std::equal_to<>> prepared_;  // SQL, name
  std::size_t names_given_ = 0;
  std::vector<const char*> values_;
  bool connected_ = false, late_ = false;  // while it is made
  bool retired_ = false;
  bool flushing_ = false;
  time_point opened_{}, last_heard_{};
};

}  // namespace souk::pg::detail
