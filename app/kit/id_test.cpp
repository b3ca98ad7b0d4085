#include "kit/id.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <set>
#include <string>
#include <thread>

namespace souk {
namespace {

uuid from_words(std::uint64_t high, std::uint64_t low) {
  uuid id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(high >> (8 * i));
    id.bytes[8 + i] = static_cast<std::uint8_t>(low >> (8 * i));
  }
  return id;
}

int version(const uuid& id) {
  return id.bytes[6] >> 4;
}
bool has_rfc_variant(const uuid& id) {
  return (id.bytes[8] & 0xC0) == 0x80;
}

RC_GTEST_PROP(uuid, is_read_back_from_its_text, (std::uint64_t high, std::uint64_t low)) {
  const uuid id = from_words(high, low);
  const std::string text = id.str();
  RC_ASSERT(text.size() == 36u);
  RC_ASSERT(uuid::parse(text) == id);
  std::string upper = text;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  RC_ASSERT(uuid::parse(upper) == id);
}

RC_GTEST_PROP(uuid, is_not_read_from_a_text_with_another_character, ()) {
  std::string text = uuid::v7().str();
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  const char c = *rc::gen::arbitrary<char>();
  const bool is_hyphen_place = text[at] == '-';
  const bool fits = is_hyphen_place ? c == '-' : std::isxdigit(static_cast<unsigned char>(c)) != 0;
  RC_PRE(!fits);
  text[at] = c;
  RC_ASSERT(!uuid::parse(text));
}

TEST(uuid, has_one_text_form) {
  EXPECT_EQ(uuid::parse("0190a0b0-c0d0-7abc-8def-0123456789AB")->str(),
            "0190a0b0-c0d0-7abc-8def-0123456789ab");
  for (const char* bad :
       {"", "0190a0b0c0d07abc8def0123456789ab", "{0190a0b0-c0d0-7abc-8def-0123456789ab}",
        "0190a0b0-c0d0-7abc-8def-0123456789a", "0190a0b0-c0d0-7abc-8def-0123456789abc",
        "0190a0b-0c0d0-7abc-8def-0123456789ab", "urn:uuid:0190a0b0-c0d0-7abc-8def-012345"})
    EXPECT_FALSE(uuid::parse(bad)) << bad;
}

TEST(uuid, v7_sorts_by_the_millisecond_of_its_making) {
  uuid before = uuid::v7();
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const uuid after = uuid::v7();
    EXPECT_LT(before, after);
    EXPECT_LT(before.str(), after.str());
    before = after;
  }
}

TEST(uuid, v7_carries_the_time_and_does_not_repeat) {
  using namespace std::chrono;
  const auto clock = [] {
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  };
  std::set<uuid> seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto from = clock();
    const uuid id = uuid::v7();
    const auto to = clock();
    std::int64_t at = 0;
    for (std::size_t b = 0; b < 6; ++b) at = at * 256 + id.bytes[b];
    ASSERT_GE(at, from);
    ASSERT_LE(at, to);
    ASSERT_EQ(version(id), 7);
    ASSERT_TRUE(has_rfc_variant(id));
    ASSERT_TRUE(seen.insert(id).second);
  }
}

TEST(uuid, derived_depends_on_space_and_name_only) {
  const uuid id = uuid::derived("refund", "0190a0b0");
  EXPECT_EQ(id, uuid::derived("refund", "0190a0b0"));
  EXPECT_NE(id, uuid::derived("refund", "0190a0b1"));
  EXPECT_NE(id, uuid::derived("refun", "d0190a0b0"));
  EXPECT_EQ(version(id), 8);
  EXPECT_TRUE(has_rfc_variant(id));
  // Stored identifiers depend on it: it must never change.
  EXPECT_EQ(uuid::derived("a", "b").str(), "59b271ae-1bbc-81d3-9d41-929817f4b16f");
}

RC_GTEST_PROP(base64url, decodes_what_it_encoded, (const std::string& bytes)) {
  const std::string text = base64url_encode(bytes);
  RC_ASSERT(text.size() == (bytes.size() * 4 + 2) / 3);
  RC_ASSERT(base64url_decode(text) == bytes);
}

RC_GTEST_PROP(base64url, has_one_text_for_each_value, (const std::string& text)) {
  if (const auto bytes = base64url_decode(text)) RC_ASSERT(base64url_encode(*bytes) == text);
}

TEST(base64url, follows_rfc_4648) {
  EXPECT_EQ(base64url_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url_encode("fooba"), "Zm9vYmE");
  EXPECT_EQ(base64url_encode("foob"), "Zm9vYg");
  EXPECT_EQ(base64url_encode("\xfb\xff"), "-_8");
  for (const char* bad : {"Zg==", "Z", "Zm9vYmF+", "Zm9v YmFy", "Zm9v\n", "Zh"})
    EXPECT_FALSE(base64url_decode(bad)) << bad;
}

TEST(random, stays_in_its_range_and_varies) {
  double low = 1, high = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double x = random_unit();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    low = std::min(low, x);
    high = std::max(high, x);
  }
  EXPECT_LT(low, 0.01);
  EXPECT_GT(high, 0.99);
  EXPECT_EQ(random_hex(16).size(), 32u);
  EXPECT_NE(random_hex(16), random_hex(16));
}

}  // namespace
}  // namespace souk
