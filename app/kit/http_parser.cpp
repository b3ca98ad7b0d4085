#include "kit/http_parser.hpp"

#include <boost/beast/http/error.hpp>

#include "kit/http_text.hpp"

namespace souk::http::detail {
namespace {

namespace beast = boost::beast;

std::optional<known_field> classify(beast::http::field f, std::string_view name) {
  using beast::http::field;
  switch (f) {
    case field::host:
      return known_field::host;
    case field::content_type:
      return known_field::content_type;
    case field::content_encoding:
      return known_field::content_encoding;
    case field::content_length:
      return known_field::content_length;
    case field::transfer_encoding:
      return known_field::transfer_encoding;
    case field::expect:
      return known_field::expect;
    case field::origin:
      return known_field::origin;
    case field::cookie:
      return known_field::cookie;
    case field::authorization:
      return known_field::authorization;
    case field::if_match:
      return known_field::if_match;
    case field::if_none_match:
      return known_field::if_none_match;
    case field::unknown:
      break;
    default:
      return std::nullopt;
  }
  struct named {
    std::string_view name;
    known_field field;
  };
  static constexpr named others[] = {
      {"traceparent", known_field::traceparent},
      {"x-request-id", known_field::x_request_id},
      {"x-forwarded-for", known_field::x_forwarded_for},
      {"x-client-traceparent", known_field::x_client_traceparent},
      {"x-souk-bucket", known_field::x_souk_bucket},
      {"souk-service", known_field::souk_service},
      {"souk-deadline-ms", known_field::souk_deadline_ms},
      {"souk-act-as", known_field::souk_act_as},
      {"idempotency-key", known_field::idempotency_key},
      {"last-event-id", known_field::last_event_id},
  };
  for (const auto& o : others)
    if (equal_without_case(o.name, name)) return o.field;
  return std::nullopt;
}

// What joins a field that is sent more than once; empty for one that must not be.
std::string_view joint(known_field f) {
  switch (f) {
    case known_field::cookie:
      return "; ";
    case known_field::x_forwarded_for:
    case known_field::if_none_match:
      return ", ";
    default:
      return {};
  }
}

std::string_view view(beast::string_view s) {
  return {s.data(), s.size()};
}

// Whether a field goes on in the next line, which is refused (RFC 9112, section 5.2). Beast passes
// over the end of an empty first line and unfolds others somewhere else: otherwise the value stands
// behind its name, with nothing but blanks between. Beast has seen the first byte of the next line.
bool is_folded(beast::string_view name, beast::string_view value) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* at = name.data() + name.size() + 1;  // behind the colon
  while (is_blank(*at)) ++at;
  return value.empty() ? is_blank(at[2]) : at != value.data();
}

}  // namespace

void request_head::clear() {
  text_.clear();
  fields_.clear();
  known_.fill(std::nullopt);
  method_ = target_ = {};
  http_11_ = true;
  client_address_.clear();
}

request_head::slice request_head::keep(std::string_view s) {
  const slice out{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(s.size())};
  text_ += s;
  return out;
}

void request_head::set_line(std::string_view method, std::string_view target, bool http_11) {
  method_ = keep(method);
  target_ = keep(target);
  http_11_ = http_11;
}

bool request_head::add(std::string_view name, std::string_view value,
                       std::optional<known_field> known) {
  const field f{keep(name), keep(value)};
  fields_.push_back(f);
  if (!known) return true;
  auto& at = known_[static_cast<std::size_t>(*known)];
  if (!at) {
    at = f.value;
    return true;
  }
  const auto between = joint(*known);
  if (between.empty()) return false;
  std::string joined(text(*at));
  joined.append(between).append(value);
  at = keep(joined);
  return true;
}

std::optional<std::string_view> request_head::get(std::string_view name) const {
  for (const field& f : fields_)
    if (equal_without_case(text(f.name), name)) return text(f.value);
  return std::nullopt;
}

request_parser::request_parser(request_head& head, std::size_t limit)
    : head_(head), header_limit_(limit) {
  header_limit(static_cast<std::uint32_t>(limit));
  body_limit(boost::none);  // it depends on the route; see read_body_to
  head_.clear();
}

std::size_t request_parser::feed(boost::asio::const_buffer bytes, error_code& ec) {
  // The shortest end of a chunked body is "0\r\n\r\n". Beast must not be asked again with a part of
  // it: it takes for granted then that there is more.
  if (is_header_done() && chunked() && bytes.size() < 5) {
    ec = beast::http::error::need_more;
    return 0;
  }
  return put(bytes, ec);
}

void request_parser::refuse(std::string_view why, error_code& ec) {
  why_ = why;
  ec = beast::http::error::bad_field;
}

void request_parser::on_request_impl(beast::http::verb, text method, text target, int version,
                                     error_code&) {
  head_.set_line(view(method), view(target), version >= 11);
}

void request_parser::on_field_impl(beast::http::field f, text name, text value, error_code& ec) {
  if (is_folded(name, value)) return refuse("header fields must not be folded", ec);
  if (!in_header_) return;  // trailers are read past: they must not pass for fields
  const auto known = classify(f, view(name));
  if (known == known_field::transfer_encoding && !equal_without_case(view(value), "chunked"))
    return refuse("only the transfer encoding `chunked` is understood", ec);
  if (known == known_field::content_length && view(value).find(',') != std::string_view::npos)
    return refuse("Content-Length must not be repeated", ec);
  if (!head_.add(view(name), view(value), known))
    return refuse("a header field is repeated that must not be", ec);
  // Beast limits the request line and the fields one by one.
  if (head_.size() > header_limit_) ec = beast::http::error::header_limit;
}

void request_parser::on_header_impl(error_code& ec) {
  in_header_ = false;
  if (head_.has(known_field::transfer_encoding) && head_.has(known_field::content_length))
    return refuse("Content-Length and Transfer-Encoding contradict each other", ec);
  if (head_.has(known_field::transfer_encoding) && !head_.is_http_11())
    return refuse("HTTP/1.0 has no transfer encoding", ec);
  if (head_.is_http_11() && !head_.has(known_field::host)) return refuse("Host is required", ec);
}

std::size_t request_parser::on_body_impl(text piece, error_code& ec) {
  body_received_ += piece.size();
  if (body_received_ > body_limit_bytes_) {
    body_too_large_ = true;
    ec = beast::http::error::body_limit;
    return 0;
  }
  if (body_) body_->append(piece.data(), piece.size());
  return piece.size();
}

void request_parser::on_chunk_header_impl(std::uint64_t, text extensions, error_code& ec) {
  // Beast lets a quoted text have any of them, ends of lines included.
  for (const char c : extensions)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F)
      ec = beast::http::error::bad_chunk_extension;
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, text piece, error_code& ec) {
  return on_body_impl(piece, ec);
}

}  // namespace souk::http::detail
