#include "kit/testing/servers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "kit/testing/run.hpp"
#include "kit/testing/sandbox.hpp"

namespace souk::testing {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;

std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

[[noreturn]] void fail(const std::string& what, const fs::path& log) {
  std::string text = read_file(log);
  if (text.size() > 4000) text = text.substr(text.size() - 4000);
  throw std::runtime_error(what + "; its log:\n" + text);
}

fs::path find_program(const std::string& name) {
  const char* folders = std::getenv("PATH");
  std::stringstream path(folders ? folders : "");
  for (std::string folder; std::getline(path, folder, ':');) {
    if (access((fs::path(folder) / name).c_str(), X_OK) == 0) return fs::path(folder) / name;
  }
  throw std::runtime_error("the program " + name + " is not installed");
}

// Debian keeps the server's programs out of PATH; the newest version counts.
fs::path find_postgres_program(const std::string& name) {
  int newest = 0;
  fs::path found;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    const int number = std::atoi(version.path().filename().c_str());
    const auto program = version.path() / "bin" / name;
    if (number > newest && access(program.c_str(), X_OK) == 0) {
      newest = number;
      found = program;
    }
  }
  return found.empty() ? find_program(name) : found;
}

// PostgreSQL refuses to run as root.
std::string postgres_user() {
  return geteuid() == 0 ? "postgres" : "";
}

// `pid` and all its descendants.
std::vector<pid_t> family_of(pid_t pid) {
  if (pid <= 0) return {};
  std::multimap<pid_t, pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t child = std::atoi(entry.path().filename().c_str());
    if (child <= 0) continue;
    const std::string stat = read_file(entry.path() / "stat");
    const auto name_end = stat.rfind(')');
    if (name_end == stat.npos) continue;
    char state = 0;
    pid_t parent = 0;
    std::istringstream(stat.substr(name_end + 1)) >> state >> parent;
    children.emplace(parent, child);
  }
  std::vector<pid_t> family{pid};
  for (std::size_t i = 0; i < family.size(); ++i) {
    const auto [begin, end] = children.equal_range(family[i]);
    for (auto at = begin; at != end; ++at) family.push_back(at->second);
  }
  return family;
}

// Tries until it works, the process is gone or patience is over.
void wait_until(server_process& process, const fs::path& log, const std::string& name,
                const std::function<bool()>& works) {
  for (const auto end = std::chrono::steady_clock::now() + patience;;) {
    if (works()) return;
    if (!process.running()) fail(name + " has ended", log);
    if (std::chrono::steady_clock::now() > end) fail(name + " does not answer", log);
    std::this_thread::sleep_for(10ms);
  }
}

// A port may be taken between choosing and using it.
template <class Start>
void start_on_free_port(std::uint16_t& port, Start start) {
  for (int attempt = 1;; ++attempt) {
    port = free_port();
    try {
      return start();
    } catch (const std::runtime_error&) {
      if (attempt == 3) throw;
    }
  }
}

using pg_connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

pg_connection connect_as_superuser(std::uint16_t port, std::string_view database) {
  const auto url = fmt::format(
      "postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable"
      "&connect_timeout=5",
      port, database);
  return {PQconnectdb(url.c_str()), &PQfinish};
}

}  // namespace

std::uint16_t free_port() {
  // Below the range from which the kernel takes the ports of outgoing connections, so that a server
  // that is started again finds its port free.
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> any(15'000, 32'000);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int port = any(random);
    const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0) break;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = bind(s, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(s);
    if (free) return static_cast<std::uint16_t>(port);
  }
  throw std::runtime_error("no free port");
}

std::string via(std::string_view url, std::uint16_t port) {
  const auto begin = url.find("://");
  if (begin == url.npos) throw std::runtime_error("not a URL");
  const auto end = std::min(url.find_first_of("/?", begin + 3), url.size());
  const auto colon = url.rfind(':', end - 1);
  if (colon <= begin) throw std::runtime_error("a URL without a port");
  return fmt::format("{}:{}{}", url.substr(0, colon), port, url.substr(end));
}

// -------------------------------------------------------------------------------------------------

server_process::~server_process() {
  if (running()) end(SIGKILL);
}

void server_process::start(const std::vector<std::string>& command, const std::string& user,
                           const fs::path& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* who = user.empty() ? nullptr : getpwnam(user.c_str());
  if (!user.empty() && !who) throw std::runtime_error("there is no user " + user);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) throw std::runtime_error("can't write " + log.string());
  pid_ = fork();
  if (pid_ == 0) {
    setsid();
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (who &&
        (setgroups(0, nullptr) != 0 || setgid(who->pw_gid) != 0 || setuid(who->pw_uid) != 0)) {
      _exit(126);
    }
    if (chdir("/") != 0) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(out);
  if (pid_ < 0) throw std::runtime_error("fork failed");
  pid_file_ = log.parent_path() / "pid";
  std::ofstream(pid_file_) << pid_;
}

