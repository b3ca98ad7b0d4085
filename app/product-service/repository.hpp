#pragma once

// All of product-service's SQL.
//
// Errors: what the business may expect is an `outcome` or a line's result; pg::unavailable,
// pg::unknown_outcome and pg::error are thrown. After unknown_outcome the same call may be
// repeated.
//
// Everything that writes the catalogue takes one lock first, so that rules that span products
// (one level of variants, unique slugs) can be checked before the write. Whatever may have changed
// the catalogue raises the catalogue's version before it returns or throws.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue_version.hpp"
#include "import_plan.hpp"
#include "kit/context.hpp"
#include "kit/postgres.hpp"
#include "products.hpp"
#include "search.hpp"

namespace souk::product {

// A product of a list and what its `available` is the sum of.
struct listed_product {
  product_view product;
  std::vector<uuid> stock_of;
};

// The key of the last row of a page, in the list's order.
struct page_key {
  std::string sort_key;  // a whole number, except when ordered by name
  uuid id;
};

struct listing_page {
  std::vector<listed_product> items;
  std::optional<page_key> next;  // absent at the end
};

enum class suggestion_kind { product, category, brand, search };
BOOST_DESCRIBE_ENUM(suggestion_kind, product, category, brand, search)

struct suggestion {
  suggestion_kind kind = suggestion_kind::search;
  std::string text;
  std::optional<std::string> slug;    // of a product
  std::optional<std::string> image;   // of a product
  std::optional<std::int64_t> count;  // products with this category, brand or word
};
BOOST_DESCRIBE_STRUCT(suggestion, (), (kind, text, slug, image, count))

// An answer of word correction: `word` itself when it is known.
struct corrected_word {
  std::string word;
  std::optional<std::string> correction;
};
BOOST_DESCRIBE_STRUCT(corrected_word, (), (word, correction))

enum class stock_message_reason { opening, stocktake };
BOOST_DESCRIBE_ENUM(stock_message_reason, opening, stocktake)

struct stock_message {
  std::int64_t message_id = 0;
  uuid product_id;
  std::string key;
  stock_message_reason reason = stock_message_reason::opening;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(stock_message, (), (message_id, product_id, key, reason, quantity))

// The database's URL for lists and search: what a list is filtered by decides how it is best read,
// so each is planned for itself.
std::string search_url(const std::string& database_url);

class repository {
 public:
  // `searches` (on search_url) serves what may take long because of what a shopper asked, `bulk`
  // what takes long by its nature: imports and the books.
  repository(pg::pool& db, pg::pool& searches, pg::pool& bulk, catalogue_version& version)
      : db_(db), searches_(searches), bulk_(bulk), version_(version) {}

  // --- Reading -------------------------------------------------------------------------------

  task<std::optional<product_detail>> find(const context& ctx, uuid id);
  task<std::optional<product_detail>> find_by_slug(const context& ctx, std::string_view slug);
  // In the order of `ids`; those that don't exist are left out.
  task<std::vector<product_view>> find_all(const context& ctx, const std::vector<uuid>& ids);

  task<listing_page> list(const context& ctx, const listing_query& query,
                          const std::optional<page_key>& after);
  struct facet_counts {
    std::vector<fact_count> counts;  // the most frequent values of each facet, these first
    std::int64_t total = 0;          // listings found
    bool capped = false;             // there are more; `total` and counts are of a part of them
  };
  task<facet_counts> count_facets(const context& ctx, const listing_query& query);
  task<std::vector<fact_count>> count_categories(const context& ctx);

  // The nearest known word for each.
  task<std::vector<corrected_word>> correct(const context& ctx,
                                            const std::vector<std::string>& words);
  // For the text of a search that is being typed; the best first.
  task<std::vector<suggestion>> suggest(const context& ctx, const std::vector<std::string>& words);

  // --- Writing -------------------------------------------------------------------------------

  // `parent` is an id or a sku. An archived product with this sku is revived.
  task<outcome<product_detail>> create(const context& ctx, const product_content& content,
                                       const std::optional<std::string>& parent,
                                       std::optional<std::int64_t> opening_quantity);
  // What is there; for a change that is worked out from it.
  task<std::optional<stored_product>> find_stored(const context& ctx, uuid id);
  // Replaces that version, any if none is given. The same content makes no new version.
  task<outcome<product_detail>> replace(const context& ctx, uuid id,
                                        std::optional<std::int64_t> version,
                                        const product_content& content,
                                        const std::optional<std::string>& parent);
  // With its variants. Any version if none is given.
  task<outcome<void>> archive(const context& ctx, uuid id, std::optional<std::int64_t> version);

  // --- Imports -------------------------------------------------------------------------------

  // One transaction. `lines` name each sku once. Lines that wait for their parent are kept, until a
  // later line names their sku, unless `is_last_chance`. The results are in the order of the lines.
  task<std::vector<line_result>> import_lines(const context& ctx, uuid import_id,
                                              const std::vector<import_line>& lines,
                                              import_stock stock, bool is_last_chance);
  struct kept_line {
    std::int64_t line = 0;
    std::string document;
  };
  // Lines that were kept, after `line`.
  task<std::vector<kept_line>> find_kept_lines(const context& ctx, uuid import_id,
                                               std::int64_t after, std::int64_t limit);
  // Forgets the lines of this import, and those of imports that broke off long ago.
  task<> end_import(const context& ctx, uuid import_id);

  // --- Stock messages ------------------------------------------------------------------------

  // Those that are due, for this worker alone for half a minute; one of a product at a time.
  task<std::vector<stock_message>> claim_stock_messages(const context& ctx, std::int64_t limit);
  task<> mark_sent(const context& ctx, const std::vector<std::int64_t>& messages);
  task<> mark_refused(const context& ctx, std::int64_t message, std::string_view refusal);
  task<> postpone(const context& ctx, const std::vector<std::int64_t>& messages);
  struct backlog {
    std::int64_t pending = 0;
    double lag_seconds = 0;  // age of the oldest
  };
  task<backlog> stock_backlog(const context& ctx);

  // --- The books -----------------------------------------------------------------------------

  struct book_entry {
    uuid product_id;
    std::string sku;
    std::int64_t opening_quantity = 0;
    bool opening_sent = true;
  };
  // Ascending by product, after `after` up to `through`; archived products too.
  task<std::vector<book_entry>> list_books(const context& ctx, uuid after, uuid through,
                                           std::int64_t limit);
  struct violation {
    std::string violation, subject, detail;
  };
  struct check_result {
    std::vector<violation> violations;
    std::int64_t checked = 0;
  };
  task<check_result> check(const context& ctx);

 private:
  pg::pool& db_;
  pg::pool& searches_;
  pg::pool& bulk_;
  catalogue_version& version_;
};
BOOST_DESCRIBE_STRUCT(repository::kept_line, (), (line, document))
BOOST_DESCRIBE_STRUCT(repository::backlog, (), (pending, lag_seconds))
BOOST_DESCRIBE_STRUCT(repository::book_entry, (), (product_id, sku, opening_quantity, opening_sent))
BOOST_DESCRIBE_STRUCT(repository::violation, (), (violation, subject, detail))

}  // namespace souk::product
