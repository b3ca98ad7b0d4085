#pragma once

// For integration tests: one product-service on a database, with a stub of inventory-service; its
// parts alone, or all of it behind HTTP.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "catalogue_cache.hpp"
#include "kit/http_server.hpp"
#include "kit/keys.hpp"
#include "kit/service.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/stub.hpp"
#include "migrations.hpp"
#include "opening_stock.hpp"
#include "repository.hpp"
#include "routes.hpp"
#include "stock_levels.hpp"
#include "storefront.hpp"

namespace souk::product::fake {

// inventory-service, as far as products see it: availability, and adjustments that count once for
// each Idempotency-Key.
class inventory {
 public:
  inventory() {
    using souk::testing::stub_answer;
    using souk::testing::stub_request;
    stub.on("GET", "/inventory", [this](const stub_request& r) -> stub_answer {
      const std::lock_guard lock(mutex_);
      std::string items;
      for (const auto& [id, available] : stock_) {
        if (!r.query.contains(id)) continue;
        items += std::string(items.empty() ? "" : ",") + "{\"product_id\":\"" + id +
                 "\",\"available\":" + std::to_string(available) + ",\"state\":\"in_stock\"}";
      }
      return {.body = "{\"items\":[" + items + "]}", .delay = delay_};
    });
    stub.on("POST", "/inventory/*/adjustments", [this](const stub_request& r) -> stub_answer {
      const std::lock_guard lock(mutex_);
      const auto id = r.path.substr(11, 36);
      if (lose_next_answers_ > 0) {
        --lose_next_answers_;
        adjust(id, r);
        return {.drop = true};
      }
      if (refuse_)
        return {.status = 409,
                .body = R"({"type":"/problems/below-reserved","title":"t","status":409})",
                .content_type = "application/problem+json"};
      adjust(id, r);
      return {.body = "{}"};
    });
  }

  std::int64_t available(uuid id) {
    const std::lock_guard lock(mutex_);
    const auto found = stock_.find(id.str());
    return found == stock_.end() ? -1 : found->second;
  }
  void set(uuid id, std::int64_t available) {
    const std::lock_guard lock(mutex_);
    stock_[id.str()] = available;
  }
  std::size_t stocked() {
    const std::lock_guard lock(mutex_);
    return stock_.size();
  }
  std::size_t keys() {
    const std::lock_guard lock(mutex_);
    return keys_.size();
  }
  // Whether each adjustment that arrived was a new one: nothing was delivered twice.
  std::size_t repeats() {
    const std::lock_guard lock(mutex_);
    return repeats_;
  }
  void lose_answers(int n) {
    const std::lock_guard lock(mutex_);
    lose_next_answers_ = n;
  }
  void refuse(bool on) {
    const std::lock_guard lock(mutex_);
    refuse_ = on;
  }
  void delay(std::chrono::milliseconds d) {
    const std::lock_guard lock(mutex_);
    delay_ = d;
  }

 private:
  static std::int64_t number_in(const std::string& body, std::string_view name) {
    const auto at = body.find('"' + std::string(name) + "\":");
    return at == body.npos ? -1 : std::stoll(body.substr(at + name.size() + 3));
  }
  void adjust(const std::string& id, const souk::testing::stub_request& r) {
    const auto [known, is_new] = keys_.emplace(r.header("Idempotency-Key"), r.body);
    if (!is_new) {
      ++repeats_;
      EXPECT_EQ(known->second, r.body) << "another body under the same key";
      return;
    }
    if (const auto delta = number_in(r.body, "delta"); delta >= 0) stock_[id] += delta;
    if (const auto on_hand = number_in(r.body, "on_hand"); on_hand >= 0) stock_[id] = on_hand;
  }

  std::mutex mutex_;
  std::map<std::string, std::int64_t> stock_;
  std::map<std::string, std::string> keys_;
  std::size_t repeats_ = 0;
  int lose_next_answers_ = 0;
  bool refuse_ = false;
  std::chrono::milliseconds delay_{0};

