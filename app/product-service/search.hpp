#pragma once

// What can be asked of the catalogue and how the answer is described: filters, orders, pages,
// facets, the tree of categories. No I/O.
//
// A fact is something that a product can be filtered by, as one text: "category=Kitchen/Knives",
// "brand=Oak", "attr.color=Blue", "price=1000-1999", and "*", which every product has. The part
// before the "=" is its facet.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "products.hpp"

namespace souk::product {

inline constexpr std::int64_t facet_values = 20;           // shown of each facet, the most frequent
inline constexpr std::int64_t category_values = 60;        // of categories, which have levels
inline constexpr std::size_t facet_attributes = 20;        // attributes that become facets
inline constexpr std::int64_t counted_candidates = 1'000;  // listings that facets are counted over

enum class sort_order { featured, relevance, newest, price_asc, price_desc, name };
BOOST_DESCRIBE_ENUM(sort_order, featured, relevance, newest, price_asc, price_desc, name)

// Values of one facet widen the choice, different facets narrow it. All filters must be met by one
// variant (or by the product itself, if it has none).
struct filters {
  std::vector<std::string> categories;  // each includes its sub-categories
  std::vector<std::string> brands;
  attribute_map attributes;
  std::optional<std::int64_t> min_price, max_price;  // inclusive

  bool by_price() const { return min_price || max_price; }
  bool none() const {
    return categories.empty() && brands.empty() && attributes.empty() && !by_price();
  }
};

// What a shopper typed. `loosely` is how the search goes on when nothing was found: all words, in
// any form, the last one perhaps unfinished.
struct search_text {
  std::string typed;
  bool loosely = false;
};

struct listing_query {
  std::optional<search_text> search;
  filters where;
  sort_order order = sort_order::featured;
  std::int64_t limit = 24;
};

// The same text for the same list: a cursor belongs to one. The page's size and how the search was
// widened are not part of it.
std::string list_name(const listing_query& query);

// ---------------------------------------------------------------------------------------------
// What the repository needs (texts in the form of a tsquery over facts or words).

// All filters but those of `facet` ("brand", "attr.color"); "'*'" when there are none.
std::string facts_query(const filters& where, std::string_view except_facet = {});

// True when facts of the product and its variants together could meet the filters although no
// single variant does.
bool must_look_at_variants(const filters& where);

// The words of a text, at most 20: letters and digits, without signs.
std::vector<std::string> words_of(std::string_view text);
// All of the words, the last one perhaps unfinished. Nothing when there is no word.
std::optional<std::string> loose_query(std::string_view typed);

// What the facets are counted over: everything that is found, for facets that are not filtered by;
// and for each of the others what would be found without its own filter.
struct scope {
  std::string facet;  // "" for the facets that are not filtered by
  std::string facts;  // tsquery
  std::int64_t min_price = 0, max_price = max_price_minor;
  bool whole_catalogue = false;  // nothing narrows it
};
std::vector<scope> facet_scopes(const listing_query& query);

// ---------------------------------------------------------------------------------------------
// Facets.

struct fact_count {
  std::string fact;
  std::int64_t listings = 0;
};
BOOST_DESCRIBE_STRUCT(fact_count, (), (fact, listings))

// Both ends included, so that they serve as min_price and max_price.
struct counted_price_range {
  std::int64_t min_minor = 0, max_minor = 0, count = 0;
  bool operator==(const counted_price_range&) const = default;
};
BOOST_DESCRIBE_STRUCT(counted_price_range, (), (min_minor, max_minor, count))

struct facet_set {
  std::vector<counted_value> category;  // paths of all levels
  std::vector<counted_value> brand;
  std::vector<counted_price_range> price;  // ascending
  counted_attributes attributes;
};
BOOST_DESCRIBE_STRUCT(facet_set, (), (category, brand, price, attributes))

// Keeps the order of `counts`.
facet_set facets_from(const std::vector<fact_count>& counts);

// ---------------------------------------------------------------------------------------------
// Categories.

struct category {
  std::string name;
  std::string path;
  std::int64_t count = 0;  // products in it and below it
  std::vector<category> children;
};
BOOST_DESCRIBE_STRUCT(category, (), (name, path, count, children))

// From the counts of facts "category=A/B"; sorted by name on each level.
std::vector<category> category_tree(const std::vector<fact_count>& counts);

}  // namespace souk::product