void server_process::forget() {
  // The id may soon be another process's.
  fs::remove(pid_file_);
  pid_ = -1;
}

void server_process::end(int signal) {
  if (pid_ <= 0) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  forget();
}

void server_process::send(int signal) {
  // Without a process the id would stand for all processes.
  if (!running()) throw std::runtime_error("the server is not running");
  kill(pid_, signal);
}

bool server_process::running() {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  forget();
  return false;
}

// -------------------------------------------------------------------------------------------------

postgres_server::postgres_server()
    : folder_(sandbox::instance().make_folder("postgres", postgres_user())) {
  const auto log = folder_ / "log";
  server_process initdb;
  initdb.start({find_postgres_program("initdb"), "-D", folder_ / "data", "-U", "postgres", "-A",
                "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"},
               postgres_user(), log);
  while (initdb.running()) std::this_thread::sleep_for(10ms);
  if (!fs::exists(folder_ / "data" / "PG_VERSION")) fail("initdb has failed", log);
  start_on_free_port(port_, [this] { start(); });
  execute("postgres", "CREATE ROLE souk LOGIN");
}

postgres_server::~postgres_server() {
  if (process_.running()) stop();
}

std::string postgres_server::url(std::string_view database) const {
  return fmt::format("postgresql://souk@127.0.0.1:{}/{}?sslmode=disable", port_, database);
}

void postgres_server::use_tls(const server_tls& files) {
  // It reads a key only if nobody else can.
  const auto bring = [this](const fs::path& from, const char* name) {
    const auto to = folder_ / "data" / name;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
    fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write);
    if (const auto user = postgres_user(); !user.empty()) {
      const passwd* who = getpwnam(user.c_str());
      if (!who || chown(to.c_str(), who->pw_uid, who->pw_gid) != 0) {
        throw std::runtime_error("can't give " + to.string() + " to " + user);
      }
    }
  };
  bring(files.certificate, "server.crt");
  bring(files.key, "server.key");
  execute("postgres", "ALTER SYSTEM SET ssl = on");
  stop();
  start();
}

void postgres_server::start() {
  // fsync matters only when the whole machine goes down.
  process_.start(
      {find_postgres_program("postgres"), "-D", folder_ / "data", "-p", std::to_string(port_), "-c",
       "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c",
       "full_page_writes=off", "-c", "max_connections=200", "-c", "shared_buffers=32MB"},
      postgres_user(), folder_ / "log");
  wait_until(process_, folder_ / "log", "PostgreSQL", [this] {
    return PQstatus(connect_as_superuser(port_, "postgres").get()) == CONNECTION_OK;
  });
}

void postgres_server::stop() {
  if (fs::exists(folder_ / "paused")) resume();
  process_.end(SIGINT);
}

void postgres_server::kill9() {
  const auto family = signal_all(SIGKILL);
  process_.end(SIGKILL);
  const auto remains = [](pid_t pid) {
    return kill(pid, 0) == 0 &&
           read_file(fmt::format("/proc/{}/stat", pid)).find(") Z") == std::string::npos;
  };
  for (const pid_t pid : family) {
    while (remains(pid)) std::this_thread::sleep_for(1ms);
  }
}

void postgres_server::pause() {
  std::ofstream paused(folder_ / "paused");
  for (const pid_t pid : signal_all(SIGSTOP)) paused << pid << '\n';
}

void postgres_server::resume() {
  signal_all(SIGCONT);
  fs::remove(folder_ / "paused");
}

std::vector<pid_t> postgres_server::signal_all(int signal) {
  process_.send(SIGSTOP);  // no new children meanwhile
  const auto family = family_of(process_.pid());
  for (const pid_t pid : family) kill(pid, signal);
  return family;
}

void postgres_server::execute(std::string_view database, const std::string& sql) {
  query(database, sql);
}

