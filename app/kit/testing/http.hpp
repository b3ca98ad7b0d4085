#pragma once

// A blocking HTTP client for tests, and a raw one for what no client would send.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace souk::testing {

using http_headers = std::vector<std::pair<std::string, std::string>>;

struct http_answer {
  int status = 0;
  http_headers headers;
  std::string body;  // without transfer encoding

  // Without regard to case; empty if absent.
  std::string header(std::string_view name) const;
};

// One request on a connection of its own to 127.0.0.1. Sends Host, Connection: close and, with a
// body, Content-Length and Content-Type: application/json unless `headers` has them. Throws
// std::runtime_error without a connection or a whole answer in time.
http_answer http_call(std::uint16_t port, std::string_view method, std::string_view path,
                      const http_headers& headers = {}, std::string_view body = {},
                      std::chrono::milliseconds limit = std::chrono::seconds(30));

// Sends the bytes and gives back everything until the server closes or `limit` is over.
std::string raw_http(std::uint16_t port, std::string_view bytes,
                     std::chrono::milliseconds limit = std::chrono::seconds(5));

// The first answer in `bytes`, as from raw_http; nothing if there is none.
std::optional<http_answer> parse_http_answer(std::string_view bytes);

}  // namespace souk::testing
