#include "kit/telemetry_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "kit/json.hpp"

namespace souk::telemetry {

void append_json_string(std::string& out, std::string_view text) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (std::ranges::all_of(text, plain)) {
    out += '"';
    out += text;
    out += '"';
  } else if (json::is_utf8(text)) {
    json::write_string(out, text);
  } else {
    std::string ascii(text);
    std::ranges::replace_if(
        ascii, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    json::write_string(out, ascii);
  }
}

void append_json_number(std::string& out, double value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{:.10g}", value);
  } else {
    out += "null";
  }
}

}  // namespace souk::telemetry
