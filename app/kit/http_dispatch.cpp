// What happens to one request between its head and the end of its answer.

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>

#include "kit/fault_point.hpp"
#include "kit/http_connection.hpp"
#include "kit/http_streams.hpp"
#include "kit/http_text.hpp"

namespace souk::http::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t sent_in_one_piece = 16 * 1024;  // head and body copied together up to this

std::optional<method> method_of(std::string_view name) {
  for (method m :
       {method::get, method::head, method::post, method::put, method::patch, method::delete_})
    if (to_string(m) == name) return m;
  return std::nullopt;
}

bool is_request_id(std::string_view s) {
  return !s.empty() && s.size() <= 64 && std::ranges::all_of(s, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

bool is_visible_ascii(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return c > 0x20 && c < 0x7F; });
}

// An entity tag's characters, RFC 9110 section 8.8.3.
bool is_tag(std::string_view s) {
  return s.size() <= 255 && std::ranges::all_of(s, [](unsigned char c) {
           return c == 0x21 || (c >= 0x23 && c != 0x7F);
         });
}

std::vector<std::string> split_tags(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    list = trimmed(list);
    if (list.starts_with("*")) return {"*"};
    if (list.starts_with("W/")) list.remove_prefix(2);
    if (!list.starts_with('"')) return out;
    const auto end = list.find('"', 1);
    if (end == std::string_view::npos) return out;
    out.emplace_back(list.substr(1, end - 1));
    list = trimmed(list.substr(end + 1));
    if (list.starts_with(',')) list.remove_prefix(1);
  }
  return out;
}

problem wrong_method(const found_route& found) {
  std::string allow;
  const auto add = [&](method m) { allow.append(allow.empty() ? "" : ", ").append(to_string(m)); };
  for (method m : {method::get, method::post, method::put, method::patch, method::delete_}) {
    if (!found.allowed[static_cast<std::size_t>(m)]) continue;
    add(m);
    if (m == method::get) add(method::head);
  }
  return problem{.status = 405,
                 .type = "method-not-allowed",
                 .title = "Not with this method",
                 .detail = "Allow names the methods that this path has."}
      .header("Allow", std::move(allow));
}

problem wrong_type() {
  return {.status = 415,
          .type = "unsupported-media-type",
          .title = "The body must be JSON",
          .detail = "Send it with Content-Type: application/json and without Content-Encoding."};
}

// As in the route table; shoppers and administrators are not told apart.
std::string name_of(const caller& who) {
  switch (who.what) {
    case caller::kind::nobody:
      return "nobody";
    case caller::kind::shopper:
      return "shopper";
    case caller::kind::admin:
      return "admin";
    case caller::kind::service:
      return "service(" + who.id + ")";
  }
  return "";
}

class counted {
 public:
  explicit counted(telemetry::gauge& g) : gauge_(g) { gauge_.add(1); }
  counted(const counted&) = delete;
  ~counted() { gauge_.add(-1); }

 private:
  telemetry::gauge& gauge_;
};

}  // namespace

std::optional<problem> connection::find_endpoint(found_route& found) {
  std::string_view target = head_->target();
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos)
    return malformed("the request target must be a path with an optional query");
  const auto question = target.find('?');
  if (question != std::string_view::npos) exchange_.query.assign(target.substr(question + 1));
  const auto segments = path_segments(target.substr(0, question));
  if (!segments) return malformed("the path must be percent-encoded UTF-8 without NUL");
  found = find(server_->routes, method_of(head_->method()), *segments, exchange_.path);
  if (found.entry) return std::nullopt;
  return found.path_exists ? wrong_method(found) : problems::not_found();
}

void connection::read_identity(context& ctx) const {
  if (const auto id = head_->get(known_field::x_request_id); id && is_request_id(*id))
    ctx.request_id = *id;
  // Without a valid parent the trace begins here. The gateway makes no spans, but its request ids
  // have the form of a trace id: the trace takes that, so that what the gateway says of a request
  // that failed (its access log, its own problem answers) leads to what the services did.
  ctx.trace = {};
  if (const auto named = trace_context::named(ctx.request_id)) {
    ctx.trace = *named;
    ctx.trace.sampled = telemetry::sampled(named->trace_id);
  }
  if (const auto text = head_->get(known_field::traceparent))
    if (const auto parent = trace_context::parse(*text)) ctx.trace = *parent;
  if (const auto bucket = head_->get(known_field::x_souk_bucket);
      bucket && (is_digits(*bucket, 2, 2) || *bucket == "test"))
    ctx.bucket = *bucket;
}

