#pragma once

// All of inventory's SQL.
//
// Errors: what the business may expect is an `outcome`; pg::unavailable, pg::unknown_outcome and
// pg::error are thrown. After unknown_outcome the same call may be repeated: every one of them
// finds what it did before.
//
// Locks: whoever touches stock locks the reservation row first, then the stock rows in product
// order. So two transactions never wait for each other in a circle.

#include <string_view>
#include <vector>

#include "kit/context.hpp"
#include "kit/postgres.hpp"
#include "stock.hpp"

namespace souk::inventory {

// How on_hand shall change: by a difference, or (stocktake) to a value.
struct stock_change {
  std::optional<std::int64_t> delta, on_hand;
  adjustment_reason reason = adjustment_reason::stocktake;
  std::optional<std::int64_t> only_if_version{};  // 0: only if there is no row yet
};

class repository {
 public:
  // `audits` serves the long statements of the books.
  repository(pg::pool& db, pg::pool& audits, std::chrono::milliseconds hold_for)
      : db_(db), audits_(audits), hold_for_(hold_for) {}

  task<std::vector<stock_row>> find_stock(const context& ctx, const std::vector<uuid>& products);
  task<std::optional<stock_row>> find_stock(const context& ctx, uuid product);
  // Ascending by product, after `after`; with `below`, only rows with less than that available.
  task<std::vector<stock_row>> list_stock(const context& ctx, uuid after, int limit,
                                          std::optional<std::int64_t> below);
  // Newest first, older than `before`. Nothing when there is no such stock row.
  task<outcome<std::vector<movement>>> list_movements(const context& ctx, uuid product,
                                                      std::int64_t before, int limit);

  // not_found, below_reserved, too_much, changed_meanwhile.
  task<outcome<stock_row>> change_stock(const context& ctx, uuid product,
                                        const stock_change& change);
  // The same once for ever under (product, key); creates the row. key_reused, key_running,
  // below_reserved, too_much.
  task<outcome<stock_row>> adjust_once(const context& ctx, uuid product, const stock_change& change,
                                       std::string_view key, std::string_view body_hash);

  // `lines` in lock order. A reservation that exists is answered as it is. out_of_stock,
  // reservation_differs.
  task<outcome<reservation>> reserve(const context& ctx, uuid order,
                                     const std::vector<line>& lines);
  task<outcome<reservation>> commit(const context& ctx, uuid order);  // not_found
  // An order never seen gets a released reservation, so that a reserve that comes later finds it.
  task<reservation> release(const context& ctx, uuid order);
  // All that is left, or `lines`; once per refund. not_found, return_exceeds, key_reused.
  task<outcome<reservation>> give_back(const context& ctx, uuid order, uuid refund,
                                       const std::optional<std::vector<line>>& lines);
  // Ends one hold whose time is over; false when there is none.
  task<bool> expire_one(const context& ctx);
  task<std::int64_t> count_overdue(const context& ctx);
  // Of the products that were sold within a day: how many have less available than that day took
  // (those that are sold out among them), and how many nothing.
  struct selling_out {
    std::int64_t nearly_gone = 0, sold_out = 0;
  };
  task<selling_out> count_selling_out(const context& ctx);
  task<outcome<reservation>> find_reservation(const context& ctx, uuid order);

  struct book_entry {
    uuid order_id;
    std::string state;
    std::optional<timestamp> expires_at;
    timestamp updated_at;
    json::raw lines;
  };
  task<std::vector<book_entry>> list_books(const context& ctx, uuid after, uuid through, int limit);

  struct violation {
    std::string violation, subject, detail;
  };
  struct check_result {
    std::vector<violation> violations;
    std::int64_t checked = 0;
  };
  // Compares stock, reservations and ledger with each other in one snapshot.
  task<check_result> check(const context& ctx);

 private:
  pg::pool& db_;
  pg::pool& audits_;
  std::chrono::milliseconds hold_for_;
};
BOOST_DESCRIBE_STRUCT(repository::book_entry, (), (order_id, state, expires_at, updated_at, lines))
BOOST_DESCRIBE_STRUCT(repository::selling_out, (), (nearly_gone, sold_out))
BOOST_DESCRIBE_STRUCT(repository::violation, (), (violation, subject, detail))

}  // namespace souk::inventory
