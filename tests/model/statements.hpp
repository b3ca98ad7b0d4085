#pragma once

// What the services' SQL does to one order's rows, as functions: one for each statement (or short
// transaction) that changes something, under the statement's own name, atomic as it is there.
//
// They are the only rules of the platform that the model does not take from the services' own
// code. The integration tests beside this file run each statement on PostgreSQL, through the
// service's own repository, in every state of the row, and compare: neither can change alone.
//
// Times, names, prices and reasons that decide nothing are left out. The order is over `total`
// minor units for `total` pieces of one product, which are all there were on the shelf.

#include <array>
#include <cstdint>
#include <optional>

#include "inventory-service/stock.hpp"
#include "mock-gateway/charges.hpp"
#include "order-service/orders.hpp"
#include "payment-service/errors.hpp"
#include "payment-service/payments.hpp"

namespace souk::model {

inline constexpr int total = 2;
// Of an order, in the order in which they were made.
inline constexpr int max_refunds = 3;

// ---------------------------------------------------------------------------------------------
// order-service/repository.cpp

struct refund_row {
  order::refund_state state = order::refund_state::refunding;
  int id = 0;  // stands for the identifier: the same order
  int amount = 0;
  int pieces = 0;
  bool cancellation = false;
  bool operator==(const refund_row&) const = default;
};

enum class reason {
  none,
  out_of_stock,
  payment_declined,
  hold_expired,
  payment_refused,
  not_accepted,
  cancelled
};
std::string_view text_of(reason r);
reason reason_of(std::string_view text);

struct order_row {
  order::order_state state = order::order_state::pending;
  std::optional<order::step> step = order::step::reserve;
  reason why = reason::none;
  bool cancel_requested = false;
  bool rests = false;  // due_at and unfinished_since are NULL
  int refunded = 0;
  int refund_count = 0;
  std::array<refund_row, max_refunds> refunds{};
  bool operator==(const order_row&) const = default;

  order::order_view view() const;
};

// Which of the refunds this is, by its identifier.
int index_of(const order_row& o, const uuid& refund);
uuid refund_id(int id);

// Whether a worker's token and version are the row's.
struct fence {
  bool token = true, version = true;
};

// False: no row was touched.
bool save_move(order_row& o, fence f, const order::move& m);  // save_refund_move, too
bool save_cancellation_move(order_row& o, fence f, const order::move& m);
bool rest_order(order_row& o, fence f);
bool wish_to_cancel(order_row& o);
bool mark_order(order_row& o, order::order_state from, order::order_state to);
// request_refund(): lock_order, insert_refund, wish_to_refund. A later refund has a later
// identifier.
bool wish_to_refund(order_row& o, int amount, int pieces);
bool is_due(const order_row& o);  // to claim_orders, once lease and pause are over

// ---------------------------------------------------------------------------------------------
// inventory-service/repository.cpp

// Keys in `returns`.
inline constexpr int undo_key = max_refunds;  // refunds have their index

struct stock_rows {
  std::optional<inventory::reservation_state> state;  // nothing: there is no reservation
  bool lines = false;
  int returned = 0;  // pieces of the line
  unsigned returns = 0;
  int on_hand = total, reserved = 0;
  bool operator==(const stock_rows&) const = default;
};

enum class reserve_result { taken, exists, out_of_stock };
// insert_held and take_stock; `enough`: nobody else has taken it.
reserve_result reserve(stock_rows& r, bool enough);
bool settle_held(stock_rows& r, inventory::reservation_state to);  // also the sweeper's
bool insert_released(stock_rows& r);
// give_back(): lock_reservation, claim_return, give_back_lines. `pieces`: nothing for all that are
// left. What went wrong; nothing if that was nothing.
std::optional<inventory::failure> give_back(stock_rows& r, int key, std::optional<int> pieces);

// ---------------------------------------------------------------------------------------------
// payment-service/repository.cpp

struct payment_rows {
  std::optional<payment::payment_state> state;  // nothing: there is no payment
  bool void_requested = false;
  int captured = 0, refunded = 0, refund_pending = 0;
  struct refund {
    std::optional<payment::refund_state> state;
    int amount = 0;
    bool operator==(const refund&) const = default;
  };
  std::array<refund, max_refunds> refunds{};
  bool operator==(const payment_rows&) const = default;

  payment::payment row() const;
};

// What an attempt has for itself: the state in which it asks what.
struct attempt {
  payment::payment_state state = payment::payment_state::authorizing;
  payment::operation asked = payment::operation::authorize;
  bool operator==(const attempt&) const = default;
};

// `free`: no other attempt has the payment (or the refund) for itself, and it is due.
std::optional<attempt> open_payment(payment_rows& p, bool token_is_good);
bool open_declined_payment(payment_rows& p, bool token_is_good);
bool open_voided_payment(payment_rows& p);
std::optional<attempt> begin_operation(payment_rows& p, payment::operation op, bool free);
std::optional<attempt> claim_due_payments(payment_rows& p, bool free);
// settle_payment; false: the payment was moved by another attempt.
bool settle_payment(payment_rows& p, const attempt& a, payment::payment_state to);
bool wish_for_void(payment_rows& p);

// reserve_refund(): lock_payment, insert_refund, set_aside. True: a claim; false: it was there.
payment::result<bool> reserve_refund(payment_rows& p, int which, int amount);
bool claim_due_refund(payment_rows& p, int which, bool free);
bool settle_reserved_refund(payment_rows& p, int which, payment::refund_state to);

// ---------------------------------------------------------------------------------------------
// mock-gateway/repository.cpp

struct charge_rows {
  std::optional<mock_gateway::charge_state> state;  // nothing: never heard of it
  mock_gateway::card_kind kind = mock_gateway::card_kind::approve;
  int authorized = 0, captured = 0, voided = 0, refunded = 0;
  std::array<std::optional<mock_gateway::outcome>, max_refunds> refunds{};
  int captures = 0;  // how often money was taken
  bool operator==(const charge_rows&) const = default;

  mock_gateway::charge row() const;
};

// False, or nothing: no row was touched.
bool insert_charge(charge_rows& c, const mock_gateway::card& with);
bool insert_cancelled(charge_rows& c);
bool capture_charge(charge_rows& c, int amount);
bool void_charge(charge_rows& c);
// refund_once(): lock_charge, select_refund, insert_refund, add_to_refunded. `bank_refuses`: a
// gateway may have reasons of its own.
std::optional<mock_gateway::outcome> refund_once(charge_rows& c, int which, int amount,
                                                 bool bank_refuses);

}  // namespace souk::model
