#include "import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace souk::product {
namespace {

using testing::ElementsAre;

struct seen_line {
  std::int64_t number;
  std::string text;
  bool too_long;
  bool operator==(const seen_line&) const = default;
};

std::vector<seen_line> split(const std::vector<std::string>& pieces) {
  line_splitter splitter;
  std::vector<seen_line> out;
  const auto see = [&](const line_splitter::line& line) {
    out.push_back({line.number, std::string(line.text), line.too_long});
  };
  for (const auto& piece : pieces) {
    splitter.add(piece);
    while (const auto line = splitter.next()) see(*line);
  }
  if (const auto line = splitter.rest()) see(*line);
  return out;
}

TEST(line_splitter, knows_both_ends_of_lines_and_the_byte_order_mark) {
  EXPECT_THAT(
      split({"\xEF\xBB\xBF{a}\r\n\n{b}"}),
      ElementsAre(seen_line{1, "{a}", false}, seen_line{2, "", false}, seen_line{3, "{b}", false}));
  EXPECT_THAT(split({"a\n"}), ElementsAre(seen_line{1, "a", false}));
  EXPECT_TRUE(split({}).empty());
}

TEST(line_splitter, does_not_care_where_the_pieces_end) {
  EXPECT_TRUE(rc::check(
      [](const std::vector<std::uint8_t>& choices, const std::vector<std::uint8_t>& cuts) {
        std::string text;
        for (const auto c : choices) text += std::string_view("\n\r a\xEF\xBB\xBF{")[c % 8];
        std::vector<std::string> pieces;
        std::size_t at = 0;
        for (const auto cut : cuts) {
          const auto size = std::min<std::size_t>(cut % 5, text.size() - at);
          pieces.push_back(text.substr(at, size));
          at += size;
        }
        pieces.push_back(text.substr(at));
        RC_ASSERT(split(pieces) == split({text}));
        RC_ASSERT(split({text}).size() == static_cast<std::size_t>(std::ranges::count(text, '\n')) +
                                              (text.empty() || text.ends_with('\n') ? 0 : 1));
      }));
}

TEST(line_splitter, passes_over_lines_that_are_too_long) {
  const std::string limit(longest_line, 'x');
  EXPECT_THAT(split({limit + "\nshort"}),
              ElementsAre(seen_line{1, limit, false}, seen_line{2, "short", false}));
  EXPECT_THAT(split({limit, "y\nshort"}),
              ElementsAre(seen_line{1, "", true}, seen_line{2, "short", false}));
  EXPECT_THAT(
      split({"a\n", limit, limit, limit, "\n", "b\n"}),
      ElementsAre(seen_line{1, "a", false}, seen_line{2, "", true}, seen_line{3, "b", false}));
  EXPECT_THAT(split({limit, limit}), ElementsAre(seen_line{1, "", true}));
}

TEST(read_line, takes_a_text_or_a_list_for_an_attribute) {
  const auto line = read_line(
      7,
      R"({"sku":"A","name":"A","description":"d","categories":["X/Y"],"price_minor":100,)"
      R"("currency":"USD","quantity":3,"attributes":{"a":"1","b":["2","3"]},"variant_of":" P "})",
      "USD");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->number, 7);
  EXPECT_EQ(line->quantity, 3);
  EXPECT_EQ(line->parent_sku, "P") << "without outer spaces, like a sku";
  EXPECT_EQ(line->content.attributes, (attribute_map{{"a", {"1"}}, {"b", {"2", "3"}}}));
}

TEST(read_line, tells_the_sku_of_a_wrong_line_where_it_can) {
  const auto wrong = [](std::string_view text) { return read_line(1, text, "USD").error(); };
  EXPECT_EQ(wrong("{").sku, std::nullopt);
  EXPECT_EQ(wrong("[1]").sku, std::nullopt);
  EXPECT_EQ(wrong(R"({"sku":7})").sku, std::nullopt);
  const auto error = wrong(R"({"sku":"A","price_minor":-1,"size":1})");
  EXPECT_EQ(error.sku, "A");
  std::vector<std::string> pointers;
  for (const auto& e : error.errors) pointers.push_back(e.pointer);
  EXPECT_THAT(pointers,
              testing::UnorderedElementsAre("/price_minor", "/size", "/name", "/currency"));
  EXPECT_EQ(
      wrong(R"({"sku":"A","name":"A","price_minor":1,"currency":"EUR"})").errors.front().pointer,
      "/currency");
}

