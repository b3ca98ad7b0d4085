#include <atomic>
#include <memory>

#include "config.hpp"
#include "kit/service.hpp"
#include "metrics.hpp"
#include "migrations.hpp"
#include "repository.hpp"
#include "routes.hpp"
#include "sweeper.hpp"

int main(int argc, char** argv) {
  using namespace souk;
  // One of the event loops counts for the metrics what is nearly sold out.
  const auto counted = std::make_shared<std::atomic_flag>();
  return run_service<inventory::config>(
      argc, argv,
      {.name = "inventory-service",
       .title = "Souk inventory",
       .default_port = 8005,
       .migrations = inventory::migrations},
      [counted](const inventory::config& config, const common_config&, event_loop& loop) {
        auto& db = loop.make<pg::pool>(
            loop, pg::settings{.url = config.database_url, .connections = config.connections});
        auto& audits =
            loop.make<pg::pool>(loop, pg::settings{.url = config.database_url,
                                                   .connections = 1,
                                                   .shared_readers = 1,
                                                   .statement_timeout = std::chrono::seconds(60)});
        auto& stock = loop.make<inventory::repository>(db, audits, config.hold_for);
        inventory::metrics::prepare();
        inventory::add_routes(loop.routes(), stock);
        loop.ready_when("database", [&db](const context& ctx) { return db.alive(ctx); });
        loop.spawn("sweeper", inventory::sweep_expired_holds(loop, stock, config.sweep_every));
        if (!counted->test_and_set()) {
          loop.spawn("stock that sells", inventory::metrics::watch_stock(
                                             loop, stock, inventory::config::count_stock_every));
        }
      });
}
