#pragma once

#include <string>

#include "load/market.hpp"

namespace souk::load {

// Follows the timeline of an order live, for a while or to its end, with connections that are
// dropped on purpose and taken up again behind the last event, and puts it into the journal: with
// status 200 when the final event was seen, 206 when there may be more to come.
task<> watch_order(market& m, chance by, std::string shopper, std::string token,
                   std::string order_id);

// At most so many at a time, of all shoppers together.
inline constexpr std::size_t most_watchers = 200;

}  // namespace souk::load
