#include "restoring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

#include "carts.hpp"
#include "database.hpp"
#include "kit/time.hpp"
#include "process.hpp"

namespace souk::backup {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 15s;
constexpr const char* no_limits =
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    "SET client_min_messages = error";

// One database of the store, seen by whoever may make and rename it.
struct place {
  std::string name;   // "order"
  std::string admin;  // URL
  std::string live;   // the database's name
  std::string owner;
  std::string staging() const { return live + "_restoring"; }
  std::string before() const { return live + "_before_restore"; }

  database maintenance() const { return inside("postgres"); }
  database inside(const std::string& which) const {
    database db(admin, name, which);
    db.execute(no_limits);
    return db;
  }
};

std::vector<place> places(const addresses& where) {
  std::vector<place> all;
  for (const std::string name : database_names) {
    const auto& service = where.service.at(name);
    const auto& given = where.admin.at(name);
    place p{.name = name, .admin = given.empty() ? service : given};
    std::tie(p.live, p.owner) = target_of(service);
    all.push_back(std::move(p));
  }
  return all;
}

bool exists(database& maintenance, const std::string& database_name) {
  return maintenance.value(fmt::format("SELECT count(*) FROM pg_database WHERE datname = {}",
                                       quote_text(database_name))) != "0";
}

void check_rights(const place& p, database& maintenance) {
  const auto may = maintenance.value(fmt::format(
      "SELECT rolsuper OR (rolcreatedb AND pg_has_role(oid, {}, 'MEMBER')) FROM pg_roles "
      "WHERE rolname = current_user",
      quote_text(p.owner)));
  if (may == "t") return;
  throw std::runtime_error(fmt::format(
      "the role {} may not create databases on the server of {}; grant it that (ALTER ROLE {} "
      "CREATEDB) or give the address of a role that may in DATABASE_ADMIN_URL_{}",
      maintenance.user(), p.name, quote_name(maintenance.user()), [&] {
        std::string upper = p.name;
        for (auto& c : upper) c = static_cast<char>(c - 'a' + 'A');
        return upper;
      }()));
}

void create_staging(const place& p, const database_part& part) {
  auto maintenance = p.maintenance();
  check_rights(p, maintenance);
  for (const auto& old : {p.staging(), p.before()}) {
    maintenance.execute(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_name(old)));
  }
  // As the one that it replaces.
  std::string locale;
  const auto like = maintenance.execute(
      fmt::format("SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database "
                  "WHERE datname = {}",
                  quote_text(p.live)));
  if (!like.empty()) {
    locale = fmt::format(" ENCODING {} LC_COLLATE {} LC_CTYPE {}", quote_text(like[0][0].value()),
                         quote_text(like[0][1].value()), quote_text(like[0][2].value()));
  }
  maintenance.execute(fmt::format("CREATE DATABASE {} OWNER {} TEMPLATE template0{}",
                                  quote_name(p.staging()), quote_name(p.owner), locale));
  maintenance.execute(
      fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", quote_name(p.staging())));
  auto inside = p.inside(p.staging());
  for (const auto& extension : part.extensions) {
    try {
      inside.execute(fmt::format("CREATE EXTENSION IF NOT EXISTS {}", quote_name(extension)));
    } catch (const sql_error&) {
      // Only a superuser may have it, and only operators look at it.
      if (extension != "pg_stat_statements") throw;
    }
  }
}

void fill_staging(const place& p, const std::filesystem::path& folder, const database_part& part) {
  const auto dump = (folder / dump_file(p.name)).string();
  auto inside = p.inside(p.staging());
  auto settings = inside.environment();
  // The extensions are there already: not everybody who may use them may create them.
  std::string wanted;
  const auto contents = run_program({"pg_restore", "--list", dump}, {});
  for (std::size_t from = 0; from < contents.size();) {
    const auto end = std::min(contents.find('\n', from), contents.size());
    const auto line = contents.substr(from, end - from);
    if (line.find(" EXTENSION ") == std::string::npos) wanted += line + "\n";
    from = end + 1;
  }
  const auto list = folder / (p.name + ".list");
  write_file(list, wanted);
  run_program({"pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments",
               "--no-password", "--role=" + p.owner, "--use-list=" + list.string(),
               "--dbname=" + p.staging(), dump},
              settings);
  std::filesystem::remove(list);
  inside.execute("ANALYZE");
  for (const auto& [table, rows] : part.rows) {
    const auto there = std::stoll(inside.value("SELECT count(*) FROM public." + quote_name(table)));
    if (there != rows) {
      throw std::runtime_error(fmt::format("the table {} of {} came back with {} rows of {}", table,
                                           p.name, there, rows));
    }
  }
}

// The time since the backup does not count: a hold has left what it had left then, and what was
// being done is due now. Leases are over, and no token given out since will be given out again.
struct adjustment {
  const char* database;
  const char* sql;
};
constexpr adjustment adjustments[] = {
    {"order", R"(
  UPDATE orders SET token = token + 4294967296, due_at = now(),
                    unfinished_since = unfinished_since + $1::interval
  WHERE unfinished_since IS NOT NULL)"},
    {"inventory", R"(
  UPDATE reservations SET expires_at = expires_at + $1::interval WHERE state = 'held')"},
    {"payment", R"(
  UPDATE payments SET lease = lease + 4294967296, lease_until = NULL, next_attempt_at = '-infinity',
                      updated_at = updated_at + $1::interval
  WHERE unsettled)"},
    {"payment", R"(
  UPDATE refunds SET lease = lease + 4294967296, lease_until = NULL, next_attempt_at = '-infinity',
                     updated_at = updated_at + $1::interval
  WHERE state = 'refunding')"},
    {"payment", R"(
  UPDATE card_tokens SET expires_at = expires_at + $1::interval)"},
};

void adjust(const std::vector<place>& all, timestamp taken_at) {
  for (const auto& a : adjustments) {
    const auto& p = *std::ranges::find(all, a.database, &place::name);
    auto db = p.inside(p.staging());
    db.execute("SET timezone = 'UTC'");
    const auto passed = db.execute("SELECT greatest(now() - $1::timestamptz, interval '0')::text",
                                   {to_rfc3339(taken_at)});
    db.execute(a.sql, {passed.at(0).at(0)});
  }
}

void expect_nobody(const place& p, database& maintenance) {
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    const auto others = maintenance.value(fmt::format(
        "SELECT string_agg(DISTINCT coalesce(nullif(application_name, ''), 'a session of ' || "
        "usename), ', ') FROM pg_stat_activity WHERE datname IN ({}, {}) "
        "AND backend_type = 'client backend'",
        quote_text(p.live), quote_text(p.staging())));
    if (others.empty()) return;
    if (std::chrono::steady_clock::now() - began > patience) {
      throw std::runtime_error(fmt::format(
          "the database {} is still in use ({}); everything that uses it has to stop first", p.live,
          others));
    }
    std::this_thread::sleep_for(200ms);
  }
}

