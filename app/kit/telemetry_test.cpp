#include "kit/telemetry.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "kit/log_writer.hpp"
#include "kit/otlp_exporter.hpp"
#include "kit/telemetry_text.hpp"

namespace souk::telemetry {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

struct pipe_pair {
  pipe_pair() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    out = fds[0];
    in = fds[1];
  }
  ~pipe_pair() {
    close_in();
    ::close(out);
  }
  void close_in() {
    if (in >= 0) ::close(in);
    in = -1;
  }
  // What can be read until nothing has come for `quiet`.
  std::string read(std::chrono::milliseconds quiet) const {
    std::string all;
    std::vector<char> piece(64 * 1024);
    pollfd p{.fd = out, .events = POLLIN, .revents = 0};
    while (::poll(&p, 1, static_cast<int>(quiet.count())) == 1) {
      const ssize_t n = ::read(out, piece.data(), piece.size());
      if (n <= 0) break;
      all.append(piece.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
  int out = -1, in = -1;
};

TEST(log_writer, keeps_the_order_of_lines) {
  pipe_pair pipe;
  log_writer writer(pipe.in);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    writer.write(line, false);
    expected += line;
  }
  EXPECT_TRUE(writer.stop(5s));
  EXPECT_EQ(pipe.read(0ms), expected);
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST(log_writer, writes_by_itself_within_its_interval_and_urgent_lines_sooner) {
  pipe_pair pipe;
  log_writer writer(pipe.in);
  const auto began = steady_clock::now();
  writer.write("usual\n", false);
  pollfd p{.fd = pipe.out, .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&p, 1, 5'000), 1);
  EXPECT_GE(steady_clock::now() - began, 100ms);
  EXPECT_EQ(pipe.read(0ms), "usual\n");

  const auto urgent_began = steady_clock::now();
  writer.write("urgent\n", true);
  ASSERT_EQ(::poll(&p, 1, 5'000), 1);
  EXPECT_LT(steady_clock::now() - urgent_began, log_writer::flush_interval);
  EXPECT_EQ(pipe.read(0ms), "urgent\n");
  writer.stop(5s);
}

TEST(log_writer, a_reader_who_stops_reading_holds_nobody_up) {
  pipe_pair pipe;
  auto writer = std::make_unique<log_writer>(pipe.in, 100'000);
  const std::string line(99, 'x');
  const auto began = steady_clock::now();
  for (int i = 0; i < 10'000; ++i) writer->write(line + "\n", i % 100 == 0);
  EXPECT_LT(steady_clock::now() - began, 1s);
  // A pipe takes 64 KiB; one more buffer is in the thread's hands, one waits.
  EXPECT_GT(writer->dropped(), 5'000u);
  EXPECT_FALSE(writer->stop(50ms));
  const auto dropped = writer->dropped();
  writer.reset();

  const std::string read = pipe.read(200ms);
  EXPECT_EQ(read.size() % 100, 0u) << "only whole lines are dropped";
  EXPECT_LE(read.size() / 100 + dropped, 10'000u);
}

TEST(log_writer, a_reader_who_comes_back_gets_the_lines_that_were_kept) {
  pipe_pair pipe;
  log_writer writer(pipe.in, 1024 * 1024);
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 500; ++i) writer.write(line, false);
  std::this_thread::sleep_for(300ms);  // the pipe is full now, the thread stuck
  EXPECT_EQ(pipe.read(300ms).size(), 500'000u);
  EXPECT_TRUE(writer.stop(5s));
  EXPECT_EQ(writer.dropped(), 0u);
}

// ---------------------------------------------------------------------------------------------

boost::json::object log_line(const std::function<void()>& f) {
  ::testing::internal::CaptureStdout();
  f();
  const std::string text = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(text.ends_with('\n')) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  return boost::json::parse(text).as_object();
}

TEST(log, is_one_json_object_a_line) {
  context ctx;
  ctx.service = "test-service";
  ctx.trace = *trace_context::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  ctx.request_id = "abc";
  const auto line = log_line([&] {
    info(ctx, "request",
         {{"route", "/orders/{id}"}, {"status", 200}, {"took", 0.25}, {"ok", true}});
  });
  EXPECT_TRUE(std::regex_match(std::string(line.at("ts").as_string()),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
  EXPECT_EQ(line.at("level"), "info");
  EXPECT_EQ(line.at("service"), "test-service");
  EXPECT_EQ(line.at("message"), "request");
  EXPECT_EQ(line.at("trace_id"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line.at("span_id"), "b7ad6b7169203331");
  EXPECT_EQ(line.at("request_id"), "abc");
  EXPECT_EQ(line.at("route"), "/orders/{id}");
  EXPECT_EQ(line.at("status"), 200);
  EXPECT_EQ(line.at("took"), 0.25);
  EXPECT_EQ(line.at("ok"), true);
}

TEST(log, leaves_out_what_there_is_not) {
  const auto line = log_line([] { log(level::error, "down"); });
  EXPECT_EQ(line.at("level"), "error");
  EXPECT_FALSE(line.contains("trace_id"));
  EXPECT_FALSE(line.contains("request_id"));
}

TEST(log, is_well_formed_whatever_it_is_given) {
  const std::string broken = "a\"\\\n\x01\xff\xc3 z";
  const auto line = log_line([&] {
    log(level::warning, "odd",
        {{"text", broken}, {"nan", std::numeric_limits<double>::quiet_NaN()}});
  });
  EXPECT_EQ(line.at("text"), "a\"\\\n\x01?? z");
  EXPECT_TRUE(line.at("nan").is_null());
}

TEST(log, below_its_level_is_not_written) {
  ::testing::internal::CaptureStdout();
  log(level::debug, "detail");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

TEST(log, knows_the_names_of_levels) {
  EXPECT_EQ(parse_level("warn"), level::warning);
  EXPECT_EQ(parse_level("debug"), level::debug);
  EXPECT_EQ(parse_level("verbose"), std::nullopt);
}

TEST(log, written_by_many_threads_stays_in_lines) {
  ::testing::internal::CaptureStdout();
  start({.service = "test-service", .version = "1"});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 500; ++i) log(level::info, "line", {{"thread", t}, {"i", i}});
      });
    }
  }
  stop(5s);
  std::istringstream lines(::testing::internal::GetCapturedStdout());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(boost::json::parse(line).at("service"), "test-service");
  }
  EXPECT_EQ(count, 2000);
}

// ---------------------------------------------------------------------------------------------

TEST(otlp, is_encoded_as_the_protocol_has_it) {
  using std::chrono::nanoseconds;
  std::vector<std::unique_ptr<span_record>> spans;
  spans.push_back(std::make_unique<span_record>());
  span_record& s = *spans.back();
  s.trace = *trace_context::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  s.parent = std::array<std::uint8_t, 8>{0, 1, 2, 3, 4, 5, 6, 0xff};
  s.name = "POST \"inventory\"";
  s.kind = span_kind::client;
  s.start = std::chrono::sys_time<nanoseconds>(nanoseconds(1'769'860'800'123'456'789));
  s.end = s.start + nanoseconds(1);
  s.attributes = {{"http.response.status_code", 200},
                  {"text", "value"},
                  {"yes", true},
                  {"share", 0.5},
                  {"not.finite", std::numeric_limits<double>::infinity()}};
  s.links = {*trace_context::parse("00-11111111111111111111111111111111-2222222222222222-01")};
  s.failed = true;
  s.failure = "timeout";

  const auto document = boost::json::parse(
      encode_otlp({.service = "order-service", .version = "1.2", .instance = "i"}, spans));
  EXPECT_EQ(document, boost::json::parse(R"({"resourceSpans": [{
      "resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "order-service"}},
        {"key": "service.version", "value": {"stringValue": "1.2"}},
        {"key": "service.instance.id", "value": {"stringValue": "i"}}]},
      "scopeSpans": [{"scope": {"name": "souk"}, "spans": [{
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "parentSpanId": "00010203040506ff",
        "name": "POST \"inventory\"",
        "kind": 3,
        "startTimeUnixNano": "1769860800123456789",
        "endTimeUnixNano": "1769860800123456790",
        "attributes": [
          {"key": "http.response.status_code", "value": {"intValue": "200"}},
          {"key": "text", "value": {"stringValue": "value"}},
          {"key": "yes", "value": {"boolValue": true}},
          {"key": "share", "value": {"doubleValue": 0.5}},
          {"key": "not.finite", "value": {"doubleValue": "Infinity"}}],
        "links": [{"traceId": "11111111111111111111111111111111", "spanId": "2222222222222222"}],
        "status": {"code": 2, "message": "timeout"}}]}]}]})"));
}

TEST(otlp, refuses_an_endpoint_that_is_none) {
  for (const char* endpoint :
       {"", "localhost:4318", "https://host", "http://", "http://h/?q", "x y"}) {
    EXPECT_THROW(otlp_exporter(endpoint, {}), std::invalid_argument) << endpoint;
  }
}

TEST(spans, keep_the_parent_when_nothing_is_exported) {
  context ctx;
  ctx.trace = trace_context::start();
  const span s(ctx, "work");
  EXPECT_EQ(s.ctx().trace.traceparent(), ctx.trace.traceparent());
}

TEST(spans, without_a_parent_start_a_trace) {
  const span s(context{}, "work");
  EXPECT_TRUE(s.ctx().trace.valid());
  const span inner(s.ctx(), "more work");
  EXPECT_EQ(inner.ctx().trace.trace_id, s.ctx().trace.trace_id);
}

TEST(spans, are_sampled_by_ratio_and_by_trace) {
  const auto share = [](double ratio) {
    start({.service = "test-service", .version = "1", .sample_ratio = ratio});
    int yes = 0;
    for (int i = 0; i < 4000; ++i) {
      const span s(context{}, "work");
      const auto& trace = s.ctx().trace;
      EXPECT_EQ(sampled(trace.trace_id), trace.sampled);
      yes += trace.sampled;
    }
    stop(1s);
    return yes / 4000.0;
  };
  EXPECT_EQ(share(0), 0);
  EXPECT_NEAR(share(0.25), 0.25, 0.05);
  EXPECT_EQ(share(1), 1);
}

// ---------------------------------------------------------------------------------------------

TEST(metrics, with_the_same_name_and_labels_are_the_same) {
  counter& c = get_counter("test_things_total", "Things", {{"kind", "a"}});
  EXPECT_EQ(&c, &get_counter("test_things_total", "Things", {{"kind", "a"}}));
  EXPECT_NE(&c, &get_counter("test_things_total", "Things", {{"kind", "b"}}));
  c.add();
  c.add(2);
  gauge& g = get_gauge("test_level", "Level");
  EXPECT_EQ(&g, &get_gauge("test_level", "Level"));
  g.set(5);
  g.add(-2);
  get_histogram("test_duration_seconds", "Time").observe(0.003);
  const std::string text = metrics_text();
  EXPECT_THAT(text,
              HasSubstr("# HELP test_things_total Things\n# TYPE test_things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("test_things_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("test_level 3\n"));
  EXPECT_THAT(text, HasSubstr("test_duration_seconds_bucket{le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("test_duration_seconds_bucket{le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("test_duration_seconds_bucket{le=\"30\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("test_duration_seconds_count 1\n"));
}

// Dashboards and alerts know these names: a change here is a change there.
TEST(metrics, of_every_process_have_their_names) {
  start({.service = "test-service", .version = "1.2.3"});
  stop(1s);
  std::set<std::string> names;
  std::istringstream lines(metrics_text());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  const std::set<std::string> golden{"process_cpu_seconds_total",
                                     "process_max_fds",
                                     "process_open_fds",
                                     "process_resident_memory_bytes",
                                     "process_start_time_seconds",
                                     "process_virtual_memory_bytes",
                                     "souk_build_info",
                                     "souk_log_lines_dropped_total",
                                     "souk_spans_dropped_total"};
  EXPECT_THAT(golden, IsSubsetOf(names));
  EXPECT_THAT(metrics_text(),
              HasSubstr("souk_build_info{service=\"test-service\",version=\"1.2.3\"} 1\n"));
}

TEST(metrics, of_the_process_are_plausible) {
  const auto value = [text = metrics_text()](const std::string& name) {
    return std::stod(text.substr(text.find("\n" + name + " ") + name.size() + 2));
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_LT(value("process_resident_memory_bytes"), 10e9);
  EXPECT_GE(value("process_open_fds"), 3);
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(value("process_start_time_seconds"), now + 1);
  EXPECT_GT(value("process_start_time_seconds"), now - 3600);
}

}  // namespace
}  // namespace souk::telemetry
