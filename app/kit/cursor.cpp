#include "kit/cursor.hpp"

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/security.hpp"

namespace souk {
namespace {

// Long enough that a cursor of one list is not taken for another's by accident; a forged one only
// reaches rows that its sender may read anyway.
std::string fingerprint(std::string_view list) {
  return base64url_encode(security::sha256(list).substr(0, 6));
}

constexpr std::size_t longest_cursor = 2048;

}  // namespace

std::string encode_cursor(std::string_view list, const std::vector<std::string>& key) {
  std::vector<std::string> parts{fingerprint(list)};
  parts.insert(parts.end(), key.begin(), key.end());
  return base64url_encode(json::write(parts));
}

std::optional<std::vector<std::string>> decode_cursor(std::string_view list,
                                                      std::string_view cursor, std::size_t parts) {
  if (cursor.size() > longest_cursor) return std::nullopt;
  auto text = base64url_decode(cursor);
  if (!text) return std::nullopt;
  auto read = json::read<std::vector<std::string>>(*text);
  if (!read || read->size() != parts + 1 || read->front() != fingerprint(list)) return std::nullopt;
  read->erase(read->begin());
  return std::move(*read);
}

}  // namespace souk
