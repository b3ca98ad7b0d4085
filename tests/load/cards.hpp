#pragma once

#include <string_view>

namespace souk::load {

// The mock gateway's test cards, by the names that it has for them, and one that no shop takes.
struct card {
  std::string_view name;
  std::string_view number;
};
namespace cards {
inline constexpr card approve{"approve", "4242424242424242"};
inline constexpr card decline{"decline", "4000000000000002"};
inline constexpr card insufficient_funds{"insufficient_funds", "4000000000009995"};
inline constexpr card error{"error", "4000000000000119"};
inline constexpr card slow{"slow", "4000000000000077"};
inline constexpr card no_answer{"no_answer", "4000000000000341"};
inline constexpr card capture_refused{"capture_refused", "4000000000000259"};
inline constexpr card mistyped{"mistyped", "4242424242424241"};  // refused when it is entered
}  // namespace cards

}  // namespace souk::load
