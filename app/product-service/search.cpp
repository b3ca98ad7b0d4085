#include "search.hpp"

#include <algorithm>
#include <charconv>

#include "kit/json.hpp"

namespace souk::product {
namespace {

constexpr std::string_view every_fact = "'*'";

// A lexeme as it stands in the text of a tsquery.
void append_lexeme(std::string& out, std::string_view text) {
  out += '\'';
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  out += '\'';
}

class conjunction {
 public:
  void add(std::string_view facet, const std::vector<std::string>& values) {
    if (values.empty()) return;
    if (!text_.empty()) text_ += " & ";
    text_ += '(';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text_ += " | ";
      append_lexeme(text_, std::string(facet) + '=' + values[i]);
    }
    text_ += ')';
  }
  std::string text() && { return text_.empty() ? std::string(every_fact) : std::move(text_); }

 private:
  std::string text_;
};

std::string attribute_facet(std::string_view name) {
  return "attr." + std::string(name);
}

}  // namespace

std::string list_name(const listing_query& query) {
  std::string out = "products";
  const auto part = [&](std::string_view name, std::string_view value) {
    out.append(" ").append(name).append("=");
    json::write_string(out, value);
  };
  const auto parts = [&](std::string_view name, std::vector<std::string> values) {
    std::ranges::sort(values);
    for (const auto& value : values) part(name, value);
  };
  part("sort", json::enum_text(query.order));
  if (query.search) part("search", query.search->typed);
  parts("category", query.where.categories);
  parts("brand", query.where.brands);
  for (const auto& [name, values] : query.where.attributes) parts(attribute_facet(name), values);
  if (query.where.min_price) part("min", std::to_string(*query.where.min_price));
  if (query.where.max_price) part("max", std::to_string(*query.where.max_price));
  return out;
}

std::string facts_query(const filters& where, std::string_view except_facet) {
  conjunction all;
  const auto add = [&](std::string_view facet, const std::vector<std::string>& values) {
    if (facet != except_facet) all.add(facet, values);
  };
  add("category", where.categories);
  add("brand", where.brands);
  for (const auto& [name, values] : where.attributes) add(attribute_facet(name), values);
  return std::move(all).text();
}

bool must_look_at_variants(const filters& where) {
  return where.by_price() || where.attributes.size() > 1;
}

// ---------------------------------------------------------------------------------------------

std::vector<std::string> words_of(std::string_view text) {
  constexpr std::size_t most = 20;
  std::vector<std::string> out(1);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || byte >= 0x80)
      out.back() += c;
    else if (!out.back().empty())
      out.emplace_back();
    if (out.size() > most) break;
  }
  if (out.back().empty() || out.size() > most) out.pop_back();
  return out;
}

std::optional<std::string> loose_query(std::string_view typed) {
  const auto words = words_of(typed);
  if (words.empty()) return std::nullopt;
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += " & ";
    append_lexeme(out, word);
  }
  return out + ":*";
}

std::vector<scope> facet_scopes(const listing_query& query) {
  const auto& where = query.where;
  std::vector<scope> out;
  const auto add = [&](const std::string& facet) {
    scope s{.facet = facet, .facts = facts_query(where, facet)};
    if (s.facet != "price") {
      s.min_price = where.min_price.value_or(0);
      s.max_price = where.max_price.value_or(max_price_minor);
    }
    s.whole_catalogue =
        !query.search && s.facts == every_fact && (s.facet == "price" || !where.by_price());
    out.push_back(std::move(s));
  };
  add("");
  if (!where.categories.empty()) add("category");
  if (!where.brands.empty()) add("brand");
  for (const auto& [name, values] : where.attributes)
    if (!values.empty()) add(attribute_facet(name));
  if (where.by_price()) add("price");
  return out;
}

// ---------------------------------------------------------------------------------------------

namespace {

std::optional<counted_price_range> price_range_of(std::string_view text, std::int64_t count) {
  counted_price_range out{.count = count};
  const auto* const end = text.data() + text.size();
  const auto low = std::from_chars(text.data(), text.data() + text.size(), out.min_minor);
  if (low.ec != std::errc{} || low.ptr == end || *low.ptr != '-') return std::nullopt;
  const auto high = std::from_chars(low.ptr + 1, end, out.max_minor);
  if (high.ec != std::errc{} || high.ptr != end) return std::nullopt;
  return out;
}

}  // namespace

facet_set facets_from(const std::vector<fact_count>& counts) {
  facet_set out;
  const auto add = [](std::vector<counted_value>& values, std::string_view value,
                      std::int64_t count) { values.push_back({std::string(value), count}); };
  for (const auto& [fact, count] : counts) {
    const std::string_view text = fact;
    const auto equals = text.find('=');
    const auto facet = text.substr(0, equals);
    if (equals == text.npos) continue;
    const auto value = text.substr(equals + 1);
    if (facet == "category") {
      add(out.category, value, count);
    } else if (facet == "brand") {
      add(out.brand, value, count);
    } else if (facet == "price") {
      if (const auto range = price_range_of(value, count)) out.price.push_back(*range);
    } else if (facet.starts_with("attr.")) {
      const std::string name(facet.substr(5));
      auto& attributes = out.attributes;
      if (attributes.contains(name) || attributes.size() < facet_attributes)
        add(attributes[name], value, count);
    }
  }
  std::ranges::sort(out.price, {}, &counted_price_range::min_minor);
  return out;
}

// ---------------------------------------------------------------------------------------------

namespace {

void insert(std::vector<category>& level, std::string_view path, std::size_t from,
            std::int64_t count) {
  const auto slash = path.find('/', from);
  const auto name = path.substr(from, slash == path.npos ? path.npos : slash - from);
  auto place = std::ranges::lower_bound(level, name, {}, &category::name);
  if (place == level.end() || place->name != name)
    place = level.insert(place, {std::string(name), std::string(path.substr(0, slash)), 0, {}});
  if (slash == path.npos)
    place->count = count;
  else
    insert(place->children, path, slash + 1, count);
}

}  // namespace

std::vector<category> category_tree(const std::vector<fact_count>& counts) {
  constexpr std::string_view prefix = "category=";
  std::vector<category> roots;
  for (const auto& [fact, count] : counts)
    if (fact.starts_with(prefix))
      insert(roots, std::string_view(fact).substr(prefix.size()), 0, count);
  return roots;
}

}  // namespace souk::product
