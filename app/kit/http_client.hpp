#pragma once

// Calls to another service.
//
// Failures are of two kinds. A *problem* is an answer: the callee understood and refused (4xx);
// it is a value. Everything else (no connection, time over, 5xx, 429, breaker open, an answer that
// is not what was agreed) is `call_failed`, an exception: whether the callee did the work is then
// unknown, except where `never_sent` says that it cannot have.

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kit/context.hpp"
#include "kit/http.hpp"
#include "kit/json.hpp"
#include "kit/task.hpp"

namespace souk {
class event_loop;
}

namespace souk::http {

struct call_failed : std::runtime_error {
  call_failed(std::string upstream, std::string what, bool never_sent)
      : std::runtime_error(upstream + ": " + what),
        upstream(std::move(upstream)),
        never_sent(never_sent) {}
  std::string upstream;
  bool never_sent;  // the callee cannot have seen the request
  int status = 0;   // of the answer that was the failure; 0 when none came
};

// A refusal by the callee.
struct refusal {
  int status;
  std::string type;  // the last part of the problem's type, e.g. "out-of-stock"; empty if none
  std::string detail;
  std::string body;  // the whole document

  // An extension member of the problem document; nothing if absent or of another form.
  template <class T>
  std::optional<T> extension(std::string_view name) const;
};

struct call {
  http::method method = method::get;
  std::string path;  // with query; encode parts with url_encode
  std::string body{};
  std::chrono::milliseconds timeout{2'000};  // the deadline of the context cuts it further
  std::vector<std::pair<std::string, std::string>> headers{};

  call&& header(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
  call&& within(std::chrono::milliseconds t) && {
    timeout = t;
    return std::move(*this);
  }
};
call get(std::string path);
template <class T>
call post(std::string path, const T& body) {
  return {.method = method::post, .path = std::move(path), .body = json::write(body)};
}
std::string url_encode(std::string_view part);

struct upstream {
  std::string name;                                            // "inventory"
  std::string url;                                             // http://host:port
  std::vector<std::pair<std::string, std::string>> headers{};  // sent with each call: credentials
  std::size_t max_connections = 32;                            // per event loop
  std::size_t max_waiting = 256;  // callers that wait for a connection; more fail at once
  // For whoever measures or judges the upstream: every answer counts as one, also 5xx and 429;
  // there is no breaker, nothing is repeated, and connecting may take 2 s instead of 0.4 s, as a
  // browser waits longer, too.
  bool as_it_is = false;
};

struct answer {
  int status;
  std::string body;
  std::string etag;  // without quotes
  std::optional<std::chrono::seconds> retry_after{};
};

// One upstream of one event loop: a pool of connections (at most 30 s old), a circuit breaker and a
// retry budget. Reads (GET, HEAD) are repeated within the budget when the connection failed; writes
// never are. Passes on trace, deadline, request id and bucket. A connection whose call did not run
// to its end is closed. Must be destroyed before the loop; calls under way may outlive it.
class client {
 public:
  // Throws std::invalid_argument when the URL is not http://host:port.
  client(event_loop& loop, upstream to);
  ~client();
  client(const client&) = delete;

  // Any status below 500 except 429 as it came (with `as_it_is` these, too). Throws call_failed,
  // and for reads deadline_exceeded when it was the context's time that ran out. Answers are
  // bounded to 8 MiB. Throws std::invalid_argument for a path or header that could not stand in a
  // request.
  task<answer> send(const context& ctx, call c);
  // 2xx read as T; other answers as `refusal`. Throws as above, also for a body that is no T
  // (unknown fields are ignored here: the callee may be newer).
  template <class T>
  task<std::expected<T, refusal>> call_for(const context& ctx, http::call c);
  // Reads an answer of lines (application/x-ndjson) piece by piece; `line` is called for each. The
  // call's timeout is that of each wait, not of the whole; a line is bounded to 1 MiB. Any status
  // but 2xx is call_failed.
  task<> stream_lines(const context& ctx, http::call c, std::function<void(std::string_view)> line);

  const std::string& name() const;

 private:
  struct state;
  class observation;
  std::shared_ptr<state> state_;
};

}  // namespace souk::http

#include "kit/http_client_impl.hpp"
