#include "schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace souk::chaos {

using namespace std::chrono_literals;

namespace {

struct card {
  kind what;
  std::string_view name;
  int weight;  // how often it comes, after all have come once
  milliseconds shortest_run;
};

constexpr std::array<card, kinds> cards = {{
    {kind::kill_service, "kill service", 6, 0s},
    {kind::kill_redis, "kill redis", 2, 0s},
    {kind::kill_postmaster, "kill postmaster", 1, 0s},
    {kind::kill_postgres, "kill postgres", 2, 0s},
    {kind::kill_gateway, "kill gateway", 1, 0s},
    {kind::kill_gateway_master, "kill gateway master", 1, 0s},
    {kind::kill_gateway_worker, "kill gateway worker", 1, 0s},
    {kind::kill_helper, "kill helper", 1, 0s},
    {kind::stop, "stop", 4, 0s},
    {kind::stop_past_lease, "stop past the lease", 2, 90s},
    {kind::cut, "cut", 3, 0s},
    {kind::refuse, "refuse", 2, 0s},
    {kind::blackhole, "blackhole", 3, 0s},
    {kind::delay, "delay", 3, 0s},
    {kind::throttle, "throttle", 2, 0s},
    {kind::close_servers, "half-close servers", 2, 0s},
    {kind::close_clients, "half-close clients", 2, 0s},
    {kind::cut_after, "cut after bytes", 2, 0s},
    {kind::lose_request, "lose request", 2, 0s},
    {kind::lose_answer, "lose answer", 4, 0s},
    {kind::provider_slow, "provider slow", 1, 0s},
    {kind::provider_errors, "provider errors", 1, 0s},
    {kind::provider_declines, "provider declines", 1, 0s},
    {kind::provider_silent, "provider silent", 1, 0s},
    {kind::restart_all, "restart all", 1, 180s},
    {kind::down_and_up, "down and up", 1, 180s},
    {kind::kill_supervisor, "kill supervisor", 1, 180s},
}};

const card& card_of(kind k) {
  return cards[static_cast<std::size_t>(k)];
}

constexpr milliseconds warm_up = 4s, cool_down = 3s;
// How long starting again is expected to take. What takes longer moves the rest of the schedule.
constexpr milliseconds time_to_restart = 25s, time_to_recover = 1500ms;
constexpr auto provider = "mock-gateway's behaviour";

// SplitMix64: the same on every machine, unlike the library's distributions.
class dice {
 public:
  explicit dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  milliseconds between(milliseconds low, milliseconds high) {
    return milliseconds(between(low.count(), high.count()));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  template <class T>
  void shuffle(std::vector<T>& all) {
    for (std::size_t i = all.size(); i > 1; --i) {
      std::swap(all[i - 1], all[static_cast<std::size_t>(next() % i)]);
    }
  }

 private:
  std::uint64_t state_;
};

// Deals all of its cards before any of them once more.
template <class T>
class deck {
 public:
  explicit deck(std::vector<T> all) : all_(std::move(all)) {}

  // The next card that `fits`; nothing if none does. What does not fit stays on top.
  template <class F>
  std::optional<T> deal(dice& d, F fits) {
    for (int round = 0; round < 2; ++round) {
      const auto found = std::find_if(left_.begin(), left_.end(), fits);
      if (found != left_.end()) {
        auto dealt = *found;
        left_.erase(found);
        return dealt;
      }
      auto more = all_;
      d.shuffle(more);
      left_.insert(left_.end(), more.begin(), more.end());
    }
    return std::nullopt;
  }

 private:
  std::vector<T> all_;
  std::vector<T> left_;
};

class dealer {
 public:
  dealer(std::uint64_t seed, const limits& within)
      : dice_(seed), limits_(within), once_({}), often_({}) {
    std::vector<kind> once, often;
    for (const auto& c : cards) {
      if (c.shortest_run > within.lasts) continue;
      once.push_back(c.what);
      often.insert(often.end(), static_cast<std::size_t>(c.weight), c.what);
    }
    dice_.shuffle(once);
    once_ = std::move(once);
    often_ = deck(std::move(often));
  }

