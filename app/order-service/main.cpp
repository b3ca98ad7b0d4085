#include <atomic>
#include <memory>

#include "config.hpp"
#include "kit/service.hpp"
#include "metrics.hpp"
#include "migrations.hpp"
#include "routes.hpp"

int main(int argc, char** argv) {
  using namespace souk;
  // One of the event loops compares the books for the metrics.
  const auto audited = std::make_shared<std::atomic_flag>();
  return run_service<order::config>(
      argc, argv,
      {.name = "order-service",
       .title = "Souk orders",
       .default_port = 8003,
       .migrations = order::migrations},
      [audited](const order::config& config, const common_config& common, event_loop& loop) {
        auto& db = loop.make<pg::pool>(
            loop, pg::settings{.url = config.database_url, .connections = config.connections});
        auto& books_db =
            loop.make<pg::pool>(loop, pg::settings{.url = config.database_url,
                                                   .connections = 1,
                                                   .shared_readers = 1,
                                                   .statement_timeout = std::chrono::seconds(60)});
        auto& orders = loop.make<order::repository>(db, books_db, config.lease);
        auto& partners = loop.make<order::partners>(loop, config, common.service_secret);
        auto& watch = loop.make<order::order_watch>(loop.executor());
        auto& worker = loop.make<order::checkout>(loop, orders, partners, watch, config);
        auto& placing = loop.make<order::placing>(orders, partners, worker, watch, config.wait,
                                                  common.currency);
        auto& refunds = loop.make<order::refunds>(orders, worker, watch, config.wait);
        auto& timeline = loop.make<order::timeline>(loop, orders);
        auto& audit = loop.make<order::audit>(loop, orders, partners);

        order::metrics::prepare(common.currency);
        order::metrics::show_audit_interval(config.audit_every);
        order::add_routes(loop.routes(), {orders, worker, placing, refunds, timeline, audit});
        loop.ready_when("database", [&db](const context& ctx) { return db.alive(ctx); });
        loop.spawn("checkout worker", worker.run());
        loop.spawn("unfinished orders", worker.count_unfinished());
        loop.spawn("timeline", timeline.run());
        if (config.audit_every > std::chrono::milliseconds(0) && !audited->test_and_set()) {
          loop.spawn("audit", audit.run(config.audit_every));
        }
      });
}
