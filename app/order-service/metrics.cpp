#include "metrics.hpp"

#include <algorithm>
#include <string>
#include <variant>

#include "kit/telemetry.hpp"

namespace souk::order::metrics {
namespace {

telemetry::counter& steps(std::string_view step, std::string_view outcome) {
  return telemetry::get_counter("souk_saga_steps_total",
                                "Checkout steps by what they were answered",
                                {{"step", std::string(step)}, {"outcome", std::string(outcome)}});
}

telemetry::counter& orders(std::string_view outcome) {
  return telemetry::get_counter("souk_orders_total", "Orders that came to rest, by outcome",
                                {{"outcome", std::string(outcome)}});
}

telemetry::counter& revenue(std::string_view currency) {
  return telemetry::get_counter("souk_revenue_minor_total",
                                "Total of confirmed orders, in minor units",
                                {{"currency", std::string(currency)}});
}

telemetry::counter& audits(std::string_view outcome) {
  return telemetry::get_counter("souk_audit_runs_total", "Comparisons of the books, by outcome",
                                {{"outcome", std::string(outcome)}});
}

// Whether the answer is one of those that the step is given.
bool is_expected(order::step during, reply got) {
  order_view o{.step = during};
  for (const bool cancellation : {false, true}) {
    o.refunds = {{.state = refund_state::refunding, .cancellation = cancellation}};
    if (!std::holds_alternative<contradiction>(after(o, got))) return true;
  }
  return false;
}

}  // namespace

void prepare(std::string_view currency) {
  using boost::describe::describe_enumerators;
  boost::mp11::mp_for_each<describe_enumerators<order::step>>([](auto during) {
    steps(during.name, "failed");
    boost::mp11::mp_for_each<describe_enumerators<reply>>([&](auto got) {
      if (is_expected(during.value, got.value)) steps(during.name, json::enum_text(got.value));
    });
  });
  for (const auto outcome : {json::enum_text(order_state::confirmed), reasons::out_of_stock,
                             reasons::payment_declined, reasons::hold_expired,
                             reasons::payment_refused, reasons::not_accepted, reasons::cancelled}) {
    orders(outcome);
  }
  revenue(currency);
}

void count_step(std::string_view step, std::string_view outcome, steady_clock::duration took) {
  steps(step, outcome).add();
  telemetry::get_histogram("souk_saga_step_duration_seconds", "Time of a checkout step's call",
                           {{"step", std::string(step)}})
      .observe(std::chrono::duration<double>(took).count());
}

void count_order(const order_view& o) {
  const auto outcome = o.state == order_state::rejected ? o.reason.value_or("")
                                                        : std::string(json::enum_text(o.state));
  orders(outcome).add();
  if (o.state == order_state::confirmed) {
    revenue(o.currency).add(static_cast<double>(o.total_minor));
  }
}

void show_backlog(const std::vector<repository::backlog_row>& rows) {
  std::int64_t attention = 0;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<order_state>>([&](auto state) {
    const auto row = std::ranges::find(rows, state.value, &repository::backlog_row::state);
    telemetry::get_gauge("souk_orders", "Orders that are not at rest, by state",
                         {{"state", state.name}})
        .set(row == rows.end() ? 0.0 : static_cast<double>(row->orders));
    telemetry::get_gauge("souk_orders_oldest_seconds",
                         "For how long the oldest order of the state is not at rest; 0: all are",
                         {{"state", state.name}})
        .set(row == rows.end() ? 0.0 : row->oldest_seconds);
  });
  for (const auto& row : rows) attention += row.attention;
  telemetry::get_gauge("souk_orders_needing_attention",
                       "Orders that failed often enough for a person to look")
      .set(static_cast<double>(attention));
}

void show_audit_interval(std::chrono::milliseconds every) {
  telemetry::get_gauge("souk_audit_interval_seconds",
                       "How often the books are compared unasked; 0: never")
      .set(std::chrono::duration<double>(every).count());
  for (const auto* outcome : {"balanced", "violations", "failed"}) audits(outcome);
}

void show_audit(std::int64_t violations, steady_clock::duration took) {
  audits(violations == 0 ? "balanced" : "violations").add();
  telemetry::get_gauge("souk_audit_violations", "What the last comparison of the books found")
      .set(static_cast<double>(violations));
  telemetry::get_gauge("souk_audit_duration_seconds", "Time of the last comparison of the books")
      .set(std::chrono::duration<double>(took).count());
  telemetry::get_gauge("souk_audit_last_success_timestamp_seconds",
                       "When the books were last compared to the end")
      .set(std::chrono::duration<double>(now().time_since_epoch()).count());
}

void count_failed_audit() {
  audits("failed").add();
}

}  // namespace souk::order::metrics