  std::vector<fault> deal() {
    const auto end = limits_.lasts - cool_down;
    milliseconds at = warm_up;
    while (true) {
      auto group = deal_group(at);
      milliseconds over = at;
      for (const auto& f : group) {
        over = std::max(over, f.at + (is_exclusive(f.what) ? time_to_restart : f.lasts));
      }
      if (over + time_to_recover > end) {
        // A shorter one may still fit, but only once: the end must come.
        std::erase_if(group, [&](const fault& f) {
          return is_exclusive(f.what) || f.at + f.lasts + time_to_recover > end;
        });
        take(std::move(group));
        break;
      }
      take(std::move(group));
      // Now and then long enough for everything to come to rest.
      at = over + time_to_recover + dice_.between(500ms, 3000ms) + (dice_.chance(15) ? 8s : 0s);
    }
    std::sort(all_.begin(), all_.end(), [](const fault& a, const fault& b) {
      return std::tie(a.at, a.what, a.target) < std::tie(b.at, b.what, b.target);
    });
    return std::move(all_);
  }

 private:
  void take(std::vector<fault> group) {
    for (auto& f : group) all_.push_back(std::move(f));
  }

  std::vector<fault> deal_group(milliseconds at) {
    const auto die = dice_.between(1, 100);
    const int size = die <= 20 ? 1 : die <= 45 ? 2 : die <= 70 ? 3 : die <= 88 ? 4 : 5;
    std::vector<fault> group;
    std::set<std::string> used;
    for (int i = 0; i < size; ++i) {
      auto f = deal_fault(used, !group.empty());
      if (!f) break;
      f->at += at + (i == 0 ? 0ms : dice_.between(0ms, 6000ms));
      used.insert(f->target);
      group.push_back(std::move(*f));
      if (is_exclusive(group.back().what)) break;
    }
    return group;
  }

  // One that has a target which is not used.
  std::optional<kind> deal_kind(const std::set<std::string>& used, bool in_company) {
    const auto fits = [&](kind k) {
      return (!in_company || !is_exclusive(k)) &&
             std::ranges::any_of(targets_of(k), [&](auto& t) { return !used.contains(t); });
    };
    const auto found = std::find_if(once_.begin(), once_.end(), fits);
    if (found != once_.end()) {
      const auto k = *found;
      once_.erase(found);
      return k;
    }
    return once_.empty() ? often_.deal(dice_, fits) : std::nullopt;
  }

  std::optional<fault> deal_fault(const std::set<std::string>& used, bool in_company) {
    const auto k = deal_kind(used, in_company);
    if (!k) return std::nullopt;
    auto [place, made] = targets_.try_emplace(*k, targets_of(*k));
    const auto target =
        place->second.deal(dice_, [&](const std::string& t) { return !used.contains(t); });
    fault f{.what = *k, .target = *target};
    set_strength(f);
    return f;
  }

  std::vector<std::string> targets_of(kind k) const {
    static const std::vector<std::string> services = {"product-service",   "cart-service",
                                                      "order-service",     "payment-service",
                                                      "inventory-service", "mock-gateway"};
    const auto and_services = [](std::vector<std::string> more) {
      more.insert(more.end(), services.begin(), services.end());
      return more;
    };
    switch (k) {
      case kind::kill_service:
        return services;
      case kind::kill_redis:
        return {"redis"};
      case kind::kill_postmaster:
      case kind::kill_postgres:
        return {"postgres"};
      case kind::kill_gateway:
      case kind::kill_gateway_master:
      case kind::kill_gateway_worker:
        return {"gateway"};
      case kind::kill_helper:
        return {"prometheus", "log-keeper"};
      case kind::stop:
      case kind::stop_past_lease:
        return and_services({"order-service", "postgres", "redis", "gateway"});
      default:
        if (is_of_connections(k)) return limits_.edges;
        if (is_of_provider(k)) return {provider};
        return {"everything"};
    }
  }

