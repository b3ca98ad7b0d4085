// What identifiers, times and bytes look like as text.

#include <algorithm>
#include <array>
#include <cstdio>

#include "fuzz.hpp"
#include "kit/id.hpp"
#include "kit/time.hpp"
#include "reference_http.hpp"

namespace souk::fuzz {
namespace {

bool is_uuid(std::string_view s) {
  if (s.size() != 36) return false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? s[i] != '-' : !std::string_view("0123456789abcdefABCDEF").contains(s[i]))
      return false;
  }
  return true;
}

// Days since 1970, counted year by year and month by month.
std::int64_t days_until(int year, int month, int day) {
  const auto is_leap = [](int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; };
  std::int64_t days = day - 1;
  for (int y = 1970; y < year; ++y) days += is_leap(y) ? 366 : 365;
  for (int y = year; y < 1970; ++y) days -= is_leap(y) ? 366 : 365;
  constexpr std::array lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (int m = 1; m < month; ++m)
    days += lengths[static_cast<std::size_t>(m - 1)] + (m == 2 && is_leap(year));
  return days;
}

void check_time(std::string_view input) {
  const auto t = parse_rfc3339(input);
  if (!t) return;
  const auto text = to_rfc3339(*t);
  require(text.size() == 27 && text.ends_with('Z'), "a time has no fixed form");
  require(parse_rfc3339(text) == t, "a time is changed in writing");
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  const std::string head(input.substr(0, 19));
  require(std::sscanf(head.c_str(), "%4d-%2d-%2d%*1[Tt]%2d:%2d:%2d", &y, &mo, &d, &h, &mi, &s) == 6,
          "a time without its parts");
  std::int64_t micros = 0;
  auto rest = input.substr(19);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    for (std::int64_t unit = 100'000; !rest.empty() && rest[0] >= '0' && rest[0] <= '9';
         unit /= 10) {
      micros += unit * (rest[0] - '0');
      rest.remove_prefix(1);
    }
  }
  std::int64_t offset = 0;
  if (rest != "Z" && rest != "z") {
    int oh = 0, om = 0;
    const std::string zone(rest);
    require(rest.size() == 6 && std::sscanf(zone.c_str() + 1, "%2d:%2d", &oh, &om) == 2 &&
                oh < 24 && om < 60,
            "a time without a zone");
    offset = (oh * 60 + om) * (rest[0] == '-' ? -60 : 60);
  }
  const std::int64_t seconds = days_until(y, mo, d) * 86'400 + h * 3600 + mi * 60 + s - offset;
  require(t->time_since_epoch().count() == seconds * 1'000'000 + micros, "another time");
}

}  // namespace

SOUK_FUZZ_TARGET(text_forms) {
  const auto id = uuid::parse(input);
  require(id.has_value() == is_uuid(input), "an identifier is accepted or refused wrongly");
  if (id) require(id->str() == reference::lower(input), "another identifier");

  check_time(input);

  const auto encoded = base64url_encode(input);
  require(base64url_decode(encoded) == input, "bytes are changed by base64url");
  if (const auto decoded = base64url_decode(input))
    require(base64url_encode(*decoded) == input, "two texts for the same bytes");
  require(hex_encode(input).size() == 2 * input.size(), "hexadecimal of another length");
}

}  // namespace souk::fuzz
