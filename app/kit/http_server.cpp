#include "kit/http_server.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>

#include "kit/event_loop.hpp"
#include "kit/http_connection.hpp"

namespace souk::http {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto clock_interval = 100ms;
constexpr auto clock_interval_while_draining = 10ms;
// Even without a drain delay, whoever is about to send on an idle connection gets this long.
constexpr auto least_idle_time_while_draining = 200ms;

[[noreturn]] void cannot_listen(const server_settings& s, const boost::system::error_code& ec) {
  std::string why = ec.message();
  if (ec == asio::error::address_in_use)
    why = "another program uses this port; choose another PORT";
  if (ec == asio::error::access_denied) why = "this port needs more rights; choose another PORT";
  throw std::runtime_error("cannot listen on " + s.host + " port " + std::to_string(s.port) + ": " +
                           why);
}

using shared_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

void listen(detail::tcp_acceptor& acceptor, const server_settings& s) {
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(s.host, ec);
  if (ec) throw std::runtime_error("HOST must be an IP address of this machine, or 0.0.0.0");
  const tcp::endpoint at(address, s.port);
  const auto check = [&] {
    if (ec) cannot_listen(s, ec);
  };
  acceptor.open(at.protocol(), ec);
  check();
  acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  check();
  if (s.shared_port) {
    acceptor.set_option(shared_port(true), ec);
    check();
  }
  acceptor.bind(at, ec);
  check();
  acceptor.listen(4096, ec);
  check();
  acceptor.non_blocking(true, ec);
  check();
}

// Connections above the limit, so that operators still get in.
constexpr std::size_t reserve = 64;

constexpr std::size_t accepted_at_once = 64;

void admit(const std::shared_ptr<server::state>& s, detail::tcp_socket socket) {
  const auto limit = s->settings.limits.connections;
  if (s->connections.size() >= limit + reserve) {
    // Without a body: its length needs no counting, and there is no trace to name.
    constexpr std::string_view full =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(full), ignored);
    return;
  }
  const bool is_surplus = s->connections.size() >= limit;
  auto c = std::make_shared<detail::connection>(s, std::move(socket), is_surplus);
  const auto slot = c->cancellation();
  asio::co_spawn(s->io, detail::connection::run(std::move(c)),
                 asio::bind_cancellation_slot(slot, asio::detached));
}

// Takes connections that the kernel has accepted already; false when there are no more.
bool accept_some(const std::shared_ptr<server::state>& s, std::size_t at_most) {
  boost::system::error_code ec;
  for (; at_most > 0; --at_most) {
    detail::tcp_socket socket(s->io);
    s->acceptor.accept(socket, ec);
    if (ec) return false;
    admit(s, std::move(socket));
  }
  return true;
}

task<> accept(std::shared_ptr<server::state> s) {
  for (;;) {
    auto [ec, socket] = co_await s->acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (!s->acceptor.is_open()) co_return;
    if (!ec) {
      admit(s, std::move(socket));
      // One in each turn of a busy loop would let new connections wait for seconds.
      accept_some(s, accepted_at_once);
    } else if (ec != asio::error::connection_aborted) {
      // Out of file descriptors or memory: accepting again at once would not help.
      telemetry::log(telemetry::level::warning, "accepting a connection failed",
                     {{"error", ec.message()}});
      co_await sleep_for(100ms);
    }
  }
}

// Connections that the kernel has accepted already would be reset.
void stop_accepting(const std::shared_ptr<server::state>& s) {
  while (accept_some(s, accepted_at_once)) {
  }
  boost::system::error_code ec;
  s->acceptor.close(ec);
}

// For each connection that is there now, some of which the calls may end.
template <class F>
void for_each_connection(server::state& s, F f) {
  std::vector<std::shared_ptr<detail::connection>> all;
  all.reserve(s.connections.size());
  for (auto* c : s.connections) all.push_back(c->shared_from_this());
  for (auto& c : all) f(*c);
}

}  // namespace

server::state::state(asio::io_context& loop, router& r, std::string_view name, server_settings set)
    : io(loop),
      routes(r.internals()),
      service(name),
      settings(std::move(set)),
      authentication(settings.sessions, settings.callers, settings.public_origins,
                     settings.instance),
      acceptor(loop),
      requests(settings.limits.requests),
      service_requests(settings.limits.service_requests),
      event_streams(settings.limits.event_streams),
      active(telemetry::get_gauge("http_server_active_requests", "Requests that are being answered",
                                  {{"service", service}})),
      loop_delay(telemetry::get_histogram(
          "souk_event_loop_delay_seconds",
          "How much later than asked for the event loop came to a timer", {{"service", service}})),
      overloaded(telemetry::get_counter("souk_requests_refused_total",
                                        "Requests refused because there was too much to do",
                                        {{"service", service}})),
      drain_begun(loop.get_executor()) {}

std::string_view server::state::date() {
  const std::time_t now = std::time(nullptr);
  if (now == date_second_) return date_;
  date_second_ = now;
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc));
  return date_;
}

server::server(event_loop& loop, server_settings s)
    : state_(std::make_shared<state>(loop.internals().io, loop.routes(), loop.service_name(),
                                     std::move(s))) {
  listen(state_->acceptor, state_->settings);
}

server::~server() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for_each_connection(*state_, [](detail::connection& c) { c.cut_off(); });
}

std::uint16_t server::port() const {
  return state_->acceptor.local_endpoint().port();
}

task<> server::serve() {
  auto s = state_;
  // A series that begins with its first failure hides that from rate().
  for (const auto& e : s->routes.endpoints) {
    if (e->what.route.who.is_operator()) continue;
    for (const int status : {500, 503, 504}) {
      e->metrics.duration(s->service, e->what.route.path, to_string(e->what.route.method), status);
    }
  }
  asio::co_spawn(s->io, accept(s), asio::detached);
  for (;;) {
    const auto due =
        steady_clock::now() + (s->draining ? clock_interval_while_draining : clock_interval);
    const bool woken = co_await s->drain_begun.wait_until(due);
    const auto now = steady_clock::now();
    if (!woken) s->loop_delay.observe(std::chrono::duration<double>(now - due).count());
    if (!s->connections.empty())
      for_each_connection(*s, [&](detail::connection& c) { c.look_at_clock(now); });
    if (!s->draining) continue;
    if (now >= s->accept_until && s->acceptor.is_open()) stop_accepting(s);
    if (!s->acceptor.is_open() && s->connections.empty()) co_return;
    if (now >= s->drain_limit) break;
  }
  boost::system::error_code ignored;
  s->acceptor.close(ignored);
  telemetry::log(telemetry::level::warning, "requests were cut off: the drain took too long",
                 {{"connections", s->connections.size()}});
  for_each_connection(*s, [](detail::connection& c) { c.cut_off(); });
}

void server::drain(std::chrono::milliseconds delay, std::chrono::milliseconds limit) {
  asio::post(state_->io, [s = state_, delay, limit] {
    if (std::exchange(s->draining, true)) return;
    const auto now = steady_clock::now();
    s->accept_until = now + delay;
    s->idle_until =
        now + std::max<std::chrono::milliseconds>(delay, least_idle_time_while_draining);
    s->drain_limit = now + delay + limit;
    for_each_connection(*s, [](detail::connection& c) { c.drain_begins(); });
    s->drain_begun.notify_all();
  });
}

void server::hold(std::string_view why) {
  state_->held = why;
}

}  // namespace souk::http
