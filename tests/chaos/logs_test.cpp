#include "logs.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace souk::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

constexpr std::string_view spawned =
    "2026-01-31 12:00:00,123 INFO spawned: 'order-service' with pid 42\n"
    "2026-01-31 12:00:00,125 INFO success: order-service entered RUNNING state, process has stayed "
    "up for > than 0 seconds (startsecs)\n";

TEST(SupervisorLog, OurKillsAreNoCrashes) {
  const auto log = std::string(spawned) +
                   "2026-01-31 12:00:09,500 WARN exited: order-service (terminated by SIGKILL; not "
                   "expected)\n";
  EXPECT_THAT(judge_supervisor(log, {42}), IsEmpty());
  // By whom?
  EXPECT_THAT(judge_supervisor(log, {41}),
              ElementsAre("order-service (process 42) ended by itself: terminated by SIGKILL"));
}

TEST(SupervisorLog, OtherEndsAreCrashes) {
  for (const std::string how : {"terminated by SIGSEGV (core dumped)", "terminated by SIGABRT",
                                "exit status 1", "exit status 0"}) {
    const auto log = fmt::format(
        "{}2026-01-31 12:00:09,500 WARN exited: order-service ({}; not expected)\n", spawned, how);
    EXPECT_THAT(judge_supervisor(log, {42}), ElementsAre(HasSubstr(how.substr(0, 15)))) << how;
  }
}

TEST(SupervisorLog, StoppingIsNoCrashUnlessItTakesForce) {
  const auto log = std::string(spawned) +
                   "2026-01-31 12:00:09,500 INFO waiting for order-service to stop\n"
                   "2026-01-31 12:00:09,600 INFO stopped: order-service (exit status 0)\n";
  EXPECT_THAT(judge_supervisor(log, {}), IsEmpty());
  EXPECT_THAT(judge_supervisor("2026-01-31 12:00:35,000 WARN killing 'order-service' (42) with "
                               "SIGKILL\n",
                               {}),
              ElementsAre("order-service had not ended 25 s after SIGTERM"));
}

TEST(SupervisorLog, OnlyServicesAreJudged) {
  EXPECT_THAT(judge_supervisor("2026-01-31 12:00:09,500 WARN exited: postgres (exit status 1; not "
                               "expected)\n",
                               {}),
              IsEmpty());
}

TEST(PostgresLog, DeadlocksPanicsAndStrangeEndsAreFound) {
  EXPECT_THAT(judge_postgres(
                  "2026-01-31 12:00:00.000 UTC [7] order@order ERROR:  deadlock detected\n"
                  "2026-01-31 12:00:00.000 UTC [7] order@order DETAIL:  Process 7 waits for ...\n"
                  "2026-01-31 12:00:01.000 UTC [1] PANIC:  could not write to file\n"
                  "2026-01-31 12:00:02.000 UTC [9] x@x FATAL:  too many connections for role\n"
                  "2026-01-31 12:00:03.000 UTC [9] x@x ERROR:  canceling statement\n"),
              ElementsAre(HasSubstr("deadlock"), HasSubstr("PANIC"), HasSubstr("too many")));
}

TEST(PostgresLog, WhatAKillExplainsIsNot) {
  EXPECT_THAT(
      judge_postgres("2026-01-31 12:00:00.000 UTC [7] FATAL:  the database system is starting up\n"
                     "2026-01-31 12:00:00.000 UTC [7] order@order FATAL:  terminating connection "
                     "due to unexpected postmaster exit\n"),
      IsEmpty());
}

TEST(ServiceLog, LinesThatAreNoJsonAreFound) {
  EXPECT_THAT(judge_service("cart-service",
                            "{\"ts\":\"..\"}\nterminate called after throwing\n{\"ts\":\"..\"}\n"),
              ElementsAre("cart-service wrote: terminate called after throwing"));
}

TEST(LogTail, FollowsAcrossRotation) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("souk-logs-{}", getpid());
  fs::create_directories(folder);
  const auto file = folder / "x.log";
  const auto write = [&](std::string_view text) { std::ofstream(file, std::ios::app) << text; };
  const log_tail from_nothing(file);
  EXPECT_EQ(from_nothing.read(), "");
  write("before\n");
  const log_tail tail(file);
  EXPECT_EQ(tail.read(), "");
  write("one\n");
  EXPECT_EQ(tail.read(), "one\n");
  fs::rename(file, folder / "x.log.1");
  write("two\n");
  fs::rename(folder / "x.log.1", folder / "x.log.2");
  fs::rename(file, folder / "x.log.1");
  write("three\n");
  EXPECT_EQ(tail.read(), "one\ntwo\nthree\n");
  EXPECT_EQ(from_nothing.read(), "before\none\ntwo\nthree\n");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace souk::chaos
