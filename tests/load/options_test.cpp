#include "load/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::load {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

options from(const std::vector<std::string>& words) {
  options o;
  EXPECT_EQ(parse(words, o), wish::run);
  return o;
}

std::string complaint(std::vector<std::string> words) {
  words.emplace_back("--no-journal");
  options o;
  try {
    parse(words, o);
  } catch (const wrong_usage& e) {
    return e.what();
  }
  return "";
}

TEST(options, are_read) {
  const auto o =
      from({"--store", "http://localhost:1/", "--seed=42", "--shoppers", "500", "--duration=15m",
            "--think", "0", "--products", "SPI-1,0190", "--journal", "run.jsonl",
            "--admin-password-file=secret", "--mix", "buy", "--json", "--give-up", "500ms"});
  EXPECT_EQ(o.store, "http://localhost:1");
  EXPECT_EQ(o.seed, 42);
  EXPECT_EQ(o.shoppers, 500u);
  EXPECT_EQ(o.duration, 15min);
  EXPECT_EQ(o.think, 0ms);
  EXPECT_THAT(o.products, ElementsAre("SPI-1", "0190"));
  EXPECT_EQ(o.journal, "run.jsonl");
  EXPECT_EQ(o.admin_password_file, "secret");
  EXPECT_EQ(o.mix, mix::buy);
  EXPECT_TRUE(o.json);
  EXPECT_EQ(o.give_up, 500ms);
}

TEST(options, know_times_in_seconds_unless_told) {
  EXPECT_EQ(from({"--no-journal", "--duration", "90"}).duration, 90s);
  EXPECT_EQ(from({"--no-journal", "--duration", "1.5h"}).duration, 90min);
}

TEST(options, allow_many_at_a_time_when_arrivals_are_by_the_clock) {
  EXPECT_EQ(from({"--no-journal", "--rate", "12.5"}).shoppers, 2000u);
  EXPECT_EQ(from({"--no-journal", "--rate", "12.5", "--shoppers", "7"}).shoppers, 7u);
  EXPECT_DOUBLE_EQ(from({"--no-journal", "--rate", "12.5"}).rate, 12.5);
}

TEST(options, are_refused_with_a_reason) {
  EXPECT_THAT(complaint({"--sped", "1"}), HasSubstr("'--sped'"));
  EXPECT_THAT(complaint({"fast"}), HasSubstr("'fast'"));
  EXPECT_THAT(complaint({"--seed", "-1"}), HasSubstr("--seed must be a number"));
  EXPECT_THAT(complaint({"--seed", "1x"}), HasSubstr("'1x'"));
  EXPECT_THAT(complaint({"--shoppers", "0"}), HasSubstr("from 1 to"));
  EXPECT_THAT(complaint({"--rate", "nan"}), HasSubstr("--rate"));
  EXPECT_THAT(complaint({"--duration", "soon"}), HasSubstr("15m"));
  EXPECT_THAT(complaint({"--duration", "5d"}), HasSubstr("15m"));
  EXPECT_THAT(complaint({"--mix", "sell"}), HasSubstr("all or buy"));
  EXPECT_THAT(complaint({"--products", "a,,b"}), HasSubstr("empty"));
  EXPECT_THAT(complaint({"--json=yes"}), HasSubstr("has no value"));
  EXPECT_THAT(complaint({"--seed", "1", "--seed", "2"}), HasSubstr("twice"));
  EXPECT_THAT(complaint({"--journal", "x"}), HasSubstr("either"));
  options o;
  EXPECT_THROW(parse({}, o), wrong_usage);
  EXPECT_THROW(parse({"--no-journal", "--seed"}, o), wrong_usage);
}

TEST(options, help) {
  options o;
  EXPECT_EQ(parse({"--help"}, o), wish::help);
  for (const auto* name : {"--store", "--seed", "--shoppers", "--rate", "--duration", "--give-up",
                           "--think", "--mix", "--products", "--journal", "--no-journal",
                           "--admin-password-file", "--json", "GATEWAY_RATE"}) {
    EXPECT_THAT(std::string(help_text()), HasSubstr(name));
  }
}

}  // namespace
}  // namespace souk::load
