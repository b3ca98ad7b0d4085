#pragma once

// What is done to a store, step by step, and how it must end whatever dies meanwhile.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stage.hpp"

namespace souk::crash {

// A program that stops itself at the first pass of a point, so that play() can do something just
// then, and lets it go on.
struct hold {
  std::string_view program, point;
};

struct scenario {
  std::string_view name;
  std::vector<hold> holds{};
  void (*prepare)(stage&);  // nothing dies yet
  void (*play)(stage&);     // whatever it asks, it asks again until it is answered
  std::string_view end;     // what `see` must say once all is quiet
  std::string (*see)(stage&) = [](stage& s) { return s.seen(); };
  bool is_order = true;  // placed through order-service
};

std::span<const scenario> scenarios();
const scenario* find_scenario(std::string_view name);

}  // namespace souk::crash
