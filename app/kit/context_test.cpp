#include "kit/context.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace souk {
namespace {

constexpr std::string_view example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

RC_GTEST_PROP(traceparent, is_read_back, (bool sampled)) {
  trace_context t = trace_context::start();
  t.sampled = sampled;
  const auto back = trace_context::parse(t.traceparent());
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->trace_id == t.trace_id);
  RC_ASSERT(back->span_id == t.span_id);
  RC_ASSERT(back->sampled == sampled);
}

RC_GTEST_PROP(traceparent, of_version_0_has_one_form, (const std::string& noise)) {
  std::string text(example);
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text.replace(at, 1, noise);
  if (const auto t = trace_context::parse(text); t && text.starts_with("00"))
    RC_ASSERT(t->traceparent().substr(0, 53) == text.substr(0, 53));
}

TEST(traceparent, is_read_as_recommended) {
  const auto t = trace_context::parse(example);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_TRUE(t->sampled);
  EXPECT_EQ(t->traceparent(), example);
  EXPECT_FALSE(
      trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")->sampled);
  // Later versions: what is known is read, more may follow.
  EXPECT_TRUE(trace_context::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_TRUE(trace_context::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what"));
}

TEST(traceparent, is_refused_otherwise) {
  for (const char* bad : {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
                          "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"})
    EXPECT_FALSE(trace_context::parse(bad)) << bad;
}

TEST(trace_context, a_request_id_of_its_form_names_a_trace) {
  const auto t = trace_context::named("4bf92f3577b34da6a3ce929d0e0e4736");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->trace_id_hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_FALSE(t->valid()) << "it has no span yet";
  for (const char* bad : {"", "req-1", "4bf92f3577b34da6a3ce929d0e0e473",
                          "4bf92f3577b34da6a3ce929d0e0e47360", "4BF92F3577B34DA6A3CE929D0E0E4736",
                          "00000000000000000000000000000000", "4bf92f3577b34da6a3ce929d0e0e473g"})
    EXPECT_FALSE(trace_context::named(bad)) << bad;
}

TEST(trace_context, a_child_is_another_span_of_the_same_trace) {
  const trace_context parent = trace_context::start();
  EXPECT_TRUE(parent.valid());
  const trace_context child = parent.child();
  EXPECT_TRUE(child.valid());
  EXPECT_EQ(child.trace_id, parent.trace_id);
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_FALSE(trace_context{}.valid());
}

TEST(context, counts_down_to_zero_and_not_further) {
  using namespace std::chrono_literals;
  const auto c = context::background("order-service", 10s);
  EXPECT_EQ(c.service, "order-service");
  EXPECT_FALSE(c.trace.valid());  // its first span begins the trace
  EXPECT_GT(c.time_left(), 9s);
  EXPECT_LE(c.time_left(), 10s);
  EXPECT_EQ(c.with_time_limit(-1s).time_left(), 0s);
  EXPECT_GT(c.with_time_limit(steady_clock::duration::max()).time_left(), 24h);
}

TEST(context, a_service_is_known_by_name_and_kind) {
  const caller order{caller::kind::service, "order"};
  EXPECT_TRUE(order.is_service("order"));
  EXPECT_FALSE(order.is_service("cart"));
  EXPECT_FALSE((caller{caller::kind::shopper, "order"}).is_service("order"));
}

}  // namespace
}  // namespace souk
