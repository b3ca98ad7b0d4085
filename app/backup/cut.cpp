#include "cut.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "kit/id.hpp"
#include "kit/time.hpp"
#include "process.hpp"

namespace souk::backup {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr auto first_waits = 200ms;
// Long enough for the server to end an automatic vacuum. With the time for which orders may be held
// it is less than the three seconds after which services give a statement up.
constexpr auto later_waits = 1200ms;
constexpr int short_tries = 5;

// One backup at a time, on whichever machine: a second one would end the first one's hold on the
// carts.
constexpr const char* only_one = "SELECT pg_try_advisory_lock(hashtext('souk backup'))";

constexpr const char* without_limits =
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    "SET timezone = 'UTC'";

constexpr const char* utc_clock =
    R"(SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))";

std::chrono::milliseconds since(steady::time_point t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - t);
}

}  // namespace

table_guard::table_guard(const std::string& url, std::string label, std::string table,
                         std::chrono::milliseconds limit)
    : db_(url, std::move(label)), table_(std::move(table)) {
  db_.execute(fmt::format(
      "SET statement_timeout = {0}; SET idle_in_transaction_session_timeout = {0}", limit.count()));
}

bool table_guard::take(std::chrono::milliseconds wait) {
  try {
    db_.execute(fmt::format("BEGIN; SET LOCAL lock_timeout = {}; LOCK TABLE {} IN SHARE MODE",
                            wait.count(), quote_name(table_)));
    return true;
  } catch (const sql_error& e) {
    if (e.sqlstate != "55P03") throw;  // lock_not_available
    db_.execute("ROLLBACK");
    return false;
  }
}

std::string table_guard::clock() {
  return db_.value(utc_clock);
}

void table_guard::release() {
  try {
    db_.execute("COMMIT");
  } catch (const std::runtime_error& e) {
    throw std::runtime_error(fmt::format(
        "taking the snapshots took longer than orders may stand still, so they were let go on and "
        "nothing was backed up; try again when the machine is less busy ({})",
        e.what()));
  }
}

namespace {

// Holds back writes to both. At first it waits shortly, so that writers don't stand behind us while
// something long has a table. When they began to stand still.
steady::time_point take_both(table_guard& products, table_guard& orders,
                             std::chrono::milliseconds patience) {
  const auto began = steady::now();
  for (int tries = 0;; ++tries) {
    const auto wait = tries < short_tries ? first_waits : later_waits;
    const auto* busy = &products;
    if (products.take(wait)) {
      const auto stand_still = steady::now();
      if (orders.take(wait)) return stand_still;
      busy = &orders;
      products.release();
    }
    if (since(began) > patience) {
      throw std::runtime_error(fmt::format(
          "no moment was found in {} s at which nobody writes to the table {}: something holds it, "
          "an index that is being built or a session that was left open; try again",
          patience.count() / 1000, busy->table()));
    }
    std::this_thread::sleep_for(first_waits);  // whoever waited behind us goes first
  }
}

}  // namespace

cut::cut(const addresses& where, const std::filesystem::path& carts_to, const cut_limits& limits) {
  for (const std::string name : database_names) {
    database session(where.service.at(name), name);
    session.execute(without_limits);
    snapshots_.emplace(name, snapshot{std::move(session), ""});
  }
  if (snapshots_.at("order").session.value(only_one) != "t") {
    throw std::runtime_error("another backup of this store is being made");
  }
  cart_copier carts(where.redis, carts_to);
  carts.prepare();

  table_guard products(where.service.at("product"), "product", "stock_messages", limits.pause);
  table_guard orders(where.service.at("order"), "order", "orders", limits.pause);
  for (auto& [_, s] : snapshots_) {
    // The snapshot is taken by the first query, not by this.
    s.session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }
  const auto began = take_both(products, orders, limits.patience);
  const auto moment = orders.clock();
  for (auto& [_, s] : snapshots_) s.session.send("SELECT pg_export_snapshot()");
  carts.hold(limits.pause);
  for (auto& [_, s] : snapshots_) s.id = s.session.receive().at(0).at(0).value();
  carts.finish();
  orders.release();
  paused_ = since(began);
  products.release();

  taken_at_ = parse_rfc3339(moment).value();
  carts_exact_ = carts.exact();
  carts_ = carts.close();
}

namespace {

database_part describe(database& session) {
  database_part part;
  part.schema = std::stoll(session.value("SELECT max(number) FROM schema_migrations"));
  part.server = session.value("SHOW server_version");
  for (const auto& r :
       session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")) {
    const auto& table = r.front().value();
    part.rows[table] =
        std::stoll(session.value("SELECT count(*) FROM public." + quote_name(table)));
  }
  for (const auto& r :
       session.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")) {
    part.extensions.push_back(r.front().value());
  }
  return part;
}

}  // namespace

manifest save(const addresses& where, const std::filesystem::path& folder,
              const cut_limits& limits) {
  cut moment(where, folder / carts_file, limits);
  manifest m;
  m.souk_version = program_version();
  m.taken_at = moment.taken_at();
  m.pause_ms = moment.paused().count();
  m.currency = where.currency;
  m.carts = moment.carts();
  m.files[carts_file] = mark_of(folder / carts_file);
  fmt::print("the moment: {}; orders stood still for {} ms\n", to_rfc3339(m.taken_at), m.pause_ms);
  if (!moment.carts_exact()) {
    fmt::print(
        "Redis does not let us hold back writes (CLIENT PAUSE): carts that changed within these "
        "{} ms are each whole, but may differ by them\n",
        m.pause_ms);
  }
  std::fflush(stdout);
  for (auto& [name, s] : moment.snapshots()) {
    m.databases[name] = describe(s.session);
    const auto file = folder / dump_file(name);
    run_program({"pg_dump", "--format=custom", "--no-password", "--lock-wait-timeout=60s",
                 "--snapshot=" + s.id, "--file=" + file.string()},
                s.session.environment());
    m.files[dump_file(name)] = mark_of(file);
  }
  write_file(folder / "manifest.json", json::write(m) + "\n");
  return m;
}

}  // namespace souk::backup
