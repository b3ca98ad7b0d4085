#pragma once

// A blocking connection to PostgreSQL, for programs that do one thing after the other. Throws
// sql_error for what the server refuses and std::runtime_error for a connection that is lost.

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace souk::backup {

struct sql_error : std::runtime_error {
  sql_error(std::string state, const std::string& what)
      : std::runtime_error(what), sqlstate(std::move(state)) {}
  std::string sqlstate;
};

using cell = std::optional<std::string>;
using row = std::vector<cell>;
using rows = std::vector<row>;

class database {
 public:
  // `url`: a libpq URI; `name`: another database of the same server. `label` is for messages.
  database(const std::string& url, std::string label, const std::string& name = {});

  // One or several statements, as text; the rows of the last one.
  rows execute(const std::string& sql);
  // One statement with $1, $2 ...
  rows execute(const std::string& sql, const std::vector<cell>& with);
  // The first cell; empty for NULL or no row.
  std::string value(const std::string& sql);
  // The same in two halves, so that several servers work at once.
  void send(const std::string& sql);
  rows receive();

  // How a program of PostgreSQL's own finds this database: variables for its environment.
  std::vector<std::pair<std::string, std::string>> environment() const;
  std::string database_name() const;
  std::string user() const;
  const std::string& label() const { return label_; }

 private:
  struct connection;
  std::shared_ptr<connection> connection_;
  std::string label_;
};

// The database and the role that a URL names. Throws std::runtime_error if it is none.
std::pair<std::string, std::string> target_of(const std::string& url);

std::string quote_name(const std::string& identifier);
std::string quote_text(const std::string& text);

}  // namespace souk::backup
