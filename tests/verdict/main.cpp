// souk-verdict: see verdict.hpp and README.md.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "kit/telemetry.hpp"
#include "verdict.hpp"

namespace {

using namespace souk;

constexpr std::string_view usage = R"(souk-verdict [--journal FILE]... [--settle SECONDS] [--json]

Reads all databases and Redis of a store at rest, and the journals of its shoppers, and tells
whether anything was lost, oversold or charged twice.

  --journal FILE    of souk-shoppers; may be repeated
  --settle SECONDS  how long to wait for unfinished work (0)
  --json            print one JSON object
  --checks          list the checks

Exit status: 0 clean, 1 violations, 2 could not judge.

)";

struct options {
  std::vector<std::filesystem::path> journals;
  std::chrono::seconds settle{0};
  bool json = false;
};

int complain(std::string_view why) {
  fmt::print(stderr, "souk-verdict: {}\n", why);
  return 2;
}

task<> run(event_loop& loop, const options& o, const verdict::stores& where, int& status) {
  const auto ctx = context::background("souk-verdict", o.settle + std::chrono::hours(1));
  try {
    const auto r = co_await verdict::judge(loop, ctx, where, o.journals, o.settle);
    fmt::print("{}{}", o.json ? json::write(r) : verdict::to_text(r), o.json ? "\n" : "");
    status = r.clean() ? 0 : 1;
  } catch (const verdict::could_not_judge& e) {
    status = complain(e.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--help") {
      environment env = environment::for_description();
      verdict::stores_of(env);
      fmt::print("{}{}", usage, env.describe());
      return 0;
    }
    if (word == "--checks") {
      for (const auto& c : verdict::all_checks()) fmt::print("{:28} {}\n", c.name, c.promise);
      return 0;
    }
    if (word == "--json") {
      o.json = true;
    } else if (word == "--journal" && has_value) {
      o.journals.emplace_back(argv[++i]);
    } else if (word == "--settle" && has_value) {
      const std::string_view text = argv[++i];
      std::int64_t seconds = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (error != std::errc{} || end != text.data() + text.size() || seconds < 0 ||
          seconds > 86'400) {
        return complain("--settle wants seconds");
      }
      o.settle = std::chrono::seconds(seconds);
    } else {
      return complain("unknown argument; --help tells");
    }
  }
  environment env;
  const auto where = verdict::stores_of(env);
  for (const auto& c : env.complaints()) complain(c);
  if (!env.complaints().empty()) return 2;
  int status = 2;
  // Standard output is the verdict's; it says itself what it could not reach.
  telemetry::start({.service = "souk-verdict",
                    .version = "",
                    .otlp_endpoint = "",
                    .log_level = telemetry::level::error});
  {
    event_loop loop("souk-verdict");
    loop.run_until_complete(run(loop, o, where, status));
  }
  telemetry::stop(std::chrono::seconds(1));
  return status;
}
