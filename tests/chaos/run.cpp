#include "run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "child.hpp"
#include "chronicle.hpp"
#include "judgement.hpp"
#include "logs.hpp"
#include "strikes.hpp"
#include "usage.hpp"

namespace souk::chaos {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

std::atomic<int> interrupted_by = 0;

struct interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

void listen_for_signals() {
  struct sigaction act{};
  act.sa_handler = [](int signal) { interrupted_by = signal; };
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaction(s, &act, nullptr);
  act.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &act, nullptr);
}

// The last lines of a file, without the end of the last.
std::string end_of(const fs::path& file, int lines) {
  std::ifstream in(file);
  std::string text(std::istreambuf_iterator<char>(in), {});
  while (text.ends_with('\n')) text.pop_back();
  auto at = text.size();
  while (at > 0 && (text[at - 1] != '\n' || --lines > 0)) --at;
  return text.substr(at);
}

class course {
 public:
  explicit course(const plan& p)
      : plan_(p), store_(p.where), log_(store_.folder / "chaos.log"), wires_(store_) {}

  int follow() {
    const auto schedule = make_schedule(plan_.seed, {.lasts = plan_.lasts, .edges = store_.edges});
    log_.note(fmt::format("seed {}, {:.1f} min, {} faults", plan_.seed,
                          in_seconds(plan_.lasts) / 60, schedule.size()));
    int status = could_not_run;
    try {
      status = hurt_and_judge(schedule);
    } catch (const interrupted&) {
      fmt::print("souk chaos: interrupted; mending\n");
      status = 128 + interrupted_by;
    } catch (const std::exception& e) {
      fmt::print(stderr, "souk chaos: {}\n", e.what());
    }
    if (status > violated) mend_after_failure();
    return status;
  }

 private:
  int hurt_and_judge(const std::vector<fault>& schedule) {
    log_.say("the store is started with fault proxies on all its connections");
    proxied_ = true;
    souk({"up"}, through_proxies(), 1800s);
    provider_.emplace(store_);
    striker_.emplace(store_, wires_, *provider_, log_);

    const log_tail supervisor(store_.state / "logs/supervisord.log");
    const log_tail postgres(store_.state / "logs/postgres.log");
    std::map<std::string, log_tail> logs;
    for (const auto& s : services) {
      logs.emplace(s, log_tail(store_.state / "logs" / (s + ".log")));
    }
    usage_watch usage(store_);
    judgement verdict(store_, plan_.programs, journal());
    verdict.begin();

    start_shoppers();
    log_.begin();
    log_.say(fmt::format("{} shoppers are let in", plan_.shoppers));
    follow_schedule(schedule);
    mend();
    wait_for_shoppers();
    // Afterwards nobody passes through this process any more.
    souk({"up"}, {{"SOUK_VIA", ""}, {"SOUK_AS_BUILT", "yes"}}, 300s);
    proxied_ = false;

    verdict.ask_verdict([&](std::string_view text) { log_.say(text); });
    verdict.ask_audit();
    verdict.add("crash", judge_supervisor(supervisor.read(), striker_->killed()));
    verdict.add("log", judge_postgres(postgres.read()));
    for (const auto& [name, tail] : logs) verdict.add("crash", judge_service(name, tail.read()));
    verdict.add("memory", usage.judge());
    log_.say(usage.table());
    return tell(verdict);
  }

  // --- the steps ---------------------------------------------------------------------------------

  variables through_proxies() const {
    return {{"SOUK_VIA", wires_.as_via()},
            // All shoppers come from one address.
            {"GATEWAY_RATE", "20000"},
            {"GATEWAY_BURST", "20000"},
            {"GATEWAY_SESSION_RATE", "5000"},
            {"GATEWAY_SESSION_BURST", "5000"},
            {"GATEWAY_SIGN_IN_RATE", "600"},
            {"GATEWAY_SIGN_IN_BURST", "100"},
            {"GATEWAY_CONNECTIONS", "4000"}};
  }

