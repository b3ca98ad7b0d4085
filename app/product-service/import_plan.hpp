#pragma once

// What an import's lines do to the catalogue. Pure: the repository brings the products that the
// lines speak of and carries out the plan.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "products.hpp"

namespace souk::product {

// What quantities mean: stock that a new product opens with, or a stocktake of every product.
enum class import_stock { opening, set };
BOOST_DESCRIBE_ENUM(import_stock, opening, set)

struct import_line {
  std::int64_t number = 0;  // in the file, from 1
  product_content content;
  std::optional<std::string> parent_sku;
  std::optional<std::int64_t> quantity;
  std::string document;  // as received
};

enum class line_result {
  created,
  updated,
  unchanged,
  kept,  // until its parent comes
  parent_unknown,
  parent_is_variant,
  parent_is_itself,
  has_variants,
  not_stored,  // the database refused it
};

// A product as it is stored, archived or not.
struct stored_product {
  uuid id;
  std::string slug;
  product_content content;
  std::optional<uuid> variant_of;
  std::int64_t variants = 0;  // those that are not archived
  std::int64_t version = 0;
  bool archived = false;
};

struct product_write {
  uuid id;
  product_content content;
  std::optional<uuid> variant_of;
  std::string slug;  // empty: still to be made
};

// Whether `child` (nothing: a new product) may be a variant of `parent`; nothing if it may. A
// parent must be there, not archived, and no variant itself.
std::optional<failure> why_not_variant(const stored_product* child, const stored_product* parent);

class import_plan {
 public:
  // `present`: the products with the skus of all lines and their parents, as far as they exist.
  explicit import_plan(std::vector<stored_product> present);

  // Each line sees what those before it did.
  line_result add(const import_line& line);

  // In the order of their lines.
  const std::vector<product_write>& writes() const { return writes_; }
  // The product that has this sku now.
  const stored_product* find(const std::string& sku) const;

 private:
  stored_product* by_id(uuid id);
  std::map<std::string, stored_product> by_sku_;
  std::vector<product_write> writes_;
};

}  // namespace souk::product
