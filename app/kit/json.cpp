#include "kit/json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace souk::json {
namespace {

constexpr std::size_t max_document = std::size_t{1} << 31;  // bytes; positions take 32 bits

// The length of the UTF-8 sequence at `p`, 0 if there is none. RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF.
std::size_t utf8_sequence(const unsigned char* p, const unsigned char* end) {
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return p + i < end && p[i] >= low && p[i] <= high;
  };
  const unsigned lead = *p;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

bool is_json_number(std::string_view t) {
  const auto digits = [&] {
    const std::size_t n = std::min(t.find_first_not_of("0123456789"), t.size());
    t.remove_prefix(n);
    return n;
  };
  if (t.starts_with('-')) t.remove_prefix(1);
  const bool zero = t.starts_with('0');
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (t.starts_with('.')) {
    t.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (t.starts_with('e') || t.starts_with('E')) {
    t.remove_prefix(1);
    if (t.starts_with('+') || t.starts_with('-')) t.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return t.empty();
}

// The double nearest to a JSON number; infinite when beyond the range.
double nearest_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  // Out of range, on either side: only the C library tells which.
  return std::strtod(std::string(text).c_str(), nullptr);
}

// Receives the events of Boost.JSON's parser and lays the items down in their order. (Its own
// `value` keeps the last of repeated fields without telling.)
class builder {
 public:
  static constexpr std::size_t max_array_size = max_document, max_object_size = max_document;
  static constexpr std::size_t max_string_size = max_document, max_key_size = max_document;

  using error_code = boost::json::error_code;
  using view = boost::json::string_view;

  explicit builder(detail::tree& t) : tree_(t) {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(kind::object); }
  bool on_array_begin(error_code&) { return open(kind::array); }
  bool on_array_end(std::size_t n, error_code&) { return close(n); }
  bool on_object_end(std::size_t n, error_code&) {
    mark_repeated(open_.back(), n);
    return close(n);
  }
  bool on_key_part(view s, std::size_t, error_code&) { return append(s); }
  bool on_key(view s, std::size_t, error_code&) {
    append(s);
    key_ = take();
    return true;
  }
  bool on_string_part(view s, std::size_t, error_code&) { return append(s); }
  bool on_string(view s, std::size_t, error_code&) {
    append(s);
    add(kind::text).text = take();
    return true;
  }
  bool on_number_part(view, error_code&) { return true; }
  bool on_int64(std::int64_t i, view, error_code&) {
    add(kind::integer).integer = i;
    return true;
  }
  bool on_uint64(std::uint64_t u, view s, error_code& e) {
    if (std::in_range<std::int64_t>(u)) return on_int64(static_cast<std::int64_t>(u), s, e);
    add(kind::number).number = static_cast<double>(u);
    return true;
  }
  bool on_double(double, view s, error_code& e) {
    const std::string_view text(s.data(), s.size());
    if (text == "-0") return on_int64(0, s, e);
    add(kind::number).number = nearest_double(text);  // the parser's own is off by some last bits
    return true;
  }
  bool on_bool(bool b, error_code&) {
    add(kind::boolean).boolean = b;
    return true;
  }
  bool on_null(error_code&) {
    add(kind::null);
    return true;
  }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }

 private:
  std::uint32_t size() const { return static_cast<std::uint32_t>(tree_.items.size()); }

  detail::item& add(kind k) {
    detail::item& added = tree_.items.emplace_back();
    added.kind = k;
    added.key = std::exchange(key_, {});
    added.next = size();
    return added;
  }
  bool open(kind k) {
    open_.push_back(size());
    add(k);
    return true;
  }
  bool close(std::size_t n) {
    detail::item& closed = tree_.items[open_.back()];
    closed.count = static_cast<std::uint32_t>(n);
    closed.next = size();
    open_.pop_back();
    return true;
  }
  // Texts never grow when unescaped, so all of them fit into the size of the document.
  bool append(view s) {
    std::copy(s.begin(), s.end(), tree_.characters.get() + used_);
    used_ += static_cast<std::uint32_t>(s.size());
    return true;
  }
  detail::slice take() {
    const detail::slice taken{start_, used_ - start_};
    start_ = used_;
    return taken;
  }
  void mark_repeated(std::uint32_t object, std::size_t n) {
    if (n < 2) return;
    fields_.clear();
    for (std::uint32_t i = object + 1; i < size(); i = tree_.items[i].next) fields_.push_back(i);
    const auto key = [&](std::uint32_t i) {
      const detail::slice s = tree_.items[i].key;
      return std::string_view(tree_.characters.get() + s.at, s.size);
    };
    std::sort(fields_.begin(), fields_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(key(a), a) < std::pair(key(b), b);
    });
    for (std::size_t i = 1; i < fields_.size(); ++i)
      if (key(fields_[i - 1]) == key(fields_[i])) tree_.items[fields_[i]].repeated = true;
  }

