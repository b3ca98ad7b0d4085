#include "database.hpp"

#include <libpq-fe.h>

#include <stdexcept>

namespace souk::crash {

void database::closer::operator()(pg_conn* c) const {
  PQfinish(c);
}

database::database(std::string url) : url_(std::move(url)), connection_(PQconnectdb(url_.c_str())) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  }
}

database::~database() = default;

std::vector<std::vector<std::string>> database::rows(const std::string& sql) {
  const std::lock_guard lock(mutex_);
  const std::unique_ptr<PGresult, decltype(&PQclear)> r(PQexec(connection_.get(), sql.c_str()),
                                                        &PQclear);
  const auto status = PQresultStatus(r.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(std::string(PQerrorMessage(connection_.get())) + " in: " + sql);
  }
  std::vector<std::vector<std::string>> out(static_cast<std::size_t>(PQntuples(r.get())));
  for (int row = 0; row < PQntuples(r.get()); ++row) {
    for (int column = 0; column < PQnfields(r.get()); ++column) {
      out[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(r.get(), row, column));
    }
  }
  return out;
}

std::string database::cell(const std::string& sql) {
  const auto all = rows(sql);
  return all.empty() || all.front().empty() ? "" : all.front().front();
}

}  // namespace souk::crash
