#include "kit/postgres.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/system/system_error.hpp>
#include <cctype>

#include "kit/database_metrics.hpp"
#include "kit/fault_point.hpp"
#include "kit/postgres_pool.hpp"
#include "kit/service.hpp"

namespace souk::pg {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using detail::fate;
using detail::owned_connections;
using detail::reply;
using souk::detail::db_outcome;
using souk::detail::observed_operation;

namespace {

constexpr auto max_wait_for_connection = 5s;
constexpr auto rollback_timeout = 2s;
constexpr statement probe{"alive", "SELECT 1", 1s};

std::string verb_of(std::string_view sql) {
  const auto begin = sql.find_first_not_of(" \t\r\n");
  if (begin == sql.npos) return {};
  sql.remove_prefix(begin);
  std::string verb(sql.substr(0, sql.find_first_of(" \t\r\n(;")));
  std::ranges::transform(verb, verb.begin(), [](unsigned char c) { return std::toupper(c); });
  return verb;
}

const char* begin_command(isolation level) {
  switch (level) {
    case isolation::read_committed:
      return "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    case isolation::repeatable_read_read_only:
      return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  }
  std::unreachable();
}

std::string describe(const char* name, const reply& r) {
  return r.sqlstate.empty() ? fmt::format("{}: {}", name, r.message)
                            : fmt::format("{}: {} ({})", name, r.message, r.sqlstate);
}

// query_canceled is statement_timeout, since nothing here cancels; lock_not_available lock_timeout.
bool is_time_over(const reply& r) {
  return r.sqlstate == "57014" || r.sqlstate == "55P03";
}

[[noreturn]] void throw_unavailable(observed_operation& op, const char* name, const reply& r) {
  op.failed(r.what == fate::late ? db_outcome::late : db_outcome::unavailable, r.sqlstate);
  throw unavailable(describe(name, r), r.sqlstate);
}

[[noreturn]] void throw_refused(observed_operation& op, const char* name, const reply& r) {
  if (is_time_over(r)) {
    op.failed(db_outcome::late, r.sqlstate);
    throw unavailable(describe(name, r), r.sqlstate);
  }
  op.failed(db_outcome::refused, r.sqlstate);
  throw error(r.sqlstate, r.constraint, describe(name, r));
}

[[noreturn]] void throw_unknown(observed_operation& op, const char* name, std::string_view why) {
  op.failed(db_outcome::unknown);
  throw unknown_outcome(fmt::format("{}: whether it is committed is not known: {}", name, why));
}

// Returns if the server has committed.
void finish_commit(observed_operation& op, const char* name, const reply& r) {
  switch (r.what) {
    case fate::done:
      if (r.tag == "COMMIT") return op.succeeded();
      op.failed(db_outcome::refused, "40000");
      throw error("40000", "", fmt::format("{}: the server has rolled back instead", name));
    case fate::refused:
      throw_refused(op, name, r);
    case fate::not_sent:
      throw_unavailable(op, name, r);
    case fate::lost:
    case fate::late:
      throw_unknown(op, name, r.message);
  }
}

[[noreturn]] void throw_deadline(observed_operation& op) {
  op.failed(db_outcome::late);
  throw deadline_exceeded();
}

// A commit whose coroutine is cancelled has been sent all the same.
task<reply> exchange_to_the_end(detail::connection& c, detail::request r,
                                steady_clock::time_point until) {
  try {
    co_return co_await c.exchange(r, until);
  } catch (const boost::system::system_error& e) {
    co_return reply{.what = fate::lost, .message = e.code().message()};
  }
}

}  // namespace

// -------------------------------------------------------------------------------------------------

struct pool::state {
  state(event_loop& loop, const settings& s)
      : executor(loop.executor()),
        max_reads(s.max_waiting),
        // The server gives up first: its word is definite.
        commit_timeout(std::max<std::chrono::milliseconds>(s.statement_timeout, 5s) + 1s) {
    const detail::connection_settings to{.url = s.url,
                                         .application_name = std::string(loop.service_name()),
                                         .statement_timeout = s.statement_timeout,
                                         .max_age = s.max_age};
    owned = std::make_shared<owned_connections>(executor, to, s.connections, s.max_waiting);
    shared = std::make_shared<detail::shared_connections>(executor, to, s.shared_readers);
  }

  // For a transaction or a single write. Throws unavailable, deadline_exceeded.
  task<owned_connections::lease> acquire(const context& ctx) {
    const auto cap = steady_clock::now() + max_wait_for_connection;
    if (ctx.time_left() == steady_clock::duration::zero()) throw deadline_exceeded();
    auto lease = co_await owned->acquire(std::min(cap, ctx.deadline));
    if (lease) co_return lease;
    if (ctx.deadline < cap) throw deadline_exceeded();
    throw unavailable("no database connection became free in time");
  }

