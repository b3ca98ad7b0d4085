#include "kit/postgres_codec.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>

namespace souk::pg {

namespace detail {

std::int64_t read_integer(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument("not an integer of 64 bits");
  }
  if (value < min || value > max) throw std::invalid_argument("out of the field's range");
  return value;
}

double read_double(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument("not a floating point number");
  }
  return value;
}

void write_double(std::string& out, double value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

bool read_bool(std::string_view text) {
  if (text == "t") return true;
  if (text == "f") return false;
  throw std::invalid_argument("not a boolean");
}

uuid read_uuid(std::string_view text) {
  const auto id = uuid::parse(text);
  if (!id) throw std::invalid_argument("not a uuid");
  return *id;
}

// 2026-01-31 12:00:00.123456+00, with up to six decimals; the session's time zone is UTC.
timestamp read_timestamp(std::string_view text) {
  const auto wrong = [] { return std::invalid_argument("not a timestamptz"); };
  const auto number = [&](std::size_t at, std::size_t digits) {
    unsigned value = 0;
    if (at + digits > text.size()) throw wrong();
    const char* begin = text.data() + at;
    const auto [end, failed] = std::from_chars(begin, begin + digits, value);
    if (failed != std::errc{} || end != begin + digits) throw wrong();
    return value;
  };
  if (text.size() < 22 || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':' ||
      text[16] != ':' || !text.ends_with("+00")) {
    throw wrong();
  }
  const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(number(0, 4))},
                                        std::chrono::month{number(5, 2)},
                                        std::chrono::day{number(8, 2)}};
  if (!day.ok()) throw wrong();
  const unsigned hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (hour > 23 || minute > 59 || second > 59) throw wrong();
  timestamp at = std::chrono::sys_days{day} + std::chrono::hours{hour} +
                 std::chrono::minutes{minute} + std::chrono::seconds{second};
  text.remove_suffix(3);
  if (text.size() > 19) {
    const std::size_t decimals = text.size() - 20;
    if (text[19] != '.' || decimals == 0 || decimals > 6) throw wrong();
    unsigned micros = number(20, decimals);
    for (std::size_t i = decimals; i < 6; ++i) micros *= 10;
    at += std::chrono::microseconds{micros};
  }
  return at;
}

void no_such_enumerator() {
  throw std::invalid_argument("not one of the field's enumerators");
}

void write_text(std::string& out, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    throw error("22021", "", "a text parameter contains a NUL character");
  }
  out += text;
}

void write_element(std::string& out, std::string_view element) {
  out += '"';
  for (const char c : element) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::vector<std::optional<std::string>> read_array(std::string_view text) {
  const auto wrong = [] { return std::invalid_argument("not an array of one dimension"); };
  std::vector<std::optional<std::string>> elements;
  if (text == "{}") return elements;
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') throw wrong();
  const std::size_t end = text.size() - 1;
  std::size_t at = 1;
  while (true) {
    std::string element;
    if (at < end && text[at] == '"') {
      for (++at; text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
        if (at >= end) throw wrong();
        element += text[at];
      }
      ++at;
      elements.emplace_back(std::move(element));
    } else {
      const std::size_t stop = std::min(text.find(',', at), end);
      const std::string_view bare = text.substr(at, stop - at);
      if (bare.empty() || bare.find_first_of("{}\"\\") != bare.npos) throw wrong();
      bare == "NULL" ? elements.emplace_back() : elements.emplace_back(bare);
      at = stop;
    }
    if (at == end) return elements;
    if (at > end || text[at] != ',') throw wrong();
    ++at;
  }
}

void match_columns(const statement& s, const result& r, std::span<const std::string_view> fields,
                   std::span<int> columns) {
  std::ranges::fill(columns, no_column);
  for (std::size_t column = 0; column < r.columns(); ++column) {
    const std::string_view name = r.column_name(column);
    // Columns mostly come in the order of the fields.
    const bool in_order = column < fields.size() && fields[column] == name;
    const auto field =
        in_order ? column
                 : static_cast<std::size_t>(std::ranges::find(fields, name) - fields.begin());
    if (field == fields.size() || columns[field] != no_column) {
      bad_cell(s, name, "there is no such field, or the column is there twice");
    }
    columns[field] = static_cast<int>(column);
  }
}

void want_one_column(const statement& s, const result& r) {
  if (r.columns() != 1) {
    throw std::logic_error(
        fmt::format("statement {}: {} columns where one is wanted", s.name, r.columns()));
  }
}

void want_at_most_one_row(const statement& s, std::size_t rows) {
  if (rows > 1) {
    throw std::logic_error(
        fmt::format("statement {}: {} rows where at most one is wanted", s.name, rows));
  }
}

void bad_cell(const statement& s, std::string_view column, std::string_view why) {
  throw std::logic_error(fmt::format("statement {}, column {}: {}", s.name, column, why));
}

task<std::int64_t> affected_by(task<result> work) {
  const result r = co_await std::move(work);
  co_return r.affected();
}

}  // namespace detail

void result::clear::operator()(pg_result* r) const {
  PQclear(r);
}

std::size_t result::rows() const {
  return static_cast<std::size_t>(PQntuples(native()));
}
std::size_t result::columns() const {
  return static_cast<std::size_t>(PQnfields(native()));
}
std::string_view result::column_name(std::size_t column) const {
  const char* name = PQfname(native(), static_cast<int>(column));
  return name ? name : "";
}

std::optional<std::string_view> result::cell(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row), c = static_cast<int>(column);
  if (PQgetisnull(native(), r, c)) return std::nullopt;
  return std::string_view(PQgetvalue(native(), r, c),
                          static_cast<std::size_t>(PQgetlength(native(), r, c)));
}

std::int64_t result::affected() const {
  const std::string_view count = PQcmdTuples(native());
  return count.empty() ? 0 : detail::read_integer(count, 0, INT64_MAX);
}

std::string_view result::command() const {
  return PQcmdStatus(native());
}

}  // namespace souk::pg
