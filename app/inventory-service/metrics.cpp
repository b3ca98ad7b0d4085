#include "metrics.hpp"

#include <string>

#include "kit/telemetry.hpp"

namespace souk::inventory::metrics {
namespace {

telemetry::counter& reservations(std::string_view outcome) {
  return telemetry::get_counter("souk_reservations_total", "Reservations by outcome",
                                {{"outcome", std::string(outcome)}});
}

}  // namespace

void prepare() {
  for (const auto* outcome :
       {"held", "out_of_stock", "committed", "released", "expired", "returned"}) {
    reservations(outcome);
  }
}

void count_reservation(std::string_view outcome) {
  reservations(outcome).add();
}

task<> watch_stock(event_loop& loop, repository& stock, std::chrono::milliseconds every) {
  auto& nearly_gone = telemetry::get_gauge(
      "souk_stock_nearly_gone", "Products with less available than the last day has sold of them");
  auto& sold_out = telemetry::get_gauge("souk_stock_sold_out",
                                        "Products sold within a day that have nothing available");
  while (!loop.draining()) {
    const auto ctx = context::background(loop.service_name(), std::chrono::seconds(15));
    try {
      const auto count = co_await stock.count_selling_out(ctx);
      nearly_gone.set(static_cast<double>(count.nearly_gone));
      sold_out.set(static_cast<double>(count.sold_out));
    } catch (const std::exception& e) {
      telemetry::warn(ctx, "stock that sells could not be counted now", {{"error", e.what()}});
    }
    co_await sleep_for(every);
  }
}

}  // namespace souk::inventory::metrics