std::string postgres_server::query(std::string_view database, const std::string& sql) {
  const auto connection = connect_as_superuser(port_, database);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  const std::unique_ptr<PGresult, decltype(&PQclear)> r(PQexec(connection.get(), sql.c_str()),
                                                        &PQclear);
  const auto status = PQresultStatus(r.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  return PQntuples(r.get()) > 0 && PQnfields(r.get()) > 0 ? PQgetvalue(r.get(), 0, 0) : "";
}

// -------------------------------------------------------------------------------------------------

redis_server::redis_server(std::string password)
    : folder_(sandbox::instance().make_folder("redis", "")), password_(std::move(password)) {
  start_on_free_port(port_, [this] { start(); });
}

redis_server::redis_server(server_tls files)
    : folder_(sandbox::instance().make_folder("redis", "")),
      tls_(std::move(files)),
      tls_port_(free_port()) {
  start_on_free_port(port_, [this] { start(); });
}

redis_server::~redis_server() {
  if (process_.running()) kill9();
}

std::string redis_server::url() const {
  const auto credentials = password_.empty() ? "" : fmt::format(":{}@", password_);
  return fmt::format("redis://{}127.0.0.1:{}", credentials, port_);
}

void redis_server::start() {
  std::vector<std::string> words{find_program("redis-server"),
                                 "--port",
                                 std::to_string(port_),
                                 "--bind",
                                 "127.0.0.1",
                                 "--dir",
                                 folder_,
                                 "--appendonly",
                                 "yes",
                                 "--appendfsync",
                                 "always",
                                 "--save",
                                 "",
                                 "--daemonize",
                                 "no"};
  if (!password_.empty()) words.insert(words.end(), {"--requirepass", password_});
  if (tls_port_ != 0) {
    words.insert(words.end(), {"--tls-port", std::to_string(tls_port_), "--tls-cert-file",
                               tls_.certificate, "--tls-key-file", tls_.key});
    if (tls_.client_authorities.empty()) {
      words.insert(words.end(), {"--tls-auth-clients", "no"});
    } else {
      words.insert(words.end(), {"--tls-ca-cert-file", tls_.client_authorities});
    }
  }
  process_.start(words, "", folder_ / "log");
  wait_until(process_, folder_ / "log", "Redis", [this] {
    try {
      return command({"PING"}) == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
}

void redis_server::stop() {
  process_.end(SIGTERM);
}
void redis_server::kill9() {
  process_.end(SIGKILL);
}

void redis_server::pause() {
  process_.send(SIGSTOP);
  std::ofstream(folder_ / "paused") << process_.pid();
}

void redis_server::resume() {
  process_.send(SIGCONT);
  fs::remove(folder_ / "paused");
}

namespace {

std::string shown(const redisReply& r) {
  switch (r.type) {
    case REDIS_REPLY_INTEGER:
      return std::to_string(r.integer);
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_STRING:
      return {r.str, static_cast<std::size_t>(r.len)};
    case REDIS_REPLY_ERROR:
      throw std::runtime_error(r.str);
    case REDIS_REPLY_ARRAY: {
      std::string lines;
      for (std::size_t i = 0; i < r.elements; ++i) {
        lines += (i > 0 ? "\n" : "") + shown(*r.element[i]);
      }
      return lines;
    }
    default:
      return "(nil)";
  }
}

}  // namespace

std::string redis_server::command(const std::vector<std::string>& words) {
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  const std::unique_ptr<redisContext, decltype(&redisFree)> connection(
      redisConnectWithTimeout("127.0.0.1", port_, limit), &redisFree);
  if (!connection || connection->err) throw std::runtime_error("no connection to Redis");
  redisSetTimeout(connection.get(), limit);
  const auto call = [&](const std::vector<std::string>& what) {
    std::vector<const char*> starts;
    std::vector<std::size_t> lengths;
    for (const auto& word : what) {
      starts.push_back(word.data());
      lengths.push_back(word.size());
    }
    const std::unique_ptr<void, decltype(&freeReplyObject)> reply(
        redisCommandArgv(connection.get(), static_cast<int>(what.size()), starts.data(),
                         lengths.data()),
        &freeReplyObject);
    if (!reply) throw std::runtime_error("no answer from Redis");
    return shown(*static_cast<redisReply*>(reply.get()));
  };
  if (!password_.empty()) call({"AUTH", password_});
  return call(words);
}

// -------------------------------------------------------------------------------------------------

postgres_server& postgres() {
  static postgres_server server;
  return server;
}

redis_server& redis() {
  static redis_server server;
  return server;
}

std::string fresh_database(std::span<const pg::migration> migrations) {
  static std::map<std::string, std::string> templates;  // by the text of all migrations
  static int made = 0;
  auto& server = postgres();
  std::string schema;
  for (const auto& m : migrations) schema.append(m.name).append(1, '\0').append(m.sql);
  auto known = templates.find(schema);
  if (known == templates.end()) {
    const auto name = fmt::format("template_{}", templates.size() + 1);
    server.execute("postgres", fmt::format("CREATE DATABASE {} OWNER souk", name));
    run([&](event_loop& loop, const context&) -> task<> {
      co_await pg::migrate(loop, server.url(name), migrations);
    });
    known = templates.emplace(schema, name).first;
  }
  const auto name = fmt::format("test_{}", ++made);
  server.execute("postgres",
                 fmt::format("CREATE DATABASE {} TEMPLATE {} OWNER souk", name, known->second));
  return server.url(name);
}

std::string fresh_redis() {
  redis().command({"FLUSHALL"});
  return redis().url();
}

}  // namespace souk::testing