  souk::executor executor;
  std::size_t max_reads;
  std::size_t reads = 0;  // under way
  std::chrono::milliseconds commit_timeout;
  std::shared_ptr<owned_connections> owned;
  std::shared_ptr<detail::shared_connections> shared;
  souk::detail::operation_durations durations{"postgresql"};
};

pool::pool(event_loop& loop, settings s) : state_(std::make_shared<state>(loop, s)) {}

pool::~pool() {
  state_->owned->stop();
  state_->shared->stop();
}

task<result> pool::run_read(const context& ctx, statement s, parameters p) {
  const auto state = state_;
  observed_operation op(state->durations, ctx, s.name, verb_of(s.sql));
  const auto own_limit = steady_clock::now() + s.timeout;
  const auto until = std::min(own_limit, ctx.deadline);
  if (steady_clock::now() >= until) throw_deadline(op);
  if (state->reads >= state->max_reads) {
    throw_unavailable(op, s.name, {.message = "too many reads are under way"});
  }
  struct counted {
    std::size_t& count;
    explicit counted(std::size_t& c) : count(c) { ++count; }
    counted(const counted&) = delete;
    ~counted() { --count; }
  } const in_use(state->reads);

  for (bool retried = false;; retried = true) {
    reply r{.what = fate::late, .message = "no database connection in time"};
    std::shared_ptr<detail::connection> c;
    try {
      c = co_await state->shared->pick(until);
    } catch (const unavailable&) {
      op.failed(db_outcome::unavailable);
      throw;
    }
    fault::point("sql", {s.name}, "before");
    if (c) r = co_await c->exchange({.what = &s, .with = &p}, until);
    if (r.what == fate::done) {
      fault::point("sql", {s.name}, "after");
      op.succeeded();
      co_return std::move(r.rows);
    }
    if (r.what == fate::late) {
      if (until < own_limit) throw_deadline(op);
      throw_unavailable(op, s.name, r);
    }
    const bool again = r.what != fate::refused || r.stale_plan;
    if (again) state->shared->renew(*c);
    if (again && !retried) continue;
    if (r.what == fate::refused) throw_refused(op, s.name, r);
    throw_unavailable(op, s.name, r);
  }
}

task<result> pool::run_write(const context& ctx, statement s, parameters p) {
  const auto state = state_;
  observed_operation op(state->durations, ctx, s.name, verb_of(s.sql));
  for (bool retried = false;; retried = true) {
    owned_connections::lease c;
    try {
      c = co_await state->acquire(ctx);
    } catch (const unavailable&) {
      op.failed(db_outcome::unavailable);
      throw;
    } catch (const deadline_exceeded&) {
      throw_deadline(op);
    }
    fault::point("commit", {s.name}, "before");
    reply r = co_await exchange_to_the_end(*c, {.what = &s, .with = &p, .commits = s.name},
                                           steady_clock::now() + s.timeout);
    switch (r.what) {
      case fate::done:
        fault::point("commit", {s.name}, "after");
        op.succeeded();
        co_return std::move(r.rows);
      case fate::lost:
        state->owned->renew(*c);
        [[fallthrough]];
      case fate::late:
        throw_unknown(op, s.name, r.message);
      case fate::refused:
        if (!r.stale_plan) throw_refused(op, s.name, r);
        state->owned->renew(*c);
        if (retried) throw_refused(op, s.name, r);
        break;
      case fate::not_sent:
        if (retried) throw_unavailable(op, s.name, r);
        break;
    }
  }
}

task<bool> pool::alive(const context& ctx) {
  // What was heard just now needs no asking: under load the question would wait in line.
  if (state_->shared->heard_since(steady_clock::now() - 1s)) co_return true;
  try {
    co_await run_read(ctx, probe, {});
    co_return true;
  } catch (const unavailable&) {
  } catch (const deadline_exceeded&) {
  } catch (const error&) {
  }
  co_return false;
}

// -------------------------------------------------------------------------------------------------

struct transaction::state {
  enum class stage {
    fresh,  // BEGIN goes with the first statement
    open,
    ended,
  };

  std::shared_ptr<pool::state> source;
  context ctx;
  isolation level;
  owned_connections::lease connection;
  stage now = stage::fresh;
  const char* latest = "nothing";  // its last statement

  ~state() {
    if (now != stage::open || !connection->usable() || connection->outstanding() > 0 ||
        source->owned->stopped()) {
      return;
    }
    asio::co_spawn(source->executor, roll_back(std::move(connection)), asio::detached);
  }

