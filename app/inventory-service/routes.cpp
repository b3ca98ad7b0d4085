#include "routes.hpp"

#include <charconv>
#include <limits>

#include "errors.hpp"
#include "kit/cursor.hpp"
#include "kit/security.hpp"

namespace souk::inventory {
namespace {

constexpr std::int64_t page_size = 50;
constexpr std::int64_t books_page = 1000;

// ---------------------------------------------------------------------------------------------
// Requests and responses

struct by_product {
  uuid product_id;
};
BOOST_DESCRIBE_STRUCT(by_product, (), (product_id))

struct by_order {
  uuid order_id;
};
BOOST_DESCRIBE_STRUCT(by_order, (), (order_id))

struct list_query {
  json::list<uuid, 0, 100> ids;
  std::optional<json::integer<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<json::integer<1, max_on_hand>> below;
};
BOOST_DESCRIBE_STRUCT(list_query, (), (ids, limit, cursor, below))

struct page_query {
  std::optional<json::integer<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(page_query, (), (limit, cursor))

struct stock_page {
  std::vector<stock_view> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(stock_page, (), (items, next_cursor))

struct movement_page {
  std::vector<movement> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(movement_page, (), (items, next_cursor))

struct stocktake {
  json::integer<0, max_on_hand> on_hand;
};
BOOST_DESCRIBE_STRUCT(stocktake, (), (on_hand))

struct adjustment {
  std::optional<json::integer<-max_on_hand, max_on_hand>> delta;
  std::optional<json::integer<0, max_on_hand>> on_hand;
  adjustment_reason reason = adjustment_reason::delivery;
};
BOOST_DESCRIBE_STRUCT(adjustment, (), (delta, on_hand, reason))

using line_quantity = json::integer<1, max_line_quantity>;

struct wanted_line {
  uuid product_id;
  line_quantity quantity;
};
BOOST_DESCRIBE_STRUCT(wanted_line, (), (product_id, quantity))

struct new_reservation {
  uuid order_id;
  json::list<wanted_line, 1, max_cart_lines> lines;
};
BOOST_DESCRIBE_STRUCT(new_reservation, (), (order_id, lines))

struct new_line_reservation {
  uuid order_id;
  line_quantity quantity;
};
BOOST_DESCRIBE_STRUCT(new_line_reservation, (), (order_id, quantity))

struct return_request {
  uuid refund_id;
  std::optional<json::list<wanted_line, 1, max_cart_lines>> lines;
};
BOOST_DESCRIBE_STRUCT(return_request, (), (refund_id, lines))

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

bool sees_details(const context& ctx) {
  return ctx.who.is_admin() || ctx.who.is_service("cart");
}

std::string entity_tag(std::int64_t version) {
  return '"' + std::to_string(version) + '"';
}

template <class T>
std::optional<T> number_from(std::string_view text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

http::problem bad_parameter(std::string name, std::string detail) {
  return http::problems::bad_request(std::move(name), std::move(detail));
}

template <class Lines>
std::expected<std::vector<line>, http::problem> checked_lines(const Lines& wanted,
                                                              std::string pointer) {
  std::vector<line> lines;
  for (const auto& l : wanted) lines.push_back({l.product_id, l.quantity});
  auto ordered = in_lock_order(std::move(lines));
  if (!ordered)
    return std::unexpected(
        http::problems::bad_request(std::move(pointer), "each product at most once"));
  return std::move(*ordered);
}

template <class T>
http::response<T> answer(outcome<T> result) {
  if (!result) return to_problem(result.error());
  return std::move(*result);
}

// ---------------------------------------------------------------------------------------------

task<http::response<stock_page>> list_stock(context& ctx, repository& stock,
                                            http::request<http::none, list_query> in) {
  const bool details = sees_details(ctx);
  if (in.query.below && !ctx.who.is_admin())
    co_return bad_parameter("/below", "an administrator's filter");
  stock_page page;
  if (!in.query.ids.empty()) {
    const auto rows = co_await stock.find_stock(ctx, in.query.ids);
    for (const auto& row : rows) page.items.push_back(view_of(row, details));
    co_return page;
  }
  const std::int64_t limit = in.query.limit ? in.query.limit->value : page_size;
  std::optional<std::int64_t> below;
  if (in.query.below) below = in.query.below->value;
  const std::string list = "stock below " + (below ? std::to_string(*below) : "any");
  uuid after;
  if (in.query.cursor) {
    const auto key = decode_cursor(list, *in.query.cursor, 1);
    const auto id = key ? uuid::parse(key->front()) : std::nullopt;
    if (!id) co_return bad_parameter("/cursor", "a cursor of this list");
    after = *id;
  }
  const auto rows = co_await stock.list_stock(ctx, after, static_cast<int>(limit + 1), below);
  for (const auto& row : rows) {
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next_cursor = encode_cursor(list, {page.items.back().product_id.str()});
      break;
    }
    page.items.push_back(view_of(row, details));
  }
  co_return page;
}

task<http::response<stock_view>> get_stock(context& ctx, repository& stock,
                                           http::request<by_product> in) {
  const auto row = co_await stock.find_stock(ctx, in.path.product_id);
  if (!row) co_return http::problems::not_found();
  co_return http::response<stock_view>(view_of(*row, sees_details(ctx)))
      .header("ETag", entity_tag(row->version));
}

http::response<stock_view> changed(const outcome<stock_row>& row) {
  if (!row) return to_problem(row.error());
  return http::response<stock_view>(view_of(*row, true)).header("ETag", entity_tag(row->version));
}

task<http::response<stock_view>> put_stock(context& ctx, repository& stock,
                                           http::request<by_product, http::none, stocktake> in) {
  stock_change change{.on_hand = in.body.on_hand.value, .reason = adjustment_reason::stocktake};
  if (*in.if_match != "*") {
    change.only_if_version = number_from<std::int64_t>(*in.if_match);
    if (!change.only_if_version) co_return http::problems::precondition_failed();
  }
  const auto row = co_await stock.change_stock(ctx, in.path.product_id, change);
  co_return changed(row);
}

task<http::response<stock_view>> adjust_stock(
    context& ctx, repository& stock, http::request<by_product, http::none, adjustment> in) {
  if (in.body.delta.has_value() == in.body.on_hand.has_value())
    co_return bad_parameter("/delta", "either this or on_hand");
  if (in.body.on_hand && in.body.reason != adjustment_reason::stocktake)
    co_return bad_parameter("/reason", "stocktake, when on_hand is given");
  stock_change change{.reason = in.body.reason};
  if (in.body.delta) change.delta = in.body.delta->value;
  if (in.body.on_hand) change.on_hand = in.body.on_hand->value;
  const std::string hash = hex_encode(security::sha256(in.body_text));
  const auto row =
      co_await stock.adjust_once(ctx, in.path.product_id, change, in.idempotency_key, hash);
  co_return changed(row);
}

task<http::response<movement_page>> list_movements(context& ctx, repository& stock,
                                                   http::request<by_product, page_query> in) {
  const std::int64_t limit = in.query.limit ? in.query.limit->value : page_size;
  const std::string list = "movements of " + in.path.product_id.str();
  auto before = std::numeric_limits<std::int64_t>::max();
  if (in.query.cursor) {
    const auto key = decode_cursor(list, *in.query.cursor, 1);
    const auto id = key ? number_from<std::int64_t>(key->front()) : std::nullopt;
    if (!id) co_return bad_parameter("/cursor", "a cursor of this list");
    before = *id;
  }
  auto rows =
      co_await stock.list_movements(ctx, in.path.product_id, before, static_cast<int>(limit + 1));
  if (!rows) co_return to_problem(rows.error());
  movement_page page{.items = std::move(*rows)};
  if (static_cast<std::int64_t>(page.items.size()) > limit) {
    page.items.pop_back();
    page.next_cursor = encode_cursor(list, {std::to_string(page.items.back().movement_id)});
  }
  co_return page;
}

task<http::response<reservation>> reserve_basket(
    context& ctx, repository& stock, http::request<http::none, http::none, new_reservation> in) {
  const auto lines = checked_lines(in.body.lines, "/lines");
  if (!lines) co_return lines.error();
  co_return answer(co_await stock.reserve(ctx, in.body.order_id, *lines));
}

task<http::response<reservation>> reserve_line(
    context& ctx, repository& stock,
    http::request<by_product, http::none, new_line_reservation> in) {
  const std::vector<line> lines{{in.path.product_id, in.body.quantity}};
  co_return answer(co_await stock.reserve(ctx, in.body.order_id, lines));
}

task<http::response<reservation>> get_reservation(context& ctx, repository& stock,
                                                  http::request<by_order> in) {
  co_return answer(co_await stock.find_reservation(ctx, in.path.order_id));
}

task<http::response<reservation>> commit_reservation(context& ctx, repository& stock,
                                                     http::request<by_order> in) {
  co_return answer(co_await stock.commit(ctx, in.path.order_id));
}

task<http::response<reservation>> release_reservation(context& ctx, repository& stock,
                                                      http::request<by_order> in) {
  co_return co_await stock.release(ctx, in.path.order_id);
}

task<http::response<reservation>> return_reservation(
    context& ctx, repository& stock, http::request<by_order, http::none, return_request> in) {
  std::optional<std::vector<line>> lines;
  if (in.body.lines) {
    auto ordered = checked_lines(*in.body.lines, "/lines");
    if (!ordered) co_return ordered.error();
    lines = std::move(*ordered);
  }
  co_return answer(co_await stock.give_back(ctx, in.path.order_id, in.body.refund_id, lines));
}

task<std::optional<http::problem>> stream_books(context& ctx, repository& stock,
                                                http::request<http::none, books_query> in,
                                                http::response_stream& out) {
  std::string text;
  if (in.query.checks.value_or(false)) {
    const auto result = co_await stock.check(ctx);
    for (const auto& v : result.violations) {
      json::write_to(text, v);
      text += '\n';
    }
    json::write_to(text, checked{result.checked});
    text += '\n';
    co_await out.write(text);
    co_return std::nullopt;
  }
  uuid last;
  last.bytes.fill(0xff);
  const auto rows = co_await stock.list_books(
      ctx, in.query.after.value_or(uuid{}), in.query.through.value_or(last),
      static_cast<int>(in.query.limit ? in.query.limit->value : books_page));
  for (const auto& row : rows) {
    json::write_to(text, row);
    text += '\n';
  }
  co_await out.write(text);
  co_return std::nullopt;
}

// Gives a handler its repository. The lambda lives as long as the router; the handler is an
// ordinary coroutine that gets everything by parameter.
template <class Handler>
auto with(repository& stock, Handler handler) {
  return [&stock, handler](context& ctx, auto&&... rest) {
    return handler(ctx, stock, std::forward<decltype(rest)>(rest)...);
  };
}

}  // namespace

void add_routes(http::router& routes, repository& stock) {
  using http::method;
  using http::none;
  using http::request;
  const auto order = http::service("order");

  routes.on<request<none, list_query>, stock_page>(
      {method::get, "/inventory", "Availability of many products",
       http::anyone | http::admin | http::service("cart")},
      with(stock, list_stock));
  routes.on<request<by_product>, stock_view>(
      {method::get, "/inventory/{product_id}", "Availability of one product",
       http::anyone | http::admin | http::service("cart")},
      with(stock, get_stock));
  routes.on<request<by_product, none, stocktake>, stock_view>(
      {.method = method::put,
       .path = "/inventory/{product_id}",
       .summary = "Stocktake: what is on hand; If-Match \"0\" for a product that has no stock yet",
       .who = http::admin,
       .if_match = true},
      with(stock, put_stock));
  routes.on<request<by_product, none, adjustment>, stock_view>(
      {.method = method::post,
       .path = "/inventory/{product_id}/adjustments",
       .summary = "Deliveries, corrections, opening stock",
       .who = http::admin | http::service("product"),
       .key = http::idempotency::required},
      with(stock, adjust_stock));
  routes.on<request<by_product, page_query>, movement_page>(
      {method::get, "/inventory/{product_id}/movements", "The ledger, newest first", http::admin},
      with(stock, list_movements));

  routes.on<request<none, none, new_reservation>, reservation>(
      {method::post, "/reservations", "Holds a whole basket or nothing", order},
      with(stock, reserve_basket));
  routes.on<request<by_product, none, new_line_reservation>, reservation>(
      {method::post, "/inventory/{product_id}/reserve", "Holds a basket of one line", order},
      with(stock, reserve_line));
  routes.on<request<by_order>, reservation>(
      {method::get, "/reservations/{order_id}", "An order's reservation", http::admin | order},
      with(stock, get_reservation));
  routes.on<request<by_order>, reservation>(
      {method::post, "/reservations/{order_id}/commit", "Held stock leaves the warehouse", order},
      with(stock, commit_reservation));
  routes.on<request<by_order>, reservation>(
      {method::post, "/reservations/{order_id}/release", "Held stock is free again", order},
      with(stock, release_reservation));
  routes.on<request<by_order, none, return_request>, reservation>(
      {method::post, "/reservations/{order_id}/return", "Sold stock comes back", order},
      with(stock, return_reservation));

  routes.on_stream<request<none, books_query>, repository::book_entry>(
      {.method = method::get,
       .path = "/books",
       .summary = "What the audit compares",
       .who = order | http::admin,
       .time_limit = std::chrono::seconds(60)},
      with(stock, stream_books));
}

}  // namespace souk::inventory
