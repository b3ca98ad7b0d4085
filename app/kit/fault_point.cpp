#include "kit/fault_point.hpp"

#ifdef SOUK_FAULT_POINTS

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "kit/id.hpp"

namespace souk::fault {
namespace {

const char* const folder = std::getenv("FAULT_POINTS");

// "/reservations/<id>/commit?x=y" and "/reservations/{order_id}/commit" as
// "reservations.ID.commit".
void append_path(std::string& out, std::string_view path) {
  path = path.substr(0, path.find('?'));
  while (path.starts_with('/')) path.remove_prefix(1);
  for (bool more = true; more;) {
    const auto end = path.find('/');
    more = end != path.npos;
    const auto segment = path.substr(0, end);
    out += uuid::parse(segment) || segment.starts_with('{') ? "ID" : segment;
    if (more) {
      out += '.';
      path.remove_prefix(end + 1);
    }
  }
}

std::string name_of(std::string_view kind, std::initializer_list<std::string_view> what,
                    std::string_view when) {
  std::string name(kind);
  char separator = ':';
  for (const auto part : what) {
    name += separator;
    append_path(name, part);
    separator = '.';
  }
  return name.append(":").append(when);
}

// The program's own file or folder of that name.
std::string own(std::string_view name) {
  return std::string(folder).append("/").append(program_invocation_short_name).append(name);
}

void add_line(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const auto line = text + "\n";
  if (file < 0 || write(file, line.data(), line.size()) < 0) std::abort();
  close(file);
}

// The word for this pass; empty if there is none.
std::string take_word(const std::string& path) {
  std::ifstream file(path);
  if (!file) return {};
  std::string word, rest;
  int passes = 0;
  file >> word;
  if (word == "skip") file >> passes;
  file >> std::ws;
  std::getline(file, rest, '\0');
  if (passes > 1) rest = "skip " + std::to_string(passes - 1) + " " + rest;
  if (rest.empty()) {
    if (unlink(path.c_str()) != 0) return {};  // another process of this service was faster
  } else {
    const auto next = path + "~" + std::to_string(getpid());
    std::ofstream(next) << rest;
    if (rename(next.c_str(), path.c_str()) != 0) return {};
  }
  return word;
}

}  // namespace

void point(std::string_view kind, std::initializer_list<std::string_view> what,
           std::string_view when) {
  if (!folder) return;
  const auto name = name_of(kind, what, when);
  if (access((std::string(folder) + "/record").c_str(), F_OK) == 0) add_line(own(".trail"), name);
  const auto word = take_word(own("/" + name));
  if (word == "stop") {
    add_line(own(".stops"), name);
    raise(SIGSTOP);
  }
  if (word == "crash") {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
}

}  // namespace souk::fault

#endif
