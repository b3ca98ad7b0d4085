#pragma once

#include <string>

#include "kit/config.hpp"

namespace souk::product {

struct config {
  explicit config(environment& env)
      : database_url(env.text("DATABASE_URL", "libpq URI of the catalogue's own database")),
        connections(static_cast<std::size_t>(env.integer(
            "DATABASE_POOL", 10, 1, 200, "connections for transactions, per event loop"))),
        search_connections(static_cast<std::size_t>(env.integer(
            "SEARCH_CONNECTIONS", 4, 1, 100, "connections for lists and search, per event loop"))),
        cache_bytes(static_cast<std::size_t>(
            env.integer("CATALOGUE_CACHE_BYTES", 12 << 20, 0, 4LL << 30,
                        "memory for encoded answers, per event loop; 0 keeps none"))),
        inventory_url(env.url("INVENTORY_SERVICE_URL", "availability, opening stock")) {}

  std::string database_url;
  std::size_t connections, search_connections;
  std::size_t cache_bytes;
  std::string inventory_url;
};

}  // namespace souk::product
