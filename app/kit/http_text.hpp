#pragma once

// Small things about the text of HTTP. Inside the kit.

#include <string_view>

namespace souk::http::detail {

// Without spaces and tabs around it.
std::string_view trimmed(std::string_view s);
// By ASCII letters, as header names and tokens are compared.
bool equal_without_case(std::string_view a, std::string_view b);
// Whether it consists of `min` to `max` decimal digits.
bool is_digits(std::string_view s, std::size_t min, std::size_t max);

}  // namespace souk::http::detail
