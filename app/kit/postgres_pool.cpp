#include "kit/postgres_pool.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "kit/id.hpp"
#include "kit/resilience.hpp"

namespace souk::pg::detail {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_opening = 4;  // at the same time

telemetry::gauge& connections_gauge(const char* state) {
  return telemetry::get_gauge("db_client_connections", "Connections to the database",
                              {{"db", "postgresql"}, {"state", state}});
}

void move_gauge(telemetry::gauge& g, std::size_t& reported, std::size_t now) {
  if (now == reported) return;
  g.add(static_cast<double>(now) - static_cast<double>(reported));
  reported = now;
}

}  // namespace

// -------------------------------------------------------------------------------------------------

connector::connector(executor on, connection_settings settings)
    : executor_(std::move(on)), settings_(std::move(settings)) {}

task<std::shared_ptr<connection>> connector::open() {
  std::shared_ptr<connection> c;
  try {
    c = co_await connection::open(executor_, settings_);
  } catch (const std::exception& e) {
    complaint_ = e.what();
    if (failures_++ == 0) {
      telemetry::log(telemetry::level::warning, "no connection to the database",
                     {{"error", complaint_}});
    }
    next_try_ = steady_clock::now() + resilience::backoff(failures_, 50ms, 1000ms);
    throw unavailable(complaint_);
  }
  if (failures_ > 0) {
    telemetry::log(telemetry::level::info, "connected to the database again",
                   {{"failures", failures_}});
  }
  failures_ = 0;
  // Scattered, so that connections made together are not replaced together.
  c->best_before = c->opened() + std::chrono::duration_cast<steady_clock::duration>(
                                     settings_.max_age * (0.9 + 0.2 * random_unit()));
  co_return c;
}

task<bool> waiter::wait(steady_clock::time_point until) {
  if (given || refused || again) co_return true;
  woken.expires_at(until);
  auto [ec] = co_await woken.async_wait(asio::as_tuple(asio::use_awaitable));
  if (given || refused || again) co_return true;
  if (ec) throw boost::system::system_error(ec);
  co_return false;
}

// -------------------------------------------------------------------------------------------------

owned_connections::lease& owned_connections::lease::operator=(lease&& other) noexcept {
  give_back();
  from_ = std::move(other.from_);
  connection_ = std::move(other.connection_);
  return *this;
}

void owned_connections::lease::give_back() {
  const auto from = std::move(from_);
  if (auto c = std::move(connection_)) from->put(std::move(c));
}

owned_connections::owned_connections(executor on, connection_settings settings, std::size_t limit,
                                     std::size_t max_waiting)
    : executor_(on),
      connector_(on, std::move(settings)),
      limit_(std::max<std::size_t>(limit, 1)),
      max_waiting_(max_waiting),
      idle_gauge_(connections_gauge("idle")),
      used_gauge_(connections_gauge("used")) {}

// Leaves the line when its coroutine is done, in whatever way; a connection that was given and not
// taken goes to the next.
class owned_connections::place_in_line {
 public:
  place_in_line(owned_connections& line, std::shared_ptr<waiter> w)
      : line_(line), waiter_(std::move(w)) {
    line_.waiters_.push_back(waiter_);
  }
  place_in_line(const place_in_line&) = delete;
  ~place_in_line() {
    std::erase(line_.waiters_, waiter_);
    if (waiter_->given) line_.put(std::move(waiter_->given));
  }

 private:
  owned_connections& line_;
  std::shared_ptr<waiter> waiter_;
};

task<owned_connections::lease> owned_connections::acquire(time_point until) {
  const auto self = shared_from_this();
  while (!idle_.empty()) {
    auto c = std::move(idle_.back());
    idle_.pop_back();
    if (fit(*c)) {
      report();
      co_return lease(self, std::move(c));
    }
    discard(c);
  }
  if (waiters_.size() >= max_waiting_) {
    throw unavailable("too many are waiting for a database connection");
  }
  const auto w = std::make_shared<waiter>(executor_);
  const place_in_line place(*this, w);
  open_for_waiters();
  if (!co_await w->wait(until)) co_return lease();
  if (w->refused) throw unavailable(connector_.complaint());
  co_return lease(self, std::move(w->given));
}

bool owned_connections::fit(const connection& c) const {
  return !stopped_ && c.usable() && c.outstanding() == 0 && !c.in_transaction() &&
         c.opened() >= not_before_ && steady_clock::now() < c.best_before;
}

void owned_connections::put(std::shared_ptr<connection> c) {
  if (!fit(*c)) return discard(c);
  if (waiters_.empty()) {
    idle_.push_back(std::move(c));
  } else {
    const auto w = std::move(waiters_.front());
    waiters_.pop_front();
    w->given = std::move(c);
    w->woken.cancel();
  }
  report();
}

void owned_connections::discard(const std::shared_ptr<connection>& c) {
  c->close();
  --total_;
  open_for_waiters();
  report();
}

