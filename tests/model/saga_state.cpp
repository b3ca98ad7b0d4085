#include "saga_state.hpp"

#include "bits.hpp"

namespace souk::model {
namespace {

template <class Row, class Codec>
void fields_of_order(Row& o, Codec& f) {
  f(o.state, 4);
  f(o.step, 4);
  f(o.why, 3);
  f(o.cancel_requested, 1);
  f(o.rests, 1);
  f(o.refunded, 2);
  f(o.refund_count, 2);
  for (auto& r : o.refunds) {
    f(r.state, 2);
    f(r.id, 3);
    f(r.amount, 2);
    f(r.pieces, 2);
    f(r.cancellation, 1);
  }
}

template <class Rows, class Codec>
void fields_of_stock(Rows& r, Codec& f) {
  f(r.state, 3);
  f(r.lines, 1);
  f(r.returned, 2);
  f(r.returns, 4);
  f(r.on_hand, 3);
  f(r.reserved, 2);
}

template <class Rows, class Codec>
void fields_of_payment(Rows& p, Codec& f) {
  f(p.state, 4);
  f(p.void_requested, 1);
  f(p.captured, 2);
  f(p.refunded, 2);
  f(p.refund_pending, 2);
  for (auto& r : p.refunds) {
    f(r.state, 2);
    f(r.amount, 2);
  }
}

template <class Rows, class Codec>
void fields_of_charge(Rows& c, Codec& f) {
  f(c.state, 3);
  f(c.kind, 3);
  f(c.authorized, 2);
  f(c.captured, 2);
  f(c.voided, 2);
  f(c.refunded, 2);
  for (auto& r : c.refunds) f(r, 3);
  f(c.captures, 2);
}

template <class Call, class Codec>
void fields_of_call(Call& c, Codec& f) {
  f(c.what, 4);
  f(c.at, 4);
  f(c.refund, 2);
  f(c.attempts, 1);
  f(c.claimed.state, 3);
  f(c.claimed.asked, 3);
  f(c.leased, 1);
  f(c.known, 4);
  f(c.known_wish, 1);
  f(c.heard, 3);
}

template <class State, class Codec>
void fields_of_state(State& s, Codec& f) {
  fields_of_order(s.order, f);
  fields_of_stock(s.stock, f);
  fields_of_payment(s.payment, f);
  fields_of_charge(s.charge, f);
  f(s.cart_cleared, 1);
  f(s.late_questions, 4 + max_refunds);
  f(s.stops, 2);
  f(s.refusals, 2);
  f(s.wishes, 2);
  f(s.illegal_move, 1);
  f(s.moved_without_lease, 1);
  for (auto& c : s.calls) fields_of_call(c, f);
  for (auto& w : s.workers) {
    f(w.now, 3);
    f(w.token, 1);
    f(w.version, 1);
    f(w.got, 5);
    // What a worker has seen of a row that has not changed since is that row.
    if (w.now != worker::doing::nothing && !w.version) fields_of_order(w.seen, f);
  }
}

}  // namespace

packed_saga pack(const saga_state& s) {
  packed_saga p{};
  packer f(p.data());
  fields_of_state(s, f);
  return p;
}

saga_state unpack(const packed_saga& p) {
  saga_state s;
  unpacker f(p.data());
  fields_of_state(s, f);
  for (auto& w : s.workers) {
    if (w.version) w.seen = s.order;
  }
  return s;
}

std::uint64_t bits_of(const order_row& o) {
  std::uint64_t word = 0;
  packer f(&word);
  fields_of_order(o, f);
  return word;
}

std::uint64_t bits_of(const call& c) {
  std::uint64_t word = 0;
  packer f(&word);
  fields_of_call(c, f);
  return word;
}

std::array<std::uint64_t, 2> bits_of_books(const saga_state& s) {
  std::array<std::uint64_t, 2> words{};
  packer f(words.data());
  fields_of_order(s.order, f);
  fields_of_stock(s.stock, f);
  fields_of_payment(s.payment, f);
  fields_of_charge(s.charge, f);
  f(s.cart_cleared, 1);
  return words;
}

}  // namespace souk::model
