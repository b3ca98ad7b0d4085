#pragma once

// All that is to be said about a store after a run.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store.hpp"

namespace souk::chaos {

class judgement {
 public:
  judgement(const store& s, std::filesystem::path programs, std::filesystem::path journal)
      : store_(s), programs_(std::move(programs)), journal_(std::move(journal)) {}

  // Orders since then are this run's; by the database's clock.
  void begin();
  // souk-verdict, once the store has settled; throws std::runtime_error when it cannot judge.
  void ask_verdict(const std::function<void(std::string_view)>& say);
  void ask_audit();  // ./souk audit
  void add(std::string_view check, const std::vector<std::string>& found);

  std::int64_t violations() const { return violations_; }
  const std::vector<std::string>& texts() const {
    return texts_;
  }  // of the violations, with histories
  std::string figures() const { return figures_; }

 private:
  const store& store_;
  std::filesystem::path programs_, journal_;
  std::int64_t violations_ = 0;
  std::vector<std::string> texts_;
  std::string figures_;
  std::string began_;
};

}  // namespace souk::chaos
