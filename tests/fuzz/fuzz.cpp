#include "fuzz.hpp"

#include <algorithm>

namespace souk::fuzz {

std::vector<target>& targets() {
  static std::vector<target> all;
  return all;
}

bool add_target(std::string_view name, void (*run)(std::string_view)) {
  targets().push_back({name, run});
  return true;
}

dice::dice(std::string_view input) : state_(0xCBF29CE484222325) {
  for (const char c : input) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001B3;
}

std::size_t dice::below(std::size_t limit) {
  state_ = state_ * 6364136223846793005 + 1442695040888963407;
  return static_cast<std::size_t>(state_ >> 33) % limit;
}

std::vector<std::string_view> in_pieces(std::string_view bytes, dice& d) {
  const std::size_t most =
      d.below(4) == 0 ? 1 : 1 + d.below(std::max<std::size_t>(bytes.size(), 1));
  std::vector<std::string_view> out;
  while (!bytes.empty()) {
    const auto n = std::min(1 + d.below(most), bytes.size());
    out.push_back(bytes.substr(0, n));
    bytes.remove_prefix(n);
  }
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.push_back(line);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return out;
}

}  // namespace souk::fuzz
