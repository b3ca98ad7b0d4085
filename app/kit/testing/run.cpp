#include "kit/testing/run.hpp"

namespace souk::testing {

void run(std::function<task<>(event_loop&, const context&)> body,
         std::chrono::milliseconds time_limit) {
  event_loop loop("test");
  const auto ctx = context::background("test", time_limit);
  loop.run_until_complete(body(loop, ctx));
}

task<bool> eventually(std::function<bool()> condition, std::chrono::milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  while (!condition()) {
    if (steady_clock::now() > end) co_return false;
    co_await sleep_for(std::chrono::milliseconds(5));
  }
  co_return true;
}

}  // namespace souk::testing
