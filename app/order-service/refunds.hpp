#pragma once

// POST /orders/{id}/refunds: stores what is wished, wakes the worker, and waits for it.

#include <expected>
#include <limits>
#include <string_view>

#include "checkout.hpp"
#include "errors.hpp"
#include "order_watch.hpp"
#include "repository.hpp"

namespace souk::order {

struct new_refund {
  json::integer<1, std::numeric_limits<std::int64_t>::max()> amount_minor;
  json::text<1, 200> reason;
  std::optional<distinct_lines> lines;
};
BOOST_DESCRIBE_STRUCT(new_refund, (), (amount_minor, reason, lines))

class refunds {
 public:
  refunds(repository& orders, checkout& worker, order_watch& watch, std::chrono::milliseconds wait)
      : orders_(orders), worker_(worker), watch_(watch), wait_(wait) {}

  // The refund, done, refused or (when it takes longer than the wait budget) under way. The order
  // must exist.
  task<std::expected<refund, failure>> request(const context& ctx, uuid order, std::string_view key,
                                               const new_refund& wanted);

 private:
  task<refund> wait_for(const context& ctx, refund r, steady_clock::time_point until);

  repository& orders_;
  checkout& worker_;
  order_watch& watch_;
  std::chrono::milliseconds wait_;
};

}  // namespace souk::order
