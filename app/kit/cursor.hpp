#pragma once

// Opaque cursors of keyset pages. A cursor carries the list it belongs to (its name, sort and
// filters, as one text) and the key of the last row shown, so that it cannot be used on another.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace souk {

// `list` is remembered as a hash only. Unpadded base64url, a few dozen characters plus the key.
std::string encode_cursor(std::string_view list, const std::vector<std::string>& key);

// The key, if the cursor is well-formed, belongs to `list` and has `parts` parts. What the parts
// say is still the shopper's word: they must be parsed like any input.
std::optional<std::vector<std::string>> decode_cursor(std::string_view list,
                                                      std::string_view cursor, std::size_t parts);

}  // namespace souk
