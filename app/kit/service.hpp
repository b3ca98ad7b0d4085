#pragma once

// The life of a service: configuration, event loops, readiness, drain, stop.
//
//   int main(int argc, char** argv) {
//     return souk::run_service<order::config>(
//         argc, argv, {.name = "order-service", .title = "...", .migrations = order::migrations},
//         [](const order::config& config, const common_config&, event_loop& loop) {
//           auto& db = loop.make<pg::pool>(loop, pg::settings{...});
//           ...
//           add_routes(loop.routes(), api);
//           loop.spawn("checkout worker", worker.run());
//         });
//   }

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kit/config.hpp"
#include "kit/context.hpp"
#include "kit/http.hpp"
#include "kit/postgres.hpp"
#include "kit/security.hpp"
#include "kit/task.hpp"

namespace souk {

// What every service reads from its environment.
struct common_config {
  explicit common_config(environment& env, std::uint16_t default_port = 0);
  std::string host;
  std::uint16_t port;
  int threads;
  std::string log_level;
  std::string otlp_endpoint;
  double sample_ratio;
  std::string currency;
  std::chrono::milliseconds drain_delay, drain_timeout, migrate_wait;
  std::size_t max_concurrent_requests;
  std::size_t max_event_streams;
  std::string session_keys, session_issuer, session_audience;
  std::string instance;
  std::vector<std::string> public_origins;
  int trusted_proxies;
  std::string service_secret;
  std::string accepted_callers;
};

struct service_description {
  std::string_view name;   // "order-service"
  std::string_view title;  // for the API documentation
  std::uint16_t default_port;
  std::span<const pg::migration> migrations{};
};

// One thread that runs coroutines. A service is started once on each; the loops share nothing
// but what the service shares deliberately.
class event_loop {
 public:
  explicit event_loop(std::string_view service_name);  // tests make their own
  ~event_loop();
  event_loop(const event_loop&) = delete;

  souk::executor executor();
  http::router& routes();
  std::string_view service_name() const;

  // An object that lives as long as the loop; destroyed in reverse order of making.
  template <class T, class... Args>
  T& make(Args&&... args) {
    auto owned = std::make_shared<T>(std::forward<Args>(args)...);
    keep(owned);
    return *owned;
  }

  // Work that goes on in the background until the loop stops. An exception that leaves it ends the
  // program: a worker handles its own. Only the operation_aborted of an ended wait may leave it.
  void spawn(std::string_view name, task<> work);
  // Asked by /health/ready, at most once a second, each within a second. All must be true.
  void ready_when(std::string_view name, std::function<task<bool>(const context&)> check);
  // Called once when the drain begins. The loop runs on until the requests under way have ended;
  // then the waits of kit/task.hpp throw, and background work has a few seconds to end.
  void on_drain(std::function<void()> f);
  bool draining() const;

  // Runs `f` on a helper thread: for the few things that block (password hashing).
  task<> run_blocking(std::function<void()> f);

  // For tests: runs until `work` has ended and throws what it threw.
  void run_until_complete(task<> work);

  struct state;
  state& internals() { return *state_; }

 private:
  void keep(std::shared_ptr<void> object);
  std::unique_ptr<state> state_;
};

namespace detail {
int run_service(int argc, char** argv, const service_description& about,
                std::function<void(environment&)> read_config,
                std::function<void(const common_config&, event_loop&)> start,
                std::function<std::string()> database_url);
}

// Handles --help, --version, --migrate, --check-ready, --routes and --openapi (the last two need no
// environment); otherwise serves until SIGTERM or SIGINT. `Config` is constructible from
// environment& and has a member `database_url` when there are migrations. `start` is called once
// for each event loop, before it runs; it must do no I/O. What it spawns begins when the database
// is migrated, and until then only operators' routes are served. --migrate waits for a database
// that is away, too, but not for ever (MIGRATE_WAIT_MS). The exit status is 0 after a clean drain,
// 1 when it cannot run, 2 for a wrong configuration.
template <class Config>
int run_service(int argc, char** argv, const service_description& about,
                std::function<void(const Config&, const common_config&, event_loop&)> start) {
  std::unique_ptr<Config> config;
  return detail::run_service(
      argc, argv, about, [&](environment& env) { config = std::make_unique<Config>(env); },
      [&](const common_config& common, event_loop& loop) { start(*config, common, loop); },
      [&]() -> std::string {
        if constexpr (requires { config->database_url; }) return config->database_url;
        return {};
      });
}

}  // namespace souk