  detail::tree& tree_;
  std::vector<std::uint32_t> open_;    // containers
  std::vector<std::uint32_t> fields_;  // of the object that is being closed
  detail::slice key_{};
  std::uint32_t start_ = 0, used_ = 0;  // of tree_.characters
};

std::string describe_failure(std::string_view text, boost::json::error_code error,
                             std::size_t position) {
  const std::string at = " (byte " + std::to_string(position) + ")";
  if (text.find_first_not_of(" \t\r\n") == text.npos) return "a JSON document is expected";
  if (!is_utf8(text)) return "must be UTF-8";
  if (error == boost::json::error::too_deep)
    return "must not be nested deeper than " + std::to_string(max_depth) + " levels" + at;
  if (error == boost::json::error::incomplete) return "must be a complete JSON document";
  if (error == boost::json::error::exponent_overflow)
    return "must not contain numbers beyond 64 bits" + at;
  if (!error) return "must be a single JSON document, with nothing behind it" + at;
  return "must be well-formed JSON" + at;
}

}  // namespace

// ---------------------------------------------------------------------------------------------

std::optional<double> node::as_double() const {
  if (kind() == kind::integer) return static_cast<double>(item().integer);
  if (kind() != kind::number || !std::isfinite(item().number)) return std::nullopt;
  return item().number;
}

std::optional<node> node::field(std::string_view name) const {
  if (kind() != kind::object) return std::nullopt;
  for (node f : *this)
    if (f.key() == name) return f;
  return std::nullopt;
}

document::document(std::string_view text) {
  if (text.size() > max_document) {
    error_ = {"", "must be smaller"};
    return;
  }
  tree_.characters = std::make_unique_for_overwrite<char[]>(text.size());
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::basic_parser<builder> parser(options, tree_);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (error || read < text.size()) error_ = {"", describe_failure(text, error, read)};
}

std::string path::pointer() const {
  if (parent_ == nullptr) return {};
  std::string out = parent_->pointer();
  out += '/';
  if (is_index_) return out += std::to_string(index_);
  std::size_t characters = 0;
  for (char c : key_) {
    const bool starts_character = (c & 0xC0) != 0x80;
    if (starts_character && characters++ == 64) break;
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

void report::add(const path& where, std::string_view detail) {
  if (errors_.size() < max_errors) errors_.push_back({where.pointer(), std::string(detail)});
}

void schema_set::add(const std::string& name, std::string schema) {
  const auto [existing, is_new] = components.try_emplace(name, schema);
  if (!is_new && existing->second != schema)
    throw std::logic_error("json: two different types are called " + name);
}

// ---------------------------------------------------------------------------------------------

void write_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  const auto* copied = p;  // what lies before has been written
  const auto flush = [&] {
    out.append(reinterpret_cast<const char*>(copied), static_cast<std::size_t>(p - copied));
  };
  while (p < end) {
    const unsigned char c = *p;
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++p;
      continue;
    }
    if (c >= 0x80) {
      if (const std::size_t n = utf8_sequence(p, end)) {
        p += n;
        continue;
      }
    }
    flush();
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c < 0x20)
          out.append("\\u00").append({hex[c >> 4], hex[c & 15]});
        else
          out += "\\ufffd";
    }
    copied = ++p;
  }
  flush();
  out += '"';
}

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    const std::size_t n = utf8_sequence(p, end);
    if (n == 0) return false;
    p += n;
  }
  return true;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// ---------------------------------------------------------------------------------------------

