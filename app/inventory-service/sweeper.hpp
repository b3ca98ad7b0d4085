#pragma once

#include <chrono>

#include "kit/service.hpp"
#include "repository.hpp"

namespace souk::inventory {

// Ends holds whose time is over, for ever. Every replica may run one: they pass over each other's
// rows. Expiry is a transition of the reservation, never a comparison inside commit, so that an
// order either still has its whole basket or has nothing.
task<> sweep_expired_holds(event_loop& loop, repository& stock, std::chrono::milliseconds every);

}  // namespace souk::inventory
