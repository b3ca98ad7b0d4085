#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace souk {

// RFC 9562. New identifiers are version 7: they sort by the millisecond of their making.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  static uuid v7();
  // A version 8 identifier that is always the same for the same (space, name): for identifiers
  // that must be derived from others, so that a repeat makes no second one.
  static uuid derived(std::string_view space, std::string_view name);
  // Accepts the 36 character form only, either case.
  static std::optional<uuid> parse(std::string_view text);

  std::string str() const;  // lower case, 36 characters
  bool is_nil() const { return *this == uuid{}; }
  auto operator<=>(const uuid&) const = default;
};

// Fills with bytes from the operating system's generator. Throws std::runtime_error if it fails.
void random_bytes(void* data, std::size_t size);
// Lower case hexadecimal, 2 * bytes characters.
std::string random_hex(std::size_t bytes);
// In [0, 1), for jitter and sampling; not for secrets.
double random_unit();

std::string base64url_encode(std::string_view bytes);  // without padding
std::optional<std::string> base64url_decode(std::string_view text);
std::string hex_encode(std::string_view bytes);

}  // namespace souk

template <>
struct std::hash<souk::uuid> {
  std::size_t operator()(const souk::uuid& id) const noexcept;
};
