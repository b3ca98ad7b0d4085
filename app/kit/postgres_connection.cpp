#include "kit/postgres_connection.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <map>
#include <utility>

#include "kit/address_lookup.hpp"
#include "kit/fault_point.hpp"

namespace souk::pg::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Statements beyond these are parsed at each use: SQL that is put together at run time must not
// fill the server's memory.
constexpr std::size_t max_prepared = 256;

// Asio's arithmetic wants less than time_point::max().
steady_clock::time_point within_range(steady_clock::time_point t) {
  return std::min(t, steady_clock::now() + std::chrono::hours(24 * 365));
}

std::string trimmed(const char* message) {
  std::string_view text = message ? message : "";
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const auto comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == list.npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

std::string join(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

using keywords = std::map<std::string, std::string>;

using keyword_list = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

// Null if it can't be read. The complaint quotes the URL, which may hold a password.
keyword_list read_url(const std::string& url) {
  char* complaint = nullptr;
  keyword_list options(PQconninfoParse(url.c_str(), &complaint), &PQconninfoFree);
  PQfreemem(complaint);
  return options;
}

keywords parse_url(const std::string& url) {
  const auto options = read_url(url);
  if (!options) throw unavailable("the database URL is not a valid libpq URI");
  keywords words;
  for (const PQconninfoOption* o = options.get(); o->keyword; ++o) {
    if (o->val) words[o->keyword] = o->val;
  }
  return words;
}

// Gives each host its address, so that libpq looks up none. A name with several addresses becomes
// several hosts; the name stays, for the verification of certificates.
task<> resolve_hosts(keywords& words, steady_clock::time_point until) {
  if (words["host"].empty() || !words["hostaddr"].empty()) co_return;
  const auto hosts = split(words["host"]);
  const auto ports = split(words["port"]);
  std::vector<std::string> names, addresses, numbers;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool is_path = hosts[i].empty() || hosts[i].starts_with('/') || hosts[i].starts_with('@');
    const auto found =
        is_path ? std::vector<std::string>{""} : co_await souk::detail::look_up(hosts[i], until);
    for (const auto& address : found) {
      names.push_back(hosts[i]);
      addresses.push_back(address);
      numbers.push_back(ports.size() == 1 ? ports[0] : ports.at(i));
    }
  }
  words["host"] = join(names);
  words["hostaddr"] = join(addresses);
  words["port"] = join(numbers);
}

void add_session_settings(keywords& words, const connection_settings& s) {
  // The URI's options come after ours, so that they win, except for what the codecs rely on.
  auto& options = words["options"];
  options = fmt::format(
      "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout=10000 "
      "-c client_connection_check_interval=1000 {} -c timezone=UTC -c datestyle=ISO{}",
      s.statement_timeout.count(), s.lock_timeout.count(), options,
      s.read_only ? " -c default_transaction_read_only=on" : "");
  words["client_encoding"] = "UTF8";
  words.try_emplace("application_name", s.application_name);
  words.try_emplace("gssencmode", "disable");  // looks for tickets in files
  words.try_emplace("keepalives_idle", "10");
  words.try_emplace("keepalives_interval", "5");
  words.try_emplace("keepalives_count", "3");
  words.try_emplace("tcp_user_timeout", "15000");
}

std::string field(const result& r, int code) {
  const char* text = PQresultErrorField(r.native(), code);
  return text ? text : "";
}

}  // namespace

struct connection::operation {
  explicit operation(const executor& on) : answered(on) {}
  asio::steady_timer answered;  // ends early when the answer is there
  bool finished = false;
  bool abandoned = false;  // nobody waits any more
  bool is_script = false;
  int statement_at = -1;  // which of the results is the statement's
  int prepare_at = -1;    // and which that of preparing it
  int seen = 0;
  std::string prepared_sql;
  reply outcome;
};

connection::connection(executor on) : executor_(on), socket_(on) {}

connection::~connection() {
  close();
}

task<std::shared_ptr<connection>> connection::open(executor on, connection_settings settings) {
  std::shared_ptr<connection> c(new connection(on));
  co_await c->connect(std::move(settings));
  co_return c;
}

