#pragma once

// What the parts of telemetry need of each other.

#include <chrono>
#include <cstdint>

#include "kit/telemetry.hpp"

namespace souk::telemetry {

void start_logs(const settings& s);
void stop_logs(std::chrono::milliseconds limit);
std::uint64_t log_lines_dropped();

void start_spans(const settings& s);
void stop_spans(std::chrono::milliseconds limit);
std::uint64_t spans_dropped();

void start_metrics(const settings& s);

}  // namespace souk::telemetry
