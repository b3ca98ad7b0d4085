#pragma once

// The store that is hurt: where it lies, its processes, and whether its parts answer.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace souk::chaos {

struct store {
  std::filesystem::path state;                 // its state folder
  std::filesystem::path folder;                // of this run
  std::string souk;                            // the front door
  std::map<std::string, std::uint16_t> ports;  // by program
  std::vector<std::string> edges;              // "caller>callee"

  std::uint16_t port(const std::string& program) const { return ports.at(program); }
  std::string secret(const std::string& name) const;  // throws when it can't be read
  // As the superuser of the private PostgreSQL.
  std::string database_url(const std::string& database) const;
  std::string redis_url() const;
};

inline const std::vector<std::string> services = {"product-service",   "cart-service",
                                                  "order-service",     "payment-service",
                                                  "inventory-service", "mock-gateway"};
// And all that supervisor looks after.
inline const std::vector<std::string> all_programs = {
    "product-service",   "cart-service", "order-service", "payment-service",
    "inventory-service", "mock-gateway", "postgres",      "redis",
    "gateway",           "prometheus",   "log-keeper"};

// The processes of a program, its first one in front; none if it does not run. Found in /proc, so
// that nobody else's are.
std::vector<pid_t> processes_of(const store& s, std::string_view program);
pid_t supervisor_of(const store& s);  // 0 if it does not run

bool is_ready(const store& s, const std::string& program);

struct usage {
  std::int64_t memory_kb = 0;  // resident
  std::int64_t files = 0;      // open
};
std::optional<usage> usage_of(pid_t process);

}  // namespace souk::chaos
