#pragma once

// What may lie in a cart after what its owner asked for: one product of one cart, replayed. No I/O.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace souk::verdict {

// Something that changes the quantity once, if at all, between `begins` and `ends`. Both are
// positions in the journal; times are microseconds.
struct effect {
  enum class kind { add, set, subtract };
  kind what = kind::add;
  std::int64_t quantity = 0;
  std::uint64_t begins = 0;
  std::int64_t begins_at = 0;
  // Acknowledged: it has happened by then. Otherwise it may happen any time until `over_at`, or
  // never; unless it is `certain`, then it has happened by `over_at`.
  std::optional<std::uint64_t> ends;
  std::int64_t over_at = std::numeric_limits<std::int64_t>::max();
  bool certain = false;
};

// A look into the cart: the quantity that was there at some moment between the two.
struct look {
  std::uint64_t begins = 0, ends = 0;
  std::int64_t begins_at = 0, ends_at = 0;
  std::int64_t quantity = 0;
};

struct possible {
  std::vector<std::int64_t> values;       // ascending
  std::optional<std::size_t> impossible;  // the first look that nothing explains, and then ...
  std::vector<std::int64_t> instead;      // ... what it could have shown
  bool unclear = false;                   // too much is open at a time: anything is possible
};

// A cart begins empty. Both are ascending by `begins`.
possible replay(std::span<const effect> effects, std::span<const look> looks);

}  // namespace souk::verdict
