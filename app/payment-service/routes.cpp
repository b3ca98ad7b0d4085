#include "routes.hpp"

#include <charconv>
#include <limits>

#include "errors.hpp"
#include "kit/cursor.hpp"

namespace souk::payment {
namespace {

constexpr std::int64_t page_size = 50;
constexpr std::int64_t book_lines = 5000;

// ---------------------------------------------------------------------------------------------
// Requests and responses.

struct by_id {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(by_id, (), (id))

// A basket's worth at most: 100 lines of 1,000 at 10^9.
using amount = json::integer<0, 100'000'000'000'000>;
using user_name = json::text<1, 100>;
using currency_code = json::text<3, 3>;

struct process_request {
  uuid payment_id;
  uuid order_id;
  user_name user_id;
  amount amount_minor;
  currency_code currency;
  json::text<1, 200> payment_token;
};
BOOST_DESCRIBE_STRUCT(process_request, (),
                      (payment_id, order_id, user_id, amount_minor, currency, payment_token))

struct capture_body {
  uuid order_id;
};
BOOST_DESCRIBE_STRUCT(capture_body, (), (order_id))

struct void_body {
  uuid order_id;
  user_name user_id;
  amount amount_minor;
  currency_code currency;
};
BOOST_DESCRIBE_STRUCT(void_body, (), (order_id, user_id, amount_minor, currency))

struct refund_body {
  uuid refund_id;
  json::integer<1, 100'000'000'000'000> amount_minor;
  json::text<1, 500> reason;
};
BOOST_DESCRIBE_STRUCT(refund_body, (), (refund_id, amount_minor, reason))

struct card_view {
  std::string brand;
  std::string last4;
};
BOOST_DESCRIBE_STRUCT(card_view, (), (brand, last4))

struct payment_view {
  uuid id;
  uuid order_id;
  std::string user_id;
  payment_state state = payment_state::authorizing;
  std::optional<std::string> reason;
  minor_units amount_minor = 0;
  std::string currency;
  minor_units captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0;
  std::optional<card_view> card_;
  std::int64_t version = 0;
  timestamp created_at, updated_at;
};
BOOST_DESCRIBE_STRUCT(payment_view, (),
                      (id, order_id, user_id, state, reason, amount_minor, currency, captured_minor,
                       refunded_minor, refund_pending_minor, card_, version, created_at,
                       updated_at))

struct refund_view {
  uuid refund_id;
  refund_state state = refund_state::refunding;
  minor_units amount_minor = 0;
  payment_view payment_;
};
BOOST_DESCRIBE_STRUCT(refund_view, (), (refund_id, state, amount_minor, payment_))

struct list_query {
  std::optional<uuid> order_id;
  std::optional<payment_state> state;
  std::optional<json::integer<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(list_query, (), (order_id, state, limit, cursor))

struct page_query {
  std::optional<json::integer<1, 100>> limit;
  std::optional<std::string> cursor;
};
BOOST_DESCRIBE_STRUCT(page_query, (), (limit, cursor))

struct payment_page {
  std::vector<payment_view> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(payment_page, (), (items, next_cursor))

struct attempt_page {
  std::vector<attempt> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(attempt_page, (), (items, next_cursor))

struct books_query {
  std::optional<bool> checks;
  std::optional<uuid> after, through;
  std::optional<json::integer<1, book_lines>> limit;
};
BOOST_DESCRIBE_STRUCT(books_query, (), (checks, after, through, limit))

// ---------------------------------------------------------------------------------------------

payment_view view_of(payment p) {
  payment_view v{.id = p.id,
                 .order_id = p.order_id,
                 .user_id = std::move(p.user_id),
                 .state = p.state,
                 .reason = std::move(p.reason),
                 .amount_minor = p.amount_minor,
                 .currency = std::move(p.currency),
                 .captured_minor = p.captured_minor,
                 .refunded_minor = p.refunded_minor,
                 .refund_pending_minor = p.refund_pending_minor,
                 .version = p.version,
                 .created_at = p.created_at,
                 .updated_at = p.updated_at};
  if (p.brand && p.last4) v.card_ = card_view{std::move(*p.brand), std::move(*p.last4)};
  return v;
}

http::response<payment_view> answer(result<payment> p) {
  if (!p) return to_problem(p.error());
  return view_of(std::move(*p));
}

http::problem bad_cursor() {
  return http::problems::bad_request("cursor", "must be a cursor of this list");
}

http::problem wrong_currency() {
  return http::problems::bad_request("/currency", "must be the store's currency");
}

std::chrono::year_month this_month() {
  const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now())};
  return today.year() / today.month();
}

// ---------------------------------------------------------------------------------------------
// Shoppers.

task<http::response<token_view>> make_token(context& ctx, api& a,
                                            http::request<http::none, http::none, card_form> in) {
  auto card = check_card(in.body, this_month());
  if (!card) co_return http::problems::bad_request(std::move(card.error()));
  auto token = co_await a.tokens.make(ctx, ctx.who.id, *card);
  if (!token) co_return to_problem(token.error());
  co_return http::response<token_view>::with_status(201, std::move(*token));
}

task<http::response<payment_view>> get_payment(context& ctx, api& a, http::request<by_id> in) {
  auto p = co_await a.store.find(ctx, in.path.id);
  if (!p || (!ctx.who.is_admin() && p->user_id != ctx.who.id))
    co_return http::problems::not_found();
  co_return view_of(std::move(*p));
}

// ---------------------------------------------------------------------------------------------
// Order-service.

task<http::response<payment_view>> process(
    context& ctx, api& a, http::request<http::none, http::none, process_request> in) {
  auto& b = in.body;
  // What was begun is finished in its own currency, whatever the store's is by now.
  if (b.currency != a.currency && !co_await a.store.find(ctx, b.payment_id))
    co_return wrong_currency();
  const new_payment p{.id = b.payment_id,
                      .order_id = b.order_id,
                      .user_id = std::move(b.user_id),
                      .amount_minor = b.amount_minor,
                      .currency = std::move(b.currency),
                      .token_hash = token_hash(b.payment_token)};
  co_return answer(co_await a.work.process(ctx, p));
}

task<http::response<payment_view>> capture(context& ctx, api& a,
                                           http::request<by_id, http::none, capture_body> in) {
  co_return answer(co_await a.work.capture(ctx, in.path.id, in.body.order_id));
}

task<http::response<payment_view>> void_payment(context& ctx, api& a,
                                                http::request<by_id, http::none, void_body> in) {
  auto& b = in.body;
  const new_payment p{.id = in.path.id,
                      .order_id = b.order_id,
                      .user_id = std::move(b.user_id),
                      .amount_minor = b.amount_minor,
                      .currency = std::move(b.currency)};
  co_return answer(co_await a.work.void_(ctx, p));
}

task<http::response<refund_view>> refund_payment(context& ctx, api& a,
                                                 http::request<by_id, http::none, refund_body> in) {
  const refund r{.refund_id = in.body.refund_id,
                 .payment_id = in.path.id,
                 .amount_minor = in.body.amount_minor,
                 .reason = std::move(in.body.reason)};
  auto done = co_await a.work.refund_part(ctx, r);
  if (!done) co_return to_problem(done.error());
  co_return refund_view{.refund_id = done->it.refund_id,
                        .state = done->it.state,
                        .amount_minor = done->it.amount_minor,
                        .payment_ = view_of(std::move(done->of))};
}

// ---------------------------------------------------------------------------------------------
// Administrators and the audit.

task<http::response<payment_page>> list_payments(context& ctx, api& a,
                                                 http::request<http::none, list_query> in) {
  const auto& q = in.query;
  const std::int64_t limit = q.limit ? q.limit->value : page_size;
  const std::string list = "payments of " + (q.order_id ? q.order_id->str() : "any") + " in " +
                           std::string(q.state ? json::enum_text(*q.state) : "any");
  std::optional<payment_key> after;
  if (q.cursor) {
    const auto key = decode_cursor(list, *q.cursor, 2);
    const auto at = key ? parse_rfc3339(key->front()) : std::nullopt;
    const auto id = key ? uuid::parse(key->back()) : std::nullopt;
    if (!at || !id) co_return bad_cursor();
    after = payment_key{*at, *id};
  }
  const payment_filter filter{q.order_id, q.state};
  auto rows = co_await a.store.list(ctx, filter, after, static_cast<int>(limit + 1));
  payment_page page;
  for (auto& row : rows) {
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      const auto& last = page.items.back();
      page.next_cursor = encode_cursor(list, {to_rfc3339(last.created_at), last.id.str()});
      break;
    }
    page.items.push_back(view_of(std::move(row)));
  }
  co_return page;
}

task<http::response<attempt_page>> list_attempts(context& ctx, api& a,
                                                 http::request<by_id, page_query> in) {
  const std::int64_t limit = in.query.limit ? in.query.limit->value : page_size;
  const std::string list = "attempts of " + in.path.id.str();
  auto before = std::numeric_limits<std::int64_t>::max();
  if (in.query.cursor) {
    const auto key = decode_cursor(list, *in.query.cursor, 1);
    if (!key) co_return bad_cursor();
    const auto& text = key->front();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), before);
    if (error != std::errc{} || end != text.data() + text.size()) co_return bad_cursor();
  }
  const auto p = co_await a.store.find(ctx, in.path.id);
  if (!p) co_return http::problems::not_found();
  attempt_page page;
  page.items = co_await a.store.list_attempts(ctx, p->id, before, static_cast<int>(limit + 1));
  if (static_cast<std::int64_t>(page.items.size()) > limit) {
    page.items.pop_back();
    page.next_cursor = encode_cursor(list, {std::to_string(page.items.back().attempt_id)});
  }
  co_return page;
}

task<http::response<gateway_record>> get_gateway_record(context& ctx, api& a,
                                                        http::request<by_id> in) {
  const auto p = co_await a.store.find(ctx, in.path.id);
  if (!p) co_return http::problems::not_found();
  auto record = co_await a.gateway.record(ctx, p->id);
  if (!record) co_return to_problem(failure::no_gateway_record);
  co_return std::move(*record);
}

task<http::response<gateway_behaviour>> get_behaviour(context& ctx, api& a, http::request<>) {
  co_return co_await a.gateway.behaviour(ctx);
}

// The rules of these numbers are the gateway's; they are checked here so that an administrator is
// told which field is wrong.
struct behaviour_form {
  json::integer<0, 60'000> latency_ms;
  json::integer<0, 60'000> latency_jitter_ms;
  rate error_rate = 0, decline_rate = 0, unknown_rate = 0;
};
BOOST_DESCRIBE_STRUCT(behaviour_form, (),
                      (latency_ms, latency_jitter_ms, error_rate, decline_rate, unknown_rate))

task<http::response<gateway_behaviour>> put_behaviour(
    context& ctx, api& a, http::request<http::none, http::none, behaviour_form> in) {
  const auto& b = in.body;
  json::errors errors;
  json::for_each_field<behaviour_form>([&](std::string_view name, auto member) {
    if constexpr (std::is_same_v<decltype(member), rate behaviour_form::*>)
      if (!(b.*member >= 0 && b.*member <= 1))
        errors.push_back({"/" + std::string(name), "must be from 0 to 1"});
  });
  if (!errors.empty()) co_return http::problems::bad_request(std::move(errors));
  const gateway_behaviour wanted{b.latency_ms, b.latency_jitter_ms, b.error_rate, b.decline_rate,
                                 b.unknown_rate};
  co_return co_await a.gateway.set_behaviour(ctx, wanted);
}

task<std::optional<http::problem>> stream_books(context& ctx, api& a,
                                                http::request<http::none, books_query> in,
                                                http::response_stream& out) {
  const auto& q = in.query;
  if (q.checks.value_or(false)) {
    co_await a.books.write_checks(ctx, out);
    co_return std::nullopt;
  }
  uuid last;
  last.bytes.fill(0xff);
  const auto limit = static_cast<std::size_t>(q.limit ? q.limit->value : book_lines);
  co_await a.books.write(ctx, q.after.value_or(uuid{}), q.through.value_or(last), limit, out);
  co_return std::nullopt;
}

// Gives a handler what it works with. The lambda lives as long as the router; the handler is an
// ordinary coroutine that gets everything by parameter.
template <class Handler>
auto with(api& a, Handler handler) {
  return [&a, handler](context& ctx, auto&&... rest) {
    return handler(ctx, a, std::forward<decltype(rest)>(rest)...);
  };
}

}  // namespace

