#pragma once

// What the logs say of a run: crashes that nobody caused, deadlocks, panics.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace souk::chaos {

// The part of a log that is written from now on, also across supervisor's rotation.
class log_tail {
 public:
  explicit log_tail(std::filesystem::path file);
  std::string read() const;

 private:
  std::filesystem::path file_;
  std::uint64_t inode_ = 0;
  std::uint64_t size_ = 0;
};

// Each of these gives what is wrong, in sentences; nothing when all is as it must be.

// supervisord's log: one of our services that ended or did not end in a way that nobody asked for.
// `killed` are the processes that the run has killed.
std::vector<std::string> judge_supervisor(std::string_view log, const std::set<pid_t>& killed);
// PostgreSQL's: deadlocks, PANIC, and FATAL for a reason that neither a kill nor a cut explains.
std::vector<std::string> judge_postgres(std::string_view log);
// A service's: everything it writes is a line of JSON, unless it dies.
std::vector<std::string> judge_service(std::string_view service, std::string_view log);

}  // namespace souk::chaos
