// The API over HTTP: statuses, problem documents, pages, and who may see what.

#include "routes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "kit/http_server.hpp"
#include "kit/keys.hpp"
#include "kit/testing/http.hpp"
#include "testing/replica.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;
using fake::replica;
using testing::http_answer;
using testing::http_headers;

struct page_of_orders {
  std::vector<order_view> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(page_of_orders, (), (items, next_cursor))

class orders_api : public ::testing::Test {
 protected:
  orders_api() {
    std::filesystem::create_directory(folder_);
    const auto key = security::private_key::generate();
    security::key_set keys;
    keys.add(key.public_part());
    std::ofstream(folder_ / "keys.jwks") << keys.jwks();
    std::ofstream(folder_ / "key.pem") << key.pem();
    signer_.emplace(folder_ / "key.pem", "souk", "souk");

    auto& r = loop_->make<replica>(*loop_, testing::fresh_database(migrations), others);
    r.start();
    add_routes(loop_->routes(),
               {r.orders, r.worker, r.placing_, r.refunds_, r.timeline_, r.audit_});
    server_ = std::make_unique<http::server>(
        *loop_,
        http::server_settings{
            .sessions = std::make_shared<security::verifier>(
                security::token_settings{folder_ / "keys.jwks", "souk", "souk"}),
            .callers = security::accepted_callers("cart=" + hex_encode(security::sha256("s")))});
    thread_ = std::thread([this] { loop_->run_until_complete(server_->serve()); });
  }
  ~orders_api() override {
    server_->drain(0ms, 1s);
    thread_.join();
    server_.reset();
    loop_.reset();
    std::filesystem::remove_all(folder_);
  }