  // Throws when it fails.
  void souk(const std::vector<std::string>& words, variables environment, milliseconds limit) {
    std::vector<std::string> command = {store_.souk};
    command.insert(command.end(), words.begin(), words.end());
    const auto output = store_.folder / "souk.log";
    child c(command, {.environment = std::move(environment), .output = output});
    const auto until = clock::now() + limit;
    while (!c.wait(100ms)) {
      if (clock::now() > until) throw std::runtime_error("./souk " + words[0] + " does not end");
    }
    if (*c.poll() != 0) {
      throw std::runtime_error("./souk " + words[0] + " failed:\n" + end_of(output, 15));
    }
  }

  fs::path journal() const { return store_.folder / "journal.jsonl"; }

  void start_shoppers() {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(plan_.lasts).count();
    shoppers_.emplace(
        std::vector<std::string>{
            plan_.programs / "souk-shoppers", "--store",
            fmt::format("http://127.0.0.1:{}", wires_.at("shoppers>gateway").port()), "--seed",
            std::to_string(plan_.seed), "--shoppers", std::to_string(plan_.shoppers), "--duration",
            std::to_string(seconds), "--journal", journal(), "--admin-password-file",
            store_.state / "secrets/admin-password"},
        child::how{.output = store_.folder / "shoppers.log", .dies_with_us = true});
  }

  void wait_for_shoppers() {
    log_.say("everything is mended; the shoppers finish");
    const auto until = clock::now() + plan_.lasts - log_.now() + 120s;
    while (!shoppers_->wait(100ms)) {
      check_interrupt();
      if (clock::now() > until) throw std::runtime_error("the shoppers do not end");
    }
    if (*shoppers_->poll() != 0) {
      throw std::runtime_error(fmt::format("souk-shoppers ended with status {}:\n{}",
                                           *shoppers_->poll(),
                                           end_of(store_.folder / "shoppers.log", 15)));
    }
  }

  void follow_schedule(const std::vector<fault>& schedule) {
    std::stop_source stop;
    std::vector<std::jthread> striking;
    // Lifted and joined also when this is left by an exception.
    struct stopper {
      std::stop_source& s;
      ~stopper() { s.request_stop(); }
    } at_the_end{stop};
    milliseconds late{0};
    for (const auto& f : schedule) {
      wait_until(f.at + late);
      if (log_.now() > plan_.lasts) {
        log_.say(fmt::format("left out, since starting again took long: {}", describe(f)));
        continue;
      }
      if (!is_exclusive(f.what)) {
        striking.emplace_back([this, f, token = stop.get_token()] { striker_->strike(f, token); });
        continue;
      }
      striking.clear();  // waits for them
      start_again(f);
      late = std::max(late, log_.now() - f.at - 25s);
    }
    wait_until(std::max(plan_.lasts - 3s, log_.now()));
    stop.request_stop();
  }

  void start_again(const fault& f) {
    log_.note(fmt::format("begins: {}", describe(f)));
    const auto began = clock::now();
    auto again = through_proxies();
    again.emplace_back("SOUK_AS_BUILT", "yes");
    bool struck = true;
    switch (f.what) {
      case kind::restart_all: {
        child c({"supervisorctl", "-c", store_.state / "etc/supervisord.conf", "restart", "all"},
                {.output = store_.folder / "souk.log"});
        if (!c.wait(180s)) throw std::runtime_error("supervisorctl restart all does not end");
        break;
      }
      case kind::down_and_up:
        souk({"down"}, {}, 180s);
        souk({"up"}, again, 180s);
        break;
      default:
        if (const auto id = supervisor_of(store_)) {
          striker_->kill(id);
        } else {
          struck = false;
        }
        souk({"up"}, again, 180s);
    }
    const auto missing = striker_->wait_until_ready(all_programs, 60s);
    log_.count(f.what, struck);
    log_.say(fmt::format(
        "{}: {} after {:.1f} s", describe(f),
        missing.empty() ? "all ready" : fmt::format("not ready: {}", fmt::join(missing, ", ")),
        in_seconds(clock::now() - began)));
  }

