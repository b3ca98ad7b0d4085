#pragma once

// What a merchant can ask for. The first answer under a reference is stored before it is given, and
// given again to every repeat; other parameters under the same reference are refused.

#include <chrono>

#include "charges.hpp"
#include "errors.hpp"
#include "repository.hpp"

namespace souk::mock_gateway {

struct reply {
  answer says;
  std::chrono::milliseconds delay{0};  // before it is given
  bool lost = false;                   // it never reaches the merchant
};

class charging {
 public:
  explicit charging(repository& store) : store_(store) {}

  // `unlucky`: a good card is declined all the same, if this is the first time.
  // reference_reused, simulated_error.
  task<result<reply>> authorize(const context& ctx, const new_charge& wanted, bool unlucky);
  // no_such_reference, reference_reused, amount_exceeds.
  task<result<reply>> capture(const context& ctx, uuid reference, minor_units amount);
  // no_such_reference.
  task<result<reply>> void_(const context& ctx, uuid reference);
  // no_such_reference, reference_reused.
  task<result<reply>> refund_part(const context& ctx, const refund& wanted);
  // Tells what became of an authorization. If there was none, none will ever be.
  task<reply> cancel(const context& ctx, uuid reference, std::optional<uuid> merchant_order);

 private:
  repository& store_;
};

}  // namespace souk::mock_gateway
