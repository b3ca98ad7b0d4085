#pragma once

// What the payment gateway has of an order against what the restored store knows of it. No I/O.
//
// The gateway is another company and is not restored: it has gone on since the backup. Where the
// order is not at rest, its own worker repeats what it was at, under the same references, and the
// gateway answers what came of it then. What no worker will touch is settled here.

#include <cstdint>
#include <optional>
#include <string>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/money.hpp"

namespace souk::backup {

// Of one order at the gateway, all its charges summed up.
struct gateway_sums {
  uuid merchant_order;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  std::int64_t charges = 0;  // that were approved
  std::vector<uuid> references;
};
BOOST_DESCRIBE_STRUCT(gateway_sums, (),
                      (merchant_order, authorized_minor, captured_minor, voided_minor,
                       refunded_minor, charges, references))

// The gateway still holds it on the card, or has it and has not paid it back.
constexpr minor_units held(const gateway_sums& g) {
  return g.captured_minor > 0 ? 0 : g.authorized_minor - g.voided_minor;
}
constexpr minor_units kept(const gateway_sums& g) {
  return g.captured_minor - g.refunded_minor;
}

struct known_order {
  std::string state;
  bool at_rest = false;
};

struct known_payment {
  std::string state, reason;
  bool settled = false;  // nothing is under way, no refund either
  minor_units captured_minor = 0, refunded_minor = 0;
};

// The reason of payments that were taken over from the gateway's record.
inline constexpr const char* reconciled = "reconciled";

enum class remedy {
  none,
  wait,           // somebody is at it
  take_over,      // record the charge as a payment, which gives back what is left of it
  learn_refunds,  // the order learns of money that has been paid back
  person,         // nothing of the above: somebody has to look
};

remedy judge(const gateway_sums& g, const std::optional<known_order>& order,
             const std::optional<known_payment>& payment);

}  // namespace souk::backup