void owned_connections::open_for_waiters() {
  if (waiters_.empty()) return;
  if (stopped_ || !connector_.may_try()) {
    // Those who own the remaining connections will give them back.
    if (stopped_ || total_ == 0) refuse_all();
    return;
  }
  while (opening_ < std::min(waiters_.size(), max_opening) && total_ < limit_) {
    ++opening_;
    ++total_;
    asio::co_spawn(executor_, open_one(shared_from_this()), asio::detached);
  }
}

task<> owned_connections::open_one(std::shared_ptr<owned_connections> self) {
  std::shared_ptr<connection> c;
  try {
    c = co_await self->connector_.open();
  } catch (const std::exception&) {
    // Told below: to those who wait.
  }
  --self->opening_;
  if (c) {
    self->put(std::move(c));
    co_return;
  }
  --self->total_;
  self->report();
  if (self->total_ == 0 || self->stopped_) {
    self->refuse_all();
  } else if (!self->waiters_.empty()) {
    asio::steady_timer pause(self->executor_, self->connector_.next_try());
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    self->open_for_waiters();
  }
}

void owned_connections::refuse_all() {
  for (const auto& w : waiters_) {
    w->refused = true;
    w->woken.cancel();
  }
  waiters_.clear();
}

void owned_connections::renew(const connection& bad) {
  if (bad.opened() < not_before_) return;
  not_before_ = steady_clock::now();
  for (const auto& c : std::exchange(idle_, {})) discard(c);
}

void owned_connections::stop() {
  stopped_ = true;
  for (const auto& c : std::exchange(idle_, {})) discard(c);
  refuse_all();
}

void owned_connections::report() {
  move_gauge(idle_gauge_, idle_reported_, idle_.size());
  move_gauge(used_gauge_, used_reported_, total_ - opening_ - idle_.size());
}

// -------------------------------------------------------------------------------------------------

shared_connections::shared_connections(executor on, connection_settings settings, std::size_t limit)
    : executor_(on),
      connector_(on,
                 [&] {
                   settings.read_only = true;
                   return std::move(settings);
                 }()),
      limit_(std::max<std::size_t>(limit, 1)),
      gauge_(connections_gauge("shared")) {}

shared_connections::~shared_connections() {
  stop();
}

task<std::shared_ptr<connection>> shared_connections::pick(time_point until) {
  const auto self = shared_from_this();
  while (true) {
    if (stopped_) throw unavailable("the pool is closed");
    sort_out();
    const auto best = std::ranges::min_element(open_, {}, &connection::outstanding);
    const bool busy = best == open_.end() || (*best)->outstanding() > 0;
    if (busy && open_.size() < limit_ && !opening_) open_another();
    if (best != open_.end()) co_return *best;
    if (!opening_) throw unavailable(connector_.complaint());
    const auto w = std::make_shared<waiter>(executor_);
    waiters_.push_back(w);
    if (!co_await w->wait(until)) {
      std::erase(waiters_, w);
      co_return nullptr;
    }
  }
}

// Puts aside those that take no more.
void shared_connections::sort_out() {
  const auto now = steady_clock::now();
  std::erase_if(open_, [&](const auto& c) {
    if (c->usable() && c->opened() >= not_before_ && now < c->best_before) return false;
    c->retire();
    if (c->is_open()) draining_.push_back(c);
    return true;
  });
  std::erase_if(draining_, [](const auto& c) { return !c->is_open(); });
  // A server that answers nothing any more must not collect connections.
  while (draining_.size() > limit_) {
    draining_.front()->close();
    draining_.pop_front();
  }
  report();
}

void shared_connections::open_another() {
  if (!connector_.may_try()) return;
  opening_ = true;
  asio::co_spawn(executor_, open_one(shared_from_this()), asio::detached);
}

task<> shared_connections::open_one(std::shared_ptr<shared_connections> self) {
  std::shared_ptr<connection> c;
  try {
    c = co_await self->connector_.open();
  } catch (const std::exception&) {
    // Told to those who wait.
  }
  self->opening_ = false;
  if (c && self->stopped_) {
    c->close();
  } else if (c) {
    self->open_.push_back(std::move(c));
  }
  self->wake_all();
  self->report();
}

void shared_connections::wake_all() {
  for (const auto& w : std::exchange(waiters_, {})) {
    w->again = true;
    w->woken.cancel();
  }
}

void shared_connections::renew(const connection& bad) {
  if (bad.opened() < not_before_) return;
  not_before_ = steady_clock::now();
  sort_out();
}

void shared_connections::stop() {
  stopped_ = true;
  for (const auto& c : std::exchange(open_, {})) c->close();
  for (const auto& c : std::exchange(draining_, {})) c->close();
  wake_all();
  report();
}

bool shared_connections::heard_since(time_point time) const {
  return std::ranges::any_of(open_,
                             [&](const auto& c) { return c->usable() && c->last_heard() > time; });
}

void shared_connections::report() {
  move_gauge(gauge_, reported_, open_.size());
}

}  // namespace souk::pg::detail
