#include "process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

extern char** environ;

namespace souk::backup {

std::string run_program(const std::vector<std::string>& command, const variables& more) {
  std::vector<std::string> settings;
  for (char** e = environ; *e; ++e) {
    const std::string_view entry = *e;
    bool replaced = false;
    for (const auto& [name, _] : more) replaced |= entry.starts_with(fmt::format("{}=", name));
    if (!replaced) settings.emplace_back(entry);
  }
  for (const auto& [name, value] : more) settings.push_back(fmt::format("{}={}", name, value));
  std::vector<char*> arguments, environment;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  for (const auto& entry : settings) environment.push_back(const_cast<char*>(entry.c_str()));
  arguments.push_back(nullptr);
  environment.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);) {
    if (n > 0) out.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  if (error != 0) {
    throw std::runtime_error(fmt::format("cannot run {}: {}", command[0], std::strerror(error)));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(fmt::format("{} failed ({})", command[0],
                                         WIFEXITED(status)
                                             ? fmt::format("exit status {}", WEXITSTATUS(status))
                                             : "ended by a signal"));
  }
  return out;
}

}  // namespace souk::backup
