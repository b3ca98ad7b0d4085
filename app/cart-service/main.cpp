#include "catalogue.hpp"
#include "config.hpp"
#include "kit/keys.hpp"
#include "kit/redis.hpp"
#include "kit/service.hpp"
#include "repository.hpp"
#include "routes.hpp"
#include "sessions.hpp"
#include "shopping.hpp"

namespace {

std::string admin_hash(const souk::cart::config& config) {
  if (config.admin_password_hash_file.empty()) return config.admin_password_hash;
  auto text = souk::security::read_key_file(config.admin_password_hash_file);
  text.erase(text.find_last_not_of("\r\n") + 1);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace souk;
  return run_service<cart::config>(
      argc, argv, {.name = "cart-service", .title = "Souk cart", .default_port = 8002},
      [](const cart::config& config, const common_config& common, event_loop& loop) {
        auto& db = loop.make<redis::client>(loop, redis::settings{.url = config.redis_url});
        auto& carts = loop.make<cart::repository>(db);
        auto& goods = loop.make<cart::catalogue>(
            loop, http::upstream{.name = "product", .url = config.product_url},
            http::upstream{.name = "inventory",
                           .url = config.inventory_url,
                           .headers = {{"Souk-Service", "cart:" + common.service_secret}}});
        auto& shopping = loop.make<cart::shopping>(carts, goods, common.currency);

        auto& signer = loop.make<security::signer>(config.session_private_key,
                                                   common.session_issuer, common.session_audience);
        auto& sessions = loop.make<cart::sessions>(
            loop, carts, signer, [config] { return admin_hash(config); },
            cart::repository::attempt_limits{.from_one_address = config.admin_attempts,
                                             .in_all = config.admin_attempts_in_all,
                                             .window = config.admin_attempts_window});
        auto& cookies = loop.make<cart::cookies>(common.instance, common.public_origins);
        auto& keys = loop.make<security::verifier>(
            security::token_settings{.keys_file = common.session_keys,
                                     .issuer = common.session_issuer,
                                     .audience = common.session_audience});

        cart::add_routes(loop.routes(), {carts, shopping, sessions, cookies, keys});
        loop.ready_when("session key",
                        [&signer](const context&) -> task<bool> { co_return signer.has_key(); });
        loop.ready_when("redis", [&db](const context& ctx) { return db.alive(ctx); });
      });
}
