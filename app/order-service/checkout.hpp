#pragma once

// How a checkout survives a crash.
//
// An order is one row. Its `state` says how far it has come and its `step` which call to another
// service is being made now:
//
//   state      pending   reserved    authorized  committed  captured    confirmed
//   step       reserve   authorize   commit      capture    clear_cart  -
//   asks       inventory payment     inventory   payment    cart
//
// 1. Intent first. The INSERT that places an order records the intent to reserve; each UPDATE after
//    that records in one commit what a step was answered and which step comes next. Only then is
//    the next call made, outside any transaction. So whenever a process dies, the row names the one
//    call that may or may not have been made.
//
// 2. Everything can be repeated. A call's key comes from the row (order id, payment id, refund id)
//    and the callee answers a repeat with the state it has. Whoever finds the row makes the named
//    call once more, and goes on from the answer. No answer (a crash there, a timeout, 5xx) means
//    exactly that: nothing is concluded, the step is repeated with growing pauses, for ever. Each
//    lease counts as an attempt when it is taken, so that those whose worker died count, too; after
//    some the order is flagged for a person, and the repeating goes on.
//
// 3. One at a time. A worker moves an order only under a lease: 15 s by the database's clock,
//    renewed by each recorded move, given up with a pause when a step is to be repeated later, and
//    taken with FOR UPDATE SKIP LOCKED by any replica when lease or pause is over. Taking it raises
//    `token`, and every UPDATE by a worker says WHERE id AND token, so one that was stopped for
//    longer than its lease writes nothing any more. (Others than workers only state wishes, which
//    touch neither step nor token: see 6.) Its late *calls* do no harm either:
//
// 4. Undoing absorbs. A definite "no" (out of stock, declined, hold expired) sets `reason` and
//    turns the order around: void_payment, then release_stock or return_stock, each an intent like
//    any other. A release or a void that reaches a service before the call it undoes leaves a row
//    in the final state, and the late call finds that. The order becomes `rejected` only when the
//    other sides have said that nothing is left.
//
// 5. The pivot. From the recorded intent to capture on, the only way back is the refusal which
//    payment-service has stored; anything else is asked again until it is `captured`.
//
// 6. Wishes. Cancel and refund requests (and shipping, which needs no worker) only set what they
//    wish and raise `version`. A worker saves its moves WHERE version is what it has seen, too; if
//    that fails under its own token it reads the row again and decides again. So a cancellation is
//    honoured at the next boundary before the capture; later, the order is finished first and then
//    paid back: refund, restock, cancelled, steps like these.
//
// What an answer means is decided by after() in orders.hpp, without I/O. This file only carries it
// out.

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "config.hpp"
#include "kit/resilience.hpp"
#include "kit/service.hpp"
#include "order_watch.hpp"
#include "partners.hpp"
#include "repository.hpp"

namespace souk::order {

class checkout {
 public:
  checkout(event_loop& loop, repository& orders, partners& others, order_watch& watch,
           const config& c);

  using ticket = resilience::admission::ticket;
  // Nothing when too many orders of this event loop are unfinished: driven here, or put off here
  // (by a partner that is down, say) and not taken by anyone since.
  std::optional<ticket> admit();
  bool full() const;  // admit() would give nothing

  // Drives an order that this process has just placed, under the lease that the INSERT took; it
  // was sent after `since`. Returns at once.
  void begin(const context& request, order_record o, steady_clock::time_point since, ticket t);

  // Goes on with orders whose lease or pause is over. For ever.
  task<> run();
  // Looks which of the orders that were put off others have taken or finished, and shows how many
  // are unfinished in all. For ever.
  task<> count_unfinished();
  // An order may be due now.
  void wake() { wake_.notify_all(); }

 private:
  // Until when we may believe that the lease is ours, by our clock: conservative, since the
  // database's clock starts it later than the statement was sent.
  struct lease {
    steady_clock::time_point over;
  };
  lease lease_since(steady_clock::time_point sent) const { return {sent + orders_.lease()}; }

  task<> drive(order_record o, lease l, context ctx, std::optional<trace_context> origin, ticket);
  task<> follow(const context& ctx, order_record& o, lease l);
  task<bool> begin_next(const context& ctx, order_record& o, lease& l);
  task<std::optional<answer>> attempt(const context& ctx, const order_record& o, lease l);
  task<bool> record(const context& ctx, order_record& o, const answer& got, lease& l);
  task<bool> look_again(const context& ctx, order_record& o);
  task<> repeat_later(const context& ctx, const order_record& o, std::chrono::milliseconds base,
                      std::chrono::milliseconds cap, bool needs_attention);
  void put_off(const order_record& o) { put_off_[o.id] = o.token; }
  task<> forget_taken(const context& ctx);
  task<bool> resume_some();

  event_loop& loop_;
  repository& orders_;
  partners& partners_;
  order_watch& watch_;
  const config& config_;
  signal wake_;
  resilience::admission under_way_;
  resilience::admission resumed_;
  std::unordered_map<uuid, std::int64_t> put_off_;  // with the token under which that was
  bool database_answers_ = true;
};

}  // namespace souk::order
