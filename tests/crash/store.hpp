#pragma once

// A whole store for crash tests: the six programs under supervision, databases and Redis of the
// test process's own, the fault folders.

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "database.hpp"
#include "kit/id.hpp"
#include "kit/security.hpp"
#include "kit/testing/proxy.hpp"
#include "points.hpp"
#include "programs.hpp"
#include "verdict/verdict.hpp"

namespace souk::crash {

inline constexpr std::string_view programs[] = {"product-service",   "cart-service",
                                                "order-service",     "payment-service",
                                                "inventory-service", "mock-gateway"};

using steady = std::chrono::steady_clock;

// As configured; it can't be shorter.
inline constexpr std::chrono::milliseconds order_lease{1000};

struct product {
  uuid id;
  std::int64_t price = 0;
};

class store {
 public:
  // The programs lie beside the running one. Ready when it is made.
  store();
  ~store();
  store(const store&) = delete;

  // Everything anew: empty databases, programs that have never failed.
  void renew();
  // What orders have left behind goes, so that judging stays quick; products and their opening
  // stock stay. Nothing may be under way.
  void sweep();

  std::uint16_t port(std::string_view program) const { return ports_.at(std::string(program)); }
  supervised_program& program(std::string_view name) { return *programs_.at(std::string(name)); }
  fault_folder& faults() { return *faults_; }
  const std::vector<pass>& passed_when_idle() const { return passed_when_idle_; }

  // "product", "order", "payment", "inventory", "mock_gateway"
  database& data(std::string_view of) { return *databases_.at(std::string(of)); }
  verdict::stores addresses() const;
  const std::vector<product>& products() const { return products_; }

  std::string shopper_token(uuid user) const;
  std::string admin_token() const;
  std::string credential_of_order() const { return "order:" + order_secret_; }
  std::string credential_of_product() const { return "product:" + product_secret_; }
  static constexpr std::string_view merchant_key = "merchant-key";

  // Whether it has stopped itself there and not gone on.
  bool is_stopped_at(std::string_view program, std::string_view point) {
    return this->program(program).is_stopped() && faults_->latest_stop(program) == point;
  }

  // A second order-service on the same database, with a fault folder of its own; null without.
  void start_second();
  void stop_second() { second_.reset(); }
  supervised_program* second() { return second_.get(); }
  std::uint16_t second_port() const { return second_port_; }

  // Every program's connections to PostgreSQL go through a proxy of its own from now on, or don't.
  // Restarts the programs.
  void use_proxies(bool yes);
  testing::tcp_proxy& proxy_of(std::string_view program) {
    return *proxies_.at(std::string(program));
  }

  // Whether all programs that have died are up again. Then their leases have ended, and so have all
  // pauses between attempts, as if time had passed: tests need not wait for it.
  bool is_whole();
  bool is_quiet();  // nobody has anything to do
  std::vector<std::string> failures() const;

  // Ends the leases of order-service now, also of a process that is alive: for it, time has stood
  // still.
  void end_order_leases();
  // Those of attempts at the gateway.
  void end_payment_leases();
  // Those of product's messages to inventory.
  void end_message_leases();

 private:
  void make_databases();
  void start_programs();
  void stop_programs();
  void wait_until_ready();
  void make_products();
  std::vector<std::string> environment_of(std::string_view program, std::uint16_t port,
                                          const fault_folder& faults) const;
  std::string database_url_for(std::string_view program) const;
  bool is_ready(std::uint16_t port) const;
  void look_after();
  void notice_deaths();
  void end_waits(const std::map<std::string, int>& died);

  std::filesystem::path folder_, bin_;
  std::string order_secret_, cart_secret_, product_secret_, admin_hash_;
  std::unique_ptr<security::signer> signer_;
  std::map<std::string, std::uint16_t> ports_;
  std::uint16_t second_port_ = 0;
  std::unique_ptr<fault_folder> faults_, second_faults_;
  std::map<std::string, std::unique_ptr<database>> databases_;
  std::map<std::string, std::unique_ptr<testing::tcp_proxy>> proxies_;
  bool through_proxies_ = false;
  std::map<std::string, std::unique_ptr<supervised_program>> programs_;
  std::unique_ptr<supervised_program> second_;
  std::vector<pass> passed_when_idle_;
  std::vector<product> products_;

  std::mutex looking_;  // all below
  std::map<std::string, int> deaths_seen_;
  std::map<std::string, int> coming_back_;  // with that number
  std::jthread caretaker_;                  // calls look_after(); ends before the programs
};

}  // namespace souk::crash
