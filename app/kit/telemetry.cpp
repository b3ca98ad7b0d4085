#include "kit/telemetry.hpp"

#include <algorithm>

#include "kit/telemetry_parts.hpp"

namespace souk::telemetry {

void start(const settings& s) {
  start_spans(s);  // the one that can fail
  start_metrics(s);
  start_logs(s);
}

void stop(std::chrono::milliseconds limit) {
  const auto by = steady_clock::now() + limit;
  stop_spans(limit);  // logs come last: giving up spans is logged
  stop_logs(
      std::max(std::chrono::milliseconds(0),
               std::chrono::duration_cast<std::chrono::milliseconds>(by - steady_clock::now())));
}

}  // namespace souk::telemetry