  http_headers as(std::string subject, bool is_admin = false) {
    const auto expires =
        std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count() + 60;
    return {{"Authorization", "Bearer " + signer_->sign({std::move(subject), is_admin, expires})}};
  }
  http_answer call(std::string_view method, std::string_view path, http_headers headers = {},
                   std::string_view body = {}, std::string key = {}) {
    if (!key.empty()) headers.emplace_back("Idempotency-Key", std::move(key));
    return testing::http_call(server_->port(), method, path, headers, body);
  }
  http_answer buy(std::string_view token = fake::tokens::approve, std::string key = "k") {
    const auto revision = others.fill_cart(user, {{thing, 2}});
    return call("POST", "/orders", as(user.str()),
                json::write(replica::wish(revision, 1'000, token)), std::move(key));
  }
  static order_view order_in(const http_answer& a) {
    auto o = json::read_lenient<order_view>(a.body);
    if (!o) throw std::runtime_error("no order: " + a.body);
    return std::move(*o);
  }
  static bool is_problem(const http_answer& a, int status, std::string_view type) {
    EXPECT_EQ(a.status, status) << a.body;
    EXPECT_EQ(a.header("Content-Type"), "application/problem+json");
    return a.body.find("\"/problems/" + std::string(type) + "\"") != std::string::npos;
  }

  fake::partners others;
  const uuid user = uuid::v7();
  const uuid thing = others.add_product(500, 100);
  http_headers admin() { return as("admin", true); }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("souk-orders-" + random_hex(8));
  std::optional<security::signer> signer_;
  std::unique_ptr<event_loop> loop_ = std::make_unique<event_loop>("order-service");
  std::unique_ptr<http::server> server_;
  std::thread thread_;
};

TEST_F(orders_api, sells) {
  const auto bought = buy();
  ASSERT_EQ(bought.status, 201) << bought.body;
  const auto o = order_in(bought);
  EXPECT_EQ(bought.header("Location"), "/orders/" + o.id.str());
  EXPECT_EQ(o.state, order_state::confirmed);
  EXPECT_EQ(bought.body.find(fake::tokens::approve), std::string::npos) << "the token is secret";

  const auto path = "/orders/" + o.id.str();
  EXPECT_EQ(order_in(call("GET", path, as(user.str()))).id, o.id);
  EXPECT_EQ(order_in(call("GET", path, admin())).id, o.id);
  EXPECT_TRUE(is_problem(call("GET", path, as(uuid::v7().str())), 404, "not-found"));
  EXPECT_TRUE(is_problem(call("POST", path + "/cancel", as(uuid::v7().str())), 404, "not-found"));
  EXPECT_TRUE(is_problem(call("GET", path + "/events", as(uuid::v7().str())), 404, "not-found"));
  EXPECT_TRUE(is_problem(call("GET", "/orders/" + uuid::v7().str(), admin()), 404, "not-found"));
}

TEST_F(orders_api, lets_in_whom_it_should) {
  const auto id = order_in(buy()).id.str();
  const struct {
    std::string method, path, body;
    bool shopper, admin;
  } rows[] = {
      {"POST", "/orders", "{}", true, false},
      {"GET", "/orders", "", true, true},
      {"GET", "/orders/" + id, "", true, true},
      {"POST", "/orders/" + uuid::v7().str() + "/cancel", "", true, true},
      {"POST", "/orders/" + id + "/refunds", "{}", false, true},
      {"PATCH", "/orders/" + id + "/status", "{}", false, true},
      {"GET", "/audit", "", false, true},
  };
  for (const auto& row : rows) {
    const auto what = row.method + " " + row.path;
    EXPECT_EQ(call(row.method, row.path, {}, row.body).status, 401) << what;
    EXPECT_EQ(call(row.method, row.path, {{"Souk-Service", "cart:s"}}, row.body).status, 403)
        << what;
    const auto by_shopper = call(row.method, row.path, as(user.str()), row.body).status;
    EXPECT_EQ(by_shopper != 403, row.shopper) << what << " " << by_shopper;
    const auto by_admin = call(row.method, row.path, admin(), row.body).status;
    EXPECT_EQ(by_admin != 403, row.admin) << what << " " << by_admin;
  }
}

TEST_F(orders_api, says_why_not) {
  const auto declined = buy(fake::tokens::decline);
  EXPECT_TRUE(is_problem(declined, 402, "payment-declined"));
  EXPECT_NE(declined.body.find("\"order\":{\"id\":\""), std::string::npos);
  EXPECT_TRUE(is_problem(buy(fake::tokens::approve, "k"), 422, "idempotency-key-reused"));

  const auto stale =
      call("POST", "/orders", as(user.str()), json::write(replica::wish("r1", 1'000)), "other");
  EXPECT_TRUE(is_problem(stale, 409, "cart-changed"));
  EXPECT_NE(stale.body.find("\"cart\":{\"revision\":\"r3\""), std::string::npos) << stale.body;

  const auto revision = others.fill_cart(user, {});
  const auto body = json::write(replica::wish(revision, 2'000));
  const auto first = call("POST", "/orders", as(user.str()), body, "tab1");
  ASSERT_EQ(first.status, 201) << first.body;
  const auto second = call("POST", "/orders", as(user.str()), body, "tab2");
  EXPECT_TRUE(is_problem(second, 409, "already-ordered"));
  EXPECT_NE(second.body.find("\"order_id\":\"" + order_in(first).id.str()), std::string::npos);

  EXPECT_TRUE(is_problem(
      call("POST", "/orders", as(user.str()), json::write(replica::wish("r9", 1)), "empty"), 409,
      "cart-empty"));
}

TEST_F(orders_api, names_every_wrong_field) {
  const auto wrong =
      call("POST", "/orders", as(user.str()),
           R"({"cart_revision":1,"expected_total_minor":-1,"currency":"US","surprise":0,)"
           R"("address":{"name":"","line1":"x","city":"x","postal_code":"x","country":"it"}})",
           "k");
  EXPECT_TRUE(is_problem(wrong, 400, "bad-request"));
  for (const auto* pointer : {"/cart_revision", "/expected_total_minor", "/currency", "/surprise",
                              "/payment_token", "/address/name", "/address/country"}) {
    EXPECT_NE(wrong.body.find(std::string("\"pointer\":\"") + pointer + '"'), std::string::npos)
        << pointer << " in " << wrong.body;
  }
  const auto wish = json::write(replica::wish("r1", 1));
  EXPECT_EQ(call("POST", "/orders", as(user.str()), wish).status, 400) << "no key";
}

TEST_F(orders_api, lists_in_pages) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(buy(fake::tokens::approve, std::to_string(i)).status, 201);
  std::vector<uuid> seen;
  std::string next = "/orders?limit=2";
  while (!next.empty()) {
    const auto answer = call("GET", next, as(user.str()));
    const auto page = json::read_lenient<page_of_orders>(answer.body).value();
    for (const auto& o : page.items) seen.push_back(o.id);
    next = page.next_cursor ? "/orders?limit=2&cursor=" + *page.next_cursor : "";
    // A cursor belongs to its list.
    if (page.next_cursor) {
      EXPECT_EQ(call("GET", next + "&state=confirmed", admin()).status, 400);
    }
  }
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_TRUE(std::ranges::is_sorted(seen, std::greater<>{}));
  EXPECT_EQ(call("GET", "/orders?cursor=x", as(user.str())).status, 400);
  EXPECT_EQ(call("GET", "/orders?q=thing", as(user.str())).status, 400);
  const auto found = call("GET", "/orders?q=thin&state=confirmed&limit=3", admin());
  EXPECT_EQ(json::read_lenient<page_of_orders>(found.body).value().items.size(), 3u);
  EXPECT_TRUE(json::read_lenient<page_of_orders>(call("GET", "/orders", as(uuid::v7().str())).body)
                  .value()
                  .items.empty());
}

TEST_F(orders_api, ships_refunds_and_cancels) {
  const auto path = "/orders/" + order_in(buy(fake::tokens::approve, "a")).id.str();
  const auto mark = [&](std::string_view status) {
    return call("PATCH", path + "/status", admin(),
                R"({"status":")" + std::string(status) + R"("})");
  };
  EXPECT_TRUE(is_problem(mark("delivered"), 409, "wrong-state"));
  EXPECT_EQ(order_in(mark("shipped")).state, order_state::shipped);
  EXPECT_EQ(order_in(mark("shipped")).state, order_state::shipped);
  EXPECT_TRUE(is_problem(call("POST", path + "/cancel", as(user.str())), 409, "not-cancellable"));
  EXPECT_EQ(order_in(mark("delivered")).state, order_state::delivered);

  const auto refund = R"({"amount_minor":500,"reason":"broken","lines":[{"product_id":")" +
                      thing.str() + R"(","quantity":1}]})";
  EXPECT_TRUE(is_problem(call("POST", path + "/refunds", admin(), refund), 400, "bad-request"));
  const auto paid = call("POST", path + "/refunds", admin(), refund, "r");
  EXPECT_EQ(paid.status, 201) << paid.body;
  EXPECT_EQ(call("POST", path + "/refunds", admin(), refund, "r").body, paid.body);
  EXPECT_TRUE(is_problem(
      call("POST", path + "/refunds", admin(), R"({"amount_minor":501,"reason":"x"})", "r2"), 409,
      "refund-exceeds"));
  const auto o = order_in(call("GET", path, as(user.str())));
  EXPECT_EQ(o.refunded_minor, 500);
  EXPECT_EQ(o.refunds.size(), 1u);

  const auto other = "/orders/" + order_in(buy(fake::tokens::approve, "b")).id.str();
  EXPECT_EQ(call("POST", other + "/cancel", as(user.str())).status, 202);
  EXPECT_EQ(call("POST", other + "/cancel", admin()).status, 202);  // the same wish again
  for (int i = 0; i < 200; ++i) {
    if (order_in(call("GET", other, admin())).state == order_state::cancelled) break;
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(order_in(call("GET", other, admin())).state, order_state::cancelled);
  EXPECT_TRUE(
      is_problem(call("POST", other + "/refunds", admin(), refund, "r"), 409, "not-refundable"));

  const auto audit = call("GET", "/audit", admin());
  EXPECT_EQ(audit.status, 200);
  EXPECT_NE(audit.body.find("\"balanced\":true"), std::string::npos) << audit.body;
}

TEST_F(orders_api, refuses_a_refund_that_names_a_product_twice) {
  const auto path = "/orders/" + order_in(buy()).id.str();
  const auto line = R"({"product_id":")" + thing.str() + R"(","quantity":1})";
  const auto refund = [&](const std::string& lines) {
    return call("POST", path + "/refunds", admin(),
                R"({"amount_minor":500,"reason":"","lines":[)" + lines + "]}", "r");
  };
  const auto refused = refund(line + "," + line);
  EXPECT_TRUE(is_problem(refused, 400, "bad-request"));
  EXPECT_NE(refused.body.find("\"/lines/1/product_id\""), std::string::npos) << refused.body;
  EXPECT_NE(refused.body.find("\"/reason\""), std::string::npos) << "all at once";
  EXPECT_TRUE(order_in(call("GET", path, admin())).refunds.empty());
  EXPECT_EQ(refund("7").status, 400);
}

TEST_F(orders_api, streams_the_timeline) {
  const auto declined = buy(fake::tokens::decline);
  const auto at = declined.body.find("\"order\":{\"id\":\"") + 15;
  const auto path = "/orders/" + declined.body.substr(at, 36) + "/events";
  const auto all = call("GET", path, as(user.str()));
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.header("Content-Type"), "text/event-stream");
  EXPECT_NE(all.body.find("id: 1\nevent: placed\ndata: {\"seq\":1,"), std::string::npos)
      << all.body;
  EXPECT_NE(all.body.find("event: rejected"), std::string::npos);
  auto resumed = as(user.str());
  resumed.emplace_back("Last-Event-ID", "3");
  const auto rest = call("GET", path, resumed);
  EXPECT_EQ(rest.body.find("event: placed"), std::string::npos);
  EXPECT_NE(rest.body.find("event: rejected"), std::string::npos) << rest.body;
}

}  // namespace
}  // namespace souk::order
