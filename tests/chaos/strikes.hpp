#pragma once

// Doing what a schedule says, one fault at a time or several at once, and seeing what came of it.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "chronicle.hpp"
#include "kit/testing/proxy.hpp"
#include "provider.hpp"
#include "schedule.hpp"
#include "store.hpp"

namespace souk::chaos {

// The proxies of all edges, by edge. They stand until the store no longer needs them.
class wires {
 public:
  explicit wires(const store& s);
  testing::tcp_proxy& at(const std::string& edge) { return *proxies_.at(edge); }
  std::string as_via() const;  // SOUK_VIA
  void pass_all();
  std::vector<std::string> unused() const;  // edges on which there was never a connection

 private:
  std::map<std::string, std::unique_ptr<testing::tcp_proxy>> proxies_;
};

class striker {
 public:
  striker(const store& s, wires& w, provider& p, chronicle& c)
      : store_(s), wires_(w), provider_(p), chronicle_(c) {}

  // Strikes, waits, lifts, sees that the target works again. Returns soon after `stop` was asked
  // for, with the fault lifted. From any thread; not for faults that are exclusive.
  void strike(const fault& f, std::stop_token stop);

  // Lifts everything, whatever it is: processes that are stopped go on, connections pass. The
  // payment company is put right by its own.
  void lift_all();

  void kill(pid_t process);  // with SIGKILL, and remembers it
  std::set<pid_t> killed() const;
  // Until all of these answer; otherwise who does not.
  std::vector<std::string> wait_until_ready(std::vector<std::string> programs,
                                            std::chrono::milliseconds limit,
                                            std::stop_token stop = {});

 private:
  struct outcome {
    std::int64_t blows = 0;
    std::string text;
  };
  outcome strike_processes(const fault& f, std::stop_token stop);
  outcome strike_connections(const fault& f, std::stop_token stop);
  outcome strike_provider(const fault& f, std::stop_token stop);
  outcome kill_some(const fault& f, std::stop_token stop);
  outcome stop_some(const fault& f, std::stop_token stop);
  std::int64_t lose(const fault& f, testing::tcp_proxy& wire, std::stop_token stop);

  const store& store_;
  wires& wires_;
  provider& provider_;
  chronicle& chronicle_;
  mutable std::mutex mutex_;
  std::set<pid_t> killed_;
};

// Sleeps, but not after `stop` was asked for.
void pause(std::chrono::milliseconds time, std::stop_token stop);

}  // namespace souk::chaos
