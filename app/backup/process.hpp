#pragma once

// PostgreSQL's own programs, run as children.

#include <string>
#include <utility>
#include <vector>

namespace souk::backup {

using variables = std::vector<std::pair<std::string, std::string>>;

// Runs `command` (found in PATH) with these variables added to the environment, its messages on our
// standard error. What it wrote to standard output. Throws std::runtime_error unless it succeeded.
std::string run_program(const std::vector<std::string>& command, const variables& more);

}  // namespace souk::backup
