#pragma once

// Redis: hiredis for the protocol, driven by the event loop. Commands of one loop are pipelined on
// one connection, which comes back by itself. All changes are scripts: one script, one atomic step.

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kit/context.hpp"
#include "kit/task.hpp"

namespace souk {
class environment;
class event_loop;
}  // namespace souk

namespace souk::redis {

// No connection, lost, or time over. Whether a script that was sent has run is not known.
struct unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The server refused the command (error replies, also those of scripts).
struct error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct value {
  std::variant<std::nullptr_t, std::int64_t, std::string, std::vector<value>> data = nullptr;

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }
  // These throw std::bad_variant_access for another kind.
  std::int64_t integer() const { return std::get<std::int64_t>(data); }
  const std::string& text() const { return std::get<std::string>(data); }
  const std::vector<value>& list() const { return std::get<std::vector<value>>(data); }
};

// A Lua script with a name, which labels metrics and spans. Sent by its SHA-1, loaded when missing.
struct script {
  const char* name;
  const char* source;
  std::chrono::milliseconds timeout{2'000};
};

// Where Redis is:
//
//   redis://[[user]:password@]host[:port][/database]
//   rediss://...[?sslrootcert=FILE][&sslcert=FILE&sslkey=FILE]
//
// rediss is TLS (1.2 or newer), always with the server's certificate verified, also its name. As in
// libpq's URIs: `sslrootcert` is a file (PEM) of the authorities, without it (or as `system`) the
// system's count; `sslcert` and `sslkey` are for a server that wants to know its clients. The files
// are read anew for each connection.

// The variable REDIS_URL, required. What is wrong with it is complained about.
std::string url_from(environment& env);

struct settings {
  std::string url;
  std::size_t max_waiting = 10'000;  // commands under way; more fail at once
};

class client {
 public:
  client(event_loop& loop, settings s);  // throws std::invalid_argument for another kind of URL
  ~client();
  client(const client&) = delete;

  // Reads; honours the context's deadline. `name` labels metrics and spans.
  task<value> read(const context& ctx, std::string_view name, std::vector<std::string> command);
  // Runs to its end or the script's timeout.
  task<value> run(const context& ctx, const script& s, std::vector<std::string> keys,
                  std::vector<std::string> arguments);
  // A read-only script; honours the context's deadline.
  task<value> run_read(const context& ctx, const script& s, std::vector<std::string> keys,
                       std::vector<std::string> arguments);
  task<bool> alive(const context& ctx);

 private:
  struct state;
  struct call;
  std::shared_ptr<state> state_;  // shared with the operations under way
};

}  // namespace souk::redis
