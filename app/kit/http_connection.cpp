#include "kit/http_connection.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <stdexcept>

#include "kit/http_text.hpp"

namespace souk::http::detail {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::size_t most_buffered = 96 * 1024;  // of input that is not taken yet
constexpr std::size_t most_discarded = 64 * 1024;
constexpr std::size_t most_lingered = std::size_t{16} * 1024 * 1024;

// For whoever asks at once; then the place is another's.
constexpr auto surplus_time = 1'000ms;

constexpr auto no_exception = asio::as_tuple(asio::use_awaitable);

// A request line that is well-formed but for its version.
bool is_other_version(const beast::flat_buffer& in) {
  std::string_view line(static_cast<const char*>(in.data().data()), in.size());
  const auto end = line.find_first_of("\r\n");
  if (end == std::string_view::npos || line.substr(end, 2) != "\r\n") return false;
  line = line.substr(0, end);
  const auto space = line.rfind(' ');
  const auto version = space == std::string_view::npos ? "" : line.substr(space + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::count(line, ' ') == 2 && version.size() == 8 &&
         version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' &&
         is_digit(version[7]);
}

problem too_slow() {
  return {.status = 408,
          .type = "too-slow",
          .title = "The request came too slowly",
          .detail = "The connection is closed. Nothing was done."};
}

}  // namespace

connection::connection(std::shared_ptr<server::state> server, tcp_socket socket, bool is_surplus)
    : server_(std::move(server)),
      socket_(std::move(socket)),
      is_surplus_(is_surplus),
      in_(most_buffered),
      head_(std::make_shared<request_head>()) {
  place_ = server_->connections.insert(server_->connections.end(), this);
  beast::error_code ec;
  socket_.non_blocking(true, ec);
  socket_.set_option(tcp::no_delay(true), ec);
  if (const auto peer = socket_.remote_endpoint(ec); !ec) peer_ = peer.address().to_string();
}

connection::~connection() {
  server_->connections.erase(place_);
}

void connection::enter(phase p, steady_clock::time_point until) {
  phase_ = p;
  until_ = until;
}

void connection::look_at_clock(steady_clock::time_point now) {
  beast::error_code ignored;
  if (phase_ == phase::idle && server_->draining) {
    auto end = server_->idle_until;
    if (fresh_) end = std::max(end, opened_ + 1s);  // it came to ask something
    if (now >= end && !closing_idle_) {
      closing_idle_ = true;
      socket_.cancel(ignored);
    }
  }
  if (now < until_) return;
  until_ = steady_clock::time_point::max();
  switch (phase_) {
    case phase::handling:
      return;
    case phase::handling_read:
      cancelled_ = true;
      cancel_.emit(asio::cancellation_type::terminal);
      return;
    case phase::idle:
    case phase::head:
    case phase::body:
    case phase::writing:
    case phase::lingering:
      expired_ = true;
      socket_.cancel(ignored);
      return;
  }
}

void connection::drain_begins() {
  if (wake_stream_) wake_stream_->notify_all();
}

void connection::cut_off() {
  beast::error_code ignored;
  cut_off_ = true;
  cancelled_ = true;
  socket_.close(ignored);
  cancel_.emit(asio::cancellation_type::terminal);
}

task<> connection::run(std::shared_ptr<connection> self) {
  connection& c = *self;
  try {
    for (;;) {
      const auto got = co_await c.read_head();
      if (got == head_result::closed) co_return;
      c.fresh_ = false;
      if (!co_await c.serve(got == head_result::bad)) break;
      // Whoever sends request after request without waiting still lets others have their turn.
      if (c.in_.size() > 0) co_await yield_now();
    }
    co_await c.linger();
  } catch (const std::exception&) {
    // Lost, or cut off: there is nobody to tell.
  }
}

// ---------------------------------------------------------------------------------------------
// Input.

task<bool> connection::read_some() {
  if (in_.size() >= most_buffered) co_return false;
  const std::size_t wanted =
      phase_ == phase::body || phase_ == phase::lingering ? 32 * 1024 : 2 * 1024;
  const auto space = in_.prepare(std::min(wanted, most_buffered - in_.size()));
  auto [ec, n] = co_await socket_.async_read_some(space, no_exception);
  if (ec == asio::error::operation_aborted && closing_idle_ && !given_up())
    n = socket_.read_some(space, ec);  // a request that came meanwhile is served
  if (ec || n == 0) co_return false;
  in_.commit(n);
  co_return true;
}

task<connection::head_result> connection::read_head() {
  if (head_.use_count() > 1) head_ = std::make_shared<request_head>();  // a handler kept it
  if (in_.size() == 0 && in_.capacity() > 16 * 1024) in_.shrink_to_fit();
  parser_.emplace(*head_, server_->settings.limits.header);
  expired_ = false;
  const auto& limits = server_->settings.limits;
  const auto at_most = is_surplus_ ? surplus_time : std::chrono::milliseconds::max();
  enter(phase::idle, steady_clock::now() + std::min(limits.idle_time, at_most));
  for (;;) {
    if (in_.size() > 0) {
      if (phase_ == phase::idle)
        enter(phase::head, steady_clock::now() + std::min(limits.header_time, at_most));
      head_error_ = {};
      in_.consume(parser_->feed(in_.data(), head_error_));
      if (!head_error_) co_return head_result::complete;
      if (head_error_ != beast::http::error::need_more) co_return head_result::bad;
    }
    if (!co_await read_some()) {
      if (phase_ == phase::idle || !expired_) co_return head_result::closed;
      head_error_ = beast::http::make_error_code(beast::http::error::end_of_stream);
      co_return head_result::bad;
    }
  }
}

problem connection::why_bad_head() const {
  using beast::http::error;
  if (head_error_ == error::end_of_stream) return too_slow();
  if (head_error_ == error::header_limit || head_error_ == error::buffer_overflow)
    return {.status = 431,
            .type = "header-too-large",
            .title = "The header is too large",
            .detail = "Request line and header fields have more bytes than are accepted."};
  if (head_error_ == error::bad_version && is_other_version(in_))
    return {.status = 505,
            .type = "version-not-supported",
            .title = "Not this version of HTTP",
            .detail = "HTTP/1.1 and HTTP/1.0 are spoken here."};
  if (!parser_->why().empty()) return malformed(std::string(parser_->why()));
  if (head_error_ == error::bad_content_length || head_error_ == error::multiple_content_length)
    return malformed("Content-Length is not one whole number");
  if (head_error_ == error::bad_transfer_encoding)
    return malformed("Transfer-Encoding and Content-Length contradict each other or are repeated");
  return malformed("what was received is no HTTP request");
}

void connection::refuse_body(problem p) {
  keep_alive_ = false;  // where the next request would begin is not known any more
  throw body_refused(std::move(p));
}

task<> connection::read_body_piece() {
  const auto& limits = server_->settings.limits;
  if (std::exchange(wants_continue_, false)) co_await write_text("HTTP/1.1 100 Continue\r\n\r\n");
  for (;;) {
    if (in_.size() > 0) {
      const auto before = parser_->body_received();
      beast::error_code ec;
      in_.consume(parser_->feed(in_.data(), ec));
      if (parser_->body_too_large()) refuse_body(too_large());
      if (ec && ec != beast::http::error::need_more)
        refuse_body(malformed("the body is not correctly chunked"));
      if (parser_->is_done() || parser_->body_received() != before) co_return;
      if (in_.size() >= most_buffered) refuse_body(malformed("the body is not correctly chunked"));
    }
    const auto begun = steady_clock::now();
    const auto granted =
        limits.body_time + std::chrono::milliseconds(parser_->body_received() * 1000 / limits.rate);
    enter(phase::body, begun + granted - body_wait_);
    const bool more = co_await read_some();
    body_wait_ += steady_clock::now() - begun;
    if (expired_) refuse_body(too_slow());
    if (!more) throw connection_lost();
  }
}

task<> connection::read_body(std::string& into, std::size_t limit) {
  parser_->read_body_to(&into, limit);
  if (const auto length = parser_->content_length())
    into.reserve(static_cast<std::size_t>(*length));
  while (!parser_->is_done()) co_await read_body_piece();
}

task<bool> connection::discard_body() {
  if (wants_continue_) co_return false;  // it may come, or not
  const auto remaining = parser_->content_length_remaining();
  if (remaining && *remaining > most_discarded) co_return false;
  try {
    parser_->read_body_to(nullptr, parser_->body_received() + most_discarded);
    while (!parser_->is_done()) co_await read_body_piece();
    co_return true;
  } catch (const std::exception&) {
    co_return false;
  }
}

// ---------------------------------------------------------------------------------------------
// Output.

void connection::begin_head(int status) {
  answered_ = true;
  answered_at_ = steady_clock::now();
  status_ = status;
  if (server_->draining) keep_alive_ = false;
  out_ = "HTTP/1.1 ";
  char digits[12];
  const auto end = std::to_chars(digits, digits + sizeof digits, status).ptr;
  out_.append(digits, end).append(" ").append(reason(status)).append("\r\nDate: ");
  out_.append(server_->date()).append("\r\n");
}

void connection::add_field(std::string_view name, std::string_view value) {
  out_.append(name).append(": ").append(value).append("\r\n");
}

void connection::add_fields(field_list fields) {
  for (const auto& [name, value] : fields) {
    if (std::ranges::any_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
      throw std::logic_error("a header field of the answer contains control characters");
    if (equal_without_case(name, "Cache-Control")) no_store_ = false;
    add_field(name, value);
  }
  if (no_store_) add_field("Cache-Control", "no-store");
}

void connection::end_head() {
  add_field("X-Request-Id", request_id_);
  if (!keep_alive_)
    add_field("Connection", "close");
  else if (!head_->is_http_11())
    add_field("Connection", "keep-alive");
  out_ += "\r\n";
}

task<> connection::write_text(std::string_view text) {
  const asio::const_buffer part(text.data(), text.size());
  co_await write({&part, 1});
}

task<> connection::write(std::span<const asio::const_buffer> parts) {
  const auto& limits = server_->settings.limits;
  std::array<asio::const_buffer, 4> todo{};
  std::ranges::copy(parts, todo.begin());
  std::size_t first = 0, written = 0;
  const std::size_t count = parts.size();
  const auto phase_before = phase_;
  const auto until_before = until_;
  std::optional<steady_clock::time_point> begun;
  for (;;) {
    while (first < count && todo[first].size() == 0) ++first;
    if (first == count) break;
    beast::error_code ec;
    std::size_t n = socket_.write_some(std::span(todo).subspan(first, count - first), ec);
    if (ec == asio::error::would_block) {
      if (!begun) begun = steady_clock::now();
      enter(phase::writing,
            *begun + limits.write_time + std::chrono::milliseconds(written * 1000 / limits.rate));
      auto [failed] = co_await socket_.async_wait(tcp::socket::wait_write, no_exception);
      if (failed || given_up()) throw connection_lost();
      continue;
    }
    if (ec) throw connection_lost();
    written += n;
    for (; n > 0 && n >= todo[first].size(); ++first) n -= todo[first].size();
    if (n > 0) todo[first] += n;
  }
  if (begun) enter(phase_before, until_before);
}

task<> connection::linger() {
  // Closing with unread input would make the kernel throw away the answer before it is read. Many
  // clients send their whole body before they look for an answer.
  beast::error_code ec;
  socket_.shutdown(tcp::socket::shutdown_send, ec);
  if (ec) co_return;
  expired_ = false;
  enter(phase::lingering, steady_clock::now() + (server_->draining ? 300ms : 2'000ms));
  for (std::size_t taken = 0; taken < most_lingered; taken += in_.size()) {
    in_.clear();
    if (!co_await read_some()) co_return;
  }
}

}  // namespace souk::http::detail
