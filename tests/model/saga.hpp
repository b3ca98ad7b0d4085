#pragma once

// One order's way through order, inventory, payment and the payment gateway, as a model for the
// explorer: everything that can happen next in a state, one atomic action at a time.
//
// What is decided is decided by the services' own functions: after(), what_to_do(), start_of(),
// may_become(), check_refund() and judge() of order-service, settled(), awaited(), on_void(),
// may_move() and the table of errors of payment-service, may_move() of inventory-service,
// on_authorize(), on_capture() and their like of the mock gateway. What is stored, is stored by
// statements.hpp. This file has the order of statements and calls between these: checkout.cpp's of
// two workers, processing.cpp's and recovery.cpp's, and those of inventory's repository.
//
// An action is one statement or one message. Between any two of them everything else may happen:
//   - a process dies, or its connection does: its call ends without an answer, or arrives later,
//     for the first time, or once more after it has been repeated; any number of times;
//   - a worker, or payment's attempt, is stopped for longer than its lease, and goes on later;
//   - the answer of a save is lost (an unknown outcome);
//   - the gateway declines, refuses a capture, answers nothing, is asked late by a request that
//     was given up;
//   - the hold expires; a shopper cancels; an administrator ships and pays back;
//   - a request is not accepted (by a service of another version).
// Time is not modelled: a lease or a pause may be over as soon as nobody needs it any more, and a
// hold at once.

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <set>
#include <string>
#include <vector>

#include "explorer.hpp"
#include "order-service/books.hpp"
#include "saga_state.hpp"

namespace souk::model {

// How far the exploration goes. Crashes, lost answers and timeouts are not bounded.
struct bounds {
  int late_calls = 1;         // that nobody waits for any more: on their way or at work, at a time
  int stops = 0;              // leases that end while their holder is alive and goes on later
  int refusals = 0;           // requests that are not accepted
  int refunds = 0;            // wishes to pay a part back
  bool cancels = false;       // a shopper may wish to
  bool ships = false;         // an administrator may
  bool bank_refuses = false;  // the gateway may refuse the first refund
  bool sold_already = false;  // starts with a confirmed order, nothing under way
  // What a worker does after it has lost its lease is followed to its end, though it can change
  // nothing any more. Otherwise only the call that it has made goes on.
  bool follow_stale = false;
};
BOOST_DESCRIBE_STRUCT(bounds, (),
                      (late_calls, stops, refusals, refunds, cancels, ships, bank_refuses,
                       sold_already, follow_stale))

// Mistakes that the model must find. Each stands in this model beside the services' functions,
// never in a service.
enum class mutant {
  none,
  timeout_is_a_refusal,      // no answer is taken for "no", and compensated
  save_without_token,        // UPDATE orders ... WHERE id AND version
  rest_without_version,      // a wish that comes just before the rest is not seen
  void_leaves_no_row,        // ... when it meets nothing
  release_leaves_no_row,     // ... when it meets nothing
  not_found_is_not_charged,  // a look-up at the gateway decides
  settle_from_any_state,     // UPDATE payments ... WHERE id
  commit_compares_expiry,    // instead of leaving that to the sweeper
  cancellation_not_stored,   // the gateway forgets a cancel() of what it never saw
  return_without_key,        // each repeat of a return brings the pieces again
  refund_ids_out_of_order,   // a later refund has an earlier identifier
};
BOOST_DESCRIBE_ENUM(mutant, none, timeout_is_a_refusal, save_without_token, rest_without_version,
                    void_leaves_no_row, release_leaves_no_row, not_found_is_not_charged,
                    settle_from_any_state, commit_compares_expiry, cancellation_not_stored,
                    return_without_key, refund_ids_out_of_order)

class saga {
 public:
  using state = saga_state;
  using packed = packed_saga;

  explicit saga(const bounds& b, mutant m = mutant::none) : bounds_(b), mutant_(m) {}

  packed pack(const state& s) const { return model::pack(s); }
  state unpack(const packed& p) const { return model::unpack(p); }
  std::vector<state> starts() const;
  void successors(const state& s, emitter<state> emit) const;
  std::string broken(const state& s) const;
  std::string unfinished(const state& s) const;

  // What came up, after an exploration: the states of orders at rest, and answers that
  // order-service calls contradictions ("step: answer").
  const std::set<order::order_state>& rests() const { return rests_; }
  const std::set<std::string>& contradictions() const { return contradictions_; }

 private:
  friend class scene;
  order::decision decide(const order_row& o, order::reply got) const;
  const std::string& findings(const state& s) const;

  bounds bounds_;
  mutant mutant_;
  // What the services' functions have said before.
  mutable boost::unordered_flat_map<std::uint64_t, order::decision> decisions_;
  mutable boost::unordered_flat_map<std::array<std::uint64_t, 2>, std::string> findings_;
  mutable std::set<order::order_state> rests_;
  mutable std::set<std::string> contradictions_;
};

}  // namespace souk::model
