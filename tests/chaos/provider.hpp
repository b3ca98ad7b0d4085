#pragma once

// The payment company's behaviour, set through the store as its administrator.

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "store.hpp"

namespace souk::chaos {

struct behaviour {
  std::int64_t latency_ms = 0, latency_jitter_ms = 0;
  double error_rate = 0, decline_rate = 0, unknown_rate = 0;
};
BOOST_DESCRIBE_STRUCT(behaviour, (),
                      (latency_ms, latency_jitter_ms, error_rate, decline_rate, unknown_rate))

// Remembers how it was, in a file beside the store, so that a later run can put right what one that
// was killed has left.
class provider {
 public:
  // Reads how it behaves; throws std::runtime_error when the store does not answer in time.
  explicit provider(const store& s);

  const behaviour& usual() const { return usual_; }
  // Tries until `limit` is over or `stop` is asked for: the store may be broken just now.
  bool set(const behaviour& b, std::chrono::milliseconds limit, std::stop_token stop = {});
  // To how it was.
  bool restore(std::chrono::milliseconds limit);

 private:
  std::optional<std::string> ask(std::string_view method, const std::string& body);

  const store& store_;
  std::filesystem::path memory_;
  behaviour usual_;
  std::mutex mutex_;
  std::string token_;
};

}  // namespace souk::chaos
