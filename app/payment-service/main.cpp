#include "books.hpp"
#include "config.hpp"
#include "gateway_client.hpp"
#include "kit/service.hpp"
#include "migrations.hpp"
#include "processing.hpp"
#include "recovery.hpp"
#include "repository.hpp"
#include "routes.hpp"
#include "tokens.hpp"

int main(int argc, char** argv) {
  using namespace souk;
  using namespace std::chrono_literals;
  return run_service<payment::config>(
      argc, argv,
      {.name = "payment-service",
       .title = "Souk payments",
       .default_port = 8004,
       .migrations = payment::migrations},
      [](const payment::config& config, const common_config& common, event_loop& loop) {
        auto& db = loop.make<pg::pool>(
            loop, pg::settings{.url = config.database_url, .connections = config.connections});
        auto& audits = loop.make<pg::pool>(loop, pg::settings{.url = config.database_url,
                                                              .connections = 1,
                                                              .shared_readers = 1,
                                                              .statement_timeout = 60s});
        // An attempt is the gateway's time, and some for recording its answer.
        auto& store = loop.make<payment::repository>(db, audits, config.gateway_timeout + 5s);
        auto& gateway = loop.make<payment::gateway_client>(
            loop, config.gateway_url, config.gateway_key, config.gateway_timeout);
        // An authorization during which a void is wished asks the gateway twice.
        auto& work =
            loop.make<payment::processing>(store, gateway, 2 * config.gateway_timeout + 30s);
        auto& tokens = loop.make<payment::card_tokens>(store, gateway, config.token_lifetime);
        auto& books = loop.make<payment::payment_books>(store, gateway);
        auto& recovery = loop.make<payment::recovery>(loop, store, work, config.recovery_every);
        auto& api = loop.make<payment::api>(
            payment::api{store, work, tokens, gateway, books, common.currency});
        payment::add_routes(loop.routes(), api);
        loop.ready_when("database", [&db](const context& ctx) { return db.alive(ctx); });
        loop.spawn("recovery", recovery.run());
      });
}