// ---------------------------------------------------------------------------------------------

product_content content(const std::string& sku, std::int64_t price_minor = 100) {
  return {.sku = sku, .name = sku, .price_minor = price_minor, .currency = "USD"};
}

import_line line(const std::string& sku, std::optional<std::string> parent = std::nullopt,
                 std::int64_t price_minor = 100) {
  return {.number = 1, .content = content(sku, price_minor), .parent_sku = std::move(parent)};
}

stored_product stored(const std::string& sku, std::optional<uuid> variant_of = std::nullopt,
                      std::int64_t variants = 0) {
  return {.id = uuid::v7(),
          .slug = sku,
          .content = content(sku),
          .variant_of = variant_of,
          .variants = variants,
          .version = 1};
}

TEST(import_plan, makes_updates_and_leaves) {
  const auto a = stored("A"), b = stored("B");
  import_plan plan({a, b});
  EXPECT_EQ(plan.add(line("A")), line_result::unchanged);
  EXPECT_EQ(plan.add(line("B", std::nullopt, 200)), line_result::updated);
  EXPECT_EQ(plan.add(line("C")), line_result::created);
  ASSERT_EQ(plan.writes().size(), 2u);
  EXPECT_EQ(plan.writes()[0].id, b.id);
  EXPECT_EQ(plan.writes()[0].slug, "B");
  EXPECT_EQ(plan.writes()[1].slug, "");
}

TEST(import_plan, revives_an_archived_product_under_its_id) {
  auto a = stored("A");
  a.archived = true;
  import_plan plan({a});
  EXPECT_EQ(plan.add(line("V", "A")), line_result::kept);  // an archived one is no parent
  EXPECT_EQ(plan.add(line("A")), line_result::created);
  EXPECT_EQ(plan.writes().front().id, a.id);
  EXPECT_EQ(plan.add(line("V", "A")), line_result::created);
}

TEST(import_plan, allows_one_level_of_variants) {
  const auto parent = stored("P", std::nullopt, 1);
  const auto child = stored("V", parent.id);
  import_plan plan({parent, child});
  EXPECT_EQ(plan.add(line("V", "P")), line_result::unchanged);
  EXPECT_EQ(plan.add(line("W", "V")), line_result::parent_is_variant);
  EXPECT_EQ(plan.add(line("P", "P")), line_result::parent_is_itself);
  EXPECT_EQ(plan.add(line("X")), line_result::created);
  EXPECT_EQ(plan.add(line("P", "X")), line_result::has_variants);
  EXPECT_EQ(plan.add(line("Y", "Z")), line_result::kept);
}

TEST(import_plan, lets_each_line_see_those_before_it) {
  const auto parent = stored("P", std::nullopt, 1);
  const auto child = stored("V", parent.id);
  import_plan plan({parent, child});
  EXPECT_EQ(plan.add(line("V")), line_result::updated);  // no variant any more
  EXPECT_EQ(plan.add(line("P", "V")), line_result::updated);
  EXPECT_EQ(plan.add(line("V", "P")), line_result::parent_is_variant);
  EXPECT_EQ(plan.add(line("W", "V")), line_result::created);
}

// Whatever the lines say, no product that has variants is one.
TEST(import_plan, keeps_the_rule_for_any_lines) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& choices) {
    import_plan plan({});
    std::map<std::string, std::string> parent_of;
    for (const auto& [child, parent] : choices) {
      const auto sku = std::string(1, static_cast<char>('A' + child % 5));
      std::optional<std::string> of;
      if (parent % 6 < 5) of = std::string(1, static_cast<char>('A' + parent % 6));
      const auto result = plan.add(line(sku, of));
      if (result > line_result::unchanged) continue;
      parent_of.erase(sku);
      if (of) parent_of[sku] = *of;
    }
    for (const auto& [variant, parent] : parent_of) {
      RC_ASSERT(plan.find(parent) != nullptr);
      RC_ASSERT(!parent_of.contains(parent));
      RC_ASSERT(plan.find(variant)->variant_of == plan.find(parent)->id);
    }
  }));
}

}  // namespace
}  // namespace souk::product
