#pragma once

// HTTP/1.1 requests by the letter of RFC 9112, written once more and without anything of the kit:
// what the kit takes for requests is compared with what they are. Slow and plain on purpose.
//
// Where the RFC leaves a choice, the reference makes the kit's: no folded fields, no bare LF, no
// empty line before a request, one Host, one Content-Length without a list, no Transfer-Encoding
// but `chunked`, bytes above 0x7F allowed in a target.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace souk::fuzz::reference {

enum class state { complete, incomplete, bad };

struct request {
  std::string method, target;
  bool http_11 = true;
  std::vector<std::pair<std::string, std::string>> fields;  // as sent, in their order
  bool chunked = false;
  std::optional<std::uint64_t> length;
  bool keep_alive = true;
  bool expects = false;
  state head = state::bad;
  // Only behind a complete head.
  state whole = state::bad;
  std::string body;      // as far as it came
  std::size_t size = 0;  // bytes of the whole request

  bool has_body() const { return chunked || length.value_or(0) > 0; }
  // The only field with this name, in lower case; nothing if there is none.
  std::optional<std::string> field(std::string_view lower_case_name) const;
};

// The requests that lie one after another in `bytes`, up to the first that is not complete or the
// first that ends the connection, that one included.
std::vector<request> requests_in(std::string_view bytes);

std::string lower(std::string_view text);
bool is_token(std::string_view text);
bool is_utf8(std::string_view text);
// Percent-decoding of a path or a query's part; nothing if it is not well-formed, no UTF-8, or has
// a NUL.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

}  // namespace souk::fuzz::reference
