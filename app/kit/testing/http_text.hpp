#pragma once

// Just enough HTTP/1.1 for tests. Private to the testing library.

#include <optional>
#include <string>
#include <string_view>

#include "kit/testing/http.hpp"

namespace souk::testing {

struct http_head {
  std::string first_line;
  http_headers headers;
  std::size_t size = 0;  // in bytes, with the empty line
};
struct http_body {
  std::string text;      // without transfer encoding
  std::size_t size = 0;  // in bytes as sent
};

std::string find_header(const http_headers& headers, std::string_view name);
// Nothing while it is not complete.
std::optional<http_head> parse_head(std::string_view bytes);
// `until_close`: without a length the body goes on to the end of the connection.
std::optional<http_body> parse_body(const http_headers& headers, std::string_view bytes,
                                    bool until_close, bool closed);

}  // namespace souk::testing
