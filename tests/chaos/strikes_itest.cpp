// Strikes against a folder that looks like a store's: a "service" is a copy of sleep, and a stub
// answers for it.

#include "strikes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include "child.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/stub.hpp"

namespace souk::chaos {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

const std::string service = "order-service", edge = "order-service>inventory-service";

class Strikes : public ::testing::Test {
 protected:
  Strikes() {
    fs::create_directories(store_.state / "bin");
    fs::create_directories(store_.state / "secrets");
    fs::create_directories(store_.state / "chaos");
    std::ofstream(store_.state / "secrets/admin-password") << "secret\n";
    fs::copy_file("/bin/sleep", store_.state / "bin" / service);
    stub_.on("GET", "/health/ready", {.body = "{}"});
    stub_.on("POST", "/session/admin", {.body = R"({"token":"t"})"});
    stub_.on("POST", "/api/session/admin", {.body = R"({"token":"t"})"});
    stub_.on("GET", "/api/payments/gateway",
             {.body = R"({"latency_ms":7,"latency_jitter_ms":0,"error_rate":0,"decline_rate":0,)"
                      R"("unknown_rate":0})"});
    stub_.on("PUT", "/api/payments/gateway",
             [](const testing::stub_request& r) { return testing::stub_answer{.body = r.body}; });
    store_.ports = {
        {service, stub_.port()}, {"inventory-service", stub_.port()}, {"gateway", stub_.port()}};
    store_.edges = {edge};
    wires_.emplace(store_);
    provider_.emplace(store_);
    chronicle_.emplace(store_.state / "chaos.log");
    striker_.emplace(store_, *wires_, *provider_, *chronicle_);
  }
  ~Strikes() override { fs::remove_all(store_.state); }

