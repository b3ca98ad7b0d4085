#pragma once

// What stands behind kit/postgres.hpp: how values stand in SQL's text form, results, and the
// templates. A type with a form of its own specializes codec<T>:
//
//   static void write(std::string& out, const T& value);   // appends
//   static T read(std::string_view text);                  // throws std::invalid_argument

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kit/json.hpp"
#include "kit/postgres.hpp"

struct pg_result;

namespace souk::pg {

template <class T>
struct codec;

namespace detail {

std::int64_t read_integer(std::string_view text, std::int64_t min, std::int64_t max);
double read_double(std::string_view text);
void write_double(std::string& out, double value);
bool read_bool(std::string_view text);
uuid read_uuid(std::string_view text);
timestamp read_timestamp(std::string_view text);
[[noreturn]] void no_such_enumerator();
// Throws error 22021, as the server would, for a NUL character: the text form would end there.
void write_text(std::string& out, std::string_view text);

// Array literals of one dimension.
void write_element(std::string& out, std::string_view element);
std::vector<std::optional<std::string>> read_array(std::string_view text);

template <class T>
concept sql_text = std::is_convertible_v<const T&, std::string_view>;
template <class T>
concept sql_integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// std::vector and what is derived from it (json::list).
template <class E>
E element_of(const std::vector<E>&);
template <class T>
concept sql_array = std::is_class_v<T> && requires(const T& t) { detail::element_of(t); };
template <class T>
using element_t = decltype(detail::element_of(std::declval<const T&>()));

}  // namespace detail

template <>
struct codec<bool> {
  static void write(std::string& out, bool value) { out += value ? 't' : 'f'; }
  static bool read(std::string_view text) { return detail::read_bool(text); }
};

template <detail::sql_integer T>
struct codec<T> {
  static void write(std::string& out, T value) {
    char buffer[24];
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  }
  static T read(std::string_view text) {
    constexpr auto top = std::numeric_limits<std::int64_t>::max();
    constexpr bool fits = std::cmp_less_equal(std::numeric_limits<T>::max(), top);
    return static_cast<T>(detail::read_integer(
        text, std::is_signed_v<T> ? static_cast<std::int64_t>(std::numeric_limits<T>::min()) : 0,
        fits ? static_cast<std::int64_t>(std::numeric_limits<T>::max()) : top));
  }
};

template <std::int64_t Min, std::int64_t Max>
struct codec<json::integer<Min, Max>> {
  static void write(std::string& out, json::integer<Min, Max> value) {
    codec<std::int64_t>::write(out, value.value);
  }
  static json::integer<Min, Max> read(std::string_view text) {
    return {detail::read_integer(text, Min, Max)};
  }
};

template <std::floating_point T>
struct codec<T> {
  static void write(std::string& out, T value) { detail::write_double(out, value); }
  static T read(std::string_view text) { return static_cast<T>(detail::read_double(text)); }
};

template <detail::sql_text T>
struct codec<T> {
  static void write(std::string& out, const T& value) {
    detail::write_text(out, std::string_view(value));
  }
  static T read(std::string_view text)
    requires std::derived_from<T, std::string>
  {
    return T(std::string(text));
  }
};

template <>
struct codec<json::raw> {
  static void write(std::string& out, const json::raw& value) {
    detail::write_text(out, value.text);
  }
  static json::raw read(std::string_view text) { return {std::string(text)}; }
};

template <>
struct codec<uuid> {
  static void write(std::string& out, const uuid& value) { out += value.str(); }
  static uuid read(std::string_view text) { return detail::read_uuid(text); }
};

template <>
struct codec<timestamp> {
  static void write(std::string& out, timestamp value) { out += to_rfc3339(value); }
  static timestamp read(std::string_view text) { return detail::read_timestamp(text); }
};

template <json::described_enum E>
struct codec<E> {
  static void write(std::string& out, E value) { out += json::enum_text(value); }
  static E read(std::string_view text) {
    const auto value = json::enum_from_text<E>(text);
    if (!value) detail::no_such_enumerator();
    return *value;
  }
};

template <detail::sql_array T>
struct codec<T> {
  using element = detail::element_t<T>;

  static void write(std::string& out, const T& values) {
    out += '{';
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ',';
      if constexpr (detail::sql_integer<element>) {
        codec<element>::write(out, values[i]);
      } else {
        text.clear();
        codec<element>::write(text, values[i]);
        detail::write_element(out, text);
      }
    }
    out += '}';
  }
  static T read(std::string_view text) {
    T values;
    for (const auto& part : detail::read_array(text)) {
      if (!part) throw std::invalid_argument("NULL in an array");
      values.push_back(codec<element>::read(*part));
    }
    return values;
  }
};

// The arguments of a statement in text form.
struct parameters {
  std::string bytes;                // values one after another, each ended by NUL
  std::vector<std::size_t> starts;  // in `bytes`; npos is NULL

  template <class... Args>
  static parameters of(const Args&... args) {
    parameters p;
    p.starts.reserve(sizeof...(Args));
    (p.add(args), ...);
    return p;
  }

 private:
  void add(std::nullopt_t) { starts.push_back(std::string::npos); }
  template <class T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : add(std::nullopt);
  }
  template <class T>
  void add(const T& value) {
    starts.push_back(bytes.size());
    // A text literal is an array of char here.
    codec<std::conditional_t<detail::sql_text<T> && !std::is_class_v<T>, std::string_view,
                             T>>::write(bytes, value);
    bytes += '\0';
  }
};

