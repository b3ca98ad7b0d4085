// traceparent: exactly what Trace Context allows, and nothing of it is changed.

#include <algorithm>

#include "fuzz.hpp"
#include "kit/context.hpp"

namespace souk::fuzz {
namespace {

bool is_hex(std::string_view s) {
  return std::ranges::all_of(
      s, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view s) {
  return s.find_first_not_of('0') == s.npos;
}

bool is_traceparent(std::string_view s) {
  if (s.size() < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-') return false;
  const auto version = s.substr(0, 2), trace = s.substr(3, 32), span = s.substr(36, 16);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(span) || !is_hex(s.substr(53, 2))) return false;
  if (version == "ff" || is_zero(trace) || is_zero(span)) return false;
  return s.size() == 55 || (version != "00" && s[55] == '-');
}

}  // namespace

SOUK_FUZZ_TARGET(traceparent) {
  const auto t = trace_context::parse(input);
  require(t.has_value() == is_traceparent(input), "accepted or refused wrongly");
  if (!t) return;
  require(t->valid() && t->trace_id_hex() == input.substr(3, 32), "another trace");
  const bool sampled = (std::string_view("0123456789abcdef").find(input[54]) & 1) != 0;
  require(t->sampled == sampled, "the flag is read otherwise");
  const auto written = t->traceparent();
  require(written == "00-" + std::string(input.substr(3, 49)) + (sampled ? "-01" : "-00"),
          "written otherwise");
  const auto child = t->child();
  require(child.trace_id == t->trace_id && child.span_id != t->span_id && child.valid(),
          "a child of another trace");
}

}  // namespace souk::fuzz
