#pragma once

// HTTP server side: what a service says about its routes and how a handler answers.
//
// A service lists its routes once, in routes.cpp: method, path, who may call, request and response
// types, handler. Parsing, validation, authorization, problem documents (RFC 9457), spans, metrics,
// the access log and the OpenAPI document all come from that list.
//
//   routes.on<http::request<by_id>, order_view>(
//       {http::method::get, "/orders/{id}", "One order", http::shopper | http::admin},
//       [&api](context& ctx, http::request<by_id> in) { return api.get(ctx, std::move(in)); });

#include <expected>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kit/context.hpp"
#include "kit/json.hpp"
#include "kit/task.hpp"

namespace souk::http {

enum class method { get, head, post, put, patch, delete_ };
std::string_view to_string(method m);

// ---------------------------------------------------------------------------------------------
// Who may call a route.

// A set of kinds of callers; `|` joins. An empty set lets nobody in.
class access {
 public:
  // Whether `who` may call; the answer for those who may not is 401 (nobody) or 403 (the others).
  bool allows(const caller& who) const;
  bool is_public() const { return public_; }
  bool is_operator() const { return operator_; }
  std::vector<std::string> names() const;  // "public", "shopper", "service(order)", ...
  friend access operator|(access a, const access& b);

  bool public_ = false;
  bool operator_ = false;  // health and the like: no credential, not for the gateway
  bool shopper_ = false;
  bool admin_ = false;
  std::vector<std::string> services_;
};
// On public routes a valid credential still tells the handler who calls; an invalid one counts as
// none, so that a stale cookie locks nobody out.
extern const access anyone;
extern const access operators;
extern const access shopper;  // whether the resource is the shopper's own is the handler's question
extern const access admin;
access service(std::string_view name);

// ---------------------------------------------------------------------------------------------
// Answers.

// RFC 9457. `type` is the last part of /problems/<type>, a constant of the program.
// No text here may contain a received value.
struct problem {
  int status = 500;
  std::string_view type = "internal";
  std::string title;
  std::string detail;
  json::errors errors{};                                          // by field
  std::vector<std::pair<std::string, std::string>> extensions{};  // name, JSON
  std::vector<std::pair<std::string, std::string>> headers{};     // e.g. Retry-After, Location

  template <class T>
  problem&& with(std::string name, const T& value) && {
    extensions.emplace_back(std::move(name), json::write(value));
    return std::move(*this);
  }
  problem&& header(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
};

namespace problems {  // those that any service may answer
// Where an error is: "" or "/lines/0/quantity" point into the body, "limit" names a parameter of
// the path or the query, "header:If-Match" a header.
problem bad_request(json::errors errors);                    // 400 bad-request
problem bad_request(std::string where, std::string detail);  // 400 bad-request, one field
problem unauthorized();                                      // 401 unauthorized
problem forbidden();                                         // 403 forbidden
problem not_found();                                         // 404 not-found
problem precondition_required();                             // 428 if-match-required
problem precondition_failed();                               // 412 changed-meanwhile
problem idempotency_key_reused();                            // 422 idempotency-key-reused
problem idempotency_key_running();                           // 409 idempotency-key-running
problem overloaded(std::chrono::seconds retry_after);        // 503 overloaded
problem unavailable(std::string_view what);                  // 503 unavailable; `what`: a constant
}  // namespace problems

struct none {};
BOOST_DESCRIBE_STRUCT(none, (), ())

// A body that is encoded already, shared by all who send it.
struct encoded {
  std::shared_ptr<const std::string> body;
  std::string_view content_type = "application/json";
};

// What a handler returns: T with 200, or one of the makers below, or a problem.
template <class T>
struct response {
  int status = 200;
  std::optional<T> body;
  std::optional<http::problem> failure;
  std::optional<encoded> ready;  // instead of `body`
  std::vector<std::pair<std::string, std::string>> headers{};

  response(T value) : body(std::move(value)) {}
  response(http::problem p) : status(p.status), failure(std::move(p)) {}
  response(encoded e) : ready(std::move(e)) {}
  static response with_status(int status, T value) {
    response r{std::move(value)};
    r.status = status;
    return r;
  }
  static response created(T value, std::string location) {
    return with_status(201, std::move(value)).header("Location", std::move(location));
  }
  // 304 or 204 and the like.
  static response empty(int status) {
    response r;
    r.status = status;
    return r;
  }
  response&& header(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }

