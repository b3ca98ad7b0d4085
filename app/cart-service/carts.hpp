#pragma once

// What a cart is, and what a shopper sees of it. No I/O.

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/money.hpp"

namespace souk::cart {

using attributes = std::map<std::string, std::vector<std::string>>;

// ---------------------------------------------------------------------------------------------
// What is stored.

// A product as it was when its line came into the cart: what is shown while product-service does
// not answer, and the price that today's is compared with.
struct snapshot {
  std::string sku, name;
  std::optional<std::string> image;
  minor_units price_minor = 0;
  cart::attributes attributes;
  std::int64_t added_at_ms = 0;  // since 1970
};
BOOST_DESCRIBE_STRUCT(snapshot, (), (sku, name, image, price_minor, attributes, added_at_ms))

struct stored_line {
  uuid product_id;
  std::int64_t quantity = 0;
  snapshot when_added;
};

struct stored_cart {
  std::string revision;            // "" for one that was never used
  std::vector<stored_line> lines;  // in the order in which they came
};

// ---------------------------------------------------------------------------------------------
// What others know.

struct product {
  uuid id;
  std::string sku, name;
  std::optional<std::string> image;
  json::integer<0, max_price_minor> price_minor;
  std::string currency;
  cart::attributes attributes;
  std::int64_t variants_count = 0;

  bool can_be_bought() const { return variants_count == 0; }
};
BOOST_DESCRIBE_STRUCT(product, (),
                      (id, sku, name, image, price_minor, currency, attributes, variants_count))

// By id: the thing, or nothing when its owner says that there is none. An id that is missing here
// could not be asked for.
template <class T>
using found = std::unordered_map<uuid, std::optional<T>>;

struct knowledge {
  found<product> products;  // archived ones are not there
  found<std::int64_t> available;
};

// ---------------------------------------------------------------------------------------------
// What is shown.

enum class line_status {
  ok,
  insufficient,  // there is less than is wanted, perhaps nothing
  unavailable,   // no longer sold
  unknown,       // its owners don't answer now
};
BOOST_DESCRIBE_ENUM(line_status, ok, insufficient, unavailable, unknown)

struct line_view {
  uuid product_id;
  std::string sku, name;
  std::optional<std::string> image;
  std::int64_t quantity = 0;
  minor_units unit_price_minor = 0;  // today's; when_added's if that is not known
  minor_units line_total_minor = 0;
  minor_units price_when_added_minor = 0;
  std::int64_t available = 0;  // 0 if not known
  line_status status = line_status::unknown;
  cart::attributes attributes;
};
BOOST_DESCRIBE_STRUCT(line_view, (),
                      (product_id, sku, name, image, quantity, unit_price_minor, line_total_minor,
                       price_when_added_minor, available, status, attributes))

struct cart_view {
  uuid user_id;
  std::string revision;
  std::string currency;
  std::vector<line_view> lines;
  minor_units total_minor = 0;   // without lines that are unavailable
  std::int64_t items_count = 0;  // units, likewise
  bool buyable = false;          // there are lines, and all of them are ok
  bool degraded = false;         // some line is unknown
};
BOOST_DESCRIBE_STRUCT(cart_view, (),
                      (user_id, revision, currency, lines, total_minor, items_count, buyable,
                       degraded))

cart_view view_of(uuid user, const stored_cart& cart, const knowledge& now,
                  const std::string& currency);

snapshot snapshot_of(const product& p, std::int64_t added_at_ms);

// ---------------------------------------------------------------------------------------------

enum class failure {
  has_variants,
  product_unavailable,  // archived, or never was
  catalogue_down,       // product-service doesn't say what it is
  cart_full,
  quantity_limit,
  key_reused,
};

// Why the product can't be put into a cart; nothing if it can.
std::optional<failure> objection(const found<product>& products, uuid id,
                                 const std::string& currency);

}  // namespace souk::cart
