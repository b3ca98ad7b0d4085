#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kit/context.hpp"
#include "kit/http_client.hpp"
#include "kit/task.hpp"

namespace souk::product {

// What is available of the products that are being looked at: remembered for a moment, so that a
// busy page costs inventory one question a second. For showing only; nothing is decided by it.
//
// A figure is at most about two seconds old while inventory answers. It is shown for ten seconds
// when inventory does not, then there is none. One event loop.
class stock_levels {
 public:
  static constexpr std::size_t fetchers = 4;  // questions under way at once

  stock_levels(event_loop& loop, http::upstream inventory);

  // Sees to it that the figures of these products are fresh. Waits at most 150 ms, and not at all
  // while inventory is known to be down.
  task<> refresh(const context& ctx, const std::vector<uuid>& products);
  // Nothing when one of them is not known. Products without stock of their own count as 0.
  std::optional<std::int64_t> sum(std::span<const uuid> products) const;

  // Asks inventory, for ever; to be run `fetchers` times.
  task<> fetch();

 private:
  struct level {
    std::int64_t available = 0;
    steady_clock::time_point known_at = steady_clock::time_point::min();
    bool wanted = false;  // in the queue, or being asked for
  };
  bool all_known_since(const std::vector<uuid>& products, steady_clock::time_point since) const;
  void make_room();
  task<> ask(const std::vector<uuid>& batch);

  event_loop& loop_;
  http::client inventory_;
  std::unordered_map<uuid, level> levels_;
  std::deque<uuid> queue_;
  signal work_, arrived_;
  std::uint64_t failures_ = 0;
  steady_clock::time_point down_until_ = steady_clock::time_point::min();
};

}  // namespace souk::product
