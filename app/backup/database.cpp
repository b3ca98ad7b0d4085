#include "database.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

namespace souk::backup {
namespace {

std::string trimmed(const char* message) {
  std::string text = message ? message : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

}  // namespace

struct database::connection {
  PGconn* c = nullptr;
  ~connection() {
    if (c) PQfinish(c);
  }
};

database::database(const std::string& url, std::string label, const std::string& name)
    : connection_(std::make_shared<connection>()), label_(std::move(label)) {
  std::vector<const char*> keys{"dbname", "connect_timeout", "application_name"};
  std::vector<const char*> values{url.c_str(), "10", "souk-backup"};
  if (!name.empty()) {  // after the URL, so that it counts
    keys.push_back("dbname");
    values.push_back(name.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_->c = PQconnectdbParams(keys.data(), values.data(), 1);
  if (PQstatus(connection_->c) != CONNECTION_OK) {
    throw std::runtime_error(fmt::format("cannot connect to the database {}: {}", label_,
                                         trimmed(PQerrorMessage(connection_->c))));
  }
  PQsetNoticeProcessor(connection_->c, [](void*, const char*) {}, nullptr);
}

rows database::execute(const std::string& sql) {
  send(sql);
  return receive();
}

void database::send(const std::string& sql) {
  if (!PQsendQuery(connection_->c, sql.c_str())) {
    throw std::runtime_error(
        fmt::format("database {}: {}", label_, trimmed(PQerrorMessage(connection_->c))));
  }
}

rows database::execute(const std::string& sql, const std::vector<cell>& with) {
  std::vector<const char*> values;
  for (const auto& v : with) values.push_back(v ? v->c_str() : nullptr);
  if (!PQsendQueryParams(connection_->c, sql.c_str(), static_cast<int>(values.size()), nullptr,
                         values.data(), nullptr, nullptr, 0)) {
    throw std::runtime_error(
        fmt::format("database {}: {}", label_, trimmed(PQerrorMessage(connection_->c))));
  }
  return receive();
}

rows database::receive() {
  rows out;
  std::optional<sql_error> refused;
  std::optional<std::string> lost;
  while (true) {
    const result r(PQgetResult(connection_->c), &PQclear);
    if (!r) break;
    switch (PQresultStatus(r.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        out.clear();
        break;
      case PGRES_TUPLES_OK:
        out.assign(static_cast<std::size_t>(PQntuples(r.get())), {});
        for (int i = 0; i < PQntuples(r.get()); ++i) {
          for (int k = 0; k < PQnfields(r.get()); ++k) {
            auto& into = out[static_cast<std::size_t>(i)].emplace_back();
            if (!PQgetisnull(r.get(), i, k)) into = PQgetvalue(r.get(), i, k);
          }
        }
        break;
      default: {
        const char* state = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
        auto what = fmt::format("database {}: {}", label_, trimmed(PQresultErrorMessage(r.get())));
        if (state) {
          if (!refused) refused.emplace(state, what);
        } else {
          lost = std::move(what);
        }
      }
    }
  }
  if (refused) throw sql_error(*refused);
  if (lost || PQstatus(connection_->c) != CONNECTION_OK) {
    throw std::runtime_error(
        lost.value_or(fmt::format("the connection to the database {} is lost", label_)));
  }
  return out;
}

std::string database::value(const std::string& sql) {
  const auto found = execute(sql);
  return found.empty() ? "" : found.front().front().value_or("");
}

std::vector<std::pair<std::string, std::string>> database::environment() const {
  std::vector<std::pair<std::string, std::string>> out;
  PQconninfoOption* options = PQconninfo(connection_->c);
  for (auto* o = options; o && o->keyword; ++o) {
    const std::string_view keyword = o->keyword;
    if (o->envvar && o->val && *o->val && keyword != "application_name" &&
        keyword != "connect_timeout") {
      out.emplace_back(o->envvar, o->val);
    }
  }
  PQconninfoFree(options);
  return out;
}

std::string database::database_name() const {
  return PQdb(connection_->c);
}
std::string database::user() const {
  return PQuser(connection_->c);
}

std::pair<std::string, std::string> target_of(const std::string& url) {
  char* message = nullptr;
  auto* options = PQconninfoParse(url.c_str(), &message);
  if (!options) {
    const std::string why = trimmed(message);
    PQfreemem(message);
    throw std::runtime_error("not an address of a database: " + why);
  }
  std::pair<std::string, std::string> out;
  for (auto* o = options; o->keyword; ++o) {
    if (!o->val) continue;
    if (std::string_view(o->keyword) == "dbname") out.first = o->val;
    if (std::string_view(o->keyword) == "user") out.second = o->val;
  }
  PQconninfoFree(options);
  if (out.second.empty()) throw std::runtime_error("the address of a database names no user");
  if (out.first.empty()) out.first = out.second;
  return out;
}

std::string quote_name(const std::string& identifier) {
  std::string out = "\"";
  for (const char c : identifier) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

// Standard strings, in which only the quote itself is special.
std::string quote_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + '\'';
}

}  // namespace souk::backup
