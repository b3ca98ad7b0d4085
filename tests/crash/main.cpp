// souk-crash-points: crashes every step of every scenario once.

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <optional>

#include "matrix.hpp"

namespace {

using namespace souk::crash;

constexpr std::string_view usage =
    R"(usage: souk-crash-points [--all | --minutes M] [--seed N] [--scenario NAME] [--point POINT] [--list]

Runs a store of its own from the programs beside it, and kills, stops or cuts them off at the points
that the scenarios pass. Without --all a sample, chosen by the seed (today's unless given), for M
minutes (1.5).

  --scenario NAME   only these cases
  --point POINT     only this one, as --list and a failure's report name it; with --scenario
  --list            prints the cases instead
  --verbose         prints each case and what it took

The exit status is 0 if nothing failed, 1 if something did, 2 for wrong usage.
)";

struct wishes {
  bool all = false, list = false, verbose = false;
  double minutes = 1.5;
  std::uint64_t seed = seed_of_today();
  std::string scenario, point;
};

template <class T>
bool read_number(std::string_view text, T& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

// False if there is no such option, or it has no such value.
bool read_option(wishes& w, std::string_view word, std::string_view value) {
  if (value.empty()) return false;
  if (word == "--seed") return read_number(value, w.seed);
  if (word == "--minutes") return read_number(value, w.minutes) && w.minutes > 0;
  if (word == "--scenario") {
    w.scenario = value;
  } else if (word == "--point") {
    w.point = value;
  } else {
    return false;
  }
  return true;
}

std::optional<wishes> read_wishes(int argc, char** argv) {
  wishes w;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--all") {
      w.all = true;
    } else if (word == "--list") {
      w.list = true;
    } else if (word == "--verbose") {
      w.verbose = true;
    } else {
      if (!read_option(w, word, ++i < argc ? argv[i] : "")) return std::nullopt;
    }
  }
  if (!w.scenario.empty() && !find_scenario(w.scenario)) return std::nullopt;
  if (!w.point.empty() && !parse_case(w.scenario, w.point)) return std::nullopt;
  return w;
}

void print(const result& r, bool verbose) {
  if (r.is.failed()) {
    fmt::print("{}", describe(r));
  } else if (verbose) {
    fmt::print("{:5} ms  {:11}  {} {}\n", r.is.took.count(), r.is.reached ? "ok" : "not reached",
               r.of.scenario, r.of.point_text());
  }
  std::fflush(stdout);
}

int run(const wishes& w) {
  store s;
  std::vector<test_case> cases;
  if (!w.point.empty()) {
    cases.push_back(*parse_case(w.scenario, w.point));
  } else {
    runner recorder(s, [](const result&) {});
    cases = make_matrix(recorder, w.scenario).cases;
  }
  if (w.list) {
    for (const auto& c : cases) fmt::print("{} {}\n", c.scenario, c.point_text());
    return 0;
  }
  const auto limit = w.all || !w.point.empty()
                         ? std::chrono::steady_clock::duration::max()
                         : std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                               std::chrono::duration<double, std::ratio<60>>(w.minutes));
  const auto verbose = w.verbose || !w.point.empty();
  const auto f = run_cases(s, cases, w.seed, limit, [&](const result& r) { print(r, verbose); });
  fmt::print("{}\n", f.text(w.seed));
  return f.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto w = read_wishes(argc, argv);
  if (!w) {
    fmt::print(stderr, "{}", usage);
    return 2;
  }
  try {
    return run(*w);
  } catch (const std::exception& e) {
    fmt::print(stderr, "souk-crash-points: {}\n", e.what());
    return 1;
  }
}
