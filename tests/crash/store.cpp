#include "store.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "kit/json.hpp"
#include "kit/keys_tool.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/sandbox.hpp"
#include "kit/testing/servers.hpp"

namespace souk::crash {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr auto patience = 60s;  // for what must not fail
constexpr auto gateway_timeout = 1000ms;
constexpr auto payment_lease = gateway_timeout + 5s;  // payment-service's main.cpp
constexpr auto pause_between_looks = 10ms;
// What a program has sent just before its death is carried out just after it.
constexpr auto last_words = 30ms;

std::string key_tool(const std::vector<std::string>& words, const std::string& input = {}) {
  std::istringstream in(input);
  std::ostringstream out, err;
  if (run_keys_tool(words, in, out, err) != 0) throw std::runtime_error("souk-keys: " + err.str());
  auto text = out.str();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string hash_of(const std::string& secret) {
  return hex_encode(security::sha256(secret));
}

std::string database_name(std::string_view program) {
  if (program == "mock-gateway") return "mock_gateway";
  return std::string(program.substr(0, program.find('-')));
}

// A point of time as PostgreSQL reads it.
std::string sql_time(std::chrono::system_clock::time_point t) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(t.time_since_epoch());
  return fmt::format("to_timestamp({}.{:06})", us.count() / 1'000'000, us.count() % 1'000'000);
}

struct new_product {
  std::string sku, name, currency = "USD";
  std::int64_t price_minor = 0, quantity = 0;
};
BOOST_DESCRIBE_STRUCT(new_product, (), (sku, name, currency, price_minor, quantity))
struct with_id {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(with_id, (), (id))

}  // namespace

store::store()
    : folder_(testing::sandbox::instance().make_folder("crash", "")),
      bin_(fs::read_symlink("/proc/self/exe").parent_path()),
      order_secret_(random_hex(16)),
      cart_secret_(random_hex(16)),
      product_secret_(random_hex(16)),
      admin_hash_(key_tool({"hash-password"}, "open sesame\n")) {
  key_tool(
      {"generate", "--private", folder_ / "session.pem", "--public", folder_ / "session.jwks"});
  signer_ = std::make_unique<security::signer>(folder_ / "session.pem", "souk", "souk");
  for (const auto name : programs) ports_.emplace(name, testing::free_port());
  second_port_ = testing::free_port();
  const auto make_faults = [&](const char* name) {
    fs::create_directory(folder_ / name);
    return std::make_unique<fault_folder>(folder_ / name);
  };
  faults_ = make_faults("faults");
  second_faults_ = make_faults("second-faults");
  renew();
}

store::~store() {
  stop_programs();
}

void store::renew() {
  stop_programs();
  faults_->disarm_all();
  proxies_.clear();
  make_databases();
  start_programs();
  make_products();
}

void store::make_databases() {
  databases_.clear();
  testing::fresh_redis();
  for (const auto program : programs) {
    if (program == "cart-service") continue;
    databases_.emplace(database_name(program), nullptr);
  }
  for (auto& [name, data] : databases_) {
    data = std::make_unique<database>(testing::fresh_database());
  }
}

std::string store::database_url_for(std::string_view program) const {
  const auto url = databases_.at(database_name(program))->url();
  const auto proxy = proxies_.find(std::string(program));
  return proxy == proxies_.end() ? url : testing::via(url, proxy->second->port());
}

std::vector<std::string> store::environment_of(std::string_view program, std::uint16_t port,
                                               const fault_folder& faults) const {
  std::vector<std::string> all;
  const auto set = [&all](std::string_view name, std::string_view value) {
    all.push_back(fmt::format("{}={}", name, value));
  };
  const auto set_url = [&](std::string_view name, const char* of) {
    set(name, fmt::format("http://127.0.0.1:{}", ports_.at(of)));
  };
  set("HOST", "127.0.0.1");
  set("PORT", std::to_string(port));
  set("LOG_LEVEL", "warning");
  set("FAULT_POINTS", faults.path().string());
  set("SESSION_KEYS", (folder_ / "session.jwks").string());
  if (program != "cart-service") {
    set("DATABASE_URL", database_url_for(program));
    set("DATABASE_POOL", "4");
  }
  const auto order = "order=" + hash_of(order_secret_);
  const auto cart = "cart=" + hash_of(cart_secret_);
  if (program == "product-service") {
    set("SEARCH_CONNECTIONS", "1");
    set("SERVICE_SECRET", product_secret_);
    set("ACCEPTED_CALLERS", order + ";" + cart);
    set_url("INVENTORY_SERVICE_URL", "inventory-service");
  } else if (program == "cart-service") {
    set("REDIS_URL", testing::redis().url());
    set("SESSION_PRIVATE_KEY", (folder_ / "session.pem").string());
    set("ADMIN_PASSWORD_HASH", admin_hash_);
    set("SERVICE_SECRET", cart_secret_);
    set("ACCEPTED_CALLERS", order);
    set_url("PRODUCT_SERVICE_URL", "product-service");
    set_url("INVENTORY_SERVICE_URL", "inventory-service");
  } else if (program == "order-service") {
    set("SERVICE_SECRET", order_secret_);
    set_url("CART_SERVICE_URL", "cart-service");
    set_url("PRODUCT_SERVICE_URL", "product-service");
    set_url("INVENTORY_SERVICE_URL", "inventory-service");
    set_url("PAYMENT_SERVICE_URL", "payment-service");
    set("LEASE_MS", std::to_string(order_lease.count()));
    set("STEP_TIMEOUT_MS", "900");
    set("POLL_INTERVAL_MS", "10");
    set("RETRY_BASE_MS", "30");
    set("RETRY_CAP_MS", "300");
    set("AUDIT_INTERVAL_MS", "0");
  } else if (program == "payment-service") {
    set("ACCEPTED_CALLERS", order);
    set_url("PAYMENT_GATEWAY_URL", "mock-gateway");
    set("PAYMENT_GATEWAY_KEY", merchant_key);
    set("PAYMENT_GATEWAY_TIMEOUT_MS", std::to_string(gateway_timeout.count()));
    set("RECOVERY_INTERVAL_MS", "20");
  } else if (program == "inventory-service") {
    set("ACCEPTED_CALLERS", fmt::format("{};{};product={}", order, cart, hash_of(product_secret_)));
    set("SWEEP_INTERVAL_MS", "50");
  } else {
    set("GATEWAY_API_KEY", merchant_key);
  }
  return all;
}

void store::start_programs() {
  if (through_proxies_) {
    for (const auto name : programs) {
      if (name == "cart-service") continue;
      proxies_.emplace(name, std::make_unique<testing::tcp_proxy>(testing::postgres().port()));
    }
  }
  deaths_seen_.clear();
  coming_back_.clear();
  faults_->start_recording();
  for (const auto name : programs) {
    programs_.emplace(
        name, std::make_unique<supervised_program>(std::string(name), bin_ / name,
                                                   environment_of(name, port(name), *faults_),
                                                   folder_ / (std::string(name) + ".log")));
  }
  wait_until_ready();
  // What a program does when it starts and while nobody wants anything.
  std::this_thread::sleep_for(200ms);
  passed_when_idle_ = faults_->stop_recording();
  caretaker_ = std::jthread([this](std::stop_token over) {
    while (!over.stop_requested()) {
      try {
        look_after();
      } catch (const std::exception& e) {
        fmt::print(stderr, "cannot look after the programs: {}\n", e.what());
      }
      std::this_thread::sleep_for(pause_between_looks);
    }
  });
}

void store::stop_programs() {
  caretaker_ = {};
  second_.reset();
  programs_.clear();
}

void store::use_proxies(bool yes) {
  if (through_proxies_ == yes) return;
  through_proxies_ = yes;
  stop_programs();
  proxies_.clear();
  start_programs();
}

void store::start_second() {
  if (second_) return;
  second_ = std::make_unique<supervised_program>(
      "order-service", bin_ / "order-service",
      environment_of("order-service", second_port_, *second_faults_),
      folder_ / "order-service-2.log");
  for (const auto end = steady::now() + patience; !is_ready(second_port_);) {
    if (steady::now() > end) throw std::runtime_error("the second order-service does not come up");
    std::this_thread::sleep_for(5ms);
  }
}

bool store::is_ready(std::uint16_t port) const {
  try {
    return testing::http_call(port, "GET", "/health/ready", {}, {}, 500ms).status == 200;
  } catch (const std::exception&) {
    return false;
  }
}

void store::wait_until_ready() {
  for (const auto name : programs) {
    for (const auto end = steady::now() + patience; !is_ready(port(name));) {
      if (steady::now() > end) {
        std::ifstream log(folder_ / (std::string(name) + ".log"));
        std::stringstream text;
        text << log.rdbuf();
        throw std::runtime_error(fmt::format("{} does not come up: {}", name, text.str()));
      }
      std::this_thread::sleep_for(5ms);
    }
  }
}

void store::make_products() {
  products_.clear();
  for (const std::int64_t price : {1250, 300, 700}) {
    const new_product wanted{.sku = fmt::format("CRASH-{}", price),
                             .name = fmt::format("Lamp for {}", price),
                             .price_minor = price,
                             .quantity = 1'000'000};
    const auto made =
        testing::http_call(port("product-service"), "POST", "/products",
                           {{"Authorization", "Bearer " + admin_token()}}, json::write(wanted));
    const auto id = json::read_lenient<with_id>(made.body);
    if (made.status != 201 || !id) throw std::runtime_error("no product: " + made.body);
    products_.push_back({id->id, price});
  }
  for (const auto end = steady::now() + patience; !is_quiet();) {
    if (steady::now() > end) throw std::runtime_error("the opening stock does not arrive");
    std::this_thread::sleep_for(5ms);
  }
}

verdict::stores store::addresses() const {
  return {.product = databases_.at("product")->url(),
          .order = databases_.at("order")->url(),
          .payment = databases_.at("payment")->url(),
          .inventory = databases_.at("inventory")->url(),
          .mock_gateway = databases_.at("mock_gateway")->url(),
          .redis = testing::redis().url()};
}

namespace {

std::int64_t in_an_hour() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
             .count() +
         3600;
}

}  // namespace

