#include "metrics.hpp"

#include <algorithm>
#include <string>

#include "kit/telemetry.hpp"

namespace souk::order::metrics {

void count_step(std::string_view step, std::string_view outcome, steady_clock::duration took) {
  telemetry::get_counter("souk_saga_steps_total", "Checkout steps by what they were answered",
                         {{"step", std::string(step)}, {"outcome", std::string(outcome)}})
      .add();
  telemetry::get_histogram("souk_saga_step_duration_seconds", "Time of a checkout step's call",
                           {{"step", std::string(step)}})
      .observe(std::chrono::duration<double>(took).count());
}

void count_order(const order_view& o) {
  const auto outcome = o.state == order_state::rejected ? o.reason.value_or("")
                                                        : std::string(json::enum_text(o.state));
  telemetry::get_counter("souk_orders_total", "Orders that came to rest, by outcome",
                         {{"outcome", outcome}})
      .add();
  if (o.state == order_state::confirmed) {
    telemetry::get_counter("souk_revenue_minor_total", "Total of confirmed orders, in minor units",
                           {{"currency", o.currency}})
        .add(static_cast<double>(o.total_minor));
  }
}

void show_backlog(const std::vector<repository::backlog_row>& rows) {
  std::int64_t attention = 0;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<order_state>>([&](auto state) {
    const auto row = std::ranges::find(rows, state.value, &repository::backlog_row::state);
    telemetry::get_gauge("souk_orders", "Orders that are not at rest, by state",
                         {{"state", state.name}})
        .set(row == rows.end() ? 0.0 : static_cast<double>(row->orders));
  });
  for (const auto& row : rows) attention += row.attention;
  telemetry::get_gauge("souk_orders_needing_attention",
                       "Orders that failed often enough for a person to look")
      .set(static_cast<double>(attention));
}

void show_audit(std::int64_t violations) {
  telemetry::get_gauge("souk_audit_violations", "What the last comparison of the books found")
      .set(static_cast<double>(violations));
  telemetry::get_gauge("souk_audit_last_success_timestamp_seconds",
                       "When the books were last compared to the end")
      .set(std::chrono::duration<double>(now().time_since_epoch()).count());
}

}  // namespace souk::order::metrics
