#pragma once

// JSON from and to described structs (BOOST_DESCRIBE_STRUCT, BOOST_DESCRIBE_ENUM).
//
// The description of a struct is the one source of three things: the strict reader (every wrong
// field is named at once, unknown and repeated fields are refused), the writer, and the JSON Schema
// in the OpenAPI document. The types of the fields carry the rules:
//
//   std::string                any valid UTF-8 without NUL, at most 10,000 characters
//   text<Min, Max>             the same with limits, in characters (code points)
//   std::int64_t, std::int32_t a whole number that fits; 1.0 and 1e3 are refused
//   integer<Min, Max>          the same with limits, inclusive
//   double, bool
//   std::optional<T>           may be absent; null is refused
//   nullable<T>                may be absent (leave it), null (clear it) or a value: for PATCH
//   std::vector<T>             at most 10,000 elements; list<T, Min, Max> with limits
//   std::map<std::string, T>   an object with free keys
//   uuid, timestamp            their text forms
//   described enum             the enumerator's name; a trailing underscore is dropped (delete_)
//   described struct           an object; a field's trailing underscore is dropped
//   raw                        a piece of JSON that is written as it stands (output only)
//
//   text_or_list               a text or a list of texts
//
// When writing, an absent optional or nullable is left out; a present nullable without a value is
// null. A type with a form of its own specializes codec<T> (kit/json_codec.hpp).

#include <boost/describe.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kit/id.hpp"
#include "kit/time.hpp"

namespace souk::json {

// `pointer` is an RFC 6901 pointer to the field, "" for the document. `detail` says what is
// expected and never repeats what was received.
struct field_error {
  std::string pointer;
  std::string detail;
  bool operator==(const field_error&) const = default;
};
BOOST_DESCRIBE_STRUCT(field_error, (), (pointer, detail))
using errors = std::vector<field_error>;

template <std::size_t Min, std::size_t Max>
struct text : std::string {
  using std::string::string;
  text() = default;
  text(std::string s) : std::string(std::move(s)) {}
};

template <std::int64_t Min, std::int64_t Max>
struct integer {
  std::int64_t value = Min;
  constexpr operator std::int64_t() const { return value; }
};

template <class T, std::size_t Min, std::size_t Max>
struct list : std::vector<T> {
  using std::vector<T>::vector;
  list() = default;
  list(std::vector<T> v) : std::vector<T>(std::move(v)) {}
};

template <class T>
struct nullable {
  bool present = false;    // the field was there
  std::optional<T> value;  // empty with `present`: null
};

struct raw {
  std::string text;
};

// Depth is limited to 32, numbers to the 64 bit integers and finite doubles; text must be UTF-8.
// At most 50 errors are reported.
template <class T>
std::expected<T, errors> read(std::string_view document);
// The same, but unknown fields are ignored: for answers of other services, which may be newer.
template <class T>
std::expected<T, errors> read_lenient(std::string_view document);

template <class T>
std::string write(const T& value);
template <class T>
void write_to(std::string& out, const T& value);

// A single value by the same rules, for parameters of paths and queries; otherwise what is
// expected. For texts, integers, double, bool, uuid, timestamp and described enums.
template <class T>
std::expected<T, std::string> from_text(std::string_view text);

// Appends a JSON string literal, quotes included.
void write_string(std::string& out, std::string_view text);
// Whether `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);
std::size_t count_characters(std::string_view utf8);

}  // namespace souk::json

template <std::size_t Min, std::size_t Max>
struct std::hash<souk::json::text<Min, Max>> : std::hash<std::string> {};

#include "kit/json_codec.hpp"
