// Whole programs: each test runs a small service in a child process.

#include "kit/service.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "kit/telemetry.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/stub.hpp"

namespace souk {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::http_call;
using ::testing::Not;
using ::testing::StartsWith;
using variables = std::vector<std::pair<std::string, std::string>>;

// ---------------------------------------------------------------------------------------------
// The service.

struct test_config {
  explicit test_config(environment& env)
      : greeting(env.text("GREETING", "what it says")),
        flag_file(env.text("FLAG_FILE", "", "ready while this file is there")),
        work(env.text("WORK", "", "what the background work does")),
        database_url(env.text("DATABASE_URL", "", "libpq URI")) {}
  std::string greeting, flag_file, work, database_url;
};

struct said {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(said, (), (text))

task<http::response<said>> say(std::string text, std::chrono::milliseconds after) {
  if (after > 0ms) co_await sleep_for(after);
  co_return said{std::move(text)};
}

task<bool> is_there(std::string file) {
  co_return std::filesystem::exists(file);
}
task<bool> never_answers() {
  co_await sleep_for(1h);
  co_return true;
}

task<> background(std::string what, event_loop& loop) {
  telemetry::log(telemetry::level::info, "work begins");
  if (what == "throws") throw std::runtime_error("work went wrong");
  if (what == "ignores") {
    for (;;) {
      try {
        co_await sleep_for(1h);
      } catch (const std::exception&) {
      }
    }
  }
  if (what == "finishes") {
    while (!loop.draining()) co_await sleep_for(10ms);
    telemetry::log(telemetry::level::info, "work ends in order");
  }
  co_await sleep_for(1h);
}

void start(const test_config& config, const common_config&, event_loop& loop) {
  auto& routes = loop.routes();
  routes.on<http::request<>, said>(
      {http::method::get, "/greeting", "Says it", http::anyone},
      [text = config.greeting](context&, http::request<>) { return say(text, 0ms); });
  routes.on<http::request<>, said>(
      {http::method::post, "/slow", "Says it later", http::shopper | http::service("order")},
      [text = config.greeting](context&, http::request<>) { return say(text, 600ms); });
  routes.on<http::request<>, said>(
      {http::method::get, "/slow", "Says it later", http::anyone},
      [text = config.greeting](context&, http::request<>) { return say(text, 600ms); });
  if (!config.flag_file.empty())
    loop.ready_when("flag", [file = config.flag_file](const context&) { return is_there(file); });
  if (config.work == "unready")
    loop.ready_when("hangs", [](const context&) { return never_answers(); });
  loop.on_drain([] { telemetry::log(telemetry::level::info, "drain callback"); });
  if (!config.work.empty()) loop.spawn("test work", background(config.work, loop));
}

constexpr pg::migration migrations[] = {
    {1, "0001_first", "CREATE TABLE greetings (text text NOT NULL);"}};

// ---------------------------------------------------------------------------------------------
// Running it.

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct program : ::testing::Test {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("souk-service-" + random_hex(8));
  std::vector<pid_t> children;

  program() { std::filesystem::create_directory(folder); }
  ~program() override {
    for (pid_t child : children) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    std::filesystem::remove_all(folder);
  }

  // The child has only these variables of its own.
  pid_t run(std::vector<std::string> arguments, const variables& environment,
            bool with_database = false) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child != 0) {
      children.push_back(child);
      return child;
    }
    ::clearenv();
    ::setenv("LANG", "C", 1);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    const int out = ::open((folder / "out").c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0600);
    const int err = ::open((folder / "err").c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0600);
    if (out < 0 || err < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(125);
    arguments.insert(arguments.begin(), "test-service");
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    service_description about{.name = "test-service", .title = "Test", .default_port = 8099};
    if (with_database) about.migrations = migrations;
    const int status =
        run_service<test_config>(static_cast<int>(arguments.size()), argv.data(), about, start);
    std::fflush(nullptr);
    ::_exit(status);
  }
  // The exit status, or minus the signal.
  int wait(pid_t child) {
    int status = 0;
    const auto end = steady_clock::now() + 30s;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (steady_clock::now() > end) {
        ADD_FAILURE() << "still running; it said\n" << out() << err();
        return -1000;
      }
      std::this_thread::sleep_for(5ms);
    }
    std::erase(children, child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int run_to_end(std::vector<std::string> arguments, const variables& environment = {}) {
    return wait(run(std::move(arguments), environment));
  }

  std::string out() const { return contents(folder / "out"); }
  std::string err() const { return contents(folder / "err"); }
  bool says(const std::string& text, std::chrono::milliseconds limit = 10s) const {
    const auto end = steady_clock::now() + limit;
    while (out().find(text) == std::string::npos) {
      if (steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  pid_t pid = 0;
  std::uint16_t port = 0;
  void serve(variables environment = {}, bool with_database = false) {
    environment.emplace_back("PORT", "0");
    environment.emplace_back("HOST", "127.0.0.1");
    environment.emplace_back("GREETING", "hello");
    pid = run({}, environment, with_database);
    ASSERT_TRUE(says("\"listening\"")) << out() << err();
    const std::string text = out(), name = "\"port\":";
    port = static_cast<std::uint16_t>(std::stoi(text.substr(text.find(name) + name.size())));
  }
  bool answers(std::string_view path, int status, std::chrono::milliseconds limit = 20s) {
    const auto end = steady_clock::now() + limit;
    while (http_call(port, "GET", path).status != status) {
      if (steady_clock::now() > end) return false;
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }
};

TEST_F(program, explains_itself) {
  EXPECT_EQ(run_to_end({"--help"}), 0);
  for (const char* text : {"--migrate", "--check-ready", "--routes", "GREETING", "what it says",
                           "PORT", "8099", "DRAIN_TIMEOUT_MS", "15000"})
    EXPECT_THAT(out(), HasSubstr(text));
  EXPECT_EQ(err(), "");
  EXPECT_EQ(run_to_end({"--version"}), 0);
  EXPECT_THAT(out(), ::testing::MatchesRegex("test-service [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  for (const auto& wrong :
       std::vector<std::vector<std::string>>{{"--port", "1"}, {"serve"}, {"--help", "--version"}}) {
    EXPECT_EQ(run_to_end(wrong, {{"GREETING", "hello"}}), 2);
    EXPECT_THAT(err(), HasSubstr("usage:"));
    EXPECT_EQ(out(), "");
  }
}

TEST_F(program, names_all_that_is_wrong_with_its_configuration) {
  EXPECT_EQ(run_to_end({}, {{"PORT", "99999"},
                            {"HOST", "nowhere"},
                            {"THREADS", "0"},
                            {"LOG_LEVEL", "loud"},
                            {"INSTANCE", "a b"},
                            {"CURRENCY", "dollars"},
                            {"PUBLIC_ORIGINS", "shop.example"},
                            {"ACCEPTED_CALLERS", "order:secret-value"},
                            {"OTEL_EXPORTER_OTLP_ENDPOINT", "not a url"}}),
            2);
  for (const char* name :
       {"PORT", "HOST", "THREADS", "LOG_LEVEL", "INSTANCE", "PUBLIC_ORIGINS", "ACCEPTED_CALLERS",
        "GREETING", "CURRENCY", "OTEL_EXPORTER_OTLP_ENDPOINT"})
    EXPECT_THAT(err(), HasSubstr(name));
  EXPECT_THAT(err(), Not(HasSubstr("secret-value")));
}

TEST_F(program, lists_its_routes_without_a_configuration) {
  EXPECT_EQ(run_to_end({"--routes"}), 0);
  EXPECT_THAT(out(),
              HasSubstr("{\"method\":\"GET\",\"path\":\"/health\",\"who\":[\"operator\"]}\n"));
  EXPECT_THAT(
      out(),
      HasSubstr(
          "{\"method\":\"POST\",\"path\":\"/slow\",\"who\":[\"shopper\",\"service(order)\"]}\n"));
}

TEST_F(program, describes_its_api_without_a_configuration) {
  EXPECT_EQ(run_to_end({"--openapi"}), 0);
  EXPECT_THAT(out(), StartsWith("{\"openapi\":\"3.1.0\""));
  EXPECT_THAT(out(), HasSubstr("\"/slow\":{\"post\":"));
}

TEST_F(program, serves_until_it_is_told_to_stop) {
  serve();
  ASSERT_TRUE(says("\"ready\",\"ms_since_exec\"")) << out();
  EXPECT_EQ(http_call(port, "GET", "/greeting").body, R"({"text":"hello"})");
  EXPECT_THAT(
      http_call(port, "GET", "/health").body,
      ::testing::MatchesRegex(R"(\{"status":"up","service":"test-service","version":"[0-9.]+"\})"));
  EXPECT_EQ(http_call(port, "GET", "/health/live").body, R"({"status":"live"})");
  EXPECT_EQ(http_call(port, "GET", "/health/ready").body, R"({"status":"ready","checks":{}})");
  const auto metrics = http_call(port, "GET", "/metrics");
  EXPECT_THAT(metrics.header("content-type"), HasSubstr("text/plain"));
  EXPECT_THAT(metrics.body, HasSubstr("http_server_request_duration_seconds"));
  const auto document = http_call(port, "GET", "/openapi.json");
  EXPECT_EQ(document.header("content-type"), "application/json");
  EXPECT_THAT(document.body, HasSubstr("\"/greeting\""));
  EXPECT_THAT(document.body, HasSubstr("\"x-souk-access\":[\"shopper\",\"service(order)\"]"));
  EXPECT_EQ(run_to_end({"--check-ready"}, {{"PORT", std::to_string(port)}}), 0);
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 0);
  EXPECT_EQ(run_to_end({"--check-ready"}, {{"PORT", std::to_string(port)}}), 1);
}

TEST_F(program, logs_each_request_by_its_route) {
  serve();
  http_call(port, "GET", "/greeting",
            {{"X-Request-Id", "req-7"}, {"Authorization", "Bearer geheim"}});
  http_call(port, "GET", "/greeting?secret=geheim");
  http_call(port, "GET", "/health");
  ::kill(pid, SIGINT);
  EXPECT_EQ(wait(pid), 0);
  EXPECT_THAT(
      out(),
      HasSubstr(
          "\"request_id\":\"req-7\",\"route\":\"/greeting\",\"method\":\"GET\",\"status\":200"));
  EXPECT_THAT(out(), HasSubstr("\"caller\":\"nobody\""));
  EXPECT_THAT(out(), HasSubstr("\"status\":400"));
  EXPECT_THAT(out(), Not(HasSubstr("geheim")));
  EXPECT_THAT(out(), Not(HasSubstr("\"route\":\"/health\"")));
}

TEST_F(program, exports_a_span_for_each_request) {
  testing::http_stub collector;
  collector.on("POST", "/v1/traces", {.status = 200});
  serve({{"OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()}});
  http_call(port, "GET", "/greeting",
            {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
             {"X-Client-Traceparent", "00-11111111111111111111111111111111-b7ad6b7169203331-01"}});
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 0);
  std::string all;
  for (const auto& r : collector.requests()) all += r.body;
  EXPECT_THAT(all, HasSubstr("\"GET /greeting\""));
  EXPECT_THAT(all, HasSubstr("0af7651916cd43dd8448eb211c80319c"));
  EXPECT_THAT(all, HasSubstr("b7ad6b7169203331"));
  EXPECT_THAT(all, HasSubstr("http.response.status_code"));
  EXPECT_THAT(all, HasSubstr("11111111111111111111111111111111"));
}

TEST_F(program, is_unready_but_alive_while_something_is_missing) {
  const auto flag = folder / "flag";
  serve({{"FLAG_FILE", flag}});
  EXPECT_TRUE(answers("/health/ready", 503));
  EXPECT_EQ(http_call(port, "GET", "/health/ready").body,
            R"({"status":"unready","checks":{"flag":false}})");
  EXPECT_EQ(http_call(port, "GET", "/health/live").status, 200);
  EXPECT_THAT(http_call(port, "GET", "/metrics").body, HasSubstr("\nsouk_ready 0\n"));
  EXPECT_EQ(run_to_end({"--check-ready"}, {{"PORT", std::to_string(port)}}), 1);
  std::ofstream(flag) << "x";
  EXPECT_TRUE(answers("/health/ready", 200));
  EXPECT_THAT(http_call(port, "GET", "/metrics").body, HasSubstr("\nsouk_ready 1\n"));
  std::filesystem::remove(flag);
  EXPECT_TRUE(answers("/health/ready", 503));
}

TEST_F(program, a_check_that_hangs_has_failed) {
  serve({{"WORK", "unready"}});
  const auto begun = steady_clock::now();
  const auto a = http_call(port, "GET", "/health/ready");
  EXPECT_EQ(a.status, 503);
  EXPECT_THAT(a.body, HasSubstr("\"hangs\":false"));
  EXPECT_LT(steady_clock::now() - begun, 3s);
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 0);
}

TEST_F(program, without_keys_for_the_sessions_it_is_unready) {
  serve({{"SESSION_KEYS", folder / "keys.jwks"}});
  EXPECT_TRUE(answers("/health/ready", 503));
  EXPECT_THAT(http_call(port, "GET", "/health/ready").body, HasSubstr("\"session-keys\":false"));
}

TEST_F(program, drains) {
  serve({{"DRAIN_DELAY_MS", "400"}, {"WORK", "finishes"}});
  ASSERT_TRUE(says("\"ready\""));
  testing::http_answer slow;
  std::thread client([&] { slow = http_call(port, "GET", "/slow"); });
  std::this_thread::sleep_for(200ms);
  ::kill(pid, SIGTERM);
  ASSERT_TRUE(says("\"draining\""));
  EXPECT_TRUE(answers("/health/ready", 503, 1s));
  EXPECT_THAT(http_call(port, "GET", "/health/ready").body, HasSubstr("draining"));
  EXPECT_EQ(http_call(port, "GET", "/greeting").status, 200);
  client.join();
  EXPECT_EQ(slow.status, 200);
  EXPECT_EQ(slow.header("connection"), "close");
  EXPECT_EQ(wait(pid), 0);
  EXPECT_TRUE(says("\"drain callback\"", 0ms));
  EXPECT_TRUE(says("\"work ends in order\"", 0ms));
  EXPECT_TRUE(says("\"stopped\"", 0ms));
}

TEST_F(program, stops_at_once_when_asked_twice) {
  serve({{"DRAIN_DELAY_MS", "60000"}});
  ::kill(pid, SIGTERM);
  ASSERT_TRUE(says("\"draining\""));
  ::kill(pid, SIGINT);
  EXPECT_EQ(wait(pid), 1);
}

TEST_F(program, background_work_cannot_hold_it_up) {
  serve({{"WORK", "ignores"}});
  ASSERT_TRUE(says("\"work begins\""));
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 0);
}

TEST_F(program, does_not_go_on_without_its_background_work) {
  serve({{"WORK", "throws"}});
  EXPECT_EQ(wait(pid), -SIGABRT);
  EXPECT_TRUE(says("work went wrong", 0ms)) << out();
}

TEST_F(program, says_when_its_port_is_taken) {
  serve();
  const auto first = pid;
  const auto taken = std::to_string(port);
  EXPECT_EQ(run_to_end({}, {{"PORT", taken}, {"HOST", "127.0.0.1"}, {"GREETING", "x"}}), 1);
  EXPECT_THAT(err(), HasSubstr("port " + taken + ": another program uses this port"));
  ::kill(first, SIGTERM);
  EXPECT_EQ(wait(first), 0);
  // The loops of one program share a port, but not with those of another.
  serve({{"THREADS", "2"}});
  EXPECT_EQ(run_to_end({}, {{"PORT", std::to_string(port)},
                            {"HOST", "127.0.0.1"},
                            {"GREETING", "x"},
                            {"THREADS", "2"}}),
            1);
}

TEST_F(program, runs_several_loops_on_one_port) {
  serve({{"THREADS", "3"}});
  ASSERT_TRUE(says("\"ready\""));
  std::vector<std::thread> clients;
  std::atomic<int> well = 0;
  for (int i = 0; i < 30; ++i)
    clients.emplace_back([&] { well += http_call(port, "GET", "/slow").status == 200; });
  std::this_thread::sleep_for(300ms);
  ::kill(pid, SIGTERM);
  for (auto& c : clients) c.join();
  EXPECT_EQ(well, 30);
  EXPECT_EQ(wait(pid), 0);
}

TEST_F(program, waits_for_its_database_and_migrates_it) {
  const auto url = testing::fresh_database();
  testing::postgres().stop();
  serve({{"DATABASE_URL", url}, {"WORK", "finishes"}}, true);
  EXPECT_TRUE(answers("/health/ready", 503));
  EXPECT_THAT(http_call(port, "GET", "/health/ready").body, HasSubstr("\"schema\":false"));
  EXPECT_EQ(http_call(port, "GET", "/health/live").status, 200);
  EXPECT_EQ(http_call(port, "GET", "/greeting").status, 503);
  EXPECT_FALSE(says("\"work begins\"", 0ms));
  testing::postgres().start();
  EXPECT_TRUE(answers("/health/ready", 200));
  EXPECT_TRUE(says("\"work begins\""));
  EXPECT_EQ(http_call(port, "GET", "/greeting").status, 200);
  const auto name = url.substr(url.rfind('/') + 1);
  EXPECT_EQ(
      testing::postgres().query(name.substr(0, name.find('?')), "SELECT count(*) FROM greetings"),
      "0");
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 0);
}

TEST_F(program, stops_also_while_it_waits_for_its_database) {
  serve({{"DATABASE_URL", "postgresql://souk@127.0.0.1:1/none"}}, true);
  ASSERT_TRUE(says("the database is not ready"));
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait(pid), 0);
}

TEST_F(program, migrates_and_exits) {
  const auto url = testing::fresh_database();
  EXPECT_EQ(wait(run({"--migrate"}, {{"DATABASE_URL", url}}, true)), 0) << err();
  EXPECT_EQ(wait(run({"--migrate"}, {{"DATABASE_URL", url}}, true)), 0) << err();
  EXPECT_EQ(wait(run({"--migrate"}, {}, true)), 2);
}

TEST_F(program, waits_for_the_database_that_it_migrates) {
  const auto url = testing::fresh_database();
  testing::postgres().stop();
  const auto child = run({"--migrate"}, {{"DATABASE_URL", url}}, true);
  ASSERT_TRUE(says("\"attempt\":3")) << out() << err();
  EXPECT_TRUE(says("the database is not ready", 0ms));
  EXPECT_TRUE(says("refused", 0ms));
  testing::postgres().start();
  EXPECT_EQ(wait(child), 0) << out() << err();
  EXPECT_TRUE(says("is up to date", 0ms));
}

TEST_F(program, gives_up_a_database_that_stays_away) {
  const auto migrate = [&](const std::string& url, const char* limit) {
    return wait(run({"--migrate"}, {{"DATABASE_URL", url}, {"MIGRATE_WAIT_MS", limit}}, true));
  };
  const auto begin = steady_clock::now();
  EXPECT_EQ(migrate("postgresql://souk@127.0.0.1:1/none", "1500"), 1);
  EXPECT_GE(steady_clock::now() - begin, 1'500ms);
  EXPECT_LT(steady_clock::now() - begin, 6s);
  EXPECT_THAT(err(), ::testing::ContainsRegex("could not be migrated: .*refused.*the last, after "
                                              "[0-9.]+ s"));
  // What may come a moment after the server is waited for as well, and each time it is said.
  const std::string url = testing::fresh_database();
  auto missing = url;
  missing.replace(missing.rfind('/') + 1, missing.find('?') - missing.rfind('/') - 1, "none");
  EXPECT_EQ(migrate(missing, "2000"), 1);
  EXPECT_TRUE(says("\"attempt\":2", 0ms)) << out();
  EXPECT_THAT(err(), HasSubstr("database \"none\" does not exist"));
  auto nobody = url;
  nobody.replace(nobody.find("souk@"), 5, "nobody@");
  EXPECT_EQ(migrate(nobody, "0"), 1);
  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr("role \"nobody\" does not exist"));
  // Nothing will ever come of this, and the password stays untold.
  EXPECT_EQ(migrate("postgresql://souk:geh%eim@127.0.0.1/shop", "60000"), 2);
  EXPECT_THAT(err(), StartsWith("DATABASE_URL must be postgresql://"));
  EXPECT_THAT(err(), Not(HasSubstr("eim")));
  EXPECT_EQ(run_to_end({}, {{"GREETING", "x"}, {"DATABASE_URL", "nonsense"}}), 2);
  EXPECT_THAT(err(), HasSubstr("DATABASE_URL must be postgresql://"));
}

TEST_F(program, does_not_repeat_a_migration_that_is_refused) {
  const auto url = testing::fresh_database();
  const auto name = url.substr(url.rfind('/') + 1);
  testing::postgres().execute(name.substr(0, name.find('?')), "CREATE TABLE greetings (n int)");
  EXPECT_EQ(wait(run({"--migrate"}, {{"DATABASE_URL", url}}, true)), 1);
  EXPECT_THAT(err(), HasSubstr("migration 0001_first: relation \"greetings\" already exists"));
  EXPECT_EQ(out().find("not ready"), std::string::npos);
}

TEST_F(program, stops_also_while_it_waits_to_migrate) {
  const auto child =
      run({"--migrate"}, {{"DATABASE_URL", "postgresql://souk@127.0.0.1:1/x"}}, true);
  ASSERT_TRUE(says("the database is not ready"));
  ::kill(child, SIGTERM);
  EXPECT_EQ(wait(child), 128 + SIGTERM);
}

}  // namespace
}  // namespace souk
