#include "kit/http_streams.hpp"

#include <array>
#include <charconv>

#include "kit/id.hpp"

namespace souk::http::detail {

namespace asio = boost::asio;

// ---------------------------------------------------------------------------------------------

upload::upload(connection& c, std::size_t limit) : c_(c) {
  c_.parser_->read_body_to(&piece_, limit);
}

task<std::optional<std::string_view>> upload::read() {
  piece_.clear();
  if (c_.parser_->is_done()) co_return std::nullopt;
  co_await c_.read_body_piece();
  c_.enter(connection::phase::handling);
  if (piece_.empty()) co_return std::nullopt;  // the end, after the last piece
  co_return piece_;
}

// ---------------------------------------------------------------------------------------------

void chunked_answer::header(std::string name, std::string value) {
  headers_.emplace_back(std::move(name), std::move(value));
}

task<> chunked_answer::begin() {
  if (c_.answered_) co_return;
  const bool chunked = c_.head_->is_http_11();
  if (!chunked) c_.keep_alive_ = false;
  c_.begin_head(200);
  c_.add_field("Content-Type", type_);
  if (chunked) c_.add_field("Transfer-Encoding", "chunked");
  c_.add_fields(headers_);
  c_.end_head();
  co_await c_.write_text(c_.out_);
  if (c_.is_head_) throw head_only();
}

task<> chunked_answer::write(std::string_view data) {
  co_await begin();
  if (data.empty()) co_return;  // an empty chunk would be the end
  c_.sent_ += data.size();
  if (!c_.head_->is_http_11()) co_return co_await c_.write_text(data);
  char size[20];
  auto end = std::to_chars(size, size + 16, data.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const std::array parts{asio::const_buffer(size, static_cast<std::size_t>(end - size)),
                         asio::const_buffer(data.data(), data.size()),
                         asio::const_buffer("\r\n", 2)};
  co_await c_.write(parts);
}

task<> chunked_answer::finish() {
  co_await begin();
  if (c_.head_->is_http_11()) co_await c_.write_text("0\r\n\r\n");
}

// ---------------------------------------------------------------------------------------------

void line_stream::header(std::string name, std::string value) {
  answer_.header(std::move(name), std::move(value));
}
task<> line_stream::write(std::string_view data) {
  return answer_.write(data);
}
task<> line_stream::finish() {
  return answer_.finish();
}
bool line_stream::draining() const {
  return c_.server_->draining;
}

// ---------------------------------------------------------------------------------------------

server_sent_events::server_sent_events(connection& c)
    : c_(c),
      answer_(c, "text/event-stream"),
      last_sent_(steady_clock::now()),
      watch_(std::make_shared<watch>(c.server_->io.get_executor())) {
  answer_.header("Cache-Control", "no-store");
  answer_.header("X-Accel-Buffering", "no");
  c_.keep_alive_ = false;
  c_.wake_stream_ = &watch_->wake;
}

server_sent_events::~server_sent_events() {
  c_.wake_stream_ = nullptr;
  boost::system::error_code ignored;
  c_.socket_.cancel(ignored);
}

task<> server_sent_events::begin() {
  if (c_.answered_) co_return;
  co_await answer_.begin();
  // Nothing more is expected from the client: what becomes readable is its end.
  c_.socket_.async_wait(tcp_socket::wait_read, [self = c_.shared_from_this(), w = watch_](
                                                   const boost::system::error_code& failed) {
    if (failed) return;
    char byte;
    boost::system::error_code ec;
    const auto n =
        self->socket_.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, ec);
    if (ec == asio::error::would_block || (!ec && n > 0)) return;
    w->gone = true;
    w->wake.notify_all();
  });
}

task<> server_sent_events::send(std::string_view id, std::string_view event,
                                std::string_view data) {
  std::string text;
  const auto field = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\n");
  };
  if (!id.empty()) field("id", id);
  if (!event.empty()) field("event", event);
  for (;;) {
    const auto end = data.find('\n');
    field("data", data.substr(0, end));
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  text += '\n';
  co_await begin();
  co_await answer_.write(text);
  last_sent_ = steady_clock::now();
}

std::optional<std::string_view> server_sent_events::last_event_id() const {
  return c_.head_->get(known_field::last_event_id);
}

task<bool> server_sent_events::wait(signal& s, steady_clock::time_point until) {
  co_await begin();
  for (;;) {
    if (watch_->gone) throw connection_lost();
    if (c_.server_->draining) co_return false;
    const auto comment_at = last_sent_ + c_.server_->settings.limits.events_silence;
    const bool notified =
        co_await signal::wait_for_either(s, watch_->wake, std::min(until, comment_at));
    if (watch_->gone) throw connection_lost();
    if (c_.server_->draining) co_return false;
    if (notified || steady_clock::now() >= until) co_return true;
    co_await answer_.write(":\n\n");
    last_sent_ = steady_clock::now();
  }
}

task<> server_sent_events::finish() {
  if (c_.server_->draining) {
    // Spread over some time, so that not all come back at the same moment.
    const int wait_ms = 500 + static_cast<int>(random_unit() * 1500);
    co_await begin();
    co_await answer_.write("retry: " + std::to_string(wait_ms) + "\n\n");
  }
  co_await answer_.finish();
}

// ---------------------------------------------------------------------------------------------

stream_place::stream_place(server::state& s, std::string caller)
    : server_(&s), caller_(std::move(caller)) {
  ++server_->streams_by_caller[caller_];
}

stream_place::stream_place(stream_place&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)), caller_(std::move(other.caller_)) {}

stream_place::~stream_place() {
  if (!server_) return;
  const auto at = server_->streams_by_caller.find(caller_);
  if (--at->second == 0) server_->streams_by_caller.erase(at);
}

std::optional<stream_place> streams_of_one(server::state& s, const caller& who) {
  const auto at = s.streams_by_caller.find(who.id);
  if (at != s.streams_by_caller.end() && at->second >= s.settings.limits.event_streams_of_one)
    return std::nullopt;
  return stream_place(s, who.id);
}

}  // namespace souk::http::detail
