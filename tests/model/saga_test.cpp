#include "saga.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

namespace souk::model {
namespace {

using order::order_state;

std::string lines_of(const violation& v) {
  std::string out = fmt::format("{}, after {} steps\n", v.what, v.trace.size());
  for (std::size_t i = 0; i < v.trace.size(); ++i) {
    out += fmt::format("{:4}  {}\n", i + 1, v.trace[i]);
  }
  return out;
}

exploration explore(const saga& m, const bounds& b, mutant seeded) {
  const auto start = std::chrono::steady_clock::now();
  auto out = explorer<saga>(m).run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{}{}\n  {} states, {} transitions, {} ends, at most {} steps deep, {:.1f} s\n",
             json::write(b),
             seeded == mutant::none ? "" : fmt::format(" with {}", json::enum_text(seeded)),
             out.states, out.transitions, out.ends, out.depth, took.count());
  return out;
}

// Everything that can happen within these bounds is as it must be, and orders come to rest in these
// states and no others.
void expect_safe(const bounds& b, const std::set<order_state>& rests) {
  const saga m(b);
  const auto out = explore(m, b, mutant::none);
  if (out.found) ADD_FAILURE() << lines_of(*out.found);
  EXPECT_TRUE(out.complete);
  EXPECT_EQ(m.rests(), rests);
  EXPECT_TRUE(m.contradictions().empty()) << *m.contradictions().begin();
}

using enum order_state;
const std::set<order_state> placed{confirmed, rejected};
const std::set<order_state> placed_or_cancelled{confirmed, rejected, cancelled};

TEST(saga, survives_a_stopped_worker_and_a_late_call) {
  expect_safe({.stops = 1, .cancels = true}, placed_or_cancelled);
}

TEST(saga, survives_two_late_calls) {
  expect_safe({.late_calls = 2, .cancels = true}, placed_or_cancelled);
}

TEST(saga, survives_requests_that_are_not_accepted) {
  expect_safe({.refusals = 1, .cancels = true}, placed_or_cancelled);
  expect_safe({.stops = 1, .refusals = 1}, placed);
}

TEST(saga, survives_two_stops) {
  expect_safe({.late_calls = 0, .stops = 2, .cancels = true}, placed_or_cancelled);
}

// The larger explorations stop following a worker that has lost its lease; this is why they may.
TEST(saga, lets_no_worker_without_the_lease_change_anything) {
  expect_safe({.stops = 1, .follow_stale = true}, placed);
}

TEST(saga, pays_back_from_the_first_step_to_the_last) {
  expect_safe({.refunds = 1, .cancels = true, .ships = true, .bank_refuses = true},
              {confirmed, shipped, delivered, rejected, cancelled});
}

TEST(saga, pays_back_what_is_sold_with_a_stopped_worker) {
  expect_safe({.stops = 1,
               .refunds = 1,
               .cancels = true,
               .ships = true,
               .bank_refuses = true,
               .sold_already = true},
              {confirmed, shipped, delivered, cancelled});
  expect_safe({.stops = 1, .refunds = 2, .ships = true, .sold_already = true},
              {confirmed, shipped, delivered});
}

// ---------------------------------------------------------------------------------------------

struct seeded {
  mutant m;
  bounds within;
};

class saga_with : public testing::TestWithParam<seeded> {};

TEST_P(saga_with, is_found_out) {
  const auto& [m, within] = GetParam();
  const saga wrong(within, m), right(within);
  const auto out = explore(wrong, within, m);
  ASSERT_TRUE(out.found);
  fmt::print("  {}", lines_of(*out.found));
  EXPECT_FALSE(out.found->what.empty());
  for (const auto& line : out.found->trace) EXPECT_FALSE(line.empty());
  // Within the same bounds nothing is wrong without it.
  EXPECT_FALSE(explore(right, within, mutant::none).found);
}

INSTANTIATE_TEST_SUITE_P(
    mutant, saga_with,
    testing::Values(seeded{mutant::timeout_is_a_refusal, {}},
                    seeded{mutant::save_without_token,
                           {.late_calls = 0, .stops = 1, .follow_stale = true}},
                    seeded{mutant::rest_without_version, {.refunds = 1, .cancels = true}},
                    seeded{mutant::void_leaves_no_row, {.refusals = 1}},
                    seeded{mutant::release_leaves_no_row, {}},
                    seeded{mutant::not_found_is_not_charged, {}},
                    seeded{mutant::settle_from_any_state, {.stops = 1}},
                    seeded{mutant::commit_compares_expiry, {}},
                    seeded{mutant::cancellation_not_stored, {.refusals = 1}},
                    seeded{mutant::return_without_key, {.refunds = 1, .sold_already = true}},
                    seeded{mutant::refund_ids_out_of_order, {.refunds = 2, .sold_already = true}}),
    [](const auto& seeded_one) { return std::string(json::enum_text(seeded_one.param.m)); });

}  // namespace
}  // namespace souk::model
