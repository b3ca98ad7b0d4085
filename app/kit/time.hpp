#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace souk {

// A moment in UTC, with PostgreSQL's resolution.
using timestamp = std::chrono::sys_time<std::chrono::microseconds>;

timestamp now();
// RFC 3339 in UTC with microseconds: 2026-01-31T12:00:00.123456Z.
std::string to_rfc3339(timestamp t);
// Any RFC 3339 offset; what is finer than a microsecond is cut off. A leap second is refused, and
// so is a moment whose UTC form is not within the years 0000 to 9999.
std::optional<timestamp> parse_rfc3339(std::string_view text);

}  // namespace souk
