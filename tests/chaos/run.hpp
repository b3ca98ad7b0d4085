#pragma once

// A run from its beginning to its verdict.

#include <cstdint>

#include "schedule.hpp"
#include "store.hpp"

namespace souk::chaos {

struct plan {
  store where;
  std::uint64_t seed = 1;
  milliseconds lasts{300'000};
  int shoppers = 24;
  std::filesystem::path programs;  // folder of souk-shoppers and souk-verdict
};

inline constexpr int clean = 0, violated = 1, could_not_run = 2;

// The exit status. However it ends, what was broken is mended, as far as this process can.
int run(const plan& p);

}  // namespace souk::chaos
