#include "load/catalogue.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "kit/id.hpp"
#include "kit/json.hpp"

namespace souk::load {
namespace {

// Enough to wander about in; a run shall not begin with reading a million products.
constexpr std::size_t most_pages = 3;
constexpr std::size_t most_parents = 60;

struct variant_view {
  std::string id, sku, slug, name;
  std::int64_t price_minor = 0;
};
BOOST_DESCRIBE_STRUCT(variant_view, (), (id, sku, slug, name, price_minor))

struct product_view {
  std::string id, sku, slug, name, currency;
  std::vector<std::string> categories;
  std::int64_t price_minor = 0;
  std::int64_t variants_count = 0;
  std::optional<std::vector<variant_view>> variants;
};
BOOST_DESCRIBE_STRUCT(product_view, (),
                      (id, sku, slug, name, currency, categories, price_minor, variants_count,
                       variants))

struct product_page {
  std::vector<product_view> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(product_page, (), (items, next_cursor))

}  // namespace

struct catalogue::shelf {
  std::vector<product> products;
  std::vector<std::string> parents;  // of variants that are still to be read
  std::set<std::string> categories;
  std::string currency;

  void put(product_view p) {
    currency = p.currency;
    categories.insert(p.categories.begin(), p.categories.end());
    if (p.variants) {
      for (auto& v : *p.variants) {
        products.push_back({std::move(v.id), std::move(v.sku), std::move(v.slug), std::move(v.name),
                            v.price_minor});
      }
    }
    if (p.variants_count == 0) {
      products.push_back(
          {std::move(p.id), std::move(p.sku), std::move(p.slug), std::move(p.name), p.price_minor});
    } else if (!p.variants) {
      parents.push_back(std::move(p.id));
    }
  }
};

task<bool> catalogue::read_list(store& from, std::string query, shelf& into, std::size_t pages) {
  std::string cursor;
  for (std::size_t page = 0; page < pages; ++page) {
    auto path = "/api/products?limit=100" + query;
    if (!cursor.empty()) path += "&cursor=" + http::url_encode(cursor);
    const auto got = co_await from.ask({.action = action::list,
                                        .call = http::get(std::move(path)),
                                        .intended = steady_clock::now()});
    if (!got.ok()) co_return false;
    auto list = json::read_lenient<product_page>(got.body);
    if (!list) co_return false;
    for (auto& p : list->items) into.put(std::move(p));
    if (!list->next_cursor) break;
    cursor = std::move(*list->next_cursor);
  }
  co_return true;
}

task<bool> catalogue::read_one(store& from, const std::string& id, shelf& into) {
  const auto got = co_await from.ask({.action = action::product,
                                      .call = http::get("/api/products/" + http::url_encode(id)),
                                      .intended = steady_clock::now()});
  if (got.status == 404) co_return true;  // archived meanwhile
  if (!got.ok()) co_return false;
  auto p = json::read_lenient<product_view>(got.body);
  if (!p) co_return false;
  if (!p->variants) p->variants.emplace();
  into.put(std::move(*p));
  co_return true;
}

task<bool> catalogue::load(store& from, const std::vector<std::string>& only) {
  shelf all;
  std::vector<std::string> not_found;
  if (only.empty()) {
    if (!co_await read_list(from, "", all, most_pages)) co_return false;
    auto parents = std::move(all.parents);
    parents.resize(std::min(parents.size(), most_parents));
    for (const auto& id : parents)
      if (!co_await read_one(from, id, all)) co_return false;
  }
  std::vector<product> wanted;
  for (const auto& name : only) {
    shelf found;
    if (uuid::parse(name)) {
      if (!co_await read_one(from, name, found)) co_return false;
    } else {
      // A search for a whole sku finds the product, or the parent of the variant.
      if (!co_await read_list(from, "&search=" + http::url_encode(name), found, 1)) co_return false;
      for (const auto& id : std::exchange(found.parents, {}))
        if (!co_await read_one(from, id, found)) co_return false;
    }
    const auto one = std::ranges::find_if(
        found.products, [&](const product& p) { return p.id == name || p.sku == name; });
    if (one == found.products.end()) {
      not_found.push_back(name);
      continue;
    }
    wanted.push_back(*one);
    all.currency = found.currency;
    all.categories.merge(found.categories);
  }
  if (!only.empty()) all.products = std::move(wanted);
  missing_ = std::move(not_found);
  if (all.products.empty()) co_return false;
  products_ = std::move(all.products);
  categories_.assign(all.categories.begin(), all.categories.end());
  currency_ = std::move(all.currency);
  co_return true;
}

std::string catalogue::words(chance& by) const {
  const std::string& name = popular(by).name;
  std::vector<std::string> all;
  std::string word;
  for (const char c : name + ' ') {
    if (c == ' ' || c == ',') {
      if (word.size() > 2) all.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  if (all.empty()) return name;
  std::string out = all[by.index(all.size())];
  if (by.happens(0.3)) out += ' ' + all[by.index(all.size())];
  if (by.happens(0.1)) out.erase(by.index(out.size()), 1);
  return json::is_utf8(out) ? out : all.front();
}

}  // namespace souk::load
