#include "kit/address_lookup.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <memory>

namespace souk::detail {

namespace asio = boost::asio;

namespace {

// Shared with the timer's handler, which may run after the coroutine is gone.
struct search {
  explicit search(const executor& on) : resolver(on), limit(on) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer limit;
  bool late = false;
};

}  // namespace

task<std::vector<std::string>> look_up(std::string host, steady_clock::time_point until) {
  boost::system::error_code not_numeric;
  asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return std::vector{host};

  auto s = std::make_shared<search>(co_await asio::this_coro::executor);
  s->limit.expires_at(until);
  s->limit.async_wait([weak = std::weak_ptr(s)](boost::system::error_code ec) {
    const auto search = weak.lock();
    if (ec || !search) return;
    search->late = true;
    search->resolver.cancel();
  });
  auto [ec, found] =
      co_await s->resolver.async_resolve(host, "", asio::as_tuple(asio::use_awaitable));
  s->limit.cancel();
  if (s->late) throw boost::system::system_error(asio::error::timed_out);
  if (ec) throw boost::system::system_error(ec);

  std::vector<std::string> addresses;
  for (const auto& entry : found) {
    auto text = entry.endpoint().address().to_string();
    if (std::ranges::find(addresses, text) == addresses.end()) addresses.push_back(std::move(text));
  }
  co_return addresses;
}

}  // namespace souk::detail
