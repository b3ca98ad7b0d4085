#include "kit/session_cache.hpp"

#include <openssl/sha.h>

#include <utility>

namespace souk::security {

session_cache::digest session_cache::key_of(std::string_view token) {
  static_assert(sizeof(digest) == SHA256_DIGEST_LENGTH);
  digest key;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(key.data()));
  return key;
}

std::optional<session> session_cache::find(const digest& key, std::int64_t now) {
  if (const auto at = young_.find(key); at != young_.end()) {
    if (at->second.expires > now) return at->second;
    young_.erase(at);
  } else if (auto node = old_.extract(key); node && node.mapped().expires > now) {
    put(key, node.mapped());
    return std::move(node.mapped());
  }
  return std::nullopt;
}

void session_cache::put(const digest& key, session s) {
  if (young_.size() >= size_) old_ = std::exchange(young_, {});
  young_.insert_or_assign(key, std::move(s));
}

void session_cache::clear() {
  young_.clear();
  old_.clear();
}

}  // namespace souk::security
