#include "kit/http.hpp"

#include <algorithm>

#include "kit/http_routes.hpp"

namespace souk::http {

std::string_view to_string(method m) {
  switch (m) {
    case method::get:
      return "GET";
    case method::head:
      return "HEAD";
    case method::post:
      return "POST";
    case method::put:
      return "PUT";
    case method::patch:
      return "PATCH";
    case method::delete_:
      return "DELETE";
  }
  return "";
}

// ---------------------------------------------------------------------------------------------
// Access.

namespace {
access make(bool access::* kind) {
  access a;
  a.*kind = true;
  return a;
}
}  // namespace

const access anyone = make(&access::public_);
const access operators = make(&access::operator_);
const access shopper = make(&access::shopper_);
const access admin = make(&access::admin_);

access service(std::string_view name) {
  access a;
  a.services_.emplace_back(name);
  return a;
}

access operator|(access a, const access& b) {
  a.public_ |= b.public_;
  a.operator_ |= b.operator_;
  a.shopper_ |= b.shopper_;
  a.admin_ |= b.admin_;
  for (const auto& name : b.services_)
    if (std::ranges::find(a.services_, name) == a.services_.end()) a.services_.push_back(name);
  return a;
}

bool access::allows(const caller& who) const {
  if (public_ || operator_) return true;
  switch (who.what) {
    case caller::kind::nobody:
      return false;
    case caller::kind::shopper:
      return shopper_;
    case caller::kind::admin:
      return admin_;
    case caller::kind::service:
      return std::ranges::find(services_, who.id) != services_.end();
  }
  return false;
}

std::vector<std::string> access::names() const {
  std::vector<std::string> out;
  if (operator_) out.emplace_back("operator");
  if (public_) out.emplace_back("public");
  if (shopper_) out.emplace_back("shopper");
  if (admin_) out.emplace_back("admin");
  for (const auto& name : services_) out.push_back("service(" + name + ")");
  return out;
}

// ---------------------------------------------------------------------------------------------
// Problems.

namespace problems {

problem bad_request(json::errors errors) {
  return {.status = 400,
          .type = "bad-request",
          .title = "The request is not valid",
          .detail = "Each wrong part is named under errors.",
          .errors = std::move(errors)};
}

problem bad_request(std::string where, std::string detail) {
  return bad_request(json::errors{{std::move(where), std::move(detail)}});
}

problem unauthorized() {
  return problem{.status = 401,
                 .type = "unauthorized",
                 .title = "Sign in first",
                 .detail = "The request carries no valid credential."}
      .header("WWW-Authenticate", "Bearer");
}

problem forbidden() {
  return {.status = 403,
          .type = "forbidden",
          .title = "Not for you",
          .detail = "The credential is valid, but not of a kind that may do this."};
}

problem not_found() {
  return {.status = 404, .type = "not-found", .title = "Not found", .detail = ""};
}

problem precondition_required() {
  return {.status = 428,
          .type = "if-match-required",
          .title = "If-Match is required",
          .detail = "Send the ETag of what you read in If-Match, so that no change is lost."};
}

problem precondition_failed() {
  return {.status = 412,
          .type = "changed-meanwhile",
          .title = "Changed meanwhile",
          .detail = "Somebody else has changed it since you read it. Read it again."};
}

problem idempotency_key_reused() {
  return {.status = 422,
          .type = "idempotency-key-reused",
          .title = "Idempotency-Key used before",
          .detail = "The key belongs to an earlier request with another content."};
}

problem idempotency_key_running() {
  return problem{.status = 409,
                 .type = "idempotency-key-running",
                 .title = "Still running",
                 .detail = "The first request with this key has not ended yet. Ask again soon."}
      .header("Retry-After", "1");
}

problem overloaded(std::chrono::seconds retry_after) {
  return problem{.status = 503,
                 .type = "overloaded",
                 .title = "Too much to do",
                 .detail = "Nothing was done. Try again a little later."}
      .header("Retry-After", std::to_string(std::max<std::int64_t>(1, retry_after.count())));
}

problem unavailable(std::string_view what) {
  return problem{.status = 503,
                 .type = "unavailable",
                 .title = "Not available now",
                 .detail = std::string(what)}
      .header("Retry-After", "1");
}

}  // namespace problems

namespace detail {

problem too_large() {
  return {.status = 413,
          .type = "too-large",
          .title = "The body is too large",
          .detail = "It has more bytes than this path accepts."};
}

problem malformed(std::string detail) {
  return {.status = 400,
          .type = "bad-request",
          .title = "The request is not valid",
          .detail = std::move(detail)};
}

std::string_view reason(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string to_document(const problem& p, std::string_view trace_id) {
  std::string out = "{\"type\":";
  json::write_string(out, "/problems/" + std::string(p.type));
  out += ",\"title\":";
  json::write_string(out, p.title.empty() ? reason(p.status) : std::string_view(p.title));
  out += ",\"status\":" + std::to_string(p.status);
  if (!p.detail.empty()) {
    out += ",\"detail\":";
    json::write_string(out, p.detail);
  }
  out += ",\"trace_id\":";
  json::write_string(out, trace_id);
  if (!p.errors.empty()) {
    out += ",\"errors\":[";
    for (std::size_t i = 0; i < p.errors.size(); ++i) {
      std::string_view kind = "parameter", where = p.errors[i].pointer;
      if (where.empty() || where.starts_with('/')) {
        kind = "pointer";
      } else if (where.starts_with("header:")) {
        kind = "header";
        where.remove_prefix(7);
      } else if (where.starts_with("parameter:")) {
        where.remove_prefix(10);
      }
      out.append(i == 0 ? "{\"" : ",{\"").append(kind).append("\":");
      json::write_string(out, where);
      out += ",\"detail\":";
      json::write_string(out, p.errors[i].detail);
      out += '}';
    }
    out += ']';
  }
  for (const auto& [name, value] : p.extensions) {
    out += ',';
    json::write_string(out, name);
    out += ':';
    out += value;
  }
  out += '}';
  return out;
}

}  // namespace detail

}  // namespace souk::http
