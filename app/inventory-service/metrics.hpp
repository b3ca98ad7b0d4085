#pragma once

#include <chrono>
#include <string_view>

#include "kit/service.hpp"
#include "repository.hpp"

namespace souk::inventory::metrics {

// Shows the counters at 0: one that begins with its first event hides that event from rate().
void prepare();
// "held", "out_of_stock", "committed", "released", "expired" or "returned".
void count_reservation(std::string_view outcome);
// Shows how many products that sell are nearly gone, for ever.
task<> watch_stock(event_loop& loop, repository& stock, std::chrono::milliseconds every);

}  // namespace souk::inventory::metrics
