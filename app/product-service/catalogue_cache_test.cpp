#include "catalogue_cache.hpp"

#include <gtest/gtest.h>

#include "kit/service.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;

// A catalogue of one number, which takes a while to read.
struct world {
  explicit world(std::size_t max_bytes = 1 << 20, std::size_t max_answers = 100)
      : loop("test"), cache(loop.executor(), version, max_bytes, max_answers) {
    version.listening(true);
  }

  // As another process would: the notification comes later.
  void change_unnoticed() { ++number; }
  // As this process does: raised before it is acknowledged.
  void change() {
    const catalogue_change notice(version);
    ++number;
  }

  task<std::shared_ptr<answer>> make() {
    ++made;
    const auto seen = number;
    co_await sleep_for(reading_time);
    if (fail) throw std::runtime_error("no database");
    stocked_json json;
    json.add(std::to_string(seen) + padding);
    co_return std::make_shared<answer>(std::move(json));
  }
  task<std::shared_ptr<answer>> get(std::string key = "key") {
    return cache.get(ctx, std::move(key), [this] { return make(); });
  }
  // The number in the answer.
  task<int> read(std::string key = "key") {
    auto found = co_await get(std::move(key));
    const auto encoded = co_await found->current(ctx, stock);
    co_return std::stoi(*encoded.body);
  }
  void run(task<> (*test)(world&)) { loop.run_until_complete(test(*this)); }

  int number = 0, made = 0;
  bool fail = false;
  std::string padding;
  steady_clock::duration reading_time = 5ms;
  context ctx = context::background("test", 10s);
  catalogue_version version;
  event_loop loop;
  catalogue_cache cache;
  stock_levels stock{loop, {.name = "inventory", .url = "http://127.0.0.1:1"}};  // never asked
};

TEST(catalogue_cache, keeps_an_answer_until_the_catalogue_changes) {
  world w;
  w.run([](world& w) -> task<> {
    EXPECT_EQ(co_await w.read(), 0);
    EXPECT_EQ(co_await w.read(), 0);
    EXPECT_EQ(w.made, 1);
    w.change();
    EXPECT_EQ(co_await w.read(), 1);
    EXPECT_EQ(w.made, 2);
  });
}

task<> read_into(world& w, int& out) {
  out = co_await w.read();
}

TEST(catalogue_cache, makes_an_answer_once_for_all_who_wait) {
  world w;
  std::vector<int> seen(10, -1);
  for (auto& s : seen) w.loop.spawn("reader", read_into(w, s));
  w.run([](world& w) -> task<> {
    co_await sleep_for(50ms);
    EXPECT_EQ(w.made, 1);
  });
  for (const int s : seen) EXPECT_EQ(s, 0);
}

// The race that matters: a SELECT that began before a change must be seen by nobody who came after
// the change was acknowledged, neither from the cache nor by waiting for it.
TEST(catalogue_cache, gives_nobody_what_was_begun_before_a_change_he_knows_of) {
  world w;
  int early = -1;
  w.loop.spawn("early reader", read_into(w, early));
  w.run([](world& w) -> task<> {
    co_await sleep_for(2ms);  // the early reader has begun
    w.change();
    EXPECT_EQ(co_await w.read(), 1);
    co_await sleep_for(20ms);
    EXPECT_EQ(co_await w.read(), 1);
    EXPECT_EQ(w.made, 2);
  });
  EXPECT_EQ(early, 0);
}

TEST(catalogue_cache, does_not_keep_what_a_change_has_overtaken) {
  world w;
  int early = -1;
  w.loop.spawn("early reader", read_into(w, early));
  w.run([](world& w) -> task<> {
    co_await sleep_for(2ms);
    w.change();
    co_await sleep_for(20ms);
    EXPECT_EQ(w.cache.answers(), 0u);
    EXPECT_EQ(co_await w.read(), 1);
  });
}

TEST(catalogue_cache, trusts_an_answer_for_a_second_while_nobody_listens) {
  world w;
  w.run([](world& w) -> task<> {
    EXPECT_EQ(co_await w.read(), 0);
    w.version.listening(false);
    w.change_unnoticed();
    EXPECT_EQ(co_await w.read(), 1);  // losing the listener is a change, too
    w.change_unnoticed();
    EXPECT_EQ(co_await w.read(), 1);
    co_await sleep_for(1100ms);
    EXPECT_EQ(co_await w.read(), 2);
    w.change_unnoticed();
    w.version.listening(true);
    EXPECT_EQ(co_await w.read(), 3);
  });
}

task<> read_and_fail(world& w, int& failures) {
  try {
    co_await w.get();
  } catch (const std::runtime_error&) {
    ++failures;
  }
}

TEST(catalogue_cache, passes_failures_on_and_keeps_none) {
  world w;
  w.fail = true;
  int failures = 0;
  for (int i = 0; i < 5; ++i) w.loop.spawn("reader", read_and_fail(w, failures));
  w.run([](world& w) -> task<> {
    co_await sleep_for(60ms);
    w.fail = false;
    EXPECT_EQ(co_await w.read(), 0);
  });
  EXPECT_EQ(failures, 5);
}

TEST(catalogue_cache, stays_within_its_bounds_and_keeps_what_is_used) {
  world w(20'000, 50);
  w.reading_time = 0ms;
  w.padding = std::string(500, ' ');
  w.run([](world& w) -> task<> {
    co_await w.read("hot");
    for (int i = 0; i < 500; ++i) {
      co_await w.read("cold " + std::to_string(i));
      co_await w.read("hot");
      EXPECT_LE(w.cache.bytes(), 20'000u);
      EXPECT_LE(w.cache.answers(), 50u);
    }
    EXPECT_EQ(w.made, 501);  // the hot one once
  });
}

TEST(catalogue_cache, can_be_switched_off) {
  world w(0);
  w.run([](world& w) -> task<> {
    co_await w.read();
    co_await w.read();
    EXPECT_EQ(w.made, 2);
    EXPECT_EQ(w.cache.answers(), 0u);
  });
}

}  // namespace
}  // namespace souk::product
