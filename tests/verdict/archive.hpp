#pragma once

// All that the verdict reads from the stores: its SQL and its Redis scripts.
//
// open() takes a snapshot of each database; everything but the first two members reads those.
// Ranges of orders are (after, through], in the order of identifiers.
//
// Throws pg::unavailable, pg::error, redis::unavailable, redis::error, deadline_exceeded.

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kit/postgres.hpp"
#include "kit/redis.hpp"
#include "rows.hpp"
#include "verdict.hpp"

namespace souk::verdict {

// Two or more orders where there may be one.
struct repeated_row {
  uuid user_id;
  std::string value;  // the key, the cart's revision
  std::vector<uuid> orders;
};
BOOST_DESCRIBE_STRUCT(repeated_row, (), (user_id, value, orders))

struct cart {
  quantities lines;
  std::optional<std::string> malformed;  // why
};

struct redis_content {
  std::unordered_map<uuid, cart> carts;             // by shopper
  std::unordered_map<uuid, uuid> cleared;           // order -> shopper, by the list of all
  std::unordered_map<uuid, uuid> remembered;        // order -> shopper, by the carts
  std::unordered_map<uuid, std::size_t> remembers;  // shopper -> how many orders, if many
};

struct range {
  uuid after, through;
};

class archive {
 public:
  archive(event_loop& loop, const stores& where);

  // How much is not at rest: orders, refunds, payments, holds and messages.
  task<std::int64_t> count_unfinished(const context& ctx);
  // Changes when anything does.
  task<std::string> read_fingerprint(const context& ctx);

  task<> open(const context& ctx);
  const std::string& fingerprint() const { return fingerprint_; }  // of the snapshots
  task<> close();

  task<std::vector<stock_message_row>> messages(std::int64_t after, std::int64_t limit);
  task<std::vector<movement_row>> movements(std::int64_t after, std::int64_t limit);
  task<std::vector<stock_row>> stock(uuid after, std::int64_t limit);
  task<std::vector<repeated_row>> repeated_keys();
  task<std::vector<repeated_row>> repeated_carts();
  // The last identifier of the next `count` orders; nothing when there are fewer.
  task<std::optional<uuid>> end_of_page(uuid after, std::int64_t count);
  // All that the databases have under the orders of a range.
  task<std::map<uuid, order_file>> files(range r);
  // Charges that the gateway has for no order.
  task<std::vector<charge_row>> charges_without_order();
  task<redis_content> read_redis(const context& ctx);

  // Histories, in lines of text; of the present, not of the snapshots.
  task<std::string> tell_order(const context& ctx, uuid order);
  task<std::string> tell_product(const context& ctx, uuid product);
  task<std::string> tell_shopper(const context& ctx, uuid shopper);

 private:
  struct store {
    std::unique_ptr<pg::pool> pool;
    std::optional<pg::transaction> snapshot;
  };
  task<std::string> tell_cart(const context& ctx, uuid shopper);

  store product_, order_, payment_, inventory_, gateway_;
  redis::client redis_;
  std::string fingerprint_;
};

}  // namespace souk::verdict
