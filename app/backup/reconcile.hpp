#pragma once

// After a restore: what the payment gateway has and the store does not know.
//
// Without `settle` it is only listed. With it, nothing is asked of the gateway from here: charges
// become payments in payment-service's books, in a state from which its recovery worker voids or
// pays back what is left, under references derived from the charge; and refunds that were made
// since become refunds of their orders, under the gateway's own references, so that carrying them
// out again pays nothing twice. Each is one transaction that a repeat finds, so all of this may be
// interrupted and repeated. Orders placed since the backup are named: they are gone.

#include <chrono>

#include "addresses.hpp"

namespace souk::backup {

struct reconcile_result {
  std::int64_t settled = 0;  // charges and refunds that were taken over, in this run
  std::int64_t left = 0;     // differences that are still there
};

// Waits for orders and payments under way, and for what it has begun, at most `patience`. Says what
// it finds on standard output. Throws std::runtime_error when the gateway does not answer.
reconcile_result reconcile(const addresses& where, bool settle, std::chrono::seconds patience);

}  // namespace souk::backup
