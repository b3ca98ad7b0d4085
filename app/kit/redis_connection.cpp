#include "kit/redis_connection.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <boost/url/parse.hpp>
#include <charconv>

#include "kit/address_lookup.hpp"

namespace souk::redis::detail {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

address parse_url(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || (parsed->scheme() != "redis" && parsed->scheme() != "rediss") ||
      parsed->host().empty() || parsed->has_fragment()) {
    throw std::invalid_argument(
        "must be redis[s]://[[user]:password@]host[:port][/database], special characters as %XX");
  }
  address a{.host = parsed->host_address(), .user = parsed->user(), .password = parsed->password()};
  if (parsed->has_port()) {
    const std::string digits = parsed->port();
    const auto end = digits.data() + digits.size();
    const auto [stop, failed] = std::from_chars(digits.data(), end, a.port);
    if (failed != std::errc{} || stop != end || a.port == 0) {
      throw std::invalid_argument("has a port that is none");
    }
  }
  const std::string path = parsed->path();
  if (path.size() > 1) a.database = path.substr(1);
  if (a.database.find_first_not_of("0123456789") != a.database.npos) {
    throw std::invalid_argument("has a database that is not a number");
  }
  if (parsed->scheme() == "rediss") a.tls.emplace();
  // What would be passed over could be what was to make it safe, or to make it unsafe.
  for (const auto& p : parsed->params()) {
    if (!a.tls) throw std::invalid_argument("has parameters, which only rediss:// has");
    const std::string name = p.key;
    std::string file = p.value;
    if (name == "sslrootcert") {
      a.tls->authorities = file == "system" ? "" : std::move(file);
    } else if (name == "sslcert") {
      a.tls->certificate = std::move(file);
    } else if (name == "sslkey") {
      a.tls->key = std::move(file);
    } else {
      throw std::invalid_argument("has a parameter other than sslrootcert, sslcert and sslkey");
    }
  }
  if (a.tls && a.tls->certificate.empty() != a.tls->key.empty()) {
    throw std::invalid_argument("has sslcert without sslkey, or the reverse");
  }
  return a;
}

