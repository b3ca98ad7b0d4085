// That nothing is lost wherever a program dies, and that this machinery would tell if it were.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "matrix.hpp"

namespace souk::crash {
namespace {

using namespace std::chrono_literals;

constexpr auto time_box = 90s;

store& shared_store() {
  static store s;
  return s;
}

const matrix& shared_matrix() {
  static const matrix m = [] {
    runner r(shared_store(), [](const result&) {});
    return make_matrix(r);
  }();
  return m;
}

TEST(crash_points, every_step_is_in_the_matrix) {
  EXPECT_EQ(gaps(shared_matrix()), std::vector<std::string>{});
}

// So that a hook that is gone is noticed.
TEST(crash_points, a_missing_hook_is_told) {
  auto m = shared_matrix();
  std::erase_if(m.cases, [](const test_case& c) {
    return c.at.point == "call:payment.POST.payments.ID.capture:after" && c.what == blow::crash;
  });
  EXPECT_EQ(gaps(m), std::vector<std::string>{
                         "crash: order-service/call:payment.POST.payments.ID.capture:after"});
}

TEST(crash_points, a_sample_ends_as_it_must) {
  const auto seed = seed_of_today();
  const auto f =
      run_cases(shared_store(), shared_matrix().cases, seed, time_box, [](const result& r) {
        if (r.is.failed()) ADD_FAILURE() << describe(r);
      });
  fmt::print("{}\n", f.text(seed));
  EXPECT_GT(f.run, 20u);
  // Some points are passed by chance only.
  EXPECT_LE(f.not_reached, f.run / 10 + 2);
}

// -------------------------------------------------------------------------------------------------
// The judging: whatever is wrong afterwards is told, with all that is needed to look into it.

class judging : public ::testing::Test {
 protected:
  result run(std::string_view point, const std::function<void(stage&)>& meddle,
             std::chrono::milliseconds limit = 30s) {
    std::optional<result> told;
    runner r(shared_store(), [&](const result& one) { told = one; }, limit);
    r.run(parse_case("checkout", point).value(), meddle);
    r.judge();
    return told.value();
  }

  // Changes a row of the order's after all is over.
  result run_and_spoil(std::string_view in, std::string_view sql) {
    return run("order-service/commit:save_move:sent#3", [&](stage& s) {
      s.where().data(in).rows(fmt::format(fmt::runtime(sql), fmt::arg("order", s.order_id()),
                                          fmt::arg("product", s.good(0).id.str())));
    });
  }

  static void expect_told(const result& r, std::string_view word) {
    EXPECT_TRUE(r.is.failed());
    const auto text = describe(r);
    EXPECT_TRUE(text.contains("FAILED checkout order-service/commit:save_move:sent#3")) << text;
    EXPECT_TRUE(
        text.contains("again: souk-crash-points --scenario checkout"
                      " --point 'order-service/commit:save_move:sent#3'"))
        << text;
    EXPECT_TRUE(text.contains(word)) << text;
    EXPECT_FALSE(r.is.history.empty());
  }
};

TEST_F(judging, finds_nothing_where_nothing_is) {
  const auto r = run("order-service/commit:save_move:sent#3", {});
  EXPECT_FALSE(r.is.failed()) << describe(r);
  EXPECT_TRUE(r.is.reached);
}

TEST_F(judging, tells_of_a_capture_that_is_gone) {
  expect_told(run_and_spoil("mock_gateway",
                            "UPDATE charges SET captured_minor = 0, state = 'authorized'"
                            " WHERE merchant_order = '{order}'"),
              "charge authorized 2800/0/0/0");
}

TEST_F(judging, tells_of_a_second_charge) {
  expect_told(run_and_spoil("mock_gateway",
                            "INSERT INTO charges (reference, merchant_order, state, asked_minor,"
                            " currency, authorized_minor, captured_minor)"
                            " SELECT gen_random_uuid(), merchant_order, state, asked_minor,"
                            " currency, authorized_minor, captured_minor FROM charges"
                            " WHERE merchant_order = '{order}'"),
              "verdict: ");
}

TEST_F(judging, tells_of_an_event_that_is_missing) {
  expect_told(
      run_and_spoil("order", "DELETE FROM order_events WHERE order_id = '{order}' AND seq = 3"),
      "timeline broken");
}

// Which the order's own rows don't show.
TEST_F(judging, tells_of_stock_without_a_movement) {
  expect_told(run_and_spoil("inventory",
                            "UPDATE stock SET on_hand = on_hand + 1, reserved = reserved + 1"
                            " WHERE product_id = '{product}'"),
              "verdict: ");
}

TEST_F(judging, tells_of_an_order_that_is_never_taken_up) {
  expect_told(run_and_spoil("order",
                            "UPDATE orders SET unfinished_since = now(),"
                            " due_at = now() + interval '1 hour' WHERE id = '{order}'"),
              "verdict: ");
}

TEST_F(judging, tells_when_there_is_no_end) {
  shared_store().faults().arm("cart-service", "request:POST.cart.ID.ordered:before", "stop");
  const auto r = run("order-service/commit:save_move:sent#3", {}, 3s);
  expect_told(r, "stuck, waiting for");
}

TEST_F(judging, tells_when_the_point_was_not_passed) {
  const auto r = run("order-service/commit:save_move:sent#99", {});
  EXPECT_FALSE(r.is.failed()) << describe(r);
  EXPECT_FALSE(r.is.reached);
}

// -------------------------------------------------------------------------------------------------

// The parts of the kit with points, compiled as for a release.
TEST(release, has_nothing_of_the_fault_points) {
  std::istringstream objects(RELEASE_OBJECTS);
  int seen = 0;
  for (std::string path; std::getline(objects, path, ':'); ++seen) {
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    for (const auto* trace : {"FAULT_POINTS", "5fault5point", "SIGSTOP"}) {
      EXPECT_EQ(bytes.find(trace), bytes.npos) << trace << " in " << path;
    }
    // The literals of the calls.
    for (const std::string_view literal : {"before", "sent", "after"}) {
      EXPECT_EQ(bytes.find('\0' + std::string(literal) + '\0'), bytes.npos)
          << literal << " in " << path;
    }
  }
  EXPECT_EQ(seen, 6);
}

}  // namespace
}  // namespace souk::crash
