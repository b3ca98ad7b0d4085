#pragma once

#include <map>
#include <string>

#include "kit/config.hpp"
#include "kit/redis.hpp"
#include "manifest.hpp"

namespace souk::backup {

// Where the store's data lies.
struct addresses {
  explicit addresses(environment& env)
      : redis(redis::url_from(env)),
        currency(env.text("CURRENCY", "USD", "the store's currency")),
        gateway_url(env.text("PAYMENT_GATEWAY_URL", "", "reconcile: the payment gateway")),
        gateway_key(env.text("PAYMENT_GATEWAY_KEY", "", "reconcile: our key for it")) {
    for (const std::string name : database_names) {
      std::string upper;
      for (const char c : name) upper += static_cast<char>(c - 'a' + 'A');
      service[name] =
          env.text("DATABASE_URL_" + upper, "libpq URI of " + name + "-service's database");
      admin[name] = env.text("DATABASE_ADMIN_URL_" + upper, "",
                             "restore: the same server, as a role that may create databases and "
                             "that owns this one or is a superuser (default: DATABASE_URL_" +
                                 upper + ", database postgres)");
    }
  }

  std::map<std::string, std::string> service, admin;
  std::string redis, currency, gateway_url, gateway_key;
};

}  // namespace souk::backup
