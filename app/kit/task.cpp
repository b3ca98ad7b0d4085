#include "kit/task.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <vector>

namespace souk {
namespace {

namespace asio = boost::asio;

struct waiter {
  explicit waiter(const executor& on) : timer(on) {}
  asio::steady_timer timer;
  bool notified = false;
};

void forget(std::vector<waiter*>& all, waiter* w) {
  if (auto at = std::ranges::find(all, w); at != all.end()) {
    *at = all.back();
    all.pop_back();
  }
}

// The waits of one loop.
struct loop_waits {
  std::vector<waiter*> all;
  bool ended = false;
};

class wait_service : public asio::execution_context::service {
 public:
  using key_type = wait_service;
  static inline asio::execution_context::id id;
  explicit wait_service(asio::execution_context& c) : service(c) {}
  // Shared, because frames that are destroyed with the loop may outlive this service.
  std::shared_ptr<loop_waits> waits = std::make_shared<loop_waits>();

 private:
  void shutdown() override {}
};

std::shared_ptr<loop_waits> waits_of(const executor& on) {
  auto& loop = asio::query(on, asio::execution::context);
  return asio::use_service<wait_service>(loop).waits;
}

[[noreturn]] void aborted() {
  throw boost::system::system_error(asio::error::operation_aborted);
}

// A wait for ever is one that nobody lives to see the end of; the timer's arithmetic wants less.
steady_clock::time_point within_range(steady_clock::time_point t) {
  return std::min(t, steady_clock::now() + std::chrono::hours(24 * 365 * 10));
}

// In the list of its loop, and in those of signals, as long as it lives.
class wait_in_progress : public waiter {
 public:
  explicit wait_in_progress(const executor& on) : waiter(on), loop_(waits_of(on)) {
    loop_->all.push_back(this);
  }
  wait_in_progress(const wait_in_progress&) = delete;
  ~wait_in_progress() {
    forget(loop_->all, this);
    for (auto& list : signals_) forget(*list, this);
  }
  void join(std::shared_ptr<std::vector<waiter*>> list) {
    list->push_back(this);
    signals_.push_back(std::move(list));
  }

  // True when notified.
  task<bool> until(steady_clock::time_point time) {
    if (loop_->ended) {
      // Whoever waits in a loop and ignores the exception still lets others run.
      co_await asio::post(timer.get_executor(), asio::use_awaitable);
      aborted();
    }
    timer.expires_at(within_range(time));
    auto [ec] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (notified) co_return true;
    if (ec) aborted();
    co_return false;
  }

 private:
  std::shared_ptr<loop_waits> loop_;
  std::vector<std::shared_ptr<std::vector<waiter*>>> signals_;
};

}  // namespace

void end_waits(const executor& on) {
  auto waits = waits_of(on);
  waits->ended = true;
  for (waiter* w : waits->all) w->timer.cancel();
}

task<> sleep_until(steady_clock::time_point time) {
  wait_in_progress wait(co_await asio::this_coro::executor);
  co_await wait.until(time);
}

task<> sleep_for(steady_clock::duration time) {
  co_await sleep_until(steady_clock::now() + time);
}

task<> yield_now() {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

struct signal::state {
  executor on;
  std::shared_ptr<std::vector<waiter*>> waiters = std::make_shared<std::vector<waiter*>>();
};

signal::signal(executor on) : state_(std::make_shared<state>()) {
  state_->on = std::move(on);
}
signal::~signal() = default;

void signal::notify_all() {
  for (waiter* w : *state_->waiters) {
    w->notified = true;
    w->timer.cancel();
  }
  state_->waiters->clear();
}

task<bool> signal::wait_until(steady_clock::time_point until) {
  wait_in_progress wait(state_->on);
  wait.join(state_->waiters);
  co_return co_await wait.until(until);
}

task<bool> signal::wait_for(steady_clock::duration time) {
  co_return co_await wait_until(steady_clock::now() + time);
}

task<bool> signal::wait_for_either(signal& a, signal& b, steady_clock::time_point until) {
  wait_in_progress wait(a.state_->on);
  wait.join(a.state_->waiters);
  wait.join(b.state_->waiters);
  co_return co_await wait.until(until);
}

}  // namespace souk
