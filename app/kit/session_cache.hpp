#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "kit/security.hpp"

namespace souk::security {

// Sessions by the SHA-256 of their token, until they expire. Two generations of `size` at most:
// when the young one is full it becomes the old one, and what was old and has not been asked for
// since is forgotten. Not thread-safe.
class session_cache {
 public:
  using digest = std::array<char, 32>;
  static digest key_of(std::string_view token);

  explicit session_cache(std::size_t size) : size_(size) {}
  // `now` in seconds since 1970.
  std::optional<session> find(const digest& key, std::int64_t now);
  void put(const digest& key, session s);
  void clear();
  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  struct hash {
    std::size_t operator()(const digest& d) const noexcept {
      std::size_t h;  // any part of a hash is one
      std::memcpy(&h, d.data(), sizeof h);
      return h;
    }
  };
  std::size_t size_;
  std::unordered_map<digest, session, hash> young_, old_;
};

}  // namespace souk::security