void add_routes(http::router& routes, api& a) {
  using http::method;
  using http::none;
  using http::request;
  const auto order = http::service("order");

  routes.on<request<none, none, card_form>, token_view>(
      {method::post, "/payments/tokens", "Card to one-time token", http::shopper},
      with(a, make_token));

  routes.on<request<none, none, process_request>, payment_view>(
      {method::post, "/payments/process", "Authorizes a payment", order}, with(a, process));
  routes.on<request<by_id, none, capture_body>, payment_view>(
      {method::post, "/payments/{id}/capture", "Takes what is authorized", order},
      with(a, capture));
  routes.on<request<by_id, none, void_body>, payment_view>(
      {method::post, "/payments/{id}/void", "Gives an authorization up", order},
      with(a, void_payment));
  routes.on<request<by_id, none, refund_body>, refund_view>(
      {method::post, "/payments/{id}/refund", "Gives back a part of what was captured", order},
      with(a, refund_payment));

  routes.on<request<none, list_query>, payment_page>(
      {method::get, "/payments", "Payments, newest first", http::admin}, with(a, list_payments));
  routes.on<request<by_id>, payment_view>(
      {method::get, "/payments/{id}", "One payment", http::shopper | http::admin},
      with(a, get_payment));
  routes.on<request<by_id, page_query>, attempt_page>(
      {method::get, "/payments/{id}/attempts", "What the gateway was asked, newest first",
       http::admin},
      with(a, list_attempts));
  routes.on<request<by_id>, gateway_record>(
      {method::get, "/payments/{id}/gateway-record", "What the gateway has of it", http::admin},
      with(a, get_gateway_record));
  routes.on<request<>, gateway_behaviour>(
      {method::get, "/payments/gateway", "The mock gateway's behaviour", http::admin},
      with(a, get_behaviour));
  routes.on<request<none, none, behaviour_form>, gateway_behaviour>(
      {method::put, "/payments/gateway", "Sets the mock gateway's behaviour", http::admin},
      with(a, put_behaviour));

  routes.on_stream<request<none, books_query>, book_entry>({.method = method::get,
                                                            .path = "/books",
                                                            .summary = "What the audit compares",
                                                            .who = order | http::admin,
                                                            .time_limit = std::chrono::seconds(60)},
                                                           with(a, stream_books));
}

}  // namespace souk::payment