std::string encode(const std::vector<std::string>& words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> lengths;
  for (const auto& word : words) {
    starts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* text = nullptr;
  const int length =
      redisFormatCommandArgv(&text, static_cast<int>(words.size()), starts.data(), lengths.data());
  if (length < 0) throw std::bad_alloc();
  std::string command(text, static_cast<std::size_t>(length));
  redisFreeCommand(text);
  return command;
}

namespace {

constexpr std::string_view nobody_asked = "an answer without a question";

// An error inside a list makes the whole an error: `failure` is the first.
value to_value(const redisReply& r, std::string& failure) {
  switch (r.type) {
    case REDIS_REPLY_INTEGER:
      return {std::int64_t{r.integer}};
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_STRING:
      return {std::string(r.str, static_cast<std::size_t>(r.len))};
    case REDIS_REPLY_ARRAY: {
      std::vector<value> list;
      list.reserve(r.elements);
      for (std::size_t i = 0; i < r.elements; ++i) {
        list.push_back(to_value(*r.element[i], failure));
      }
      return {std::move(list)};
    }
    case REDIS_REPLY_ERROR:
      // An error without a text is one, too.
      if (failure.empty()) failure.assign(r.str, static_cast<std::size_t>(r.len));
      if (failure.empty()) failure = "ERR";
      return {};
    default:
      return {};
  }
}

}  // namespace

struct connection::operation {
  explicit operation(const executor& on) : answered(on) {}
  asio::steady_timer answered;  // ends early when the answer is there
  bool finished = false;
  bool abandoned = false;  // nobody waits any more
  reply outcome;

  void finish(fate what) {
    outcome.what = what;
    finished = true;
    answered.cancel();
  }
};

// What TLS needs for one connection; OpenSSL's part of Asio stays in this file.
struct connection::secured {
  secured(tcp::socket& socket, const address& to)
      : context(souk::tls::make_context(*to.tls).release()), stream(socket, context) {
    souk::tls::expect_host(stream.native_handle(), to.host);
  }
  asio::ssl::context context;
  asio::ssl::stream<tcp::socket&> stream;
};

connection::connection(executor on)
    : executor_(on), socket_(on), reader_(redisReaderCreate(), &redisReaderFree) {
  if (!reader_) throw std::bad_alloc();
}

connection::~connection() = default;

task<std::shared_ptr<connection>> connection::open(executor on, address to,
                                                   std::string client_name) {
  const std::shared_ptr<connection> c(new connection(on));
  const auto until = steady_clock::now() + connect_timeout;
  // Closes the socket under whatever step is under way.
  asio::steady_timer limit(on, until);
  limit.async_wait([weak = std::weak_ptr(c)](error_code ec) {
    const auto self = weak.lock();
    if (self && !ec && !self->connected_) self->close();
  });
  try {
    co_await c->connect(to);
  } catch (const boost::system::system_error& e) {
    c->close();
    if (steady_clock::now() < until) {
      throw unavailable("no connection to Redis: " + e.code().message());
    }
    throw unavailable(c->tls_ ? "no connection to Redis in time: no TLS handshake; does it speak "
                                "TLS on this port?"
                              : "no connection to Redis in time");
  }
  c->connected_ = true;
  limit.cancel();
  co_await c->introduce(to, client_name, until);
  co_return c;
}

task<> connection::connect(address to) {
  const auto addresses =
      co_await souk::detail::look_up(to.host, steady_clock::now() + connect_timeout);
  error_code ec = asio::error::host_not_found;
  for (const auto& a : addresses) {
    const tcp::endpoint endpoint(asio::ip::make_address(a), to.port);
    if (retired_) break;  // closed by the time limit
    socket_ = tcp::socket(executor_);
    std::tie(ec) = co_await socket_.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    if (!ec) break;
  }
  if (ec) throw boost::system::system_error(ec);
  socket_.set_option(tcp::no_delay(true));
  socket_.set_option(asio::socket_base::keep_alive(true));
  if (to.tls) co_await shake_hands(to);
  read();
}

task<> connection::shake_hands(const address& to) {
  try {
    tls_ = std::make_unique<secured>(socket_, to);
  } catch (const std::runtime_error& e) {
    throw unavailable(fmt::format("no connection to Redis: {}", e.what()));
  }
  auto [ec] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::client,
                                                    asio::as_tuple(asio::use_awaitable));
  if (!ec) co_return;
  if (ec.category() == asio::error::get_system_category()) throw boost::system::system_error(ec);
  const auto error = ec.category() == asio::error::get_ssl_category() ? ec.value() : 0;
  throw unavailable(fmt::format("no connection to Redis: {}",
                                souk::tls::explain(tls_->stream.native_handle(), to.host,
                                                   static_cast<unsigned long>(error))));
}

task<> connection::introduce(address to, std::string client_name, time_point until) {
  std::vector<std::vector<std::string>> commands;
  if (!to.password.empty() || !to.user.empty()) {
    commands.push_back({"AUTH"});
    if (!to.user.empty()) commands.back().push_back(to.user);
    commands.back().push_back(to.password);
  }
  if (!to.database.empty()) commands.push_back({"SELECT", to.database});
  commands.push_back({"CLIENT", "SETNAME", client_name});
  for (const auto& words : commands) {
    const reply r = co_await exchange(encode(words), until);
    if (r.what == fate::done) continue;
    // The name is for who looks at the server; a user who may not give one can work all the same.
    if (r.what == fate::refused && words.front() == "CLIENT" && r.message.starts_with("NOPERM")) {
      continue;
    }
    close();
    if (r.what == fate::refused) {
      throw unavailable(fmt::format("Redis refuses {}: {}", words.front(), r.message));
    }
    throw unavailable(fmt::format(
        "Redis does not answer: {}{}", r.message,
        r.what == fate::lost && !to.tls ? "; where it speaks TLS, the URL is rediss://..." : ""));
  }
}

