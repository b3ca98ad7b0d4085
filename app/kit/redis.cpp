#include "kit/redis.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <unordered_map>

#include "kit/config.hpp"
#include "kit/database_metrics.hpp"
#include "kit/fault_point.hpp"
#include "kit/id.hpp"
#include "kit/redis_connection.hpp"
#include "kit/resilience.hpp"
#include "kit/service.hpp"

namespace souk::redis {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using detail::connection;
using detail::fate;
using detail::reply;
using souk::detail::db_outcome;
using souk::detail::observed_operation;

namespace {

constexpr auto read_timeout = 2s;
constexpr std::size_t max_draining = 4;

std::string sha1_hex(std::string_view data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(data.data(), data.size(), digest, &length, EVP_sha1(), nullptr) != 1) {
    throw std::runtime_error("SHA-1 is not available");
  }
  return hex_encode({reinterpret_cast<const char*>(digest), length});
}

// The first word of an error reply.
std::string_view code_of(std::string_view message) {
  return message.substr(0, message.find(' '));
}

// The server is not what it should be, so that another connection may do better.
bool is_elsewhere(std::string_view code) {
  return code == "READONLY" || code == "MASTERDOWN" || code == "LOADING" || code == "NOAUTH";
}
bool is_unable(std::string_view code) {
  static constexpr std::string_view all[] = {"OOM", "MISCONF", "BUSY", "NOREPLICAS", "CLUSTERDOWN"};
  return is_elsewhere(code) || std::ranges::find(all, code) != std::end(all);
}

}  // namespace

std::string url_from(environment& env) {
  constexpr std::string_view name = "REDIS_URL";
  const auto complaints = env.complaints().size();
  std::string url = env.text(
      name, "redis[s]://[[user]:password@]host[:port][/database][?sslrootcert=FILE] of the carts");
  if (env.complaints().size() > complaints) return url;
  if (url.empty()) return "redis://unset.invalid";  // for a description
  try {
    detail::parse_url(url);
  } catch (const std::invalid_argument& e) {
    env.complain(name, e.what());
  }
  return url;
}

struct client::state : std::enable_shared_from_this<client::state> {
  state(event_loop& loop, const settings& s)
      : on(loop.executor()),
        to(detail::parse_url(s.url)),
        client_name(loop.service_name()),
        max_under_way(s.max_waiting) {}

  // Null when time is over. Throws unavailable.
  task<std::shared_ptr<connection>> pick(steady_clock::time_point until) {
    const auto self = shared_from_this();
    while (true) {
      if (stopped) throw unavailable("the client is closed");
      if (current && current->usable()) co_return current;
      retire_current();
      if (!opening) {
        if (steady_clock::now() < next_try) throw unavailable(complaint);
        opening = true;
        asio::co_spawn(on, open_one(self), asio::detached);
      }
      const auto woken = std::make_shared<asio::steady_timer>(on, until);
      waiters.push_back(woken);
      auto [ec] = co_await woken->async_wait(asio::as_tuple(asio::use_awaitable));
      if (std::erase(waiters, woken) == 0) continue;  // woken by open_one
      if (ec) throw boost::system::system_error(ec);
      co_return nullptr;
    }
  }

  void retire_current() {
    if (!current) return;
    current->retire();
    if (current->is_open()) draining.push_back(std::move(current));
    current = nullptr;
    std::erase_if(draining, [](const auto& c) { return !c->is_open(); });
    // A server that answers nothing any more must not collect connections.
    while (draining.size() > max_draining) {
      draining.front()->close();
      draining.erase(draining.begin());
    }
  }

  static task<> open_one(std::shared_ptr<state> self) {
    std::shared_ptr<connection> c;
    try {
      c = co_await connection::open(self->on, self->to, self->client_name);
    } catch (const std::exception& e) {
      self->complaint = e.what();
    }
    self->opening = false;
    if (c && self->stopped) {
      c->close();
    } else if (c) {
      if (self->failures > 0) {
        telemetry::log(telemetry::level::info, "connected to Redis again",
                       {{"failures", self->failures}});
      }
      self->failures = 0;
      self->current = std::move(c);
    } else {
      // Once, and again when the reason is another.
      if (self->failures++ == 0 || self->complaint != self->told) {
        self->told = self->complaint;
        telemetry::log(telemetry::level::warning, "no connection to Redis",
                       {{"error", self->complaint}});
      }
      self->next_try = steady_clock::now() + resilience::backoff(self->failures, 50ms, 1000ms);
    }
    self->wake_all();
  }

  void wake_all() {
    for (const auto& woken : std::exchange(waiters, {})) woken->cancel();
  }

  void stop() {
    stopped = true;
    if (current) current->close();
    for (const auto& c : draining) c->close();
    wake_all();
  }

  // One command; what was never sent is sent again on a new connection, once.
  task<reply> exchange(std::string command, steady_clock::time_point until, bool cut_by_deadline) {
    if (steady_clock::now() >= until)
      co_return reply{.what = fate::late, .message = "time is over"};
    if (under_way >= max_under_way) throw unavailable("too many commands are under way");
    struct counted {
      std::size_t& count;
      explicit counted(std::size_t& c) : count(c) { ++count; }
      counted(const counted&) = delete;
      ~counted() { --count; }
    } const in_use(under_way);

    for (bool retried = false;; retried = true) {
      const auto c = co_await pick(until);
      if (!c) co_return reply{.what = fate::late, .message = "no connection to Redis in time"};
      reply r = co_await c->exchange(command, until);
      if (r.what == fate::not_sent && !retried) continue;
      if (r.what == fate::done) last_success = steady_clock::now();
      if (r.what == fate::refused && is_elsewhere(code_of(r.message))) c->retire();
      // A server that does not answer in time is not waited for by others either. A caller with
      // little time says nothing about the server: then those before it get their answers.
      if (r.what == fate::late && !cut_by_deadline) c->close();
      co_return r;
    }
  }

