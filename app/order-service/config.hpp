#pragma once

#include <chrono>
#include <string>

#include "kit/config.hpp"

namespace souk::order {

struct config {
  explicit config(environment& env)
      : database_url(env.text("DATABASE_URL", "libpq URI of the orders' own database")),
        connections(static_cast<std::size_t>(env.integer(
            "DATABASE_POOL", 10, 1, 200, "connections for transactions, per event loop"))),
        cart_url(env.url("CART_SERVICE_URL", "where carts are read and cleared")),
        product_url(env.url("PRODUCT_SERVICE_URL", "where names and prices are read")),
        inventory_url(env.url("INVENTORY_SERVICE_URL", "where stock is reserved and committed")),
        payment_url(env.url("PAYMENT_SERVICE_URL", "where payments are authorized and captured")),
        wait(
            env.milliseconds("ORDER_WAIT_MS", 8'000, 0, 60'000,
                             "how long POST /orders waits for the checkout before it answers 202")),
        lease(env.milliseconds("LEASE_MS", 15'000, 1'000, 300'000,
                               "how long a worker may hold an order without recording progress")),
        step_timeout(env.milliseconds("STEP_TIMEOUT_MS", 5'000, 100, 60'000,
                                      "longest call of one checkout step; less than the lease")),
        poll_every(env.milliseconds("POLL_INTERVAL_MS", 500, 10, 60'000,
                                    "how often orders that another worker left are looked for")),
        retry_base(
            env.milliseconds("RETRY_BASE_MS", 500, 1, 60'000,
                             "pause after the first failure of a step; doubles, with jitter")),
        retry_cap(env.milliseconds("RETRY_CAP_MS", 60'000, 1, 3'600'000,
                                   "longest pause between the attempts of a step")),
        attention_after(static_cast<int>(
            env.integer("ATTENTION_AFTER_ATTEMPTS", 8, 1, 1'000,
                        "failures in a row after which an order is flagged for a person"))),
        max_unfinished(static_cast<std::size_t>(
            env.integer("MAX_UNFINISHED_ORDERS", 128, 1, 100'000,
                        "unfinished orders, per event loop, above which new ones get a 503"))),
        audit_every(
            env.milliseconds("AUDIT_INTERVAL_MS", 600'000, 0, 86'400'000,
                             "how often the books are compared for the metrics; 0: never")) {
    if (step_timeout >= lease) env.complain("STEP_TIMEOUT_MS", "must be less than LEASE_MS");
  }

  std::string database_url;
  std::size_t connections;
  std::string cart_url, product_url, inventory_url, payment_url;
  std::chrono::milliseconds wait;
  std::chrono::milliseconds lease, step_timeout, poll_every, retry_base, retry_cap;
  int attention_after;
  std::size_t max_unfinished;
  std::chrono::milliseconds audit_every;
};

}  // namespace souk::order
