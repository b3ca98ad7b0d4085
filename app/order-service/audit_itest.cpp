#include "audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kit/telemetry.hpp"
#include "metrics.hpp"
#include "testing/replica.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using fake::fault;
using fake::replica;
using fake::stub_request;
using ::testing::Contains;
using testing::fresh_database;
using testing::run;

std::vector<std::string> rules(const audit_result& result) {
  std::vector<std::string> out;
  for (const auto& v : result.violations) out.push_back(v.rule);
  return out;
}

// Of a metric, as /metrics shows it; -1 if it isn't there.
double value_of(std::string_view series) {
  const auto text = telemetry::metrics_text();
  const auto begin = "\n" + std::string(series) + " ";
  const auto at = text.find(begin);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + begin.size()));
}

task<order_view> buy(replica& r, fake::partners& others, const context& ctx, uuid thing,
                     std::string_view token = fake::tokens::approve) {
  const auto user = uuid::v7();
  auto o = co_await r.placing_.place(
      ctx, user, "k", replica::wish(others.fill_cart(user, {{thing, 1}}), 500, token));
  co_return std::move(o.value());
}

TEST(audit, finds_what_was_tampered_with) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  const auto database = url.substr(url.rfind('/') + 1);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto thing = others.add_product(500, 100);
    std::vector<order_view> orders;
    for (int i = 0; i < 6; ++i) orders.push_back(co_await buy(r, others, ctx, thing));
    co_await buy(r, others, ctx, thing, fake::tokens::decline);
    co_await r.expect_balanced_books(ctx);

    others.payments[orders[0].payment_id.str()].captured = 499;
    others.reservations[orders[1].id.str()].state = reply::expired;
    others.payments.erase(orders[2].payment_id.str());
    others.reservations[uuid::v7().str()].state = reply::held;
    others.payments[uuid::v7().str()] = {.order = uuid::v7().str(), .state = reply::captured};
    testing::postgres().execute(
        database.substr(0, database.find('?')),
        "UPDATE orders SET version = version + 1 WHERE id = '" + orders[3].id.str() + "'");
    const auto result = co_await r.audit_.compare(ctx);
    EXPECT_FALSE(result.balanced);
    EXPECT_EQ(result.checked_orders, 7);
    EXPECT_EQ(result.violations_total, static_cast<std::int64_t>(result.violations.size()));
    const auto found = rules(result);
    EXPECT_THAT(found, Contains("captured-differs"));
    EXPECT_THAT(found, Contains("impossible-combination"));
    EXPECT_THAT(found, Contains("reservation-without-order"));
    EXPECT_THAT(found, Contains("payment-without-order"));
    EXPECT_THAT(found, Contains("order: timeline-differs"));
  });
}

TEST(audit, balances_while_orders_are_placed) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    r.start();
    const auto thing = others.add_product(500, 1000);
    bool stop = false;
    int running = 0;
    for (int i = 0; i < 4; ++i) {
      ++running;
      loop.spawn("shopper",
                 [](replica& one, fake::partners& world, context of, uuid what, bool& enough,
                    int& active) -> task<> {
                   while (!enough) co_await buy(one, world, of, what);
                   --active;
                 }(r, others, ctx, thing, stop, running));
    }
    std::int64_t checked = 0;
    for (int i = 0; i < 5; ++i) {
      const auto result = co_await r.audit_.compare(ctx);
      for (const auto& v : result.violations) ADD_FAILURE() << v.rule << ": " << v.detail;
      checked += result.checked_orders;
    }
    EXPECT_GT(checked, 0);
    stop = true;
    EXPECT_TRUE(co_await testing::eventually([&] { return running == 0; }));
  });
}

// Payment's rows and the gateway's record are read one after the other, and the order's version
// says nothing of what a step does in between: here its capture takes place, in one of the passes.
class step_under_way : public ::testing::TestWithParam<int> {};

TEST_P(step_under_way, is_no_violation) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  const auto database = url.substr(url.rfind('/') + 1);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    others.faults = [](const stub_request& q) {
      return q.path.ends_with("/capture") ? fault::request_lost : fault::none;
    };
    const auto o = co_await buy(r, others, ctx, others.add_product(500, 100));
    EXPECT_TRUE(co_await testing::eventually(
        [&] { return !others.payment.requests("POST", "/payments/*/capture").empty(); }));
    co_await sleep_for(100ms);  // it is put off
    int passes = 0;
    {
      const std::scoped_lock lock(others.mutex);
      others.between_books = [&] {
        ++passes;
        if (passes == GetParam()) others.capture(o.payment_id);
        // In the passes before, the order has moved.
        if (passes < GetParam()) {
          testing::postgres().execute(database.substr(0, database.find('?')),
                                      "WITH moved AS (UPDATE orders SET version = version + 1"
                                      "               RETURNING id, version, state)"
                                      "INSERT INTO order_events (order_id, seq, type, state, at)"
                                      " SELECT id, version, 'delayed', state, now() FROM moved");
        }
      };
    }
    const auto result = co_await r.audit_.compare(ctx);
    EXPECT_GE(passes, GetParam());
    for (const auto& v : result.violations) ADD_FAILURE() << v.rule << ": " << v.detail;
    EXPECT_TRUE(result.balanced);
    EXPECT_EQ(result.in_flight, 1);
  });
}
INSTANTIATE_TEST_SUITE_P(in_the_first_and_the_last_pass, step_under_way, ::testing::Values(1, 4),
                         ::testing::PrintToStringParamName());