  value finish(observed_operation& op, std::string_view name, reply r, bool cut_by_deadline) {
    switch (r.what) {
      case fate::done:
        op.succeeded();
        return std::move(r.value);
      case fate::refused: {
        const std::string code(code_of(r.message));
        const auto what = fmt::format("{}: {}", name, r.message);
        op.failed(is_unable(code) ? db_outcome::unavailable : db_outcome::refused, code);
        if (is_unable(code)) throw unavailable(what);
        throw error(what);
      }
      case fate::late:
        op.failed(db_outcome::late);
        if (cut_by_deadline) throw deadline_exceeded();
        break;
      case fate::not_sent:
      case fate::lost:
        op.failed(db_outcome::unavailable);
        break;
    }
    throw unavailable(fmt::format("{}: {}", name, r.message));
  }

  const std::string& sha1_of(const char* source) {
    auto known = hashes.find(source);
    if (known == hashes.end()) known = hashes.emplace(source, sha1_hex(source)).first;
    return known->second;
  }

  executor on;
  detail::address to;
  std::string client_name;
  std::size_t max_under_way;
  std::size_t under_way = 0;
  std::shared_ptr<connection> current;
  std::vector<std::shared_ptr<connection>> draining;  // retired, with answers outstanding
  std::vector<std::shared_ptr<asio::steady_timer>> waiters;
  bool opening = false;
  bool stopped = false;
  int failures = 0;
  steady_clock::time_point next_try{};
  std::string complaint, told;
  steady_clock::time_point last_success{};
  std::unordered_map<std::string, std::string> hashes;  // source, SHA-1
  souk::detail::operation_durations durations{"redis"};
};

namespace {

// How long an operation may take, and whether that is the caller's limit rather than its own.
struct time_limit {
  time_limit(std::chrono::milliseconds own) : until(steady_clock::now() + own) {}
  time_limit(std::chrono::milliseconds own, const context& ctx)
      : until(std::min(steady_clock::now() + own, ctx.deadline)),
        by_caller(until == ctx.deadline) {}
  steady_clock::time_point until;
  bool by_caller = false;
};

}  // namespace

struct client::call {
  std::shared_ptr<state> s;
  observed_operation op;
  std::string_view name;
  time_limit limit;

  call(std::shared_ptr<state> st, const context& ctx, std::string_view called,
       std::string_view verb, time_limit l)
      : s(std::move(st)), op(s->durations, ctx, called, verb), name(called), limit(l) {}

  task<reply> send(const std::vector<std::string>& words) {
    fault::point("redis", {name}, "before");
    try {
      co_return co_await s->exchange(detail::encode(words), limit.until, limit.by_caller);
    } catch (const unavailable&) {
      op.failed(db_outcome::unavailable);
      throw;
    }
  }

  task<reply> send_script(const script& what, std::vector<std::string> keys,
                          std::vector<std::string> arguments) {
    std::vector<std::string> words{"EVALSHA", s->sha1_of(what.source), std::to_string(keys.size())};
    std::ranges::move(keys, std::back_inserter(words));
    std::ranges::move(arguments, std::back_inserter(words));
    reply r = co_await send(words);
    if (r.what == fate::refused && code_of(r.message) == "NOSCRIPT") {  // then it has not run
      words[0] = "EVAL";
      words[1] = what.source;
      r = co_await send(words);
    }
    co_return r;
  }

  value finish(reply r) {
    value v = s->finish(op, name, std::move(r), limit.by_caller);
    fault::point("redis", {name}, "after");
    return v;
  }
};

client::client(event_loop& loop, settings s) : state_(std::make_shared<state>(loop, s)) {}

client::~client() {
  state_->stop();
}

task<value> client::read(const context& ctx, std::string_view name,
                         std::vector<std::string> command) {
  call c(state_, ctx, name, command.front(), time_limit(read_timeout, ctx));
  co_return c.finish(co_await c.send(command));
}

task<value> client::run(const context& ctx, const script& s, std::vector<std::string> keys,
                        std::vector<std::string> arguments) {
  call c(state_, ctx, s.name, "EVALSHA", time_limit(s.timeout));
  co_return c.finish(co_await c.send_script(s, std::move(keys), std::move(arguments)));
}

task<value> client::run_read(const context& ctx, const script& s, std::vector<std::string> keys,
                             std::vector<std::string> arguments) {
  call c(state_, ctx, s.name, "EVALSHA", time_limit(s.timeout, ctx));
  co_return c.finish(co_await c.send_script(s, std::move(keys), std::move(arguments)));
}

task<bool> client::alive(const context& ctx) {
  // What was heard just now needs no asking: under load the question would wait in line.
  const auto& s = *state_;
  if (s.current && s.current->usable() && steady_clock::now() - s.last_success < 1s) co_return true;
  try {
    co_await read(ctx, "alive", {"PING"});
    co_return true;
  } catch (const unavailable&) {
  } catch (const deadline_exceeded&) {
  } catch (const error&) {
  }
  co_return false;
}

}  // namespace souk::redis
