// A file to import: its lines are the same however the upload is cut, and a product that is read
// from one keeps every rule. A byte 0x01 of the input stands for 90,000 letters, so that lines may
// be too long.

#include <algorithm>
#include <set>

#include "fuzz.hpp"
#include "product-service/import.hpp"
#include "reference_http.hpp"
#include "reference_json.hpp"

namespace souk::fuzz {
namespace {

using product::import_line;
using product::line_splitter;

struct line {
  std::int64_t number;
  std::string text;
  bool too_long;
  bool operator==(const line&) const = default;
};

std::vector<line> expected_lines(std::string_view file) {
  std::vector<line> out;
  while (!file.empty()) {
    const auto end = file.find('\n');
    auto text = file.substr(0, end);
    const bool too_long = text.size() > product::longest_line;
    if (out.empty() && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (text.ends_with('\r')) text.remove_suffix(1);
    out.push_back({static_cast<std::int64_t>(out.size()) + 1,
                   too_long ? std::string() : std::string(text), too_long});
    if (end == file.npos) break;
    file.remove_prefix(end + 1);
  }
  return out;
}

std::vector<line> split(const std::vector<std::string_view>& pieces) {
  std::vector<line> out;
  const auto take = [&](const line_splitter::line& l) {
    out.push_back({l.number, std::string(l.text), l.too_long});
  };
  line_splitter lines;
  for (const auto piece : pieces) {
    lines.add(piece);
    while (const auto l = lines.next()) take(*l);
  }
  if (const auto l = lines.rest()) take(*l);
  require(!lines.rest(), "the last line comes twice");
  return out;
}

bool is_tidy(std::string_view text, std::size_t most) {
  const auto characters = std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; });
  return !text.empty() && static_cast<std::size_t>(characters) <= most && text.front() != ' ' &&
         text.back() != ' ' && !text.contains('\0') && reference::is_utf8(text);
}

void check_product(std::int64_t number, const std::string& text) {
  const auto read = product::read_line(number, text, "USD");
  if (!read) {
    const auto& e = read.error();
    require(e.line == number && !e.errors.empty(), "a bad line without a reason");
    if (e.sku) require(is_tidy(*e.sku, 64) || !e.sku->empty(), "an error names no sku");
    return;
  }
  const auto document = reference::read_json(text, 32).value;
  require(document && !document->repeats(), "a line is accepted that is no JSON");
  const import_line& l = *read;
  const auto& c = l.content;
  require(l.number == number && l.document == text, "a line has another number or text");
  require(is_tidy(c.sku, 64) && is_tidy(c.name, 200), "a sku or name against the rules");
  require(c.price_minor >= 1 && c.price_minor <= max_price_minor, "a price against the rules");
  require(c.currency == "USD", "another store's currency");
  require(!l.quantity || (*l.quantity >= 0 && *l.quantity <= product::max_opening_quantity),
          "a quantity against the rules");
  require(!l.parent_sku || l.parent_sku->empty() || is_tidy(*l.parent_sku, 64),
          "a parent against the rules");
  std::set<std::string_view> paths;
  for (const auto& path : c.categories) {
    require(is_tidy(path, 200) && paths.insert(path).second, "a category against the rules");
    require(static_cast<std::size_t>(std::ranges::count(path, '/')) < product::max_category_levels,
            "a category with too many levels");
  }
  require(c.attributes.size() <= product::max_attributes, "too many attributes");
  std::size_t in_all = 0;
  for (const auto& [name, values] : c.attributes) {
    require(!name.empty() && !values.empty() && values.size() <= product::max_attribute_values,
            "an attribute against the rules");
    in_all += values.size();
  }
  require(in_all <= product::max_values_in_all, "too many values of attributes");
  const auto* price = document->field("price_minor");
  require(price && price->integer == c.price_minor, "another price than the line says");
}

}  // namespace

SOUK_FUZZ_TARGET(import_lines) {
  std::string file;
  int fillers = 0;
  for (const char c : input) {
    if (c != '\x01' || ++fillers > 4)
      file += c;
    else
      file.append(90'000, 'x');
  }
  const auto expected = expected_lines(file);
  require(split({file}) == expected, "the lines are others");
  dice d(input);
  auto pieces = fillers == 0 ? in_pieces(file, d) : std::vector<std::string_view>();
  for (std::size_t at = 0; fillers > 0 && at < file.size();) {
    const auto n = 1 + d.below(120'000);
    pieces.push_back(std::string_view(file).substr(at, n));
    at += n;
  }
  require(split(pieces) == expected, "the lines depend on how the file is cut");
  for (const auto& l : expected)
    if (!l.too_long && l.text.size() < 10'000) check_product(l.number, l.text);
}

}  // namespace souk::fuzz
