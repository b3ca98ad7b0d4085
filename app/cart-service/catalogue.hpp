#pragma once

#include <span>

#include "batch_loader.hpp"
#include "carts.hpp"
#include "kit/http_client.hpp"

namespace souk::cart {

// Names and prices from product-service, availability from inventory-service: always asked, never
// remembered. One event loop.
class catalogue {
 public:
  catalogue(event_loop& loop, http::upstream product, http::upstream inventory);

  // What can be found out now. Never throws for services that don't answer: what they own is
  // missing then.
  task<knowledge> about(const context& ctx, std::span<const uuid> ids);

 private:
  using products_found = std::vector<std::pair<uuid, product>>;
  using levels_found = std::vector<std::pair<uuid, std::int64_t>>;
  task<products_found> ask_products(const context& ctx, const std::vector<uuid>& ids);
  task<levels_found> ask_inventory(const context& ctx, const std::vector<uuid>& ids);

  http::client product_, inventory_;
  batch_loader<product> products_;
  batch_loader<std::int64_t> levels_;
};

}  // namespace souk::cart