  // To a moment since the beginning.
  void wait_until(milliseconds at) {
    while (log_.now() < at) {
      check_interrupt();
      if (log_.now() > tell_next_) {
        log_.say("shoppers: " + end_of(store_.folder / "shoppers.log", 1));
        tell_next_ += 30s;
      }
      if (shoppers_->poll() && log_.now() < plan_.lasts - 10s) {
        throw std::runtime_error(fmt::format("souk-shoppers ended early, with status {}:\n{}",
                                             *shoppers_->poll(),
                                             end_of(store_.folder / "shoppers.log", 15)));
      }
      std::this_thread::sleep_for(std::min<milliseconds>(at - log_.now() + 1ms, 50ms));
    }
  }

  static void check_interrupt() {
    if (interrupted_by) throw interrupted();
  }

  // Afterwards everything runs and answers.
  void mend() {
    striker_->lift_all();
    if (!provider_->restore(60s)) log_.say("the mock gateway's behaviour could not be put back");
    const auto missing = striker_->wait_until_ready(all_programs, 90s);
    if (!missing.empty()) {
      throw std::runtime_error(
          fmt::format("not ready 90 s after everything was mended: {}", fmt::join(missing, ", ")));
    }
  }

  // What can be done without throwing; the runner does the rest.
  void mend_after_failure() {
    try {
      // The second one means at once.
      for (int i = 0; shoppers_ && i < 2; ++i) {
        shoppers_->send(SIGTERM);
        shoppers_->wait(300ms);
      }
      shoppers_.reset();
      if (striker_) striker_->lift_all();
      if (provider_) provider_->restore(15s);
      if (proxied_) souk({"up"}, {{"SOUK_VIA", ""}, {"SOUK_AS_BUILT", "yes"}}, 300s);
      proxied_ = false;
      fmt::print("souk chaos: everything is mended; there is no verdict on this run\n");
    } catch (const std::exception& e) {
      fmt::print(stderr, "souk chaos: not all is mended ({}): ./souk up does that\n", e.what());
    }
  }

  int tell(const judgement& verdict) {
    fmt::print("{}\n", end_of(store_.folder / "shoppers.log", 3));
    for (const auto& text : verdict.texts()) fmt::print("{}\n", text);
    std::int64_t faults = 0, missed = 0;
    std::string by_kind;
    for (const auto& [k, t] : log_.tallies()) {
      faults += t.struck;
      missed += t.missed;
      if (t.struck)
        by_kind += fmt::format("{}{} {}", by_kind.empty() ? "" : ", ", name_of(k), t.struck);
      if (t.struck == 0) fmt::print("never struck anything: {}\n", name_of(k));
    }
    if (const auto idle = wires_.unused(); !idle.empty()) {
      fmt::print("never used: {}\n", fmt::join(idle, ", "));
    }
    const auto line =
        fmt::format("seed {}, {:g} min: {} faults ({}), {} struck nothing; {}; {} violations",
                    plan_.seed, in_seconds(plan_.lasts) / 60, faults, by_kind, missed,
                    verdict.figures(), verdict.violations());
    log_.note(line);
    fmt::print("{}\n", line);
    return verdict.violations() == 0 ? clean : violated;
  }

  const plan& plan_;
  const store& store_;
  chronicle log_;
  wires wires_;
  std::optional<provider> provider_;
  std::optional<striker> striker_;
  std::optional<child> shoppers_;
  bool proxied_ = false;
  milliseconds tell_next_ = 31s;  // how the shoppers fare
};

}  // namespace

int run(const plan& p) {
  listen_for_signals();
  return course(p).follow();
}

}  // namespace souk::chaos
