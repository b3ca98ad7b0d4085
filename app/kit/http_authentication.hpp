#pragma once

// Who makes a request, by the credentials that it carries. Inside the kit.
//
// The first of these that is there decides: a service credential, an Authorization, with
// `Souk-Act-As: admin` the administrator's cookie, otherwise the shopper's.

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "kit/http_parser.hpp"
#include "kit/security.hpp"

namespace souk::http::detail {

class authentication {
 public:
  authentication(std::shared_ptr<security::verifier> sessions, security::accepted_callers callers,
                 std::vector<std::string> public_origins, const std::string& instance);

  // Who calls, if the route lets them; otherwise 401 or 403. `reads`: GET and HEAD.
  std::expected<caller, problem> admit(const request_head& head, const access& who,
                                       bool reads) const;

 private:
  struct credential {
    caller who;
    bool given = false;  // one was there, be it valid or not
    bool from_cookie = false;
  };
  credential find(const request_head& head) const;
  caller of_token(std::string_view token) const;

  std::shared_ptr<security::verifier> sessions_;
  security::accepted_callers callers_;
  std::vector<std::string> origins_;
  std::string shopper_cookie_, admin_cookie_;
};

// The first cookie with this name; nothing if there is none.
std::optional<std::string_view> find_cookie(std::string_view cookies, std::string_view name);

}  // namespace souk::http::detail
