#pragma once

// Where requests wait for orders that this event loop's worker is driving.

#include <memory>
#include <optional>
#include <unordered_map>

#include "kit/task.hpp"
#include "orders.hpp"

namespace souk::order {

class order_watch {
  struct entry;

 public:
  explicit order_watch(executor on);
  ~order_watch();
  order_watch(const order_watch&) = delete;

  // The worker has written what a request may be waiting for: the order is no longer being placed,
  // or a step of one of its refunds is done.
  void settled(const order_view& o);

  // Sees every settled() from its making on. Must not outlive the watch.
  class waiter {
   public:
    waiter(order_watch& watch, uuid id);
    ~waiter();
    waiter(const waiter&) = delete;
    // The order as it was left since the last call; nothing when the time came first.
    task<std::optional<order_view>> wait_until(steady_clock::time_point until);

   private:
    order_watch& watch_;
    uuid id_;
    std::shared_ptr<entry> entry_;
    std::int64_t seen_ = 0;  // version
  };

 private:
  executor on_;
  std::unordered_map<uuid, std::weak_ptr<entry>> entries_;
};

}  // namespace souk::order
