// souk-chaos: hurts a store that runs while shoppers buy there, and judges it. ./souk chaos starts
// it and says where the store is.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>

#include "chronicle.hpp"
#include "run.hpp"

namespace souk::chaos {
namespace {

struct bad_option {
  std::string why;
};

template <class T>
T number(std::string_view name, std::string_view text, T low, T high) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    throw bad_option{fmt::format("{} takes a number from {} to {}", name, low, high)};
  }
  return value;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

int main(int count, char** words) {
  plan p;
  bool dry = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = words[i];
    if (name == "--dry-run") {
      dry = true;
      continue;
    }
    if (i + 1 == count) throw bad_option{fmt::format("unknown option or no value: {}", name)};
    const std::string value = words[++i];
    if (name == "--seed") {
      p.seed = number<std::uint64_t>(name, value, 0, 999'999'999'999'999'999);
    } else if (name == "--minutes") {
      const auto minutes = number<double>(name, value, 0.5, 10'000);
      p.lasts = milliseconds(static_cast<std::int64_t>(minutes * 60'000));
    } else if (name == "--shoppers") {
      p.shoppers = number<int>(name, value, 1, 10'000);
    } else if (name == "--state") {
      p.where.state = value;
    } else if (name == "--folder") {
      p.where.folder = value;
    } else if (name == "--souk") {
      p.where.souk = value;
    } else if (name == "--programs") {
      p.programs = value;
    } else if (name == "--ports") {
      for (const auto& pair : words_of(value)) {
        const auto sign = pair.find('=');
        if (sign == pair.npos) throw bad_option{"--ports takes NAME=PORT ..."};
        p.where.ports[pair.substr(0, sign)] =
            number<std::uint16_t>(name, std::string_view(pair).substr(sign + 1), 1, 65'535);
      }
    } else if (name == "--edges") {
      p.where.edges = words_of(value);
    } else {
      throw bad_option{fmt::format("unknown option: {}", name)};
    }
  }
  if (!dry) return run(p);
  for (const auto& f : make_schedule(p.seed, {.lasts = p.lasts, .edges = p.where.edges})) {
    fmt::print("{:7.1f} s  {}\n", in_seconds(f.at), describe(f));
  }
  return 0;
}

}  // namespace
}  // namespace souk::chaos

int main(int count, char** words) {
  try {
    return souk::chaos::main(count, words);
  } catch (const souk::chaos::bad_option& e) {
    fmt::print(stderr, "souk chaos: {}\n", e.why);
  } catch (const std::exception& e) {
    fmt::print(stderr, "souk chaos: {}\n", e.what());
  }
  return souk::chaos::could_not_run;
}
