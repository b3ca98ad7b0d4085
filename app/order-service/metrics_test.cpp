#include "metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kit/telemetry.hpp"

namespace souk::order {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(metrics, show_each_expected_outcome_before_it_happens) {
  metrics::prepare("EUR");
  const auto text = telemetry::metrics_text();
  for (const auto* series : {
           R"(souk_saga_steps_total{outcome="held",step="reserve"} 0)",
           R"(souk_saga_steps_total{outcome="none",step="reserve"} 0)",
           R"(souk_saga_steps_total{outcome="failed",step="capture"} 0)",
           R"(souk_saga_steps_total{outcome="authorizing",step="authorize"} 0)",
           R"(souk_saga_steps_total{outcome="cleared",step="clear_cart"} 0)",
           R"(souk_saga_steps_total{outcome="refund_refused",step="refund"} 0)",
           R"(souk_saga_steps_total{outcome="returned",step="restock"} 0)",
           R"(souk_saga_steps_total{outcome="committed",step="restock"} 0)",
           R"(souk_orders_total{outcome="confirmed"} 0)",
           R"(souk_orders_total{outcome="hold-expired"} 0)",
           R"(souk_orders_total{outcome="cancelled"} 0)",
           R"(souk_revenue_minor_total{currency="EUR"} 0)",
       }) {
    EXPECT_THAT(text, HasSubstr(series));
  }
  // What no callee answers is no series.
  EXPECT_THAT(text, Not(HasSubstr(R"(outcome="captured",step="reserve")")));
}

TEST(metrics, show_every_state_that_no_order_is_in_as_zero) {
  metrics::show_backlog(
      {{.state = order_state::captured, .orders = 2, .attention = 1, .oldest_seconds = 61.5}});
  auto text = telemetry::metrics_text();
  EXPECT_THAT(text, HasSubstr(R"(souk_orders{state="captured"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(souk_orders_oldest_seconds{state="captured"} 61.5)"));
  EXPECT_THAT(text, HasSubstr(R"(souk_orders_oldest_seconds{state="pending"} 0)"));
  EXPECT_THAT(text, HasSubstr("souk_orders_needing_attention 1"));
  metrics::show_backlog({});
  text = telemetry::metrics_text();
  EXPECT_THAT(text, HasSubstr(R"(souk_orders_oldest_seconds{state="captured"} 0)"));
  EXPECT_THAT(text, HasSubstr("souk_orders_needing_attention 0"));
}

}  // namespace
}  // namespace souk::order
