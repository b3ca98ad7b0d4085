#include "baskets.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bits.hpp"
#include "kit/json.hpp"

namespace souk::model {
namespace {

using rs = inventory::reservation_state;
constexpr int basket_size = 2;
// The reservation row's and those of the stock rows; with all of them the work is done.
constexpr int all_locks = 1 + basket_size;
enum job_kind { reserves, commits, expires };
constexpr std::string_view job_names[] = {"reserve", "commit", "expire"};

uuid product(int i) {
  uuid u;
  u.bytes.back() = static_cast<std::uint8_t>(i + 1);
  return u;
}

template <class State, class Codec>
void fields(State& s, Codec& f) {
  for (auto& shopper : s.work) {
    for (auto& j : shopper) {
      f(j.locks, 3);
      f(j.looked, 1);
      f(j.saw_enough, 1);
    }
  }
  f(s.one_has_died, 1);
  for (auto& r : s.reservations) f(r, 3);
  for (auto& l : s.reservation_lock) f(l, 4);
  for (auto& n : s.on_hand) f(n, 2);
  for (auto& n : s.reserved) f(n, 2);
  for (auto& l : s.stock_lock) f(l, 4);
}

}  // namespace

shelves::shelves(lock_mutant m) : mutant_(m) {
  for (int shopper = 0; shopper < shelf_state::shoppers; ++shopper) {
    const int first = shopper, second = (shopper + 1) % shelf_state::products;
    if (m == lock_mutant::basket_order) {
      baskets_[shopper] = {first, second};
      continue;
    }
    const auto lines = inventory::in_lock_order({{product(first), 1}, {product(second), 1}});
    for (const auto& line : lines.value()) {
      baskets_[shopper].push_back(line.product_id.bytes.back() - 1);
    }
  }
}

shelves::packed shelves::pack(const state& s) const {
  packed p{};
  packer f(p.data());
  fields(s, f);
  return p;
}

shelves::state shelves::unpack(const packed& p) const {
  state s;
  unpacker f(p.data());
  fields(s, f);
  return s;
}

void shelves::successors(const state& s, emitter<state> emit) const {
  for (int shopper = 0; shopper < state::shoppers; ++shopper) {
    for (int kind = 0; kind < state::jobs; ++kind) {
      const auto& job = s.work[shopper][kind];
      if (job.locks == state::over) continue;
      const int owner = shopper * state::jobs + kind;
      const auto& basket = baskets_[shopper];
      const auto name = [&] {
        return fmt::format("{} of basket {}", job_names[kind], shopper + 1);
      };

      const auto end = [&](state& n) {
        n.work[shopper][kind].locks = state::over;
        std::ranges::replace(n.reservation_lock, owner, state::nobody);
        std::ranges::replace(n.stock_lock, owner, state::nobody);
      };
      const auto enough = [&](const state& n) {
        return std::ranges::all_of(basket, [&](int p) { return n.on_hand[p] > n.reserved[p]; });
      };

      if (job.locks > 0 && !s.one_has_died) {
        state n = s;
        end(n);
        n.work[shopper][kind] = {};
        n.one_has_died = true;
        emit(n, 0, [&] { return name() + " dies and is rolled back"; });
      }
      if (mutant_ == lock_mutant::look_before_lock && kind == reserves && !job.looked) {
        state n = s;
        n.work[shopper][kind].looked = true;
        n.work[shopper][kind].saw_enough = enough(s);
        emit(n, 1, [&] { return name() + " looks at what is available"; });
        continue;
      }

      if (job.locks < all_locks) {
        const bool stock_first =
            mutant_ == lock_mutant::stock_before_reservation && kind != reserves;
        const bool takes_reservation = job.locks == (stock_first ? basket_size : 0);
        const int p = takes_reservation ? 0 : basket[stock_first ? job.locks : job.locks - 1];
        const auto& lock = takes_reservation ? s.reservation_lock[shopper] : s.stock_lock[p];
        if (lock != state::nobody) continue;  // it waits
        state n = s;
        (takes_reservation ? n.reservation_lock[shopper] : n.stock_lock[p]) = owner;
        ++n.work[shopper][kind].locks;
        // What there is to do shows under the reservation row's lock. (Nothing there is to lock for
        // those that settle a reservation before it is made.)
        const bool held = s.reservations[shopper] == rs::held;
        if (takes_reservation && (kind == reserves ? s.reservations[shopper].has_value() : !held)) {
          end(n);
        }
        emit(n, 1, [&] {
          return takes_reservation ? fmt::format("{} locks the reservation", name())
                                   : fmt::format("{} locks product {}", name(), p + 1);
        });
        continue;
      }

      state n = s;
      const bool takes = mutant_ == lock_mutant::look_before_lock ? job.saw_enough : enough(s);
      for (const int p : basket) {
        if (kind == reserves && takes) ++n.reserved[p];
        if (kind != reserves) --n.reserved[p];
        if (kind == commits) --n.on_hand[p];
      }
      constexpr rs becomes[] = {rs::held, rs::committed, rs::expired};
      if (kind != reserves || takes) n.reservations[shopper] = becomes[kind];
      end(n);
      emit(n, 1, [&] {
        return kind == reserves && !takes ? name() + " finds too little" : name() + " is done";
      });
    }
  }
}

std::string shelves::broken(const state& s) const {
  for (int p = 0; p < state::products; ++p) {
    if (s.reserved[p] > s.on_hand[p]) return fmt::format("product {} is oversold", p + 1);
    int held = 0, sold = 0;
    for (int shopper = 0; shopper < state::shoppers; ++shopper) {
      if (!std::ranges::count(baskets_[shopper], p)) continue;
      held += s.reservations[shopper] == rs::held;
      sold += s.reservations[shopper] == rs::committed;
    }
    if (held != s.reserved[p])
      return fmt::format("reserved of product {} is not what is held", p + 1);
    if (sold + s.on_hand[p] != 1) return fmt::format("product {} was sold {} times", p + 1, sold);
  }
  return {};
}

std::string shelves::unfinished(const state& s) const {
  for (const auto& shopper : s.work) {
    if (std::ranges::any_of(shopper, [](const auto& j) { return j.locks != state::over; })) {
      return "transactions wait for each other in a circle";
    }
  }
  return {};
}

}  // namespace souk::model
