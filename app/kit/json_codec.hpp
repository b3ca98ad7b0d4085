#pragma once

// What stands behind kit/json.hpp: the codec of each type, and what a service needs to write one of
// its own. A codec<T> has
//
//   static void read(const node&, const path&, T&, report&);   adds to the report what is wrong
//   static void write(std::string&, const T&);                 appends
//   static std::string schema(schema_set&);                    JSON Schema of the type
//   static std::expected<T, std::string> from_text(std::string_view);   single values only
//
// text_or_list below is an example of one that accepts two forms.

#include <array>
#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/time.hpp"

namespace souk::json {

inline constexpr std::size_t max_depth = 32;
inline constexpr std::size_t max_errors = 50;
inline constexpr std::size_t max_text = 10'000;  // characters, where the type sets no limit
inline constexpr std::size_t max_list = 10'000;  // elements, likewise

// ---------------------------------------------------------------------------------------------
// A parsed document.

// `integer`: written without fraction and exponent, and fits in 64 bits; every other number is
// `number`.
enum class kind : std::uint8_t { null, boolean, integer, number, text, array, object };

namespace detail {

struct slice {
  std::uint32_t at, size;
};

// Items stand in the order of the document, each container before what is in it.
struct item {
  json::kind kind = json::kind::null;
  bool repeated = false;
  std::uint32_t next = 0;  // the first item that is not part of this one
  slice key{};
  union {
    bool boolean;
    std::int64_t integer = 0;
    double number;
    slice text;
    std::uint32_t count;
  };
};

struct tree {
  std::vector<item> items;
  std::unique_ptr<char[]> characters;
};

}  // namespace detail

// A value within a document, which it must not outlive. Cheap to copy.
class node {
 public:
  node(const detail::tree& t, std::uint32_t at) : tree_(&t), at_(at) {}

  json::kind kind() const { return item().kind; }
  bool as_bool() const { return kind() == kind::boolean && item().boolean; }
  // Nothing unless the kind is `integer`.
  std::optional<std::int64_t> as_int64() const {
    if (kind() != kind::integer) return std::nullopt;
    return item().integer;
  }
  // Nothing unless it is a number, and finite.
  std::optional<double> as_double() const;
  // Valid UTF-8, may contain NUL; empty unless the kind is `text`.
  std::string_view as_text() const {
    if (kind() != kind::text) return {};
    return slice(item().text);
  }

  // The elements of an array, the fields of an object in their order; others have none.
  std::size_t size() const { return is_container() ? item().count : 0; }
  class iterator;
  iterator begin() const;
  iterator end() const;
  // The first field with this name.
  std::optional<node> field(std::string_view name) const;

  // For a field of an object: its name, and whether a field before it has the same.
  std::string_view key() const { return slice(item().key); }
  bool repeated() const { return item().repeated; }

 private:
  const detail::item& item() const { return tree_->items[at_]; }
  std::string_view slice(detail::slice s) const { return {tree_->characters.get() + s.at, s.size}; }
  bool is_container() const { return kind() == kind::array || kind() == kind::object; }
  const detail::tree* tree_;
  std::uint32_t at_;
};

class node::iterator {
 public:
  using value_type = node;
  using reference = node;
  using pointer = void;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  iterator(const detail::tree& t, std::uint32_t at) : tree_(&t), at_(at) {}
  node operator*() const { return {*tree_, at_}; }
  iterator& operator++() {
    at_ = tree_->items[at_].next;
    return *this;
  }
  iterator operator++(int) {
    return std::exchange(*this, iterator(*tree_, tree_->items[at_].next));
  }
  bool operator==(const iterator& o) const { return at_ == o.at_; }

 private:
  const detail::tree* tree_;
  std::uint32_t at_;
};

inline node::iterator node::begin() const {
  return {*tree_, is_container() ? at_ + 1 : item().next};
}
inline node::iterator node::end() const {
  return {*tree_, item().next};
}

class document {
 public:
  explicit document(std::string_view text);
  // Set when the text is no JSON within the limits; there is no root then.
  const std::optional<field_error>& error() const { return error_; }
  node root() const { return {tree_, 0}; }

