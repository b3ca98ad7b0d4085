#pragma once

// Which faults strike when. A schedule follows from its seed alone and is known before the run.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace souk::chaos {

using std::chrono::milliseconds;

enum class kind {
  // processes
  kill_service,
  kill_redis,
  kill_postmaster,  // the rest of PostgreSQL notices
  kill_postgres,    // all its processes at once
  kill_gateway,     // all of nginx
  kill_gateway_master,
  kill_gateway_worker,
  kill_helper,
  stop,
  stop_past_lease,
  // connections
  cut,
  refuse,
  blackhole,
  delay,
  throttle,
  close_servers,  // half-closed
  close_clients,
  cut_after,
  lose_request,
  lose_answer,
  // the payment company
  provider_slow,
  provider_errors,
  provider_declines,
  provider_silent,
  // everything
  restart_all,
  down_and_up,
  kill_supervisor,
};
inline constexpr int kinds = static_cast<int>(kind::kill_supervisor) + 1;

// In words, e.g. "kill service".
std::string_view name_of(kind k);
// Works on everything: nothing else happens at the same time.
bool is_exclusive(kind k);
bool is_of_processes(kind k);
bool is_of_connections(kind k);
bool is_of_provider(kind k);

struct fault {
  milliseconds at{0};  // since the start
  // From the first blow until it is lifted; zero for what acts at once.
  milliseconds lasts{0};
  kind what{};
  std::string target;  // a program, or an edge: "order-service>postgres"
  // times for kills and cuts; each way for delays (ms); bytes a second; bytes; ms or per cent for
  // the payment company.
  std::int64_t amount = 0;
  milliseconds spread{0};  // between two blows; jitter of a delay
  bool operator==(const fault&) const = default;
};

// One line, without its end.
std::string describe(const fault& f);

struct limits {
  milliseconds lasts;
  std::vector<std::string> edges;  // "caller>callee"
};

// In order of time; all over a few seconds before the end. Faults come in groups, between which
// there is a pause. Before a kind comes a second time, all have come once (those that take long
// only in runs that last a while); the same holds for the targets of a kind.
std::vector<fault> make_schedule(std::uint64_t seed, const limits& within);

}  // namespace souk::chaos
