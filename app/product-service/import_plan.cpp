#include "import_plan.hpp"

#include <algorithm>

namespace souk::product {

std::optional<failure> why_not_variant(const stored_product* child, const stored_product* parent) {
  if (!parent || parent->archived) return failure::parent_unknown;
  if (child && child->id == parent->id) return failure::parent_is_itself;
  if (parent->variant_of) return failure::parent_is_variant;
  if (child && child->variants > 0) return failure::has_variants;
  return std::nullopt;
}

import_plan::import_plan(std::vector<stored_product> present) {
  for (auto& product : present) {
    std::string sku = product.content.sku;
    by_sku_.emplace(std::move(sku), std::move(product));
  }
}

const stored_product* import_plan::find(const std::string& sku) const {
  const auto found = by_sku_.find(sku);
  return found == by_sku_.end() ? nullptr : &found->second;
}

stored_product* import_plan::by_id(uuid id) {
  const auto found =
      std::ranges::find_if(by_sku_, [&](const auto& entry) { return entry.second.id == id; });
  return found == by_sku_.end() ? nullptr : &found->second;
}

line_result import_plan::add(const import_line& line) {
  const auto* present = find(line.content.sku);
  std::optional<uuid> variant_of;
  if (line.parent_sku) {
    if (*line.parent_sku == line.content.sku) return line_result::parent_is_itself;
    const auto* parent = find(*line.parent_sku);
    if (const auto refused = why_not_variant(present, parent)) {
      switch (*refused) {
        case failure::parent_unknown:
          return line_result::kept;
        case failure::has_variants:
          return line_result::has_variants;
        default:
          return line_result::parent_is_variant;
      }
    }
    variant_of = parent->id;
  }

  const bool is_new = !present || present->archived;
  if (!is_new && present->content == line.content && present->variant_of == variant_of)
    return line_result::unchanged;

  auto& product = by_sku_[line.content.sku];
  if (!present) product.id = uuid::v7();
  const auto count_for = [&](const std::optional<uuid>& parent, std::int64_t change) {
    if (!parent) return;
    if (auto* p = by_id(*parent)) p->variants += change;
  };
  if (!is_new) count_for(product.variant_of, -1);
  count_for(variant_of, +1);
  product.content = line.content;
  product.variant_of = variant_of;
  product.archived = false;
  writes_.push_back({product.id, product.content, variant_of, product.slug});
  return is_new ? line_result::created : line_result::updated;
}

}  // namespace souk::product
