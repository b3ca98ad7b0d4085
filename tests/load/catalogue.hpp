#pragma once

// What shoppers know of the shelves: learned from the store when a run begins.

#include <optional>
#include <string>
#include <vector>

#include "load/chance.hpp"
#include "load/store.hpp"

namespace souk::load {

struct product {
  std::string id, sku, slug, name;
  std::int64_t price_minor = 0;
};

class catalogue {
 public:
  // A part of the store's products, or with `only` (skus or ids) exactly these. False when the
  // store does not answer as it should; then nothing has changed, and it may be tried again.
  task<bool> load(store& from, const std::vector<std::string>& only);

  // Those that can be bought. Not empty once loaded.
  const std::vector<product>& products() const { return products_; }
  const std::vector<std::string>& categories() const { return categories_; }
  const std::string& currency() const { return currency_; }
  // What of `only` is not sold here.
  const std::vector<std::string>& missing() const { return missing_; }

  const product& popular(chance& by) const { return products_[by.popular(products_.size())]; }
  // One or two words of a product's name, sometimes with a typing error.
  std::string words(chance& by) const;

 private:
  struct shelf;
  task<bool> read_list(store& from, std::string query, shelf& into, std::size_t most_pages);
  task<bool> read_one(store& from, const std::string& id, shelf& into);

  std::vector<product> products_;
  std::vector<std::string> categories_;
  std::string currency_;
  std::vector<std::string> missing_;
};

}  // namespace souk::load
