#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "answers.hpp"
#include "catalogue_version.hpp"
#include "kit/context.hpp"
#include "kit/task.hpp"
#include "kit/telemetry.hpp"

namespace souk::product {

// Answers that were made from the database, kept while the catalogue's version is the one they were
// made at, within a bounded amount of memory. Whoever asks after a change was acknowledged gets
// nothing older than it:
// - an answer is kept only if the version has not been raised since before it was begun;
// - those who ask for the same answer at the same time share one making, but only if it was begun
// at
//   the version that they see themselves;
// - while other processes' changes are not heard of, an answer is good for one second.
//
// One event loop; the version is shared by all.
class catalogue_cache {
 public:
  using answer_ptr = std::shared_ptr<answer>;
  using maker = std::function<task<answer_ptr>()>;

  // `max_bytes` 0 keeps nothing.
  catalogue_cache(executor on, const catalogue_version& version, std::size_t max_bytes,
                  std::size_t max_answers = 10'000);

  // The answer under `key`, made by `make` if it is not there; null if `make` says that there is
  // none. Throws what `make` throws, and deadline_exceeded.
  task<answer_ptr> get(const context& ctx, std::string key, maker make);

  std::size_t bytes() const { return bytes_; }
  std::size_t answers() const { return places_.size(); }

 private:
  // The making of an answer, which others may wait for.
  struct flight {
    flight(executor on, std::uint64_t v) : version(v), landed(on) {}
    std::uint64_t version;
    bool over = false, succeeded = false;
    answer_ptr made;
    signal landed;
  };
  class landing;

  struct slot {
    std::string key;
    answer_ptr kept;
    std::uint64_t version = 0;
    steady_clock::time_point begun_at;
    std::size_t size = 0;
    bool used = false;  // since the hand came by
  };

  answer_ptr find(const std::string& key);
  void keep(const std::string& key, slot s);
  void remove(std::size_t at);
  void make_room(std::size_t size);

  executor executor_;
  const catalogue_version& version_;
  std::size_t max_bytes_, max_answers_;
  std::vector<slot> slots_;  // the clock; its hand takes away what was not used for a whole round
  std::size_t hand_ = 0;
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<std::string, std::shared_ptr<flight>> flights_;
  std::size_t bytes_ = 0;
  telemetry::counter& hits_;
  telemetry::counter& misses_;
  telemetry::counter& shared_;
};

}  // namespace souk::product
