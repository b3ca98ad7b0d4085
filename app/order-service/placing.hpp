#pragma once

// POST /orders: from a cart to an order row, and the wait for what becomes of it.
//
// The shopper's key is looked up before anything else. There is no "running" flag and no stored
// answer: a repeat waits on the order's row like the first request does, and both answer from its
// present state. Until the row exists nothing is stored, so a refusal leaves the key free.

#include <expected>
#include <string>
#include <string_view>
#include <unordered_set>

#include "checkout.hpp"
#include "errors.hpp"
#include "order_watch.hpp"
#include "partners.hpp"
#include "repository.hpp"

namespace souk::order {

struct new_order {
  json::text<0, 200> cart_revision;
  json::integer<0, std::numeric_limits<std::int64_t>::max()> expected_total_minor;
  json::text<3, 3> currency;
  json::text<1, 200> payment_token;
  order::address address;
};
BOOST_DESCRIBE_STRUCT(new_order, (),
                      (cart_revision, expected_total_minor, currency, payment_token, address))

// The cart's lines at their owners' prices; nothing if one of them cannot be bought as it stands.
std::optional<std::vector<order_line>> price(const cart& c, const std::vector<product>& products,
                                             const std::vector<stock_level>& stock,
                                             std::string_view currency);

// The keys under which orders were placed here: the last ten thousand at least. Another key may be
// taken for one of them.
class recent_keys {
 public:
  void add(std::string_view key);
  bool may_have(std::string_view key) const;

 private:
  std::unordered_set<std::size_t> young_, old_;  // hashes
};

class placing {
 public:
  placing(repository& orders, partners& others, checkout& worker, order_watch& watch,
          std::chrono::milliseconds wait, std::string currency)
      : orders_(orders),
        partners_(others),
        worker_(worker),
        watch_(watch),
        wait_(wait),
        currency_(std::move(currency)) {}

  // The order, settled or (when it takes longer than the wait budget) still being placed.
  task<std::expected<order_view, failure>> place(const context& ctx, uuid user,
                                                 std::string_view key, const new_order& wanted);

  // Whether place() would refuse as overloaded, as far as that can be told without asking anybody:
  // a repeat of what was placed here is not refused. (One of what was placed elsewhere may be.)
  bool refuses_early(std::string_view key) const;

 private:
  task<std::expected<order_record, failure>> make(const context& request, uuid user,
                                                  const new_order& wanted);
  task<order_view> wait_for(const context& ctx, order_view o, steady_clock::time_point until);

  repository& orders_;
  partners& partners_;
  checkout& worker_;
  order_watch& watch_;
  std::chrono::milliseconds wait_;
  std::string currency_;
  recent_keys keys_;
};

}  // namespace souk::order