std::string rename(const std::string& from, const std::string& to) {
  return fmt::format("ALTER DATABASE {} RENAME TO {};", quote_name(from), quote_name(to));
}

void rename_forth(const place& p, database& maintenance) {
  std::string both;
  if (exists(maintenance, p.live)) both = rename(p.live, p.before());
  maintenance.execute("BEGIN;" + both + rename(p.staging(), p.live) + "COMMIT");
}

void rename_back(const place& p, database& maintenance) {
  maintenance.execute("BEGIN;" + rename(p.live, p.staging()) +
                      (exists(maintenance, p.before()) ? rename(p.before(), p.live) : "") +
                      "COMMIT");
}

std::filesystem::path mark(const std::filesystem::path& folder) {
  return folder / "swapping";
}
std::filesystem::path old_carts(const std::filesystem::path& folder) {
  return folder / "carts-before.jsonl";
}

}  // namespace

void prepare(const addresses& where, const std::filesystem::path& folder) {
  const auto m = check_folder(folder, where.currency);
  for (const auto& p : places(where)) {
    const auto& part = m.databases.at(p.name);
    create_staging(p, part);
    fill_staging(p, folder, part);
  }
}

void swap(const addresses& where, const std::filesystem::path& folder) {
  const auto m = check_folder(folder, where.currency);
  const auto all = places(where);
  std::vector<database> maintenance;
  for (const auto& p : all) {
    maintenance.push_back(p.maintenance());
    if (!exists(maintenance.back(), p.staging())) {
      throw std::runtime_error(fmt::format("the database {} has not been prepared", p.staging()));
    }
    expect_nobody(p, maintenance.back());
  }
  adjust(all, m.taken_at);
  {
    cart_copier copier(where.redis, old_carts(folder));
    copier.prepare();
    copier.finish();
    copier.close();
  }
  write_file(mark(folder), to_rfc3339(now()) + "\n");
  try {
    load_carts(where.redis, folder / carts_file);
    for (std::size_t i = 0; i < all.size(); ++i) rename_forth(all[i], maintenance[i]);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    maintenance.clear();
    recover(where, folder);
    throw std::runtime_error("the restore failed, and everything is as it was before");
  }
  std::filesystem::remove(mark(folder));
}

recovered recover(const addresses& where, const std::filesystem::path& folder) {
  if (!std::filesystem::exists(mark(folder))) return recovered::nothing;
  const auto all = places(where);
  std::vector<database> maintenance;
  std::vector<bool> done;
  for (const auto& p : all) {
    maintenance.push_back(p.maintenance());
    done.push_back(!exists(maintenance.back(), p.staging()));
  }
  const bool all_done = std::ranges::all_of(done, std::identity{});
  if (!all_done) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (done[i]) rename_back(all[i], maintenance[i]);
    }
    load_carts(where.redis, old_carts(folder));
  }
  std::filesystem::remove(mark(folder));
  return all_done ? recovered::finished : recovered::taken_back;
}

}  // namespace souk::backup
