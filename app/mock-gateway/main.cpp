#include "charging.hpp"
#include "config.hpp"
#include "kit/security.hpp"
#include "kit/service.hpp"
#include "migrations.hpp"
#include "repository.hpp"
#include "routes.hpp"

int main(int argc, char** argv) {
  using namespace souk;
  return run_service<mock_gateway::config>(
      argc, argv,
      {.name = "mock-gateway",
       .title = "Mock payment gateway",
       .default_port = 8006,
       .migrations = mock_gateway::migrations},
      [](const mock_gateway::config& config, const common_config&, event_loop& loop) {
        auto& db = loop.make<pg::pool>(
            loop, pg::settings{.url = config.database_url, .connections = config.connections});
        auto& store = loop.make<mock_gateway::repository>(db);
        auto& work = loop.make<mock_gateway::charging>(store);
        auto& api = loop.make<mock_gateway::api>(
            mock_gateway::api{store, work, security::sha256(config.api_key)});
        mock_gateway::add_routes(loop.routes(), api);
        loop.ready_when("database", [&db](const context& ctx) { return db.alive(ctx); });
      });
}