std::string connection::client_address() const {
  std::string_view list = head_->get(known_field::x_forwarded_for).value_or("");
  std::string_view address = peer_;
  for (int hop = 0; hop < server_->settings.trusted_proxies && !list.empty(); ++hop) {
    const auto comma = list.rfind(',');
    const auto last = trimmed(comma == std::string_view::npos ? list : list.substr(comma + 1));
    boost::system::error_code ec;
    asio::ip::make_address(std::string(last), ec);
    // With a zone ("::1%x") it is any text, and means something on one machine only.
    if (ec || last.contains('%')) break;
    address = last;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  }
  return std::string(address);
}

void connection::read_conditions() {
  exchange& x = exchange_;
  if (const auto key = head_->get(known_field::idempotency_key)) {
    if (key->empty() || key->size() > 255 || !is_visible_ascii(*key))
      x.errors.push_back({"header:Idempotency-Key", "must be 1 to 255 visible ASCII characters"});
    else
      x.idempotency_key = *key;
  } else if (x.route->key == idempotency::required) {
    x.errors.push_back({"header:Idempotency-Key", "is required"});
  }
  if (const auto match = head_->get(known_field::if_match)) {
    const bool quoted = match->size() >= 2 && match->front() == '"' && match->back() == '"';
    if (*match == "*")
      x.if_match = "*";
    else if (quoted && is_tag(match->substr(1, match->size() - 2)))
      x.if_match = std::string(match->substr(1, match->size() - 2));
    else
      x.errors.push_back({"header:If-Match", "must be one strong entity tag in quotes, or *"});
  }
  if (const auto none_match = head_->get(known_field::if_none_match))
    x.if_none_match = split_tags(*none_match);
}

std::optional<std::chrono::milliseconds> connection::time_given_by_caller() {
  const auto text = head_->get(known_field::souk_deadline_ms);
  if (!text) return std::nullopt;
  if (!is_digits(*text, 1, 9)) {
    exchange_.errors.push_back(
        {"header:Souk-Deadline-Ms", "must be a whole number of milliseconds"});
    return std::nullopt;
  }
  int value = 0;
  std::from_chars(text->data(), text->data() + text->size(), value);
  return std::chrono::milliseconds(value);
}

// A token costs more to verify than all the rest of a refusal.
std::optional<problem> connection::refuse_early(const endpoint& e) const {
  if (e.route.who.is_operator() || e.kind == endpoint_kind::events) return std::nullopt;
  // Only a service may have a share of its own.
  if (server_->requests.full() && !head_->has(known_field::souk_service))
    return problems::overloaded(1s);
  if (e.route.refuse_early) return e.route.refuse_early(*head_);
  return std::nullopt;
}

std::optional<resilience::admission::ticket> connection::admit(const context& ctx,
                                                               const endpoint& e) {
  if (e.kind == endpoint_kind::events) return server_->event_streams.enter();
  // What a service reads, a shopper may have started; work already begun is continued by writes.
  if (ctx.who.what == caller::kind::service && !reads_) return server_->service_requests.enter();
  return server_->requests.enter();
}

std::optional<problem> connection::check_body_headers(const endpoint& e) const {
  if (const auto expect = head_->get(known_field::expect);
      expect && !equal_without_case(*expect, "100-continue"))
    return problem{.status = 417,
                   .type = "expectation-failed",
                   .title = "This cannot be expected here",
                   .detail = "Only Expect: 100-continue is understood."};
  const auto length = parser_->content_length();
  if (length && *length > e.route.max_body) return too_large();
  if (parser_->is_done()) return std::nullopt;  // no body
  if (const auto coding = head_->get(known_field::content_encoding);
      coding && !equal_without_case(*coding, "identity"))
    return wrong_type();
  if (e.takes_body) {
    const auto type = head_->get(known_field::content_type).value_or("");
    if (!equal_without_case(trimmed(type.substr(0, type.find(';'))), "application/json"))
      return wrong_type();
  }
  return std::nullopt;
}

task<reply> connection::dispatch(context& ctx, endpoint_entry& entry) {
  const endpoint& e = entry.what;
  exchange_.route = &e.route;
  if (!server_->held.empty() && !e.route.who.is_operator())
    co_return refused(problems::unavailable(server_->held));
  if (is_surplus_ && !e.route.who.is_operator()) co_return refused(problems::overloaded(1s));
  if (auto why = refuse_early(e)) co_return refused(std::move(*why));

  auto who = server_->authentication.admit(*head_, e.route.who, reads_);
  if (!who) co_return refused(std::move(who.error()));
  ctx.who = std::move(*who);
  no_store_ = !e.route.who.is_public();

  if (e.route.who.is_operator()) co_return co_await call(ctx, entry);
  auto ticket = admit(ctx, e);
  if (!ticket) co_return refused(problems::overloaded(1s));
  co_return co_await call(ctx, entry);
}

