#include "kit/http_authentication.hpp"

#include <algorithm>

#include "kit/http_text.hpp"

namespace souk::http::detail {
namespace {

// Nothing unless the scheme is Bearer, in any case.
std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size()) return std::nullopt;
  if (!equal_without_case(authorization.substr(0, scheme.size()), scheme)) return std::nullopt;
  return trimmed(authorization.substr(scheme.size()));
}

problem foreign_origin() {
  return {.status = 403,
          .type = "origin-not-allowed",
          .title = "Not from there",
          .detail = "The page that sent this request does not belong to this store."};
}

problem origin_required() {
  return {.status = 403,
          .type = "origin-required",
          .title = "Origin is required",
          .detail = "A change made with a cookie must say which page it comes from."};
}

problem invalid_credential() {
  problem p = problems::unauthorized();
  p.headers = {{"WWW-Authenticate", "Bearer error=\"invalid_token\""}};
  return p;
}

}  // namespace

std::optional<std::string_view> find_cookie(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    const auto end = cookies.find(';');
    const auto one = trimmed(cookies.substr(0, end));
    const auto equals = one.find('=');
    if (equals != std::string_view::npos && one.substr(0, equals) == name)
      return one.substr(equals + 1);
    if (end == std::string_view::npos) break;
    cookies.remove_prefix(end + 1);
  }
  return std::nullopt;
}

authentication::authentication(std::shared_ptr<security::verifier> sessions,
                               security::accepted_callers callers,
                               std::vector<std::string> public_origins, const std::string& instance)
    : sessions_(std::move(sessions)),
      callers_(std::move(callers)),
      origins_(std::move(public_origins)),
      shopper_cookie_("souk_" + instance + "_shopper"),
      admin_cookie_("souk_" + instance + "_admin") {}

caller authentication::of_token(std::string_view token) const {
  if (!sessions_) return {};
  auto session = sessions_->verify(token);
  if (!session) return {};
  return {.what = session->is_admin ? caller::kind::admin : caller::kind::shopper,
          .id = std::move(session->subject)};
}

authentication::credential authentication::find(const request_head& head) const {
  if (auto service = head.get(known_field::souk_service)) {
    auto name = callers_.authenticate(*service);
    if (!name) return {.given = true};
    return {.who = {.what = caller::kind::service, .id = std::move(*name)}, .given = true};
  }
  if (auto authorization = head.get(known_field::authorization)) {
    auto token = bearer_token(*authorization);
    return {.who = token ? of_token(*token) : caller{}, .given = true};
  }
  const auto cookies = head.get(known_field::cookie);
  if (!cookies) return {};
  const bool as_admin = head.get(known_field::souk_act_as) == "admin";
  const auto token = find_cookie(*cookies, as_admin ? admin_cookie_ : shopper_cookie_);
  if (!token) return {};
  auto who = of_token(*token);
  // A token of the one kind in the cookie of the other is no credential.
  if (who.what != (as_admin ? caller::kind::admin : caller::kind::shopper)) who = {};
  return {.who = std::move(who), .given = true, .from_cookie = true};
}

std::expected<caller, problem> authentication::admit(const request_head& head, const access& who,
                                                     bool reads) const {
  if (who.is_operator()) return caller{};
  const auto origin = head.get(known_field::origin);
  if (origin && std::ranges::find(origins_, *origin) == origins_.end())
    return std::unexpected(foreign_origin());
  credential found = find(head);
  const bool valid = found.who.what != caller::kind::nobody;
  if (!who.is_public()) {
    if (!found.given) return std::unexpected(problems::unauthorized());
    if (!valid) return std::unexpected(invalid_credential());
  }
  if (valid && found.from_cookie && !reads && !origin) return std::unexpected(origin_required());
  if (!who.allows(found.who)) return std::unexpected(problems::forbidden());
  return std::move(found.who);
}

}  // namespace souk::http::detail
