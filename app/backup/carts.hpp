#pragma once

// The carts, copied of one moment while shoppers go on changing them.
//
// Redis has no snapshots to read from, and copying many carts takes longer than orders may stand
// still. So it is done as a running machine is moved: everything is copied while it changes, and
// Redis tells which carts have changed since (CLIENT TRACKING); those are copied again, until few
// are left. Only these are copied at the moment itself, while Redis holds writes back (CLIENT
// PAUSE, which ends by itself). What is written is a log of carts; the last line about one counts.
//
// Not copied: counters of failed sign-ins, and the set `orders` of all carts, which is made anew
// from what each cart remembers.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kit/json.hpp"
#include "manifest.hpp"
#include "redis_link.hpp"

namespace souk::backup {

struct cart_field {
  std::string name, value;
};
BOOST_DESCRIBE_STRUCT(cart_field, (), (name, value))

// Everything kept of one shopper; nothing at all says that nothing is kept any more. Ends are in
// milliseconds since 1970; without one it is kept for ever.
struct cart_record {
  std::string user;
  std::optional<std::int64_t> cart_until, keys_until, orders_until;
  std::optional<std::vector<cart_field>> cart, keys, orders;  // orders: id and time
};
BOOST_DESCRIBE_STRUCT(cart_record, (),
                      (user, cart_until, keys_until, orders_until, cart, keys, orders))

class cart_copier {
 public:
  cart_copier(const std::string& url, const std::filesystem::path& file);
  ~cart_copier();
  cart_copier(const cart_copier&) = delete;

  // Copies everything, and what has changed meanwhile until it is little.
  void prepare();
  // From here until finish() the carts do not change, or for `limit`.
  void hold(std::chrono::milliseconds limit);
  // Copies the rest and lets go.
  void finish();
  // The file is on disk then.
  carts_part close();
  // False when Redis would not hold writes back, so that carts which changed in the few
  // milliseconds between hold() and finish() may be of different moments in it.
  bool exact() const { return held_; }

 private:
  void note_changes();
  void copy(std::vector<std::string> users);
  void copy_changed();

  redis_link db_, news_;
  std::ofstream out_;
  std::filesystem::path file_;
  std::unordered_set<std::string> changed_;
  std::unordered_map<std::string, std::size_t> copied_;  // user: orders remembered
  bool held_ = false;
};

// Replaces all carts of Redis by those of the file. May be repeated.
carts_part load_carts(const std::string& url, const std::filesystem::path& file);

}  // namespace souk::backup
