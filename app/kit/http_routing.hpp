#pragma once

// What stands behind the router of kit/http.hpp: from a typed route to an endpoint that the server
// can call without knowing types.

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kit/http.hpp"
#include "kit/json_codec.hpp"

namespace souk::http::detail {

// ---------------------------------------------------------------------------------------------
// Parameters.

// Without percent-encoding. Nothing for a bad encoding, bad UTF-8 or NUL. In a query, `+` is a
// space.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// The parameters of a query, in their order; taken by name.
class query_parameters {
 public:
  void assign(std::string_view query);
  // The values under `name`, decoded; what cannot be decoded is reported. With `split`, a literal
  // comma separates values.
  std::vector<std::string> take(std::string_view name, bool split, json::errors& errors);
  // prefix<name>=<value>, by name.
  std::map<std::string, std::vector<std::string>> take_all(std::string_view prefix,
                                                           json::errors& errors);
  // Reports those that nobody took.
  void refuse_rest(json::errors& errors);

 private:
  struct item {
    std::optional<std::string> name;
    std::string value;  // as received
    bool taken = false;
  };
  std::vector<item> items_;
};

// ---------------------------------------------------------------------------------------------
// Endpoints.

// A request as far as the server understands it. `errors` holds what is wrong with its headers.
struct exchange {
  const http::route* route = nullptr;
  std::vector<std::string> path;  // the values of the {name}s, in their order
  query_parameters query;
  std::string body;
  std::string idempotency_key;
  std::optional<std::string> if_match;
  std::vector<std::string> if_none_match;
  std::shared_ptr<const header_view> headers;
  json::errors errors;
  // One of these, when the endpoint is of that kind.
  body_stream* upload = nullptr;
  response_stream* lines = nullptr;
  event_stream* events = nullptr;
};

struct reply {
  int status = 200;
  std::optional<http::problem> failure;
  std::optional<encoded> ready;
  std::string body;  // JSON, if neither of the above
  std::vector<std::pair<std::string, std::string>> headers;
};

struct parameter {
  std::string name;
  std::string schema;
  bool required = true;
  bool repeated = false;
  bool free_names = false;  // attr.<name>
};

// What an endpoint takes and gives, for the documentation; schemas are JSON, empty for none.
struct endpoint_types {
  std::vector<parameter> path, query;
  std::string body, answer;
};

enum class endpoint_kind { plain, upload, lines, events };

struct endpoint {
  http::route route;
  endpoint_kind kind = endpoint_kind::plain;
  bool takes_body = false;  // JSON
  std::vector<std::string> path_names;
  std::function<endpoint_types(json::schema_set&)> types;
  std::function<task<reply>(context&, exchange&)> call;
};

// Throws std::logic_error for a route that contradicts itself or one that is there already.
void add(router::state& to, endpoint e);

// The {name}s of a path template.
std::vector<std::string> path_names(std::string_view path_template);

// ---------------------------------------------------------------------------------------------
// Reading a request.

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <class T, std::size_t Min, std::size_t Max>
inline constexpr bool is_list<json::list<T, Min, Max>> = true;
template <class T>
inline constexpr std::size_t list_min = 0;
template <class T>
inline constexpr std::size_t list_max = 100;
template <class T, std::size_t Min, std::size_t Max>
inline constexpr std::size_t list_min<json::list<T, Min, Max>> = Min;
template <class T, std::size_t Min, std::size_t Max>
inline constexpr std::size_t list_max<json::list<T, Min, Max>> = Max;
using attributes = std::map<std::string, std::vector<std::string>>;

template <class T>
void read_single(std::string_view name, std::string_view text, T& out, json::errors& errors) {
  auto value = json::from_text<T>(text);
  if (value)
    out = std::move(*value);
  else
    errors.push_back({std::string(name), std::move(value.error())});
}

// False, and reported, unless there are between `min` and `max` values.
bool check_count(std::string_view name, std::size_t count, std::size_t min, std::size_t max,
                 json::errors& errors);

template <class T>
void read_parameter(std::string_view name, query_parameters& query, T& out, json::errors& errors) {
  if constexpr (std::is_same_v<T, attributes>) {
    out = query.take_all(std::string(name) + '.', errors);
  } else if constexpr (is_list<T>) {
    auto values = query.take(name, true, errors);
    if (!check_count(name, values.size(), list_min<T>, list_max<T>, errors)) return;
    for (const std::string& text : values) read_single(name, text, out.emplace_back(), errors);
  } else {
    const auto before = errors.size();
    auto values = query.take(name, false, errors);
    if (errors.size() != before) return;
    if (is_optional<T> && values.empty()) return;
    if (!check_count(name, values.size(), 1, 1, errors)) return;
    if constexpr (is_optional<T>)
      read_single(name, values.front(), out.emplace(), errors);
    else
      read_single(name, values.front(), out, errors);
  }
}

// The checks that are the same for all types. `errors` ends up in the problem.
std::optional<problem> finish_reading(exchange& x);

// Every wrong part of the request is named at once.
template <class Request>
std::expected<Request, problem> read_request(exchange& x, const std::vector<std::string>& names,
                                             bool streamed) {
  using path = typename Request::path_type;
  using query = typename Request::query_type;
  using body = typename Request::body_type;
  Request in{};
  if constexpr (!std::is_same_v<path, none>) {
    json::for_each_field<path>([&](std::string_view name, auto member) {
      for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) read_single(name, x.path[i], in.path.*member, x.errors);
    });
  }
  if constexpr (!std::is_same_v<query, none>) {
    json::for_each_field<query>([&](std::string_view name, auto member) {
      read_parameter(name, x.query, in.query.*member, x.errors);
    });
  }
  x.query.refuse_rest(x.errors);
  if constexpr (!std::is_same_v<body, none>) {
    if (auto value = json::read<body>(x.body))
      in.body = std::move(*value);
    else
      x.errors.insert(x.errors.end(), value.error().begin(), value.error().end());
  } else if (!streamed && !x.body.empty() && x.body != "{}") {
    x.errors.push_back({"", "no body is expected"});
  }
  if (auto refused = finish_reading(x)) return std::unexpected(std::move(*refused));
  in.body_text = std::move(x.body);
  in.idempotency_key = std::move(x.idempotency_key);
  in.if_match = std::move(x.if_match);
  in.if_none_match = std::move(x.if_none_match);
  in.headers = x.headers;
  return in;
}

