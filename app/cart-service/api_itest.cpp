// The service as its callers see it: over HTTP, on a real Redis, with stubs of product-service and
// inventory-service.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "catalogue.hpp"
#include "kit/http_server.hpp"
#include "kit/keys.hpp"
#include "kit/redis.hpp"
#include "kit/service.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/stub.hpp"
#include "repository.hpp"
#include "routes.hpp"

namespace souk::cart {
namespace {

using namespace std::chrono_literals;
namespace bj = boost::json;
using ::testing::HasSubstr;
using testing::http_answer;
using testing::http_headers;
using testing::stub_answer;
using testing::stub_request;

const std::string order_secret = "the order's secret";
const std::string password = "correct horse battery staple";

// A key pair on disk, as the runner makes it.
class key_files {
 public:
  key_files() {
    std::string name = (std::filesystem::temp_directory_path() / "souk-keys-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    folder_ = name;
    const auto key = security::private_key::generate();
    security::key_set keys;
    keys.add(key.public_part());
    std::ofstream(private_file()) << key.pem();
    std::ofstream(public_file()) << keys.jwks();
  }
  ~key_files() { std::filesystem::remove_all(folder_); }
  std::string private_file() const { return folder_ / "private.pem"; }
  std::string public_file() const { return folder_ / "public.json"; }

 private:
  std::filesystem::path folder_;
};

// What product-service and inventory-service would say.
class market {
 public:
  market() {
    products.on("GET", "/products", [this](const stub_request& r) { return list_products(r); });
    levels.on("GET", "/inventory", [this](const stub_request& r) { return list_levels(r); });
  }
  uuid sell(std::int64_t price, std::int64_t available, int variants = 0) {
    const auto id = uuid::v7();
    const std::lock_guard lock(mutex_);
    goods_[id.str()] = {price, available, variants};
    return id;
  }
  void change(uuid id, std::int64_t price, std::int64_t available) {
    const std::lock_guard lock(mutex_);
    goods_[id.str()] = {price, available, 0};
  }
  void archive(uuid id) {
    const std::lock_guard lock(mutex_);
    goods_.erase(id.str());
  }

 private:
  struct good {
    std::int64_t price, available;
    int variants;
  };

  template <class F>
  stub_answer list(const stub_request& r, F line) {
    const std::lock_guard lock(mutex_);
    std::string items;
    for (const auto& [id, g] : goods_) {
      if (!r.query.contains(id)) continue;
      if (!items.empty()) items += ',';
      items += line(id, g);
    }
    return {.body = fmt::format(R"({{"items":[{}]}})", items)};
  }
  stub_answer list_products(const stub_request& r) {
    return list(r, [](const std::string& id, const good& g) {
      return fmt::format(
          R"({{"id":"{}","sku":"SKU-{}","slug":"s","name":"Lamp","description":"d",)"
          R"("image":"lamp.svg","categories":["A"],"price_minor":{},"currency":"USD",)"
          R"("attributes":{{"color":["red"]}},"variants_count":{},"version":1}})",
          id, id.substr(0, 8), g.price, g.variants);
    });
  }
  stub_answer list_levels(const stub_request& r) {
    return list(r, [](const std::string& id, const good& g) {
      return fmt::format(R"({{"product_id":"{}","available":{},"state":"in_stock"}})", id,
                         g.available);
    });
  }

  std::mutex mutex_;
  std::map<std::string, good> goods_;