 private:
  response() = default;
};

// ---------------------------------------------------------------------------------------------
// Requests.

// Header fields of one request; names are compared without case.
class header_view {
 public:
  virtual ~header_view() = default;
  virtual std::optional<std::string_view> get(std::string_view name) const = 0;
  // The address of whoever asks, as far as the trusted proxies vouch for it (TRUSTED_PROXIES).
  virtual std::string_view client_address() const { return {}; }
};

// What a typed handler receives, parsed and checked. Path and Query are described structs whose
// fields are named as in the path's {name}s and the query's parameters; their types carry the
// rules (kit/json.hpp). In a Query, optional<T> may be absent, vector<T> may be repeated or
// comma-separated, and map<string, vector<string>> named `attr` collects attr.<name>=<value>.
// Unknown and repeated parameters are refused.
template <class Path = none, class Query = none, class Body = none>
struct request {
  using path_type = Path;
  using query_type = Query;
  using body_type = Body;
  Path path;
  Query query;
  Body body;
  std::string body_text;                   // as received: for hashing under an Idempotency-Key
  std::string idempotency_key;             // empty if none was sent
  std::optional<std::string> if_match;     // the entity tag without quotes; "*" stays "*"
  std::vector<std::string> if_none_match;  // likewise
  std::shared_ptr<const header_view> headers;
};

// The body of an upload, read piece by piece; the server stops reading from the network while
// nobody takes the pieces.
class body_stream {
 public:
  virtual ~body_stream() = default;
  // The next piece, valid until the next call; nothing at the end. Throws if the client is gone,
  // too slow or over the route's limit.
  virtual task<std::optional<std::string_view>> read() = 0;
};

// An answer whose length is not known beforehand. The head is sent with the first write.
class response_stream {
 public:
  virtual ~response_stream() = default;
  virtual void header(std::string name, std::string value) = 0;  // before the first write
  // Waits until the client takes it. Throws when the client is gone or too slow.
  virtual task<> write(std::string_view data) = 0;
  // True once the server drains: end soon.
  virtual bool draining() const = 0;
};

// Server-sent events. A comment is sent every 15 s of silence; on drain the stream is told to end.
class event_stream {
 public:
  virtual ~event_stream() = default;
  virtual task<> send(std::string_view id, std::string_view event, std::string_view data) = 0;
  // Last-Event-ID, if the client resumes.
  virtual std::optional<std::string_view> last_event_id() const = 0;
  // Throws when the client is gone. True when `until` came or `s` was notified, false when the
  // stream shall end because the server drains.
  virtual task<bool> wait(signal& s, steady_clock::time_point until) = 0;
};

// ---------------------------------------------------------------------------------------------
// Routes.
//
// Requests are admitted at the edge: what shoppers and administrators begin is refused with 503
// when too much is under way; services, which go on with work already begun, have a share of their
// own, as have event streams. Operators' routes are never refused.

enum class idempotency { none, optional, required };

struct route {
  http::method method;
  std::string_view path;     // "/orders/{id}/events"; a literal segment wins over a {name}
  std::string_view summary;  // for the API documentation
  access who;
  idempotency key = idempotency::none;  // required: 400 without Idempotency-Key
  bool if_match = false;                // required: 428 without If-Match
  std::size_t max_body = 64 * 1024;     // bytes; 413 above
  // Reads: the longest that a request may take. Writes always run to their end.
  std::chrono::milliseconds time_limit{10'000};
  // Asked when nothing but the request's head has been looked at, not even who sends it: when there
  // is too much to do, refusing must cost next to nothing. Nothing: go on.
  std::function<std::optional<problem>(const header_view&)> refuse_early{};
};

class router {
 public:
  router();
  ~router();
  router(router&&) noexcept;
  router& operator=(router&&) noexcept;

  template <class Request, class Response, class Handler>
  void on(route r, Handler handler);  // task<response<Response>>(context&, Request)

  // Uploads: the body is streamed, everything else as above.
  template <class Request, class Response, class Handler>
  void on_upload(route r,
                 Handler handler);  // task<response<Response>>(context&, Request, body_stream&)

  // Long answers, one JSON value a line (application/x-ndjson). A problem returned before the
  // first write is sent as such.
  template <class Request, class Line, class Handler>
  void on_stream(
      route r,
      Handler handler);  // task<std::optional<problem>>(context&, Request, response_stream&)

  // Server-sent events; they have a limit of their own and no deadline.
  template <class Request, class Handler>
  void on_events(
      route r, Handler handler);  // task<std::optional<problem>>(context&, Request, event_stream&)

  std::span<const route> routes() const;
  // OpenAPI 3.1, built once; x-souk-access tells who may call.
  std::string openapi(std::string_view title, std::string_view version) const;

  struct state;
  state& internals() { return *state_; }

 private:
  std::unique_ptr<state> state_;
};

}  // namespace souk::http

#include "kit/http_routing.hpp"
