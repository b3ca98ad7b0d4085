#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store.hpp"

namespace souk::chaos {

// Watches how much memory and how many open files the programs use, once a second, until it is
// asked.
class usage_watch {
 public:
  explicit usage_watch(const store& s);

  // What has grown beyond all reason.
  std::vector<std::string> judge() const;
  std::string table() const;  // a line with each service's most

 private:
  void look();

  const store& store_;
  mutable std::mutex mutex_;
  std::map<std::string, usage> most_;
  std::jthread watching_;
};

}  // namespace souk::chaos
