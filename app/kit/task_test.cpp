#include "kit/task.hpp"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kit/service.hpp"

namespace souk {
namespace {

using namespace std::chrono_literals;

struct waiting : ::testing::Test {
  event_loop loop{"test"};
  signal s{loop.executor()}, other{loop.executor()};
  int woken = 0;
  bool result = false;

  task<> wait(std::chrono::milliseconds time) {
    result = co_await s.wait_for(time);
    ++woken;
  }
};

TEST_F(waiting, a_signal_wakes_all_who_wait) {
  loop.spawn("1", wait(10s));
  loop.spawn("2", wait(10s));
  loop.run_until_complete([](waiting& t) -> task<> {
    co_await yield_now();
    t.s.notify_all();
    EXPECT_EQ(t.woken, 0) << "nobody runs inside notify_all";
    while (t.woken < 2) co_await yield_now();
    EXPECT_TRUE(t.result);
  }(*this));
}

TEST_F(waiting, a_signal_with_nobody_waiting_is_forgotten) {
  loop.run_until_complete([](waiting& t) -> task<> {
    t.s.notify_all();
    EXPECT_FALSE(co_await t.s.wait_for(10ms));
    EXPECT_FALSE(co_await t.s.wait_until(steady_clock::now() - 1s));
  }(*this));
}

TEST_F(waiting, the_first_of_two_signals_counts) {
  loop.run_until_complete([](waiting& t) -> task<> {
    for (signal* notified : {&t.s, &t.other}) {
      t.loop.spawn("notify", [](signal& n) -> task<> {
        co_await yield_now();
        n.notify_all();
      }(*notified));
      EXPECT_TRUE(co_await signal::wait_for_either(t.s, t.other, steady_clock::now() + 10s));
    }
    EXPECT_FALSE(co_await signal::wait_for_either(t.s, t.other, steady_clock::now() + 5ms));
  }(*this));
}

TEST_F(waiting, for_ever_is_possible) {
  loop.run_until_complete([](waiting& t) -> task<> {
    t.loop.spawn("notify", [](waiting& w) -> task<> {
      co_await sleep_for(5ms);
      w.s.notify_all();
    }(t));
    EXPECT_TRUE(co_await t.s.wait_until(steady_clock::time_point::max()));
  }(*this));
}

TEST_F(waiting, ends_when_the_loop_is_stopped) {
  loop.spawn("waits", wait(10s));
  loop.run_until_complete([](waiting& t) -> task<> {
    co_await yield_now();
    end_waits(t.loop.executor());
    for (int i = 0; i < 10; ++i) {
      bool thrown = false;
      try {
        co_await sleep_for(10s);
      } catch (const boost::system::system_error& e) {
        thrown = e.code() == boost::system::errc::operation_canceled;
      }
      EXPECT_TRUE(thrown);
    }
  }(*this));
  EXPECT_EQ(woken, 0);
}

// What the coroutines of a loop refer to is still there when they are destroyed.
struct object {
  explicit object(std::vector<std::string>& log, std::string name)
      : log(log), name(std::move(name)) {}
  ~object() { log.push_back("object " + name); }
  std::vector<std::string>& log;
  std::string name;
};
struct user {
  explicit user(object& o) : o(o) {}
  ~user() { o.log.push_back("user of " + o.name); }
  object& o;
};

TEST(event_loop, destroys_coroutines_first_and_objects_in_reverse_order) {
  std::vector<std::string> log;
  {
    event_loop loop("test");
    auto& a = loop.make<object>(log, "a");
    loop.make<object>(log, "b");
    loop.spawn("never ends", [](object& o) -> task<> {
      user u(o);
      co_await sleep_for(10s);
    }(a));
    loop.run_until_complete(yield_now());
    EXPECT_TRUE(log.empty());
  }
  EXPECT_EQ(log, (std::vector<std::string>{"user of a", "object b", "object a"}));
}

TEST(event_loop, gives_back_what_the_work_threw) {
  event_loop loop("test");
  EXPECT_THROW(loop.run_until_complete([]() -> task<> {
    co_await yield_now();
    throw std::domain_error("x");
  }()),
               std::domain_error);
  loop.run_until_complete(yield_now());  // and can run again
}

TEST(event_loop, runs_what_blocks_elsewhere) {
  event_loop loop("test");
  loop.run_until_complete([](event_loop& l) -> task<> {
    const auto here = std::this_thread::get_id();
    std::thread::id there = here;
    co_await l.run_blocking([&] { there = std::this_thread::get_id(); });
    EXPECT_TRUE(there != here);
    EXPECT_TRUE(std::this_thread::get_id() == here);
    bool thrown = false;
    try {
      co_await l.run_blocking([] { throw std::domain_error("x"); });
    } catch (const std::domain_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  }(loop));
}

}  // namespace
}  // namespace souk
