#pragma once

// What all shoppers of a run share.

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "kit/id.hpp"
#include "kit/resilience.hpp"
#include "kit/service.hpp"
#include "kit/task.hpp"
#include "load/catalogue.hpp"
#include "load/chance.hpp"
#include "load/options.hpp"
#include "load/store.hpp"

namespace souk::load {

struct market {
  market(event_loop& on, const options& o, load::store& s)
      : loop(on),
        how(o),
        store(s),
        repeats(0.3, 20 + 2 * static_cast<double>(o.shoppers)),
        work_ended(on.executor()) {}

  event_loop& loop;
  const options& how;
  load::store& store;
  load::catalogue goods{};
  uuid run = uuid::v7();

  // New things are begun until `closes`; what was begun is given up at `gives_up`.
  steady_clock::time_point closes{}, gives_up{};
  bool open() const { return steady_clock::now() < closes; }
  bool over() const { return steady_clock::now() >= gives_up; }
  void close_now();

  // Repeats are at most so much of what is asked, so that a store that comes back is not buried.
  resilience::retry_budget repeats;

  struct {
    std::int64_t visits = 0;
    std::int64_t checkouts = 0;    // keys
    std::int64_t bought = 0;       // answered 201
    std::int64_t turned_down = 0;  // no order, or one that was rejected
    std::int64_t turned_away = 0;  // arrivals for whom there was no room
  } figures;

  // Work beside the shoppers' own: runs until it ends or the run does. The first failure ends the
  // run.
  void begin(std::string_view name, task<> work);
  // The same for followers of an order, for whom the end of the run does not wait long.
  void begin_watching(task<> work);
  std::size_t working = 0, watching = 0;
  signal work_ended;
  std::exception_ptr failure;
};

// Suspends until then, at most until the run gives up.
task<> pause_until(market& m, steady_clock::time_point until);

// Sends a request that may be repeated under the same key, or is harmless when repeated, at most
// `attempts` times while there is no answer, or one of 5xx or 429; within the budget, and after
// pauses that grow. `first` is the number of the first ask, 0 before it; repeats name it.
task<reply> persist(market& m, chance& by, int attempts, store::request r, std::string shopper,
                    question what, store::reader read, std::int64_t& first);
// The pause before the attempt after `attempt`: what the store asks for, or longer each time.
std::chrono::milliseconds pause_after(chance& by, int attempt, const reply& got);

}  // namespace souk::load