 public:
  // The last, since their threads use the others until they are gone.
  testing::http_stub products, levels;
};

struct shopper {
  std::string id, token;
  http_headers headers() const { return {{"Authorization", "Bearer " + token}}; }
};

// A running cart-service.
class cart_service : public ::testing::Test {
 protected:
  void SetUp() override {
    std::promise<void> listening;
    thread_ = std::thread([this, &listening] {
      try {
        serve(listening);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
    });
    listening.get_future().get();
  }

  void TearDown() override {
    server_->drain();
    thread_.join();
  }

  http_answer ask(std::string_view method, const std::string& path, http_headers headers = {},
                  std::string_view body = {}) {
    return testing::http_call(port_, method, path, headers, body);
  }
  static bj::value json_of(const http_answer& a) { return bj::parse(a.body); }

  shopper start_session(http_headers headers = {}) {
    const auto a = ask("POST", "/session", std::move(headers));
    const auto body = json_of(a);
    return {.id = std::string(body.at("user_id").as_string()),
            .token = std::string(body.at("token").as_string())};
  }
  http_answer add(const shopper& who, uuid product, int quantity, std::string key = "") {
    auto headers = who.headers();
    if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
    return ask("POST", "/cart/" + who.id + "/items", headers,
               fmt::format(R"({{"product_id":"{}","quantity":{}}})", product.str(), quantity));
  }
  http_answer put(const shopper& who, uuid product, int quantity) {
    return ask("PUT", "/cart/" + who.id + "/items/" + product.str(), who.headers(),
               fmt::format(R"({{"quantity":{}}})", quantity));
  }
  http_answer get(const shopper& who) { return ask("GET", "/cart/" + who.id, who.headers()); }
  http_answer sign_in(std::string_view name, std::string_view word, http_headers headers = {}) {
    return ask("POST", "/session/admin", std::move(headers),
               fmt::format(R"({{"username":"{}","password":"{}"}})", name, word));
  }
  static http_headers as_order() { return {{"Souk-Service", "order:" + order_secret}}; }

  static void expect_problem(const http_answer& a, int status, std::string_view type) {
    EXPECT_EQ(a.status, status) << a.body;
    EXPECT_EQ(a.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(json_of(a).at("type"), bj::string("/problems/" + std::string(type)));
  }

  market goods;
  key_files keys;

 private:
  void serve(std::promise<void>& listening) {
    event_loop loop("cart-service");
    auto& db = loop.make<redis::client>(loop, redis::settings{.url = testing::fresh_redis()});
    auto& carts = loop.make<repository>(db);
    auto& catalogue = loop.make<cart::catalogue>(
        loop, http::upstream{.name = "product", .url = goods.products.url()},
        http::upstream{.name = "inventory", .url = goods.levels.url()});
    auto& shopping = loop.make<cart::shopping>(carts, catalogue, "USD");
    auto& signer = loop.make<security::signer>(keys.private_file(), "souk", "souk");
    auto& sessions = loop.make<cart::sessions>(
        loop, carts, signer, [hash = security::hash_password(password)] { return hash; },
        repository::attempt_limits{.from_one_address = 3, .in_all = 5, .window = 1min});
    const std::vector<std::string> origins{"https://shop.example"};
    auto& cookies = loop.make<cart::cookies>("test", origins);
    const auto verifier = std::make_shared<security::verifier>(security::token_settings{
        .keys_file = keys.public_file(), .issuer = "souk", .audience = "souk"});
    add_routes(loop.routes(), {carts, shopping, sessions, cookies, *verifier});
    http::server server(loop, {.sessions = verifier,
                               .callers = security::accepted_callers(
                                   "order=" + hex_encode(security::sha256(order_secret))),
                               .public_origins = origins,
                               .instance = "test"});
    server_ = &server;
    port_ = server.port();
    listening.set_value();
    loop.run_until_complete(server.serve());
  }

  std::thread thread_;
  http::server* server_ = nullptr;
  std::uint16_t port_ = 0;
};

TEST_F(cart_service, fills_a_cart_and_shows_it_live) {
  const auto lamp = goods.sell(1'000, 5);
  const auto who = start_session();
  EXPECT_EQ(json_of(get(who)).at("revision"), "");

  const auto added = add(who, lamp, 2);
  ASSERT_EQ(added.status, 200) << added.body;
  const auto cart = json_of(added);
  EXPECT_EQ(cart.at("user_id"), bj::string(who.id));
  EXPECT_EQ(cart.at("total_minor"), 2'000);
  EXPECT_EQ(cart.at("currency"), "USD");
  EXPECT_EQ(cart.at("items_count"), 2);
  EXPECT_EQ(cart.at("buyable"), true);
  EXPECT_EQ(cart.at("degraded"), false);
  const auto& line = cart.at("lines").at(0);
  EXPECT_EQ(line.at("product_id"), bj::string(lamp.str()));
  EXPECT_EQ(line.at("name"), "Lamp");
  EXPECT_EQ(line.at("image"), "lamp.svg");
  EXPECT_EQ(line.at("status"), "ok");
  EXPECT_EQ(line.at("available"), 5);
  EXPECT_EQ(line.at("attributes").at("color").at(0), "red");

  goods.change(lamp, 1'500, 1);
  const auto later = json_of(get(who));
  EXPECT_EQ(later.at("revision"), cart.at("revision")) << "prices change no cart";
  EXPECT_EQ(later.at("total_minor"), 3'000);
  EXPECT_EQ(later.at("lines").at(0).at("price_when_added_minor"), 1'000);
  EXPECT_EQ(later.at("lines").at(0).at("unit_price_minor"), 1'500);
  EXPECT_EQ(later.at("lines").at(0).at("status"), "insufficient");
  EXPECT_EQ(later.at("buyable"), false);

  goods.archive(lamp);
  EXPECT_EQ(json_of(get(who)).at("lines").at(0).at("status"), "unavailable");
}

TEST_F(cart_service, sets_and_removes_lines) {
  const auto lamp = goods.sell(1'000, 5), chair = goods.sell(2'000, 5);
  const auto who = start_session();
  add(who, lamp, 1);
  EXPECT_EQ(json_of(put(who, chair, 2)).at("total_minor"), 5'000);
  EXPECT_EQ(json_of(put(who, chair, 1)).at("total_minor"), 3'000);
  goods.archive(chair);
  expect_problem(put(who, chair, 2), 409, "product-unavailable");
  EXPECT_EQ(json_of(put(who, chair, 0)).at("lines").as_array().size(), 1u);
  const auto removed = ask("DELETE", "/cart/" + who.id + "/items/" + lamp.str(), who.headers());
  EXPECT_EQ(removed.status, 200);
  EXPECT_TRUE(json_of(removed).at("lines").as_array().empty());
  add(who, lamp, 3);
  EXPECT_EQ(ask("DELETE", "/cart/" + who.id, who.headers()).status, 204);
  EXPECT_TRUE(json_of(get(who)).at("lines").as_array().empty());
}

TEST_F(cart_service, refuses_what_cannot_be_bought) {
  const auto who = start_session();
  expect_problem(add(who, goods.sell(1'000, 5, 3), 1), 409, "has-variants");
  expect_problem(add(who, uuid::v7(), 1), 409, "product-unavailable");
  const auto lamp = goods.sell(1'000, 5);
  EXPECT_EQ(add(who, lamp, 1'000).status, 200);
  expect_problem(add(who, lamp, 1), 409, "quantity-limit");
  expect_problem(add(who, lamp, 0), 400, "bad-request");
  expect_problem(add(who, lamp, 1'001), 400, "bad-request");
  expect_problem(put(who, lamp, -1), 400, "bad-request");
  EXPECT_EQ(json_of(get(who)).at("items_count"), 1'000);
}

TEST_F(cart_service, adds_once_under_one_key) {
  const auto lamp = goods.sell(1'000, 5);
  const auto who = start_session();
  EXPECT_EQ(json_of(add(who, lamp, 1, "k")).at("items_count"), 1);
  EXPECT_EQ(json_of(add(who, lamp, 1, "k")).at("items_count"), 1);
  expect_problem(add(who, lamp, 2, "k"), 422, "idempotency-key-reused");
  // Another shopper's keys are their own.
  EXPECT_EQ(json_of(add(start_session(), lamp, 2, "k")).at("items_count"), 2);
}

TEST_F(cart_service, loses_none_of_two_hundred_parallel_adds) {
  const auto lamp = goods.sell(1'000, 1'000);
  const auto who = start_session();
  {
    std::vector<std::jthread> tabs;
    for (int t = 0; t < 20; ++t) {
      tabs.emplace_back([&] {
        for (int i = 0; i < 10; ++i) EXPECT_EQ(add(who, lamp, 1).status, 200);
      });
    }
  }
  EXPECT_EQ(json_of(get(who)).at("items_count"), 200);
}

TEST_F(cart_service, shows_the_cart_while_others_are_down) {
  const auto lamp = goods.sell(1'000, 5);
  const auto who = start_session();
  add(who, lamp, 2);
  goods.products.stop();
  auto cart = get(who);
  ASSERT_EQ(cart.status, 200) << cart.body;
  EXPECT_EQ(json_of(cart).at("degraded"), true);
  EXPECT_EQ(json_of(cart).at("buyable"), false);
  EXPECT_EQ(json_of(cart).at("lines").at(0).at("status"), "unknown");
  EXPECT_EQ(json_of(cart).at("lines").at(0).at("name"), "Lamp");
  EXPECT_EQ(json_of(cart).at("total_minor"), 2'000);
  expect_problem(add(who, lamp, 1), 503, "unavailable");
  expect_problem(put(who, lamp, 1), 503, "unavailable");
  EXPECT_EQ(put(who, lamp, 0).status, 200) << "a line can always be removed";

  goods.products.start();
  goods.levels.stop();
  std::this_thread::sleep_for(2'200ms);  // until the circuit breaker lets calls through again
  cart = add(who, lamp, 1);
  ASSERT_EQ(cart.status, 200) << cart.body;
  EXPECT_EQ(json_of(cart).at("lines").at(0).at("status"), "unknown");
  EXPECT_EQ(json_of(cart).at("degraded"), true);
}

TEST_F(cart_service, shows_the_cart_while_others_hang) {
  const auto lamp = goods.sell(1'000, 5);
  const auto who = start_session();
  add(who, lamp, 2);
  goods.products.on("GET", "/products", {.delay = 20s});
  const auto began = steady_clock::now();
  const auto cart = get(who);
  EXPECT_LT(steady_clock::now() - began, 3s);
  ASSERT_EQ(cart.status, 200) << cart.body;
  EXPECT_EQ(json_of(cart).at("degraded"), true);
}

TEST_F(cart_service, joins_the_questions_of_many_into_few) {
  const auto lamp = goods.sell(1'000, 5);
  std::vector<shopper> shoppers;
  for (int i = 0; i < 20; ++i) {
    shoppers.push_back(start_session());
    add(shoppers.back(), lamp, 1);
  }
  goods.products.forget_requests();
  goods.products.on("GET", "/products", {.body = R"({"items":[]})", .delay = 200ms});
  {
    std::vector<std::jthread> all;
    for (const auto& who : shoppers) all.emplace_back([&] { EXPECT_EQ(get(who).status, 200); });
  }
  EXPECT_LE(goods.products.requests().size(), 8u);
}

TEST_F(cart_service, passes_on_each_shopper_s_own_bucket) {
  const auto lamp = goods.sell(1'000, 5);
  std::vector<shopper> shoppers;
  for (int i = 0; i < 10; ++i) {
    shoppers.push_back(start_session());
    add(shoppers.back(), lamp, 1);
  }
  goods.products.forget_requests();
  goods.products.on("GET", "/products", {.body = R"({"items":[]})", .delay = 50ms});
  {
    std::vector<std::jthread> all;
    for (std::size_t i = 0; i < shoppers.size(); ++i) {
      all.emplace_back([&, i] {
        auto headers = shoppers[i].headers();
        headers.emplace_back("x-souk-bucket", fmt::format("{:02}", i));
        EXPECT_EQ(ask("GET", "/cart/" + shoppers[i].id, headers).status, 200);
      });
    }
  }
  std::set<std::string> buckets;
  for (const auto& r : goods.products.requests()) buckets.insert(r.header("x-souk-bucket"));
  EXPECT_EQ(buckets.size(), shoppers.size());
}

TEST_F(cart_service, keeps_carts_to_their_owners) {
  const auto lamp = goods.sell(1'000, 5);
  const auto a = start_session(), b = start_session();
  add(a, lamp, 1);
  const shopper intruder{.id = a.id, .token = b.token};
  expect_problem(get(intruder), 404, "not-found");
  expect_problem(add(intruder, lamp, 1), 404, "not-found");
  expect_problem(put(intruder, lamp, 0), 404, "not-found");
  expect_problem(ask("DELETE", "/cart/" + a.id, b.headers()), 404, "not-found");
  expect_problem(ask("DELETE", "/cart/" + a.id + "/items/" + lamp.str(), b.headers()), 404,
                 "not-found");
  EXPECT_EQ(ask("GET", "/cart/" + a.id).status, 401);
  EXPECT_EQ(ask("GET", "/cart/" + a.id, {{"Authorization", "Bearer x"}}).status, 401);
  EXPECT_EQ(json_of(get(a)).at("items_count"), 1);
}

TEST_F(cart_service, gives_order_service_what_a_checkout_needs) {
  const auto lamp = goods.sell(1'000, 5);
  const auto who = start_session();
  add(who, lamp, 3);
  const auto seen = ask("GET", "/cart/" + who.id, as_order());
  EXPECT_EQ(json_of(seen).at("total_minor"), 3'000);

  const auto order = uuid::v7().str();
  const auto body = fmt::format(
      R"({{"order_id":"{}","lines":[{{"product_id":"{}","quantity":2}}]}})", order, lamp.str());
  const std::string path = "/cart/" + who.id + "/ordered";
  EXPECT_EQ(ask("POST", path, who.headers(), body).status, 403);
  const auto taken = ask("POST", path, as_order(), body);
  ASSERT_EQ(taken.status, 200) << taken.body;
  const auto again = ask("POST", path, as_order(), body);
  EXPECT_EQ(again.body, taken.body);
  EXPECT_EQ(json_of(get(who)).at("items_count"), 1);
  EXPECT_EQ(json_of(get(who)).at("revision"), json_of(taken).at("revision"));
  expect_problem(ask("POST", "/cart/" + who.id + "/items", as_order(), body), 403, "forbidden");

  EXPECT_EQ(ask("GET", "/books", as_order()).body,
            fmt::format("{{\"order_id\":\"{}\",\"user_id\":\"{}\"}}\n", order, who.id));
  EXPECT_EQ(ask("GET", "/books?after=" + order, as_order()).body, "");
  EXPECT_EQ(ask("GET", "/books?checks=true", as_order()).body, "{\"checked\":1}\n");
  testing::redis().command({"DEL", "cart:{" + who.id + "}:orders"});
  EXPECT_THAT(ask("GET", "/books?checks=true", as_order()).body,
              HasSubstr("{\"violation\":\"order-forgotten\",\"subject\":\"" + order + "\""));
  EXPECT_EQ(ask("GET", "/books", who.headers()).status, 403);
}

TEST_F(cart_service, starts_and_ends_sessions) {
  const auto first = ask("POST", "/session");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.header("Cache-Control"), "no-store");
  const auto body = json_of(first);
  const std::string token(body.at("token").as_string());
  EXPECT_EQ(
      first.header("Set-Cookie"),
      "souk_test_shopper=" + token + "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
  const http_headers with_cookie{{"Cookie", "souk_test_shopper=" + token},
                                 {"Origin", "https://shop.example"}};
  const auto again = ask("POST", "/session", with_cookie);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(json_of(again).at("user_id"), body.at("user_id"));
  const auto stale =
      ask("POST", "/session",
          {{"Cookie", "souk_test_shopper=x.y.z"}, {"Origin", "https://shop.example"}});
  EXPECT_EQ(stale.status, 201);
  EXPECT_NE(json_of(stale).at("user_id"), body.at("user_id"));
  const auto ended = ask("DELETE", "/session", with_cookie);
  EXPECT_EQ(ended.status, 204);
  EXPECT_THAT(ended.header("Set-Cookie"), HasSubstr("souk_test_shopper=; Path=/; Max-Age=0"));
}

TEST_F(cart_service, lets_the_administrator_in_and_nobody_else) {
  const auto in = sign_in("admin", password);
  ASSERT_EQ(in.status, 201) << in.body;
  EXPECT_THAT(in.header("Set-Cookie"), HasSubstr("; HttpOnly; SameSite=Strict; Secure"));
  const http_headers admin{
      {"Authorization", "Bearer " + std::string(json_of(in).at("token").as_string())}};
  EXPECT_EQ(ask("GET", "/books", admin).status, 200);
  EXPECT_EQ(ask("GET", "/cart/" + uuid::v7().str(), admin).status, 403) << "no shopper";

  expect_problem(sign_in("admin", "wrong"), 401, "wrong-password");
  expect_problem(sign_in("root", password), 401, "wrong-password");
  const auto out = ask("DELETE", "/session/admin");
  EXPECT_EQ(out.status, 204);
  EXPECT_THAT(out.header("Set-Cookie"), HasSubstr("souk_test_admin=; Path=/; Max-Age=0"));
}

TEST_F(cart_service, limits_attempts_to_sign_in) {
  const auto from = [](const std::string& address) {
    return http_headers{{"X-Forwarded-For", "1.2.3.4, " + address}};
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sign_in("admin", "x", from("10.0.0.1")).status, 401);
  const auto refused = sign_in("admin", password, from("10.0.0.1"));
  expect_problem(refused, 429, "too-many-attempts");
  EXPECT_GT(std::stoi(refused.header("Retry-After")), 0);
  EXPECT_LE(std::stoi(refused.header("Retry-After")), 60);
  EXPECT_EQ(sign_in("admin", password, from("10.0.0.2")).status, 201);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(sign_in("admin", "x", from("10.0.0.3")).status, 401);
  expect_problem(sign_in("admin", password, from("10.0.0.4")), 429, "too-many-attempts");
}

TEST_F(cart_service, publishes_its_keys) {
  const auto a = ask("GET", "/.well-known/jwks.json");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(json_of(a), bj::parse(security::read_key_file(keys.public_file())));
  EXPECT_FALSE(a.body.contains("\"d\""));
}

TEST_F(cart_service, is_unavailable_without_redis_and_recovers) {
  const auto lamp = goods.sell(1'000, 5);
  const auto who = start_session();
  add(who, lamp, 1);
  testing::redis().stop();
  EXPECT_EQ(get(who).status, 503);
  EXPECT_EQ(add(who, lamp, 1).status, 503);
  testing::redis().start();
  http_answer a;
  for (int i = 0; i < 100 && a.status != 200; ++i) {
    std::this_thread::sleep_for(50ms);
    a = get(who);
  }
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_EQ(json_of(a).at("items_count"), 1);
}

}  // namespace
}  // namespace souk::cart
