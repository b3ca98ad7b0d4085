#pragma once

// Real servers for integration tests: PostgreSQL and Redis of the test process's own, on free ports
// and in a temporary folder, stopped and removed when the process ends, however it ends.
//
//   const std::string url = testing::fresh_database(order::migrations);
//
// Everything here blocks and throws std::runtime_error, with the server's log, when it fails.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kit/postgres.hpp"

namespace souk::testing {

// A port on 127.0.0.1 that was free a moment ago.
std::uint16_t free_port();

// The same URL through another port of 127.0.0.1, such as a tcp_proxy's.
std::string via(std::string_view url, std::uint16_t port);

// For servers that speak TLS: the files of a certificate and its key, and, if clients must show one
// of theirs, of who vouches for those (certificates.hpp makes such files).
struct server_tls {
  std::filesystem::path certificate, key, client_authorities;
};

// A program that a test has started; a child of the test process.
class server_process {
 public:
  server_process() = default;
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  void start(const std::vector<std::string>& command, const std::string& user,
             const std::filesystem::path& log);
  // Sends the signal and waits for the end; nothing if it doesn't run.
  void end(int signal);
  void send(int signal);
  bool running();
  pid_t pid() const { return pid_; }

 private:
  void forget();
  std::filesystem::path pid_file_;
  pid_t pid_ = -1;
};

class postgres_server {
 public:
  postgres_server();  // makes a cluster and starts it
  ~postgres_server();

  std::uint16_t port() const { return port_; }
  // URI for the ordinary role that owns the databases of fresh_database().
  std::string url(std::string_view database) const;

  // From now on TLS is offered, too, with this certificate.
  void use_tls(const server_tls& files);

  void stop();   // as an operator does; open connections are ended
  void kill9();  // as the kernel does, all its processes at once
  void start();  // after stop() or kill9(); returns once it answers
  void pause();  // SIGSTOP to all its processes: connections stay open, nothing answers
  void resume();

  // As superuser, on a connection of their own.
  void execute(std::string_view database, const std::string& sql);
  std::string query(std::string_view database, const std::string& sql);  // first cell; NULL is ""

 private:
  std::vector<pid_t> signal_all(int signal);
  std::filesystem::path folder_;
  std::uint16_t port_;
  server_process process_;
};

class redis_server {
 public:
  explicit redis_server(std::string password = "");
  explicit redis_server(server_tls files);  // on a port of its own, besides the other
  ~redis_server();

  std::uint16_t port() const { return port_; }
  std::uint16_t tls_port() const { return tls_port_; }
  std::string url() const;

  void stop();
  void kill9();
  void start();  // what was acknowledged is still there: appendfsync always
  void pause();
  void resume();

  // For the next start.
  void use(server_tls files) { tls_ = std::move(files); }

  // Blocking; the reply as redis-cli shows it, without quotes. Without TLS.
  std::string command(const std::vector<std::string>& words);

 private:
  std::filesystem::path folder_;
  std::string password_;
  server_tls tls_;
  std::uint16_t port_, tls_port_ = 0;
  server_process process_;
};

// The process's own servers, started at first use.
postgres_server& postgres();
redis_server& redis();

// URL of a new, migrated database; a copy of one that is migrated once.
std::string fresh_database(std::span<const pg::migration> migrations = {});
// URL of the process's Redis, emptied.
std::string fresh_redis();

}  // namespace souk::testing
