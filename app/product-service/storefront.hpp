#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalogue_cache.hpp"
#include "kit/context.hpp"
#include "repository.hpp"
#include "search.hpp"
#include "stock_levels.hpp"

namespace souk::product {

// GET /products, as it is documented; it is encoded piece by piece (see answers.hpp).
struct product_page {
  std::vector<product_view> items;
  std::optional<std::string> next_cursor;
  // With the first page:
  std::optional<std::int64_t> total;
  std::optional<bool> total_is_at_least;  // true: counted over the first thousand only
  std::optional<facet_set> facets;
  // With the first page of a search that found nothing as it was typed:
  std::optional<std::string> did_you_mean;
};
BOOST_DESCRIBE_STRUCT(product_page, (),
                      (items, next_cursor, total, total_is_at_least, facets, did_you_mean))

struct suggestion_list {
  std::vector<suggestion> items;
};
BOOST_DESCRIBE_STRUCT(suggestion_list, (), (items))

struct category_list {
  std::vector<category> items;
};
BOOST_DESCRIBE_STRUCT(category_list, (), (items))

// What shoppers read. Products, first pages, suggestions and categories come from the cache.
class storefront {
 public:
  using encoded = answer::encoded;

  storefront(repository& products, catalogue_cache& cache, stock_levels& stock)
      : products_(products), cache_(cache), stock_(stock) {}

  // By id or slug. Nothing if there is none.
  task<std::optional<encoded>> product(const context& ctx, std::string id_or_slug);
  // As it is, without the cache: for who has just changed it.
  task<encoded> written(const context& ctx, const product_detail& product);

  // Nothing if the cursor is not one of this list.
  task<std::optional<encoded>> list(const context& ctx, const listing_query& query,
                                    std::optional<std::string> cursor);
  task<encoded> suggestions(const context& ctx, std::string_view typed);
  task<encoded> categories(const context& ctx);

 private:
  using answer_ptr = catalogue_cache::answer_ptr;
  task<answer_ptr> make_product(const context& ctx, const std::string& id_or_slug);
  task<answer_ptr> make_first_page(const context& ctx, const listing_query& query);
  task<answer_ptr> make_suggestions(const context& ctx, const std::vector<std::string>& words);
  task<answer_ptr> make_categories(const context& ctx);

  repository& products_;
  catalogue_cache& cache_;
  stock_levels& stock_;
};

}  // namespace souk::product