namespace detail {
namespace {

// "exactly 3", "at most 10", "1 to 5"
std::string range(std::size_t min, std::size_t max) {
  if (min == max) return "exactly " + std::to_string(min);
  if (min == 0) return "at most " + std::to_string(max);
  return std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

std::string component_name(std::string_view pretty_function) {
  // "... [T = a::page<b::c>]", with more behind a semicolon from GCC.
  std::string_view type = pretty_function.substr(pretty_function.find("T = ") + 4);
  type = type.substr(0, type.find_first_of(";]"));
  std::string out, part;
  for (std::size_t i = 0; i < type.size(); ++i) {
    const char c = type[i];
    if (c == ':') {
      part.clear();
    } else if (c == '<' || c == ',' || c == '>') {
      out += std::exchange(part, {});
      if (c != '>') out += '_';
    } else if (c == '_' || std::isalnum(static_cast<unsigned char>(c))) {
      part += c;
    }
  }
  return out + part;
}

std::optional<std::string> text_problem(std::string_view text, std::size_t min, std::size_t max) {
  if (!is_utf8(text)) return "must be UTF-8";
  if (text.find('\0') != text.npos) return "must not contain the NUL character";
  const std::size_t characters = count_characters(text);
  if (characters < min || characters > max) return "must have " + range(min, max) + " characters";
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !is_json_number(text))
    return std::nullopt;
  return value;
}

std::optional<double> parse_double(std::string_view text) {
  if (!is_json_number(text)) return std::nullopt;
  const double value = nearest_double(text);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string expect_integer(std::int64_t min, std::int64_t max) {
  using limits = std::numeric_limits<std::int64_t>;
  const std::string whole = "must be a whole number";
  if (min == limits::min() && max == limits::max()) return whole + " within 64 bits";
  if (min == limits::min()) return whole + " of at most " + std::to_string(max);
  if (max == limits::max()) return whole + " of at least " + std::to_string(min);
  return whole + " from " + std::to_string(min) + " to " + std::to_string(max);
}

std::string expect_list(std::string_view what, std::size_t min, std::size_t max) {
  return "must be " + std::string(what) + " of " + range(min, max) + " elements";
}

std::string expect_one_of(std::span<const std::string_view> names) {
  std::string out = "must be one of ";
  for (std::size_t i = 0; i < names.size(); ++i) out.append(i ? ", " : "").append(names[i]);
  return out;
}

void read_text(const node& n, const path& where, std::string& out, report& r, std::size_t min,
               std::size_t max) {
  if (n.kind() != kind::text)
    return r.add(where, "must be a text of " + range(min, max) + " characters");
  if (auto problem = text_problem(n.as_text(), min, max)) return r.add(where, *problem);
  out = n.as_text();
}

std::int64_t read_integer(const node& n, const path& where, report& r, std::int64_t min,
                          std::int64_t max) {
  const auto value = n.as_int64();
  if (value && *value >= min && *value <= max) return *value;
  std::string expected = expect_integer(min, max);
  if (n.kind() == kind::number) expected += ", without fraction or exponent";
  r.add(where, expected);
  return min;
}

std::expected<std::int64_t, std::string> integer_from_text(std::string_view text, std::int64_t min,
                                                           std::int64_t max) {
  const auto value = parse_integer(text);
  if (!value || *value < min || *value > max) return std::unexpected(expect_integer(min, max));
  return *value;
}

void write_integer(std::string& out, std::int64_t value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) throw std::logic_error("json: not a finite number");
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void no_such_enumerator() {
  throw std::logic_error("json: not an enumerator of its type");
}

std::string schema_text(std::size_t min, std::size_t max) {
  std::string out = R"({"type":"string")";
  if (min > 0) out += ",\"minLength\":" + std::to_string(min);
  return out + ",\"maxLength\":" + std::to_string(max) + "}";
}

std::string schema_integer(std::int64_t min, std::int64_t max) {
  const bool is_32_bit = std::in_range<std::int32_t>(min) && std::in_range<std::int32_t>(max);
  return std::string(R"({"type":"integer","format":)") + (is_32_bit ? "\"int32\"" : "\"int64\"") +
         ",\"minimum\":" + std::to_string(min) + ",\"maximum\":" + std::to_string(max) + "}";
}

std::string schema_list(const std::string& items, std::size_t min, std::size_t max) {
  std::string out = "{\"type\":\"array\",\"items\":" + items;
  if (min > 0) out += ",\"minItems\":" + std::to_string(min);
  return out + ",\"maxItems\":" + std::to_string(max) + "}";
}

std::string schema_enum(std::span<const std::string_view> names) {
  std::string out = R"({"type":"string","enum":[)";
  for (std::size_t i = 0; i < names.size(); ++i)
    out.append(i ? ",\"" : "\"").append(names[i]).append("\"");
  return out + "]}";
}

}  // namespace detail
}  // namespace souk::json
