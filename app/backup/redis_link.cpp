#include "redis_link.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <stdexcept>

#include "kit/redis_connection.hpp"

namespace souk::backup {
namespace {

timeval to_timeval(std::chrono::milliseconds t) {
  return {.tv_sec = t.count() / 1000, .tv_usec = (t.count() % 1000) * 1000};
}

redis_reply to_reply(const redisReply& r) {
  redis_reply out;
  switch (r.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      out.what = redis_reply::kind::text;
      out.text.assign(r.str, r.len);
      break;
    case REDIS_REPLY_ERROR:
      out.what = redis_reply::kind::error;
      out.text.assign(r.str, r.len);
      break;
    case REDIS_REPLY_INTEGER:
      out.what = redis_reply::kind::number;
      out.number = r.integer;
      break;
    case REDIS_REPLY_ARRAY:
      out.what = redis_reply::kind::list;
      for (std::size_t i = 0; i < r.elements; ++i) out.list.push_back(to_reply(*r.element[i]));
      break;
    default:
      break;
  }
  return out;
}

}  // namespace

struct redis_link::connection {
  redisContext* c = nullptr;
  ~connection() {
    if (c) redisFree(c);
  }
};

redis_link::redis_link(const std::string& url, std::chrono::milliseconds limit)
    : connection_(std::make_shared<connection>()) {
  const auto to = redis::detail::parse_url(url);
  connection_->c = redisConnectWithTimeout(to.host.c_str(), to.port, to_timeval(limit));
  if (!connection_->c || connection_->c->err) {
    throw std::runtime_error(fmt::format("cannot connect to Redis: {}",
                                         connection_->c ? connection_->c->errstr : "no memory"));
  }
  redisSetTimeout(connection_->c, to_timeval(limit));
  if (!to.password.empty()) {
    ask(to.user.empty() ? words{"AUTH", to.password} : words{"AUTH", to.user, to.password});
  }
  if (!to.database.empty()) ask({"SELECT", to.database});
}

void redis_link::send(const words& command) {
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const auto& w : command) {
    pointers.push_back(w.data());
    sizes.push_back(w.size());
  }
  redisAppendCommandArgv(connection_->c, static_cast<int>(command.size()), pointers.data(),
                         sizes.data());
}

redis_reply redis_link::receive() {
  void* got = nullptr;
  if (redisGetReply(connection_->c, &got) != REDIS_OK || !got) {
    throw std::runtime_error(
        fmt::format("the connection to Redis is lost: {}", connection_->c->errstr));
  }
  const std::unique_ptr<void, decltype(&freeReplyObject)> held(got, &freeReplyObject);
  return to_reply(*static_cast<redisReply*>(got));
}

redis_reply redis_link::ask(const words& command) {
  send(command);
  auto got = receive();
  if (got.what == redis_reply::kind::error) {
    throw std::runtime_error(fmt::format("Redis refused {}: {}", command.front(), got.text));
  }
  return got;
}

std::vector<redis_reply> redis_link::ask_all(const std::vector<words>& commands) {
  for (const auto& c : commands) send(c);
  std::vector<redis_reply> out;
  std::string error;
  for (const auto& c : commands) {
    out.push_back(receive());
    if (out.back().what == redis_reply::kind::error && error.empty()) {
      error = fmt::format("Redis refused {}: {}", c.front(), out.back().text);
    }
  }
  if (!error.empty()) throw std::runtime_error(error);
  return out;
}

}  // namespace souk::backup
