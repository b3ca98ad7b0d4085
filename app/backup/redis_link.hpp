#pragma once

// A blocking connection to Redis. Throws std::runtime_error, also for an error reply.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace souk::backup {

struct redis_reply {
  enum class kind { nothing, text, number, list, error };
  kind what = kind::nothing;
  std::string text;
  long long number = 0;
  std::vector<redis_reply> list;
};

class redis_link {
 public:
  using words = std::vector<std::string>;

  // `limit` bounds the wait for each answer.
  redis_link(const std::string& url, std::chrono::milliseconds limit);

  redis_reply ask(const words& command);
  // All are sent, then all answers are read; an error among them is thrown at the end.
  std::vector<redis_reply> ask_all(const std::vector<words>& commands);
  void send(const words& command);
  redis_reply receive();  // an error is given, not thrown

 private:
  struct connection;
  std::shared_ptr<connection> connection_;
};

}  // namespace souk::backup
