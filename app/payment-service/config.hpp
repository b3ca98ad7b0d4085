#pragma once

#include <chrono>
#include <string>

#include "kit/config.hpp"

namespace souk::payment {

struct config {
  explicit config(environment& env)
      : database_url(env.text("DATABASE_URL", "libpq URI of payment's own database")),
        connections(static_cast<std::size_t>(env.integer(
            "DATABASE_POOL", 10, 1, 200, "connections for transactions, per event loop"))),
        gateway_url(env.url("PAYMENT_GATEWAY_URL", "the payment gateway, http://host:port")),
        gateway_key(env.text("PAYMENT_GATEWAY_KEY", "our key for the payment gateway's API")),
        gateway_timeout(env.milliseconds(
            "PAYMENT_GATEWAY_TIMEOUT_MS", 4'000, 100, 60'000,
            "how long one call to the gateway may take; after that its outcome is unknown")),
        token_lifetime(env.milliseconds("PAYMENT_TOKEN_TTL_MS", 20 * 60 * 1000, 1'000, 3'600'000,
                                        "how long a shopper may take to pay with a card token")),
        recovery_every(env.milliseconds("RECOVERY_INTERVAL_MS", 500, 10, 60'000,
                                        "how often unknown outcomes are looked for")) {}

  std::string database_url;
  std::size_t connections;
  std::string gateway_url;
  std::string gateway_key;
  std::chrono::milliseconds gateway_timeout;
  std::chrono::milliseconds token_lifetime;
  std::chrono::milliseconds recovery_every;
};

}  // namespace souk::payment
