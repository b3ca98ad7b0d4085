#pragma once

// What a product is and which rules its fields follow. No I/O.
//
// A product may have variants (size, colour), which are products themselves; there is one level of
// them. What can be bought is a variant, or a product without any. A variant has its parent's
// categories, brand and attributes, except for the attributes that it states itself.

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/money.hpp"
#include "kit/time.hpp"

namespace souk::product {

inline constexpr std::int64_t max_opening_quantity = 1'000'000;
inline constexpr std::size_t max_category_levels = 6;
inline constexpr std::size_t max_attributes = 50;
inline constexpr std::size_t max_attribute_values = 50;  // of one attribute
inline constexpr std::size_t max_values_in_all = 200;

using attribute_map = std::map<std::string, std::vector<std::string>>;

// ---------------------------------------------------------------------------------------------
// What is shown.

struct price_range {
  std::int64_t min_minor = 0, max_minor = 0;
  bool operator==(const price_range&) const = default;
};
BOOST_DESCRIBE_STRUCT(price_range, (), (min_minor, max_minor))

struct counted_value {
  std::string value;
  std::int64_t count = 0;
  bool operator==(const counted_value&) const = default;
};
BOOST_DESCRIBE_STRUCT(counted_value, (), (value, count))
using counted_attributes = std::map<std::string, std::vector<counted_value>>;

struct product_view {
  uuid id;
  std::string sku, slug, name, description;
  std::optional<std::string> brand, image;
  std::vector<std::string> categories;
  std::int64_t price_minor = 0;
  std::string currency;
  attribute_map attributes;
  std::optional<uuid> variant_of;
  // A product with variants can't be bought itself; these describe the variants.
  std::int64_t variants_count = 0;
  std::optional<product::price_range> price_range;
  std::optional<counted_attributes> variant_attributes;
  // What can be sold now, over all variants; absent while inventory does not say.
  std::optional<std::int64_t> available;
  std::int64_t version = 0;
  timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(product_view, (),
                      (id, sku, slug, name, description, brand, image, categories, price_minor,
                       currency, attributes, variant_of, variants_count, price_range,
                       variant_attributes, available, version, updated_at))

struct variant_view {
  uuid id;
  std::string sku, slug, name;
  std::optional<std::string> image;
  std::int64_t price_minor = 0;
  attribute_map attributes;  // its own
  std::optional<std::int64_t> available;
  std::int64_t version = 0;
  timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(variant_view, (),
                      (id, sku, slug, name, image, price_minor, attributes, available, version,
                       updated_at))

struct product_detail : product_view {
  std::vector<variant_view> variants;
};
BOOST_DESCRIBE_STRUCT(product_detail, (product_view), (variants))

// Fills in what follows from the variants: their number, prices and counted attributes.
void describe_variants(product_detail& product);

// ---------------------------------------------------------------------------------------------
// What is written.

// Everything that a product says about itself. Two that are equal need no new version.
struct product_content {
  std::string sku, name, description;
  std::optional<std::string> brand, image;
  std::vector<std::string> categories;
  attribute_map attributes;
  std::int64_t price_minor = 0;
  std::string currency;
  bool operator==(const product_content&) const = default;
};

using sku_text = json::text<1, 64>;
using name_text = json::text<1, 200>;
using description_text = json::text<0, 10'000>;
using path_list = json::list<json::text<1, 200>, 0, 20>;
using attribute_input = std::map<std::string, json::text_or_list>;
using price = json::integer<1, max_price_minor>;
using opening_quantity = json::integer<0, max_opening_quantity>;

// POST /products, and a line of an import.
struct new_product {
  sku_text sku;
  name_text name;
  std::optional<description_text> description;
  std::optional<path_list> categories;
  price price_minor;
  json::text<3, 3> currency;
  std::optional<opening_quantity> quantity;
  std::optional<attribute_input> attributes;
  std::optional<json::text<1, 100>> brand;
  std::optional<json::text<1, 500>> image;
  std::optional<sku_text> variant_of;  // the parent's sku; outside of imports also its id
};
BOOST_DESCRIBE_STRUCT(new_product, (),
                      (sku, name, description, categories, price_minor, currency, quantity,
                       attributes, brand, image, variant_of))

// PUT: the whole content anew. What is left out is empty.
struct product_replacement {
  sku_text sku;
  name_text name;
  std::optional<description_text> description;
  std::optional<path_list> categories;
  price price_minor;
  json::text<3, 3> currency;
  std::optional<attribute_input> attributes;
  std::optional<json::text<1, 100>> brand;
  std::optional<json::text<1, 500>> image;
  std::optional<sku_text> variant_of;
};
BOOST_DESCRIBE_STRUCT(product_replacement, (),
                      (sku, name, description, categories, price_minor, currency, attributes, brand,
                       image, variant_of))

// PATCH, as a JSON merge patch (RFC 7396): null takes a field, or one attribute, away.
struct product_patch {
  std::optional<sku_text> sku;
  std::optional<name_text> name;
  std::optional<description_text> description;
  std::optional<path_list> categories;
  std::optional<price> price_minor;
  std::optional<json::text<3, 3>> currency;
  std::optional<std::map<std::string, json::nullable<json::text_or_list>>> attributes;
  json::nullable<json::text<1, 100>> brand;
  json::nullable<json::text<1, 500>> image;
  json::nullable<sku_text> variant_of;
};
BOOST_DESCRIBE_STRUCT(product_patch, (),
                      (sku, name, description, categories, price_minor, currency, attributes, brand,
                       image, variant_of))

// How the parent is named, without outer spaces.
std::optional<std::string> parent_named(const std::optional<sku_text>& variant_of);

// The content, tidied: outer spaces are taken off, repeated categories and values dropped,
// attributes without a value left out. Otherwise what is wrong with which field.
using checked_content = std::expected<product_content, json::errors>;
checked_content content_of(const new_product& input, std::string_view store_currency);
checked_content content_of(const product_replacement& input, std::string_view store_currency);
checked_content patched(const product_content& present, const product_patch& patch,
                        std::string_view store_currency);

// ---------------------------------------------------------------------------------------------
// Slugs: the name of a product in the address of its page. Made once; later names leave it.

// Lower-case letters a to z and digits, in words joined by "-"; letters of other Latin alphabets
// become their plain forms, everything else separates. At most 80 characters; may be empty.
std::string slug_of(std::string_view text);

// What may become the product's slug, the best first. The last one is free for certain.
std::vector<std::string> slug_candidates(std::string_view name, std::string_view sku, uuid id);

// ---------------------------------------------------------------------------------------------

enum class failure {
  not_found,
  sku_taken,
  changed_meanwhile,
  parent_unknown,
  parent_is_variant,
  parent_is_itself,
  has_variants,
};

template <class T>
using outcome = std::expected<T, failure>;

}  // namespace souk::product
