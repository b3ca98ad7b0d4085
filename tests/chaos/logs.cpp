#include "logs.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "store.hpp"

namespace souk::chaos {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_findings = 20;  // of one log

template <class F>
void each_line(std::string_view text, F f) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// What stands between `before` and the next `after`; nothing without `before`.
std::optional<std::string_view> between(std::string_view line, std::string_view before,
                                        std::string_view after) {
  const auto at = line.find(before);
  if (at == line.npos) return std::nullopt;
  line.remove_prefix(at + before.size());
  return line.substr(0, line.find(after));
}

pid_t to_pid(std::string_view text) {
  pid_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

bool is_service(std::string_view program) {
  return std::ranges::find(services, program) != services.end();
}

// FATAL for these reasons ends a connection or a start, and is how PostgreSQL ought to take a kill,
// a stop or a cut.
constexpr auto explained = std::to_array<std::string_view>({
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "terminating connection due to administrator command",
    "terminating connection due to unexpected postmaster exit",
    "terminating connection because of crash of another server process",
    "terminating background worker",
    "terminating autovacuum process due to administrator command",
    // A service was stopped, or cut off, in the middle of a transaction.
    "terminating connection due to idle-in-transaction timeout",
    "connection to client lost",
    "canceling authentication due to timeout",
    // The postmaster was killed and started again before its children had noticed.
    "pre-existing shared memory block",
    "lock file \"postmaster.pid\" already exists",
});

}  // namespace

log_tail::log_tail(fs::path file) : file_(std::move(file)) {
  struct stat now{};
  if (stat(file_.c_str(), &now) == 0) {
    inode_ = now.st_ino;
    size_ = static_cast<std::uint64_t>(now.st_size);
  }
}

std::string log_tail::read() const {
  // The newest first: FILE, FILE.1, FILE.2, ... back to the one that was the newest then.
  std::string text;
  for (int age = 0;; ++age) {
    const auto file = age == 0 ? file_ : fs::path(file_.string() + fmt::format(".{}", age));
    struct stat now{};
    if (stat(file.c_str(), &now) != 0) break;
    std::ifstream in(file);
    const bool known = now.st_ino == inode_;
    if (known) in.seekg(static_cast<std::streamoff>(size_));
    text.insert(0, std::string(std::istreambuf_iterator<char>(in), {}));
    if (known) break;
  }
  return text;
}

std::vector<std::string> judge_supervisor(std::string_view log, const std::set<pid_t>& killed) {
  std::vector<std::string> found;
  std::map<std::string, pid_t, std::less<>> runs;
  each_line(log, [&](std::string_view line) {
    if (const auto name = between(line, "spawned: '", "'")) {
      runs[std::string(*name)] = to_pid(between(line, "with pid ", " ").value_or(""));
    } else if (const auto stuck = between(line, "killing '", "'"); stuck && is_service(*stuck)) {
      found.push_back(fmt::format("{} had not ended 25 s after SIGTERM", *stuck));
    } else if (const auto gone = between(line, "exited: ", " "); gone && is_service(*gone)) {
      const auto how = between(line, "(", ";").value_or("?");
      const auto id = runs.contains(*gone) ? runs.find(*gone)->second : 0;
      // One that was started before the log was looked at is unknown by number.
      if (how == "terminated by SIGKILL" && (id == 0 || killed.contains(id))) return;
      found.push_back(fmt::format("{} (process {}) ended by itself: {}", *gone, id, how));
    }
  });
  if (found.size() > most_findings) found.resize(most_findings);
  return found;
}

std::vector<std::string> judge_postgres(std::string_view log) {
  std::vector<std::string> found;
  each_line(log, [&](std::string_view line) {
    const bool fatal = line.contains(" FATAL:  ");
    if (!fatal && !line.contains(" PANIC:  ") && !line.contains("deadlock detected")) return;
    if (fatal && std::ranges::any_of(explained, [&](auto why) { return line.contains(why); })) {
      return;
    }
    found.push_back(fmt::format("PostgreSQL: {}", line));
  });
  if (found.size() > most_findings) found.resize(most_findings);
  return found;
}

std::vector<std::string> judge_service(std::string_view service, std::string_view log) {
  std::vector<std::string> found;
  each_line(log, [&](std::string_view line) {
    if (line.empty() || line.starts_with('{')) return;
    found.push_back(fmt::format("{} wrote: {}", service, line.substr(0, 300)));
  });
  if (found.size() > most_findings) found.resize(most_findings);
  return found;
}

}  // namespace souk::chaos
