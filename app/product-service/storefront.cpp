#include "storefront.hpp"

#include "kit/cursor.hpp"

namespace souk::product {
namespace {

// A cursor carries the key of the last row shown and, for a search, the words that it went on with
// and whether loosely.
constexpr std::size_t cursor_parts = 4;

std::string cursor_of(const listing_query& asked, const listing_query& effective,
                      const page_key& last) {
  const bool loosely = effective.search && effective.search->loosely;
  return encode_cursor(list_name(asked),
                       {last.sort_key, last.id.str(),
                        effective.search ? effective.search->typed : "", loosely ? "loosely" : ""});
}

struct position {
  listing_query effective;
  page_key last;
};

std::optional<position> position_of(const listing_query& asked, std::string_view cursor) {
  auto parts = decode_cursor(list_name(asked), cursor, cursor_parts);
  if (!parts) return std::nullopt;
  const auto id = uuid::parse((*parts)[1]);
  const auto& sort_key = (*parts)[0];
  const bool is_number = json::from_text<std::int64_t>(sort_key).has_value();
  if (!id || (asked.order != sort_order::name && !is_number)) return std::nullopt;
  position out{asked, {sort_key, *id}};
  const auto& typed = (*parts)[2];
  if (asked.search.has_value() == typed.empty() || json::count_characters(typed) > 1000)
    return std::nullopt;
  if (asked.search) out.effective.search = search_text{typed, !(*parts)[3].empty()};
  return out;
}

struct page_rest {
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> total;
  std::optional<bool> total_is_at_least;
  std::optional<facet_set> facets;
  std::optional<std::string> did_you_mean;
};
BOOST_DESCRIBE_STRUCT(page_rest, (), (next_cursor, total, total_is_at_least, facets, did_you_mean))

stocked_json encode(const listing_page& page, const page_rest& rest) {
  stocked_json out;
  out.add("{\"items\":[");
  for (const auto& item : page.items) {
    if (&item != &page.items.front()) out.add(",");
    out.add_object(item.product, item.stock_of);
  }
  const auto fields = json::write(rest);
  out.add(fields == "{}" ? "]" : "],");
  out.add(std::string_view(fields).substr(1));
  return out;
}

template <class T>
catalogue_cache::answer_ptr plain_answer(const T& value) {
  stocked_json json;
  json.add(json::write(value));
  return std::make_shared<answer>(std::move(json));
}

}  // namespace

// ---------------------------------------------------------------------------------------------

task<std::optional<storefront::encoded>> storefront::product(const context& ctx,
                                                             std::string id_or_slug) {
  const auto found = co_await cache_.get(ctx, "product " + id_or_slug, [this, &ctx, &id_or_slug] {
    return make_product(ctx, id_or_slug);
  });
  if (!found) co_return std::nullopt;
  co_return co_await found->current(ctx, stock_);
}

task<storefront::answer_ptr> storefront::make_product(const context& ctx,
                                                      const std::string& id_or_slug) {
  const auto id = uuid::parse(id_or_slug);
  auto found =
      id ? co_await products_.find(ctx, *id) : co_await products_.find_by_slug(ctx, id_or_slug);
  if (!found) co_return nullptr;
  co_return std::make_shared<answer>(product::encode(*found), found->version);
}

task<storefront::encoded> storefront::written(const context& ctx, const product_detail& product) {
  answer a(product::encode(product), product.version);
  co_return co_await a.current(ctx, stock_);
}

// ---------------------------------------------------------------------------------------------

task<std::optional<storefront::encoded>> storefront::list(const context& ctx,
                                                          const listing_query& query,
                                                          std::optional<std::string> cursor) {
  if (!cursor) {
    auto key = list_name(query) + " limit=" + std::to_string(query.limit);
    const auto found = co_await cache_.get(
        ctx, std::move(key), [this, &ctx, &query] { return make_first_page(ctx, query); });
    co_return co_await found->current(ctx, stock_);
  }
  const auto from = position_of(query, *cursor);
  if (!from) co_return std::nullopt;
  const auto page = co_await products_.list(ctx, from->effective, from->last);
  page_rest rest;
  if (page.next) rest.next_cursor = cursor_of(query, from->effective, *page.next);
  answer a(encode(page, rest));
  co_return co_await a.current(ctx, stock_);
}

task<storefront::answer_ptr> storefront::make_first_page(const context& ctx,
                                                         const listing_query& query) {
  listing_query effective = query;
  page_rest rest;
  auto page = co_await products_.list(ctx, effective, std::nullopt);
  if (page.items.empty() && query.search) {
    // Perhaps the last word is not finished, or a word stands in another form ...
    effective.search->loosely = true;
    page = co_await products_.list(ctx, effective, std::nullopt);
  }
  if (page.items.empty() && query.search) {
    // ... or is misspelt.
    const auto corrected = co_await products_.correct(ctx, words_of(query.search->typed));
    std::string text;
    bool differs = false;
    for (const auto& [word, correction] : corrected) {
      if (!text.empty()) text += ' ';
      text += correction.value_or(word);
      differs = differs || correction.value_or(word) != word;
    }
    if (differs) {
      effective.search = search_text{text, true};
      page = co_await products_.list(ctx, effective, std::nullopt);
      if (!page.items.empty()) rest.did_you_mean = text;
    }
  }
  const auto counted = co_await products_.count_facets(ctx, effective);
  rest.total = std::min(counted.total, counted.capped ? counted_candidates : counted.total);
  rest.total_is_at_least = counted.capped;
  rest.facets = facets_from(counted.counts);
  if (page.next) rest.next_cursor = cursor_of(query, effective, *page.next);
  co_return std::make_shared<answer>(encode(page, rest));
}

// ---------------------------------------------------------------------------------------------

task<storefront::encoded> storefront::suggestions(const context& ctx, std::string_view typed) {
  const auto words = words_of(typed);
  std::string key = "suggest";
  for (const auto& word : words) key.append(" ").append(word);
  const auto found = co_await cache_.get(
      ctx, std::move(key), [this, &ctx, &words] { return make_suggestions(ctx, words); });
  co_return co_await found->current(ctx, stock_);
}

task<storefront::answer_ptr> storefront::make_suggestions(const context& ctx,
                                                          const std::vector<std::string>& words) {
  suggestion_list list{co_await products_.suggest(ctx, words)};
  co_return plain_answer(list);
}

task<storefront::encoded> storefront::categories(const context& ctx) {
  const auto found =
      co_await cache_.get(ctx, "categories", [this, &ctx] { return make_categories(ctx); });
  co_return co_await found->current(ctx, stock_);
}

task<storefront::answer_ptr> storefront::make_categories(const context& ctx) {
  const auto counts = co_await products_.count_categories(ctx);
  category_list list{category_tree(counts)};
  co_return plain_answer(list);
}

}  // namespace souk::product
