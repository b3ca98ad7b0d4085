// One target under libFuzzer.

#include <cstdio>
#include <cstdlib>

#include "fuzz.hpp"

// libFuzzer's names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    souk::fuzz::targets().front().run(input);
  } catch (const souk::fuzz::violation& v) {
    std::fprintf(stderr, "VIOLATED: %.*s\n", static_cast<int>(v.what.size()), v.what.data());
    std::abort();
  }
  return 0;
}