task<> connection::connect(connection_settings settings) {
  const auto until = steady_clock::now() + connect_timeout;
  keywords words = parse_url(settings.url);
  try {
    co_await resolve_hosts(words, until);
  } catch (const boost::system::system_error& e) {
    throw unavailable("the database's name can't be resolved: " + e.code().message());
  }
  add_session_settings(words, settings);
  std::vector<const char*> names, values;
  for (const auto& [name, value] : words) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  native_ = PQconnectStartParams(names.data(), values.data(), 0);
  if (!native_) throw unavailable("out of memory for a database connection");

  asio::steady_timer limit(executor_, until);
  limit.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || self->connected_) return;
    self->late_ = true;
    self->socket_.cancel();
  });
  for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
    if (state == PGRES_POLLING_FAILED || PQstatus(native_) == CONNECTION_BAD) {
      throw unavailable(trimmed(PQerrorMessage(native_)));
    }
    // The socket may be another one after each step.
    take_socket();
    const auto what = state == PGRES_POLLING_READING ? asio::posix::descriptor_base::wait_read
                                                     : asio::posix::descriptor_base::wait_write;
    auto [ec] = co_await socket_.async_wait(what, asio::as_tuple(asio::use_awaitable));
    if (socket_.is_open()) socket_.release();
    if (late_) throw unavailable("no connection to the database in time");
    if (ec) throw boost::system::system_error(ec);
    state = PQconnectPoll(native_);
  }
  connected_ = true;
  limit.cancel();

  PQsetNoticeReceiver(native_, [](void*, const PGresult*) {}, nullptr);
  if (PQsetnonblocking(native_, 1) != 0 || PQenterPipelineMode(native_) != 1) {
    throw unavailable("the database connection can't be pipelined");
  }
  opened_ = last_heard_ = steady_clock::now();
  take_socket();
  watch();
}

void connection::take_socket() {
  error_code ec;
  socket_.assign(PQsocket(native_), ec);
  if (ec) throw unavailable("the database connection can't be watched: " + ec.message());
}

bool connection::in_transaction() const {
  return native_ && PQtransactionStatus(native_) != PQTRANS_IDLE;
}

// The watcher of an operation: whoever stops waiting early, in whatever way, makes the connection
// useless for others.
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

task<reply> connection::exchange(request r, time_point until) {
  auto op = send(r);
  if (op && r.commits) fault::point("commit", {r.commits}, "sent");
  co_return co_await wait_for(std::move(op), until);
}

task<reply> connection::run_script(std::string sql, time_point until) {
  co_return co_await wait_for(send_script(sql), until);
}

task<reply> connection::wait_for(std::shared_ptr<operation> op, time_point until) {
  if (!op) co_return reply{.what = fate::not_sent, .message = "the connection is closed"};
  const auto self = shared_from_this();
  const watcher watched(*this, *op);
  if (!op->finished) {
    op->answered.expires_at(within_range(until));
    auto [ec] = co_await op->answered.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!op->finished) {
      if (ec) throw boost::system::system_error(ec);
      co_return reply{.what = fate::late, .message = "no answer in time"};
    }
  }
  co_return std::move(op->outcome);
}

std::shared_ptr<connection::operation> connection::send(const request& r) {
  if (!usable()) return nullptr;
  auto op = std::make_shared<operation>(executor_);
  int commands = 0;
  const auto command = [&](const char* sql) {
    ++commands;
    return PQsendQueryParams(native_, sql, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
  };
  if ((r.before && !command(r.before)) ||
      (r.what && !send_statement(*r.what, *r.with, *op, commands)) ||
      (r.after && !command(r.after))) {
    lose(trimmed(PQerrorMessage(native_)));
    return nullptr;
  }
  // Before the sync nothing can have been committed; from here on the server may have it all.
  operations_.push_back(op);
  if (PQpipelineSync(native_) != 1) {
    lose(trimmed(PQerrorMessage(native_)));
  } else {
    flush();
  }
  return op;
}

bool connection::send_statement(const statement& s, const parameters& p, operation& op,
                                int& commands) {
  values_.clear();
  for (const std::size_t start : p.starts) {
    values_.push_back(start == std::string::npos ? nullptr : p.bytes.data() + start);
  }
  const int count = static_cast<int>(values_.size());
  const std::string_view sql = s.sql;
  auto known = prepared_.find(sql);
  if (known == prepared_.end()) {
    if (prepared_.size() >= max_prepared) {
      op.statement_at = commands++;
      return PQsendQueryParams(native_, s.sql, count, nullptr, values_.data(), nullptr, nullptr,
                               0) == 1;
    }
    known = prepared_.emplace(sql, fmt::format("s{}", ++names_given_)).first;
    op.prepared_sql = sql;
    op.prepare_at = commands++;
    if (PQsendPrepare(native_, known->second.c_str(), s.sql, 0, nullptr) != 1) return false;
  }
  op.statement_at = commands++;
  return PQsendQueryPrepared(native_, known->second.c_str(), count, values_.data(), nullptr,
                             nullptr, 0) == 1;
}

std::shared_ptr<connection::operation> connection::send_script(const std::string& sql) {
  if (!usable()) return nullptr;
  auto op = std::make_shared<operation>(executor_);
  op->is_script = true;
  if (PQexitPipelineMode(native_) != 1 || PQsendQuery(native_, sql.c_str()) != 1) {
    lose(trimmed(PQerrorMessage(native_)));
    return nullptr;
  }
  operations_.push_back(op);
  flush();
  return op;
}

void connection::flush() {
  if (flushing_ || !native_) return;
  const int unsent = PQflush(native_);
  if (unsent < 0) return lose(trimmed(PQerrorMessage(native_)));
  if (unsent == 0) return;
  flushing_ = true;
  socket_.async_wait(asio::posix::descriptor_base::wait_write,
                     [self = shared_from_this()](error_code ec) {
                       self->flushing_ = false;
                       if (!ec) self->flush();
                     });
}

// At all times, also while nothing is outstanding: the end of an idle connection is noticed at
// once, and notifications come unasked.
void connection::watch() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read,
                     [self = shared_from_this()](error_code ec) {
                       if (!ec && self->native_) self->readable();
                     });
}

