#include "kit/testing/http.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <charconv>
#include <stdexcept>

#include "kit/testing/http_text.hpp"
#include "kit/testing/socket.hpp"

namespace souk::testing {

std::string find_header(const http_headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return {};
}

std::optional<http_head> parse_head(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == bytes.npos) return std::nullopt;
  http_head head;
  head.size = end + 4;
  std::string_view lines = bytes.substr(0, end);
  const auto take_line = [&] {
    const auto stop = std::min(lines.find("\r\n"), lines.size());
    const auto line = lines.substr(0, stop);
    lines.remove_prefix(std::min(stop + 2, lines.size()));
    return line;
  };
  head.first_line = take_line();
  while (!lines.empty()) {
    const auto line = take_line();
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    head.headers.emplace_back(line.substr(0, colon), value);
  }
  return head;
}

std::optional<http_body> parse_body(const http_headers& headers, std::string_view bytes,
                                    bool until_close, bool closed) {
  const auto to_number = [](std::string_view text, int base) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
  };
  if (strcasecmp(find_header(headers, "Transfer-Encoding").c_str(), "chunked") == 0) {
    http_body body;
    for (std::size_t at = 0;;) {
      const auto line = bytes.find("\r\n", at);
      if (line == bytes.npos) return std::nullopt;
      const std::size_t size = to_number(bytes.substr(at, line - at), 16);
      at = line + 2;
      if (bytes.size() < at + size + 2) return std::nullopt;
      body.text += bytes.substr(at, size);
      at += size + 2;
      if (size == 0) {
        body.size = at;
        return body;
      }
    }
  }
  const std::string length = find_header(headers, "Content-Length");
  if (length.empty()) {
    if (!until_close) return http_body{};
    if (!closed) return std::nullopt;
    return http_body{std::string(bytes), bytes.size()};
  }
  const std::size_t size = to_number(length, 10);
  if (bytes.size() < size) return std::nullopt;
  return http_body{std::string(bytes.substr(0, size)), size};
}

namespace {

std::optional<http_answer> parse_answer(std::string_view bytes, bool to_head, bool closed) {
  while (true) {
    auto head = parse_head(bytes);
    if (!head || head->first_line.size() < 12) return std::nullopt;
    http_answer a;
    a.status = std::atoi(head->first_line.c_str() + 9);
    bytes.remove_prefix(head->size);
    if (a.status >= 100 && a.status < 200) continue;  // interim
    if (!to_head && a.status != 204 && a.status != 304) {
      auto body = parse_body(head->headers, bytes, true, closed);
      if (!body) return std::nullopt;
      a.body = std::move(body->text);
    }
    a.headers = std::move(head->headers);
    return a;
  }
}

}  // namespace

std::string http_answer::header(std::string_view name) const {
  return find_header(headers, name);
}

http_answer http_call(std::uint16_t port, std::string_view method, std::string_view path,
                      const http_headers& headers, std::string_view body,
                      std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::string request = fmt::format("{} {} HTTP/1.1\r\n", method, path);
  const auto add = [&](const char* name, std::string_view value) {
    if (find_header(headers, name).empty()) request += fmt::format("{}: {}\r\n", name, value);
  };
  add("Host", fmt::format("127.0.0.1:{}", port));
  add("Connection", "close");
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    if (find_header(headers, "Transfer-Encoding").empty()) {
      add("Content-Length", std::to_string(body.size()));
    }
    if (!body.empty()) add("Content-Type", "application/json");
  }
  for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
  request += "\r\n";
  request += body;

  const auto s = connect_to(port);
  if (!s) throw std::runtime_error(fmt::format("nobody listens on port {}", port));
  send_all(s.fd(), request, until);  // an early refusal may close before all is sent
  std::string bytes;
  while (true) {
    const long got = receive_some(s.fd(), bytes, until);
    if (auto answer = parse_answer(bytes, method == "HEAD", got <= 0)) return std::move(*answer);
    if (got <= 0) throw std::runtime_error(fmt::format("no whole answer to {} {}", method, path));
  }
}

std::string raw_http(std::uint16_t port, std::string_view bytes, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  const auto s = connect_to(port);
  if (!s) throw std::runtime_error(fmt::format("nobody listens on port {}", port));
  send_all(s.fd(), bytes, until);
  std::string answer;
  while (receive_some(s.fd(), answer, until) > 0) {
  }
  return answer;
}

std::optional<http_answer> parse_http_answer(std::string_view bytes) {
  return parse_answer(bytes, false, true);
}

}  // namespace souk::testing
