// souk-shoppers: see options.cpp for what it does, README.md for the journal that it writes.

#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "kit/json.hpp"
#include "load/journal.hpp"
#include "load/options.hpp"
#include "load/run.hpp"

namespace {

volatile std::sig_atomic_t signals_received = 0;

void count_signal(int) {
  signals_received = signals_received + 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace souk;
  try {
    load::options how;
    if (load::parse({argv + 1, argv + argc}, how) == load::wish::help) {
      fmt::print("{}", load::help_text());
      return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGINT, count_signal);
    std::signal(SIGTERM, count_signal);
    const auto report = load::run(how, signals_received);
    fmt::print("{}", how.json ? json::write(report) + '\n' : load::to_text(report));
    return 0;
  } catch (const load::wrong_usage& e) {
    fmt::print(stderr, "souk-shoppers: {}\nsouk-shoppers --help tells more\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "souk-shoppers: {}\n", e.what());
    return 1;
  }
}
