#include "strikes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <system_error>
#include <thread>

namespace souk::chaos {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

std::string callee_of(const std::string& edge) {
  return edge.substr(edge.find('>') + 1);
}

// Which of a program's processes a kill is meant for.
std::vector<pid_t> aim(const store& s, const fault& f) {
  auto all = processes_of(s, f.target);
  switch (f.what) {
    case kind::kill_postmaster:
    case kind::kill_gateway_master:
      if (!all.empty()) all.resize(1);
      return all;
    case kind::kill_gateway_worker:
      return all.size() < 2 ? std::vector<pid_t>{} : std::vector{all[1]};
    default:
      return all;
  }
}

// The first ones, and how many more.
std::string list_of(const std::vector<pid_t>& all) {
  if (all.empty()) return "none";
  const auto shown = std::min<std::ptrdiff_t>(std::ssize(all), 4);
  auto text = fmt::format("{}", fmt::join(all.begin(), all.begin() + shown, " "));
  if (shown < std::ssize(all)) text += fmt::format(" and {} more", std::ssize(all) - shown);
  return text;
}

// It takes a moment, in which they may still answer.
void wait_for_death(const std::vector<pid_t>& all) {
  const auto until = clock::now() + 2s;
  const auto lives = [](pid_t id) { return usage_of(id).has_value(); };
  while (std::ranges::any_of(all, lives) && clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

void pause(milliseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

// -------------------------------------------------------------------------------------------------

wires::wires(const store& s) {
  // Below the ports that the kernel gives to whoever asks for none: one that is refused for a while
  // must still be free afterwards.
  std::uint16_t port = 32'100;
  for (const auto& edge : s.edges) {
    const auto target = s.port(callee_of(edge));
    while (!proxies_.contains(edge)) {
      try {
        proxies_.emplace(edge, std::make_unique<testing::tcp_proxy>(target, port++));
      } catch (const std::system_error&) {
        if (port >= 32'700) throw;
      }
    }
  }
}

std::string wires::as_via() const {
  std::string text;
  for (const auto& [edge, proxy] : proxies_) {
    if (edge.starts_with("shoppers>")) continue;  // they are no part of the store
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", edge, proxy->port());
  }
  return text;
}

void wires::pass_all() {
  for (const auto& [edge, proxy] : proxies_) {
    try {
      proxy->pass();
    } catch (const std::system_error&) {
      // Its port has been taken; the store is led past it in the end.
    }
  }
}

std::vector<std::string> wires::unused() const {
  std::vector<std::string> all;
  for (const auto& [edge, proxy] : proxies_) {
    if (proxy->accepted() == 0) all.push_back(edge);
  }
  return all;
}

// -------------------------------------------------------------------------------------------------

void striker::strike(const fault& f, std::stop_token stop) {
  chronicle_.note(fmt::format("begins: {}", describe(f)));
  outcome o;
  try {
    o = is_of_processes(f.what)     ? strike_processes(f, stop)
        : is_of_connections(f.what) ? strike_connections(f, stop)
                                    : strike_provider(f, stop);
  } catch (const std::exception& e) {
    o.text = fmt::format("failed: {}", e.what());
  }
  chronicle_.count(f.what, o.blows);
  chronicle_.say(fmt::format("{}{}{}", describe(f), o.blows ? ": " : ": STRUCK NOTHING: ", o.text));
}

striker::outcome striker::strike_processes(const fault& f, std::stop_token stop) {
  const bool stops = f.what == kind::stop || f.what == kind::stop_past_lease;
  auto o = stops ? stop_some(f, stop) : kill_some(f, stop);
  if (o.blows == 0) return o;
  const auto began = clock::now();
  if (!wait_until_ready({f.target}, 60s, stop).empty()) {
    o.text += stop.stop_requested() ? "" : ", not ready again after 60 s";
  } else {
    o.text += fmt::format(", ready after {:.2f} s", in_seconds(clock::now() - began));
    if (const auto now = processes_of(store_, f.target); !stops && !now.empty()) {
      o.text += fmt::format(" as {}", now.front());
    }
  }
  return o;
}

striker::outcome striker::kill_some(const fault& f, std::stop_token stop) {
  outcome o;
  for (std::int64_t i = 0; i < f.amount && !stop.stop_requested(); ++i) {
    if (i > 0) pause(f.spread, stop);
    auto found = aim(store_, f);
    // One that was killed a moment ago may be about to come.
    for (const auto until = clock::now() + 2s;
         found.empty() && clock::now() < until && !stop.stop_requested();) {
      pause(10ms, stop);
      found = aim(store_, f);
    }
    for (const auto id : found) kill(id);
    wait_for_death(found);
    if (!found.empty()) ++o.blows;
    o.text += (i ? ", then " : "killed ") + list_of(found);
  }
  return o;
}

striker::outcome striker::stop_some(const fault& f, std::stop_token stop) {
  const auto found = processes_of(store_, f.target);
  if (found.empty()) return {0, "it does not run"};
  const auto began = clock::now();
  for (const auto id : found) ::kill(id, SIGSTOP);
  pause(f.lasts, stop);
  for (const auto id : found) ::kill(id, SIGCONT);
  return {1,
          fmt::format("stopped {} for {:.2f} s", list_of(found), in_seconds(clock::now() - began))};
}

striker::outcome striker::strike_connections(const fault& f, std::stop_token stop) {
  auto& wire = wires_.at(f.target);
  std::int64_t touched = 0;
  const auto blows = [&](auto blow) {
    for (std::int64_t i = 0; i < f.amount && !stop.stop_requested(); ++i) {
      if (i > 0) pause(f.spread, stop);
      blow();
      touched += static_cast<std::int64_t>(wire.touched());
    }
  };
  const auto lasting = [&](auto begin) {
    begin();
    pause(f.lasts, stop);
    touched = static_cast<std::int64_t>(wire.touched());
    wire.pass();
  };
  const auto amount = static_cast<std::size_t>(f.amount);
  switch (f.what) {
    case kind::cut:
      blows([&] { wire.cut(); });
      break;
    case kind::close_servers:
      blows([&] { wire.half_close(); });
      break;
    case kind::close_clients:
      blows([&] { wire.half_close_clients(); });
      break;
    case kind::refuse:
      lasting([&] { wire.refuse(); });
      break;
    case kind::blackhole:
      lasting([&] { wire.blackhole(); });
      break;
    case kind::delay:
      lasting([&] { wire.delay(milliseconds(f.amount), f.spread); });
      break;
    case kind::throttle:
      lasting([&] { wire.throttle(amount); });
      break;
    case kind::cut_after:
      lasting([&] { wire.cut_after(amount); });
      break;
    default:
      touched = lose(f, wire, stop);
      break;
  }
  return {touched, fmt::format("{} connections", touched)};
}

// One after the other, as long as the fault lasts: what changes something, or if nothing of that
// kind passes within a second, anything.
std::int64_t striker::lose(const fault& f, testing::tcp_proxy& wire, std::stop_token stop) {
  const auto callee = callee_of(f.target);
  const bool http = callee != "postgres" && callee != "redis";
  const std::string change = callee == "postgres" ? "COMMIT" : callee == "redis" ? "EVAL" : "POST ";
  const std::string any = http ? " HTTP/1.1" : change;
  const auto until = clock::now() + f.lasts;
  const auto arm = [&](std::string pattern) {
    f.what == kind::lose_request ? wire.lose_request(std::move(pattern))
                                 : wire.lose_answer(std::move(pattern));
  };
  const auto strikes_within = [&](milliseconds limit) {
    const auto end = std::min(until, clock::now() + limit);
    while (!wire.has_struck() && clock::now() < end && !stop.stop_requested()) pause(10ms, stop);
    return wire.has_struck();
  };
  std::int64_t struck = 0;
  while (clock::now() < until && !stop.stop_requested()) {
    arm(change);
    bool hit = strikes_within(1s);
    if (!hit) {
      arm(any);
      hit = strikes_within(1s);
    }
    if (!hit) continue;
    ++struck;
    pause(150ms, stop);
  }
  arm("");
  return struck;
}

striker::outcome striker::strike_provider(const fault& f, std::stop_token stop) {
  auto b = provider_.usual();
  const auto rate = static_cast<double>(f.amount) / 100;
  if (f.what == kind::provider_slow) b.latency_ms = b.latency_jitter_ms = f.amount / 2;
  if (f.what == kind::provider_errors) b.error_rate = rate;
  if (f.what == kind::provider_declines) b.decline_rate = rate;
  if (f.what == kind::provider_silent) b.unknown_rate = rate;
  const auto began = clock::now();
  // The answer to a setting may be lost, so that it must be put back even then.
  const bool set = provider_.set(b, f.lasts, stop);
  const auto took = clock::now() - began;
  if (took < f.lasts) pause(std::chrono::floor<milliseconds>(f.lasts - took), stop);
  const bool put_back = provider_.set(provider_.usual(), 30s, stop);
  return {set, fmt::format(
                   "{}, {}",
                   set ? fmt::format("set after {:.2f} s", in_seconds(took)) : "could not be set",
                   put_back ? "put back" : "to be put back at the end")};
}

void striker::lift_all() {
  wires_.pass_all();
  for (const auto& program : all_programs) {
    for (const auto id : processes_of(store_, program)) ::kill(id, SIGCONT);
  }
}

void striker::kill(pid_t process) {
  const std::lock_guard lock(mutex_);
  killed_.insert(process);
  ::kill(process, SIGKILL);
}

std::set<pid_t> striker::killed() const {
  const std::lock_guard lock(mutex_);
  return killed_;
}

std::vector<std::string> striker::wait_until_ready(std::vector<std::string> all, milliseconds limit,
                                                   std::stop_token stop) {
  const auto until = clock::now() + limit;
  while (true) {
    std::erase_if(all, [&](const std::string& p) { return is_ready(store_, p); });
    if (all.empty() || clock::now() > until || stop.stop_requested()) return all;
    pause(20ms, stop);
  }
}

}  // namespace souk::chaos