// Whoever stops waiting early, in whatever way, makes the connection useless for others.
class connection::watcher {
 public:
  watcher(connection& c, operation& op) : connection_(c), operation_(op) {}
  watcher(const watcher&) = delete;
  ~watcher() {
    if (operation_.finished) return;
    operation_.abandoned = true;
    connection_.retire();
  }

 private:
  connection& connection_;
  operation& operation_;
};

task<reply> connection::exchange(std::string command, time_point until) {
  if (!usable()) co_return reply{.message = "the connection is closed"};
  const auto self = shared_from_this();
  const auto op = std::make_shared<operation>(executor_);
  const watcher watched(*this, *op);
  operations_.push_back(op);
  ++unsent_;
  outgoing_ += command;
  if (!writing_) write();
  if (!op->finished) {
    op->answered.expires_at(until);
    auto [ec] = co_await op->answered.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!op->finished) {
      if (ec) throw boost::system::system_error(ec);
      co_return reply{.what = fate::late, .message = "no answer in time"};
    }
  }
  co_return std::move(op->outcome);
}

// What comes while one write is under way goes with the next.
void connection::write() {
  writing_ = true;
  unsent_ = 0;
  sending_.clear();
  sending_.swap(outgoing_);
  auto written = [self = shared_from_this()](error_code ec, std::size_t) {
    self->writing_ = false;
    if (!self->is_open()) return;
    if (ec) return self->lose(ec.message());
    if (!self->outgoing_.empty()) self->write();
  };
  if (tls_) {
    asio::async_write(tls_->stream, asio::buffer(sending_), std::move(written));
  } else {
    asio::async_write(socket_, asio::buffer(sending_), std::move(written));
  }
}

void connection::read() {
  auto received = [self = shared_from_this()](error_code ec, std::size_t bytes) {
    if (!self->is_open()) return;
    if (ec) return self->lose(ec.message());
    self->feed(bytes);
    if (self->is_open()) self->read();
  };
  if (tls_) {
    tls_->stream.async_read_some(asio::buffer(incoming_), std::move(received));
  } else {
    socket_.async_read_some(asio::buffer(incoming_), std::move(received));
  }
}

void connection::feed(std::size_t bytes) {
  // Not even the beginning of an answer: the rest would become part of the next one's.
  if (operations_.empty()) return lose(nobody_asked);
  reply_bytes_ += bytes;
  redisReaderFeed(reader_.get(), incoming_.data(), bytes);
  while (is_open()) {
    void* raw = nullptr;
    if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
      return lose("the answer is not in Redis's protocol");
    }
    if (!raw) break;
    const std::unique_ptr<void, decltype(&freeReplyObject)> owned(raw, &freeReplyObject);
    reply_bytes_ = 0;
    answer(static_cast<redisReply*>(raw));
    if (operations_.empty() && reader_->pos < reader_->len) return lose(nobody_asked);
  }
  if (is_open() && reply_bytes_ > max_reply_bytes) lose("the answer is too large");
}

void connection::answer(redisReply* raw) {
  if (operations_.empty()) return lose(nobody_asked);
  const auto op = std::move(operations_.front());
  operations_.pop_front();
  unsent_ = std::min(unsent_, operations_.size());
  op->outcome.value = to_value(*raw, op->outcome.message);
  op->finish(op->outcome.message.empty() ? fate::done : fate::refused);
  if (retired_) retire();
}

void connection::lose(std::string_view why) {
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    auto& op = *operations_[i];
    op.outcome.message = why;
    op.finish(i + unsent_ < operations_.size() ? fate::lost : fate::not_sent);
  }
  operations_.clear();
  unsent_ = 0;
  close();
}

void connection::retire() {
  retired_ = true;
  if (std::ranges::all_of(operations_, [](const auto& op) { return op->abandoned; })) close();
}

void connection::close() {
  retired_ = true;
  if (!operations_.empty()) return lose("the connection was closed");
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace souk::redis::detail
