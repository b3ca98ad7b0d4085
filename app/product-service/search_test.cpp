#include "search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk::product {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

listing_query blue_medium() {
  listing_query query;
  query.where = {.categories = {"Men/Tops"},
                 .attributes = {{"color", {"Blue", "Red"}}, {"size", {"M"}}},
                 .max_price = 5000};
  return query;
}

TEST(facts_query, joins_values_by_or_and_facets_by_and) {
  const auto where = blue_medium().where;
  EXPECT_EQ(facts_query(where),
            "('category=Men/Tops') & ('attr.color=Blue' | 'attr.color=Red') & ('attr.size=M')");
  EXPECT_EQ(facts_query(where, "attr.color"), "('category=Men/Tops') & ('attr.size=M')");
  EXPECT_EQ(facts_query({}), "'*'");
  EXPECT_EQ(facts_query({.brands = {"Oak"}}, "brand"), "'*'");
}

TEST(facts_query, takes_every_value_literally) {
  EXPECT_EQ(facts_query({.brands = {R"(O'Neill \ & | ! ( ) : *)"}}),
            R"(('brand=O''Neill \\ & | ! ( ) : *'))");
}

TEST(list_name, is_the_same_for_the_same_list_only) {
  auto one = blue_medium(), other = blue_medium();
  other.where.attributes["color"] = {"Red", "Blue"};
  other.limit = 100;
  EXPECT_EQ(list_name(one), list_name(other));
  other.where.max_price = 5001;
  EXPECT_NE(list_name(one), list_name(other));
  other = one;
  other.order = sort_order::newest;
  EXPECT_NE(list_name(one), list_name(other));
  listing_query a, b;
  a.where.brands = {"x\" brand=\"y"};
  b.where.brands = {"x", "y"};
  EXPECT_NE(list_name(a), list_name(b));
}

TEST(words, are_what_stands_between_signs) {
  EXPECT_THAT(words_of("  Blue-green \"Café\", 2x!"), ElementsAre("Blue", "green", "Café", "2x"));
  EXPECT_THAT(words_of("?!"), IsEmpty());
  EXPECT_THAT(words_of(""), IsEmpty());
  std::string many;
  for (int i = 0; i < 50; ++i) many += "w ";
  EXPECT_EQ(words_of(many).size(), 20u);
  EXPECT_EQ(loose_query("blue hood"), "'blue' & 'hood':*");
  EXPECT_EQ(loose_query("'\\&"), std::nullopt);
}

TEST(scopes, leave_out_each_facets_own_filter) {
  const auto scopes = facet_scopes(blue_medium());
  ASSERT_EQ(scopes.size(), 5u);
  EXPECT_EQ(scopes[0].facet, "");
  EXPECT_EQ(scopes[0].facts, facts_query(blue_medium().where));
  EXPECT_EQ(scopes[1].facet, "category");
  EXPECT_EQ(scopes[2].facet, "attr.color");
  EXPECT_EQ(scopes[2].facts, "('category=Men/Tops') & ('attr.size=M')");
  EXPECT_EQ(scopes[2].max_price, 5000);
  EXPECT_EQ(scopes[4].facet, "price");
  EXPECT_EQ(scopes[4].max_price, max_price_minor);
  for (const auto& s : scopes) EXPECT_FALSE(s.whole_catalogue);
}

TEST(scopes, know_when_nothing_narrows_them) {
  listing_query query;
  EXPECT_TRUE(facet_scopes(query).front().whole_catalogue);
  query.where.brands = {"Oak"};
  auto scopes = facet_scopes(query);
  EXPECT_FALSE(scopes[0].whole_catalogue);
  EXPECT_TRUE(scopes[1].whole_catalogue);
  query.where.min_price = 1;
  scopes = facet_scopes(query);
  EXPECT_FALSE(scopes[1].whole_catalogue);  // the price narrows the brands,
  EXPECT_FALSE(scopes[2].whole_catalogue);  // and the brand the prices
  query.where.brands.clear();
  query.search = search_text{"lamp"};
  for (const auto& s : facet_scopes(query)) EXPECT_FALSE(s.whole_catalogue);
}

TEST(variants, are_looked_at_when_several_filters_could_be_met_by_different_ones) {
  EXPECT_FALSE(must_look_at_variants({.brands = {"Oak"}, .attributes = {{"size", {"M", "L"}}}}));
  EXPECT_TRUE(must_look_at_variants(blue_medium().where));
  EXPECT_TRUE(must_look_at_variants({.min_price = 1}));
}

TEST(facets, are_sorted_into_their_places) {
  const auto facets = facets_from({{"category=Men", 9},
                                   {"brand=A=B", 7},
                                   {"price=2000-4999", 6},
                                   {"attr.size=M", 5},
                                   {"category=Men/Tops", 4},
                                   {"attr.size=S", 3},
                                   {"price=1-99", 2},
                                   {"*", 9}});
  EXPECT_THAT(facets.category, ElementsAre(counted_value{"Men", 9}, counted_value{"Men/Tops", 4}));
  EXPECT_THAT(facets.brand, ElementsAre(counted_value{"A=B", 7}));
  EXPECT_THAT(facets.price,
              ElementsAre(counted_price_range{1, 99, 2}, counted_price_range{2000, 4999, 6}));
  EXPECT_THAT(facets.attributes.at("size"),
              ElementsAre(counted_value{"M", 5}, counted_value{"S", 3}));
}

TEST(categories, form_a_tree) {
  const auto tree = category_tree({{"category=Men", 9},
                                   {"category=Men/Tops", 5},
                                   {"category=Men & Women", 1},
                                   {"category=Men/Tops/Tees", 2},
                                   {"category=Kitchen", 3},
                                   {"brand=Oak", 3}});
  ASSERT_EQ(tree.size(), 3u);
  EXPECT_EQ(tree[0].name, "Kitchen");
  EXPECT_EQ(tree[1].path, "Men");
  EXPECT_EQ(tree[1].count, 9);
  ASSERT_EQ(tree[1].children.size(), 1u);
  EXPECT_EQ(tree[1].children[0].path, "Men/Tops");
  EXPECT_EQ(tree[1].children[0].children[0].name, "Tees");
  EXPECT_EQ(tree[1].children[0].children[0].count, 2);
  EXPECT_EQ(tree[2].name, "Men & Women");
}

}  // namespace
}  // namespace souk::product
