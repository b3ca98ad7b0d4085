#pragma once

#include <chrono>
#include <string>

#include "kit/config.hpp"

namespace souk::inventory {

struct config {
  explicit config(environment& env)
      : database_url(env.text("DATABASE_URL", "libpq URI of inventory's own database")),
        connections(static_cast<std::size_t>(env.integer(
            "DATABASE_POOL", 10, 1, 200, "connections for transactions, per event loop"))),
        hold_for(env.milliseconds("RESERVATION_TTL_MS", 15 * 60 * 1000, 1000, 24 * 3600 * 1000,
                                  "how long stock is held for an order that is not committed")),
        sweep_every(env.milliseconds("SWEEP_INTERVAL_MS", 1000, 50, 60'000,
                                     "how often holds that are over are looked for")) {}

  // What a day has sold changes slowly, and is more to read than the rest.
  static constexpr std::chrono::milliseconds count_stock_every = std::chrono::seconds(30);

  std::string database_url;
  std::size_t connections;
  std::chrono::milliseconds hold_for;
  std::chrono::milliseconds sweep_every;
};

}  // namespace souk::inventory
