#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace souk {

// The program souk-keys: makes and rotates the keys of session tokens, hashes passwords and
// secrets. `words` are its arguments; gives the exit status, 2 for wrong usage.
int run_keys_tool(const std::vector<std::string>& words, std::istream& in, std::ostream& out,
                  std::ostream& err);

}  // namespace souk