  // As supervisor does: in the state folder.
  std::unique_ptr<child> start() {
    auto c = std::make_unique<child>(
        std::vector<std::string>{
            "sh", "-c", fmt::format("cd '{0}' && exec bin/{1} 60", store_.state.string(), service)},
        child::how{});
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < until) {
      const auto all = processes_of(store_, service);
      if (std::ranges::find(all, c->pid()) != all.end()) break;
      std::this_thread::sleep_for(1ms);
    }
    return c;
  }
  std::string log() const {
    std::ifstream in(store_.state / "chaos.log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // As in proc(5): T is stopped. One that was let go on is S or R, whichever the moment has.
  static char state_of(pid_t id) {
    std::ifstream in(fmt::format("/proc/{}/stat", id));
    std::string word;
    in >> word >> word;
    char state = 0;
    in >> state;
    return state;
  }
  chronicle::tally tally(kind k) const { return chronicle_->tallies()[k]; }

  testing::http_stub stub_;
  store store_{.state = fs::temp_directory_path() / fmt::format("souk-strikes-{}", getpid())};
  std::optional<wires> wires_;
  std::optional<provider> provider_;
  std::optional<chronicle> chronicle_;
  std::optional<striker> striker_;
};

TEST_F(Strikes, KillsTheStoresOwnProcessesAndNoOthers) {
  const child other({"/bin/sleep", "60"}, {});
  const auto one = start(), two = start();
  EXPECT_EQ(processes_of(store_, service).size(), 2u);
  striker_->strike({.what = kind::kill_service, .target = service, .amount = 1}, {});
  EXPECT_EQ(one->wait(2s), 128 + SIGKILL);
  EXPECT_EQ(two->wait(2s), 128 + SIGKILL);
  EXPECT_EQ(kill(other.pid(), 0), 0);
  EXPECT_THAT(striker_->killed(), ::testing::UnorderedElementsAre(one->pid(), two->pid()));
  EXPECT_EQ(tally(kind::kill_service).struck, 1);
}

TEST_F(Strikes, WhatMeetsNothingIsNotCounted) {
  striker_->strike({.what = kind::kill_service, .target = service, .amount = 1}, {});
  striker_->strike({.what = kind::cut, .target = edge, .amount = 1}, {});
  striker_->strike({.lasts = 100ms, .what = kind::blackhole, .target = edge}, {});
  for (const auto k : {kind::kill_service, kind::cut, kind::blackhole}) {
    EXPECT_EQ(tally(k).struck, 0) << name_of(k);
    EXPECT_EQ(tally(k).missed, 1) << name_of(k);
  }
  EXPECT_THAT(log(), HasSubstr("STRUCK NOTHING"));
}

TEST_F(Strikes, StopsForItsTimeAndThenLetsGoOn) {
  const auto one = start();
  std::jthread striking(
      [&] { striker_->strike({.lasts = 2s, .what = kind::stop, .target = service}, {}); });
  std::this_thread::sleep_for(1s);
  EXPECT_EQ(state_of(one->pid()), 'T');
  striking.join();
  EXPECT_NE(state_of(one->pid()), 'T');
  EXPECT_EQ(tally(kind::stop).struck, 1);
}

TEST_F(Strikes, AreLiftedAtOnceWhenAsked) {
  const auto one = start();
  std::stop_source stop;
  std::vector<std::jthread> striking;
  for (const auto& f :
       {fault{.lasts = 60s, .what = kind::stop, .target = service},
        fault{.lasts = 60s, .what = kind::refuse, .target = edge},
        fault{.lasts = 60s, .what = kind::provider_errors, .target = "", .amount = 50}}) {
    striking.emplace_back([this, f, &stop] { striker_->strike(f, stop.get_token()); });
  }
  std::this_thread::sleep_for(1s);
  const auto begin = std::chrono::steady_clock::now();
  stop.request_stop();
  striking.clear();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  EXPECT_NE(state_of(one->pid()), 'T');
  const auto port = store_.ports[service];
  EXPECT_EQ(testing::http_call(port, "GET", "/health/ready").status, 200);
  EXPECT_THAT(stub_.requests("PUT", "/api/payments/gateway").back().body,
              HasSubstr(R"("error_rate":0)"));
}

TEST_F(Strikes, ConnectionsAreHit) {
  const std::string via = wires_->as_via();
  const auto port = static_cast<std::uint16_t>(std::stoi(via.substr(via.find('=') + 1)));
  EXPECT_EQ(via, fmt::format("{}={}", edge, port));
  const auto works = [&] {
    try {
      return testing::http_call(port, "GET", "/health/ready", {}, {}, 1s).status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  EXPECT_TRUE(works());
  for (const auto k : {kind::blackhole, kind::cut_after, kind::lose_request, kind::lose_answer}) {
    std::jthread striking(
        [&] { striker_->strike({.lasts = 3s, .what = k, .target = edge, .amount = 5}, {}); });
    bool failed = false;
    while (tally(k).struck + tally(k).missed == 0) {
      failed |= !works();
      std::this_thread::sleep_for(5ms);  // the stub keeps a thread for each connection
    }
    striking.join();
    EXPECT_TRUE(failed) << name_of(k);
    EXPECT_EQ(tally(k).struck, 1) << name_of(k);
    EXPECT_TRUE(works()) << name_of(k);
  }
  EXPECT_THAT(wires_->unused(), IsEmpty());
}

TEST_F(Strikes, LiftingAllWakesWhatSomebodyElseStopped) {
  const auto one = start();
  kill(one->pid(), SIGSTOP);
  wires_->at(edge).refuse();
  striker_->lift_all();
  EXPECT_NE(state_of(one->pid()), 'T');
  EXPECT_EQ(testing::http_call(wires_->at(edge).port(), "GET", "/health/ready").status, 200);
}

TEST_F(Strikes, TheProvidersUsualBehaviourOutlivesUs) {
  EXPECT_EQ(provider_->usual().latency_ms, 7);
  EXPECT_TRUE(provider_->set({.latency_ms = 900}, 1s));
  stub_.on("GET", "/api/payments/gateway", {.status = 500});
  provider next(store_);  // the one before was killed
  EXPECT_EQ(next.usual().latency_ms, 7);
  EXPECT_TRUE(next.restore(1s));
  EXPECT_THAT(stub_.requests("PUT", "/api/payments/gateway").back().body,
              HasSubstr(R"("latency_ms":7)"));
  EXPECT_FALSE(fs::exists(store_.state / "chaos/behaviour.json"));
}

TEST(Child, EndsWithItsStatusAndItsEnvironment) {
  child good({"sh", "-c", "test \"$SOUK_X\" = 1 && test -z \"$HOME\" && exit 7"},
             {.environment = {{"SOUK_X", "1"}, {"HOME", ""}}});
  EXPECT_EQ(good.wait(5s), 7);
  child none({"/no/such/program"}, {});
  EXPECT_EQ(none.wait(5s), 127);
  child killed({"sleep", "60"}, {});
  killed.send(SIGTERM);
  EXPECT_EQ(killed.wait(5s), 128 + SIGTERM);
}

}  // namespace
}  // namespace souk::chaos
