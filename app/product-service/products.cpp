#include "products.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace souk::product {

// ---------------------------------------------------------------------------------------------

void describe_variants(product_detail& product) {
  product.variants_count = static_cast<std::int64_t>(product.variants.size());
  if (product.variants.empty()) return;
  const auto [cheapest, dearest] =
      std::ranges::minmax_element(product.variants, {}, &variant_view::price_minor);
  product.price_range = {cheapest->price_minor, dearest->price_minor};
  auto& counted = product.variant_attributes.emplace();
  for (const auto& variant : product.variants) {
    for (const auto& [name, values] : variant.attributes) {
      for (const auto& value : values) {
        auto& counts = counted[name];
        const auto known = std::ranges::find(counts, value, &counted_value::value);
        if (known == counts.end())
          counts.push_back({value, 1});
        else
          ++known->count;
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------

namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

class checker {
 public:
  void complain(std::string pointer, std::string detail) {
    errors_.push_back({std::move(pointer), std::move(detail)});
  }

  std::string line(std::string pointer, std::string_view text) {
    auto out = trimmed(text);
    if (out.empty())
      complain(std::move(pointer), "must not be blank");
    else if (has_control_characters(out))
      complain(std::move(pointer), "must not contain control characters");
    return out;
  }

  std::optional<std::string> optional_line(std::string pointer,
                                           const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return line(std::move(pointer), *text);
  }

  // A/B/C, each level trimmed.
  std::string category(const std::string& pointer, std::string_view path) {
    std::string out;
    std::size_t levels = 0;
    for (bool more = true; more; ++levels) {
      const auto slash = path.find('/');
      more = slash != path.npos;
      if (levels > 0) out += '/';
      out += line(pointer, path.substr(0, slash));
      if (more) path.remove_prefix(slash + 1);
    }
    if (levels > max_category_levels)
      complain(pointer, "must have at most " + std::to_string(max_category_levels) + " levels");
    return out;
  }

  std::vector<std::string> categories(const std::vector<std::string>& paths) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < paths.size(); ++i)
      add_new(out, category("/categories/" + std::to_string(i), paths[i]));
    return out;
  }

  attribute_map attributes(const attribute_map& input) {
    attribute_map out;
    std::size_t in_all = 0;
    for (const auto& [key, values] : input) {
      const json::path root, parent(root, "attributes"), at(parent, key);
      const auto pointer = at.pointer();
      const auto name = line(pointer, key);
      if (name.find('=') != name.npos || json::count_characters(name) > 50)
        complain(pointer, "must have a name of 1 to 50 characters without \"=\"");
      if (values.size() > max_attribute_values)
        complain(pointer, "must have at most " + std::to_string(max_attribute_values) + " values");
      const auto [place, is_new] = out.try_emplace(name);
      if (!is_new) complain(pointer, "must not be repeated");
      auto& list = place->second;
      for (const auto& value : values) {
        if (json::count_characters(value) > 200) {
          complain(pointer, "must have values of at most 200 characters");
          continue;
        }
        add_new(list, line(pointer, value));
      }
      in_all += list.size();
      if (list.empty()) out.erase(place);
    }
    if (input.size() > max_attributes)
      complain("/attributes", "must be at most " + std::to_string(max_attributes));
    if (in_all > max_values_in_all)
      complain("/attributes",
               "must have at most " + std::to_string(max_values_in_all) + " values in all");
    return out;
  }

  // Shown as the source of an <img>, so nothing that a browser would run.
  std::optional<std::string> image(const std::optional<std::string>& text) {
    auto out = optional_line("/image", text);
    if (out && !out->starts_with('/') && !out->starts_with("https://") &&
        !out->starts_with("http://"))
      complain("/image", "must be a path that begins with / or an http(s) address");
    return out;
  }

  void currency(std::string_view given, std::string_view store_currency) {
    if (given != store_currency)
      complain("/currency", "must be the store's currency, " + std::string(store_currency));
  }

  checked_content result(product_content content) && {
    if (errors_.size() > json::max_errors) errors_.resize(json::max_errors);
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return content;
  }

 private:
  static void add_new(std::vector<std::string>& list, std::string value) {
    if (std::ranges::find(list, value) == list.end()) list.push_back(std::move(value));
  }
  json::errors errors_;
};

checked_content checked(const product_content& input, std::string_view store_currency) {
  checker check;
  product_content out;
  out.sku = check.line("/sku", input.sku);
  out.name = check.line("/name", input.name);
  out.description = trimmed(input.description);
  out.brand = check.optional_line("/brand", input.brand);
  out.image = check.image(input.image);
  out.categories = check.categories(input.categories);
  out.attributes = check.attributes(input.attributes);
  out.price_minor = input.price_minor;
  check.currency(input.currency, store_currency);
  out.currency = store_currency;
  return std::move(check).result(std::move(out));
}

template <class Input>
checked_content checked_input(const Input& input, std::string_view store_currency) {
  product_content content{.sku = input.sku,
                          .name = input.name,
                          .price_minor = input.price_minor,
                          .currency = input.currency};
  if (input.description) content.description = *input.description;
  content.brand = input.brand;
  content.image = input.image;
  if (input.categories)
    content.categories.assign(input.categories->begin(), input.categories->end());
  if (input.attributes)
    content.attributes.insert(input.attributes->begin(), input.attributes->end());
  return checked(content, store_currency);
}

}  // namespace

std::optional<std::string> parent_named(const std::optional<sku_text>& variant_of) {
  if (!variant_of) return std::nullopt;
  return trimmed(*variant_of);
}

checked_content content_of(const new_product& input, std::string_view store_currency) {
  return checked_input(input, store_currency);
}

checked_content content_of(const product_replacement& input, std::string_view store_currency) {
  return checked_input(input, store_currency);
}

checked_content patched(const product_content& present, const product_patch& patch,
                        std::string_view store_currency) {
  product_content content = present;
  if (patch.sku) content.sku = *patch.sku;
  if (patch.name) content.name = *patch.name;
  if (patch.description) content.description = *patch.description;
  if (patch.categories)
    content.categories.assign(patch.categories->begin(), patch.categories->end());
  if (patch.price_minor) content.price_minor = *patch.price_minor;
  if (patch.currency) content.currency = *patch.currency;
  if (patch.attributes) {
    for (const auto& [name, values] : *patch.attributes) {
      if (values.value)
        content.attributes[name] = *values.value;
      else
        content.attributes.erase(name);
    }
  }
  if (patch.brand.present) content.brand = patch.brand.value;
  if (patch.image.present) content.image = patch.image.value;
  return checked(content, store_currency);
}

// ---------------------------------------------------------------------------------------------

namespace {

constexpr std::size_t longest_slug = 80;

// U+00C0 to U+017F (Latin-1 letters and Latin Extended-A) without their marks; "" separates.
constexpr std::array<std::string_view, 0x180 - 0xC0> plain_letters{
    "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e",  "e", "e", "e", "i",  "i",  "i", "i", "d", "n",
    "o", "o", "o",  "o",  "o", "",  "o",  "u",  "u",  "u", "u", "y", "th", "ss", "a", "a", "a", "a",
    "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i",  "i", "i", "i", "d",  "n",  "o", "o", "o", "o",
    "o", "",  "o",  "u",  "u", "u", "u",  "y",  "th", "y", "a", "a", "a",  "a",  "a", "a", "c", "c",
    "c", "c", "c",  "c",  "c", "c", "d",  "d",  "d",  "d", "e", "e", "e",  "e",  "e", "e", "e", "e",
    "e", "e", "g",  "g",  "g", "g", "g",  "g",  "g",  "g", "h", "h", "h",  "h",  "i", "i", "i", "i",
    "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j",  "j", "k", "k", "k",  "l",  "l", "l", "l", "l",
    "l", "l", "l",  "l",  "l", "n", "n",  "n",  "n",  "n", "n", "n", "n",  "n",  "o", "o", "o", "o",
    "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r",  "r", "s", "s", "s",  "s",  "s", "s", "s", "s",
    "t", "t", "t",  "t",  "t", "t", "u",  "u",  "u",  "u", "u", "u", "u",  "u",  "u", "u", "u", "u",
    "w", "w", "y",  "y",  "y", "z", "z",  "z",  "z",  "z", "z", "s"};

// The plain form of the character that begins at `at`, which is moved past it.
std::string plain_letter(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(at++);
  if (first >= 'a' && first <= 'z') return {static_cast<char>(first)};
  if (first >= '0' && first <= '9') return {static_cast<char>(first)};
  if (first >= 'A' && first <= 'Z') return {static_cast<char>(first - 'A' + 'a')};
  if (first < 0x80) return {};
  const unsigned code = (first & 0x1f) << 6 | (byte(at) & 0x3f);
  while ((byte(at) & 0xc0) == 0x80) ++at;
  if (first < 0xc3 || first > 0xc5 || code < 0xc0 || code >= 0x180) return {};
  return std::string(plain_letters[code - 0xc0]);
}

}  // namespace

std::string slug_of(std::string_view text) {
  std::string out;
  bool separate = false;
  for (std::size_t at = 0; at < text.size();) {
    const bool is_apostrophe = text[at] == '\'' || text.substr(at).starts_with("\u2019");
    const auto letters = plain_letter(text, at);
    if (is_apostrophe) continue;  // the baker's table: the-bakers-table
    if (letters.empty()) {
      separate = true;
      continue;
    }
    const bool joins = separate && !out.empty();
    if (out.size() + letters.size() + (joins ? 1 : 0) > longest_slug) break;
    if (joins) out += '-';
    separate = false;
    out += letters;
  }
  return out;
}

std::vector<std::string> slug_candidates(std::string_view name, std::string_view sku, uuid id) {
  // What the paths beside /products/{id} are called, or what would be read as an id.
  const auto is_reserved = [](const std::string& slug) {
    return slug.empty() || slug == "suggest" || slug == "import" || uuid::parse(slug);
  };
  std::vector<std::string> out;
  const auto from_name = slug_of(name);
  if (!is_reserved(from_name)) out.push_back(from_name);
  const auto with_sku = slug_of(from_name + ' ' + std::string(sku));
  if (with_sku != from_name && !is_reserved(with_sku)) out.push_back(with_sku);
  out.push_back("p-" + id.str());
  return out;
}

}  // namespace souk::product