 private:
  detail::tree tree_;
  std::optional<field_error> error_;
};

// ---------------------------------------------------------------------------------------------
// What a reader reports.

// Where a value stands. Made on the way down; the parent must outlive it.
class path {
 public:
  path() = default;  // the document
  path(const path& parent, std::string_view key) : parent_(&parent), key_(key) {}
  path(const path& parent, std::size_t index) : parent_(&parent), index_(index), is_index_(true) {}
  path(const path&&, std::string_view) = delete;
  path(const path&&, std::size_t) = delete;
  // RFC 6901; names are clipped to 64 characters, since they may be received text.
  std::string pointer() const;

 private:
  const path* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

class report {
 public:
  enum class unknown_fields { refuse, ignore };
  explicit report(unknown_fields u = unknown_fields::refuse) : unknown_(u) {}
  // Beyond the first 50 errors it does nothing.
  void add(const path& where, std::string_view detail);
  bool refuses_unknown_fields() const { return unknown_ == unknown_fields::refuse; }
  bool empty() const { return errors_.empty(); }
  errors take() && { return std::move(errors_); }

 private:
  unknown_fields unknown_;
  errors errors_;
};

// ---------------------------------------------------------------------------------------------
// Schemas.

// The described structs met on the way: name -> JSON Schema.
struct schema_set {
  std::map<std::string, std::string> components;

  // For codecs of objects: the reference to the component `name`, which `make` describes when it is
  // met for the first time. `type` identifies the type. Throws std::logic_error when two types with
  // different schemas have one name.
  template <class Make>
  std::string reference(const std::string& name, const void* type, Make make) {
    if (types_.insert(type).second) add(name, make());
    return "{\"$ref\":\"#/components/schemas/" + name + "\"}";
  }

