#pragma once

// HTTP/1.x requests from bytes: Beast's parser, and what this server refuses beyond it. Inside the
// kit.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/http.hpp"

namespace souk::http::detail {

// The fields that the server itself looks at.
enum class known_field : std::uint8_t {
  host,
  content_type,
  content_encoding,
  content_length,
  transfer_encoding,
  expect,
  origin,
  cookie,
  authorization,
  if_match,
  if_none_match,
  traceparent,
  x_request_id,
  x_forwarded_for,
  x_client_traceparent,
  x_souk_bucket,
  souk_service,
  souk_deadline_ms,
  souk_act_as,
  idempotency_key,
  last_event_id,
  count_
};

// Request line and fields, in one piece of memory that the next request uses again.
class request_head final : public header_view {
 public:
  void clear();
  std::size_t size() const { return text_.size(); }  // bytes of all that was added

  std::string_view method() const { return text(method_); }
  std::string_view target() const { return text(target_); }
  bool is_http_11() const { return http_11_; }

  std::optional<std::string_view> get(std::string_view name) const override;
  std::string_view client_address() const override { return client_address_; }
  std::optional<std::string_view> get(known_field f) const {
    const auto& at = known_[static_cast<std::size_t>(f)];
    if (!at) return std::nullopt;
    return text(*at);
  }
  bool has(known_field f) const { return known_[static_cast<std::size_t>(f)].has_value(); }

  void set_line(std::string_view method, std::string_view target, bool http_11);
  // False when the field must not be repeated but is.
  bool add(std::string_view name, std::string_view value, std::optional<known_field> known);
  void set_client_address(std::string address) { client_address_ = std::move(address); }

 private:
  struct slice {
    std::uint32_t at = 0, size = 0;
  };
  struct field {
    slice name, value;
  };
  slice keep(std::string_view text);
  std::string_view text(slice s) const { return std::string_view(text_).substr(s.at, s.size); }

  std::string text_;
  std::vector<field> fields_;
  std::array<std::optional<slice>, static_cast<std::size_t>(known_field::count_)> known_{};
  slice method_, target_;
  bool http_11_ = true;
  std::string client_address_;
};

// One request; made anew for the next.
class request_parser final : public boost::beast::http::basic_parser<true> {
 public:
  request_parser(request_head& head, std::size_t header_limit);

  // put() of the bytes that have come; called again with those that it did not take and more.
  std::size_t feed(boost::asio::const_buffer bytes, boost::beast::error_code& ec);
  // The body goes to `to`, at most `limit` bytes of it in all; nullptr: nowhere. Until then parsing
  // stops at the end of the header.
  void read_body_to(std::string* to, std::uint64_t limit) {
    body_ = to;
    body_limit_bytes_ = limit;
    eager(true);
  }
  std::uint64_t body_received() const { return body_received_; }
  // Why the request is refused, when it is not Beast's own reason.
  std::string_view why() const { return why_; }
  bool body_too_large() const { return body_too_large_; }

 private:
  using error_code = boost::beast::error_code;
  using text = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb, text method, text target, int version,
                       error_code& ec) override;
  void on_response_impl(int, text, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field f, text name, text value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(text piece, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t, text extensions, error_code& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t, text piece, error_code& ec) override;
  void on_finish_impl(error_code&) override {}
  void refuse(std::string_view why, error_code& ec);

  request_head& head_;
  std::size_t header_limit_;
  std::string* body_ = nullptr;
  std::uint64_t body_limit_bytes_ = 0;
  std::uint64_t body_received_ = 0;
  bool in_header_ = true;
  bool body_too_large_ = false;
  std::string_view why_;
};

}  // namespace souk::http::detail
