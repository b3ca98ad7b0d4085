#include "kit/telemetry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <thread>

#include "kit/database_metrics.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/stub.hpp"

namespace souk::telemetry {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// The receiver of an observability stack: takes what is posted and lists the spans in it.
class collector {
 public:
  collector() { stub.on("POST", "/v1/traces", {.status = 200}); }

  settings with(std::string prefix = "") const {
    return {.service = "test-service", .version = "1.2.3", .otlp_endpoint = stub.url() + prefix};
  }

  std::vector<boost::json::object> spans() const {
    std::vector<boost::json::object> all;
    for (const auto& r : stub.requests()) {
      for (const auto& s : boost::json::parse(r.body)
                               .at("resourceSpans")
                               .at(0)
                               .at("scopeSpans")
                               .at(0)
                               .at("spans")
                               .as_array()) {
        all.push_back(s.as_object());
      }
    }
    return all;
  }

  std::map<std::string, boost::json::object> spans_by_name() const {
    std::map<std::string, boost::json::object> all;
    for (auto& s : spans()) all[std::string(s.at("name").as_string())] = s;
    return all;
  }

  souk::testing::http_stub stub;
};

double dropped() {
  const std::string text = metrics_text(), name = "\nsouk_spans_dropped_total ";
  return std::stod(text.substr(text.find(name) + name.size()));
}

TEST(trace_export, tells_who_is_whose_parent) {
  collector to;
  start(to.with());
  trace_context earlier = trace_context::start();
  {
    span request(context{}, "GET /orders", span_kind::server);
    span statement(request.ctx(), "find_orders");
    statement.set({"db.system", "postgresql"});
    span call(statement.ctx(), "GET inventory", span_kind::client);
    call.link(earlier);
    call.fail("timeout");
  }
  stop(5s);

  const auto spans = to.spans_by_name();
  ASSERT_EQ(spans.size(), 3u);
  const auto& request = spans.at("GET /orders");
  const auto& statement = spans.at("find_orders");
  const auto& call = spans.at("GET inventory");
  EXPECT_FALSE(request.contains("parentSpanId")) << "the root of the trace";
  EXPECT_EQ(statement.at("parentSpanId"), request.at("spanId"));
  EXPECT_EQ(call.at("parentSpanId"), statement.at("spanId"));
  EXPECT_EQ(request.at("traceId"), call.at("traceId"));
  EXPECT_EQ(request.at("kind"), 2);
  EXPECT_EQ(statement.at("kind"), 1);
  EXPECT_EQ(call.at("kind"), 3);
  EXPECT_EQ(call.at("status").at("code"), 2);
  EXPECT_EQ(call.at("links").at(0).at("traceId").as_string(), earlier.trace_id_hex());
  EXPECT_FALSE(request.at("status").as_object().contains("code"));

  const auto sent = to.stub.requests().at(0);
  EXPECT_EQ(sent.header("Content-Type"), "application/json");
  const auto resource = boost::json::parse(sent.body).at("resourceSpans").at(0).at("resource");
  EXPECT_THAT(boost::json::serialize(resource),
              HasSubstr(R"({"key":"service.name","value":{"stringValue":"test-service"}})"));
}

TEST(trace_export, continues_the_trace_of_a_caller) {
  collector to;
  start(to.with());
  context ctx;
  ctx.trace = *trace_context::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  {
    const span s(ctx, "wanted");
  }
  ctx.trace.sampled = false;
  {
    const span s(ctx, "not wanted");
    EXPECT_FALSE(s.ctx().trace.sampled);
  }
  stop(5s);
  const auto spans = to.spans_by_name();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans.at("wanted").at("traceId"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(spans.at("wanted").at("parentSpanId"), "b7ad6b7169203331");
}

TEST(trace_export, leaves_out_statements_that_belong_to_nothing) {
  collector to;
  start(to.with());
  souk::detail::operation_durations durations("postgresql");
  {
    souk::detail::observed_operation poll(durations, context{}, "claim_orders", "SELECT");
    poll.succeeded();
    const span work(context{}, "audit");
    souk::detail::observed_operation within(durations, work.ctx(), "read_page", "SELECT");
    within.succeeded();
  }
  stop(5s);

  const auto spans = to.spans_by_name();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans.at("read_page").at("parentSpanId"), spans.at("audit").at("spanId"));
  EXPECT_THAT(metrics_text(), HasSubstr("statement=\"claim_orders\""));
}

TEST(trace_export, notes_the_spans_that_an_exception_ended) {
  collector to;
  start(to.with());
  try {
    const span s(context{}, "work");
    throw std::runtime_error("broken");
  } catch (const std::runtime_error&) {
  }
  stop(5s);
  EXPECT_EQ(to.spans_by_name().at("work").at("status").at("code"), 2);
}

TEST(trace_export, goes_on_its_own_within_a_second_or_two) {
  collector to;
  start(to.with("/otlp/"));
  to.stub.on("POST", "/otlp/v1/traces", {.status = 200});
  {
    const span s(context{}, "work");
  }
  EXPECT_TRUE(to.stub.wait_for_requests(1, 5s));
  EXPECT_EQ(to.stub.requests().at(0).path, "/otlp/v1/traces");
  stop(5s);
}

TEST(trace_export, sends_many_spans_in_few_batches) {
  collector to;
  start(to.with());
  for (int i = 0; i < 2'000; ++i) const span s(context{}, "work");
  stop(5s);
  EXPECT_EQ(to.spans().size(), 2'000u);
  const auto batches = to.stub.requests();
  EXPECT_GE(batches.size(), 4u);
  EXPECT_LE(batches.size(), 8u);
}

TEST(trace_export, repeats_what_a_busy_receiver_could_not_take) {
  collector to;
  to.stub.on("POST", "/v1/traces",
             std::vector<souk::testing::stub_answer>{{.status = 503}, {.drop = true}, {}});
  const double before = dropped();
  start(to.with());
  {
    const span s(context{}, "work");
  }
  EXPECT_TRUE(to.stub.wait_for_requests(3, 10s));
  stop(5s);
  EXPECT_EQ(dropped(), before);
}

TEST(trace_export, drops_what_a_receiver_refuses) {
  collector to;
  to.stub.on("POST", "/v1/traces", {.status = 400});
  const double before = dropped();
  start(to.with());
  {
    const span s(context{}, "work");
  }
  stop(5s);
  EXPECT_EQ(to.stub.requests().size(), 1u);
  EXPECT_EQ(dropped(), before + 1);
}

TEST(trace_export, to_nobody_costs_nothing_but_the_spans) {
  const double before = dropped();
  start({.service = "test-service",
         .version = "1",
         .otlp_endpoint = "http://127.0.0.1:" + std::to_string(souk::testing::free_port())});
  const auto began = steady_clock::now();
  for (int i = 0; i < 20'000; ++i) const span s(context{}, "work");
  EXPECT_LT(steady_clock::now() - began, 2s);
  const auto stopping = steady_clock::now();
  stop(2s);
  EXPECT_LT(steady_clock::now() - stopping, 3s);
  EXPECT_EQ(dropped(), before + 20'000);
}

TEST(trace_export, to_one_who_never_answers_does_not_delay_the_end) {
  collector to;
  to.stub.on("POST", "/v1/traces", {.delay = 30s});
  start(to.with());
  {
    const span s(context{}, "work");
  }
  const auto stopping = steady_clock::now();
  stop(300ms);
  EXPECT_LT(steady_clock::now() - stopping, 2s);
}

}  // namespace
}  // namespace souk::telemetry
