#pragma once

// JSON by the letter of RFC 8259, written once more: what the kit reads is compared with it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace souk::fuzz::reference {

struct json_value {
  enum class kind { null, boolean, integer, number, text, array, object };
  kind what = kind::null;
  bool boolean = false;
  std::int64_t integer = 0;  // written without fraction and exponent, and fits
  double number = 0;
  std::string text;
  std::vector<json_value> elements;
  std::vector<std::pair<std::string, json_value>> fields;

  bool operator==(const json_value&) const = default;
  const json_value* field(std::string_view name) const;  // the first
  // Whether an object in it names a field twice.
  bool repeats() const;
};

struct json_reading {
  std::optional<json_value> value;
  bool has_extreme_number = false;  // an exponent that no double has
};
// Nothing unless the text is one document, in UTF-8, nested at most `depth` levels.
json_reading read_json(std::string_view text, std::size_t depth);

}  // namespace souk::fuzz::reference
