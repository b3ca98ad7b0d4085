#include "catalogue_cache.hpp"
#include "config.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"
#include "migrations.hpp"
#include "opening_stock.hpp"
#include "repository.hpp"
#include "routes.hpp"
#include "stock_levels.hpp"
#include "storefront.hpp"

namespace souk::product {
namespace {

// One listener in a process: the first loop's.
void listen_for_changes(event_loop& loop, const std::string& url, catalogue_version& version) {
  auto& connected = telemetry::get_gauge("souk_catalogue_listener_connected",
                                         "1 while changes by other processes are heard of");
  loop.make<pg::listener>(
      loop, url, "catalogue", [&version](std::string_view) { version.raise(); },
      [&version, &connected](bool now) {
        version.listening(now);
        connected.set(now ? 1 : 0);
      });
}

}  // namespace
}  // namespace souk::product

int main(int argc, char** argv) {
  using namespace souk;
  product::catalogue_version version;
  std::atomic<bool> is_listening = false;
  return run_service<product::config>(
      argc, argv,
      {.name = "product-service",
       .title = "Souk products",
       .default_port = 8001,
       .migrations = product::migrations},
      [&](const product::config& config, const common_config& common, event_loop& loop) {
        auto& db =
            loop.make<pg::pool>(loop, pg::settings{.url = config.database_url,
                                                   .connections = config.connections,
                                                   .statement_timeout = std::chrono::seconds(10)});
        auto& searches =
            loop.make<pg::pool>(loop, pg::settings{.url = product::search_url(config.database_url),
                                                   .connections = 1,
                                                   .shared_readers = config.search_connections,
                                                   .statement_timeout = std::chrono::seconds(2)});
        auto& bulk =
            loop.make<pg::pool>(loop, pg::settings{.url = config.database_url,
                                                   .connections = 2,
                                                   .shared_readers = 1,
                                                   .statement_timeout = std::chrono::seconds(60)});
        auto& products = loop.make<product::repository>(db, searches, bulk, version);

        const http::upstream inventory{
            .name = "inventory",
            .url = config.inventory_url,
            .headers = {{"Souk-Service", "product:" + common.service_secret}}};
        auto& stock = loop.make<product::stock_levels>(loop, inventory);
        auto& messenger = loop.make<product::stock_messenger>(loop, products, inventory);
        auto& cache =
            loop.make<product::catalogue_cache>(loop.executor(), version, config.cache_bytes);
        auto& front = loop.make<product::storefront>(products, cache, stock);
        product::add_routes(loop.routes(), {products, front, messenger, common.currency});

        if (!is_listening.exchange(true))
          product::listen_for_changes(loop, config.database_url, version);
        loop.ready_when("database", [&db](const context& ctx) { return db.alive(ctx); });
        for (std::size_t i = 0; i < product::stock_levels::fetchers; ++i)
          loop.spawn("stock levels", stock.fetch());
        for (std::size_t i = 0; i < product::stock_messenger::senders; ++i)
          loop.spawn("stock sender", messenger.send());
        loop.spawn("stock messenger", messenger.run());
      });
}
