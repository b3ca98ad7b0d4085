#pragma once

// Shoppers' sessions and the administrator's sign-in: tokens and the cookies that carry them.

#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "kit/context.hpp"
#include "kit/json.hpp"
#include "kit/security.hpp"
#include "kit/service.hpp"
#include "repository.hpp"

namespace souk::cart {

inline constexpr std::chrono::days shopper_session{30};
inline constexpr std::chrono::hours admin_session{8};
inline constexpr std::string_view admin_name = "admin";

struct session_view {
  std::string user_id;
  std::string token;
  timestamp expires_at;
};
BOOST_DESCRIBE_STRUCT(session_view, (), (user_id, token, expires_at))

struct admin_session_view {
  std::string token;
  timestamp expires_at;
};
BOOST_DESCRIBE_STRUCT(admin_session_view, (), (token, expires_at))

// The value of a Set-Cookie header.
struct cookie {
  std::string name, value;
  std::chrono::seconds max_age{0};  // 0: the browser forgets it
  std::string_view same_site;       // Lax, Strict
  bool secure = false;
  std::string text() const;
};

// The names and attributes of this store's cookies.
class cookies {
 public:
  // Secure when the store's pages are served by https: the first origin decides, as at the gateway.
  cookies(const std::string& instance, const std::vector<std::string>& public_origins);
  std::string for_shopper(std::string token) const;
  std::string for_admin(std::string token) const;
  std::string forget_shopper() const;
  std::string forget_admin() const;

 private:
  std::string shopper_, admin_;
  bool secure_;
};

class sessions {
 public:
  // `admin_password_hash` is asked at each sign-in, on a helper thread; what it throws refuses it.
  sessions(event_loop& loop, repository& attempts, security::signer& signer,
           std::function<std::string()> admin_password_hash, repository::attempt_limits limits)
      : loop_(loop),
        attempts_(attempts),
        signer_(signer),
        password_hash_(std::move(admin_password_hash)),
        limits_(limits) {}

  // For 30 days from now; of `shopper` if one is given, else of a new one.
  session_view start(std::optional<std::string> shopper);

  struct refused {
    std::optional<std::chrono::milliseconds> wait;  // too many attempts; nothing: wrong
  };
  // Takes as long for a name that doesn't exist as for a wrong password, and counts both.
  task<std::expected<admin_session_view, refused>> sign_in(const context& ctx, std::string address,
                                                           std::string name, std::string password);

 private:
  event_loop& loop_;
  repository& attempts_;
  security::signer& signer_;
  std::function<std::string()> password_hash_;
  repository::attempt_limits limits_;
};

}  // namespace souk::cart
