#pragma once

// A blocking connection to PostgreSQL for looking at a database from outside. Several threads may
// share one.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

struct pg_conn;

namespace souk::crash {

class database {
 public:
  explicit database(std::string url);
  ~database();
  database(const database&) = delete;

  const std::string& url() const { return url_; }

  // The rows of the last statement, NULL as "". Throws std::runtime_error with the server's words.
  // `sql` may be several statements, which are then one transaction.
  std::vector<std::vector<std::string>> rows(const std::string& sql);
  // The first cell; "" if there is none.
  std::string cell(const std::string& sql);

 private:
  struct closer {
    void operator()(pg_conn* c) const;
  };
  std::string url_;
  std::mutex mutex_;
  std::unique_ptr<pg_conn, closer> connection_;
};

}  // namespace souk::crash
