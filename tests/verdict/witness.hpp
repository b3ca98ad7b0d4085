#pragma once

// Compares what the journals tell with what the stores hold, order by order. No I/O.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cart_replay.hpp"
#include "ledger.hpp"
#include "order_rules.hpp"
#include "story.hpp"

namespace souk::verdict {

// A request that reached a stopped process, or waits in a queue before it, may still be carried out
// this long after it was sent, in microseconds; after that it never will be.
inline constexpr std::int64_t longest_delay = 120'000'000;

class witness {
 public:
  explicit witness(const story& told);

  // Each order of the stores once. Remembers what the carts need to know of it.
  std::vector<finding> hear(const order_file& f);

  struct missing {
    uuid order;
    std::string check_detail;
  };
  // After all orders: acknowledged ones that were not among them.
  std::vector<missing> not_heard() const;

  struct cart_finding {
    std::string_view check;
    uuid shopper;
    std::string detail;
  };
  struct cart_result {
    std::vector<cart_finding> findings;
    bool judged = false;
    std::int64_t unclear = 0;  // lines
  };
  // After all orders: what lies in a shopper's cart.
  cart_result judge_cart(uuid shopper, const quantities& lines) const;

  // What the warehouse was told of and what the ledger has of it.
  std::vector<std::pair<uuid, std::string>> miscounted_deliveries(const ledger& l) const;

 private:
  // What an order took from a cart, if it did.
  struct taken {
    quantities lines;
    std::uint64_t begins = 0;
    std::int64_t begins_at = 0;
    std::optional<std::uint64_t> ends;
    std::int64_t over_at = 0;
    bool certain = false;
  };
  void hear_checkout(const order_file& f, std::vector<finding>& out);
  void hear_words(const order_file& f, std::vector<finding>& out);
  void hear_timelines(const order_file& f, std::vector<finding>& out);
  void hear_refunds(const order_file& f, std::vector<finding>& out);
  void remember_for_cart(const order_file& f);

  const story& story_;
  // By order: acknowledgements of checkouts that name it, as (checkout, which).
  std::unordered_map<uuid, std::vector<std::pair<std::size_t, std::size_t>>> named_;
  std::unordered_map<uuid, bool> heard_;  // of the orders that some acknowledgement names
  std::unordered_map<uuid, std::vector<taken>> taken_;  // by shopper
};

}  // namespace souk::verdict
