#pragma once

// Who may use which connection, and when one is opened. Private to the kit; one event loop.

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kit/postgres_connection.hpp"
#include "kit/telemetry.hpp"

namespace souk::pg::detail {

// Opens connections. After a failure the next try waits, longer each time: meanwhile whoever wants
// a connection is refused at once.
class connector {
 public:
  connector(executor on, connection_settings settings);
  // Throws unavailable.
  task<std::shared_ptr<connection>> open();
  bool may_try() const { return steady_clock::now() >= next_try_; }
  steady_clock::time_point next_try() const { return next_try_; }
  const std::string& complaint() const { return complaint_; }  // of the last failure

 private:
  executor executor_;
  connection_settings settings_;
  int failures_ = 0;
  steady_clock::time_point next_try_{};
  std::string complaint_;
};

// A coroutine that waits for a connection.
struct waiter {
  explicit waiter(const executor& on) : woken(on) {}
  boost::asio::steady_timer woken;  // ends early when one of these is there
  std::shared_ptr<connection> given;
  bool refused = false;
  bool again = false;

  // False when time is over.
  task<bool> wait(steady_clock::time_point until);
};

// Connections that have one owner at a time. The first who waits is the first served.
class owned_connections : public std::enable_shared_from_this<owned_connections> {
 public:
  using time_point = steady_clock::time_point;

  // Gives the connection back. One that is not in order is closed.
  class lease {
   public:
    lease() = default;
    lease(std::shared_ptr<owned_connections> from, std::shared_ptr<connection> c)
        : from_(std::move(from)), connection_(std::move(c)) {}
    lease(lease&&) noexcept = default;
    lease& operator=(lease&& other) noexcept;
    ~lease() { give_back(); }
    connection* operator->() const { return connection_.get(); }
    connection& operator*() const { return *connection_; }
    explicit operator bool() const { return connection_ != nullptr; }
    void give_back();

   private:
    std::shared_ptr<owned_connections> from_;
    std::shared_ptr<connection> connection_;
  };

  owned_connections(executor on, connection_settings settings, std::size_t limit,
                    std::size_t max_waiting);

  // Nothing when time is over. Throws unavailable.
  task<lease> acquire(time_point until);
  // Connections opened before now are used no more: `bad` was lost, so others may be, or the schema
  // has changed under its plans. Nothing to do if it was known already.
  void renew(const connection& bad);
  void stop();
  bool stopped() const { return stopped_; }

 private:
  class place_in_line;
  void put(std::shared_ptr<connection> c);
  void discard(const std::shared_ptr<connection>& c);
  bool fit(const connection& c) const;
  void open_for_waiters();
  void refuse_all();
  void report();
  static task<> open_one(std::shared_ptr<owned_connections> self);

  executor executor_;
  connector connector_;
  std::size_t limit_, max_waiting_;
  std::vector<std::shared_ptr<connection>> idle_;
  std::deque<std::shared_ptr<waiter>> waiters_;
  std::size_t total_ = 0;  // idle, owned and being opened
  std::size_t opening_ = 0;
  time_point not_before_ = time_point::min();
  bool stopped_ = false;
  telemetry::gauge& idle_gauge_;
  telemetry::gauge& used_gauge_;
  std::size_t idle_reported_ = 0, used_reported_ = 0;
};

// Read-only connections, on which many statements may be outstanding.
class shared_connections : public std::enable_shared_from_this<shared_connections> {
 public:
  using time_point = steady_clock::time_point;

  shared_connections(executor on, connection_settings settings, std::size_t limit);
  ~shared_connections();

  // The least busy one; null when time is over. Throws unavailable.
  task<std::shared_ptr<connection>> pick(time_point until);
  void renew(const connection& bad);
  void stop();
  bool stopped() const { return stopped_; }
  // Whether the server has been heard since then, on one that is in order.
  bool heard_since(time_point time) const;

 private:
  void sort_out();
  void open_another();
  void wake_all();
  void report();
  static task<> open_one(std::shared_ptr<shared_connections> self);

  executor executor_;
  connector connector_;
  std::size_t limit_;
  std::vector<std::shared_ptr<connection>> open_;
  std::deque<std::shared_ptr<connection>> draining_;  // retired, with answers outstanding
  std::vector<std::shared_ptr<waiter>> waiters_;
  bool opening_ = false;
  bool stopped_ = false;
  time_point not_before_ = time_point::min();
  telemetry::gauge& gauge_;
  std::size_t reported_ = 0;
};

}  // namespace souk::pg::detail
