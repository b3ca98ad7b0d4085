#include "routes.hpp"

#include <algorithm>

#include "errors.hpp"
#include "import.hpp"

namespace souk::product {
namespace {

constexpr std::int64_t page_size = 24;
constexpr std::int64_t books_page = 1000;
constexpr std::size_t largest_product = 512 * 1024;
constexpr std::size_t largest_import = 256u << 20;

// ---------------------------------------------------------------------------------------------
// Requests and responses

struct by_id {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(by_id, (), (id))

struct by_id_or_slug {
  json::text<1, 200> id;
};
BOOST_DESCRIBE_STRUCT(by_id_or_slug, (), (id))

using filter_values = json::list<json::text<1, 200>, 0, 50>;

struct list_query {
  std::optional<json::text<0, 200>> search;
  filter_values category, brand;
  std::optional<json::integer<0, max_price_minor>> min_price, max_price;
  std::map<std::string, std::vector<std::string>> attr;
  std::optional<sort_order> sort;
  std::optional<json::integer<1, 100>> limit;
  std::optional<std::string> cursor;
  json::list<uuid, 0, 100> ids;
};
BOOST_DESCRIBE_STRUCT(list_query, (),
                      (search, category, brand, min_price, max_price, attr, sort, limit, cursor,
                       ids))

struct suggest_query {
  json::text<0, 200> q;
};
BOOST_DESCRIBE_STRUCT(suggest_query, (), (q))

struct import_query {
  std::optional<import_stock> stock;
};
BOOST_DESCRIBE_STRUCT(import_query, (), (stock))

struct books_query {
  std::optional<bool> checks;
  std::optional<uuid> after, through;
  std::optional<json::integer<1, 5000>> limit;
};
BOOST_DESCRIBE_STRUCT(books_query, (), (checks, after, through, limit))

struct checked {
  std::int64_t checked = 0;
};
BOOST_DESCRIBE_STRUCT(checked, (), (checked))

// ---------------------------------------------------------------------------------------------

template <class T>
http::response<T> with_tag(http::response<T> response, const storefront::encoded& answer) {
  response.headers.emplace_back("ETag", answer.entity_tag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

// 304 for who has it already.
template <class T>
http::response<T> conditional(const storefront::encoded& answer,
                              const std::vector<std::string>& if_none_match) {
  const std::string_view tag(answer.entity_tag);
  const bool known = std::ranges::any_of(if_none_match, [&](const std::string& known_tag) {
    return known_tag == "*" || known_tag == tag.substr(1, tag.size() - 2);
  });
  if (known) return with_tag(http::response<T>::empty(304), answer);
  return with_tag(http::response<T>(http::encoded{answer.body}), answer);
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

// What the shopper asks for, or what is wrong with it.
std::expected<listing_query, json::errors> listing_query_of(const list_query& in) {
  json::errors errors;
  listing_query out;
  if (in.search)
    if (auto text = trimmed(*in.search); !text.empty()) out.search = search_text{std::move(text)};
  out.where.categories.assign(in.category.begin(), in.category.end());
  out.where.brands.assign(in.brand.begin(), in.brand.end());
  if (in.min_price) out.where.min_price = in.min_price->value;
  if (in.max_price) out.where.max_price = in.max_price->value;
  if (in.min_price && in.max_price && in.min_price->value > in.max_price->value)
    errors.push_back({"min_price", "must not be more than max_price"});

  constexpr std::size_t most_attributes = 20, most_values = 50;
  if (in.attr.size() > most_attributes)
    errors.push_back(
        {"attr.*", "must name at most " + std::to_string(most_attributes) + " attributes"});
  for (const auto& [name, values] : in.attr) {
    const bool right = values.size() <= most_values && json::count_characters(name) <= 50 &&
                       std::ranges::all_of(values, [](const std::string& value) {
                         return !value.empty() && json::count_characters(value) <= 200;
                       });
    if (!right)
      errors.push_back(
          {"attr.*", "must be attr.<name>=<value>, each value of 1 to 200 characters"});
  }
  out.where.attributes = in.attr;

  const auto usual = out.search ? sort_order::relevance : sort_order::featured;
  out.order = in.sort.value_or(usual);
  if (out.order == sort_order::relevance && !out.search) out.order = usual;
  out.limit = in.limit ? in.limit->value : page_size;
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return out;
}

// ---------------------------------------------------------------------------------------------
// Shoppers

task<http::response<product_page>> list_products(context& ctx, services& to,
                                                 http::request<http::none, list_query> in) {
  auto query = listing_query_of(in.query);
  if (!query) co_return http::problems::bad_request(std::move(query.error()));
  if (!in.query.ids.empty()) {
    if (query->search || !query->where.none() || in.query.cursor)
      co_return http::problems::bad_request("ids", "must stand without search, filters and cursor");
    product_page page{.items = co_await to.products.find_all(ctx, in.query.ids)};
    co_return page;
  }
  const auto found = co_await to.front.list(ctx, *query, in.query.cursor);
  if (!found) co_return http::problems::bad_request("cursor", "must be a cursor of this list");
  co_return conditional<product_page>(*found, in.if_none_match);
}

task<http::response<product_detail>> get_product(context& ctx, services& to,
                                                 http::request<by_id_or_slug> in) {
  const auto found = co_await to.front.product(ctx, in.path.id);
  if (!found) co_return http::problems::not_found();
  co_return conditional<product_detail>(*found, in.if_none_match);
}

task<http::response<suggestion_list>> suggest(context& ctx, services& to,
                                              http::request<http::none, suggest_query> in) {
  const auto found = co_await to.front.suggestions(ctx, in.query.q);
  co_return conditional<suggestion_list>(found, in.if_none_match);
}

task<http::response<category_list>> list_categories(context& ctx, services& to,
                                                    http::request<> in) {
  const auto found = co_await to.front.categories(ctx);
  co_return conditional<category_list>(found, in.if_none_match);
}

// ---------------------------------------------------------------------------------------------
// Administrators

task<http::response<product_detail>> create_product(
    context& ctx, services& to, http::request<http::none, http::none, new_product> in) {
  auto content = content_of(in.body, to.currency);
  if (!content) co_return http::problems::bad_request(std::move(content.error()));
  std::optional<std::int64_t> quantity;
  if (in.body.quantity) quantity = in.body.quantity->value;
  const auto parent = parent_named(in.body.variant_of);
  const auto product = co_await to.products.create(ctx, *content, parent, quantity);
  if (!product) co_return to_problem(product.error());
  to.messenger.wake();
  const auto answer = co_await to.front.written(ctx, *product);
  http::response<product_detail> response(http::encoded{answer.body});
  response.status = 201;
  response.headers.emplace_back("Location", "/products/" + product->id.str());
  co_return with_tag(std::move(response), answer);
}

// The version that an If-Match asks for: nothing for "*".
struct wanted_version {
  std::optional<std::int64_t> version;
  bool never = false;  // the tag is no product's
};
wanted_version version_wanted(const std::string& tag) {
  if (tag == "*") return {};
  const auto version = version_in_tag(tag);
  return {version, !version};
}

task<http::response<product_detail>> changed(context& ctx, services& to,
                                             outcome<product_detail> product) {
  if (!product) co_return to_problem(product.error());
  const auto answer = co_await to.front.written(ctx, *product);
  co_return with_tag(http::response<product_detail>(http::encoded{answer.body}), answer);
}

task<http::response<product_detail>> put_product(
    context& ctx, services& to, http::request<by_id, http::none, product_replacement> in) {
  auto content = content_of(in.body, to.currency);
  if (!content) co_return http::problems::bad_request(std::move(content.error()));
  const auto wanted = version_wanted(*in.if_match);
  if (wanted.never) co_return http::problems::precondition_failed();
  const auto parent = parent_named(in.body.variant_of);
  auto product = co_await to.products.replace(ctx, in.path.id, wanted.version, *content, parent);
  co_return co_await changed(ctx, to, std::move(product));
}

task<http::response<product_detail>> patch_product(
    context& ctx, services& to, http::request<by_id, http::none, product_patch> in) {
  const auto wanted = version_wanted(*in.if_match);
  if (wanted.never) co_return http::problems::precondition_failed();
  const auto present = co_await to.products.find_stored(ctx, in.path.id);
  if (!present) co_return http::problems::not_found();
  if (wanted.version && *wanted.version != present->version)
    co_return http::problems::precondition_failed();
  auto content = patched(present->content, in.body, to.currency);
  if (!content) co_return http::problems::bad_request(std::move(content.error()));
  auto parent = parent_named(in.body.variant_of.value);
  if (!in.body.variant_of.present && present->variant_of) parent = present->variant_of->str();
  // Worked out from this version, so valid for no other.
  auto product = co_await to.products.replace(ctx, in.path.id, present->version, *content, parent);
  co_return co_await changed(ctx, to, std::move(product));
}

task<http::response<http::none>> archive_product(context& ctx, services& to,
                                                 http::request<by_id> in) {
  const auto wanted = version_wanted(*in.if_match);
  if (wanted.never) co_return http::problems::precondition_failed();
  const auto archived = co_await to.products.archive(ctx, in.path.id, wanted.version);
  if (!archived) co_return to_problem(archived.error());
  co_return http::response<http::none>::empty(204);
}

task<http::response<import_report>> import_products(context& ctx, services& to,
                                                    http::request<http::none, import_query> in,
                                                    http::body_stream& upload) {
  import_run run(to.products, to.currency, in.query.stock.value_or(import_stock::opening));
  auto report = co_await run.run(ctx, upload);
  to.messenger.wake();
  co_return report;
}

// ---------------------------------------------------------------------------------------------
// The books

task<std::optional<http::problem>> stream_books(context& ctx, services& to,
                                                http::request<http::none, books_query> in,
                                                http::response_stream& out) {
  std::string text;
  const auto add = [&](const auto& value) {
    json::write_to(text, value);
    text += '\n';
  };
  if (in.query.checks.value_or(false)) {
    const auto result = co_await to.products.check(ctx);
    for (const auto& violation : result.violations) add(violation);
    add(checked{result.checked});
  } else {
    uuid last;
    last.bytes.fill(0xff);
    const auto rows = co_await to.products.list_books(
        ctx, in.query.after.value_or(uuid{}), in.query.through.value_or(last),
        in.query.limit ? in.query.limit->value : books_page);
    for (const auto& row : rows) add(row);
  }
  co_await out.write(text);
  co_return std::nullopt;
}

}  // namespace

void add_routes(http::router& routes, services to) {
  using http::method;
  using http::none;
  using http::request;
  // The lambda lives as long as the router; a handler is an ordinary coroutine that gets everything
  // by parameter.
  const auto with = [to](auto handler) {
    return [to, handler](context& ctx, auto&&... rest) mutable {
      return handler(ctx, to, std::forward<decltype(rest)>(rest)...);
    };
  };

  routes.on<request<none, list_query>, product_page>(
      {method::get, "/products", "Browse, search, filter; or exactly the products of `ids`",
       http::anyone},
      with(list_products));
  routes.on<request<none, suggest_query>, suggestion_list>(
      {method::get, "/products/suggest", "What a search that is being typed may become",
       http::anyone},
      with(suggest));
  routes.on<request<by_id_or_slug>, product_detail>(
      {method::get, "/products/{id}", "A product by id or slug, with its variants", http::anyone},
      with(get_product));
  routes.on<request<>, category_list>(
      {method::get, "/categories", "The tree of categories", http::anyone}, with(list_categories));

  routes.on<request<none, none, new_product>, product_detail>(
      {.method = method::post,
       .path = "/products",
       .summary = "A new product; the sku of an archived one revives it",
       .who = http::admin,
       .max_body = largest_product},
      with(create_product));
  routes.on<request<by_id, none, product_replacement>, product_detail>(
      {.method = method::put,
       .path = "/products/{id}",
       .summary = "Replaces what a product says; what is left out is empty then",
       .who = http::admin,
       .if_match = true,
       .max_body = largest_product},
      with(put_product));
  routes.on<request<by_id, none, product_patch>, product_detail>(
      {.method = method::patch,
       .path = "/products/{id}",
       .summary = "Changes some fields; null takes a field, or one attribute, away",
       .who = http::admin,
       .if_match = true,
       .max_body = largest_product},
      with(patch_product));
  routes.on<request<by_id>, none>({.method = method::delete_,
                                   .path = "/products/{id}",
                                   .summary = "Archives a product and its variants",
                                   .who = http::admin,
                                   .if_match = true},
                                  with(archive_product));
  routes.on_upload<request<none, import_query>, import_report>(
      {.method = method::post,
       .path = "/products/import",
       .summary = "JSON Lines, each a product: made or updated by its sku",
       .who = http::admin,
       .max_body = largest_import,
       .time_limit = std::chrono::hours(2)},
      with(import_products));

  routes.on_stream<request<none, books_query>, repository::book_entry>(
      {.method = method::get,
       .path = "/books",
       .summary = "What the audit compares",
       .who = http::service("order") | http::admin,
       .time_limit = std::chrono::seconds(60)},
      with(stream_books));
}

}  // namespace souk::product
