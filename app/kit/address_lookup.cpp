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

// Shared with the resolver's handler, which may run after the coroutine is gone.
struct search {
  search(const executor& on, steady_clock::time_point until) : resolver(on), limit(on, until) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer limit;
  boost::system::error_code failed = asio::error::timed_out;
  asio::ip::tcp::resolver::results_type found;
};

}  // namespace

task<std::vector<std::string>> look_up(std::string host, steady_clock::time_point until) {
  boost::system::error_code not_numeric;
  asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return std::vector{host};

  // The resolver's own cancel() cannot interrupt the system's look-up, which can take long. So the
  // look-up is left to itself when the time is over or nobody waits any more.
  auto s = std::make_shared<search>(co_await asio::this_coro::executor, until);
  s->resolver.async_resolve(
      host, "", [s](boost::system::error_code failed, asio::ip::tcp::resolver::results_type found) {
        s->failed = failed;
        s->found = std::move(found);
        s->limit.cancel();
      });
  co_await s->limit.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
  if (s->failed) throw boost::system::system_error(s->failed);

  std::vector<std::string> addresses;
  for (const auto& entry : s->found) {
    auto text = entry.endpoint().address().to_string();
    if (std::ranges::find(addresses, text) == addresses.end()) addresses.push_back(std::move(text));
  }
  co_return addresses;
}

}  // namespace souk::detail
