#pragma once

// What the audit compares, order by order: our payment beside all that the gateway has of the same
// order, also where one side has nothing.

#include <cstdint>
#include <optional>
#include <vector>

#include "gateway_client.hpp"
#include "kit/http.hpp"
#include "repository.hpp"

namespace souk::payment {

// Without a payment of ours there is only what the gateway has.
struct book_entry {
  uuid order_id;
  std::optional<uuid> payment_id;
  std::optional<payment_state> state;
  std::optional<std::string> reason;
  std::optional<minor_units> amount_minor, captured_minor, refunded_minor, refund_pending_minor;
  std::optional<timestamp> updated_at;
  gateway_totals gateway;  // zeros if it has nothing
};
BOOST_DESCRIBE_STRUCT(book_entry, (),
                      (order_id, payment_id, state, reason, amount_minor, captured_minor,
                       refunded_minor, refund_pending_minor, updated_at, gateway))

// The first `limit` of both, by order. Each must be sorted so, and hold its first `limit`.
std::vector<book_entry> merge_books(const std::vector<payment_book>& ours,
                                    const std::vector<gateway_order>& theirs, std::size_t limit);

class payment_books {
 public:
  payment_books(repository& store, gateway_client& gateway) : store_(store), gateway_(gateway) {}

  // Lines of `after` < order <= `through`, at most `limit`. Throws http::call_failed when the
  // gateway does not answer.
  task<> write(const context& ctx, uuid after, uuid through, std::size_t limit,
               http::response_stream& out);
  // Violations of what must hold inside our own database, then how much was looked at.
  task<> write_checks(const context& ctx, http::response_stream& out);

 private:
  repository& store_;
  gateway_client& gateway_;
};

}  // namespace souk::payment