 private:
  void add(const std::string& name, std::string schema);
  std::set<const void*> types_;
};

template <class T>
struct codec;

// JSON Schema (2020-12) of T; described structs are references into `set`.
template <class T>
std::string schema_of(schema_set& set) {
  return codec<T>::schema(set);
}

// ---------------------------------------------------------------------------------------------
// Descriptions.

template <class T>
concept described_struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <class T>
using fields_of = boost::describe::describe_members<T, boost::describe::mod_public |
                                                           boost::describe::mod_inherited>;

// A name in JSON: without the underscore that keeps it apart from a keyword.
constexpr std::string_view public_name(std::string_view described) {
  if (described.ends_with('_')) described.remove_suffix(1);
  return described;
}

// Calls f(name, pointer to member) for each field of a described struct, bases first.
template <described_struct T, class F>
constexpr void for_each_field(F&& f) {
  boost::mp11::mp_for_each<fields_of<T>>([&](auto d) { f(public_name(d.name), d.pointer); });
}

// The name of an enumerator. Throws std::logic_error for a value that is none.
template <described_enum E>
std::string_view enum_text(E value);
template <described_enum E>
std::optional<E> enum_from_text(std::string_view text);

namespace detail {

template <class M>
struct member_type;
template <class C, class V>
struct member_type<V C::*> {
  using type = V;
};

template <class T>
inline constexpr bool may_be_absent = false;
template <class T>
inline constexpr bool may_be_absent<std::optional<T>> = true;
template <class T>
inline constexpr bool may_be_absent<nullable<T>> = true;

template <class T>
bool is_absent(const T&) {
  return false;
}
template <class T>
bool is_absent(const std::optional<T>& v) {
  return !v;
}
template <class T>
bool is_absent(const nullable<T>& v) {
  return !v.present && !v.value;
}

// The name of a type without namespaces, fit for a component: page<a::b> is page_b.
std::string component_name(std::string_view pretty_function);
template <class T>
std::string component_name() {
  return component_name(__PRETTY_FUNCTION__);
}
template <class T>
inline constexpr char type_identity = 0;

template <described_enum E>
constexpr auto enumerator_names() {
  using list = boost::describe::describe_enumerators<E>;
  std::array<std::string_view, boost::mp11::mp_size<list>::value> names{};
  std::size_t i = 0;
  boost::mp11::mp_for_each<list>([&](auto d) { names[i++] = public_name(d.name); });
  return names;
}

// What is wrong with a text; nothing if it is as it should be.
std::optional<std::string> text_problem(std::string_view text, std::size_t min, std::size_t max);
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_double(std::string_view text);
std::string expect_integer(std::int64_t min, std::int64_t max);
std::string expect_list(std::string_view what, std::size_t min, std::size_t max);
std::string expect_one_of(std::span<const std::string_view> names);
inline constexpr std::string_view expect_bool = "must be true or false";
inline constexpr std::string_view expect_double = "must be a finite number";
inline constexpr std::string_view expect_uuid = "must be a UUID in its form of 36 characters";
inline constexpr std::string_view expect_time = "must be a time as 2026-01-31T12:00:00Z (RFC 3339)";
inline constexpr std::string_view expect_object = "must be an object";

void read_text(const node& n, const path& where, std::string& out, report& r, std::size_t min,
               std::size_t max);
std::int64_t read_integer(const node& n, const path& where, report& r, std::int64_t min,
                          std::int64_t max);
std::expected<std::int64_t, std::string> integer_from_text(std::string_view text, std::int64_t min,
                                                           std::int64_t max);
void write_integer(std::string& out, std::int64_t value);
void write_double(std::string& out, double value);

std::string schema_text(std::size_t min, std::size_t max);
std::string schema_integer(std::int64_t min, std::int64_t max);
std::string schema_list(const std::string& items, std::size_t min, std::size_t max);
std::string schema_enum(std::span<const std::string_view> names);
[[noreturn]] void no_such_enumerator();

template <class T, class List>
void read_list(const node& n, const path& where, List& out, report& r, std::size_t min,
               std::size_t max) {
  if (n.kind() != kind::array || n.size() < min || n.size() > max)
    return r.add(where, expect_list("a list", min, max));
  out.clear();
  out.reserve(n.size());
  for (node element : n) {
    T value{};
    codec<T>::read(element, path(where, out.size()), value, r);
    out.push_back(std::move(value));
  }
}

template <class T, class List>
void write_list(std::string& out, const List& values) {
  out += '[';
  bool first = true;
  for (const T& value : values) {
    if (!std::exchange(first, false)) out += ',';
    codec<T>::write(out, value);
  }
  out += ']';
}

template <class T>
constexpr std::int64_t lowest() {
  return std::is_unsigned_v<T> ? 0 : static_cast<std::int64_t>(std::numeric_limits<T>::min());
}
template <class T>
constexpr std::int64_t highest() {
  constexpr auto top = std::numeric_limits<std::int64_t>::max();
  return std::cmp_greater(std::numeric_limits<T>::max(), top)
             ? top
             : static_cast<std::int64_t>(std::numeric_limits<T>::max());
}

}  // namespace detail

template <described_enum E>
std::string_view enum_text(E value) {
  std::string_view name;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (d.value == value) name = public_name(d.name);
  });
  if (name.empty()) detail::no_such_enumerator();
  return name;
}

template <described_enum E>
std::optional<E> enum_from_text(std::string_view text) {
  std::optional<E> value;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (public_name(d.name) == text) value = d.value;
  });
  return value;
}

// ---------------------------------------------------------------------------------------------
// The codecs.

template <std::size_t Min, std::size_t Max>
struct codec<text<Min, Max>> {
  using value_type = text<Min, Max>;
  static void read(const node& n, const path& where, value_type& out, report& r) {
    detail::read_text(n, where, out, r, Min, Max);
  }
  static void write(std::string& out, const value_type& value) { write_string(out, value); }
  static std::string schema(schema_set&) { return detail::schema_text(Min, Max); }
  static std::expected<value_type, std::string> from_text(std::string_view t) {
    if (auto problem = detail::text_problem(t, Min, Max)) return std::unexpected(*problem);
    return value_type(std::string(t));
  }
};

template <>
struct codec<std::string> {
  static void read(const node& n, const path& where, std::string& out, report& r) {
    detail::read_text(n, where, out, r, 0, max_text);
  }
  static void write(std::string& out, const std::string& value) { write_string(out, value); }
  static std::string schema(schema_set&) { return detail::schema_text(0, max_text); }
  static std::expected<std::string, std::string> from_text(std::string_view t) {
    if (auto problem = detail::text_problem(t, 0, max_text)) return std::unexpected(*problem);
    return std::string(t);
  }
};

