#pragma once

// Names to addresses without blocking the event loop. Private to the kit.

#include <string>
#include <vector>

#include "kit/task.hpp"

namespace souk::detail {

// The numeric addresses of `host`, in the resolver's order; an address stands for itself. Throws
// boost::system::system_error, with asio::error::timed_out when time is over; it never waits longer
// than that, though the system's own look-up may go on behind it.
task<std::vector<std::string>> look_up(std::string host, steady_clock::time_point until);

}  // namespace souk::detail
