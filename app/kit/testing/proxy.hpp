#pragma once

// A TCP proxy that breaks connections on purpose, between a program under test and a server.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace souk::testing {

// Works in a thread of its own; all members may be called from any thread and take effect before
// they return. Starts by passing everything on. Faults of several kinds add up until pass().
class tcp_proxy {
 public:
  // Listens on 127.0.0.1, on a free port unless one is given.
  explicit tcp_proxy(std::uint16_t target_port, std::uint16_t own_port = 0);
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;

  std::uint16_t port() const;

  // Ends refuse(), blackhole(), delay(), throttle() and cut_after(); what was held back is passed
  // on.
  void pass();
  void cut();        // resets all open connections; new ones pass
  void refuse();     // resets all open connections and refuses new ones
  void blackhole();  // connections stay open and are accepted, but nothing passes either way
  // Everything comes later by `each_way` and, at random, up to `jitter` more; in order.
  void delay(std::chrono::milliseconds each_way, std::chrono::milliseconds jitter = {});
  void throttle(std::size_t bytes_per_second);  // of each connection, each way
  // Each connection is reset as soon as the server has sent so many more bytes, which still come.
  void cut_after(std::size_t bytes);
  void half_close();  // ends the server's side of all open connections; clients may go on sending
  // Ends the clients' side: the server is told that nothing more will come and may go on sending,
  // while the clients don't know and what they send is dropped.
  void half_close_clients();

  // For the next client bytes that contain `pattern`, also across packets: the connection is reset
  // *before* they reach the server (it never sees them) ...
  void lose_request(std::string pattern);
  // ... or they are passed on and the connection is reset once the server has answered (the answer
  // is lost). Each acts once, and not at all with an empty pattern.
  void lose_answer(std::string pattern);

  std::size_t open_connections() const;
  std::size_t accepted() const;  // since the start
  bool has_struck() const;       // whether the last lose_...() has acted
  // On how many connections the fault that was set last has acted.
  std::size_t touched() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace souk::testing
