#include "kit/time.hpp"

#include <algorithm>

namespace souk {
namespace {

using namespace std::chrono;

void append_padded(std::string& out, std::int64_t value, std::size_t digits) {
  const std::string text = std::to_string(value);
  if (text.size() < digits) out.append(digits - text.size(), '0');
  out += text;
}

// Takes fixed parts from the front of a text; once something does not fit, nothing does any more.
class reader {
 public:
  explicit reader(std::string_view text) : rest_(text) {}

  int digits(std::size_t count, int min, int max) {
    int value = 0;
    if (rest_.size() < count ||
        rest_.substr(0, count).find_first_not_of("0123456789") != rest_.npos)
      return fail();
    for (const char c : rest_.substr(0, count)) value = value * 10 + (c - '0');
    rest_.remove_prefix(count);
    return value < min || value > max ? fail() : value;
  }
  // One of the characters; 0 if none.
  char any_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == characters.npos) return 0;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  void require(std::string_view characters) {
    if (any_of(characters) == 0) fail();
  }
  // ".123456789": at least one digit, cut to microseconds.
  microseconds fraction() {
    if (any_of(".") == 0) return microseconds(0);
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (count == 0) fail();
    std::string micros(rest_.substr(0, std::min<std::size_t>(count, 6)));
    micros.resize(6, '0');
    rest_.remove_prefix(count);
    return microseconds(good_ ? std::stoi(micros) : 0);
  }
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }

 private:
  int fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

timestamp now() {
  return floor<microseconds>(system_clock::now());
}

std::string to_rfc3339(timestamp t) {
  const auto day = floor<days>(t);
  const year_month_day date(day);
  const hh_mm_ss time(t - day);
  std::string out;
  out.reserve(27);
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, time.hours().count(), 2);
  out += ':';
  append_padded(out, time.minutes().count(), 2);
  out += ':';
  append_padded(out, time.seconds().count(), 2);
  out += '.';
  append_padded(out, time.subseconds().count(), 6);
  out += 'Z';
  return out;
}

std::optional<timestamp> parse_rfc3339(std::string_view text) {
  reader in(text);
  const int y = in.digits(4, 0, 9999);
  in.require("-");
  const int mo = in.digits(2, 1, 12);
  in.require("-");
  const int d = in.digits(2, 1, 31);
  in.require("Tt");
  const int h = in.digits(2, 0, 23);
  in.require(":");
  const int mi = in.digits(2, 0, 59);
  in.require(":");
  const int s = in.digits(2, 0, 59);
  const microseconds fraction = in.fraction();
  minutes offset{0};
  if (in.any_of("Zz") == 0) {
    const char sign = in.any_of("+-");
    if (sign == 0) return std::nullopt;
    const int oh = in.digits(2, 0, 23);
    in.require(":");
    offset = hours(oh) + minutes(in.digits(2, 0, 59));
    if (sign == '-') offset = -offset;
  }
  const year_month_day date(year(y), month(static_cast<unsigned>(mo)),
                            day(static_cast<unsigned>(d)));
  if (!in.good() || !in.at_end() || !date.ok()) return std::nullopt;
  const timestamp t = sys_days(date) + hours(h) + minutes(mi) + seconds(s) + fraction - offset;
  // The offset must not lead out of the years that can be written.
  const int written = static_cast<int>(year_month_day(floor<days>(t)).year());
  if (written < 0 || written > 9999) return std::nullopt;
  return t;
}

}  // namespace souk