template <>
struct codec<std::string_view> {  // output only
  static void write(std::string& out, std::string_view value) { write_string(out, value); }
  static std::string schema(schema_set&) { return detail::schema_text(0, max_text); }
};

template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>)
struct codec<T> {
  static constexpr std::int64_t min = detail::lowest<T>(), max = detail::highest<T>();
  static void read(const node& n, const path& where, T& out, report& r) {
    out = static_cast<T>(detail::read_integer(n, where, r, min, max));
  }
  static void write(std::string& out, T value) {
    detail::write_integer(out, static_cast<std::int64_t>(value));
  }
  static std::string schema(schema_set&) { return detail::schema_integer(min, max); }
  static std::expected<T, std::string> from_text(std::string_view t) {
    auto value = detail::integer_from_text(t, min, max);
    if (!value) return std::unexpected(std::move(value.error()));
    return static_cast<T>(*value);
  }
};

template <std::int64_t Min, std::int64_t Max>
struct codec<integer<Min, Max>> {
  using value_type = integer<Min, Max>;
  static void read(const node& n, const path& where, value_type& out, report& r) {
    out.value = detail::read_integer(n, where, r, Min, Max);
  }
  static void write(std::string& out, value_type value) { detail::write_integer(out, value.value); }
  static std::string schema(schema_set&) { return detail::schema_integer(Min, Max); }
  static std::expected<value_type, std::string> from_text(std::string_view t) {
    auto value = detail::integer_from_text(t, Min, Max);
    if (!value) return std::unexpected(std::move(value.error()));
    return value_type{*value};
  }
};

template <>
struct codec<bool> {
  static void read(const node& n, const path& where, bool& out, report& r) {
    if (n.kind() != kind::boolean) return r.add(where, detail::expect_bool);
    out = n.as_bool();
  }
  static void write(std::string& out, bool value) { out += value ? "true" : "false"; }
  static std::string schema(schema_set&) { return R"({"type":"boolean"})"; }
  static std::expected<bool, std::string> from_text(std::string_view t) {
    if (t == "true") return true;
    if (t == "false") return false;
    return std::unexpected(std::string(detail::expect_bool));
  }
};

template <>
struct codec<double> {
  static void read(const node& n, const path& where, double& out, report& r) {
    auto value = n.as_double();
    if (!value) return r.add(where, detail::expect_double);
    out = *value;
  }
  // Throws std::logic_error for NaN and infinities.
  static void write(std::string& out, double value) { detail::write_double(out, value); }
  static std::string schema(schema_set&) { return R"({"type":"number"})"; }
  static std::expected<double, std::string> from_text(std::string_view t) {
    auto value = detail::parse_double(t);
    if (!value) return std::unexpected(std::string(detail::expect_double));
    return *value;
  }
};

template <>
struct codec<uuid> {
  static void read(const node& n, const path& where, uuid& out, report& r) {
    auto value = uuid::parse(n.as_text());
    if (!value) return r.add(where, detail::expect_uuid);
    out = *value;
  }
  static void write(std::string& out, const uuid& value) { write_string(out, value.str()); }
  static std::string schema(schema_set&) { return R"({"type":"string","format":"uuid"})"; }
  static std::expected<uuid, std::string> from_text(std::string_view t) {
    auto value = uuid::parse(t);
    if (!value) return std::unexpected(std::string(detail::expect_uuid));
    return *value;
  }
};

template <>
struct codec<timestamp> {
  static void read(const node& n, const path& where, timestamp& out, report& r) {
    auto value = parse_rfc3339(n.as_text());
    if (!value) return r.add(where, detail::expect_time);
    out = *value;
  }
  static void write(std::string& out, timestamp value) { write_string(out, to_rfc3339(value)); }
  static std::string schema(schema_set&) { return R"({"type":"string","format":"date-time"})"; }
  static std::expected<timestamp, std::string> from_text(std::string_view t) {
    auto value = parse_rfc3339(t);
    if (!value) return std::unexpected(std::string(detail::expect_time));
    return *value;
  }
};