TEST(audit, counts_what_is_under_way_and_complains_after_ten_minutes) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  const auto database = url.substr(url.rfind('/') + 1);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others, fake::variables{{"ORDER_WAIT_MS", "0"}});
    const auto thing = others.add_product(500, 100);
    others.faults = [](const stub_request& q) {
      return q.path == "/payments/process" ? fault::request_lost : fault::none;
    };
    const auto o = co_await buy(r, others, ctx, thing);
    co_await sleep_for(300ms);
    auto result = co_await r.audit_.compare(ctx);
    EXPECT_TRUE(result.balanced);
    EXPECT_EQ(result.in_flight, 1);
    testing::postgres().execute(
        database.substr(0, database.find('?')),
        "UPDATE orders SET unfinished_since = now() - interval '11 minutes'");
    result = co_await r.audit_.compare(ctx);
    EXPECT_THAT(rules(result), Contains("in-flight-too-long"));
  });
}

TEST(audit, proves_nothing_without_all_books) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    co_await buy(r, others, ctx, others.add_product(500, 100));
    others.cart.stop();
    metrics::show_audit_interval(10min);
    const auto failed = value_of("souk_audit_runs_total{outcome=\"failed\"}");
    EXPECT_THROW(co_await r.audit_.compare(ctx), http::call_failed);
    EXPECT_EQ(value_of("souk_audit_runs_total{outcome=\"failed\"}"), failed + 1);
    others.cart.start();
    const auto balanced = value_of("souk_audit_runs_total{outcome=\"balanced\"}");
    co_await r.audit_.compare(ctx);
    EXPECT_EQ(value_of("souk_audit_runs_total{outcome=\"balanced\"}"), balanced + 1);
    EXPECT_EQ(value_of("souk_audit_violations"), 0);
    EXPECT_GT(value_of("souk_audit_duration_seconds"), 0);
    EXPECT_GT(value_of("souk_audit_last_success_timestamp_seconds"), 1e9);
    others.inventory.on(
        "GET", "/books",
        testing::stub_answer{.body = "{\"order_id\":1}\n", .content_type = "application/x-ndjson"});
    EXPECT_THROW(co_await r.audit_.compare(ctx), http::call_failed);
  });
}

TEST(audit, reads_more_than_one_page) {
  fake::partners others;
  const auto url = fresh_database(migrations);
  const auto database = url.substr(url.rfind('/') + 1);
  run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& r = loop.make<replica>(loop, url, others);
    const auto thing = others.add_product(500, 100);
    const auto o = co_await buy(r, others, ctx, thing, fake::tokens::decline);
    // 1,200 more of the same.
    const auto name = database.substr(0, database.find('?'));
    testing::postgres().execute(
        name,
        "INSERT INTO orders (id, user_id, idempotency_key, request_hash, cart_revision, "
        "traceparent,"
        " currency, total_minor, address, payment_id, payment_token, state, reason, version, token)"
        " SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, user_id,"
        " 'n' || n, '', 'n' || n, '', 'USD', 500, address,"
        " ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, '', 'rejected',"
        " 'payment-declined', 1, 1 FROM orders, generate_series(1, 1200) n;"
        "INSERT INTO order_lines SELECT id, 1, (SELECT product_id FROM order_lines LIMIT 1), 's',"
        " 'n', NULL, 1, 500, 500 FROM orders WHERE version = 1;"
        "INSERT INTO order_events SELECT id, 1, 'rejected', 'rejected', now() FROM orders"
        " WHERE version = 1");
    for (int n = 1; n <= 1200; ++n) {
      const auto order = fmt::format("00000000-0000-7000-8000-{:012x}", n);
      others.reservations[order].state = reply::released;
      others.payments[fmt::format("00000000-0000-7000-9000-{:012x}", n)] = {
          .order = order, .state = reply::declined, .amount = 500};
    }
    const auto result = co_await r.audit_.compare(ctx);
    EXPECT_EQ(result.checked_orders, 1201);
    for (const auto& v : result.violations) {
      ADD_FAILURE() << v.rule << ": " << v.detail;
      break;
    }
    EXPECT_EQ(o.state, order_state::rejected);
  });
}

}  // namespace
}  // namespace souk::order
