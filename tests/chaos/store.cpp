#include "store.hpp"

#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "kit/testing/http.hpp"
#include "kit/testing/socket.hpp"

namespace souk::chaos {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string link_of(const fs::path& link) {
  std::error_code failed;
  return fs::read_symlink(link, failed).string();
}

struct process {
  pid_t id;
  std::string program;  // the file that it runs
  std::string folder;   // that it works in
  std::string words;    // separated by NUL
};

// Those that work inside the state folder.
std::vector<process> processes_in(const fs::path& state) {
  std::vector<process> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename();
    pid_t id = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), id).ec != std::errc()) continue;
    const auto folder = link_of(entry.path() / "cwd");
    if (folder != state && !folder.starts_with(state.string() + "/")) continue;
    auto program = link_of(entry.path() / "exe");
    if (constexpr std::string_view gone = " (deleted)"; program.ends_with(gone)) {
      program.resize(program.size() - gone.size());
    }
    if (!program.empty()) {
      found.push_back({id, program, folder, text_of(entry.path() / "cmdline")});
    }
  }
  return found;
}

pid_t parent_of(pid_t id) {
  const auto stat = text_of("/proc/" + std::to_string(id) + "/stat");
  const auto name_end = stat.rfind(')');
  if (name_end == stat.npos || stat.size() < name_end + 5) return 0;
  return static_cast<pid_t>(std::atoi(stat.c_str() + name_end + 4));
}

bool belongs_to(const store& s, const process& p, std::string_view program) {
  const fs::path file = p.program;
  const std::string name = file.filename();
  if (program == "postgres") return name == "postgres";
  if (program == "redis") return name.starts_with("redis-");
  if (program == "gateway") return name == "nginx";
  if (program == "prometheus") return name == "prometheus";
  const auto own = s.state / "bin" / program;
  if (program == "log-keeper") return p.words.contains(own.string());
  return file == own;
}

bool redis_answers(std::uint16_t port) {
  const auto until = std::chrono::steady_clock::now() + 500ms;
  const auto redis = testing::connect_to(port);
  std::string said;
  // That it wants a password first is an answer, too; that it is loading is not.
  return redis && testing::send_all(redis.fd(), "PING\r\n", until) &&
         testing::receive_some(redis.fd(), said, until) > 0 &&
         (said.starts_with("-NOAUTH") || said.starts_with("+PONG"));
}

bool answers_200(std::uint16_t port, std::string_view path) {
  try {
    return testing::http_call(port, "GET", path, {}, {}, 1s).status == 200;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

std::string store::secret(const std::string& name) const {
  auto text = text_of(state / "secrets" / name);
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) throw std::runtime_error("cannot read the store's secret " + name);
  return text;
}

std::string store::database_url(const std::string& database) const {
  return "postgresql://postgres:" + secret("postgres-superuser") +
         "@127.0.0.1:" + std::to_string(port("postgres")) + "/" + database;
}

std::string store::redis_url() const {
  return "redis://:" + secret("redis") + "@127.0.0.1:" + std::to_string(port("redis")) + "/0";
}

std::vector<pid_t> processes_of(const store& s, std::string_view program) {
  std::vector<pid_t> found;
  for (const auto& p : processes_in(s.state)) {
    if (belongs_to(s, p, program)) found.push_back(p.id);
  }
  // The first one is nobody's child among them.
  const auto first = std::ranges::find_if(
      found, [&](pid_t id) { return std::ranges::find(found, parent_of(id)) == found.end(); });
  if (first != found.end()) std::iter_swap(found.begin(), first);
  return found;
}

pid_t supervisor_of(const store& s) {
  const auto config = (s.state / "etc" / "supervisord.conf").string();
  for (const auto& p : processes_in(s.state)) {
    if (p.words.contains("supervisord") && p.words.contains(config) &&
        !p.words.contains("supervisorctl")) {
      return p.id;
    }
  }
  return 0;
}

bool is_ready(const store& s, const std::string& program) {
  if (program == "log-keeper") return !processes_of(s, program).empty();
  if (program == "postgres") {
    const auto where = "host=127.0.0.1 user=postgres dbname=postgres connect_timeout=2 port=" +
                       std::to_string(s.port(program));
    return PQping(where.c_str()) == PQPING_OK;
  }
  if (program == "redis") return redis_answers(s.port(program));
  if (program == "gateway") return answers_200(s.port(program), "/");
  if (program == "prometheus") return answers_200(s.port(program), "/-/ready");
  return answers_200(s.port(program), "/health/ready");
}

std::optional<usage> usage_of(pid_t id) {
  const fs::path folder = "/proc/" + std::to_string(id);
  const auto status = text_of(folder / "status");
  const auto at = status.find("VmRSS:");
  if (at == status.npos) return std::nullopt;
  usage u{.memory_kb = std::atoll(status.c_str() + at + 6)};
  std::error_code failed;
  for (fs::directory_iterator i(folder / "fd", failed), end; !failed && i != end;
       i.increment(failed)) {
    ++u.files;
  }
  return u;
}

}  // namespace souk::chaos
