#pragma once

// One order-service process, as far as a test needs it: everything but HTTP. Made with
// loop.make<replica>(...), so that it outlives what it has spawned. When the loop ends, whatever is
// under way ends where it stands: a crash.

#include "audit.hpp"
#include "fake_partners.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "migrations.hpp"
#include "placing.hpp"
#include "refunds.hpp"
#include "timeline.hpp"

namespace souk::order::fake {

using variables = std::vector<std::pair<std::string, std::string>>;

inline config config_for(const std::string& database_url, const partners& others,
                         const variables& more) {
  variables all = more;
  for (const auto& [name, value] : variables{{"DATABASE_URL", database_url},
                                             {"CART_SERVICE_URL", others.cart.url()},
                                             {"PRODUCT_SERVICE_URL", others.product.url()},
                                             {"INVENTORY_SERVICE_URL", others.inventory.url()},
                                             {"PAYMENT_SERVICE_URL", others.payment.url()},
                                             {"ORDER_WAIT_MS", "5000"},
                                             {"LEASE_MS", "1000"},
                                             {"STEP_TIMEOUT_MS", "300"},
                                             {"POLL_INTERVAL_MS", "20"},
                                             {"RETRY_BASE_MS", "10"},
                                             {"RETRY_CAP_MS", "100"}}) {
    all.emplace_back(name, value);  // the first of a name counts
  }
  environment env(all);
  config c(env);
  for (const auto& complaint : env.complaints()) ADD_FAILURE() << complaint;
  return c;
}

struct replica {
  replica(event_loop& on, const std::string& database_url, partners& others,
          const variables& more = {})
      : loop(on),
        settings(config_for(database_url, others, more)),
        db(loop, pg::settings{.url = settings.database_url}),
        orders(db, db, settings.lease),
        clients(loop, settings, "secret"),
        watch(loop.executor()),
        worker(loop, orders, clients, watch, settings),
        placing_(orders, clients, worker, watch, settings.wait, "USD"),
        refunds_(orders, worker, watch, settings.wait),
        timeline_(loop, orders),
        audit_(loop, orders, clients) {}

  void start() {
    loop.spawn("worker", worker.run());
    loop.spawn("unfinished orders", worker.count_unfinished());
    loop.spawn("timeline", timeline_.run());
  }

  static new_order wish(std::string revision, minor_units total,
                        std::string_view token = tokens::approve) {
    new_order o;
    o.cart_revision = std::move(revision);
    o.expected_total_minor = {total};
    o.currency = std::string("USD");
    o.payment_token = std::string(token);
    o.address.name = std::string("Ada");
    o.address.line1 = std::string("1 Loop Lane");
    o.address.city = std::string("Turin");
    o.address.postal_code = std::string("10100");
    o.address.country = std::string("IT");
    return o;
  }

  // Waits until the worker has left the order.
  task<order_record> at_rest(const context& ctx, uuid id) {
    const auto end = steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      auto o = co_await orders.find(ctx, id);
      if (o && !o->unfinished_since) co_return std::move(*o);
      if (steady_clock::now() > end) throw std::runtime_error("the order does not come to rest");
      co_await sleep_for(std::chrono::milliseconds(10));
    }
  }
  // The row of an order that a request left unfinished.
  task<order_record> find_by_key(const context& ctx, uuid user, std::string key) {
    auto o = co_await orders.look_up(ctx, user, key, "");
    if (!o) throw std::runtime_error("no order under this key");
    co_return std::move(*o);
  }

  task<> expect_balanced_books(const context& ctx) {
    audit_result result;
    for (int tries = 0; result.finished_at == timestamp{}; ++tries) {
      try {
        result = co_await audit_.compare(ctx);
      } catch (const http::call_failed&) {
        if (tries == 100) throw;  // until then it may be a breaker that calls lost have opened
      }
      if (result.finished_at == timestamp{}) co_await sleep_for(std::chrono::milliseconds(50));
    }
    for (const auto& v : result.violations) {
      ADD_FAILURE() << v.rule << " " << (v.order_id ? v.order_id->str() : "") << ": " << v.detail;
    }
    EXPECT_TRUE(result.balanced);
    EXPECT_GT(result.checked_orders, 0);
  }

  event_loop& loop;
  config settings;
  pg::pool db;
  repository orders;
  order::partners clients;
  order_watch watch;
  checkout worker;
  placing placing_;
  refunds refunds_;
  timeline timeline_;
  audit audit_;
};

}  // namespace souk::order::fake
