#include "provider.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "kit/json.hpp"
#include "kit/testing/http.hpp"

namespace souk::chaos {

using namespace std::chrono_literals;

namespace {

struct sign_in {
  std::string username, password;
};
BOOST_DESCRIBE_STRUCT(sign_in, (), (username, password))

struct signed_in {
  std::string token;
};
BOOST_DESCRIBE_STRUCT(signed_in, (), (token))

}  // namespace

provider::provider(const store& s) : store_(s), memory_(s.state / "chaos" / "behaviour.json") {
  std::ifstream remembered(memory_);
  if (auto b = json::read<behaviour>(std::string(std::istreambuf_iterator<char>(remembered), {}))) {
    usual_ = *b;
    return;
  }
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (true) {
    const auto answer = ask("GET", "");
    if (auto b = answer ? json::read_lenient<behaviour>(*answer)
                        : std::expected<behaviour, json::errors>(std::unexpect)) {
      usual_ = *b;
      break;
    }
    if (std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("the store does not tell how the mock gateway behaves");
    }
    std::this_thread::sleep_for(200ms);
  }
  std::ofstream(memory_) << json::write(usual_) << std::flush;
}

bool provider::set(const behaviour& b, std::chrono::milliseconds limit, std::stop_token stop) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!ask("PUT", json::write(b))) {
    if (stop.stop_requested() || std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(100ms);
  }
  return true;
}

bool provider::restore(std::chrono::milliseconds limit) {
  if (!set(usual_, limit)) return false;
  std::error_code ignored;
  std::filesystem::remove(memory_, ignored);
  return true;
}

std::optional<std::string> provider::ask(std::string_view method, const std::string& body) try {
  const std::lock_guard lock(mutex_);
  const auto port = store_.port("gateway");
  if (token_.empty()) {
    const auto answer =
        testing::http_call(port, "POST", "/api/session/admin", {},
                           json::write(sign_in{"admin", store_.secret("admin-password")}), 5s);
    const auto in = json::read_lenient<signed_in>(answer.body);
    if (answer.status / 100 != 2 || !in) return std::nullopt;
    token_ = in->token;
  }
  const auto answer = testing::http_call(port, method, "/api/payments/gateway",
                                         {{"Authorization", "Bearer " + token_}}, body, 3s);
  if (answer.status == 401) token_.clear();
  if (answer.status / 100 != 2) return std::nullopt;
  return answer.body;
} catch (const std::runtime_error&) {
  return std::nullopt;
}

}  // namespace souk::chaos
