#include "kit/testing/stub.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "kit/testing/http_text.hpp"
#include "kit/testing/socket.hpp"

namespace souk::testing {

using namespace std::chrono_literals;

namespace {

// `pattern`: "*" is one segment, a last "**" the rest.
bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    if (pattern == "**" || pattern == "/**") return true;
    const auto p = std::min(pattern.find('/', 1), pattern.size());
    const auto q = std::min(path.find('/', 1), path.size());
    if (path.empty() ||
        (pattern.substr(0, p) != "/*" && pattern.substr(0, p) != path.substr(0, q))) {
      return false;
    }
    pattern.remove_prefix(p);
    path.remove_prefix(q);
  }
  return path.empty();
}

struct rule {
  std::string method, path;
  std::function<stub_answer(const stub_request&)> handler;
};

std::string encode(const stub_answer& a, bool to_head) {
  std::string text = fmt::format("HTTP/1.1 {} Status\r\n", a.status);
  for (const auto& [name, value] : a.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (a.status == 204 || a.status == 304) return text + "\r\n";
  text +=
      fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n\r\n", a.content_type, a.body.size());
  return to_head ? text : text + a.body;
}

}  // namespace

struct http_stub::state {
  std::uint16_t port = 0;
  mutable std::mutex mutex;  // all below
  mutable std::condition_variable changed;
  std::vector<rule> rules;
  std::vector<stub_request> requests;
  std::set<int> open;  // connections
  socket_handle listener;
  bool stopping = false;
  std::vector<std::thread> threads;  // one for each connection
  std::thread acceptor;
  std::mutex one_handler;

  void start() {
    listener = listen_on(port);
    port = port_of(listener);
    stopping = false;
    acceptor = std::thread([this] { accept_all(); });
  }

  void stop() {
    std::vector<std::thread> running;
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      shutdown(listener.fd(), SHUT_RDWR);
      for (const int fd : open) shutdown(fd, SHUT_RDWR);
      changed.notify_all();
    }
    acceptor.join();  // then there are no more to come
    {
      const std::lock_guard lock(mutex);
      for (const int fd : open) shutdown(fd, SHUT_RDWR);
      running.swap(threads);
    }
    for (auto& thread : running) thread.join();
    listener.close();
  }

  void accept_all() {
    while (true) {
      socket_handle s(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      const std::lock_guard lock(mutex);
      if (stopping) return;
      if (!s) continue;
      open.insert(s.fd());
      threads.emplace_back([this, s = std::move(s)]() mutable {
        serve(s.fd());
        const std::lock_guard closing(mutex);
        open.erase(s.fd());
        s.close();
      });
    }
  }

  void serve(int fd) {
    std::string bytes;
    while (true) {
      auto head = parse_head(bytes);
      const auto rest = head ? std::string_view(bytes).substr(head->size) : std::string_view();
      auto body = head ? parse_body(head->headers, rest, false, false) : std::nullopt;
      if (!body) {
        if (receive_some(fd, bytes, std::chrono::steady_clock::now() + 60s) <= 0) return;
        continue;
      }
      stub_request r;
      const auto& line = head->first_line;
      const auto space = line.find(' ');
      const auto target = line.substr(space + 1, line.rfind(' ') - space - 1);
      const auto question = target.find('?');
      r.method = line.substr(0, space);
      r.path = target.substr(0, question);
      if (question != target.npos) r.query = target.substr(question + 1);
      r.headers = std::move(head->headers);
      r.body = std::move(body->text);
      bytes.erase(0, head->size + body->size);
      const bool last = r.header("Connection") == "close";
      if (!answer(fd, std::move(r)) || last) return;
    }
  }

  bool answer(int fd, stub_request r) {
    std::function<stub_answer(const stub_request&)> handler;
    {
      const std::lock_guard lock(mutex);
      requests.push_back(r);
      changed.notify_all();
      for (auto at = rules.rbegin(); at != rules.rend() && !handler; ++at) {
        if (at->method == r.method && matches(at->path, r.path)) handler = at->handler;
      }
    }
    stub_answer a{.status = 404,
                  .body = R"({"type":"/problems/not-found","title":"Not found","status":404})",
                  .content_type = "application/problem+json"};
    if (handler) {
      const std::lock_guard lock(one_handler);
      a = handler(r);
    }
    {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, a.delay, [this] { return stopping; });
      if (stopping) return false;
    }
    if (a.drop) return false;
    return send_all(fd, encode(a, r.method == "HEAD"), std::chrono::steady_clock::now() + 60s);
  }
};

std::string stub_request::header(std::string_view name) const {
  return find_header(headers, name);
}

http_stub::http_stub() : state_(std::make_unique<state>()) {
  state_->start();
}

http_stub::~http_stub() {
  stop();
}

std::uint16_t http_stub::port() const {
  return state_->port;
}
std::string http_stub::url() const {
  return fmt::format("http://127.0.0.1:{}", port());
}

void http_stub::on(std::string method, std::string path, std::vector<stub_answer> answers) {
  // Called one at a time, so the list needs no lock of its own.
  auto left = std::make_shared<std::deque<stub_answer>>(answers.begin(), answers.end());
  on(std::move(method), std::move(path), [left](const stub_request&) {
    auto next = left->front();
    if (left->size() > 1) left->pop_front();
    return next;
  });
}

void http_stub::on(std::string method, std::string path, stub_answer answer) {
  on(std::move(method), std::move(path), std::vector{std::move(answer)});
}

void http_stub::on(std::string method, std::string path,
                   std::function<stub_answer(const stub_request&)> handler) {
  const std::lock_guard lock(state_->mutex);
  state_->rules.push_back({std::move(method), std::move(path), std::move(handler)});
}

std::vector<stub_request> http_stub::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::vector<stub_request> http_stub::requests(std::string_view method,
                                              std::string_view path) const {
  auto found = requests();
  std::erase_if(
      found, [&](const stub_request& r) { return r.method != method || !matches(path, r.path); });
  return found;
}

bool http_stub::wait_for_requests(std::size_t count, std::chrono::milliseconds limit) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, limit, [&] { return state_->requests.size() >= count; });
}

void http_stub::forget_requests() {
  const std::lock_guard lock(state_->mutex);
  state_->requests.clear();
}

void http_stub::stop() {
  if (state_->listener) state_->stop();
}

void http_stub::start() {
  if (!state_->listener) state_->start();
}

}  // namespace souk::testing
