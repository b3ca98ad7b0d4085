#include "config.hpp"
#include "kit/service.hpp"
#include "migrations.hpp"
#include "repository.hpp"
#include "routes.hpp"
#include "sweeper.hpp"

int main(int argc, char** argv) {
  using namespace souk;
  return run_service<inventory::config>(
      argc, argv,
      {.name = "inventory-service",
       .title = "Souk inventory",
       .default_port = 8005,
       .migrations = inventory::migrations},
      [](const inventory::config& config, const common_config&, event_loop& loop) {
        auto& db = loop.make<pg::pool>(
            loop, pg::settings{.url = config.database_url, .connections = config.connections});
        auto& audits =
            loop.make<pg::pool>(loop, pg::settings{.url = config.database_url,
                                                   .connections = 1,
                                                   .shared_readers = 1,
                                                   .statement_timeout = std::chrono::seconds(60)});
        auto& stock = loop.make<inventory::repository>(db, audits, config.hold_for);
        inventory::add_routes(loop.routes(), stock);
        loop.ready_when("database", [&db](const context& ctx) { return db.alive(ctx); });
        loop.spawn("sweeper", inventory::sweep_expired_holds(loop, stock, config.sweep_every));
      });
}