void connection::readable() {
  const bool open = PQconsumeInput(native_) == 1;
  const std::string why = open ? "" : trimmed(PQerrorMessage(native_));
  last_heard_ = steady_clock::now();
  take_results();  // also what came before the end
  while (native_) {
    const std::unique_ptr<PGnotify, decltype(&PQfreemem)> n(PQnotifies(native_), &PQfreemem);
    if (!n) break;
    if (on_notification) on_notification(n->relname, n->extra);
  }
  if (!native_) return;
  open ? watch() : lose(why);
}

void connection::take_results() {
  int nothing_in_a_row = 0;
  while (native_ && !operations_.empty() && !PQisBusy(native_)) {
    const auto op = operations_.front();
    result r(PQgetResult(native_));
    if (!r.native()) {  // the end of a command's results
      if (op->is_script) {
        operations_.pop_front();
        PQenterPipelineMode(native_);
        finish(*op, op->outcome.message.empty() ? fate::done : fate::refused);
      } else if (++nothing_in_a_row > 2) {
        lose("the server's answers are out of order");
      }
      continue;
    }
    nothing_in_a_row = 0;
    if (PQresultStatus(r.native()) == PGRES_PIPELINE_SYNC) {
      operations_.pop_front();
      finish(*op, op->outcome.message.empty() ? fate::done : fate::refused);
    } else {
      take(*op, std::move(r));
    }
  }
  if (retired_) retire();
}

void connection::take(operation& op, result r) {
  switch (PQresultStatus(r.native())) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      op.outcome.tag = r.command();
      if (op.seen == op.statement_at) op.outcome.rows = std::move(r);
      break;
    case PGRES_PIPELINE_ABORTED:
      break;
    case PGRES_FATAL_ERROR: {
      const std::string severity = field(r, PG_DIAG_SEVERITY_NONLOCALIZED);
      const std::string sqlstate = field(r, PG_DIAG_SQLSTATE);
      if (severity != "ERROR") {  // FATAL, PANIC, or libpq's own
        return lose(trimmed(PQresultErrorMessage(r.native())), sqlstate);
      }
      if (!op.outcome.message.empty()) break;
      op.outcome.sqlstate = sqlstate;
      op.outcome.constraint = field(r, PG_DIAG_CONSTRAINT_NAME);
      op.outcome.message = field(r, PG_DIAG_MESSAGE_PRIMARY);
      if (op.outcome.message.empty()) op.outcome.message = "refused without a message";
      if (op.seen <= op.prepare_at) prepared_.erase(op.prepared_sql);
      op.outcome.stale_plan = op.prepare_at < 0 && op.seen == op.statement_at &&
                              (sqlstate == "0A000" || sqlstate == "26000");
      break;
    }
    default:
      return lose("the statement is of a kind that is not supported (COPY)");
  }
  ++op.seen;
}

void connection::finish(operation& op, fate what) {
  op.outcome.what = what;
  op.finished = true;
  op.answered.cancel();
}

void connection::lose(std::string_view why, std::string_view sqlstate) {
  const auto closing = std::exchange(on_closed, nullptr);
  for (const auto& op : operations_) {
    op->outcome.message = why.empty() ? "the connection was lost" : why;
    op->outcome.sqlstate = sqlstate;
    op->outcome.stale_plan = false;
    finish(*op, fate::lost);
  }
  operations_.clear();
  close();
  if (closing) closing();
}

void connection::retire() {
  retired_ = true;
  if (std::ranges::all_of(operations_, [](const auto& op) { return op->abandoned; })) close();
}

void connection::close() {
  retired_ = true;
  for (const auto& op : operations_) {
    if (op->outcome.message.empty()) op->outcome.message = "the connection was closed";
    finish(*op, fate::lost);
  }
  operations_.clear();
  if (socket_.is_open()) socket_.release();
  if (native_) PQfinish(std::exchange(native_, nullptr));
}

}  // namespace souk::pg::detail

namespace souk::pg {

bool is_url(const std::string& text) {
  return detail::read_url(text) != nullptr;
}

}  // namespace souk::pg