task<reply> connection::call(context& ctx, endpoint_entry& entry) {
  const endpoint& e = entry.what;
  exchange& x = exchange_;
  if (auto wrong = check_body_headers(e)) co_return refused(std::move(*wrong));
  const auto given = time_given_by_caller();
  if (reads_ && e.kind != endpoint_kind::events)
    ctx.deadline = started_ + std::min(e.route.time_limit, given.value_or(e.route.time_limit));
  read_conditions();
  x.headers = head_;
  std::optional<upload> pieces;
  if (e.kind == endpoint_kind::upload)
    x.upload = &pieces.emplace(*this, e.route.max_body);
  else
    co_await read_body(x.body, e.route.max_body);
  // From here on a write runs to its end, whatever became of its caller.
  if (given && steady_clock::now() >= started_ + *given) co_return refused(deadline_problem());

  // The handler's own operations look at the deadline, too, and say more when they meet it.
  if (reads_ && e.kind != endpoint_kind::events)
    enter(phase::handling_read, ctx.deadline + 20ms);
  else
    enter(phase::handling);
  const bool watched = !e.route.who.is_operator();
  if (watched) fault::point("request", {to_string(e.route.method), e.route.path}, "before");
  switch (e.kind) {
    case endpoint_kind::plain:
    case endpoint_kind::upload: {
      reply r = co_await e.call(ctx, x);
      if (watched) fault::point("request", {to_string(e.route.method), e.route.path}, "after");
      co_return r;
    }
    case endpoint_kind::lines: {
      line_stream lines(*this);
      x.lines = &lines;
      reply r = co_await e.call(ctx, x);
      if (!r.failure) co_await lines.finish();
      co_return r;
    }
    case endpoint_kind::events: {
      auto place = streams_of_one(*server_, ctx.who);
      if (!place)
        co_return refused(problem{.status = 429,
                                  .type = "too-many-streams",
                                  .title = "Too many open event streams",
                                  .detail = "Close one that is not needed any more."}
                              .header("Retry-After", "5"));
      server_sent_events events(*this);
      x.events = &events;
      reply r = co_await e.call(ctx, x);
      if (!r.failure) co_await events.finish();
      co_return r;
    }
  }
  co_return reply{};
}