  void set_strength(fault& f) {
    auto& d = dice_;
    switch (f.what) {
      case kind::kill_service:
      case kind::kill_redis: {
        // Also while it is just coming up again.
        const auto die = d.between(1, 10);
        set_blows(f, die <= 7 ? 1 : die <= 9 ? 2 : 3, 300ms, 2500ms);
        break;
      }
      case kind::kill_postmaster:
      case kind::kill_postgres:
      case kind::kill_gateway:
      case kind::kill_gateway_master:
      case kind::kill_gateway_worker:
      case kind::kill_helper:
        f.amount = 1;
        break;
      case kind::stop:
        f.lasts = d.chance(70) ? d.between(1000ms, 5000ms) : d.between(5000ms, 14'000ms);
        break;
      case kind::stop_past_lease:
        f.lasts = d.between(16'000ms, 25'000ms);
        break;
      case kind::cut:
        set_blows(f, static_cast<int>(d.between(1, 5)), 50ms, 1500ms);
        break;
      case kind::refuse:
        f.lasts = d.between(1000ms, 8000ms);
        break;
      case kind::blackhole:
        f.lasts = d.chance(75) ? d.between(1000ms, 7000ms) : d.between(7000ms, 20'000ms);
        break;
      case kind::delay:
        f.lasts = d.between(3000ms, 12'000ms);
        f.amount = d.chance(70) ? d.between(10, 200) : d.between(200, 1500);
        f.spread = milliseconds(d.between(0, f.amount));
        break;
      case kind::throttle:
        f.lasts = d.between(3000ms, 12'000ms);
        f.amount = d.between(1, 40) * 500;
        break;
      case kind::close_servers:
      case kind::close_clients:
        set_blows(f, static_cast<int>(d.between(1, 3)), 300ms, 2000ms);
        break;
      case kind::cut_after:
        f.lasts = d.between(2000ms, 8000ms);
        f.amount = d.chance(50) ? d.between(1, 200) : d.between(200, 8000);
        break;
      case kind::lose_request:
      case kind::lose_answer:
        f.lasts = d.between(2000ms, 10'000ms);
        break;
      case kind::provider_slow:
        f.lasts = d.between(3000ms, 10'000ms);
        f.amount = d.between(200, 6000);
        break;
      case kind::provider_errors:
      case kind::provider_declines:
      case kind::provider_silent:
        f.lasts = d.between(3000ms, 10'000ms);
        f.amount = d.between(20, 100);
        break;
      case kind::restart_all:
      case kind::down_and_up:
      case kind::kill_supervisor:
        break;
    }
  }

  void set_blows(fault& f, int times, milliseconds shortest, milliseconds longest) {
    f.amount = times;
    if (times == 1) return;
    f.spread = dice_.between(shortest, longest);
    f.lasts = f.spread * (times - 1);
  }

  dice dice_;
  const limits& limits_;
  std::vector<kind> once_;
  deck<kind> often_;
  std::map<kind, deck<std::string>> targets_;
  std::vector<fault> all_;
};

std::string strength_of(const fault& f) {
  const auto blows = [&] {
    return f.amount == 1 ? std::string()
                         : fmt::format(" {} times, every {:.2f} s", f.amount,
                                       static_cast<double>(f.spread.count()) / 1000);
  };
  const auto span = fmt::format(" for {:.1f} s", static_cast<double>(f.lasts.count()) / 1000);
  switch (f.what) {
    case kind::kill_service:
    case kind::kill_redis:
    case kind::cut:
    case kind::close_servers:
    case kind::close_clients:
      return blows();
    case kind::delay:
      return fmt::format(" by {} to {} ms{}", f.amount, f.amount + f.spread.count(), span);
    case kind::throttle:
      return fmt::format(" to {} B/s{}", f.amount, span);
    case kind::cut_after:
      return fmt::format(", {} B{}", f.amount, span);
    case kind::provider_slow:
      return fmt::format(", {} ms{}", f.amount, span);
    case kind::provider_errors:
    case kind::provider_declines:
    case kind::provider_silent:
      return fmt::format(", {} %{}", f.amount, span);
    default:
      return f.lasts > 0ms ? span : "";
  }
}

}  // namespace

std::string_view name_of(kind k) {
  return card_of(k).name;
}

bool is_exclusive(kind k) {
  return k >= kind::restart_all;
}

bool is_of_processes(kind k) {
  return k <= kind::stop_past_lease;
}

bool is_of_connections(kind k) {
  return k >= kind::cut && k <= kind::lose_answer;
}

bool is_of_provider(kind k) {
  return k >= kind::provider_slow && k <= kind::provider_silent;
}

std::string describe(const fault& f) {
  return fmt::format("{}: {}{}", name_of(f.what), f.target, strength_of(f));
}

std::vector<fault> make_schedule(std::uint64_t seed, const limits& within) {
  return dealer(seed, within).deal();
}

}  // namespace souk::chaos
