#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "kit/postgres_connection.hpp"
#include "kit/resilience.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"

namespace souk::pg {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using detail::connection;
using detail::fate;

namespace {

// A peer that is gone without a word is noticed after these two together: as long as that, what is
// kept on the strength of the notifications may be out of date.
constexpr auto probe_interval = 500ms;
constexpr auto probe_timeout = 500ms;
constexpr auto listen_timeout = 5s;

std::string listen_command(std::string_view channel) {
  std::string sql = "LISTEN \"";
  for (const char c : channel) {
    if (c == '"') sql += '"';
    sql += c;
  }
  return sql + '"';
}

}  // namespace

struct listener::state : std::enable_shared_from_this<listener::state> {
  explicit state(executor e) : on(e), pause(e) {}

  executor on;
  detail::connection_settings settings;
  std::string command;
  std::function<void(std::string_view)> notified;
  std::function<void(bool)> connected;
  asio::steady_timer pause;
  std::shared_ptr<connection> current;
  bool stopped = false;

  // Ends early when the connection is lost or the listener is destroyed.
  task<> rest(steady_clock::duration time) {
    pause.expires_after(time);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  // Null if that is not to be had now.
  task<std::shared_ptr<connection>> open() {
    auto c = co_await connection::open(on, settings);
    c->on_notification = [weak = weak_from_this()](std::string_view, std::string_view payload) {
      if (const auto self = weak.lock(); self && !self->stopped) self->notified(payload);
    };
    c->on_closed = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pause.cancel();
    };
    const auto r =
        co_await c->exchange({.before = command.c_str()}, steady_clock::now() + listen_timeout);
    if (r.what == fate::done && !stopped) co_return c;
    c->close();
    co_return nullptr;
  }

  // Returns when it is lost.
  task<> watch(connection& c) {
    while (c.usable() && !stopped) {
      co_await rest(probe_interval);
      if (!c.usable() || stopped) co_return;
      const auto r =
          co_await c.exchange({.before = "SELECT 1"}, steady_clock::now() + probe_timeout);
      if (r.what != fate::done) c.close();
    }
  }

  static task<> run(std::shared_ptr<state> self) {
    for (int failures = 0; !self->stopped; ++failures) {
      try {
        self->current = co_await self->open();
      } catch (const std::exception& e) {
        self->current = nullptr;
        if (failures == 0) {
          telemetry::log(telemetry::level::warning, "no connection to listen on",
                         {{"error", e.what()}});
        }
      }
      if (const auto c = self->current; c && !self->stopped) {
        failures = 0;
        self->connected(true);
        co_await self->watch(*c);
        if (!self->stopped) self->connected(false);
      }
      if (self->stopped) break;
      co_await self->rest(resilience::backoff(failures + 1, 50ms, 2s));
    }
    if (self->current) self->current->close();
  }
};

listener::listener(event_loop& loop, std::string url, std::string channel,
                   std::function<void(std::string_view payload)> notified,
                   std::function<void(bool)> connected)
    : state_(std::make_shared<state>(loop.executor())) {
  state_->settings = {.url = std::move(url), .application_name = std::string(loop.service_name())};
  state_->command = listen_command(channel);
  state_->notified = std::move(notified);
  state_->connected = std::move(connected);
  asio::co_spawn(state_->on, state::run(state_), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

listener::~listener() {
  state_->stopped = true;
  state_->pause.cancel();
  if (state_->current) state_->current->close();
}

}  // namespace souk::pg
