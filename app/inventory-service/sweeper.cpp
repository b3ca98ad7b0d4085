#include "sweeper.hpp"

#include "kit/id.hpp"
#include "kit/telemetry.hpp"
#include "metrics.hpp"

namespace souk::inventory {

task<> sweep_expired_holds(event_loop& loop, repository& stock, std::chrono::milliseconds every) {
  auto& overdue = telemetry::get_gauge("souk_reservations_overdue",
                                       "Holds that are over for more than a minute");
  while (!loop.draining()) {
    const auto ctx = context::background(loop.service_name(), std::chrono::seconds(10));
    try {
      for (;;) {
        const bool one = co_await stock.expire_one(ctx);
        if (!one || loop.draining()) break;
        metrics::count_reservation("expired");
      }
      const auto count = co_await stock.count_overdue(ctx);
      overdue.set(static_cast<double>(count));
    } catch (const std::exception& e) {
      telemetry::warn(ctx, "expired holds could not be ended now", {{"error", e.what()}});
    }
    // Replicas that started together should not sweep together for ever.
    co_await sleep_for(std::chrono::milliseconds(static_cast<std::int64_t>(
        static_cast<double>(every.count()) * (0.75 + random_unit() / 2))));
  }
}

}  // namespace souk::inventory
