#include "kit/service.hpp"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>

#include "kit/event_loop.hpp"
#include "kit/health.hpp"
#include "kit/http_server.hpp"
#include "kit/money.hpp"
#include "kit/resilience.hpp"
#include "kit/telemetry.hpp"

namespace souk {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// ---------------------------------------------------------------------------------------------
// What every service reads from its environment.

namespace {

std::vector<std::string> read_origins(environment& env) {
  std::vector<std::string> out;
  std::istringstream list(
      env.text("PUBLIC_ORIGINS", "",
               "origins of the store's pages, comma separated: http://127.0.0.1:8088"));
  for (std::string one; std::getline(list, one, ',');) {
    const auto first = one.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    one = one.substr(first, one.find_last_not_of(' ') - first + 1);
    const auto host = one.find("://");
    if (!(one.starts_with("http://") || one.starts_with("https://")) || host + 3 >= one.size() ||
        one.find('/', host + 3) != std::string::npos)
      env.complain("PUBLIC_ORIGINS", "must be a list of http://host[:port] or https://host[:port]");
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

common_config::common_config(environment& env, std::uint16_t default_port)
    : host(env.text("HOST", "0.0.0.0", "address to listen on")),
      port(static_cast<std::uint16_t>(
          env.integer("PORT", default_port, 0, 65'535, "port to listen on; 0: a free one"))),
      threads(static_cast<int>(env.integer("THREADS", 1, 1, 64, "event loops, a thread each"))),
      log_level(env.text("LOG_LEVEL", "info", "debug, info, warning or error")),
      otlp_endpoint(env.text("OTEL_EXPORTER_OTLP_ENDPOINT", "",
                             "http://host:port that traces are sent to; empty: none are")),
      sample_ratio(env.number("OTEL_TRACES_SAMPLER_ARG", 1.0, 0, 1,
                              "share of the traces begun here that are recorded")),
      currency(env.text("CURRENCY", "USD", "the store's currency, ISO 4217")),
      drain_delay(env.milliseconds("DRAIN_DELAY_MS", 0, 0, 600'000,
                                   "between unready and refusing connections")),
      drain_timeout(env.milliseconds("DRAIN_TIMEOUT_MS", 15'000, 0, 600'000,
                                     "for requests under way to end")),
      migrate_wait(env.milliseconds("MIGRATE_WAIT_MS", 60'000, 0, 3'600'000,
                                    "--migrate: for a database that is away")),
      max_concurrent_requests(static_cast<std::size_t>(
          env.integer("MAX_CONCURRENT_REQUESTS", 256, 1, 100'000,
                      "under way at once for shoppers; services have a share of the same size"))),
      max_event_streams(static_cast<std::size_t>(
          env.integer("MAX_EVENT_STREAMS", 1'000, 0, 100'000, "open at once"))),
      session_keys(
          env.text("SESSION_KEYS", "", "file with the public keys (JWKS) of session tokens")),
      session_issuer(env.text("SESSION_ISSUER", "souk", "issuer of session tokens")),
      session_audience(env.text("SESSION_AUDIENCE", "souk", "audience of session tokens")),
      instance(env.text("INSTANCE", "local", "part of the cookies' names")),
      public_origins(read_origins(env)),
      trusted_proxies(static_cast<int>(
          env.integer("TRUSTED_PROXIES", 1, 0, 16, "proxies whose X-Forwarded-For is believed"))),
      service_secret(env.text("SERVICE_SECRET", "", "this service's secret, for those it calls")),
      accepted_callers(env.text("ACCEPTED_CALLERS", "",
                                "services that may call: name=<sha256 of the secret>[,..][;..]")) {
  if (!is_currency_code(currency)) env.complain("CURRENCY", "must be three capital letters");
  if (!otlp_endpoint.empty() && !otlp_endpoint.starts_with("http://"))
    env.complain("OTEL_EXPORTER_OTLP_ENDPOINT", "must be http://host:port");
  boost::system::error_code ec;
  asio::ip::make_address(host, ec);
  if (ec) env.complain("HOST", "must be an IP address");
  if (!telemetry::parse_level(log_level))
    env.complain("LOG_LEVEL", "must be debug, info, warning or error");
  if (instance.empty() || !std::ranges::all_of(instance, [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_';
      }))
    env.complain("INSTANCE", "must consist of letters, digits, - and _");
  try {
    security::accepted_callers check(accepted_callers);
  } catch (const std::invalid_argument& e) {
    env.complain("ACCEPTED_CALLERS", e.what());
  }
}

namespace detail {
namespace {

// ---------------------------------------------------------------------------------------------
// The command line.

enum class command { serve, help, version, migrate, check_ready, routes, openapi };

std::optional<command> read_command(int argc, char** argv) {
  if (argc == 1) return command::serve;
  if (argc > 2) return std::nullopt;
  const std::string_view option = argv[1];
  if (option == "--help" || option == "-h") return command::help;
  if (option == "--version") return command::version;
  if (option == "--migrate") return command::migrate;
  if (option == "--check-ready") return command::check_ready;
  if (option == "--routes") return command::routes;
  if (option == "--openapi") return command::openapi;
  return std::nullopt;
}

void print_usage(std::FILE* to, std::string_view name) {
  fmt::print(to,
             "usage: {0}                  serve until SIGTERM or SIGINT\n"
             "       {0} --migrate        bring the database's schema up to date, and exit\n"
             "       {0} --check-ready    exit 0 if the program that runs here is ready, else 1\n"
             "       {0} --routes         print what is served, and for whom, as JSON lines\n"
             "       {0} --openapi        print the OpenAPI document\n"
             "       {0} --version | --help\n",
             name);
}

int print_complaints(const environment& env) {
  for (const auto& c : env.complaints()) fmt::print(stderr, "{}\n", c);
  fmt::print(stderr, "The configuration is wrong; --help lists the variables.\n");
  return 2;
}

int check_ready(const common_config& common) {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  boost::system::error_code ec;
  auto address = asio::ip::make_address(common.host, ec);
  if (ec) return 1;
  if (address.is_unspecified()) {
    if (address.is_v4())
      address = asio::ip::address_v4::loopback();
    else
      address = asio::ip::address_v6::loopback();
  }
  // Whoever asks has a time limit of their own; this one is for those who forgot.
  ::alarm(5);
  socket.connect({address, common.port}, ec);
  if (ec) {
    fmt::print(stderr, "not ready: nothing answers on port {}\n", common.port);
    return 1;
  }
  asio::write(socket,
              asio::buffer(std::string_view("GET /health/ready HTTP/1.1\r\nHost: localhost\r\n"
                                            "Connection: close\r\n\r\n")),
              ec);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), ec);
  const auto body = answer.find("\r\n\r\n");
  if (body != std::string::npos) fmt::print("{}\n", std::string_view(answer).substr(body + 4));
  return answer.starts_with("HTTP/1.1 200 ") ? 0 : 1;
}

void print_routes(std::span<const http::route> routes) {
  for (const auto& r : routes) {
    std::string line = "{\"method\":";
    json::write_string(line, http::to_string(r.method));
    line += ",\"path\":";
    json::write_string(line, r.path);
    line += ",\"who\":" + json::write(r.who.names()) + "}";
    fmt::print("{}\n", line);
  }
}

// Nothing when it is done; else why the database was not there.
task<std::optional<std::string>> migrate_if_there(event_loop& loop, const std::string& url,
                                                  std::span<const pg::migration> migrations) {
  try {
    co_await pg::migrate(loop, url, migrations);
  } catch (const pg::unavailable& e) {
    co_return e.what();
  }
  co_return std::nullopt;
}

// A database that is away is asked again until `wait` is over: it starts, moves, or its name is not
// known yet. So is one that refuses the password or is not there, since next to a new server roles
// and databases come moments after it, and a changed password reaches both sides one after the
// other; each try says why, so nobody who mistyped has to wait to see it. What the migrations
// themselves say (pg::error) is told at once.
task<> migrate_within(event_loop& loop, const std::string& url,
                      std::span<const pg::migration> migrations, std::chrono::milliseconds wait) {
  const auto until = steady_clock::now() + wait;
  for (int attempt = 1;; ++attempt) {
    const auto why = co_await migrate_if_there(loop, url, migrations);
    if (!why) co_return;
    const auto left = until - steady_clock::now();
    if (left <= 0ms) {
      throw pg::unavailable(fmt::format("{} (try {}, the last, after {:.1f} s)", *why, attempt,
                                        std::chrono::duration<double>(wait - left).count()));
    }
    const auto pause =
        std::min<steady_clock::duration>(resilience::backoff(attempt, 250ms, 5s), left);
    telemetry::log(
        telemetry::level::warning, "the database is not ready",
        {{"error", *why},
         {"attempt", attempt},
         {"next_ms", std::chrono::duration_cast<std::chrono::milliseconds>(pause).count()},
         {"left_ms", std::chrono::duration_cast<std::chrono::milliseconds>(left).count()}});
    co_await sleep_for(pause);
  }
}

int migrate(const service_description& about, const std::string& url,
            std::chrono::milliseconds wait) {
  if (about.migrations.empty()) {
    fmt::print("{} has no database to migrate\n", about.name);
    return 0;
  }
  // The first process of a container gets only the signals that it handles. What is under way rolls
  // back when the connection goes.
  for (const int s : {SIGTERM, SIGINT}) std::signal(s, [](int n) { ::_exit(128 + n); });
  std::signal(SIGPIPE, SIG_IGN);
  try {
    event_loop loop(about.name);
    loop.run_until_complete(migrate_within(loop, url, about.migrations, wait));
    fmt::print("the database of {} is up to date\n", about.name);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "the database could not be migrated: {}\n", e.what());
    return 1;
  }
}

// ---------------------------------------------------------------------------------------------
// Serving.

std::int64_t milliseconds_since_exec() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  // The fields after the name, which may contain anything but is in parentheses; the start is the
  // 22nd of all.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 3; i < 22; ++i) fields >> skipped;
  std::int64_t ticks = 0;
  fields >> ticks;
  std::timespec since_boot{};
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1'000'000 -
         ticks * 1000 / sysconf(_SC_CLK_TCK);
}

// A server needs a file descriptor for each connection; the soft limit is often only 1,024.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  setrlimit(RLIMIT_NOFILE, &limit);
}

http::server_settings settings_for(const common_config& c,
                                   std::shared_ptr<security::verifier> sessions) {
  const auto share = [&](std::size_t of_all) {  // of one loop
    const auto n = static_cast<std::size_t>(c.threads);
    return (of_all + n - 1) / n;
  };
  http::server_settings s{.host = c.host,
                          .port = c.port,
                          .shared_port = c.threads > 1,
                          .sessions = std::move(sessions),
                          .callers = security::accepted_callers(c.accepted_callers),
                          .public_origins = c.public_origins,
                          .instance = c.instance,
                          .trusted_proxies = c.trusted_proxies};
  s.limits.requests = s.limits.service_requests = share(c.max_concurrent_requests);
  s.limits.event_streams = share(c.max_event_streams);
  s.limits.connections = share(s.limits.connections);
  return s;
}

// One event loop and what belongs to it.
struct worker {
  explicit worker(std::string_view name) : loop(name), ready(loop.make<health>(loop)) {}
  event_loop loop;
  health& ready;
  http::server* server = nullptr;
};

constexpr std::string_view no_database_url =
    "must be postgresql://user:password@host:port/database, special characters as %XX";
constexpr std::string_view not_migrated = "The database is being prepared.";

class process {
 public:
  process(const service_description& about, const common_config& common, std::string database_url)
      : about_(about), common_(common), database_url_(std::move(database_url)) {}

  int run(const std::function<void(const common_config&, event_loop&)>& start) {
    auto sessions =
        common_.session_keys.empty()
            ? nullptr
            : std::make_shared<security::verifier>(security::token_settings{
                  common_.session_keys, common_.session_issuer, common_.session_audience});
    auto settings = settings_for(common_, sessions);
    if (settings.shared_port && settings.port != 0) {
      // A shared port would be shared with another program, too.
      auto alone = settings;
      alone.shared_port = false;
      event_loop nothing(about_.name);
      http::server probe(nothing, alone);
    }
    for (int i = 0; i < common_.threads; ++i) {
      auto& w = *workers_.emplace_back(std::make_unique<worker>(about_.name));
      add_operator_routes(w.loop, w.ready, about_.title);
      if (sessions)
        w.loop.ready_when("session-keys",
                          [sessions](const context&) { return has_keys(sessions); });
      start(common_, w.loop);
      w.server = &w.loop.make<http::server>(w.loop, settings);
      settings.port = w.server->port();
      if (!about_.migrations.empty()) {
        w.ready.hold("schema");
        w.server->hold(not_migrated);
      }
    }
    telemetry::log(telemetry::level::info, "listening",
                   {{"host", common_.host}, {"port", settings.port}, {"version", SOUK_VERSION}});

    auto& first = *workers_.front();
    asio::signal_set signals(first.loop.internals().io, SIGTERM, SIGINT);
    await_signal(signals);
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < workers_.size(); ++i)
      threads.emplace_back([this, i] { run_loop(*workers_[i], live(*workers_[i])); });
    first.loop.internals().start_work("start", prepare());
    run_loop(first, live(first));
    for (auto& t : threads) t.join();
    telemetry::log(telemetry::level::info, "stopped");
    return 0;
  }

 private:
  static task<bool> has_keys(std::shared_ptr<security::verifier> sessions) {
    co_return sessions->has_keys();
  }

  static void run_loop(worker& w, task<> life) { w.loop.internals().run(std::move(life)); }

  // Until the drain has ended, and the background work after it.
  static task<> live(worker& w) {
    co_await w.server->serve();
    co_await w.loop.internals().stop_background(5s);
  }

  // Brings the schema up to date, however long the database takes to be there; then lets the
  // services' own work begin.
  task<> prepare() {
    auto& first = *workers_.front();
    for (int attempt = 1; !about_.migrations.empty(); ++attempt) {
      std::string why;
      try {
        co_await pg::migrate(first.loop, database_url_, about_.migrations);
        break;
      } catch (const std::exception& e) {
        why = e.what();
      }
      telemetry::log(telemetry::level::warning, "the database is not ready", {{"error", why}});
      co_await sleep_for(resilience::backoff(attempt, 100ms, 5s));
    }
    for (auto& w : workers_)
      asio::post(w->loop.internals().io, [&w = *w] {
        w.ready.hold({});
        w.server->hold({});
        w.loop.internals().start_background();
      });
    co_await yield_now();
    for (auto pause = 5ms; !(co_await first.ready.ask_now()).ready;
         pause = std::min(pause * 5 / 4, 1'000ms))
      co_await sleep_for(pause);
    telemetry::log(telemetry::level::info, "ready", {{"ms_since_exec", milliseconds_since_exec()}});
  }

  void await_signal(asio::signal_set& signals) {
    signals.async_wait([this, &signals](const boost::system::error_code& failed, int) {
      if (failed) return;
      if (draining_) std::_Exit(1);  // asked twice: somebody does not want to wait
      draining_ = true;
      telemetry::log(telemetry::level::info, "draining");
      for (auto& w : workers_) {
        asio::post(w->loop.internals().io, [&w = *w] { w.loop.internals().begin_drain(); });
        w->server->drain(common_.drain_delay, common_.drain_timeout);
      }
      await_signal(signals);
    });
  }

  const service_description& about_;
  const common_config& common_;
  const std::string database_url_;
  std::vector<std::unique_ptr<worker>> workers_;
  bool draining_ = false;
};

}  // namespace

int run_service(int argc, char** argv, const service_description& about,
                std::function<void(environment&)> read_config,
                std::function<void(const common_config&, event_loop&)> start,
                std::function<std::string()> database_url) {
  const auto asked = read_command(argc, argv);
  if (!asked) {
    print_usage(stderr, about.name);
    return 2;
  }
  if (asked == command::version) {
    fmt::print("{} {}\n", about.name, SOUK_VERSION);
    return 0;
  }
  try {
    const bool describes = asked == command::routes || asked == command::openapi;
    environment env = describes ? environment::for_description() : environment();
    const common_config common(env, about.default_port);
    if (asked == command::check_ready) return check_ready(common);
    read_config(env);
    switch (*asked) {
      case command::help:
        print_usage(stdout, about.name);
        fmt::print("\nEnvironment:\n{}", env.describe());
        return 0;
      case command::migrate: {
        // A job that only migrates needs to know no more than where.
        const auto url = database_url();
        if (url.empty() && !about.migrations.empty()) return print_complaints(env);
        if (!about.migrations.empty() && !pg::is_url(url)) {
          fmt::print(stderr, "DATABASE_URL {}\n", no_database_url);
          return 2;
        }
        return migrate(about, url, common.migrate_wait);
      }
      case command::routes:
      case command::openapi: {
        event_loop loop(about.name);
        add_operator_routes(loop, loop.make<health>(loop), about.title);
        start(common, loop);
        if (asked == command::routes)
          print_routes(loop.routes().routes());
        else
          fmt::print("{}\n", loop.routes().openapi(about.title, SOUK_VERSION));
        return 0;
      }
      default:
        break;
    }
    if (const auto url = database_url(); !url.empty() && !pg::is_url(url)) {
      env.complain("DATABASE_URL", no_database_url);
    }
    if (!env.complaints().empty()) return print_complaints(env);

    allow_many_files();
    std::signal(SIGPIPE, SIG_IGN);
    telemetry::start({.service = std::string(about.name),
                      .version = SOUK_VERSION,
                      .otlp_endpoint = common.otlp_endpoint,
                      .sample_ratio = common.sample_ratio,
                      .log_level = telemetry::parse_level(common.log_level).value()});
    int status = 0;
    try {
      process p(about, common, database_url());
      status = p.run(start);
    } catch (const std::exception& e) {
      telemetry::log(telemetry::level::error, "cannot run", {{"error", e.what()}});
      telemetry::stop(3s);
      fmt::print(stderr, "{}: {}\n", about.name, e.what());
      return 1;
    }
    telemetry::stop(3s);
    return status;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", about.name, e.what());
    return 2;
  }
}

}  // namespace detail
}  // namespace souk
