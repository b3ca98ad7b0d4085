#pragma once

// All cases, made from what the scenarios pass; which of them to run; what must be among them.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cases.hpp"

namespace souk::crash {

struct matrix {
  std::map<std::string, std::vector<pass>> trails;  // by scenario
  std::vector<test_case> cases;
};

// Plays every scenario, or that one, and records what it passes.
matrix make_matrix(runner& r, std::string_view only_scenario = {});

// What is not in the matrix although it must be: each of the saga's steps, before the call, after
// the call and around each save, at the caller and at the callee, down to the payment gateway.
std::vector<std::string> gaps(const matrix& m);

// A different number each day, the same all day.
std::uint64_t seed_of_today();

struct figures {
  std::size_t cases = 0, run = 0, failed = 0;
  std::size_t not_reached = 0;  // the blow did not fall: the program went another way this time
  std::chrono::milliseconds took{0};
  std::string text(std::uint64_t seed) const;
};

// Runs the cases in an order that the seed gives, until `limit` is over. Of each kind of blow some
// are run; what changes something comes before what only reads.
figures run_cases(store& s, const std::vector<test_case>& cases, std::uint64_t seed,
                  std::chrono::steady_clock::duration limit,
                  const std::function<void(const result&)>& done);

}  // namespace souk::crash
