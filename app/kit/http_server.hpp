#pragma once

// The HTTP/1.1 server of one event loop. run_service (kit/service.hpp) makes one for each loop; a
// test makes its own:
//
//   event_loop loop("test");
//   loop.routes().on<...>(...);
//   http::server server(loop, {.sessions = ..., .callers = ...});   // listens on a free port
//   std::thread thread([&] { loop.run_until_complete(server.serve()); });
//   ... requests to 127.0.0.1:server.port() ...
//   server.drain();                                                  // serve() ends
//   thread.join();

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kit/http.hpp"
#include "kit/security.hpp"
#include "kit/task.hpp"

namespace souk {
class event_loop;
}

namespace souk::http {

struct server_limits {
  std::size_t header = 16 * 1024;      // bytes of request line and header fields; 431 above
  std::size_t connections = 10'000;    // 64 more for one request each, to operators' routes
  std::size_t requests = 256;          // under way at once; all but the next
  std::size_t service_requests = 256;  // what services write, going on with work begun
  std::size_t event_streams = 1'000;
  std::size_t event_streams_of_one = 10;             // caller
  std::chrono::milliseconds header_time{10'000};     // from its first byte to the last
  std::chrono::milliseconds body_time{10'000};       // plus what `rate` grants for what has come
  std::chrono::milliseconds write_time{30'000};      // likewise for what has gone
  std::size_t rate = 500;                            // bytes a second
  std::chrono::milliseconds idle_time{75'000};       // between requests
  std::chrono::milliseconds events_silence{15'000};  // until a comment is sent
};

struct server_settings {
  std::string host = "127.0.0.1";                  // an address of this machine
  std::uint16_t port = 0;                          // 0: a free one
  bool shared_port = false;                        // several loops listen on one port
  std::shared_ptr<security::verifier> sessions{};  // without: no token is valid
  security::accepted_callers callers{};
  std::vector<std::string> public_origins{};
  std::string instance = "local";  // part of the cookies' names
  int trusted_proxies = 1;
  server_limits limits{};
};

class server {
 public:
  // Binds and listens; throws std::runtime_error with a sentence for the operator. The routes of
  // the loop must be complete when serve() starts.
  server(event_loop& loop, server_settings s);
  ~server();
  server(const server&) = delete;

  std::uint16_t port() const;

  // Answers until a drain has ended.
  task<> serve();

  // Begins the drain; from any thread. Every answer closes its connection, event streams end; after
  // `delay` no connection is accepted and idle ones are closed; what is still under way after
  // `limit` is cut off.
  void drain(std::chrono::milliseconds delay = {},
             std::chrono::milliseconds limit = std::chrono::seconds(15));

  // While held, all but operators' routes answer 503 with this detail, a constant; empty: not held.
  // From any thread.
  void hold(std::string_view why);

  struct state;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace souk::http
