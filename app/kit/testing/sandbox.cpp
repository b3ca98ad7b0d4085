#include "kit/testing/sandbox.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace souk::testing {

namespace {

// Reads until the test process is gone. SIGINT ends PostgreSQL and Redis alike.
constexpr const char* watch_script = R"(
trap '' INT TERM HUP
cat > /dev/null
for f in "$1"/*/paused; do [ -e "$f" ] && kill -CONT $(cat "$f"); done
for f in "$1"/*/pid; do [ -e "$f" ] && kill -INT $(cat "$f"); done
for i in 1 2 3 4 5 6 7 8 9 10; do
  running=
  for f in "$1"/*/pid; do [ -e "$f" ] && kill -0 $(cat "$f") && running=yes; done
  [ -z "$running" ] && break
  sleep 0.5
done
for f in "$1"/*/pid; do [ -e "$f" ] && kill -KILL $(cat "$f"); done
rm -rf "$1"
)";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

sandbox& sandbox::instance() {
  static sandbox only;
  return only;
}

sandbox::sandbox() {
  std::string name = (std::filesystem::temp_directory_path() / "souk-test-XXXXXX").string();
  if (!mkdtemp(name.data())) fail("mkdtemp");
  path_ = name;
  std::filesystem::permissions(path_, std::filesystem::perms(0755));

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    // Nobody's child and in a session of its own, so that what ends the tests does not end it.
    setsid();
    if (fork() != 0) _exit(0);
    dup2(ends[0], STDIN_FILENO);
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", watch_script, "sh", name.c_str(), nullptr);
    _exit(127);
  }
  waitpid(child, nullptr, 0);
  close(ends[0]);
  lifeline_ = ends[1];
}

sandbox::~sandbox() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  close(lifeline_);
}

std::filesystem::path sandbox::make_folder(const std::string& name, const std::string& user) {
  const auto folder = path_ / (name + "-" + std::to_string(++made_));
  std::filesystem::create_directory(folder);
  if (!user.empty()) {
    const passwd* who = getpwnam(user.c_str());
    if (!who) throw std::runtime_error("there is no user " + user);
    if (chown(folder.c_str(), who->pw_uid, who->pw_gid) != 0) fail("chown");
  }
  return folder;
}

}  // namespace souk::testing
