#pragma once

// The routes that every service has for those who operate it, and the readiness behind one of them.
// Inside the kit.

#include <map>
#include <string>

#include "kit/service.hpp"

namespace souk {

struct readiness {
  bool ready = false;
  std::map<std::string, bool> checks;
};

// The readiness of one event loop.
class health {
 public:
  explicit health(event_loop& loop);
  // At most a second old.
  task<readiness> ask();
  task<readiness> ask_now();
  // While held, this check has failed, and the others are not asked; empty: not held.
  void hold(std::string_view check) { held_ = check; }

 private:
  event_loop& loop_;
  std::string held_;
  readiness last_;
  steady_clock::time_point asked_at_ = steady_clock::time_point::min();
  bool asking_ = false;
  signal answered_;
};

// GET /health, /health/live, /health/ready, /metrics and /openapi.json.
void add_operator_routes(event_loop& loop, health& h, std::string_view title);

}  // namespace souk
