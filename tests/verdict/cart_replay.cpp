#include "cart_replay.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace souk::verdict {
namespace {

constexpr std::size_t max_open = 16;
constexpr std::size_t max_states = 20'000;

// Which of the open effects have happened (a bit for each slot), and the quantity then.
using state = std::pair<std::uint32_t, std::int64_t>;

std::int64_t after(const effect& e, std::int64_t quantity) {
  switch (e.what) {
    case effect::kind::add:
      return quantity + e.quantity;
    case effect::kind::set:
      return e.quantity;
    case effect::kind::subtract:
      return std::max<std::int64_t>(0, quantity - e.quantity);
  }
  return quantity;
}

class replaying {
 public:
  bool overflown() const { return overflown_; }

  void begin(const effect& e) {
    for (std::size_t slot = 0; slot < max_open; ++slot) {
      if (open_[slot]) continue;
      open_[slot] = &e;
      close_under_effects();
      return;
    }
    overflown_ = true;
  }

  void end(const effect& e, bool happened) {
    for (std::size_t slot = 0; slot < max_open; ++slot) {
      if (open_[slot] != &e) continue;
      const std::uint32_t bit = 1u << slot;
      std::set<state> rest;
      for (const auto& [done, quantity] : states_) {
        if (!happened || (done & bit)) rest.emplace(done & ~bit, quantity);
      }
      states_ = std::move(rest);
      open_[slot] = nullptr;
      return;
    }
  }

  void end_what_is_over(std::int64_t now) {
    for (const auto* e : open_) {
      if (!e || e->over_at >= now) continue;
      last_over_ = std::max(last_over_, e->over_at);
      end(*e, e->certain);
    }
  }
  // When the last of them was.
  std::int64_t last_over() const { return last_over_; }

  void end_all() {
    for (const auto* e : open_) {
      if (e) end(*e, e->certain);
    }
  }

  // False if it could not have been seen; then nothing changes.
  bool see(std::int64_t quantity) {
    std::set<state> rest;
    for (const auto& s : states_) {
      if (s.second == quantity) rest.insert(s);
    }
    if (rest.empty()) return false;
    states_ = std::move(rest);
    close_under_effects();
    return true;
  }

  std::vector<std::int64_t> values() const {
    std::set<std::int64_t> all;
    for (const auto& s : states_) all.insert(s.second);
    return {all.begin(), all.end()};
  }

 private:
  // Whatever is open may happen in any order.
  void close_under_effects() {
    std::vector<state> todo(states_.begin(), states_.end());
    while (!todo.empty()) {
      const auto [done, quantity] = todo.back();
      todo.pop_back();
      for (std::size_t slot = 0; slot < max_open; ++slot) {
        const std::uint32_t bit = 1u << slot;
        if (!open_[slot] || (done & bit)) continue;
        const state next{done | bit, after(*open_[slot], quantity)};
        if (states_.insert(next).second) todo.push_back(next);
      }
      if (states_.size() > max_states) {
        overflown_ = true;
        return;
      }
    }
  }

  const effect* open_[max_open] = {};
  std::set<state> states_{{0, 0}};
  std::int64_t last_over_ = std::numeric_limits<std::int64_t>::min();
  bool overflown_ = false;
};

struct point {
  std::uint64_t position;
  std::int64_t at;
  const effect* begins = nullptr;
  const effect* ends = nullptr;
  std::size_t look = 0;
};

}  // namespace

possible replay(std::span<const effect> effects, std::span<const look> looks) {
  std::vector<point> points;
  for (const auto& e : effects) {
    points.push_back({.position = e.begins, .at = e.begins_at, .begins = &e});
    if (e.ends) points.push_back({.position = *e.ends, .at = e.begins_at, .ends = &e});
  }
  for (std::size_t i = 0; i < looks.size(); ++i) {
    points.push_back({.position = looks[i].ends, .at = looks[i].ends_at, .look = i});
  }
  std::ranges::sort(points, {}, &point::position);

  possible out;
  replaying r;
  std::uint64_t last_change = 0;
  for (const auto& p : points) {
    r.end_what_is_over(p.at);
    if (p.begins) {
      r.begin(*p.begins);
      last_change = p.position;
    } else if (p.ends) {
      r.end(*p.ends, true);
      last_change = p.position;
    } else if (const auto& l = looks[p.look];
               last_change < l.begins && r.last_over() < l.begins_at) {
      // Otherwise something began or ended while it looked, and it proves too little.
      const auto before = r.overflown() ? std::vector<std::int64_t>{} : r.values();
      if (!r.see(l.quantity) && !out.impossible && !r.overflown()) {
        out.impossible = p.look;
        out.instead = before;
      }
    }
    if (r.overflown()) {
      out.unclear = true;
      return out;
    }
  }
  r.end_all();
  out.values = r.values();
  return out;
}

}  // namespace souk::verdict
