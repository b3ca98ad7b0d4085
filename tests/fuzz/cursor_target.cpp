// Cursors. The first line of the input names the list, the second is a cursor, the others are the
// parts of a key.

#include <algorithm>

#include "fuzz.hpp"
#include "kit/cursor.hpp"
#include "kit/id.hpp"
#include "reference_http.hpp"

namespace souk::fuzz {

SOUK_FUZZ_TARGET(cursor) {
  const auto lines = lines_of(input);
  const auto line = [&](std::size_t i) { return i < lines.size() ? lines[i] : std::string_view(); };
  const auto list = line(0), cursor = line(1);

  // Whatever is accepted is a key of this list, and only of this one.
  for (std::size_t parts = 0; parts < 5; ++parts) {
    const auto key = decode_cursor(list, cursor, parts);
    if (!key) continue;
    require(key->size() == parts, "a key with another number of parts");
    require(cursor.size() <= 2048, "a cursor that is too long");
    for (const auto& part : *key)
      require(reference::is_utf8(part) && !part.contains('\0'), "a part is no text");
    require(decode_cursor(list, encode_cursor(list, *key), parts) == key, "a key is changed");
    require(!decode_cursor(std::string(list) + " ", cursor, parts), "a cursor of another list");
    require(!decode_cursor(list, cursor, parts + 1), "a key with two numbers of parts");
    require(cursor.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-_") == cursor.npos,
            "a cursor with characters that need encoding");
  }

  std::vector<std::string> key;
  for (std::size_t i = 2; i < lines.size(); ++i)
    if (reference::is_utf8(lines[i]) && !lines[i].contains('\0')) key.emplace_back(lines[i]);
  const auto made = encode_cursor(list, key);
  const auto back = decode_cursor(list, made, key.size());
  if (made.size() > 2048) return require(!back, "a cursor that is too long");
  require(back == key, "a cursor does not lead back");

  // Changed by one character it is refused or another key, but never the same and never broken.
  dice d(input);
  auto forged = made;
  const auto at = d.below(forged.size());
  forged[at] = "AZaz09-_=+/\0 "[d.below(13)];
  if (forged == made) return;
  const auto other = decode_cursor(list, forged, key.size());
  if (at < 8) return require(!other, "a changed mark of the list is accepted");
  if (other)
    for (const auto& part : *other) require(reference::is_utf8(part), "a part is no text");
}

}  // namespace souk::fuzz