std::string store::shopper_token(uuid user) const {
  return signer_->sign({.subject = user.str(), .expires = in_an_hour()});
}

std::string store::admin_token() const {
  return signer_->sign({.subject = "admin", .is_admin = true, .expires = in_an_hour()});
}

// -------------------------------------------------------------------------------------------------

void store::notice_deaths() {
  for (const auto& [name, one] : programs_) {
    const auto deaths = one->deaths().count;
    if (std::exchange(deaths_seen_[name], deaths) != deaths) coming_back_[name] = deaths;
  }
}

bool store::is_whole() {
  const std::lock_guard lock(looking_);
  notice_deaths();
  return coming_back_.empty();
}

void store::look_after() {
  std::map<std::string, int> died;
  {
    const std::lock_guard lock(looking_);
    notice_deaths();
    died = coming_back_;
  }
  for (const auto& [name, _] : died) {
    if (!programs_.at(name)->is_stopped() && !is_ready(port(name))) return;
  }
  end_waits(died);
  const std::lock_guard lock(looking_);
  notice_deaths();
  for (const auto& one : died) {
    if (coming_back_.at(one.first) == one.second) coming_back_.erase(one.first);
  }
}

void store::end_waits(const std::map<std::string, int>& died) {
  // A lease that began before its holder's death; a later one is of who came after it.
  if (died.contains("order-service")) {
    data("order").rows(
        fmt::format("UPDATE orders SET due_at = now() WHERE due_at > now() AND due_at <= {}",
                    sql_time(program("order-service").deaths().at + order_lease + last_words)));
  }
  if (died.contains("payment-service")) {
    const auto before =
        sql_time(program("payment-service").deaths().at + payment_lease + last_words);
    for (const auto* table : {"payments", "refunds"}) {
      data("payment").rows(fmt::format(
          "UPDATE {} SET lease_until = '-infinity' WHERE lease_until <= {}", table, before));
    }
  }
  if (died.contains("product-service") || died.contains("inventory-service")) end_message_leases();
  data("payment").rows(
      "UPDATE payments SET next_attempt_at = '-infinity'"
      "  WHERE unsettled AND next_attempt_at > now();"
      "UPDATE refunds SET next_attempt_at = '-infinity'"
      "  WHERE state = 'refunding' AND next_attempt_at > now()");
}

