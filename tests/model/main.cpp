// souk-model: explores the checkout's model within bounds of one's own choice, or with a mistake
// built in, and prints the shortest way to what is wrong. See README.md.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "saga.hpp"

namespace {

using namespace souk;

// late_calls is --late-calls.
std::string option_of(std::string_view field) {
  std::string name = fmt::format("--{}", field);
  std::ranges::replace(name, '_', '-');
  return name;
}

void print_help() {
  fmt::print(
      "souk-model [--BOUND NUMBER]... [--mutant NAME] [--limit STATES]\n\nbounds and what stands "
      "for them:\n");
  const model::bounds defaults;
  json::for_each_field<model::bounds>([&](std::string_view name, auto member) {
    fmt::print("  {} {}\n", option_of(name), static_cast<int>(defaults.*member));
  });
  fmt::print("\nmutants:");
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<model::mutant>>(
      [](auto d) { fmt::print(" {}", json::enum_text(d.value)); });
  fmt::print("\n\nexit status: 0 nothing wrong, 1 a violation, 2 not explored\n");
}

// False: there is no such option, or its value is no good.
bool read(std::string_view option, std::string_view value, model::bounds& b, model::mutant& m,
          std::size_t& limit) {
  if (option == "--mutant") {
    const auto named = json::enum_from_text<model::mutant>(value);
    m = named.value_or(m);
    return named.has_value();
  }
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) return false;
  if (option == "--limit") {
    limit = number;
    return number > 0;
  }
  bool known = false;
  json::for_each_field<model::bounds>([&](std::string_view name, auto member) {
    if (option != option_of(name)) return;
    using field = std::remove_reference_t<decltype(b.*member)>;
    known = number <= (std::is_same_v<field, bool> ? 1u : 3u);
    b.*member = static_cast<field>(number);
  });
  return known && b.late_calls <= model::most_late_calls;
}

}  // namespace

int main(int argc, char** argv) {
  model::bounds b;
  auto m = model::mutant::none;
  std::size_t limit = 200'000'000;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--help") {
      print_help();
      return 0;
    }
    if (!option.starts_with("--") || i + 1 == argc || !read(option, argv[i + 1], b, m, limit)) {
      fmt::print(stderr, "souk-model: {} is not understood; see --help\n", option);
      return 2;
    }
  }
  const model::saga checkout(b, m);
  const auto out = model::explorer<model::saga>(checkout, limit).run();
  fmt::print("{} states, {} transitions, {} ends, at most {} steps deep\n", out.states,
             out.transitions, out.ends, out.depth);
  for (const auto& c : checkout.contradictions()) fmt::print("contradiction: {}\n", c);
  if (out.found) {
    fmt::print("\n{}\n", out.found->what);
    int n = 0;
    for (const auto& line : out.found->trace) fmt::print("{:4}  {}\n", ++n, line);
    return 1;
  }
  if (!out.complete) fmt::print("given up at {} states\n", limit);
  return out.complete ? 0 : 2;
}
