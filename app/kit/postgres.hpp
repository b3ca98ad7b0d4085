#pragma once

// PostgreSQL: libpq in pipeline mode, driven by the event loop.
//
// - A statement is a named constant. Its name labels metrics and spans, its timeout bounds the
//   wait. It is prepared once per connection. Parameters are the arguments, in order of $1, $2.
// - A transaction owns its connection and rolls back unless `co_await tx.commit()` returned.
// - Single read-only statements share pipelined connections; everything else owns one.
// - Reads honour the context's deadline. From begin() on, only the statements' own timeouts count.
// - A connection whose statement timed out, was cancelled or failed at protocol level is closed.
// - A read, or the first statement of a transaction, that meets a dead pooled connection is
//   repeated once on a new one. Nothing else is ever repeated. While the server can't be reached,
//   calls fail at once between tries, which come with backoff.
// - Sessions speak UTF-8 and UTC; those that reads share are read-only. PostgreSQL 14 or newer,
//   without a pooler that lends out sessions by transaction.
//
// Parameter and column types: bool, int32/int64, double, std::string(_view), uuid, timestamp,
// json::raw (json, jsonb), described enums (as text), std::optional<T> (NULL), std::vector<T> of
// these (arrays). A parameter's type is the one that the server infers: cast where it can't. Rows
// are described structs matched by column name, scalars for one column. A NULL or a missing column
// for a field that is not optional is a programmer's error (std::logic_error), and so is a column
// without a field: name the columns, never `*`, to which a later migration may add.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kit/context.hpp"
#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/task.hpp"
#include "kit/time.hpp"

namespace souk {
class event_loop;
}

namespace souk::pg {

// Whether libpq can read it: a URI
// (postgresql://user:password@host:port/database?sslmode=verify-full &sslrootcert=FILE) or its
// older form. Its parameters are libpq's, all of them.
bool is_url(const std::string& text);

struct statement {
  const char* name;
  const char* sql;
  std::chrono::milliseconds timeout{3'000};
};

// The server refused a statement; the transaction it stood in can only be rolled back.
struct error : std::runtime_error {
  error(std::string sqlstate, std::string constraint, const std::string& what)
      : std::runtime_error(what),
        sqlstate(std::move(sqlstate)),
        constraint(std::move(constraint)) {}
  std::string sqlstate;
  std::string constraint;  // name of the violated constraint, if any
  bool is_unique_violation() const { return sqlstate == "23505"; }
  bool is_check_violation() const { return sqlstate == "23514"; }
};

// No connection, a lost one, or time over (the server's statement_timeout and lock_timeout too):
// outside COMMIT nothing has been changed, except for `execute` on the pool, which throws
// unknown_outcome once the statement may have been sent.
struct unavailable : std::runtime_error {
  explicit unavailable(const std::string& what, std::string sqlstate = {})
      : std::runtime_error(what), sqlstate(std::move(sqlstate)) {}
  std::string sqlstate;  // if the server said why
};

// The connection was lost after COMMIT was sent: whether the work is done is not known. Never a
// reason to compensate; look again under the same key.
struct unknown_outcome : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One row of text or binary values, as sent and received (see postgres_codec.hpp).
struct parameters;
class result;

enum class isolation { read_committed, repeatable_read_read_only };

class transaction {
 public:
  transaction(transaction&&) noexcept;
  ~transaction();  // not committed: the connection rolls back in the background

  template <class Row, class... Args>
  task<std::vector<Row>> query(const statement& s, const Args&... args);
  // At most one row is expected; more is a programmer's error.
  template <class Row, class... Args>
  task<std::optional<Row>> query_one(const statement& s, const Args&... args);
  // The number of rows it touched.
  template <class... Args>
  task<std::int64_t> execute(const statement& s, const Args&... args);

  // Throws unknown_outcome, or error when the server rolled back instead.
  task<> commit();
  // A last statement and the commit in one round trip. The commit happens however many rows the
  // statement touched; when it is refused, nothing is committed. Throws as both.
  template <class... Args>
  task<std::int64_t> execute_and_commit(const statement& s, const Args&... args);
  // Explicit end without changes; the connection is free at once.
  task<> rollback();

 private:
  friend class pool;
  struct state;
  explicit transaction(std::unique_ptr<state>);
  task<result> run(statement s, parameters p);
  task<result> run_and_commit(statement s, parameters p);
  std::unique_ptr<state> state_;
};

struct settings {
  std::string url;                                     // libpq URI
  std::size_t connections = 10;                        // that transactions may own, per event loop
  std::size_t max_waiting = 256;                       // for a connection; more fail at once
  std::size_t shared_readers = 2;                      // pipelined connections for single reads
  std::chrono::milliseconds statement_timeout{5'000};  // the server's own bound
  // About how old connections become, so that load finds its way to a server that has moved.
  std::chrono::milliseconds max_age{std::chrono::minutes(30)};
};

class pool {
 public:
  pool(event_loop& loop, settings s);
  ~pool();
  pool(const pool&) = delete;

  // One read-only statement, pipelined with others.
  template <class Row, class... Args>
  task<std::vector<Row>> query(const context& ctx, const statement& s, const Args&... args);
  template <class Row, class... Args>
  task<std::optional<Row>> query_one(const context& ctx, const statement& s, const Args&... args);

  // One statement that writes, in a transaction of its own. Throws unknown_outcome when the
  // connection was lost after it was sent.
  template <class... Args>
  task<std::int64_t> execute(const context& ctx, const statement& s, const Args&... args);
  template <class Row, class... Args>
  task<std::vector<Row>> execute_returning(const context& ctx, const statement& s,
                                           const Args&... args);

  task<transaction> begin(const context& ctx, isolation level = isolation::read_committed);

  // One round trip, for readiness.
  task<bool> alive(const context& ctx);

 private:
  friend class transaction;
  struct state;
  task<result> run_read(const context& ctx, statement s, parameters p);
  task<result> run_write(const context& ctx, statement s, parameters p);
  std::shared_ptr<state> state_;  // shared with the transactions under way
};

// LISTEN on a connection of its own, which comes back by itself. `connected(true)` is called after
// each successful LISTEN (what was notified before is lost), `connected(false)` when it is lost.
class listener {
 public:
  listener(event_loop& loop, std::string url, std::string channel,
           std::function<void(std::string_view payload)> notified,
           std::function<void(bool)> connected);
  ~listener();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

// A migration, compiled into the program from migrations/NNNN_name.sql.
struct migration {
  int number;
  std::string_view name;
  std::string_view sql;
};

// Applies what is missing, each in a transaction, under an advisory lock; another process that
// does the same is waited for. Throws error, unavailable.
task<> migrate(event_loop& loop, const std::string& url, std::span<const migration> migrations);

}  // namespace souk::pg

#include "kit/postgres_codec.hpp"
