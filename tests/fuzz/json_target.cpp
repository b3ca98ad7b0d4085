// The JSON reader: a document is what RFC 8259 calls one, and nothing in it is read otherwise; what
// a described struct accepts keeps its types' rules, has no field twice, and is read the same once
// it has been written.

#include <cmath>

#include "fuzz.hpp"
#include "kit/json.hpp"
#include "reference_http.hpp"
#include "reference_json.hpp"

namespace souk::fuzz {
namespace {

using reference::json_value;

enum class colour { red, green, delete_ };
BOOST_DESCRIBE_ENUM(colour, red, green, delete_)

struct inner {
  std::int64_t n = 0;
  std::optional<json::text<1, 3>> t;
};
BOOST_DESCRIBE_STRUCT(inner, (), (n, t))

// A field of each kind.
struct everything {
  std::string text;
  std::optional<json::text<1, 5>> short_text;
  std::optional<std::int64_t> big;
  std::optional<std::int32_t> small;
  std::optional<std::uint64_t> natural;
  std::optional<json::integer<-3, 1000>> limited;
  std::optional<double> real;
  std::optional<bool> yes;
  json::nullable<std::int64_t> maybe;
  std::optional<std::vector<std::int64_t>> numbers;
  std::optional<json::list<json::text<0, 3>, 1, 4>> words;
  std::optional<std::map<std::string, std::int64_t>> by_name;
  std::optional<std::map<std::string, json::nullable<json::text_or_list>>> attributes;
  std::optional<uuid> id;
  std::optional<timestamp> at;
  std::optional<colour> hue;
  std::optional<inner> one;
  std::optional<std::vector<inner>> many;
  std::optional<bool> default_;
};
BOOST_DESCRIBE_STRUCT(everything, (),
                      (text, short_text, big, small, natural, limited, real, yes, maybe, numbers,
                       words, by_name, attributes, id, at, hue, one, many, default_))

bool same(const json::node& n, const json_value& v) {
  using kind = json_value::kind;
  switch (n.kind()) {
    case json::kind::null:
      return v.what == kind::null;
    case json::kind::boolean:
      return v.what == kind::boolean && v.boolean == n.as_bool();
    case json::kind::integer:
      return v.what == kind::integer && v.integer == n.as_int64();
    case json::kind::number: {
      const auto number = n.as_double();
      return v.what == kind::number && !n.as_int64() &&
             (std::isfinite(v.number) ? number == v.number : !number);
    }
    case json::kind::text:
      return v.what == kind::text && v.text == n.as_text();
    case json::kind::array: {
      if (v.what != kind::array || n.size() != v.elements.size()) return false;
      std::size_t i = 0;
      for (const json::node element : n)
        if (!same(element, v.elements[i++])) return false;
      return i == n.size();
    }
    case json::kind::object: {
      if (v.what != kind::object || n.size() != v.fields.size()) return false;
      std::size_t i = 0;
      for (const json::node field : n) {
        const auto& [name, value] = v.fields[i++];
        bool before = false;
        for (std::size_t k = 0; k + 1 < i; ++k) before |= v.fields[k].first == name;
        if (field.key() != name || field.repeated() != before || !same(field, value)) return false;
      }
      return i == n.size();
    }
  }
  return false;
}

void check_rules(const everything& e) {
  const auto text = [](std::string_view t, std::size_t min, std::size_t max) {
    require(reference::is_utf8(t) && !t.contains('\0'), "a text is no UTF-8 or has a NUL");
    std::size_t characters = 0;
    for (const char c : t) characters += (c & 0xC0) != 0x80;
    require(characters >= min && characters <= max, "a text is not as long as its type says");
  };
  text(e.text, 0, 10'000);
  if (e.short_text) text(*e.short_text, 1, 5);
  if (e.limited) require(*e.limited >= -3 && *e.limited <= 1000, "a number is out of its limits");
  if (e.real) require(std::isfinite(*e.real), "a number is not finite");
  if (e.words) {
    require(!e.words->empty() && e.words->size() <= 4, "a list is not as long as its type says");
    for (const auto& word : *e.words) text(word, 0, 3);
  }
  if (e.by_name)
    for (const auto& [name, value] : *e.by_name) text(name, 0, 10'000);
}

// What stands in the document also stands in what is written of it, unless the type has a form of
// its own.
void check_values(const json_value& in, const json_value& out) {
  for (const auto& [name, value] : in.fields) {
    const auto* written = out.field(name);
    if (written == nullptr)
      return require(false, "a field that was there is lost, or an unknown one was accepted");
    if (name == "id" || name == "at" || name == "attributes") continue;
    if (name == "real" && value.what == json_value::kind::integer) continue;
    if (value.what == json_value::kind::object) {
      // The names of a map come out sorted.
      require(value.fields.size() == written->fields.size(), "a field of an object is lost");
      check_values(value, *written);
    } else if (name == "real" && written->what == json_value::kind::integer) {
      require(static_cast<double>(written->integer) == value.number, "a number has changed");
    } else if (name != "many") {
      require(value == *written, "a value has changed");
    }
  }
}

template <class T>
void check_single(std::string_view input) {
  const auto from_text = json::from_text<T>(input);
  const auto read = json::read<T>(input);
  // A number alone is a document; a document may have blanks around it.
  if (from_text && !reference::read_json(input, 1).has_extreme_number)
    require(read.has_value(), "a parameter accepts what a document refuses");
  if (from_text && read) require(*from_text == *read, "a parameter is read otherwise");  // 0 is -0
  if (read && input.find_first_of(" \t\r\n") == input.npos)
    require(from_text.has_value(), "a document accepts what a parameter refuses");
}

}  // namespace

SOUK_FUZZ_TARGET(json) {
  require(json::is_utf8(input) == reference::is_utf8(input), "UTF-8 is judged otherwise");

  std::string literal;
  json::write_string(literal, input);
  const auto quoted = reference::read_json(literal, 1).value;
  require(quoted && quoted->what == json_value::kind::text, "what is written is no JSON text");
  if (reference::is_utf8(input)) require(quoted->text == input, "a text has changed in writing");

  const auto expected = reference::read_json(input, json::max_depth);
  const json::document document(input);
  if (!document.error()) {
    require(expected.value.has_value(), "something is taken for a document that is none");
    require(same(document.root(), *expected.value), "a document is read otherwise");
  } else {
    require(!expected.value || expected.has_extreme_number, "a document is refused");
  }

  check_single<std::int64_t>(input);
  check_single<std::uint64_t>(input);
  check_single<json::integer<-3, 1000>>(input);
  check_single<double>(input);
  check_single<bool>(input);

  const auto lenient = json::read_lenient<everything>(input);
  const auto strict = json::read<everything>(input);
  if (!strict) {
    const auto& errors = strict.error();
    require(!errors.empty() && errors.size() <= json::max_errors, "a refusal names nothing");
    for (const auto& e : errors)
      require(reference::is_utf8(e.pointer) && reference::is_utf8(e.detail) && !e.detail.empty() &&
                  (e.pointer.empty() || e.pointer.starts_with('/')),
              "an error is not well-formed");
    return;
  }
  require(lenient.has_value(), "the lenient reader refuses what the strict one accepts");
  require(!document.error() && !expected.value->repeats(), "a field is there twice");
  check_rules(*strict);
  const auto written = json::write(*strict);
  require(written == json::write(*lenient), "the two readers read differently");
  const auto output = reference::read_json(written, json::max_depth).value;
  require(output.has_value(), "what is written is no JSON");
  check_values(*expected.value, *output);
  const auto again = json::read<everything>(written);
  require(again && json::write(*again) == written, "what is written is read otherwise");
}

}  // namespace souk::fuzz
