#include "kit/time.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace souk {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

// 0000-01-01 to 9999-12-31.
rc::Gen<timestamp> moment() {
  constexpr auto from = sys_days(year(0) / 1 / 1), to = sys_days(year(10000) / 1 / 1);
  return rc::gen::map(rc::gen::inRange<std::int64_t>(microseconds(from.time_since_epoch()).count(),
                                                     microseconds(to.time_since_epoch()).count()),
                      [](std::int64_t us) { return timestamp(microseconds(us)); });
}

RC_GTEST_PROP(time, is_read_back_from_its_text, ()) {
  const timestamp t = *moment();
  RC_ASSERT(to_rfc3339(t).size() == 27u);
  RC_ASSERT(parse_rfc3339(to_rfc3339(t)) == t);
}

RC_GTEST_PROP(time, texts_sort_as_the_times_do, ()) {
  const timestamp a = *moment(), b = *moment();
  RC_ASSERT((a < b) == (to_rfc3339(a) < to_rfc3339(b)));
}

RC_GTEST_PROP(time, an_offset_says_how_far_the_local_time_is_ahead, ()) {
  const timestamp t = *moment();
  const auto offset = *rc::gen::inRange(-23 * 60 - 59, 23 * 60 + 60);
  const timestamp local = t + minutes(offset);
  RC_PRE(local >= timestamp(sys_days(year(0) / 1 / 1)) &&
         local < timestamp(sys_days(year(10000) / 1 / 1)));
  std::string text = to_rfc3339(local);
  char suffix[8];
  std::snprintf(suffix, sizeof suffix, "%c%02d:%02d", offset < 0 ? '-' : '+',
                std::abs(offset) / 60 % 100, std::abs(offset) % 60);
  text.replace(26, 1, suffix);
  RC_ASSERT(parse_rfc3339(text) == t);
}

RC_GTEST_PROP(time, never_reads_noise_as_something_else, (const std::string& noise)) {
  if (const auto t = parse_rfc3339(noise)) RC_ASSERT(parse_rfc3339(to_rfc3339(*t)) == t);
}

TEST(time, writes_utc_with_microseconds) {
  EXPECT_EQ(to_rfc3339(sys_days(2026y / 1 / 31) + 12h + 34min + 56s + 7us),
            "2026-01-31T12:34:56.000007Z");
  EXPECT_EQ(to_rfc3339(timestamp(-1us)), "1969-12-31T23:59:59.999999Z");
}

TEST(time, reads_the_forms_of_rfc_3339) {
  const timestamp noon = sys_days(2026y / 1 / 31) + 12h;
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00Z"), noon);
  EXPECT_EQ(parse_rfc3339("2026-01-31t12:00:00z"), noon);
  EXPECT_EQ(parse_rfc3339("2026-01-31T13:30:00+01:30"), noon);
  EXPECT_EQ(parse_rfc3339("2026-01-30T23:00:00-13:00"), noon);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00-00:00"), noon);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.5Z"), noon + 500ms);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.1234567899Z"), noon + 123456us);
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), sys_days(2024y / 2 / 29));
}

TEST(time, refuses_everything_else) {
  for (const char* bad : {"",
                          "2026-01-31",
                          "2026-01-31T12:00:00",
                          "2026-01-31 12:00:00Z",
                          "2026-02-29T12:00:00Z",
                          "2026-13-01T12:00:00Z",
                          "2026-00-01T12:00:00Z",
                          "2026-01-31T24:00:00Z",
                          "2026-01-31T12:60:00Z",
                          "2026-12-31T23:59:60Z",
                          "2026-01-31T12:00:00.Z",
                          "2026-01-31T12:00:00+1:00",
                          "2026-01-31T12:00:00+24:00",
                          "2026-01-31T12:00:00+01:60",
                          "2026-01-31T12:00:00Zx",
                          "2026-1-31T12:00:00Z",
                          "+2026-01-31T12:00:00Z",
                          "2026-01-31T12:00Z",
                          "2026-01-31T12:00:00,5Z",
                          "0000-01-01T00:00:00+00:01",
                          "9999-12-31T23:59:59-00:01",
                          " 2026-01-31T12:00:00Z",
                          "2026-01-31T12:00:00+0100"})
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
}

}  // namespace
}  // namespace souk