 public:
  souk::testing::http_stub stub;  // the last, since its threads use the others until it is gone
};

// Made with loop.make<store>(...), so that it outlives what it has spawned.
struct store {
  // `listens_at`: the database's URL for the listener, if it shall be another.
  store(event_loop& on, const std::string& url, const std::string& inventory_url,
        const std::string& listens_at = {}, std::size_t cache_bytes = 1 << 20)
      : loop(on),
        db(loop, pg::settings{.url = url}),
        searches(loop, pg::settings{.url = search_url(url), .shared_readers = 4}),
        bulk(loop, pg::settings{.url = url, .statement_timeout = std::chrono::seconds(60)}),
        products(db, searches, bulk, version),
        stock(loop, {.name = "inventory", .url = inventory_url}),
        messenger(loop, products, {.name = "inventory", .url = inventory_url}),
        cache(loop.executor(), version, cache_bytes),
        front(products, cache, stock),
        listener(
            loop, listens_at.empty() ? url : listens_at, "catalogue",
            [this](std::string_view) { version.raise(); },
            [this](bool connected) { version.listening(connected); }) {
    for (std::size_t i = 0; i < stock_levels::fetchers; ++i) loop.spawn("levels", stock.fetch());
    for (std::size_t i = 0; i < stock_messenger::senders; ++i)
      loop.spawn("sender", messenger.send());
    loop.spawn("messenger", messenger.run());
  }

  event_loop& loop;
  catalogue_version version;
  pg::pool db, searches, bulk;
  repository products;
  stock_levels stock;
  stock_messenger messenger;
  catalogue_cache cache;
  storefront front;
  pg::listener listener;
};

// The service behind HTTP, on a thread of its own.
class server {
 public:
  explicit server(std::string database_url = souk::testing::fresh_database(migrations))
      : url(std::move(database_url)) {
    std::filesystem::create_directory(folder_);
    const auto key = security::private_key::generate();
    security::key_set keys;
    keys.add(key.public_part());
    std::ofstream(folder_ / "keys.jwks") << keys.jwks();
    std::ofstream(folder_ / "key.pem") << key.pem();
    signer_.emplace(folder_ / "key.pem", "souk", "souk");

    auto& s = loop_->make<store>(*loop_, url, stocks.stub.url());
    add_routes(loop_->routes(), {s.products, s.front, s.messenger, "USD"});
    server_ = std::make_unique<http::server>(
        *loop_,
        http::server_settings{
            .sessions = std::make_shared<security::verifier>(
                security::token_settings{folder_ / "keys.jwks", "souk", "souk"}),
            .callers = security::accepted_callers("order=" + hex_encode(security::sha256("s")))});
    thread_ = std::thread([this] { loop_->run_until_complete(server_->serve()); });
  }
  ~server() {
    server_->drain({}, std::chrono::seconds(1));
    thread_.join();
    server_.reset();
    loop_.reset();
    std::filesystem::remove_all(folder_);
  }
  server(const server&) = delete;

  std::uint16_t port() const { return server_->port(); }
  std::string token(bool is_admin) {
    const auto expires =
        std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count() + 600;
    return signer_->sign({"somebody", is_admin, expires});
  }
  souk::testing::http_answer get(std::string_view path, souk::testing::http_headers headers = {}) {
    return souk::testing::http_call(port(), "GET", path, headers);
  }
  // As the administrator.
  souk::testing::http_answer call(std::string_view method, std::string_view path,
                                  std::string_view body = {}, std::string if_match = {}) {
    souk::testing::http_headers headers{{"Authorization", "Bearer " + token(true)}};
    if (!if_match.empty()) headers.emplace_back("If-Match", std::move(if_match));
    return souk::testing::http_call(port(), method, path, headers, body, std::chrono::seconds(120));
  }

  const std::string url;
  inventory stocks;

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("souk-products-" + random_hex(8));
  std::optional<security::signer> signer_;
  std::unique_ptr<event_loop> loop_ = std::make_unique<event_loop>("product-service");
  std::unique_ptr<http::server> server_;
  std::thread thread_;
};

inline std::string database_of(const std::string& url) {
  const auto begin = url.rfind('/', url.find('?')) + 1;
  return url.substr(begin, url.find('?') - begin);
}

template <class T>
T read_as(const souk::testing::http_answer& answer) {
  auto value = json::read_lenient<T>(answer.body);
  if (!value) throw std::runtime_error("not what was expected: " + answer.body);
  return std::move(*value);
}

}  // namespace souk::product::fake