// ---------------------------------------------------------------------------------------------
// Writing an answer.

template <class T>
reply to_reply(response<T>&& r) {
  reply out;
  out.status = r.status;
  out.headers = std::move(r.headers);
  out.failure = std::move(r.failure);
  out.ready = std::move(r.ready);
  if constexpr (std::is_same_v<T, none>) {
    if (r.body && out.status == 200) out.status = 204;
  } else if (r.body) {
    json::write_to(out.body, *r.body);
  }
  return out;
}

reply refused(problem p);
// After a stream: the problem if there is one.
reply streamed(std::optional<problem> p);

template <class Request, class Response, class Handler>
task<reply> serve(Handler& handler, const std::vector<std::string>& names, context& ctx,
                  exchange& x) {
  auto in = read_request<Request>(x, names, false);
  if (!in) co_return refused(std::move(in.error()));
  response<Response> out = co_await handler(ctx, std::move(*in));
  co_return to_reply(std::move(out));
}

template <class Request, class Response, class Handler>
task<reply> serve_upload(Handler& handler, const std::vector<std::string>& names, context& ctx,
                         exchange& x) {
  auto in = read_request<Request>(x, names, true);
  if (!in) co_return refused(std::move(in.error()));
  response<Response> out = co_await handler(ctx, std::move(*in), *x.upload);
  co_return to_reply(std::move(out));
}

