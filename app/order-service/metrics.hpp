#pragma once

#include <string_view>
#include <vector>

#include "kit/task.hpp"
#include "repository.hpp"

namespace souk::order::metrics {

// Shows the counters at 0, with every outcome that is known: one that begins with its first event
// hides that event from rate().
void prepare(std::string_view currency);
void count_step(std::string_view step, std::string_view outcome, steady_clock::duration took);
// An order that has come to rest.
void count_order(const order_view& o);
void show_backlog(const std::vector<repository::backlog_row>& rows);

// How often the books are compared without being asked for; 0: never.
void show_audit_interval(std::chrono::milliseconds every);
void show_audit(std::int64_t violations, steady_clock::duration took);
void count_failed_audit();

}  // namespace souk::order::metrics
