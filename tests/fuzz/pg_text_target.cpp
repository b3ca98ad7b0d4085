// PostgreSQL's text forms, as far as the kit reads what is stored: arrays, times, numbers.

#include <charconv>

#include "fuzz.hpp"
#include "kit/postgres_codec.hpp"
#include "reference_http.hpp"

namespace souk::fuzz {
namespace {

// A reader throws std::invalid_argument or gives what is written in the same way.
template <class T>
void check_read(std::string_view input) {
  std::optional<T> value;
  try {
    value = pg::codec<T>::read(input);
  } catch (const std::invalid_argument&) {
    return;
  }
  std::string written;
  pg::codec<T>::write(written, *value);
  std::string again;
  if constexpr (std::is_same_v<T, timestamp>)
    again = to_rfc3339(parse_rfc3339(written).value_or(timestamp()));
  else
    pg::codec<T>::write(again, pg::codec<T>::read(written));
  require(written == again, "a value is changed by being written");
}

}  // namespace

SOUK_FUZZ_TARGET(pg_text) {
  if (!input.contains('\0')) {  // PostgreSQL stores none
    check_read<bool>(input);
    check_read<std::int64_t>(input);
    check_read<std::int32_t>(input);
    check_read<json::integer<-5, 5>>(input);
    check_read<double>(input);
    check_read<uuid>(input);
    check_read<std::vector<std::string>>(input);
    check_read<std::vector<std::int64_t>>(input);
    check_read<timestamp>(input);
  }

  // Any texts in an array come back as they were.
  std::vector<std::string> texts;
  for (const auto line : lines_of(input))
    if (!line.contains('\0')) texts.emplace_back(line);
  std::string array;
  pg::codec<std::vector<std::string>>::write(array, texts);
  require(pg::codec<std::vector<std::string>>::read(array) == texts, "an array is changed");

  // A NUL would end a parameter too early: it is refused, and nothing else is.
  try {
    const auto p = pg::parameters::of(input, std::int64_t{7});
    require(!input.contains('\0') && p.starts.size() == 2 &&
                std::string_view(p.bytes.c_str()) == input &&
                std::string_view(p.bytes.c_str() + p.starts[1]) == "7",
            "parameters run into each other");
  } catch (const pg::error& e) {
    require(input.contains('\0') && e.sqlstate == "22021", "a parameter is refused");
  }
}

}  // namespace souk::fuzz
