#pragma once

// Money is a whole number of the currency's minor unit (cents); there is no floating point
// anywhere. All arithmetic is checked.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace souk {

using minor_units = std::int64_t;

inline constexpr minor_units max_price_minor = 1'000'000'000;  // of one unit
inline constexpr std::int64_t max_line_quantity = 1'000;
inline constexpr std::size_t max_cart_lines = 100;

// Nothing on overflow.
constexpr std::optional<minor_units> checked_add(minor_units a, minor_units b) {
  minor_units out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}
constexpr std::optional<minor_units> checked_multiply(minor_units price, std::int64_t quantity) {
  minor_units out{};
  if (__builtin_mul_overflow(price, quantity, &out)) return std::nullopt;
  return out;
}

// ISO 4217: three capital letters. Whether the currency is the store's is the caller's question.
bool is_currency_code(std::string_view text);

}  // namespace souk