// What the server answered to one statement. Cells are valid as long as the result is.
class result {
 public:
  result() = default;
  explicit result(pg_result* owned) : rows_(owned) {}

  std::size_t rows() const;
  std::size_t columns() const;
  std::string_view column_name(std::size_t column) const;
  std::optional<std::string_view> cell(std::size_t row, std::size_t column) const;  // NULL: nothing
  std::int64_t affected() const;     // rows that the statement touched or gave
  std::string_view command() const;  // the command tag: "INSERT 0 1", "COMMIT"
  pg_result* native() const { return rows_.get(); }

 private:
  struct clear {
    void operator()(pg_result* r) const;
  };
  std::unique_ptr<pg_result, clear> rows_;
};

namespace detail {

inline constexpr int no_column = -1;

// The column of each field. Throws std::logic_error for a column that no field takes.
void match_columns(const statement& s, const result& r, std::span<const std::string_view> fields,
                   std::span<int> columns);
void want_one_column(const statement& s, const result& r);
void want_at_most_one_row(const statement& s, std::size_t rows);
[[noreturn]] void bad_cell(const statement& s, std::string_view column, std::string_view why);

template <class T>
void read_cell(const statement& s, std::string_view name, std::optional<std::string_view> cell,
               T& out) {
  if constexpr (is_optional<T>) {
    if (!cell) return out.reset();
    read_cell(s, name, cell, out.emplace());
  } else {
    if (!cell) bad_cell(s, name, "NULL or missing, but the field is not optional");
    try {
      out = codec<T>::read(*cell);
    } catch (const std::invalid_argument& e) {
      bad_cell(s, name, e.what());
    }
  }
}

// Reads the rows of one result; both must outlive it.
template <class Row>
class row_reader {
 public:
  row_reader(const statement& s, const result& r) : statement_(s), result_(r) {
    if constexpr (json::described_struct<Row>) {
      match_columns(s, r, names, columns_);
    } else {
      want_one_column(s, r);
    }
  }

  Row read(std::size_t row) const {
    Row value{};
    if constexpr (json::described_struct<Row>) {
      std::size_t field = 0;
      json::for_each_field<Row>([&](std::string_view name, auto pointer) {
        const int column = columns_[field++];
        read_cell(statement_, name,
                  column == no_column ? std::nullopt
                                      : result_.cell(row, static_cast<std::size_t>(column)),
                  value.*pointer);
      });
    } else {
      read_cell(statement_, result_.column_name(0), result_.cell(row, 0), value);
    }
    return value;
  }

 private:
  static constexpr auto names = [] {
    if constexpr (json::described_struct<Row>) {
      std::array<std::string_view, boost::mp11::mp_size<json::fields_of<Row>>::value> all{};
      std::size_t i = 0;
      json::for_each_field<Row>([&](std::string_view name, auto) { all[i++] = name; });
      return all;
    } else {
      return std::array<std::string_view, 0>{};
    }
  }();

  const statement& statement_;
  const result& result_;
  std::array<int, names.size()> columns_{};
};

template <class Row>
task<std::vector<Row>> rows_of(task<result> work, statement s) {
  const result r = co_await std::move(work);
  const row_reader<Row> reader(s, r);
  std::vector<Row> rows;
  rows.reserve(r.rows());
  for (std::size_t row = 0; row < r.rows(); ++row) rows.push_back(reader.read(row));
  co_return rows;
}

template <class Row>
task<std::optional<Row>> row_of(task<result> work, statement s) {
  const result r = co_await std::move(work);
  want_at_most_one_row(s, r.rows());
  const row_reader<Row> reader(s, r);
  if (r.rows() == 0) co_return std::nullopt;
  co_return reader.read(0);
}

task<std::int64_t> affected_by(task<result> work);

}  // namespace detail

// None of these is a coroutine itself: the arguments are in their text form before anything waits,
// so they need not outlive the call.

template <class Row, class... Args>
task<std::vector<Row>> transaction::query(const statement& s, const Args&... args) {
  return detail::rows_of<Row>(run(s, parameters::of(args...)), s);
}
template <class Row, class... Args>
task<std::optional<Row>> transaction::query_one(const statement& s, const Args&... args) {
  return detail::row_of<Row>(run(s, parameters::of(args...)), s);
}
template <class... Args>
task<std::int64_t> transaction::execute(const statement& s, const Args&... args) {
  return detail::affected_by(run(s, parameters::of(args...)));
}
template <class... Args>
task<std::int64_t> transaction::execute_and_commit(const statement& s, const Args&... args) {
  return detail::affected_by(run_and_commit(s, parameters::of(args...)));
}

template <class Row, class... Args>
task<std::vector<Row>> pool::query(const context& ctx, const statement& s, const Args&... args) {
  return detail::rows_of<Row>(run_read(ctx, s, parameters::of(args...)), s);
}
template <class Row, class... Args>
task<std::optional<Row>> pool::query_one(const context& ctx, const statement& s,
                                         const Args&... args) {
  return detail::row_of<Row>(run_read(ctx, s, parameters::of(args...)), s);
}
template <class... Args>
task<std::int64_t> pool::execute(const context& ctx, const statement& s, const Args&... args) {
  return detail::affected_by(run_write(ctx, s, parameters::of(args...)));
}
template <class Row, class... Args>
task<std::vector<Row>> pool::execute_returning(const context& ctx, const statement& s,
                                               const Args&... args) {
  return detail::rows_of<Row>(run_write(ctx, s, parameters::of(args...)), s);
}

}  // namespace souk::pg
