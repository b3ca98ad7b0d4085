// Every target, fed with its corpus: what was found once stays found, without libFuzzer.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "fuzz.hpp"

namespace souk::fuzz {
namespace {

const std::filesystem::path corpus = SOUK_FUZZ_CORPUS;

std::vector<std::filesystem::path> inputs_of(std::string_view target) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(corpus / target))
    out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct corpus_of : ::testing::TestWithParam<target> {};

TEST_P(corpus_of, breaks_no_promise) {
  const auto inputs = inputs_of(GetParam().name);
  EXPECT_FALSE(inputs.empty());
  const auto run = [&](const std::string& name, std::string_view input) {
    try {
      GetParam().run(input);
    } catch (const violation& v) {
      ADD_FAILURE() << name << ": " << v.what;
    } catch (const std::exception& e) {
      ADD_FAILURE() << name << ": " << e.what();
    }
  };
  run("nothing", "");
  for (const auto& file : inputs) {
    const auto input = content(file);
    run(file.filename(), input);
    // Broken off anywhere, and with a byte turned over anywhere.
    const std::size_t step = 1 + input.size() / 40;
    for (std::size_t at = 0; at < input.size(); at += step) {
      run(fmt::format("{}, the first {} bytes", file.filename().string(), at),
          std::string_view(input).substr(0, at));
      auto changed = input;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      run(fmt::format("{}, byte {} changed", file.filename().string(), at), changed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(fuzz, corpus_of, ::testing::ValuesIn(targets()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(corpus, has_no_folder_without_a_target) {
  std::set<std::string> names;
  for (const auto& t : targets()) names.emplace(t.name);
  for (const auto& entry : std::filesystem::directory_iterator(corpus))
    EXPECT_TRUE(names.contains(entry.path().filename())) << entry.path();
}

}  // namespace
}  // namespace souk::fuzz
