#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "load/options.hpp"
#include "load/tally.hpp"

namespace souk::load {

struct run_report {
  std::int64_t seed = 0;
  double seconds = 0;
  std::int64_t requests = 0, visits = 0;
  double wanted_rate = 0, arrival_rate = 0;  // of visits a second; 0 without --rate
  std::int64_t turned_away = 0;              // arrivals for whom there was no room
  std::int64_t checkouts = 0;                // by key
  std::int64_t bought = 0;                   // answered 201
  std::int64_t turned_down = 0;              // no order, or a rejected one
  std::int64_t unsettled = 0;                // given up without a last word
  double bought_per_second = 0;
  std::int64_t journal_records = 0, journal_syncs = 0, journal_bytes = 0;
  double sync_p50_ms = 0, sync_p99_ms = 0;  // of fdatasync
  std::vector<action_figures> actions, others;
};
BOOST_DESCRIBE_STRUCT(run_report, (),
                      (seed, seconds, requests, visits, wanted_rate, arrival_rate, turned_away,
                       checkouts, bought, turned_down, unsettled, bought_per_second,
                       journal_records, journal_syncs, journal_bytes, sync_p50_ms, sync_p99_ms,
                       actions, others))

// Runs shoppers as told, with a live line on standard error. `signals` counts those that ask to
// stop: the first closes the run, the second ends it at once. Throws journal_error, wrong_usage
// (an address that is none, a password file that cannot be read).
run_report run(const options& how, const volatile std::sig_atomic_t& signals);

std::string to_text(const run_report& r);

}  // namespace souk::load
