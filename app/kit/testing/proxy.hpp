#pragma once

// A TCP proxy that breaks connections on purpose, between a program under test and a server.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace souk::testing {

// Works in a thread of its own; all members may be called from any thread and take effect before
// they return. Starts by passing everything on.
class tcp_proxy {
 public:
  explicit tcp_proxy(std::uint16_t target_port);
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;

  std::uint16_t port() const;

  void pass();       // ends refuse(), blackhole() and delay(); what was held back is passed on
  void cut();        // resets all open connections; new ones pass
  void refuse();     // resets all open connections and refuses new ones
  void blackhole();  // connections stay open and are accepted, but nothing passes either way
  void delay(std::chrono::milliseconds each_way);
  void half_close();  // ends the server's side of all open connections; clients may go on sending

  // For the next client bytes that contain `pattern`, also across packets: the connection is reset
  // *before* they reach the server (it never sees them) ...
  void lose_request(std::string pattern);
  // ... or they are passed on and the connection is reset once the server has answered (the answer
  // is lost). Each acts once.
  void lose_answer(std::string pattern);

  std::size_t open_connections() const;
  std::size_t accepted() const;  // since the start
  bool has_struck() const;       // whether the last lose_...() has acted

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace souk::testing
