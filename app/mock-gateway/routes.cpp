#include "routes.hpp"

#include <algorithm>
#include <array>

#include "errors.hpp"
#include "kit/http_errors.hpp"
#include "kit/id.hpp"
#include "kit/security.hpp"

namespace souk::mock_gateway {
namespace {

// ---------------------------------------------------------------------------------------------
// Requests and responses.

struct by_reference {
  uuid reference;
};
BOOST_DESCRIBE_STRUCT(by_reference, (), (reference))

struct card_form {
  json::text<12, 19> number;
  json::integer<1, 12> exp_month;
  json::integer<2000, 2100> exp_year;
  json::text<3, 4> cvc;
  std::optional<json::text<1, 100>> name;
};
BOOST_DESCRIBE_STRUCT(card_form, (), (number, exp_month, exp_year, cvc, name))

struct token_view {
  std::string card_token;
  std::string brand;
  std::string last4;
};
BOOST_DESCRIBE_STRUCT(token_view, (), (card_token, brand, last4))

using amount = json::integer<0, 1'000'000'000'000'000>;

struct authorization_form {
  uuid reference;
  uuid merchant_order;
  amount amount_minor;
  json::text<3, 3> currency;
  json::text<1, 100> card_token;
};
BOOST_DESCRIBE_STRUCT(authorization_form, (),
                      (reference, merchant_order, amount_minor, currency, card_token))

struct capture_form {
  amount amount_minor;
};
BOOST_DESCRIBE_STRUCT(capture_form, (), (amount_minor))

struct refund_form {
  uuid refund_reference;
  json::integer<1, 1'000'000'000'000'000> amount_minor;
};
BOOST_DESCRIBE_STRUCT(refund_form, (), (refund_reference, amount_minor))

struct cancellation_form {
  uuid reference;
  std::optional<uuid> merchant_order;
};
BOOST_DESCRIBE_STRUCT(cancellation_form, (), (reference, merchant_order))

struct refund_view {
  uuid refund_reference;
  minor_units amount_minor = 0;
  outcome outcome_ = outcome::refused;
  std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(refund_view, (), (refund_reference, amount_minor, outcome_, reason))

struct record_view {
  uuid reference;
  std::optional<uuid> merchant_order;
  charge_state state = charge_state::cancelled;
  std::optional<std::string> reason, currency, brand, last4;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  std::vector<refund_view> refunds;
  timestamp created_at, updated_at;
};
BOOST_DESCRIBE_STRUCT(record_view, (),
                      (reference, merchant_order, state, reason, currency, brand, last4,
                       authorized_minor, captured_minor, voided_minor, refunded_minor, refunds,
                       created_at, updated_at))

struct records_query {
  std::optional<uuid> after, through;
  std::optional<json::integer<1, 1000>> limit;
};
BOOST_DESCRIBE_STRUCT(records_query, (), (after, through, limit))

struct records_page {
  std::vector<order_totals> items;
};
BOOST_DESCRIBE_STRUCT(records_page, (), (items))

struct behaviour_form {
  json::integer<0, 60'000> latency_ms;
  json::integer<0, 60'000> latency_jitter_ms;
  double error_rate = 0, decline_rate = 0, unknown_rate = 0;
};
BOOST_DESCRIBE_STRUCT(behaviour_form, (),
                      (latency_ms, latency_jitter_ms, error_rate, decline_rate, unknown_rate))

// ---------------------------------------------------------------------------------------------

bool has_key(const api& a, const http::header_view& headers) {
  constexpr std::string_view scheme = "Bearer ";
  const auto value = headers.get("Authorization").value_or("");
  return value.starts_with(scheme) &&
         security::equal_constant_time(security::sha256(value.substr(scheme.size())), a.key_hash);
}

std::string hash_of(std::string_view token) {
  return hex_encode(security::sha256(token));
}

task<http::response<token_view>> make_token(context& ctx, api& a,
                                            http::request<http::none, http::none, card_form> in) {
  const std::string& number = in.body.number;
  if (!std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; }))
    co_return http::problems::bad_request("/number", "must be 12 to 19 digits");
  std::array<char, 24> secret;
  random_bytes(secret.data(), secret.size());
  token_view out{.card_token = "card_" + base64url_encode({secret.data(), secret.size()}),
                 .brand = std::string(brand_of(number)),
                 .last4 = number.substr(number.size() - 4)};
  const card c{kind_of(number), out.brand, out.last4};
  co_await a.store.add_card(ctx, hash_of(out.card_token), c);
  co_return http::response<token_view>::with_status(201, std::move(out));
}

// ---------------------------------------------------------------------------------------------
// About money.

task<result<reply>> authorize(context& ctx, api& a,
                              http::request<http::none, http::none, authorization_form> in,
                              const behaviour& b) {
  const new_charge wanted{.reference = in.body.reference,
                          .merchant_order = in.body.merchant_order,
                          .amount_minor = in.body.amount_minor,
                          .currency = in.body.currency,
                          .token_hash = hash_of(in.body.card_token)};
  co_return co_await a.work.authorize(ctx, wanted, random_unit() < b.decline_rate);
}

task<result<reply>> capture(context& ctx, api& a,
                            http::request<by_reference, http::none, capture_form> in,
                            const behaviour&) {
  co_return co_await a.work.capture(ctx, in.path.reference, in.body.amount_minor);
}

task<result<reply>> void_charge(context& ctx, api& a, http::request<by_reference> in,
                                const behaviour&) {
  co_return co_await a.work.void_(ctx, in.path.reference);
}

task<result<reply>> refund_charge(context& ctx, api& a,
                                  http::request<by_reference, http::none, refund_form> in,
                                  const behaviour&) {
  const refund wanted{.refund_reference = in.body.refund_reference,
                      .reference = in.path.reference,
                      .amount_minor = in.body.amount_minor};
  co_return co_await a.work.refund_part(ctx, wanted);
}

task<result<reply>> cancel(context& ctx, api& a,
                           http::request<http::none, http::none, cancellation_form> in,
                           const behaviour&) {
  co_return co_await a.work.cancel(ctx, in.body.reference, in.body.merchant_order);
}

// The settings' faults around the work: latency and errors before it, lost answers after it.
template <class Request, class Handler>
task<http::response<answer>> about_money(context& ctx, api& a, Request in, Handler handler) {
  if (!has_key(a, *in.headers)) co_return to_problem(failure::unauthorized);
  const auto b = co_await a.store.read_behaviour(ctx);
  const double latency =
      static_cast<double>(b.latency_ms) + random_unit() * static_cast<double>(b.latency_jitter_ms);
  if (latency > 0) co_await sleep_for(std::chrono::microseconds(std::int64_t(latency * 1000)));
  if (random_unit() < b.error_rate) co_return to_problem(failure::simulated_error);
  auto done = co_await handler(ctx, a, std::move(in), b);
  if (!done) co_return to_problem(done.error());
  if (done->delay.count() > 0) co_await sleep_for(done->delay);
  // The server takes it that nobody listens any more, and closes the connection.
  if (done->lost || random_unit() < b.unknown_rate) throw http::detail::connection_lost();
  co_return std::move(done->says);
}

// ---------------------------------------------------------------------------------------------
// Records and settings.

task<http::response<record_view>> get_record(context& ctx, api& a, http::request<by_reference> in) {
  auto c = co_await a.store.find(ctx, in.path.reference);
  if (!c) co_return to_problem(failure::no_such_reference);
  record_view out{.reference = c->reference,
                  .merchant_order = c->merchant_order,
                  .state = c->state,
                  .reason = c->reason,
                  .currency = c->currency,
                  .brand = c->brand,
                  .last4 = c->last4,
                  .authorized_minor = c->authorized_minor,
                  .captured_minor = c->captured_minor,
                  .voided_minor = c->voided_minor,
                  .refunded_minor = c->refunded_minor,
                  .created_at = c->created_at,
                  .updated_at = c->updated_at};
  auto refunds = co_await a.store.refunds_of(ctx, c->reference);
  for (auto& r : refunds)
    out.refunds.push_back({r.refund_reference, r.amount_minor, r.outcome_, r.reason});
  co_return out;
}

task<http::response<records_page>> list_records(context& ctx, api& a,
                                                http::request<http::none, records_query> in) {
  uuid last;
  last.bytes.fill(0xff);
  const auto& q = in.query;
  const std::int64_t limit = q.limit ? q.limit->value : 100;
  records_page page;
  page.items = co_await a.store.list_orders(ctx, q.after.value_or(uuid{}), q.through.value_or(last),
                                            static_cast<int>(limit));
  co_return page;
}

task<http::response<behaviour>> get_behaviour(context& ctx, api& a, http::request<>) {
  co_return co_await a.store.read_behaviour(ctx);
}

task<http::response<behaviour>> put_behaviour(
    context& ctx, api& a, http::request<http::none, http::none, behaviour_form> in) {
  const behaviour b{in.body.latency_ms, in.body.latency_jitter_ms, in.body.error_rate,
                    in.body.decline_rate, in.body.unknown_rate};
  json::errors errors;
  json::for_each_field<behaviour>([&](std::string_view name, auto member) {
    if constexpr (std::is_same_v<decltype(member), double behaviour::*>)
      if (!(b.*member >= 0 && b.*member <= 1))
        errors.push_back({"/" + std::string(name), "must be from 0 to 1"});
  });
  if (!errors.empty()) co_return http::problems::bad_request(std::move(errors));
  co_await a.store.write_behaviour(ctx, b);
  co_return b;
}

// ---------------------------------------------------------------------------------------------

// The lambdas live as long as the router; the handlers are ordinary coroutines that get everything
// by parameter.

template <class Response, class Request, class Handler>
task<http::response<Response>> with_key(context& ctx, api& a, Request in, Handler handler) {
  if (!has_key(a, *in.headers)) co_return to_problem(failure::unauthorized);
  co_return co_await handler(ctx, a, std::move(in));
}

template <class Request, class Response, class Handler>
void add(http::router& routes, api& a, http::route r, Handler handler) {
  routes.on<Request, Response>(std::move(r), [&a, handler](context& ctx, Request in) {
    return with_key<Response>(ctx, a, std::move(in), handler);
  });
}

template <class Request, class Handler>
void add_money(http::router& routes, api& a, http::route r, Handler handler) {
  routes.on<Request, answer>(std::move(r), [&a, handler](context& ctx, Request in) {
    return about_money(ctx, a, std::move(in), handler);
  });
}

}  // namespace

