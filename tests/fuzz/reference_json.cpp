#include "reference_json.hpp"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <set>

#include "reference_http.hpp"

namespace souk::fuzz::reference {
namespace {

struct wrong {};

class parser {
 public:
  parser(std::string_view text, std::size_t depth) : rest_(text), depth_(depth) {}

  json_reading document() {
    json_reading out;
    try {
      blanks();
      auto v = value(0);
      blanks();
      if (rest_.empty()) out.value = std::move(v);
    } catch (const wrong&) {
    }
    out.has_extreme_number = extreme_;
    return out;
  }

 private:
  using kind = json_value::kind;

  void blanks() {
    const auto n = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(n == rest_.npos ? rest_.size() : n);
  }
  char next() {
    if (rest_.empty()) throw wrong();
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  json_value value(std::size_t level) {
    json_value v;
    if (take("null")) return v;
    if (take("true") || take("false")) {
      v.what = kind::boolean;
      v.boolean = *(rest_.data() - 2) == 'u';
      return v;
    }
    if (rest_.starts_with('"')) {
      v.what = kind::text;
      v.text = text();
    } else if (take("[")) {
      if (level == depth_) throw wrong();
      v.what = kind::array;
      blanks();
      if (take("]")) return v;
      do {
        blanks();
        v.elements.push_back(value(level + 1));
        blanks();
      } while (take(","));
      if (!take("]")) throw wrong();
    } else if (take("{")) {
      if (level == depth_) throw wrong();
      v.what = kind::object;
      blanks();
      if (take("}")) return v;
      do {
        blanks();
        auto name = text();
        blanks();
        if (!take(":")) throw wrong();
        blanks();
        v.fields.emplace_back(std::move(name), value(level + 1));
        blanks();
      } while (take(","));
      if (!take("}")) throw wrong();
    } else {
      number(v);
    }
    return v;
  }

  std::size_t digits(std::string_view text, std::size_t at) {
    std::size_t n = 0;
    while (at + n < text.size() && text[at + n] >= '0' && text[at + n] <= '9') ++n;
    return n;
  }
  void number(json_value& v) {
    std::size_t n = rest_.starts_with('-') ? 1 : 0;
    const auto whole = digits(rest_, n);
    if (whole == 0 || (whole > 1 && rest_[n] == '0')) throw wrong();
    n += whole;
    bool is_whole = true;
    if (n < rest_.size() && rest_[n] == '.') {
      const auto fraction = digits(rest_, n + 1);
      if (fraction == 0) throw wrong();
      n += 1 + fraction;
      is_whole = false;
    }
    if (n < rest_.size() && (rest_[n] == 'e' || rest_[n] == 'E')) {
      const std::size_t sign = n + 1 < rest_.size() && (rest_[n + 1] == '+' || rest_[n + 1] == '-');
      const auto exponent = digits(rest_, n + 1 + sign);
      if (exponent == 0) throw wrong();
      extreme_ |= exponent > 3;
      n += 1 + sign + exponent;
      is_whole = false;
    }
    extreme_ |= n > 300;
    const std::string written(rest_.substr(0, n));
    rest_.remove_prefix(n);
    if (is_whole) {
      errno = 0;
      v.integer = std::strtoll(written.c_str(), nullptr, 10);
      v.what = errno == ERANGE ? kind::number : kind::integer;
      if (v.what == kind::integer) return;
      v.integer = 0;
    }
    v.what = kind::number;
    v.number = std::strtod(written.c_str(), nullptr);
  }

  std::uint32_t four_digits() {
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = next();
      const auto at = std::string_view("0123456789abcdef").find(lower({&c, 1}));
      if (at == std::string_view::npos) throw wrong();
      out = out * 16 + static_cast<std::uint32_t>(at);
    }
    return out;
  }
  static void append(std::string& out, std::uint32_t c) {
    const auto byte = [&](std::uint32_t b) { out += static_cast<char>(b); };
    if (c < 0x80) {
      byte(c);
    } else if (c < 0x800) {
      byte(0xC0 | (c >> 6));
      byte(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      byte(0xE0 | (c >> 12));
      byte(0x80 | ((c >> 6) & 0x3F));
      byte(0x80 | (c & 0x3F));
    } else {
      byte(0xF0 | (c >> 18));
      byte(0x80 | ((c >> 12) & 0x3F));
      byte(0x80 | ((c >> 6) & 0x3F));
      byte(0x80 | (c & 0x3F));
    }
  }
  std::string text() {
    if (!take("\"")) throw wrong();
    std::string out;
    for (char c = next(); c != '"'; c = next()) {
      if (static_cast<unsigned char>(c) < 0x20) throw wrong();
      if (c != '\\') {
        out += c;
        continue;
      }
      c = next();
      if (c == 'u') {
        auto character = four_digits();
        if (character >= 0xDC00 && character <= 0xDFFF) throw wrong();
        if (character >= 0xD800 && character <= 0xDBFF) {
          if (!take("\\u")) throw wrong();
          const auto low = four_digits();
          if (low < 0xDC00 || low > 0xDFFF) throw wrong();
          character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
        }
        append(out, character);
        continue;
      }
      constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
      const auto at = from.find(c);
      if (at == from.npos) throw wrong();
      out += to[at];
    }
    return out;
  }

  std::string_view rest_;
  std::size_t depth_;
  bool extreme_ = false;
};

}  // namespace

const json_value* json_value::field(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return &value;
  return nullptr;
}

bool json_value::repeats() const {
  std::set<std::string_view> names;
  for (const auto& [name, value] : fields)
    if (!names.insert(name).second || value.repeats()) return true;
  for (const auto& element : elements)
    if (element.repeats()) return true;
  return false;
}

json_reading read_json(std::string_view text, std::size_t depth) {
  if (!is_utf8(text)) return {};
  return parser(text, depth).document();
}

}  // namespace souk::fuzz::reference
