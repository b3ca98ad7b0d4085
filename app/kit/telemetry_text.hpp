#pragma once

#include <string>
#include <string_view>

namespace souk::telemetry {

// JSON that is always well-formed, whatever it is given: bytes that are no UTF-8 become '?',
// numbers that JSON doesn't have become null.
void append_json_string(std::string& out, std::string_view text);
// With ten digits: 0.1 + 0.2 is 0.3.
void append_json_number(std::string& out, double value);

}  // namespace souk::telemetry