void store::end_order_leases() {
  data("order").rows("UPDATE orders SET due_at = now() WHERE due_at > now()");
}

void store::end_payment_leases() {
  data("payment").rows(
      "UPDATE payments SET lease_until = '-infinity' WHERE lease_until > now();"
      "UPDATE refunds SET lease_until = '-infinity' WHERE lease_until > now()");
}

void store::end_message_leases() {
  data("product").rows("UPDATE stock_messages SET due_at = now() WHERE state = 'waiting'");
}

bool store::is_quiet() {
  return data("order")
             .cell("SELECT 1 FROM orders WHERE unfinished_since IS NOT NULL LIMIT 1")
             .empty() &&
         data("payment")
             .cell(
                 "SELECT 1 FROM payments WHERE unsettled UNION ALL"
                 " SELECT 1 FROM refunds WHERE state = 'refunding' LIMIT 1")
             .empty() &&
         data("product")
             .cell("SELECT 1 FROM stock_messages WHERE state = 'waiting' LIMIT 1")
             .empty();
}

std::vector<std::string> store::failures() const {
  std::vector<std::string> all;
  for (const auto& [name, one] : programs_) {
    for (auto& f : one->failures()) all.push_back(std::move(f));
  }
  return all;
}

void store::sweep() {
  data("order").rows(
      "DELETE FROM refunds; DELETE FROM order_events; DELETE FROM order_lines;"
      "DELETE FROM orders");
  data("payment").rows(
      "DELETE FROM attempts; DELETE FROM refunds; DELETE FROM payments;"
      "DELETE FROM card_tokens");
  data("mock_gateway")
      .rows(
          "DELETE FROM refunds; DELETE FROM charges; DELETE FROM failed_tries;"
          "DELETE FROM card_tokens");
  data("inventory")
      .rows(
          "DELETE FROM returns; DELETE FROM reservation_lines; DELETE FROM reservations;"
          "DELETE FROM adjustments WHERE key NOT LIKE 'import:%';"
          "DELETE FROM movements WHERE reason <> 'opening';"
          "UPDATE stock s SET reserved = 0,"
          "  on_hand = (SELECT sum(delta_on_hand) FROM movements m WHERE m.product_id = "
          "s.product_id)");
  testing::redis().command({"FLUSHALL"});
}

}  // namespace souk::crash
