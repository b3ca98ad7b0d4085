#include "kit/health.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "kit/event_loop.hpp"
#include "kit/telemetry.hpp"

namespace souk {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto check_time = 1s;

// Outlives the question: a check that does not end in time may still end later.
struct question {
  explicit question(event_loop& loop)
      : ctx(context::background(loop.service_name(), check_time)), changed(loop.executor()) {}
  context ctx;
  std::map<std::string, bool> answers;
  std::size_t open = 0;
  signal changed;
};

task<bool> run_check(std::shared_ptr<question> q, event_loop::state::check& check) {
  co_return co_await check.ask(q->ctx);
}

}  // namespace

health::health(event_loop& loop) : loop_(loop), answered_(loop.executor()) {}

task<readiness> health::ask() {
  if (asking_) {
    co_await answered_.wait_for(check_time * 2);
    co_return last_;
  }
  if (steady_clock::now() - 1s < asked_at_ && !loop_.draining() && held_.empty()) co_return last_;
  co_return co_await ask_now();
}

task<readiness> health::ask_now() {
  readiness r;
  if (loop_.draining() || !held_.empty()) {
    r.checks[loop_.draining() ? "draining" : held_] = false;
    co_return r;
  }
  // Whoever asks may be cancelled.
  struct asking {
    explicit asking(health& h) : h(h) { h.asking_ = true; }
    ~asking() {
      h.asking_ = false;
      h.answered_.notify_all();
    }
    health& h;
  } now(*this);
  auto q = std::make_shared<question>(loop_);
  auto& state = loop_.internals();
  for (auto& check : state.checks) {
    q->answers[check.name] = false;
    ++q->open;
    asio::co_spawn(state.io, run_check(q, check),
                   [q, name = check.name](std::exception_ptr thrown, bool well) {
                     q->answers[name] = !thrown && well;
                     if (--q->open == 0) q->changed.notify_all();
                   });
  }
  if (q->open > 0) co_await q->changed.wait_for(check_time);
  r.checks = q->answers;
  r.ready = std::ranges::all_of(r.checks, [](const auto& c) { return c.second; });
  last_ = r;
  asked_at_ = steady_clock::now();
  co_return r;
}

// ---------------------------------------------------------------------------------------------

struct health_view {
  std::string status;
  std::string service;
  std::string version;
};
BOOST_DESCRIBE_STRUCT(health_view, (), (status, service, version))

struct live_view {
  std::string status;
};
BOOST_DESCRIBE_STRUCT(live_view, (), (status))

struct ready_view {
  std::string status;
  std::map<std::string, bool> checks;
};
BOOST_DESCRIBE_STRUCT(ready_view, (), (status, checks))

namespace {

using nothing = http::request<>;

task<http::response<health_view>> get_health(std::string_view service) {
  co_return health_view{"up", std::string(service), SOUK_VERSION};
}

task<http::response<live_view>> get_live() {
  co_return live_view{"live"};
}

task<http::response<ready_view>> get_ready(health& h) {
  auto r = co_await h.ask();
  co_return http::response<ready_view>::with_status(
      r.ready ? 200 : 503, {r.ready ? "ready" : "unready", std::move(r.checks)});
}

// Readiness is asked for, not remembered: a scrape is as good as a probe.
task<http::response<http::none>> get_metrics(health& h) {
  static auto& ready =
      telemetry::get_gauge("souk_ready", "1 if all that it needs answers, as /health/ready says");
  const auto r = co_await h.ask();
  ready.set(r.ready ? 1 : 0);
  co_return http::encoded{std::make_shared<const std::string>(telemetry::metrics_text()),
                          "text/plain; version=0.0.4; charset=utf-8"};
}

// Built when first asked for, when all routes are there.
struct document {
  http::router& routes;
  std::string title;
  std::shared_ptr<const std::string> text{};
};

task<http::response<json::raw>> get_openapi(std::shared_ptr<document> d) {
  if (!d->text)
    d->text = std::make_shared<const std::string>(d->routes.openapi(d->title, SOUK_VERSION));
  co_return http::encoded{d->text};
}

}  // namespace

void add_operator_routes(event_loop& loop, health& h, std::string_view title) {
  using http::method;
  auto& routes = loop.routes();
  routes.on<nothing, health_view>(
      {method::get, "/health", "Name and version of the service", http::operators},
      [name = loop.service_name()](context&, nothing) { return get_health(name); });
  routes.on<nothing, live_view>(
      {method::get, "/health/live", "Whether the process answers", http::operators},
      [](context&, nothing) { return get_live(); });
  routes.on<nothing, ready_view>(
      {method::get, "/health/ready", "Whether all that it needs answers; 503 when not",
       http::operators},
      [&h](context&, nothing) { return get_ready(h); });
  routes.on<nothing, http::none>(
      {method::get, "/metrics", "Metrics for Prometheus, as text", http::operators},
      [&h](context&, nothing) { return get_metrics(h); });
  routes.on<nothing, json::raw>({method::get, "/openapi.json", "This document", http::operators},
                                [d = std::make_shared<document>(routes, std::string(title))](
                                    context&, nothing) { return get_openapi(d); });
}

}  // namespace souk
