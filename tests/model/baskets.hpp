#pragma once

// Overlapping baskets on the same shelves, lock by lock: can transactions of inventory-service wait
// for each other in a circle, or sell what is not there?
//
// Three shoppers want one piece of two products each, so that each product is wanted twice and is
// there once. Each reserves; each reservation is committed and ended by the sweeper at the same
// time (a release is the sweeper's statement, too). A transaction takes one lock at a time: first
// the reservation row's, then those of the stock rows in the order of in_lock_order() (`ORDER BY
// product_id FOR UPDATE` in take_stock, settle_held); it waits where another has one, and holds all
// to its end. One of them may die and roll back.

#include <array>
#include <string>
#include <vector>

#include "explorer.hpp"
#include "inventory-service/stock.hpp"

namespace souk::model {

enum class lock_mutant {
  none,
  basket_order,              // stock rows are locked as the shopper put them into the basket
  stock_before_reservation,  // when a reservation is settled
  look_before_lock,          // what is available is read before the rows are locked
};

struct shelf_state {
  static constexpr int shoppers = 3, products = 3, jobs = 3;  // reserve, commit, expire
  static constexpr int nobody = 15;
  // A job's progress: how many locks it has, or that it is over.
  static constexpr int over = 7;
  struct job {
    int locks = 0;
    bool looked = false, saw_enough = false;  // look_before_lock
  };
  std::array<std::array<job, jobs>, shoppers> work{};
  bool one_has_died = false;
  std::array<std::optional<inventory::reservation_state>, shoppers> reservations{};
  std::array<int, shoppers> reservation_lock{nobody, nobody, nobody};
  std::array<int, products> on_hand{1, 1, 1}, reserved{}, stock_lock{nobody, nobody, nobody};
};

class shelves {
 public:
  using state = shelf_state;
  using packed = std::array<std::uint64_t, 3>;

  explicit shelves(lock_mutant m = lock_mutant::none);

  packed pack(const state& s) const;
  state unpack(const packed& p) const;
  std::vector<state> starts() const { return {state{}}; }
  void successors(const state& s, emitter<state> emit) const;
  std::string broken(const state& s) const;
  std::string unfinished(const state& s) const;

 private:
  lock_mutant mutant_;
  // The products of each basket in the order in which their rows are locked.
  std::array<std::vector<int>, shelf_state::shoppers> baskets_;
};

}  // namespace souk::model
