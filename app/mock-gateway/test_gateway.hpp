#pragma once

// The mock gateway on a database of its own, served on a free port by a thread: for tests, also
// those of its merchant.

#include <memory>
#include <span>
#include <string>
#include <thread>

#include "charging.hpp"
#include "kit/http_server.hpp"
#include "kit/security.hpp"
#include "kit/service.hpp"
#include "kit/testing/servers.hpp"
#include "repository.hpp"
#include "routes.hpp"

namespace souk::mock_gateway {

extern const std::span<const pg::migration> migrations;

class test_gateway {
 public:
  static constexpr std::string_view key = "merchant-key";

  explicit test_gateway(std::string database_url = testing::fresh_database(migrations))
      : url_(std::move(database_url)), loop_("mock-gateway") {
    auto& db = loop_.make<pg::pool>(loop_, pg::settings{.url = url_, .connections = 8});
    auto& store = loop_.make<repository>(db);
    auto& work = loop_.make<charging>(store);
    auto& a = loop_.make<api>(api{store, work, security::sha256(key)});
    add_routes(loop_.routes(), a);
    server_ = std::make_unique<http::server>(loop_, http::server_settings{});
    thread_ = std::thread([this] { loop_.run_until_complete(server_->serve()); });
  }
  ~test_gateway() {
    server_->drain();
    thread_.join();
  }
  test_gateway(const test_gateway&) = delete;

  std::uint16_t port() const { return server_->port(); }
  const std::string& database_url() const { return url_; }

 private:
  std::string url_;
  event_loop loop_;
  std::unique_ptr<http::server> server_;
  std::thread thread_;
};

}  // namespace souk::mock_gateway
