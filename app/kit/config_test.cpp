#include "kit/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace souk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

TEST(environment, reads_values_and_falls_back) {
  environment env({{"PORT", "8003"}, {"SHARE", "0.25"}, {"NAME", "souk"}, {"EMPTY", ""}});
  EXPECT_EQ(env.integer("PORT", 1, 1, 65535, "port"), 8003);
  EXPECT_EQ(env.integer("THREADS", 1, 1, 64, "threads"), 1);
  EXPECT_EQ(env.milliseconds("DRAIN_TIMEOUT_MS", 15'000, 0, 60'000, "time"), 15s);
  EXPECT_EQ(env.number("SHARE", 1, 0, 1, "share"), 0.25);
  EXPECT_EQ(env.text("NAME", "name"), "souk");
  EXPECT_EQ(env.text("EMPTY", "default", "meaning"), "default");
  EXPECT_THAT(env.complaints(), IsEmpty());
}

TEST(environment, collects_all_complaints_and_never_shows_a_value) {
  environment env({{"A", "12x-hidden"}, {"B", "70000"}, {"C", "hidden"}, {"D", ""}, {"F", "1e99"}});
  env.integer("A", 1, 0, 10, "first");
  env.integer("B", 1, 1, 65535, "second");
  env.number("C", 1, 0, 1.5, "third");
  env.text("D", "fourth");
  env.url("E", "fifth");
  env.integer("F", 1, 0, 10, "sixth");
  env.complain("G", "must be nicer");
  EXPECT_THAT(env.complaints(),
              ElementsAre("A must be a whole number from 0 to 10: first",
                          "B must be a whole number from 1 to 65535: second",
                          "C must be a number from 0 to 1.5: third", "D is missing: fourth",
                          "E is missing: fifth", "F must be a whole number from 0 to 10: sixth",
                          "G must be nicer"));
}

TEST(environment, takes_base_urls_only) {
  for (const char* good : {"http://127.0.0.1:8001", "http://inventory.souk.svc", "http://[::1]:80",
                           "http://127.0.0.1:8001/"}) {
    environment env({{"URL", good}});
    EXPECT_FALSE(env.url("URL", "callee").ends_with('/'));
    EXPECT_THAT(env.complaints(), IsEmpty()) << good;
  }
  for (const char* bad : {"127.0.0.1:8001", "https://host:1", "http://", "http://host:99999",
                          "http://host:0", "http://host/path", "http://me@host", "http://host?x",
                          "http://host#x", "http://ho st", "http://host:port"}) {
    environment env({{"URL", bad}});
    env.url("URL", "callee");
    EXPECT_THAT(env.complaints(), ElementsAre("URL must be http://host:port: callee")) << bad;
  }
}

TEST(environment, describes_itself_in_a_table) {
  environment env({{"DATABASE_URL", "postgres://secret"}});
  env.integer("PORT", 8003, 1, 65535, "port to listen on");
  env.text("DATABASE_URL", "libpq URI");
  env.text("SERVICE_SECRET", "", "own secret");
  env.integer("PORT", 8003, 1, 65535, "port to listen on");  // asked twice, listed once
  EXPECT_EQ(env.describe(),
            "VARIABLE        DEFAULT     MEANING\n"
            "PORT            8003        port to listen on\n"
            "DATABASE_URL    (required)  libpq URI\n"
            "SERVICE_SECRET  (none)      own secret\n");
}

}  // namespace
}  // namespace souk
