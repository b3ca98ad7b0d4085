#pragma once

// Visits every state that a model can reach, breadth first, so that what it finds wrong comes with
// a shortest trace.
//
// A model is a type with
//   state                          a value; packed states are equal if and only if states are
//   packed                         std::array<std::uint64_t, N>
//   packed pack(const state&) const;  state unpack(const packed&) const;
//   std::vector<state> starts() const;
//   void successors(const state&, emitter<state> emit) const;
//       emit(next, rank, tell): one atomic step. `tell()` gives a line for the trace; it is called
//       for traces only. `rank` is 0 for what need not happen (faults, wishes, refusals); what does
//       happen, sooner or later, has a rank of 1 or more.
//   std::string broken(const state&) const;     what must never be so; empty if it isn't
//   std::string unfinished(const state&) const; what is not done in a state where nothing more
//                                               happens by itself; empty if all is
//
// Besides broken(), it checks that an end is reachable from everywhere without further faults: of
// the steps that do happen the one of the lowest rank (the first of these) is followed from each
// state. That must lead to a state without such steps, and there nothing may be unfinished.

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace souk::model {

// A callable by reference: it must outlive the call that it is given to.
template <class Signature>
class function_ref;
template <class Result, class... Args>
class function_ref<Result(Args...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, function_ref>)
  function_ref(F&& f)  // NOLINT: as std::function
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}
  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

using teller = function_ref<std::string()>;
template <class State>
using emitter = function_ref<void(const State& next, int rank, teller tell)>;

struct violation {
  std::string what;
  std::vector<std::string> trace;  // one line a step, from a start
};

struct exploration {
  std::size_t states = 0, transitions = 0;
  std::size_t ends = 0;   // states in which nothing more happens by itself
  std::size_t depth = 0;  // steps to the farthest state
  bool complete = false;  // false: stopped at a violation, or there were more than `limit` states
  std::optional<violation> found;
};

template <class Model>
class explorer {
 public:
  using state = typename Model::state;
  using packed = typename Model::packed;

  explicit explorer(const Model& m, std::size_t limit = 40'000'000) : model_(m), limit_(limit) {
    slots_.assign(1 << 16, none);
  }

  exploration run() {
    for (const auto& s : model_.starts()) visit(s, none);
    for (std::size_t i = 0; i < states_.size() && !out_.found; ++i) {
      if (states_.size() > limit_) return out_;
      expand(static_cast<index>(i));
    }
    if (!out_.found) follow_to_the_end();
    out_.states = states_.size();
    for (auto i = static_cast<index>(states_.size() - 1); parents_[i] != none; i = parents_[i]) {
      ++out_.depth;
    }
    out_.complete = !out_.found;
    return out_;
  }

 private:
  using index = std::uint32_t;
  static constexpr index none = std::numeric_limits<index>::max();

  static std::uint64_t hash(const packed& p) {
    std::uint64_t h = 0x9e3779b97f4a7c15;
    for (const auto word : p) {
      h = (h ^ word) * 0xff51afd7ed558ccd;
      h ^= h >> 32;
    }
    return h;
  }

  // The state's index; `from` becomes its parent if it is new.
  index visit(const state& s, index from) {
    const auto p = model_.pack(s);
    const auto mask = slots_.size() - 1;
    auto slot = hash(p) & mask;
    for (; slots_[slot] != none; slot = (slot + 1) & mask) {
      if (states_[slots_[slot]] == p) return slots_[slot];
    }
    const auto i = static_cast<index>(states_.size());
    slots_[slot] = i;
    states_.push_back(p);
    parents_.push_back(from);
    if (states_.size() * 10 > slots_.size() * 7) grow();
    if (auto what = model_.broken(s); !what.empty() && !out_.found) {
      out_.found = violation{std::move(what), trace_to(i)};
    }
    return i;
  }

  void grow() {
    slots_.assign(slots_.size() * 2, none);
    const auto mask = slots_.size() - 1;
    for (index i = 0; i < states_.size(); ++i) {
      auto slot = hash(states_[i]) & mask;
      while (slots_[slot] != none) slot = (slot + 1) & mask;
      slots_[slot] = i;
    }
  }

  void expand(index i) {
    const auto s = model_.unpack(states_[i]);
    auto best = std::numeric_limits<int>::max();
    auto follower = none;
    model_.successors(s, [&](const state& next, int rank, teller) {
      ++out_.transitions;
      const auto n = visit(next, i);
      if (rank > 0 && rank < best) {
        best = rank;
        follower = n;
      }
    });
    followers_.push_back(follower);
    if (follower != none || out_.found) return;
    ++out_.ends;
    if (auto what = model_.unfinished(s); !what.empty()) {
      out_.found = violation{std::move(what), trace_to(i)};
    }
  }

  // Every chain of followers must end; the ends themselves have been looked at.
  void follow_to_the_end() {
    enum : std::uint8_t { unknown, on_the_way, ends };
    std::vector<std::uint8_t> seen(states_.size(), unknown);
    std::vector<index> way;
    for (index i = 0; i < states_.size(); ++i) {
      way.clear();
      auto at = i;
      while (at != none && seen[at] == unknown) {
        seen[at] = on_the_way;
        way.push_back(at);
        at = followers_[at];
      }
      if (at != none && seen[at] == on_the_way) {
        auto trace = trace_to(at);
        trace.push_back("and from here for ever:");
        auto turn = at;
        do {
          trace.push_back(step_between(turn, followers_[turn]));
          turn = followers_[turn];
        } while (turn != at);
        out_.found = violation{"goes round in a circle without an end", std::move(trace)};
        return;
      }
      for (const auto w : way) seen[w] = ends;
    }
  }

  std::string step_between(index from, index to) const {
    std::string line;
    model_.successors(model_.unpack(states_[from]), [&](const state& next, int, teller tell) {
      if (line.empty() && model_.pack(next) == states_[to]) line = tell();
    });
    return line;
  }

  std::vector<std::string> trace_to(index i) const {
    std::vector<std::string> lines;
    for (; parents_[i] != none; i = parents_[i]) lines.push_back(step_between(parents_[i], i));
    return {lines.rbegin(), lines.rend()};
  }

  const Model& model_;
  std::size_t limit_;
  std::vector<packed> states_;
  std::vector<index> parents_, followers_;
  std::vector<index> slots_;  // open addressing
  exploration out_;
};

}  // namespace souk::model
