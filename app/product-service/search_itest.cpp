// Lists, facets and search on a real PostgreSQL, compared with a recount that knows no SQL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "testing/store.hpp"

namespace souk::product {
namespace {

using fake::store;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---------------------------------------------------------------------------------------------
// A catalogue, and what is true of it.

struct model {
  std::vector<import_line> lines;

  std::string add(product_content content, std::optional<std::string> parent = std::nullopt) {
    content.currency = "USD";
    if (content.name.empty()) content.name = content.sku;
    auto sku = content.sku;
    lines.push_back({.number = static_cast<std::int64_t>(lines.size()) + 1,
                     .content = std::move(content),
                     .parent_sku = std::move(parent)});
    return sku;
  }

  // Something that can be bought, with what it has from its parent.
  struct offer {
    const product_content* listing;
    attribute_map attributes;
    std::int64_t price_minor;
  };
  std::vector<offer> offers() const {
    std::vector<offer> out;
    for (const auto& parent : lines) {
      if (parent.parent_sku) continue;
      bool has_variants = false;
      for (const auto& variant : lines) {
        if (variant.parent_sku != parent.content.sku) continue;
        has_variants = true;
        auto attributes = variant.content.attributes;
        attributes.insert(parent.content.attributes.begin(), parent.content.attributes.end());
        out.push_back({&parent.content, attributes, variant.content.price_minor});
      }
      if (!has_variants)
        out.push_back({&parent.content, parent.content.attributes, parent.content.price_minor});
    }
    return out;
  }

  static std::set<std::string> facts_of(const offer& o) {
    std::set<std::string> out;
    for (const auto& path : o.listing->categories) {
      for (auto at = path.find('/'); at != path.npos; at = path.find('/', at + 1))
        out.insert("category=" + path.substr(0, at));
      out.insert("category=" + path);
    }
    if (o.listing->brand) out.insert("brand=" + *o.listing->brand);
    for (const auto& [name, values] : o.attributes)
      for (const auto& value : values) out.insert("attr." + name + "=" + value);
    std::int64_t low = 1, high = 99;
    for (std::int64_t step = 100; step <= o.price_minor; step = step_after(step)) {
      low = step;
      high = step_after(step) - 1;
    }
    out.insert("price=" + std::to_string(low) + "-" + std::to_string(high));
    return out;
  }
  static std::int64_t step_after(std::int64_t step) {
    while (step >= 10 && step % 10 == 0) step /= 10;
    return 0 + (step == 1 ? 2 : step == 2 ? 5 : 10);
  }

  static bool meets(const offer& o, const listing_query& q, const std::string& except = {}) {
    if (q.search && o.listing->name.find(q.search->typed) == std::string::npos) return false;
    const auto facts = facts_of(o);
    const auto has_one = [&](const std::string& facet, const std::vector<std::string>& values) {
      return facet == except || values.empty() ||
             std::ranges::any_of(values, [&](const auto& v) { return facts.contains(facet + '=' + v); });
    };
    if (!has_one("category", q.where.categories) || !has_one("brand", q.where.brands)) return false;
    for (const auto& [name, values] : q.where.attributes)
      if (!has_one("attr." + name, values)) return false;
    return except == "price" || (o.price_minor >= q.where.min_price.value_or(0) &&
                                 o.price_minor <= q.where.max_price.value_or(max_price_minor));
  }

  std::set<std::string> find(const listing_query& q) const {
    std::set<std::string> out;
    for (const auto& o : offers())
      if (meets(o, q)) out.insert(o.listing->sku);
    return out;
  }
  std::map<std::string, std::int64_t> count(const listing_query& q) const {
    std::set<std::string> filtered;
    if (!q.where.categories.empty()) filtered.insert("category");
    if (!q.where.brands.empty()) filtered.insert("brand");
    for (const auto& [name, values] : q.where.attributes) filtered.insert("attr." + name);
    if (q.where.by_price()) filtered.insert("price");
    std::map<std::string, std::set<std::string>> listings;
    for (const auto& o : offers())
      for (const auto& fact : facts_of(o)) {
        const auto facet = fact.substr(0, fact.find('='));
        if (meets(o, q, filtered.contains(facet) ? facet : "")) listings[fact].insert(o.listing->sku);
      }
    std::map<std::string, std::int64_t> out;
    for (const auto& [fact, skus] : listings) out[fact] = static_cast<std::int64_t>(skus.size());
    return out;
  }
};

// Every ladder step is 1, 2 or 5 times a power of ten.
std::int64_t ladder_step_after(std::int64_t step) {
  std::int64_t power = 1;
  while (step % 10 == 0) {
    step /= 10;
    power *= 10;
  }
  return power * (step == 1 ? 2 : step == 2 ? 5 : 10);
}

}  // namespace
}  // namespace souk::product
