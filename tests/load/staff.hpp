#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/market.hpp"

namespace souk::load {

// What the staff sees of an order.
struct order_to_handle {
  std::string id, state;
  std::int64_t total_minor = 0, refunded_minor = 0;
  std::vector<line> lines;
};

// The administrator's people: they restock what runs low, ship, deliver and pay back, until the
// run closes. As long as the store takes no sign-in, they do nothing.
class staff {
 public:
  staff(market& m, std::string password) : market_(m), password_(std::move(password)) {}

  // Begins the work in `m`. The staff must outlive it.
  void begin();

 private:
  task<> restock(chance by);
  task<> move_orders(chance by, std::string from, std::string to);
  task<> refund(chance by);

  task<bool> signed_in();
  task<> sign_in(chance by);
  task<std::vector<order_to_handle>> some_orders(std::string state);
  task<> pause(chance& by, std::chrono::milliseconds low, std::chrono::milliseconds high);
  http::call as_admin(http::call c) const;
  std::string new_key();
  void saw(const reply& got);

  market& market_;
  std::string password_;
  std::string token_;
  std::uint64_t keys_ = 0;
  bool refused_ = false;  // the password is wrong
};

}  // namespace souk::load
