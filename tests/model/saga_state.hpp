#pragma once

// What there is, at one moment, of an order and of what is under way for it.

#include <array>
#include <cstdint>
#include <optional>

#include "statements.hpp"

namespace souk::model {

// A call to inventory, payment or cart from its sending to its answer, or what payment's recovery
// does by itself.
struct call {
  enum class task {
    none,
    reserve,
    authorize,
    commit,
    capture,
    clear_cart,
    void_payment,
    release_stock,
    return_stock,
    refund,
    restock,
    recover_payment,
    recover_refund
  };
  // What comes next: the statement's name, or the gateway's part.
  enum class point {
    sent,  // not arrived yet
    insert_released,
    find,
    open_declined,
    wish_for_void,
    begin_void,
    claim_due,
    asked,  // the gateway
    told,   // by the gateway: `heard` is to be stored
    claim_next,
    present,  // the state is read for the answer
  };
  task what = task::none;
  point at = point::sent;
  int refund = 0;         // which
  bool attempts = false;  // it has something to ask the gateway:
  attempt claimed;
  bool leased = false;  // the attempt's lease is still its own
  std::optional<payment::payment_state> known;
  bool known_wish = false;
  payment::outcome heard = payment::outcome::unknown;
};

inline constexpr int most_late_calls = 2;

struct worker {
  enum class doing {
    nothing,
    waiting,   // for the answer of the call that `seen` names
    answered,  // `got`: what it means is to be saved
    deciding,  // `seen` has no step: what there is to do is to be saved
    looking,   // whether a save took place
  };
  doing now = doing::nothing;
  bool token = false;    // its token is the row's: it has the lease
  bool version = false;  // what it has seen is the row as it is
  order::reply got = order::reply::none;
  order_row seen;
};

struct saga_state {
  order_row order;
  std::array<worker, 2> workers{};
  // First the one that each worker waits for, then the late ones.
  std::array<call, 2 + most_late_calls> calls{};
  stock_rows stock;
  payment_rows payment;
  charge_rows charge;
  bool cart_cleared = false;
  unsigned late_questions = 0;              // to the gateway, given up and still on their way
  int stops = 0, refusals = 0, wishes = 0;  // used up
  bool illegal_move = false, moved_without_lease = false;
};

using packed_saga = std::array<std::uint64_t, 6>;
packed_saga pack(const saga_state& s);
saga_state unpack(const packed_saga& p);
std::uint64_t bits_of(const order_row& o);
std::uint64_t bits_of(const call& c);
// All that the books compare.
std::array<std::uint64_t, 2> bits_of_books(const saga_state& s);

}  // namespace souk::model
