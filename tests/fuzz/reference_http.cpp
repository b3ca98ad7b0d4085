#include "reference_http.hpp"

#include <algorithm>
#include <set>

namespace souk::fuzz::reference {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_token_character(char c) {
  return is_digit(c) || is_alpha(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

int hex(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Of a field's value: no control characters but the tab.
bool is_value_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7F);
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Thrown inwards only.
struct stop {
  state why;
};

class cursor {
 public:
  explicit cursor(std::string_view bytes) : bytes_(bytes) {}
  std::size_t at() const { return at_; }

  // Everything up to the next CRLF, which is passed. A CR or LF alone is an error.
  std::string_view line() {
    const auto end = bytes_.find_first_of("\r\n", at_);
    if (end == bytes_.npos) throw stop{state::incomplete};
    if (bytes_[end] == '\n') throw stop{state::bad};
    if (end + 1 == bytes_.size()) throw stop{state::incomplete};
    if (bytes_[end + 1] != '\n') throw stop{state::bad};
    const auto out = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return out;
  }
  // At most `n` bytes.
  std::string_view some(std::uint64_t n) {
    const auto out = bytes_.substr(
        at_, static_cast<std::size_t>(std::min<std::uint64_t>(n, bytes_.size() - at_)));
    at_ += out.size();
    return out;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

std::pair<std::string, std::string> field_of(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) throw stop{state::bad};
  const auto value = without_blanks(line.substr(colon + 1));
  if (!std::ranges::all_of(value, is_value_character)) throw stop{state::bad};
  return {std::string(line.substr(0, colon)), std::string(value)};
}

// #token, RFC 9110 section 5.6.1: empty elements are passed over.
std::vector<std::string> tokens_of(std::string_view value) {
  std::vector<std::string> out;
  for (;;) {
    const auto comma = value.find(',');
    const auto one = without_blanks(value.substr(0, comma));
    if (!one.empty()) {
      if (!is_token(one)) throw stop{state::bad};
      out.push_back(lower(one));
    }
    if (comma == value.npos) return out;
    value.remove_prefix(comma + 1);
  }
}

void read_head(cursor& in, request& r) {
  const auto first = in.line();
  const auto space = first.find(' '), other = first.rfind(' ');
  if (space == first.npos || space == other) throw stop{state::bad};
  r.method = first.substr(0, space);
  r.target = first.substr(space + 1, other - space - 1);
  const auto version = first.substr(other + 1);
  if (!is_token(r.method) || r.target.empty() ||
      !std::ranges::all_of(r.target, [](unsigned char c) { return c > 0x20 && c != 0x7F; }) ||
      (version != "HTTP/1.1" && version != "HTTP/1.0"))
    throw stop{state::bad};
  r.http_11 = version == "HTTP/1.1";

  static const std::set<std::string, std::less<>> once{
      "host",           "content-type",      "content-encoding",
      "content-length", "transfer-encoding", "expect",
      "origin",         "authorization",     "if-match",
      "traceparent",    "x-request-id",      "x-client-traceparent",
      "x-souk-bucket",  "souk-service",      "souk-deadline-ms",
      "souk-act-as",    "idempotency-key",   "last-event-id"};
  std::set<std::string> seen;
  bool close = false, keep = false;
  for (auto line = in.line(); !line.empty(); line = in.line()) {
    auto [name, value] = field_of(line);
    const auto lower_name = lower(name);
    if (!seen.insert(lower_name).second && once.contains(lower_name)) throw stop{state::bad};
    if (lower_name == "transfer-encoding") {
      if (lower(value) != "chunked") throw stop{state::bad};
      r.chunked = true;
    } else if (lower_name == "content-length") {
      if (value.empty() || !std::ranges::all_of(value, is_digit)) throw stop{state::bad};
      std::uint64_t n = 0;
      for (const char c : value) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (n > (UINT64_MAX - digit) / 10) throw stop{state::bad};
        n = n * 10 + digit;
      }
      r.length = n;
    } else if (lower_name == "connection" || lower_name == "proxy-connection") {
      for (const auto& token : tokens_of(value)) {
        close |= token == "close";
        keep |= token == "keep-alive";
      }
    } else if (lower_name == "expect") {
      r.expects = true;
    }
    r.fields.emplace_back(std::move(name), std::move(value));
  }
  if (r.chunked && (r.length || !r.http_11)) throw stop{state::bad};
  if (r.http_11 && !seen.contains("host")) throw stop{state::bad};
  r.keep_alive = r.http_11 ? !close : keep;
}

// chunk-ext, section 7.1.1.
void check_extensions(std::string_view text) {
  const auto blanks = [&] {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  };
  const auto token = [&] {
    std::size_t n = 0;
    while (n < text.size() && is_token_character(text[n])) ++n;
    if (n == 0) throw stop{state::bad};
    text.remove_prefix(n);
  };
  while (!text.empty()) {
    blanks();
    if (!text.starts_with(';')) throw stop{state::bad};
    text.remove_prefix(1);
    blanks();
    token();
    const auto before = text;
    blanks();
    if (!text.starts_with('=')) {
      text = before;
      continue;
    }
    text.remove_prefix(1);
    blanks();
    if (!text.starts_with('"')) {
      token();
      continue;
    }
    for (text.remove_prefix(1); !text.starts_with('"'); text.remove_prefix(1)) {
      if (text.starts_with('\\')) text.remove_prefix(1);
      if (text.empty() || !is_value_character(text.front())) throw stop{state::bad};
    }
    text.remove_prefix(1);
  }
}

void read_chunks(cursor& in, request& r) {
  for (;;) {
    const auto line = in.line();
    std::uint64_t size = 0;
    std::size_t digits = 0;
    for (; digits < line.size() && hex(line[digits]) >= 0; ++digits) {
      if (size > UINT64_MAX / 16) throw stop{state::bad};
      size = size * 16 + static_cast<std::uint64_t>(hex(line[digits]));
    }
    if (digits == 0) throw stop{state::bad};
    check_extensions(line.substr(digits));
    if (size == 0) break;
    const auto data = in.some(size);
    r.body += data;
    if (data.size() < size) throw stop{state::incomplete};
    if (!in.line().empty()) throw stop{state::bad};
  }
  for (auto line = in.line(); !line.empty(); line = in.line()) {
    const auto [name, value] = field_of(line);
    const auto lower_name = lower(name);
    if (lower_name == "content-length" || lower_name == "transfer-encoding") throw stop{state::bad};
    if (lower_name == "connection" || lower_name == "proxy-connection") tokens_of(value);
  }
}

}  // namespace

std::optional<std::string> request::field(std::string_view lower_case_name) const {
  for (const auto& [name, value] : fields)
    if (lower(name) == lower_case_name) return value;
  return std::nullopt;
}

std::vector<request> requests_in(std::string_view bytes) {
  std::vector<request> out;
  while (!bytes.empty()) {
    cursor in(bytes);
    request& r = out.emplace_back();
    try {
      read_head(in, r);
    } catch (const stop& s) {
      r.head = s.why;
      return out;
    }
    r.head = state::complete;
    try {
      if (r.chunked) {
        read_chunks(in, r);
      } else if (r.length) {
        r.body = in.some(*r.length);
        if (r.body.size() < *r.length) throw stop{state::incomplete};
      }
    } catch (const stop& s) {
      r.whole = s.why;
      return out;
    }
    r.whole = state::complete;
    r.size = in.at();
    bytes.remove_prefix(in.at());
    if (!r.keep_alive) return out;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

// By decoding: a sequence must be the shortest form of a character that there is.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t size = 1;
    std::uint32_t character = lead;
    if (lead >= 0xF8) return false;
    if (lead >= 0xF0) {
      size = 4;
      character = lead & 0x07U;
    } else if (lead >= 0xE0) {
      size = 3;
      character = lead & 0x0FU;
    } else if (lead >= 0xC0) {
      size = 2;
      character = lead & 0x1FU;
    } else if (lead >= 0x80) {
      return false;
    }
    if (i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80) return false;
      character = (character << 6) | (next & 0x3FU);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < least[size] || character > 0x10FFFF ||
        (character >= 0xD800 && character <= 0xDFFF))
      return false;
    i += size;
  }
  return true;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '+' && plus_is_space)
      c = ' ';
    else if (c == '%') {
      if (text.size() < 2 || hex(text[0]) < 0 || hex(text[1]) < 0) return std::nullopt;
      c = static_cast<char>(hex(text[0]) * 16 + hex(text[1]));
      text.remove_prefix(2);
    }
    out += c;
  }
  if (out.contains('\0') || !is_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace souk::fuzz::reference
