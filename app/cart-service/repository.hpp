#pragma once

// The carts in Redis. Every change is one script, so that no two of them mix and no update is lost.
//
// Keys of one cart; the braces make Redis Cluster keep them together:
//   cart:{<user>}         hash: `revision`; for each line <product> = quantity and
//                         <product>:when_added = snapshot (JSON)
//   cart:{<user>}:keys    hash: hash of an Idempotency-Key = hash of the body, time
//   cart:{<user>}:orders  sorted set: orders already subtracted, by time
// The first two live for 30 and 1 days after the last change, the last one for 30 days.
//   orders                sorted set, all scores 0: "<order> <user>", so that it is in the order of
//                         order ids. Written in the same script as cart:{<user>}:orders: the books
//                         need it whole and exact, and Souk has one Redis. (On Redis Cluster it
//                         would have to be a set for each slot, read one after the other.)
//   sign-in:{admin}:...   counters of failed attempts
//
// Throws redis::unavailable, redis::error.

#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "carts.hpp"
#include "kit/context.hpp"
#include "kit/redis.hpp"
#include "kit/task.hpp"
#include "kit/time.hpp"

namespace souk::cart {

// How long carts and what they remember are kept.
inline constexpr std::chrono::days cart_lifetime{30};
inline constexpr std::chrono::hours key_lifetime{24};
inline constexpr std::size_t max_keys = 100;      // of one cart; the older ones are forgotten
inline constexpr std::size_t max_orders = 1'000;  // of one cart, likewise

struct line_change {
  uuid product_id;
  std::int64_t quantity = 0;
  snapshot now;  // used when the line is new
};

// An Idempotency-Key and the body that came with it.
struct idempotency {
  std::string key;
  std::string body;
};

struct ordered_line {
  uuid product_id;
  std::int64_t quantity = 0;
};

struct cleared_order {
  uuid order_id, user_id;
};
BOOST_DESCRIBE_STRUCT(cleared_order, (), (order_id, user_id))

class repository {
 public:
  explicit repository(redis::client& db) : db_(db) {}

  task<stored_cart> find(const context& ctx, uuid user);

  enum class key_state { unused, used, used_for_another };
  task<key_state> find_key(const context& ctx, uuid user, const idempotency& i);

  // Adds to the line, or makes it. Under a key that was used: nothing changes.
  task<std::expected<stored_cart, failure>> add(const context& ctx, uuid user, line_change c,
                                                const std::optional<idempotency>& i);
  // Quantity 0 removes the line.
  task<std::expected<stored_cart, failure>> set(const context& ctx, uuid user, line_change c);
  task<> clear(const context& ctx, uuid user);

  // Takes away what was ordered, at most what is there; once for each order. Gives the revision.
  task<std::string> take_ordered(const context& ctx, uuid user, uuid order,
                                 const std::vector<ordered_line>& lines);

  // Orders of the last 30 days by id, `after` < id <= `through`.
  task<std::vector<cleared_order>> list_orders(const context& ctx, uuid after, uuid through,
                                               std::size_t limit);
  // Those among `orders` that their user's cart does not remember.
  task<std::vector<cleared_order>> find_forgotten(const context& ctx,
                                                  const std::vector<cleared_order>& orders);

  struct attempt_limits {
    std::int64_t from_one_address, in_all;
    std::chrono::milliseconds window;
  };
  // Counts an attempt to sign in. When there were too many: the time until the next may be made.
  task<std::optional<std::chrono::milliseconds>> count_attempt(const context& ctx,
                                                               std::string_view address,
                                                               const attempt_limits& l);
  // The attempt succeeded: the address starts anew.
  task<> forget_attempts(const context& ctx, std::string_view address);

 private:
  redis::client& db_;
};

}  // namespace souk::cart
