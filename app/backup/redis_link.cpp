#include "redis_link.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "kit/redis_connection.hpp"
#include "kit/tls.hpp"

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

// hiredis connects and knows the protocol. What goes over the socket goes through here: Debian's
// hiredis knows nothing of TLS.
struct redis_link::connection {
  redisContext* c = nullptr;
  tls::context context;
  SSL* session = nullptr;  // null: without TLS
  std::string outgoing;

  ~connection() {
    if (session) SSL_free(session);
    if (c) redisFree(c);
  }

  void shake_hands(const tls::settings& settings, const std::string& host) {
    context = tls::make_context(settings);
    session = SSL_new(context.get());
    if (!session || SSL_set_fd(session, c->fd) != 1) throw std::runtime_error("no TLS session");
    tls::expect_host(session, host);
    ERR_clear_error();
    const int done = SSL_connect(session);
    if (done == 1) return;
    const auto error = ERR_peek_error();
    if (is_late(SSL_get_error(session, done))) {
      throw std::runtime_error(
          "cannot connect to Redis: no TLS handshake in time; does it speak TLS on this port?");
    }
    throw std::runtime_error(
        fmt::format("cannot connect to Redis: {}", tls::explain(session, host, error)));
  }

  // The socket blocks, and gives up when its limit is over.
  static bool is_late(int why) { return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE; }

  [[noreturn]] static void lost(const std::string& why) {
    throw std::runtime_error(fmt::format("the connection to Redis is lost: {}", why));
  }

  // `n` of SSL_read or SSL_write, or of recv or send.
  void expect_moved(ssize_t n) {
    if (n > 0) return;
    if (!session) {
      const bool late = errno == EAGAIN || errno == EWOULDBLOCK;
      lost(n == 0 ? "the server ended it" : late ? "no answer in time" : std::strerror(errno));
    }
    const auto error = ERR_peek_error();
    if (is_late(SSL_get_error(session, static_cast<int>(n)))) lost("no answer in time");
    const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
    lost(reason ? reason : "the server ended it");
  }

  void flush() {
    while (!outgoing.empty()) {
      ssize_t n;
      do {
        ERR_clear_error();
        n = session ? SSL_write(session, outgoing.data(),
                                static_cast<int>(std::min<std::size_t>(outgoing.size(), 1 << 20)))
                    : ::send(c->fd, outgoing.data(), outgoing.size(), MSG_NOSIGNAL);
      } while (n < 0 && !session && errno == EINTR);
      expect_moved(n);
      outgoing.erase(0, static_cast<std::size_t>(n));
    }
  }

  void fill() {
    char buffer[16 * 1024];
    ssize_t n;
    do {
      ERR_clear_error();
      n = session ? SSL_read(session, buffer, sizeof buffer)
                  : ::recv(c->fd, buffer, sizeof buffer, 0);
    } while (n < 0 && !session && errno == EINTR);
    expect_moved(n);
    redisReaderFeed(c->reader, buffer, static_cast<std::size_t>(n));
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
  if (to.tls) connection_->shake_hands(*to.tls, to.host);
  if (!to.password.empty() || !to.user.empty()) {
    ask(to.user.empty() ? words{"AUTH", to.password} : words{"AUTH", to.user, to.password});
  }
  if (!to.database.empty()) ask({"SELECT", to.database});
}

void redis_link::send(const words& command) {
  connection_->outgoing += redis::detail::encode(command);
}

redis_reply redis_link::receive() {
  connection_->flush();
  void* got = nullptr;
  for (;;) {
    if (redisReaderGetReply(connection_->c->reader, &got) != REDIS_OK) {
      connection::lost("the answer is not in Redis's protocol");
    }
    if (got) break;
    connection_->fill();
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
