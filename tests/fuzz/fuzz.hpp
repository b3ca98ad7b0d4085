#pragma once

// What a fuzz target is. A file NAME_target.cpp has one:
//
//   SOUK_FUZZ_TARGET(NAME) {
//     require(is_so(input), "what must always hold");
//   }
//
// `input` is any bytes, a std::string_view. A target keeps no memory from one input to the next
// that could change what it says.

#include <cstdint>
#include <string_view>
#include <vector>

namespace souk::fuzz {

// Thrown by `require`. Not a std::exception, so that no handler of the code under test takes it.
struct violation {
  std::string_view what;
};

// `what`: a constant.
inline void require(bool holds, std::string_view what) {
  if (!holds) throw violation{what};
}

struct target {
  std::string_view name;
  void (*run)(std::string_view input);
};

// All targets that the program was linked with.
std::vector<target>& targets();
bool add_target(std::string_view name, void (*run)(std::string_view));

// Numbers that depend on the input only: the same input is cut, say, in the same way each time.
class dice {
 public:
  explicit dice(std::string_view input);
  std::size_t below(std::size_t limit);  // limit > 0

 private:
  std::uint64_t state_;
};

// `bytes` in pieces, cut where the dice say; now and then byte by byte.
std::vector<std::string_view> in_pieces(std::string_view bytes, dice& d);

// Lines as text files have them; without their ends.
std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace souk::fuzz

#define SOUK_FUZZ_TARGET(name)                            \
  static void run_target_##name(std::string_view input);  \
  [[maybe_unused]] static const bool added_##name =       \
      ::souk::fuzz::add_target(#name, run_target_##name); \
  static void run_target_##name(std::string_view input)
