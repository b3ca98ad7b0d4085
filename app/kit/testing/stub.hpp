#pragma once

// A scripted HTTP server: the fake of a collaborator.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace souk::testing {

struct stub_request {
  std::string method;
  std::string path;   // without the query
  std::string query;  // without "?"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // Without regard to case; empty if absent.
  std::string header(std::string_view name) const;
};

struct stub_answer {
  int status = 200;
  std::string body = "{}";
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::chrono::milliseconds delay{0};  // before it is sent
  bool drop = false;                   // close the connection instead of answering
};

// Works in threads of its own; members may be called from any thread. Keeps connections alive.
// A request that nothing matches gets a 404 problem document.
class http_stub {
 public:
  http_stub();
  ~http_stub();
  http_stub(const http_stub&) = delete;

  std::uint16_t port() const;
  std::string url() const;  // http://127.0.0.1:port

  // `path` without query; "*" stands for one segment, a last "**" for the rest. The newest match
  // wins. Several answers are given in turn, the last one for ever.
  void on(std::string method, std::string path, std::vector<stub_answer> answers);
  void on(std::string method, std::string path, stub_answer answer);
  // Called on the stub's threads, one at a time.
  void on(std::string method, std::string path,
          std::function<stub_answer(const stub_request&)> handler);

  // All that came, in order.
  std::vector<stub_request> requests() const;
  // Those of one method and path pattern.
  std::vector<stub_request> requests(std::string_view method, std::string_view path) const;
  // False when fewer than `count` have come after `limit`.
  bool wait_for_requests(std::size_t count, std::chrono::milliseconds limit) const;
  void forget_requests();

  void stop();   // connections are closed, new ones refused
  void start();  // on the same port

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace souk::testing
