#include "products.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace souk::product {
namespace {

using testing::ElementsAre;

new_product lamp() {
  return {.sku = "LAMP-1", .name = "Brass Lamp", .price_minor = {4900}, .currency = "USD"};
}

std::vector<std::string> pointers(const checked_content& content) {
  std::vector<std::string> out;
  if (content) return out;
  for (const auto& error : content.error()) out.push_back(error.pointer);
  return out;
}

TEST(slug, is_made_of_plain_words) {
  EXPECT_EQ(slug_of("Brass Lamp"), "brass-lamp");
  EXPECT_EQ(slug_of("  Türkiye: Çay & Café (2 × 50 g) "), "turkiye-cay-cafe-2-50-g");
  EXPECT_EQ(slug_of("Baker's Table, Baker’s Dozen"), "bakers-table-bakers-dozen");
  EXPECT_EQ(slug_of("Straße Łódź Œuvre Þór"), "strasse-lodz-oeuvre-thor");
  EXPECT_EQ(slug_of("茶碗"), "");
  EXPECT_EQ(slug_of("茶碗 Bowl"), "bowl");
  EXPECT_EQ(slug_of("---"), "");
}

TEST(slug, is_always_fit_for_a_path_and_its_own_slug) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const auto slug = slug_of(text);
    RC_ASSERT(slug.size() <= 80u);
    RC_ASSERT(std::ranges::all_of(
        slug, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }));
    RC_ASSERT(!slug.starts_with('-') && !slug.ends_with('-') && slug.find("--") == slug.npos);
    RC_ASSERT(slug_of(slug) == slug);
  }));
}

TEST(slug, has_candidates_of_which_the_last_is_unique) {
  const auto id = uuid::v7();
  EXPECT_THAT(slug_candidates("Brass Lamp", "L 1", id),
              ElementsAre("brass-lamp", "brass-lamp-l-1", "p-" + id.str()));
  EXPECT_THAT(slug_candidates("茶碗", "TEA-1", id), ElementsAre("tea-1", "p-" + id.str()));
  // Paths of the API, and what would be read as an id, are no slugs.
  EXPECT_THAT(slug_candidates("Suggest", "S", id), ElementsAre("suggest-s", "p-" + id.str()));
  EXPECT_THAT(slug_candidates(id.str(), "!", id), ElementsAre("p-" + id.str()));
}

TEST(content, is_tidied) {
  auto input = lamp();
  input.name = "  Brass Lamp ";
  input.categories = path_list{{std::string("Lamps / Table")}, {std::string("Lamps/Table")}};
  input.attributes = attribute_input{{"color", {"Blue", " Blue", "Red"}}, {"size", {}}};
  input.description = "Two lines\nof text. ";
  const auto content = content_of(input, "USD");
  ASSERT_TRUE(content);
  EXPECT_EQ(content->name, "Brass Lamp");
  EXPECT_EQ(content->description, "Two lines\nof text.");
  EXPECT_THAT(content->categories, ElementsAre("Lamps/Table"));
  EXPECT_EQ(content->attributes, (attribute_map{{"color", {"Blue", "Red"}}}));
  EXPECT_FALSE(content->brand);
}

TEST(content, names_every_wrong_field) {
  auto input = lamp();
  input.sku = " ";
  input.name = "Brass\x01Lamp";
  input.categories = path_list{{std::string("Lamps//Table")}, {std::string("a/b/c/d/e/f/g")}};
  input.currency = "EUR";
  input.image = std::string("javascript:alert(1)");
  input.attributes = attribute_input{{"a=b", {"x"}}, {"c", {""}}};
  EXPECT_THAT(pointers(content_of(input, "USD")),
              ElementsAre("/sku", "/name", "/image", "/categories/0", "/categories/1",
                          "/attributes/a=b", "/attributes/c", "/currency"));
}

TEST(content, limits_attributes) {
  auto input = lamp();
  input.attributes.emplace();
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 50; ++k)
      (*input.attributes)["n" + std::to_string(i)].push_back(std::to_string(k));
  EXPECT_TRUE(content_of(input, "USD"));
  (*input.attributes)["one"].push_back("more");
  EXPECT_THAT(pointers(content_of(input, "USD")), ElementsAre("/attributes"));
  // The same name but for its outer spaces: neither may take the other's place.
  input.attributes = attribute_input{{" color", {"Red"}}, {"color", {"Blue"}}};
  EXPECT_THAT(pointers(content_of(input, "USD")), ElementsAre("/attributes/color"));
  input.attributes = attribute_input{{" color", {"Red"}}, {"color", {}}};
  EXPECT_THAT(pointers(content_of(input, "USD")), ElementsAre("/attributes/color"));
}

TEST(patch, changes_only_what_it_names) {
  auto input = lamp();
  input.brand = std::string("Oak");
  input.attributes = attribute_input{{"color", {"Blue"}}, {"size", {"M"}}};
  const auto present = content_of(input, "USD");
  ASSERT_TRUE(present);

  const auto patch = json::read<product_patch>(
      R"({"name":"Tall Lamp","brand":null,"attributes":{"size":null,"material":"Brass"}})");
  ASSERT_TRUE(patch);
  const auto after = patched(*present, *patch, "USD");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->name, "Tall Lamp");
  EXPECT_FALSE(after->brand);
  EXPECT_EQ(after->attributes, (attribute_map{{"color", {"Blue"}}, {"material", {"Brass"}}}));
  EXPECT_EQ(after->price_minor, 4900);

  const auto nothing = patched(*present, product_patch{}, "USD");
  ASSERT_TRUE(nothing);
  EXPECT_EQ(*nothing, *present);
}

TEST(variants, are_counted_in_their_order) {
  product_detail product;
  describe_variants(product);
  EXPECT_EQ(product.variants_count, 0);
  EXPECT_FALSE(product.price_range || product.variant_attributes);

  product.variants = {{.price_minor = 300, .attributes = {{"size", {"XS"}}}},
                      {.price_minor = 100, .attributes = {{"size", {"S"}}}},
                      {.price_minor = 200, .attributes = {{"size", {"XS"}}}}};
  describe_variants(product);
  EXPECT_EQ(product.variants_count, 3);
  EXPECT_EQ(product.price_range, (price_range{100, 300}));
  EXPECT_THAT(product.variant_attributes->at("size"),
              ElementsAre(counted_value{"XS", 2}, counted_value{"S", 1}));
}

}  // namespace
}  // namespace souk::product
