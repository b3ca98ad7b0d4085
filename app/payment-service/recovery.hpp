#pragma once

// Settles what no caller waits for any more: payments and refunds whose outcome is unknown, because
// the gateway did not answer or this program died. It repeats the same request under the same
// reference, for ever, with growing pauses; it never decides by looking something up. Every replica
// may run one: they pass over each other's rows.

#include <chrono>
#include <memory>

#include "kit/service.hpp"
#include "processing.hpp"
#include "repository.hpp"

namespace souk::payment {

class recovery {
 public:
  // How many requests it has under way at most.
  static constexpr int parallel = 8;

  // All must outlive the loop's work.
  recovery(event_loop& loop, repository& store, processing& work, std::chrono::milliseconds every)
      : loop_(loop), store_(store), work_(work), every_(every) {}

  // Until the service drains.
  task<> run();

 private:
  task<> take_up_what_is_due();
  task<> count_and_clean();
  task<> finish(claimed_payment c);
  task<> finish_refund(claimed_refund c);

  event_loop& loop_;
  repository& store_;
  processing& work_;
  std::chrono::milliseconds every_;
  int under_way_ = 0;
  steady_clock::time_point next_count_{};
};

}  // namespace souk::payment
