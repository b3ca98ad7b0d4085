#include "programs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace souk::crash {

using namespace std::chrono_literals;

supervised_program::supervised_program(std::string name, std::filesystem::path program,
                                       std::vector<std::string> environment,
                                       std::filesystem::path log)
    : name_(std::move(name)),
      program_(std::move(program)),
      log_(std::move(log)),
      environment_(std::move(environment)) {
  if (access(program_.c_str(), X_OK) != 0)
    throw std::runtime_error("no program " + program_.string());
  thread_ = std::thread([this] { supervise(); });
}

supervised_program::~supervised_program() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (pid_ > 0) kill(pid_, SIGKILL);
  }
  changed_.notify_all();
  thread_.join();
}

// By the supervising thread: the kernel ends the program with the thread that has started it.
pid_t supervised_program::start() const {
  const int out = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) throw std::runtime_error("can't write " + log_.string());
  std::vector<char*> environment;
  for (const auto& e : environment_) environment.push_back(const_cast<char*>(e.c_str()));
  environment.push_back(nullptr);
  char* const arguments[] = {const_cast<char*>(program_.c_str()), nullptr};
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    setpgid(0, 0);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve(arguments[0], arguments, environment.data());
    _exit(127);
  }
  close(out);
  if (child < 0) throw std::runtime_error("fork failed");
  return child;
}

void supervised_program::supervise() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    pid_ = start();
    const pid_t pid = pid_;
    int status = 0;
    do {
      lock.unlock();
      // Is not reaped yet when this returns: until pid_ is forgotten below, kill() finds it.
      siginfo_t info{};
      const int failed =
          waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WSTOPPED | WCONTINUED | WNOWAIT);
      lock.lock();
      if (failed != 0) break;
      stopped_ = info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED;
      if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
        pid_ = -1;
      }
      waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG);
      changed_.notify_all();
    } while (pid_ > 0);
    pid_ = -1;
    stopped_ = false;
    if (ending_) return;
    ++deaths_.count;
    deaths_.at = std::chrono::system_clock::now();
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!killed) {
      failures_.push_back(WIFSIGNALED(status)
                              ? fmt::format("{} was ended by signal {}", name_, WTERMSIG(status))
                              : fmt::format("{} ended with status {}", name_, WEXITSTATUS(status)));
      changed_.wait_for(lock, 100ms, [this] { return ending_; });
    }
  }
}

supervised_program::death supervised_program::deaths() const {
  const std::lock_guard lock(mutex_);
  return deaths_;
}

std::vector<std::string> supervised_program::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

bool supervised_program::is_stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool supervised_program::wait_stopped(std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return stopped_; });
}

void supervised_program::go_on() {
  const std::lock_guard lock(mutex_);
  if (pid_ > 0) kill(pid_, SIGCONT);
  stopped_ = false;
}

}  // namespace souk::crash