task<bool> connection::run_endpoint(context& ctx, endpoint_entry& entry) {
  reply r;
  std::exception_ptr thrown;
  try {
    r = co_await dispatch(ctx, entry);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (cancelled_)
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  if (thrown) {
    auto judgement = judge(thrown, cancelled_);
    if (!judgement.what.empty())
      telemetry::log(judgement.expected ? telemetry::level::warning : telemetry::level::error, ctx,
                     "request failed",
                     {{"route", entry.what.route.path}, {"error", judgement.what}});
    if (judgement.lost || judgement.complete) co_return judgement.complete;
    r = refused(std::move(judgement.failure));
  }
  // Once the head of a stream is out, a failure can only be shown by cutting it off.
  if (answered_) co_return !r.failure;
  if (keep_alive_ && !parser_->is_done()) keep_alive_ = co_await discard_body();
  co_return co_await try_answer(ctx, std::move(r));
}

void connection::begin_request(bool bad_head) {
  started_ = steady_clock::now();
  exchange_ = {};
  body_wait_ = {};
  cancelled_ = expired_ = answered_ = no_store_ = false;
  status_ = 0;
  sent_ = 0;
  method_ = bad_head ? std::nullopt : method_of(head_->method());
  is_head_ = method_ == method::head;
  reads_ = is_head_ || method_ == method::get;
  keep_alive_ = !bad_head && !is_surplus_ && parser_->keep_alive();
  wants_continue_ = !bad_head && !parser_->is_done() && in_.size() == 0 &&
                    head_->has(known_field::expect) && head_->is_http_11();
  head_->set_client_address(client_address());
}

void connection::record(const context& ctx, telemetry::span& span, endpoint_entry* entry,
                        bool whole) {
  // What has no route has no method either: both would be the client's choice.
  const std::string_view method_label = entry && method_ ? to_string(*method_) : "_OTHER";
  const std::string_view route_label = entry ? entry->what.route.path : "unmatched";
  // An event stream lasts as long as somebody looks at it: there the time until it began counts.
  const bool is_events = entry && entry->what.kind == endpoint_kind::events;
  const auto end = is_events && answered_ ? answered_at_ : steady_clock::now();
  const double seconds = std::chrono::duration<double>(end - started_).count();
  auto& metrics = !entry ? server_->unrouted : is_head_ ? entry->head_metrics : entry->metrics;
  metrics.duration(server_->service, route_label, method_label, status_).observe(seconds);

  span.set({"http.request.method", method_label});
  span.set({"http.route", route_label});
  span.set({"http.response.status_code", status_});
  span.set({"network.protocol.version", head_->is_http_11() ? "1.1" : "1.0"});
  span.set({"client.address", head_->client_address()});
  span.set({"souk.caller", name_of(ctx.who)});
  if (const auto client = head_->get(known_field::x_client_traceparent))
    if (const auto theirs = trace_context::parse(*client))
      span.set({"souk.client.trace_id", theirs->trace_id_hex()});
  if (status_ >= 500) span.fail("server error");

  // What asks all the time is worth a line only when it fails.
  const bool quiet = entry && entry->what.route.who.is_operator() && status_ < 500;
  telemetry::log(quiet ? telemetry::level::debug : telemetry::level::info, ctx, "request",
                 {{"route", route_label},
                  {"method", method_label},
                  {"status", status_},
                  {"duration_ms", seconds * 1000},
                  {"bytes", sent_},
                  {"whole", whole},
                  {"caller", name_of(ctx.who)}});
}

task<bool> connection::serve(bool bad_head) {
  begin_request(bad_head);
  found_route found;
  std::optional<problem> early = bad_head ? why_bad_head() : find_endpoint(found);

  counted under_way(server_->active);
  context incoming{.service = server_->service};
  read_identity(incoming);
  if (found.entry && found.entry->what.route.who.is_operator()) {
    incoming.trace = trace_context::start();  // being watched is not worth a trace
    incoming.trace.sampled = false;
  }
  telemetry::span span(incoming, found.entry ? std::string_view(found.entry->span_name) : "HTTP",
                       telemetry::span_kind::server);
  context ctx = span.ctx();
  trace_id_ = ctx.trace.trace_id_hex();
  if (ctx.request_id.empty()) ctx.request_id = trace_id_;
  request_id_ = ctx.request_id;

  bool whole = false;
  if (!early)
    whole = co_await run_endpoint(ctx, *found.entry);
  else {
    if (keep_alive_ && !parser_->is_done()) keep_alive_ = co_await discard_body();
    whole = co_await try_answer(ctx, refused(std::move(*early)));
  }
  if (!answered_) status_ = 499;  // as nginx has it: the client has closed the connection
  record(ctx, span, found.entry, whole);
  span.end();
  if (whole) co_return keep_alive_;

  boost::system::error_code ignored;
  // HTTP/1.0 takes an orderly end for the end of the answer.
  if (!head_->is_http_11()) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  throw connection_lost();
}

task<> connection::answer(reply r) {
  std::string_view type = "application/json";
  std::string_view body = r.body;
  if (r.failure) {
    problem& p = *r.failure;
    if (p.type == "overloaded") server_->overloaded.add();
    r.body = to_document(p, trace_id_);
    body = r.body;
    type = "application/problem+json";
    r.status = p.status;
    r.headers.insert(r.headers.end(), std::make_move_iterator(p.headers.begin()),
                     std::make_move_iterator(p.headers.end()));
    no_store_ = true;
  } else if (r.ready) {
    body = *r.ready->body;
    type = r.ready->content_type;
  }
  const bool may_have_body = r.status != 204 && r.status != 304 && r.status >= 200;
  begin_head(r.status);
  if (may_have_body) {
    if (!body.empty()) add_field("Content-Type", type);
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, body.size()).ptr;
    add_field("Content-Length", {digits, end});
  } else {
    body = {};
  }
  add_fields(r.headers);
  end_head();
  if (is_head_) body = {};
  if (body.size() <= sent_in_one_piece) {
    out_ += body;
    co_await write_text(out_);
  } else {
    const std::array parts{asio::const_buffer(out_.data(), out_.size()),
                           asio::const_buffer(body.data(), body.size())};
    co_await write(parts);
  }
  sent_ = body.size();
}

task<bool> connection::try_answer(const context& ctx, reply r) {
  std::exception_ptr thrown;
  try {
    co_await answer(std::move(r));
    co_return true;
  } catch (const connection_lost&) {
    co_return false;
  } catch (...) {
    thrown = std::current_exception();
  }
  // The answer itself was wrong, and nothing of it has been sent.
  auto judgement = judge(thrown, false);
  telemetry::error(ctx, "answer failed", {{"error", judgement.what}});
  try {
    co_await answer(refused(std::move(judgement.failure)));
    co_return true;
  } catch (const std::exception&) {
    co_return false;
  }
}

}  // namespace souk::http::detail
