#include <fmt/format.h>

#include <map>

#include "kit/id.hpp"
#include "kit/postgres_connection.hpp"
#include "kit/security.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"

namespace souk::pg {

using namespace std::chrono_literals;
using detail::connection;
using detail::fate;
using detail::reply;

namespace {

constexpr auto short_timeout = 30s;
constexpr auto work_timeout = 24h;
constexpr int lock_attempts = 10;

constexpr statement try_lock{"migrate.try_lock", "SELECT pg_try_advisory_lock($1::bigint)"};
constexpr std::int64_t lock_key = 0x736f756b;  // "souk"
constexpr const char* create_table =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "  number integer PRIMARY KEY,"
    "  name text NOT NULL,"
    "  checksum text NOT NULL,"
    "  applied_at timestamptz NOT NULL DEFAULT now())";
constexpr statement list_applied{"migrate.list_applied",
                                 "SELECT number, name, checksum FROM schema_migrations"};
constexpr statement record{
    "migrate.record", "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)"};

struct applied {
  std::int32_t number;
  std::string name;
  std::string checksum;
};
BOOST_DESCRIBE_STRUCT(applied, (), (number, name, checksum))

std::string checksum_of(const migration& m) {
  return hex_encode(security::sha256(m.sql));
}

void check(const reply& r, std::string_view what) {
  if (r.what == fate::done) return;
  const auto message = fmt::format("{}: {}", what, r.message);
  if (r.what == fate::refused) throw error(r.sqlstate, r.constraint, message);
  throw unavailable(message, r.sqlstate);
}

task<> take_lock(connection& c) {
  const auto p = parameters::of(lock_key);
  for (int attempt = 0;; ++attempt) {
    const reply r =
        co_await c.exchange({.what = &try_lock, .with = &p}, steady_clock::now() + short_timeout);
    check(r, "taking the migration lock");
    if (detail::row_reader<bool>(try_lock, r.rows).read(0)) co_return;
    if (attempt % 50 == 0) {
      telemetry::log(telemetry::level::info, "another process migrates the database; waiting");
    }
    co_await sleep_for(200ms);
  }
}

task<std::map<int, applied>> find_applied(connection& c) {
  check(co_await c.exchange({.before = create_table}, steady_clock::now() + short_timeout),
        "creating schema_migrations");
  const parameters none;
  const reply r = co_await c.exchange({.what = &list_applied, .with = &none},
                                      steady_clock::now() + short_timeout);
  check(r, "reading schema_migrations");
  const detail::row_reader<applied> reader(list_applied, r.rows);
  std::map<int, applied> all;
  for (std::size_t i = 0; i < r.rows.rows(); ++i) {
    auto row = reader.read(i);
    all.emplace(row.number, std::move(row));
  }
  co_return all;
}

// False when it has to wait for a lock too long, so that others would wait behind it.
task<bool> apply(connection& c, const migration& m, const std::string& checksum) {
  const auto what = fmt::format("migration {}", m.name);
  const auto p = parameters::of(m.number, m.name, checksum);
  const auto until = steady_clock::now() + work_timeout;
  check(co_await c.exchange({.before = "BEGIN"}, until), what);
  const reply done = co_await c.run_script(std::string(m.sql), until);
  if (done.what == fate::refused) {
    co_await c.exchange({.before = "ROLLBACK"}, steady_clock::now() + short_timeout);
    if (done.sqlstate == "55P03") co_return false;
  }
  check(done, what);
  const reply end = co_await c.exchange({.what = &record, .with = &p, .after = "COMMIT"}, until);
  check(end, what);
  if (end.tag != "COMMIT") throw error("40000", "", what + ": the server has rolled back instead");
  co_return true;
}

task<> run(connection& c, std::span<const migration> migrations) {
  co_await take_lock(c);
  auto present = co_await find_applied(c);
  for (const migration& m : migrations) {
    const auto checksum = checksum_of(m);
    if (const auto at = present.find(m.number); at != present.end()) {
      if (at->second.checksum != checksum) {
        throw error("", "",
                    fmt::format("migration {} has been changed since it was applied", m.name));
      }
      present.erase(at);
      continue;
    }
    const auto begin = steady_clock::now();
    for (int attempt = 1; !co_await apply(c, m, checksum); ++attempt) {
      if (attempt == lock_attempts) {
        throw unavailable(fmt::format("migration {}: a lock is held by others", m.name), "55P03");
      }
      co_await sleep_for(1s);
    }
    const std::chrono::duration<double> taken = steady_clock::now() - begin;
    telemetry::log(telemetry::level::info, "migration applied",
                   {{"migration", m.name}, {"seconds", taken.count()}});
  }
  for (const auto& [number, row] : present) {
    telemetry::log(telemetry::level::info, "the database is newer than this program",
                   {{"migration", row.name}});
  }
}

}  // namespace

task<> migrate(event_loop& loop, const std::string& url, std::span<const migration> migrations) {
  const auto c = co_await connection::open(
      loop.executor(), {.url = url,
                        .application_name = std::string(loop.service_name()) + " migrate",
                        .statement_timeout = 0ms,
                        .lock_timeout = 5s});
  struct closing {
    connection& c;
    ~closing() { c.close(); }  // and with it goes the lock
  } const at_end{*c};
  co_await run(*c, migrations);
}

}  // namespace souk::pg
