#pragma once

// The coroutine type of every operation that may wait, and the few ways to wait.
//
// A task starts when it is awaited. It runs on the event loop of the coroutine that awaits it, so
// the objects of one loop need no locks. Coroutine lambdas take their state as parameters, never as
// captures: captures die with the lambda object, parameters live in the frame.
//
// When a loop is being stopped, every wait of this header ends early by throwing
// boost::system::system_error with operation_aborted; so does one whose coroutine is cancelled.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>

namespace souk {

template <class T = void>
using task = boost::asio::awaitable<T>;

using executor = boost::asio::any_io_executor;
using steady_clock = std::chrono::steady_clock;

// Suspends the calling coroutine.
task<> sleep_for(steady_clock::duration time);
task<> sleep_until(steady_clock::time_point time);

// Lets other work of the loop run first.
task<> yield_now();

// Waits for an event on one event loop; not thread-safe. Waiters are woken in no particular order.
class signal {
 public:
  explicit signal(executor on);
  ~signal();
  signal(const signal&) = delete;
  signal& operator=(const signal&) = delete;

  // Wakes all who wait at this moment; an event with nobody waiting is not remembered.
  void notify_all();
  // True when notified, false when the time came first.
  task<bool> wait_until(steady_clock::time_point until);
  task<bool> wait_for(steady_clock::duration time);
  // The same for whichever of the two is notified first.
  static task<bool> wait_for_either(signal& a, signal& b, steady_clock::time_point until);

 private:
  struct state;
  std::shared_ptr<state> state_;
};

// Ends all waits of this header on the loop of `on`, those to come too.
void end_waits(const executor& on);

}  // namespace souk
