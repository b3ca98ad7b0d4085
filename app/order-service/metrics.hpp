#pragma once

#include <string_view>
#include <vector>

#include "kit/task.hpp"
#include "repository.hpp"

namespace souk::order::metrics {

void count_step(std::string_view step, std::string_view outcome, steady_clock::duration took);
// An order that has come to rest.
void count_order(const order_view& o);
void show_backlog(const std::vector<repository::backlog_row>& rows);
void show_audit(std::int64_t violations);

}  // namespace souk::order::metrics