template <class Request, class Handler, class Stream>
task<reply> serve_stream(Handler& handler, const std::vector<std::string>& names, context& ctx,
                         exchange& x, Stream& stream) {
  auto in = read_request<Request>(x, names, false);
  if (!in) co_return refused(std::move(in.error()));
  std::optional<problem> failure = co_await handler(ctx, std::move(*in), stream);
  co_return streamed(std::move(failure));
}

// ---------------------------------------------------------------------------------------------
// Describing types.

template <class T>
parameter describe_parameter(std::string_view name, json::schema_set& set) {
  parameter p{.name = std::string(name)};
  if constexpr (std::is_same_v<T, attributes>) {
    p.schema = json::schema_of<T>(set);
    p.required = false;
    p.free_names = true;
  } else if constexpr (is_list<T>) {
    p.schema = json::schema_of<T>(set);
    p.required = list_min<T> > 0;
    p.repeated = true;
  } else {
    p.schema = json::schema_of<T>(set);
    p.required = !is_optional<T>;
  }
  return p;
}

template <class T>
std::vector<parameter> describe_parameters(json::schema_set& set) {
  std::vector<parameter> all;
  if constexpr (!std::is_same_v<T, none>) {
    json::for_each_field<T>([&](std::string_view name, auto member) {
      using value = typename json::detail::member_type<decltype(member)>::type;
      all.push_back(describe_parameter<value>(name, set));
    });
  }
  return all;
}

template <class T>
std::string describe_document(json::schema_set& set) {
  if constexpr (std::is_same_v<T, none>)
    return {};
  else
    return json::schema_of<T>(set);
}

template <class Request, class Answer>
endpoint make_endpoint(route r, endpoint_kind kind) {
  endpoint e{.route = std::move(r), .kind = kind};
  e.takes_body = !std::is_same_v<typename Request::body_type, none>;
  e.path_names = path_names(e.route.path);
  e.types = [](json::schema_set& set) {
    return endpoint_types{.path = describe_parameters<typename Request::path_type>(set),
                          .query = describe_parameters<typename Request::query_type>(set),
                          .body = describe_document<typename Request::body_type>(set),
                          .answer = describe_document<Answer>(set)};
  };
  return e;
}

}  // namespace souk::http::detail

namespace souk::http {

// The handlers are kept by the router; what runs only refers to them.

template <class Request, class Response, class Handler>
void router::on(route r, Handler handler) {
  auto e = detail::make_endpoint<Request, Response>(std::move(r), detail::endpoint_kind::plain);
  e.call = [h = std::move(handler), names = e.path_names](context& ctx,
                                                          detail::exchange& x) mutable {
    return detail::serve<Request, Response>(h, names, ctx, x);
  };
  detail::add(*state_, std::move(e));
}

template <class Request, class Response, class Handler>
void router::on_upload(route r, Handler handler) {
  static_assert(std::is_same_v<typename Request::body_type, none>, "the body is streamed");
  auto e = detail::make_endpoint<Request, Response>(std::move(r), detail::endpoint_kind::upload);
  e.call = [h = std::move(handler), names = e.path_names](context& ctx,
                                                          detail::exchange& x) mutable {
    return detail::serve_upload<Request, Response>(h, names, ctx, x);
  };
  detail::add(*state_, std::move(e));
}

template <class Request, class Line, class Handler>
void router::on_stream(route r, Handler handler) {
  auto e = detail::make_endpoint<Request, Line>(std::move(r), detail::endpoint_kind::lines);
  e.call = [h = std::move(handler), names = e.path_names](context& ctx,
                                                          detail::exchange& x) mutable {
    return detail::serve_stream<Request>(h, names, ctx, x, *x.lines);
  };
  detail::add(*state_, std::move(e));
}

template <class Request, class Handler>
void router::on_events(route r, Handler handler) {
  auto e = detail::make_endpoint<Request, none>(std::move(r), detail::endpoint_kind::events);
  e.call = [h = std::move(handler), names = e.path_names](context& ctx,
                                                          detail::exchange& x) mutable {
    return detail::serve_stream<Request>(h, names, ctx, x, *x.events);
  };
  detail::add(*state_, std::move(e));
}

}  // namespace souk::http