  // A connection that fails to is closed instead of given back.
  static task<> roll_back(owned_connections::lease c) {
    co_await c->exchange({.before = "ROLLBACK"}, steady_clock::now() + rollback_timeout);
  }

  void end() {
    now = stage::ended;
    connection.give_back();
  }

  // One round trip. The first is repeated on a new connection when the old one turns out dead:
  // unless COMMIT went with it, nothing can have been committed.
  task<reply> exchange(const statement& s, const parameters& p, const char* after,
                       steady_clock::duration time_limit) {
    if (now == stage::ended) throw std::logic_error("the transaction has ended");
    for (bool retried = false;; retried = true) {
      const bool first = now == stage::fresh;
      const detail::request r{.before = first ? begin_command(level) : nullptr,
                              .what = &s,
                              .with = &p,
                              .after = after,
                              .commits = after ? s.name : nullptr};
      const auto until = steady_clock::now() + time_limit;
      reply got = after ? co_await exchange_to_the_end(*connection, r, until)
                        : co_await connection->exchange(r, until);
      if (got.what == fate::not_sent || got.what == fate::lost || got.stale_plan) {
        source->owned->renew(*connection);
      }
      const bool undone =
          got.what == fate::not_sent || (got.what == fate::lost && !after) || got.stale_plan;
      if (!first || retried || !undone) {
        now = connection->in_transaction() ? stage::open : stage::ended;
        if (now == stage::ended) connection.give_back();
        co_return got;
      }
      connection->close();
      connection = {};
      connection = co_await source->acquire(ctx);
    }
  }

  // For what failed as a whole before it was answered.
  task<reply> observed_exchange(observed_operation& op, const statement& s, const parameters& p,
                                const char* after, steady_clock::duration time_limit) {
    try {
      co_return co_await exchange(s, p, after, time_limit);
    } catch (const unavailable&) {
      op.failed(db_outcome::unavailable);
      throw;
    } catch (const deadline_exceeded&) {
      op.failed(db_outcome::late);
      throw;
    }
  }
};

transaction::transaction(std::unique_ptr<state> s) : state_(std::move(s)) {}
transaction::transaction(transaction&&) noexcept = default;
transaction::~transaction() = default;

task<transaction> pool::begin(const context& ctx, isolation level) {
  const auto state = state_;
  auto lease = co_await state->acquire(ctx);
  co_return transaction(std::unique_ptr<transaction::state>(
      new transaction::state{state, ctx, level, std::move(lease)}));
}

task<result> transaction::run(statement s, parameters p) {
  observed_operation op(state_->source->durations, state_->ctx, s.name, verb_of(s.sql));
  state_->latest = s.name;
  fault::point("sql", {s.name}, "before");
  reply r = co_await state_->observed_exchange(op, s, p, nullptr, s.timeout);
  if (r.what == fate::refused) throw_refused(op, s.name, r);
  if (r.what != fate::done) throw_unavailable(op, s.name, r);
  fault::point("sql", {s.name}, "after");
  op.succeeded();
  co_return std::move(r.rows);
}

task<result> transaction::run_and_commit(statement s, parameters p) {
  observed_operation op(state_->source->durations, state_->ctx, s.name, verb_of(s.sql));
  const auto limit = std::max(s.timeout, state_->source->commit_timeout);
  fault::point("commit", {s.name}, "before");
  reply r = co_await state_->observed_exchange(op, s, p, "COMMIT", limit);
  finish_commit(op, s.name, r);
  fault::point("commit", {s.name}, "after");
  co_return std::move(r.rows);
}

task<> transaction::commit() {
  if (state_->now == state::stage::ended) throw std::logic_error("the transaction has ended");
  if (state_->now == state::stage::fresh) {
    state_->end();
    co_return;
  }
  observed_operation op(state_->source->durations, state_->ctx, "commit", "COMMIT");
  auto& connection = state_->connection;
  fault::point("commit", {state_->latest}, "before");
  const reply r =
      co_await exchange_to_the_end(*connection, {.before = "COMMIT", .commits = state_->latest},
                                   steady_clock::now() + state_->source->commit_timeout);
  if (r.what == fate::lost) state_->source->owned->renew(*connection);
  state_->end();
  finish_commit(op, "commit", r);
  fault::point("commit", {state_->latest}, "after");
}

task<> transaction::rollback() {
  if (state_->now == state::stage::open && state_->connection->usable()) {
    observed_operation op(state_->source->durations, state_->ctx, "rollback", "ROLLBACK");
    const reply r = co_await state_->connection->exchange({.before = "ROLLBACK"},
                                                          steady_clock::now() + rollback_timeout);
    r.what == fate::done ? op.succeeded() : op.failed(db_outcome::unavailable);
  }
  state_->end();
}

}  // namespace souk::pg
