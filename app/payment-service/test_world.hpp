#pragma once

// Payment-service's parts on a database of their own, and the mock gateway behind a wire that can
// be cut: for integration tests. Made with loop.make, since what recovery began may outlive the
// test.

#include <chrono>
#include <string>

#include "books.hpp"
#include "gateway_client.hpp"
#include "kit/http_server.hpp"
#include "kit/service.hpp"
#include "kit/testing/proxy.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "migrations.hpp"
#include "mock-gateway/test_gateway.hpp"
#include "processing.hpp"
#include "recovery.hpp"
#include "repository.hpp"
#include "tokens.hpp"

namespace souk::payment {

inline constexpr auto good_card = "4242424242424242";
inline constexpr auto bad_card = "4000000000000002";
inline constexpr auto slow_card = "4000000000000077";
inline constexpr auto silent_card = "4000000000000341";
inline constexpr auto error_card = "4000000000000119";
inline constexpr auto fickle_card = "4000000000000259";  // its capture is refused

inline std::string local_url(std::uint16_t port) {
  return "http://127.0.0.1:" + std::to_string(port);
}
inline std::string database_name(const std::string& url) {
  const auto name = url.substr(url.rfind('/') + 1);
  return name.substr(0, name.find('?'));
}

struct test_world {
  explicit test_world(event_loop& l,
                      std::chrono::milliseconds gateway_timeout = std::chrono::seconds(5),
                      std::chrono::milliseconds lease = std::chrono::seconds(10))
      : loop(l),
        wire(gateway.port()),
        database_url(testing::fresh_database(migrations)),
        database_wire(testing::postgres().port()),
        db(l, pg::settings{.url = testing::via(database_url, database_wire.port()),
                           .connections = 16}),
        store(db, db, lease),
        client(l, local_url(wire.port()), std::string(mock_gateway::test_gateway::key),
               gateway_timeout),
        direct(l, local_url(gateway.port()), std::string(mock_gateway::test_gateway::key),
               gateway_timeout),
        work(store, client, std::chrono::seconds(60)),
        tokens(store, client, std::chrono::minutes(20)),
        books(store, client),
        again(l, store, work, std::chrono::milliseconds(20)) {}

  void start_recovery() { loop.spawn("recovery", again.run()); }

  task<std::string> token(const context& ctx, std::string number = good_card,
                          std::string user = "shopper") {
    const card c{std::move(number), 12, 2040, "123", "A B"};
    auto made = co_await tokens.make(ctx, std::move(user), c);
    co_return made.value().payment_token;
  }
  // A payment that has not begun, with a new card token.
  task<new_payment> fresh(const context& ctx, std::string number = good_card) {
    const auto t = co_await token(ctx, std::move(number));
    co_return new_payment{.id = uuid::v7(),
                          .order_id = uuid::v7(),
                          .user_id = "shopper",
                          .amount_minor = 1000,
                          .currency = "USD",
                          .token_hash = token_hash(t)};
  }
  task<payment> process(const context& ctx, const new_payment& p) {
    auto done = co_await work.process(ctx, p);
    co_return done.value();
  }
  task<payment> capture(const context& ctx, const new_payment& p) {
    auto done = co_await work.capture(ctx, p.id, p.order_id);
    co_return done.value();
  }
  task<payment> void_(const context& ctx, new_payment p) {
    p.token_hash.clear();
    auto done = co_await work.void_(ctx, p);
    co_return done.value();
  }
  task<payment> captured_payment(const context& ctx) {
    const auto p = co_await fresh(ctx);
    co_await process(ctx, p);
    co_return co_await capture(ctx, p);
  }
  // Once the recovery has done its work.
  task<payment> settled(const context& ctx, uuid id) {
    for (;;) {
      const auto p = co_await store.find(ctx, id);
      if (!is_unsettled(p.value().state, p->void_requested)) co_return *p;
      co_await sleep_for(std::chrono::milliseconds(10));
    }
  }
  task<std::vector<attempt>> attempts(const context& ctx, uuid id) {
    return store.list_attempts(ctx, id, std::numeric_limits<std::int64_t>::max(), 100);
  }
  std::string sql(const std::string& query) const {
    return testing::postgres().query(database_name(database_url), query);
  }

  event_loop& loop;
  mock_gateway::test_gateway gateway;
  testing::tcp_proxy wire;  // to the gateway
  std::string database_url;
  testing::tcp_proxy database_wire;
  pg::pool db;
  repository store;
  gateway_client client;  // over the wire
  gateway_client direct;
  processing work;
  card_tokens tokens;
  payment_books books;
  recovery again;
};

}  // namespace souk::payment