template <described_enum E>
struct codec<E> {
  static constexpr auto names = detail::enumerator_names<E>();
  static void read(const node& n, const path& where, E& out, report& r) {
    auto value = enum_from_text<E>(n.as_text());
    if (!value) return r.add(where, detail::expect_one_of(names));
    out = *value;
  }
  static void write(std::string& out, E value) { write_string(out, enum_text(value)); }
  static std::string schema(schema_set&) { return detail::schema_enum(names); }
  static std::expected<E, std::string> from_text(std::string_view t) {
    auto value = enum_from_text<E>(t);
    if (!value) return std::unexpected(detail::expect_one_of(names));
    return *value;
  }
};

template <class T>
struct codec<std::optional<T>> {
  static void read(const node& n, const path& where, std::optional<T>& out, report& r) {
    codec<T>::read(n, where, out.emplace(), r);
  }
  static void write(std::string& out, const std::optional<T>& value) {
    if (value)
      codec<T>::write(out, *value);
    else
      out += "null";
  }
  static std::string schema(schema_set& s) { return codec<T>::schema(s); }
};

template <class T>
struct codec<nullable<T>> {
  static void read(const node& n, const path& where, nullable<T>& out, report& r) {
    out.present = true;
    out.value.reset();
    if (n.kind() != kind::null) codec<T>::read(n, where, out.value.emplace(), r);
  }
  static void write(std::string& out, const nullable<T>& value) {
    codec<std::optional<T>>::write(out, value.value);
  }
  static std::string schema(schema_set& s) {
    return "{\"anyOf\":[" + codec<T>::schema(s) + ",{\"type\":\"null\"}]}";
  }
};

template <class T>
struct codec<std::vector<T>> {
  static void read(const node& n, const path& where, std::vector<T>& out, report& r) {
    detail::read_list<T>(n, where, out, r, 0, max_list);
  }
  static void write(std::string& out, const std::vector<T>& values) {
    detail::write_list<T>(out, values);
  }
  static std::string schema(schema_set& s) {
    return detail::schema_list(codec<T>::schema(s), 0, max_list);
  }
};

template <class T, std::size_t Min, std::size_t Max>
struct codec<list<T, Min, Max>> {
  static void read(const node& n, const path& where, list<T, Min, Max>& out, report& r) {
    detail::read_list<T>(n, where, out, r, Min, Max);
  }
  static void write(std::string& out, const list<T, Min, Max>& values) {
    detail::write_list<T>(out, values);
  }
  static std::string schema(schema_set& s) {
    return detail::schema_list(codec<T>::schema(s), Min, Max);
  }
};

template <class T, class Less>
struct codec<std::map<std::string, T, Less>> {
  using value_type = std::map<std::string, T, Less>;
  static void read(const node& n, const path& where, value_type& out, report& r) {
    if (n.kind() != kind::object || n.size() > max_list)
      return r.add(where, detail::expect_list("an object", 0, max_list));
    out.clear();
    for (node field : n) {
      path at(where, field.key());
      if (auto problem = detail::text_problem(field.key(), 0, max_text))
        r.add(at, "the name " + *problem);
      else if (field.repeated())
        r.add(at, "must not be repeated");
      else
        codec<T>::read(field, at, out[std::string(field.key())], r);
    }
  }
  static void write(std::string& out, const value_type& values) {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : values) {
      if (!std::exchange(first, false)) out += ',';
      write_string(out, key);
      out += ':';
      codec<T>::write(out, value);
    }
    out += '}';
  }
  static std::string schema(schema_set& s) {
    return "{\"type\":\"object\",\"additionalProperties\":" + codec<T>::schema(s) + "}";
  }
};

template <>
struct codec<raw> {  // output only
  static void write(std::string& out, const raw& value) {
    out += value.text.empty() ? std::string_view("null") : value.text;
  }
  static std::string schema(schema_set&) { return "{}"; }
};

