#include "routes.hpp"

#include "errors.hpp"

namespace souk::cart {
namespace {

// ---------------------------------------------------------------------------------------------
// Requests

struct by_user {
  uuid user_id;
};
BOOST_DESCRIBE_STRUCT(by_user, (), (user_id))

struct by_line {
  uuid user_id, product_id;
};
BOOST_DESCRIBE_STRUCT(by_line, (), (user_id, product_id))

struct new_item {
  uuid product_id;
  json::integer<1, max_line_quantity> quantity;
};
BOOST_DESCRIBE_STRUCT(new_item, (), (product_id, quantity))

struct new_quantity {
  json::integer<0, max_line_quantity> quantity;
};
BOOST_DESCRIBE_STRUCT(new_quantity, (), (quantity))

struct ordered_item {
  uuid product_id;
  json::integer<1, max_line_quantity> quantity;
};
BOOST_DESCRIBE_STRUCT(ordered_item, (), (product_id, quantity))

struct ordered_lines {
  uuid order_id;
  json::list<ordered_item, 1, max_cart_lines> lines;
};
BOOST_DESCRIBE_STRUCT(ordered_lines, (), (order_id, lines))

struct revision_view {
  std::string revision;
};
BOOST_DESCRIBE_STRUCT(revision_view, (), (revision))

struct credentials {
  json::text<1, 100> username;
  json::text<1, 1000> password;
};
BOOST_DESCRIBE_STRUCT(credentials, (), (username, password))

struct books_query {
  std::optional<bool> checks;
  std::optional<uuid> after, through;
  std::optional<json::integer<1, 5000>> limit;
};
BOOST_DESCRIBE_STRUCT(books_query, (), (checks, after, through, limit))

struct violation_line {
  std::string violation, subject, detail;
};
BOOST_DESCRIBE_STRUCT(violation_line, (), (violation, subject, detail))

struct checked_line {
  std::int64_t checked = 0;
};
BOOST_DESCRIBE_STRUCT(checked_line, (), (checked))

constexpr std::size_t books_page = 1'000;
constexpr std::size_t check_page = 500;

// ---------------------------------------------------------------------------------------------

// A shopper sees no sign of other shoppers' carts.
bool may_see(const context& ctx, uuid user) {
  return !ctx.who.is_shopper() || ctx.who.id == user.str();
}

http::response<cart_view> answer(shopping::outcome result) {
  if (!result) return to_problem(result.error());
  return std::move(*result);
}

task<http::response<cart_view>> get_cart(context& ctx, parts p, http::request<by_user> in) {
  if (!may_see(ctx, in.path.user_id)) co_return http::problems::not_found();
  co_return co_await p.shopping.view(ctx, in.path.user_id);
}

task<http::response<cart_view>> add_item(context& ctx, parts p,
                                         http::request<by_user, http::none, new_item> in) {
  if (!may_see(ctx, in.path.user_id)) co_return http::problems::not_found();
  std::optional<idempotency> key;
  if (!in.idempotency_key.empty()) key = {std::move(in.idempotency_key), std::move(in.body_text)};
  co_return answer(co_await p.shopping.add(ctx, in.path.user_id, in.body.product_id,
                                           in.body.quantity, std::move(key)));
}

task<http::response<cart_view>> put_item(context& ctx, parts p,
                                         http::request<by_line, http::none, new_quantity> in) {
  if (!may_see(ctx, in.path.user_id)) co_return http::problems::not_found();
  co_return answer(
      co_await p.shopping.set(ctx, in.path.user_id, in.path.product_id, in.body.quantity));
}

task<http::response<cart_view>> delete_item(context& ctx, parts p, http::request<by_line> in) {
  if (!may_see(ctx, in.path.user_id)) co_return http::problems::not_found();
  co_return answer(co_await p.shopping.set(ctx, in.path.user_id, in.path.product_id, 0));
}

task<http::response<http::none>> delete_cart(context& ctx, parts p, http::request<by_user> in) {
  if (!may_see(ctx, in.path.user_id)) co_return http::problems::not_found();
  co_await p.carts.clear(ctx, in.path.user_id);
  co_return http::response<http::none>::empty(204);
}

task<http::response<revision_view>> take_ordered(
    context& ctx, parts p, http::request<by_user, http::none, ordered_lines> in) {
  std::vector<ordered_line> lines;
  for (const ordered_item& l : in.body.lines) lines.push_back({l.product_id, l.quantity});
  co_return revision_view{
      co_await p.carts.take_ordered(ctx, in.path.user_id, in.body.order_id, lines)};
}

// ---------------------------------------------------------------------------------------------

task<http::response<session_view>> start_session(context& ctx, parts p, http::request<>) {
  const bool known = ctx.who.is_shopper();
  session_view v = p.sessions.start(known ? std::optional(ctx.who.id) : std::nullopt);
  std::string cookie = p.cookies.for_shopper(v.token);
  co_return http::response<session_view>::with_status(known ? 200 : 201, std::move(v))
      .header("Set-Cookie", std::move(cookie))
      .header("Cache-Control", "no-store");
}

task<http::response<http::none>> end_session(context&, parts p, http::request<>) {
  co_return http::response<http::none>::empty(204).header("Set-Cookie", p.cookies.forget_shopper());
}

task<http::response<admin_session_view>> sign_in(
    context& ctx, parts p, http::request<http::none, http::none, credentials> in) {
  auto session =
      co_await p.sessions.sign_in(ctx, std::string(in.headers->client_address()),
                                  std::move(in.body.username), std::move(in.body.password));
  if (!session) co_return to_problem(session.error());
  std::string cookie = p.cookies.for_admin(session->token);
  co_return http::response<admin_session_view>::with_status(201, std::move(*session))
      .header("Set-Cookie", std::move(cookie))
      .header("Cache-Control", "no-store");
}

task<http::response<http::none>> sign_out(context&, parts p, http::request<>) {
  co_return http::response<http::none>::empty(204).header("Set-Cookie", p.cookies.forget_admin());
}

task<http::response<json::raw>> get_keys(context&, parts p, http::request<>) {
  co_return http::response<json::raw>(
      http::encoded{std::make_shared<const std::string>(p.keys.jwks())})
      .header("Cache-Control", "public, max-age=60");
}

// ---------------------------------------------------------------------------------------------

template <class T>
void append_line(std::string& out, const T& value) {
  json::write_to(out, value);
  out += '\n';
}

// What the books say was cleared must be remembered in the cart, or a repeat would clear it twice.
task<> write_checks(const context& ctx, repository& carts, http::response_stream& out) {
  uuid after, last;
  last.bytes.fill(0xff);
  checked_line total;
  while (true) {
    const auto orders = co_await carts.list_orders(ctx, after, last, check_page);
    if (orders.empty()) break;
    std::string text;
    for (const cleared_order& o : co_await carts.find_forgotten(ctx, orders)) {
      append_line(text, violation_line{.violation = "order-forgotten",
                                       .subject = o.order_id.str(),
                                       .detail = "not remembered in its shopper's cart"});
    }
    if (!text.empty()) co_await out.write(text);
    total.checked += static_cast<std::int64_t>(orders.size());
    after = orders.back().order_id;
  }
  std::string text;
  append_line(text, total);
  co_await out.write(text);
}

task<std::optional<http::problem>> stream_books(context& ctx, parts p,
                                                http::request<http::none, books_query> in,
                                                http::response_stream& out) {
  if (in.query.checks.value_or(false)) {
    co_await write_checks(ctx, p.carts, out);
    co_return std::nullopt;
  }
  uuid last;
  last.bytes.fill(0xff);
  const auto orders = co_await p.carts.list_orders(
      ctx, in.query.after.value_or(uuid{}), in.query.through.value_or(last),
      in.query.limit ? static_cast<std::size_t>(in.query.limit->value) : books_page);
  std::string text;
  for (const cleared_order& o : orders) append_line(text, o);
  co_await out.write(text);
  co_return std::nullopt;
}

// Gives a handler the parts. The lambda lives as long as the router; the handler is an ordinary
// coroutine that gets everything by parameter.
template <class Handler>
auto with(parts p, Handler handler) {
  return [p, handler](context& ctx, auto&&... rest) {
    return handler(ctx, p, std::forward<decltype(rest)>(rest)...);
  };
}

}  // namespace

void add_routes(http::router& routes, parts p) {
  using http::anyone;
  using http::method;
  using http::none;
  using http::request;
  using http::shopper;
  const auto order = http::service("order");

  routes.on<request<by_user>, cart_view>(
      {method::get, "/cart/{user_id}", "The cart with today's names, prices and availability",
       shopper | order},
      with(p, get_cart));
  routes.on<request<by_user>, none>(
      {method::delete_, "/cart/{user_id}", "Empties the cart", shopper}, with(p, delete_cart));
  routes.on<request<by_user, none, new_item>, cart_view>({.method = method::post,
                                                          .path = "/cart/{user_id}/items",
                                                          .summary = "Adds to the cart",
                                                          .who = shopper,
                                                          .key = http::idempotency::optional},
                                                         with(p, add_item));
  routes.on<request<by_line, none, new_quantity>, cart_view>(
      {method::put, "/cart/{user_id}/items/{product_id}", "Sets a line's quantity; 0 removes it",
       shopper},
      with(p, put_item));
  routes.on<request<by_line>, cart_view>(
      {method::delete_, "/cart/{user_id}/items/{product_id}", "Removes a line", shopper},
      with(p, delete_item));
  routes.on<request<by_user, none, ordered_lines>, revision_view>(
      {method::post, "/cart/{user_id}/ordered", "Takes away what was ordered, once for each order",
       order},
      with(p, take_ordered));

  routes.on<request<>, session_view>(
      {method::post, "/session", "Starts a shopper's session, or prolongs the one there is",
       anyone},
      with(p, start_session));
  routes.on<request<>, none>({method::delete_, "/session", "Ends the shopper's session", anyone},
                             with(p, end_session));
  routes.on<request<none, none, credentials>, admin_session_view>(
      {method::post, "/session/admin", "The administrator signs in", anyone}, with(p, sign_in));
  routes.on<request<>, none>(
      {method::delete_, "/session/admin", "The administrator signs out", anyone},
      with(p, sign_out));
  routes.on<request<>, json::raw>(
      {method::get, "/.well-known/jwks.json", "The public keys of session tokens", anyone},
      with(p, get_keys));

  routes.on_stream<request<none, books_query>, cleared_order>(
      {.method = method::get,
       .path = "/books",
       .summary = "What the audit compares",
       .who = order | http::admin,
       .time_limit = std::chrono::seconds(60)},
      with(p, stream_books));
}

}  // namespace souk::cart
