#pragma once

// One connection of a client and what all connections of a server share. Inside the kit.

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "kit/http_authentication.hpp"
#include "kit/http_errors.hpp"
#include "kit/http_parser.hpp"
#include "kit/http_routes.hpp"
#include "kit/http_server.hpp"
#include "kit/resilience.hpp"
#include "kit/telemetry.hpp"

namespace souk::http {

namespace detail {
class connection;

using tcp_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
using tcp_acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                        boost::asio::io_context::executor_type>;
}  // namespace detail

struct server::state {
  state(boost::asio::io_context& io, router& routes, std::string_view service, server_settings s);

  boost::asio::io_context& io;
  const router::state& routes;
  const std::string service;
  const server_settings settings;
  const detail::authentication authentication;
  detail::tcp_acceptor acceptor;

  resilience::admission requests, service_requests, event_streams;
  std::map<std::string, std::size_t, std::less<>> streams_by_caller;
  telemetry::gauge& active;
  telemetry::histogram& loop_delay;
  telemetry::counter& overloaded;
  detail::route_metrics unrouted;

  std::list<detail::connection*> connections;
  std::string_view held;  // why nothing but operators' routes is served; empty: it is

  bool draining = false;
  steady_clock::time_point accept_until = steady_clock::time_point::max();
  steady_clock::time_point idle_until = steady_clock::time_point::max();
  steady_clock::time_point drain_limit = steady_clock::time_point::max();
  signal drain_begun;

  // An HTTP date, made anew each second.
  std::string_view date();

 private:
  std::int64_t date_second_ = 0;
  std::string date_;
};

namespace detail {

// Lives as long as the coroutine run(). Everything about its time is decided by the server, which
// calls look_at_clock() several times a second: no timer is set for a request.
class connection : public std::enable_shared_from_this<connection> {
 public:
  // `is_surplus`: above the limit; for one answer, of an operators' route.
  connection(std::shared_ptr<server::state> server, tcp_socket socket, bool is_surplus);
  ~connection();

  static task<> run(std::shared_ptr<connection> self);
  boost::asio::cancellation_slot cancellation() { return cancel_.slot(); }

  void look_at_clock(steady_clock::time_point now);
  void drain_begins();
  void cut_off();

 private:
  friend class upload;
  friend class chunked_answer;
  friend class line_stream;
  friend class server_sent_events;

  enum class phase { idle, head, body, handling_read, handling, writing, lingering };
  enum class head_result { complete, bad, closed };
  using field_list = std::span<const std::pair<std::string, std::string>>;

  void enter(phase p, steady_clock::time_point until = steady_clock::time_point::max());
  bool given_up() const { return expired_ || cut_off_; }

  // Input.
  task<head_result> read_head();
  task<bool> read_some();
  // Waits until the parser has taken some more of the body, or all. Throws body_refused,
  // connection_lost.
  task<> read_body_piece();
  [[noreturn]] void refuse_body(problem p);
  task<> read_body(std::string& into, std::size_t limit);
  // True when the rest of the body is out of the way, so that another request can follow.
  task<bool> discard_body();
  problem why_bad_head() const;

  // One request.
  task<bool> serve(bool bad_head);
  void begin_request(bool bad_head);
  // False when the client did not get the whole answer.
  task<bool> run_endpoint(context& ctx, endpoint_entry& entry);
  void record(const context& ctx, telemetry::span& span, endpoint_entry* entry, bool whole);
  std::optional<problem> find_endpoint(found_route& found);
  task<reply> dispatch(context& ctx, endpoint_entry& entry);
  task<reply> call(context& ctx, endpoint_entry& entry);
  std::optional<problem> refuse_early(const endpoint& e) const;
  std::optional<problem> check_body_headers(const endpoint& e) const;
  std::optional<resilience::admission::ticket> admit(const context& ctx, const endpoint& e);
  void read_identity(context& ctx) const;
  void read_conditions();
  std::optional<std::chrono::milliseconds> time_given_by_caller();
  std::string client_address() const;

  // Output.
  task<> answer(reply r);
  task<bool> try_answer(const context& ctx, reply r);  // false: the client is gone
  task<> write(std::span<const boost::asio::const_buffer> parts);
  task<> write_text(std::string_view text);
  task<> linger();
  void begin_head(int status);
  void add_field(std::string_view name, std::string_view value);
  void add_fields(field_list fields);
  void end_head();

  std::shared_ptr<server::state> server_;
  std::list<connection*>::iterator place_;
  tcp_socket socket_;
  const bool is_surplus_;
  std::string peer_;
  boost::asio::cancellation_signal cancel_;

  phase phase_ = phase::idle;
  steady_clock::time_point until_ = steady_clock::time_point::max();
  const steady_clock::time_point opened_ = steady_clock::now();
  bool expired_ = false;       // the time of a phase was over
  bool cancelled_ = false;     // a handler was cancelled
  bool cut_off_ = false;       // the drain's time was over
  bool closing_idle_ = false;  // the drain closes it, unless a request comes at the last moment
  bool fresh_ = true;          // no request yet
  signal* wake_stream_ = nullptr;

  boost::beast::flat_buffer in_;
  std::string out_;
  std::shared_ptr<request_head> head_;
  std::optional<request_parser> parser_;
  boost::beast::error_code head_error_;

  // Of the request that is being answered.
  exchange exchange_;
  steady_clock::time_point started_;
  steady_clock::duration body_wait_{};
  std::optional<method> method_;
  bool reads_ = false;  // GET or HEAD
  bool is_head_ = false;
  bool wants_continue_ = false;
  bool keep_alive_ = true;
  bool no_store_ = false;
  bool answered_ = false;  // the head is sent, or being sent
  steady_clock::time_point answered_at_;
  int status_ = 0;
  std::size_t sent_ = 0;
  std::string request_id_, trace_id_;
};

}  // namespace detail
}  // namespace souk::http
