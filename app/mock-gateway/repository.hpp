#pragma once

// All of the gateway's SQL. Whatever is answered to a merchant is stored before, and a repeat finds
// it. pg::unavailable, pg::unknown_outcome and pg::error are thrown; the merchant then knows
// nothing, and asks again.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "charges.hpp"
#include "kit/context.hpp"
#include "kit/postgres.hpp"

namespace souk::mock_gateway {

struct new_charge {
  uuid reference;
  uuid merchant_order;
  minor_units amount_minor = 0;
  std::string currency;
  std::string token_hash;
};

// Of one order: all charges under it, summed up.
struct order_totals {
  uuid merchant_order;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
  bool cancelled = false;
  std::int64_t charges = 0;      // that were approved
  std::vector<uuid> references;  // of these
};
BOOST_DESCRIBE_STRUCT(order_totals, (),
                      (merchant_order, authorized_minor, captured_minor, voided_minor,
                       refunded_minor, cancelled, charges, references))

class repository {
 public:
  explicit repository(pg::pool& db) : db_(db) {}

  task<> add_card(const context& ctx, const std::string& token_hash, const card& c);
  // Nothing if it is unknown or too old.
  task<std::optional<card>> find_card(const context& ctx, const std::string& token_hash);

  // Nothing if the reference is taken. `declined`: why it is not approved.
  task<std::optional<charge>> add_charge(const context& ctx, const new_charge& c,
                                         const std::optional<card>& with,
                                         std::optional<std::string_view> declined);
  // Nothing if the reference is taken.
  task<std::optional<charge>> add_cancelled(const context& ctx, uuid reference,
                                            std::optional<uuid> merchant_order);
  task<std::optional<charge>> find(const context& ctx, uuid reference);
  // authorized -> captured or, for the card that is refused then, capture_refused. Nothing if the
  // charge is not authorized, or for less.
  task<std::optional<charge>> capture(const context& ctx, uuid reference, minor_units amount);
  // authorized -> voided; nothing if it is not authorized.
  task<std::optional<charge>> void_(const context& ctx, uuid reference);
  // The first refund under this reference, made now if there is none; nothing if there is no such
  // charge.
  task<std::optional<refund>> refund_once(const context& ctx, const refund& wanted);
  // How often it was called for this reference, this time included.
  task<std::int64_t> count_failed_try(const context& ctx, uuid reference);

  task<std::vector<refund>> refunds_of(const context& ctx, uuid reference);
  // By order: `after` < order <= `through`.
  task<std::vector<order_totals>> list_orders(const context& ctx, uuid after, uuid through,
                                              int limit);

  task<behaviour> read_behaviour(const context& ctx);
  task<> write_behaviour(const context& ctx, const behaviour& b);

 private:
  pg::pool& db_;
};

}  // namespace souk::mock_gateway
