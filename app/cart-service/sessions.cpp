#include "sessions.hpp"

#include <fmt/format.h>

#include "kit/telemetry.hpp"

namespace souk::cart {

namespace {

std::int64_t to_seconds(timestamp t) {
  return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
}

// Tokens know whole seconds only.
timestamp after(std::chrono::seconds lifetime) {
  return std::chrono::floor<std::chrono::seconds>(now()) + lifetime;
}

}  // namespace

std::string cookie::text() const {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite={}{}", name, value,
                     max_age.count(), same_site, secure ? "; Secure" : "");
}

cookies::cookies(const std::string& instance, const std::vector<std::string>& public_origins)
    : shopper_("souk_" + instance + "_shopper"),
      admin_("souk_" + instance + "_admin"),
      secure_(!public_origins.empty() && public_origins.front().starts_with("https://")) {}

std::string cookies::for_shopper(std::string token) const {
  return cookie{shopper_, std::move(token), shopper_session, "Lax", secure_}.text();
}
std::string cookies::for_admin(std::string token) const {
  return cookie{admin_, std::move(token), admin_session, "Strict", secure_}.text();
}
std::string cookies::forget_shopper() const {
  return cookie{.name = shopper_, .same_site = "Lax", .secure = secure_}.text();
}
std::string cookies::forget_admin() const {
  return cookie{.name = admin_, .same_site = "Strict", .secure = secure_}.text();
}

session_view sessions::start(std::optional<std::string> shopper) {
  session_view v{.user_id = shopper ? std::move(*shopper) : uuid::v7().str(),
                 .expires_at = after(shopper_session)};
  v.token = signer_.sign({.subject = v.user_id, .expires = to_seconds(v.expires_at)});
  return v;
}

task<std::expected<admin_session_view, sessions::refused>> sessions::sign_in(const context& ctx,
                                                                             std::string address,
                                                                             std::string name,
                                                                             std::string password) {
  const auto wait = co_await attempts_.count_attempt(ctx, address, limits_);
  if (wait) {
    telemetry::warn(ctx, "too many attempts to sign in");
    co_return std::unexpected(refused{wait});
  }
  bool matches = false;
  co_await loop_.run_blocking(
      [&] { matches = security::password_matches(password, password_hash_()); });
  const bool is_admin = security::equal_constant_time(name, admin_name);
  if (!(matches && is_admin)) {
    telemetry::warn(ctx, "sign-in refused");
    co_return std::unexpected(refused{});
  }
  co_await attempts_.forget_attempts(ctx, address);
  telemetry::info(ctx, "administrator signed in");
  admin_session_view v{.expires_at = after(admin_session)};
  v.token = signer_.sign(
      {.subject = std::string(admin_name), .is_admin = true, .expires = to_seconds(v.expires_at)});
  co_return v;
}

}  // namespace souk::cart