void add_routes(http::router& routes, api& a) {
  using http::anyone;
  using http::method;
  using http::none;
  using http::request;

  add<request<none, none, card_form>, token_view>(
      routes, a, {method::post, "/v1/tokens", "Card to token", anyone}, make_token);

  add_money<request<none, none, authorization_form>>(
      routes, a, {method::post, "/v1/authorizations", "Holds an amount on a card", anyone},
      authorize);
  add_money<request<by_reference, none, capture_form>>(
      routes, a,
      {method::post, "/v1/authorizations/{reference}/capture", "Takes what is held", anyone},
      capture);
  add_money<request<by_reference>>(
      routes, a, {method::post, "/v1/authorizations/{reference}/void", "Releases a hold", anyone},
      void_charge);
  add_money<request<by_reference, none, refund_form>>(
      routes, a,
      {method::post, "/v1/authorizations/{reference}/refund", "Gives a part back", anyone},
      refund_charge);
  add_money<request<none, none, cancellation_form>>(
      routes, a,
      {method::post, "/v1/cancellations", "Gives up an authorization that was perhaps never made",
       anyone},
      cancel);

  add<request<by_reference>, record_view>(
      routes, a, {method::get, "/v1/records/{reference}", "What became of a reference", anyone},
      get_record);
  add<request<none, records_query>, records_page>(
      routes, a, {method::get, "/v1/records", "Sums of each of the merchant's orders", anyone},
      list_records);
  add<request<>, behaviour>(routes, a, {method::get, "/v1/behaviour", "Settings for tests", anyone},
                            get_behaviour);
  add<request<none, none, behaviour_form>, behaviour>(
      routes, a, {method::put, "/v1/behaviour", "Changes the settings for tests", anyone},
      put_behaviour);
}

}  // namespace souk::mock_gateway
