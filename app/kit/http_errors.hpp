#pragma once

// What the edge answers when a handler throws. Inside the kit.

#include <exception>
#include <string>

#include "kit/http.hpp"

namespace souk::http::detail {

// Thrown by what reads a body or writes an answer, when the connection is to be given up.
struct connection_lost : std::exception {
  const char* what() const noexcept override { return "the client is gone or too slow"; }
};
// Likewise, but there is something to answer.
struct body_refused : std::exception {
  explicit body_refused(http::problem p) : failure(std::move(p)) {}
  const char* what() const noexcept override { return "the body is refused"; }
  http::problem failure;
};

// Thrown to end a handler that begins to write what a HEAD request does not want to see.
struct head_only : std::exception {
  const char* what() const noexcept override { return "HEAD"; }
};

struct judged {
  http::problem failure;
  std::string what{};     // for the log; empty when there is nothing to say
  bool expected = false;  // a dependency or the time: not a fault of this program
  bool lost = false;      // there is nobody to answer
  bool complete = false;  // what had to be answered is
};

// `cancelled`: the server has cancelled the handler, because its time was over.
judged judge(std::exception_ptr thrown, bool cancelled);

problem deadline_problem();

}  // namespace souk::http::detail
