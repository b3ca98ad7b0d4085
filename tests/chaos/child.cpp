#include "child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

namespace souk::chaos {

using namespace std::chrono_literals;

namespace {

std::vector<std::string> environment_with(const variables& changes) {
  std::vector<std::string> all;
  for (char** v = environ; *v; ++v) all.emplace_back(*v);
  for (const auto& [name, value] : changes) {
    const auto begin = fmt::format("{}=", name);
    std::erase_if(all, [&](const std::string& v) { return v.starts_with(begin); });
    if (!value.empty()) all.push_back(begin + value);
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& t : texts) all.push_back(t.data());
  all.push_back(nullptr);
  return all;
}

int checked(int fd, const char* name) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), name);
  return fd;
}

int open_for_output(const std::filesystem::path& file) {
  const char* const name = file.empty() ? "/dev/null" : file.c_str();
  return checked(open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), name);
}

}  // namespace

child::child(const std::vector<std::string>& command, const how& h) {
  auto words = command;
  auto values = environment_with(h.environment);
  const auto argv = pointers_to(words), envp = pointers_to(values);
  const int in = checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
  const int out = open_for_output(h.output);
  const int errors = h.errors.empty() ? checked(dup(out), "dup") : open_for_output(h.errors);
  pid_ = fork();
  if (pid_ == 0) {
    // Only what may be called between fork and exec in a program with threads.
    setpgid(0, 0);
    if (h.dies_with_us) prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  const int failed = errno;
  close(in);
  close(out);
  close(errors);
  if (pid_ < 0) throw std::system_error(failed, std::generic_category(), "fork");
}

child::~child() {
  if (poll()) return;
  send(SIGTERM);
  if (wait(10s)) return;
  send(SIGKILL);
  wait(10s);
}

std::optional<int> child::poll() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return status_;
}

std::optional<int> child::wait(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!poll() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(20ms);
  return poll();
}

void child::send(int signal) {
  if (!poll()) kill(pid_, signal);
}

}  // namespace souk::chaos
