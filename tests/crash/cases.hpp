#pragma once

// One case: a scenario, and what happens to whom at which pass of which point.

#include <chrono>
#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "points.hpp"
#include "scenarios.hpp"
#include "store.hpp"

namespace souk::crash {

// What befalls the program that passes the point.
enum class blow {
  crash,  // SIGKILL to itself
  twice,  // the same, and once more when it comes there again; order-service also where it has just
          // taken the order up again
  stop,   // order-service stands still there while a second one takes the order over and ends it;
          // then it goes on, and does not know that time has passed
  lease,  // the same for longer than a lease by all clocks
  lose,   // the answer to the COMMIT sent just after the point is lost with its connection
  again,  // nothing; but the call that is made at this point is made once more after the end
};

struct test_case {
  std::string scenario;
  pass at;
  blow what = blow::crash;

  // "order-service/commit:save_move:sent#1", for others than a crash with "@stop" and the like.
  std::string point_text() const;
  // Arguments of souk-crash-points that run this case alone.
  std::string arguments() const;
  bool operator==(const test_case&) const = default;
};
// Nothing for what names no case.
std::optional<test_case> parse_case(std::string_view scenario, std::string_view point);

// All cases of a scenario that passes these points.
std::vector<test_case> cases_of(const scenario& of, const std::vector<pass>& trail);

struct outcome {
  bool reached = false;  // the point was passed, and the blow fell
  std::chrono::milliseconds took{0};
  std::vector<std::string> findings;  // empty: it ended as it must
  std::string expected, seen, history;
  bool failed() const { return !findings.empty(); }
};

struct result {
  test_case of;
  outcome is;
};

// Runs cases in a store. How a case ended is looked at at once; the verdict on the whole store is
// asked for several of them together, since it takes longer than they do.
class runner {
 public:
  // `done` is called for each case when all is known about it. A case that takes longer than
  // `limit` is stuck.
  runner(store& s, std::function<void(const result&)> done,
         std::chrono::milliseconds limit = std::chrono::seconds(30));

  // What a scenario passes when nothing happens, without what programs pass anyway while nobody
  // wants anything; that is in there once (n = 1). Throws std::runtime_error when the scenario does
  // not end as it must.
  std::vector<pass> record(const scenario& of);

  // `meddle` is called when all is over, before it is judged: for tests of the judging.
  void run(const test_case& c, const std::function<void(stage&)>& meddle = {});
  // The verdict on those that have none yet.
  void judge();

 private:
  struct shopper_of_case {
    result what;
    uuid user;
  };
  void set_up(const test_case& c);
  void play(const test_case& c, const scenario& of, stage& on, outcome& o);

  store& store_;
  std::function<void(const result&)> done_;
  std::chrono::milliseconds limit_;
  std::vector<shopper_of_case> unjudged_;
};

// What a person needs to see of a failure.
std::string describe(const result& r);

}  // namespace souk::crash