template <described_struct T>
struct codec<T> {
  static void read(const node& n, const path& where, T& out, report& r) {
    if (n.kind() != kind::object) return r.add(where, detail::expect_object);
    std::array<bool, boost::mp11::mp_size<fields_of<T>>::value + 1> seen{};
    for (node field : n) {
      path at(where, field.key());
      if (field.repeated()) {
        r.add(at, "must not be repeated");
        continue;
      }
      bool known = false;
      std::size_t i = 0;
      for_each_field<T>([&](std::string_view name, auto member) {
        if (!known && name == field.key()) {
          using value = typename detail::member_type<decltype(member)>::type;
          known = seen[i] = true;
          codec<value>::read(field, at, out.*member, r);
        }
        ++i;
      });
      if (!known && r.refuses_unknown_fields()) r.add(at, "is not a known field");
    }
    std::size_t i = 0;
    for_each_field<T>([&](std::string_view name, auto member) {
      using value = typename detail::member_type<decltype(member)>::type;
      if (!seen[i++] && !detail::may_be_absent<value>) r.add(path(where, name), "is required");
    });
  }

  static void write(std::string& out, const T& object) {
    out += '{';
    bool first = true;
    for_each_field<T>([&](std::string_view name, auto member) {
      using value = typename detail::member_type<decltype(member)>::type;
      if (detail::is_absent(object.*member)) return;
      if (!std::exchange(first, false)) out += ',';
      out += '"';
      out += name;  // an identifier: nothing to escape
      out += "\":";
      codec<value>::write(out, object.*member);
    });
    out += '}';
  }

  static std::string schema(schema_set& s) {
    return s.reference(detail::component_name<T>(), &detail::type_identity<T>, [&] {
      std::string properties, required;
      for_each_field<T>([&](std::string_view name, auto member) {
        using value = typename detail::member_type<decltype(member)>::type;
        if (!properties.empty()) properties += ',';
        properties.append("\"").append(name).append("\":").append(codec<value>::schema(s));
        if (detail::may_be_absent<value>) return;
        required.append(required.empty() ? "\"" : ",\"").append(name).append("\"");
      });
      std::string out = "{\"type\":\"object\",\"properties\":{" + properties + "}";
      if (!required.empty()) out += ",\"required\":[" + required + "]";
      return out + ",\"additionalProperties\":false}";
    });
  }
};

// A text alone stands for a list of one. Written as a list.
struct text_or_list : std::vector<std::string> {
  using std::vector<std::string>::vector;
};

template <>
struct codec<text_or_list> {
  static void read(const node& n, const path& where, text_or_list& out, report& r) {
    if (n.kind() == kind::text) {
      out.resize(1);
      codec<std::string>::read(n, where, out.front(), r);
    } else if (n.kind() == kind::array) {
      detail::read_list<std::string>(n, where, out, r, 0, max_list);
    } else {
      r.add(where, "must be a text or a list of texts");
    }
  }
  static void write(std::string& out, const text_or_list& values) {
    detail::write_list<std::string>(out, values);
  }
  static std::string schema(schema_set& s) {
    return "{\"anyOf\":[" + codec<std::string>::schema(s) + "," +
           codec<std::vector<std::string>>::schema(s) + "]}";
  }
};

// ---------------------------------------------------------------------------------------------
// The functions of kit/json.hpp.

namespace detail {
template <class T>
std::expected<T, errors> read(std::string_view text, report::unknown_fields unknown) {
  document doc(text);
  if (doc.error()) return std::unexpected(errors{*doc.error()});
  T value{};
  report r(unknown);
  codec<T>::read(doc.root(), path(), value, r);
  if (!r.empty()) return std::unexpected(std::move(r).take());
  return value;
}
}  // namespace detail

template <class T>
std::expected<T, errors> read(std::string_view document) {
  return detail::read<T>(document, report::unknown_fields::refuse);
}

template <class T>
std::expected<T, errors> read_lenient(std::string_view document) {
  return detail::read<T>(document, report::unknown_fields::ignore);
}

template <class T>
void write_to(std::string& out, const T& value) {
  codec<T>::write(out, value);
}

template <class T>
std::string write(const T& value) {
  std::string out;
  codec<T>::write(out, value);
  return out;
}

template <class T>
std::expected<T, std::string> from_text(std::string_view text) {
  return codec<T>::from_text(text);
}

}  // namespace souk::json
