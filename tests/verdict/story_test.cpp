#include "story.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "verdict.hpp"

namespace souk::verdict {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string shopper = "00000000-0000-7000-8000-000000000001";
const std::string product = "00000000-0000-7000-8000-000000000002";
const std::string order = "00000000-0000-7000-8000-000000000003";

struct journal : ::testing::Test {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("souk-story-" + std::to_string(::getpid()) + ".journal");
  std::ofstream file{path};
  journal() {
    file << R"({"run":"00000000-0000-7000-8000-000000000009","seed":1,)"
         << R"("at":"2026-01-01T00:00:00Z","store":"s","currency":"USD"})" << '\n';
  }
  ~journal() override { std::filesystem::remove(path); }

  void ask(int n, const std::string& kind, const std::string& fields, bool by_staff = false) {
    file << R"({"n":)" << n << R"(,"at":"2026-01-01T00:00:01Z",)"
         << (by_staff ? "" : R"("shopper":")" + shopper + R"(",)") << R"("ask":")" << kind << '"'
         << (fields.empty() ? "" : ",") << fields << "}\n";
  }
  void answer(int n, int to, int status, const std::string& fields = "") {
    file << R"({"n":)" << n << R"(,"at":"2026-01-01T00:00:02Z","to":)" << to << R"(,"status":)"
         << status << (fields.empty() ? "" : ",") << fields << "}\n";
  }
  std::string add(int quantity, const std::string& more = "") {
    return R"("product_id":")" + product + R"(","quantity":)" + std::to_string(quantity) + more;
  }
  std::string checkout(const std::string& key) {
    return R"("key":")" + key +
           R"(","cart_revision":"r","total_minor":5,"card":"approve",)"
           R"("lines":[{"product_id":")" +
           product +
           R"(","quantity":1,"unit_price_minor":5}],)"
           R"("body_hash":"h")";
  }
  story tell() {
    file.flush();
    return read_story(std::vector{path});
  }
};

TEST_F(journal, tells_done_refused_and_unknown_apart) {
  ask(1, "add", add(1));
  answer(2, 1, 200, R"("revision":"r")");
  ask(3, "add", add(2));
  answer(4, 3, 409, R"("problem":"/problems/quantity-limit")");
  ask(5, "add", add(3));
  answer(6, 5, 503);
  ask(7, "add", add(4));
  const auto asks = tell().shoppers.at(*uuid::parse(shopper)).asks;
  ASSERT_THAT(asks, SizeIs(4));
  EXPECT_TRUE(asks[0].done && !asks[0].in_doubt);
  EXPECT_TRUE(!asks[1].done && !asks[1].in_doubt);
  EXPECT_TRUE(!asks[2].done && asks[2].in_doubt);
  EXPECT_TRUE(!asks[3].done && asks[3].in_doubt);
}

TEST_F(journal, an_add_under_a_key_is_one) {
  ask(1, "add", add(1, R"(,"key":"a")"));
  file << R"({"n":2,"at":"2026-01-01T00:00:02Z","to":1,"lost":"time over"})" << '\n';
  ask(3, "add", add(1, R"(,"key":"a","repeats":1)"));
  answer(4, 3, 200, R"("revision":"r")");
  const auto asks = tell().shoppers.at(*uuid::parse(shopper)).asks;
  ASSERT_THAT(asks, SizeIs(1));
  EXPECT_TRUE(asks[0].done);
}

TEST_F(journal, checkouts_are_kept_by_key) {
  ask(1, "checkout", checkout("a"));
  ask(2, "checkout", checkout("a") + R"(,"repeats":1)");
  answer(3, 2, 201, R"("order_id":")" + order + R"(","state":"confirmed")");
  ask(4, "checkout", checkout("b"));
  answer(5, 4, 409, R"("problem":"/problems/already-ordered","order_id":")" + order + '"');
  const auto s = tell();
  ASSERT_THAT(s.checkouts, SizeIs(2));
  EXPECT_TRUE(s.checkouts[0].in_doubt);
  ASSERT_THAT(s.checkouts[0].told, SizeIs(1));
  EXPECT_EQ(s.checkouts[0].told[0].state, "confirmed");
  EXPECT_FALSE(s.checkouts[1].in_doubt);
  EXPECT_EQ(s.checkouts[1].told[0].problem, "already-ordered");
}

TEST_F(journal, a_second_run_begins_anew) {
  ask(1, "clear", "");
  file << R"({"run":"00000000-0000-7000-8000-000000000008","seed":2,)"
       << R"("at":"2026-01-01T00:01:00Z","store":"s","currency":"USD"})" << '\n';
  ask(1, "clear", "");
  answer(2, 1, 204);
  file << R"({"n":3,"at":"20)";  // torn
  const auto asks = tell().shoppers.at(*uuid::parse(shopper)).asks;
  ASSERT_THAT(asks, SizeIs(2));
  EXPECT_FALSE(asks[0].done);
  EXPECT_TRUE(asks[1].done);
}

TEST_F(journal, a_malformed_one_is_not_judged) {
  file << "{}\n";
  EXPECT_THROW(tell(), could_not_judge);
}

TEST_F(journal, finds_the_lines_about_something) {
  ask(1, "order", R"("order_id":")" + order + '"');
  ask(2, "add", add(1));
  answer(3, 1, 200, R"("state":"confirmed")");
  file.flush();
  const auto lines =
      lines_about(std::vector{path}, std::vector<std::vector<std::string>>{{order}}, 10).at(0);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[1], HasSubstr("confirmed"));
}

}  // namespace
}  // namespace souk::verdict
