#pragma once

// What stands behind event_loop of kit/service.hpp. Inside the kit.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kit/service.hpp"

namespace souk {

// Destroys what waits in the loop before the objects that it refers to.
class loop_context : public boost::asio::io_context {
 public:
  loop_context() : io_context(1) {}
  void destroy_waiting() { shutdown(); }
};

struct event_loop::state {
  explicit state(std::string_view n) : name(n) {}

  loop_context io;
  const std::string name;
  http::router routes;

  struct work {
    std::string name;
    task<> what;
  };
  std::vector<work> waiting;  // until start_background()
  bool background_started = false;
  int background = 0;  // pieces of work that have not ended

  struct check {
    std::string name;
    std::function<task<bool>(const context&)> ask;
  };
  std::vector<check> checks;
  std::vector<std::function<void()>> drain_callbacks;
  bool draining = false;

  std::unique_ptr<boost::asio::thread_pool> helper;
  std::vector<std::shared_ptr<void>> objects;

  // Starts what was spawned until now; later work starts when it is spawned.
  void start_background();
  void start_work(std::string_view work_name, task<> what);
  // Runs the loop until `work` has ended; throws what it threw.
  void run(task<> work);
  void begin_drain();
  // Ends all waits of kit/task.hpp, and waits at most `limit` for the background work to end.
  task<> stop_background(std::chrono::milliseconds limit);
};

}  // namespace souk
