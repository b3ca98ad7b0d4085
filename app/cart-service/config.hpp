#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "kit/config.hpp"
#include "kit/redis.hpp"

namespace souk::cart {

struct config {
  explicit config(environment& env)
      : redis_url(redis::url_from(env)),
        product_url(env.url("PRODUCT_SERVICE_URL", "names, prices, variants")),
        inventory_url(env.url("INVENTORY_SERVICE_URL", "availability")),
        session_private_key(
            env.text("SESSION_PRIVATE_KEY", "file with the private key (PEM) that signs sessions")),
        admin_password_hash(env.text("ADMIN_PASSWORD_HASH", "",
                                     "scrypt$... of the password of the user \"admin\"")),
        admin_password_hash_file(
            env.text("ADMIN_PASSWORD_HASH_FILE", "", "file with it instead, read at each sign-in")),
        admin_attempts(
            env.integer("ADMIN_ATTEMPTS", 10, 1, 10'000,
                        "failed sign-ins from one address within ADMIN_ATTEMPTS_WINDOW_MS")),
        admin_attempts_in_all(env.integer("ADMIN_ATTEMPTS_IN_ALL", 100, 1, 100'000,
                                          "the same from all addresses together")),
        admin_attempts_window(env.milliseconds("ADMIN_ATTEMPTS_WINDOW_MS", 300'000, 1'000,
                                               86'400'000,
                                               "after which failed sign-ins are forgotten")) {
    if (admin_password_hash.empty() == admin_password_hash_file.empty())
      env.complain("ADMIN_PASSWORD_HASH", "or ADMIN_PASSWORD_HASH_FILE is required, and not both");
    const auto parts = std::ranges::count(admin_password_hash, '$');
    if (!admin_password_hash.empty() && (!admin_password_hash.starts_with("scrypt$") || parts != 5))
      env.complain("ADMIN_PASSWORD_HASH", "must be what souk-keys hash-password prints");
  }

  std::string redis_url;
  std::string product_url, inventory_url;
  std::string session_private_key;
  std::string admin_password_hash, admin_password_hash_file;
  std::int64_t admin_attempts, admin_attempts_in_all;
  std::chrono::milliseconds admin_attempts_window;
};

}  // namespace souk::cart
