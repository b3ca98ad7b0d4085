#pragma once

// All of order-service's SQL.
//
// Errors: business outcomes are values; pg::unavailable, pg::unknown_outcome and pg::error are
// thrown. After unknown_outcome the row is read again, never compensated for.
//
// Who may write what: only the worker that holds the lease moves an order, with WHERE id AND token
// (and version: it decides by what it has seen). Everyone else states a wish: cancel, a refund, or
// shipped and delivered, each one conditional statement that touches neither step nor token. Every
// change raises `version` and adds the event of that number in the same statement.

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kit/context.hpp"
#include "kit/postgres.hpp"
#include "orders.hpp"

namespace souk::order {

struct order_event {
  uuid order_id;
  std::int64_t seq = 0;
  std::string type;
  order_state state = order_state::pending;
  timestamp at{};
  std::optional<std::string> detail;
};
BOOST_DESCRIBE_STRUCT(order_event, (), (order_id, seq, type, state, at, detail))

struct violation {
  std::string violation, subject, detail;
};
BOOST_DESCRIBE_STRUCT(violation, (), (violation, subject, detail))

class repository {
 public:
  // `books_db` serves the long statements of the books.
  repository(pg::pool& db, pg::pool& books_db, std::chrono::milliseconds lease)
      : db_(db), books_db_(books_db), lease_(lease) {}

  std::chrono::milliseconds lease() const { return lease_; }

  // ---- Placing

  // The order of this shopper under `key`, else the one that has taken this cart already.
  task<std::optional<order_record>> look_up(const context& ctx, uuid user, std::string_view key,
                                            std::string_view cart_revision);
  // Inserts `o` (pending, step reserve) with the first lease, token 1; fills in its times. False
  // when there is an order under its key or for this cart: look_up() finds it.
  task<bool> place(const context& ctx, order_record& o, std::string_view cart_revision);

  // ---- Reading

  task<std::optional<order_record>> find(const context& ctx, uuid id);
  // For those who wait for news of an order that is known to be stored: nothing also when the
  // database does not answer.
  task<std::optional<order_record>> find_if_possible(const context& ctx, uuid id);
  struct list_filter {
    std::optional<uuid> user;
    std::optional<order_state> state;
    std::string text;  // part of an order's id, a sku or a name; only without `user`
  };
  // Newest first, older than `before`.
  task<std::vector<order_record>> list(const context& ctx, const list_filter& filter, uuid before,
                                       std::size_t limit);
  // The events after `seqs[i]` of `orders[i]`, by order and number.
  task<std::vector<order_event>> events_after(const context& ctx, const std::vector<uuid>& orders,
                                              const std::vector<std::int64_t>& seqs);

  // ---- The worker

  // Takes a lease on up to `limit` orders that are due, which counts as an attempt at their step:
  // one whose worker dies tells nothing afterwards.
  task<std::vector<order_record>> claim(const context& ctx, std::size_t limit);
  // The order, if its lease is still ours.
  task<std::optional<order_record>> find_leased(const context& ctx, const order_record& o);
  // Writes the move and renews the lease (or gives it up, if it is at rest), and makes the same
  // change in `o`. False when the row is no longer as `o` says: a wish came in between, or the
  // lease is lost.
  task<bool> save(const context& ctx, order_record& o, const move& m, std::string_view detail);
  // As save() for a move that begins to pay back all that is left: adds the refund.
  task<bool> save_cancellation(const context& ctx, order_record& o, const move& m);
  // Gives up the lease without progress; the order is due again after `pause`.
  task<> postpone(const context& ctx, const order_record& o, std::chrono::milliseconds pause);
  // The same, and puts the order on the list of those that a person should look at.
  task<> flag(const context& ctx, const order_record& o, std::chrono::milliseconds pause);
  // Gives up the lease of an order that has nothing to do.
  task<bool> rest(const context& ctx, const order_record& o);

  struct backlog_row {
    order_state state = order_state::pending;
    std::int64_t orders = 0;     // not at rest
    std::int64_t attention = 0;  // of those: flagged
    double oldest_seconds = 0;   // for how long the oldest of them is unfinished
  };
  task<std::vector<backlog_row>> backlog(const context& ctx);
  // Those of `orders` that are not at rest and that nobody has taken since they had `tokens[i]`.
  task<std::vector<uuid>> still_waiting(const context& ctx, const std::vector<uuid>& orders,
                                        const std::vector<std::int64_t>& tokens);

  // ---- Wishes. False, or nothing, when the order is not in a state for it.

  task<bool> request_cancel(const context& ctx, uuid id);
  task<bool> mark(const context& ctx, uuid id, order_state from, order_state to);

  struct keyed_refund : refund {
    std::optional<std::string> request_hash;
  };
  task<std::optional<keyed_refund>> find_refund(const context& ctx, uuid order,
                                                std::string_view key);
  // Under the order's row lock. key_taken: look_up by find_refund.
  struct key_taken {};
  using refund_refusal = std::variant<refund_error, key_taken>;
  task<std::expected<refund, refund_refusal>> request_refund(const context& ctx, refund r,
                                                             std::string_view key,
                                                             std::string_view hash);

  // ---- The books

  // after < id <= through, ascending.
  task<std::vector<order_record>> book_page(const context& ctx, uuid after, uuid through,
                                            std::size_t limit);
  struct version_row {
    uuid id;
    std::int64_t version = 0;
  };
  task<std::vector<version_row>> versions(const context& ctx, uuid after, uuid through);
  // What must hold between our own tables, in one snapshot.
  task<std::vector<violation>> check(const context& ctx);

 private:
  pg::pool& db_;
  pg::pool& books_db_;
  std::chrono::milliseconds lease_;
};
BOOST_DESCRIBE_STRUCT(repository::backlog_row, (), (state, orders, attention, oldest_seconds))
BOOST_DESCRIBE_STRUCT(repository::version_row, (), (id, version))
BOOST_DESCRIBE_STRUCT(repository::keyed_refund, (refund), (request_hash))

}  // namespace souk::order
