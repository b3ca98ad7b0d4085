#pragma once

#include <string>

#include "kit/config.hpp"

namespace souk::mock_gateway {

struct config {
  explicit config(environment& env)
      : database_url(env.text("DATABASE_URL", "libpq URI of the gateway's own database")),
        connections(static_cast<std::size_t>(env.integer(
            "DATABASE_POOL", 10, 1, 200, "connections for transactions, per event loop"))),
        api_key(env.text("GATEWAY_API_KEY", "the key that the merchant shows as bearer token")) {}

  std::string database_url;
  std::size_t connections;
  std::string api_key;
};

}  // namespace souk::mock_gateway
