// Everything that can happen in one state: saga::successors().

#include <fmt/format.h>

#include <algorithm>

#include "inventory-service/errors.hpp"
#include "naming.hpp"
#include "saga.hpp"

namespace souk::model {
namespace {

using order::order_state;
using order::reply;
using order::step;
using payment::operation;
using task = call::task;
using point = call::point;
using doing = worker::doing;

// As partners.cpp has it: what a refusal says about the step; nothing if it says nothing.
std::optional<reply> refused(int status) {
  if (status == 400 || status == 409 || status == 422) return reply::not_accepted;
  return std::nullopt;
}
std::optional<reply> refused_or_missing(int status) {
  return status == 404 ? reply::none : refused(status);
}

task task_of(step s) {
  switch (s) {
    case step::reserve:
      return task::reserve;
    case step::authorize:
      return task::authorize;
    case step::commit:
      return task::commit;
    case step::capture:
      return task::capture;
    case step::clear_cart:
      return task::clear_cart;
    case step::void_payment:
      return task::void_payment;
    case step::release_stock:
      return task::release_stock;
    case step::return_stock:
      return task::return_stock;
    case step::refund:
      return task::refund;
    case step::restock:
      return task::restock;
  }
  return task::none;
}

std::string_view name_of(task t) {
  constexpr std::string_view names[] = {"-",
                                        "reserve",
                                        "authorize",
                                        "commit",
                                        "capture",
                                        "clear_cart",
                                        "void_payment",
                                        "release_stock",
                                        "return_stock",
                                        "refund",
                                        "restock",
                                        "recovery of the payment",
                                        "recovery of the refund"};
  return names[static_cast<std::size_t>(t)];
}

std::string_view name_of(operation op) {
  return json::enum_text(op);
}

// Those that are on their way to the gateway though nobody waits: one bit each.
constexpr unsigned question_bit(operation op, int refund) {
  static_assert(static_cast<int>(operation::refund) == 4);
  return 1u << (op == operation::refund ? 4 + refund : static_cast<int>(op));
}

}  // namespace

class scene {
 public:
  scene(const saga& m, const saga_state& s, emitter<saga_state> emit)
      : m_(m), bounds_(m.bounds_), s_(s), emit_(emit) {}

  void play() {
    for (int w = 0; w < 2; ++w) work(w);
    for (std::size_t i = 0; i < s_.calls.size(); ++i) {
      if (s_.calls[i].what != task::none) serve(i);
    }
    answer_late_questions();
    recover();
    expire();
    wish();
  }

 private:
  // Emits what `change` makes of the state; `tell` is given the result.
  template <class Change, class Tell>
  void then(int rank, Change change, Tell tell) {
    saga_state n = s_;
    change(n);
    check_moves(n);
    for (int w = 0; w < 2; ++w) forget_if_stale(n, w);
    std::ranges::sort(n.calls.begin() + 2, n.calls.end(), std::ranges::greater{},
                      [](const call& c) { return bits_of(c); });
    emit_(n, rank, [&] { return std::string(tell(n)); });
  }

  void check_moves(saga_state& n) const {
    const auto& was = s_;
    if (n.order.state != was.order.state && !order::may_become(was.order.state, n.order.state)) {
      n.illegal_move = true;
    }
    if (n.stock.state != was.stock.state &&
        (!n.stock.state || !inventory::may_move(was.stock.state, *n.stock.state))) {
      n.illegal_move = true;
    }
    if (n.payment.state != was.payment.state &&
        (!n.payment.state || !payment::may_move(was.payment.state, *n.payment.state))) {
      n.illegal_move = true;
    }
  }

  void forget_if_stale(saga_state& n, int w) const {
    auto& lost = n.workers[w];
    if (bounds_.follow_stale || lost.token || lost.now == doing::nothing) return;
    const bool waits = lost.now == doing::waiting;
    lost = {};
    if (waits) lost.now = doing::waiting;
  }

  bool is(mutant m) const { return m_.mutant_ == m; }

  // ---- The workers: checkout.cpp

  static std::string who(int w) { return fmt::format("worker {}", w + 1); }

  void work(int w) {
    const auto& me = s_.workers[w];
    switch (me.now) {
      case doing::nothing:
        if (w == 0 || s_.workers[0].now != doing::nothing) claim(w);
        return;
      case doing::waiting:
        give_up(w);
        return;
      case doing::answered:
        record(w);
        break;
      case doing::deciding:
        begin_next(w);
        break;
      case doing::looking:
        look_again(w);
        break;
    }
    then(
        0, [&](saga_state& n) { n.workers[w] = {}; },
        [&](const saga_state&) { return who(w) + " dies"; });
  }

  // claim_orders and find_leased_orders.
  void claim(int w) {
    if (!is_due(s_.order)) return;
    const int other = 1 - w;
    const bool leased = s_.workers[other].token;
    if (leased && s_.stops == bounds_.stops) return;
    then(
        leased ? 0 : 5,
        [&](saga_state& n) {
          if (leased) ++n.stops;
          n.workers[other].token = false;
          n.workers[w] = {.token = true, .version = true, .seen = n.order};
          go(n, w);
        },
        [&](const saga_state& n) {
          return fmt::format(
              "{}{} takes the order: {}",
              leased ? "the lease is over while " + who(other) + " is stopped: " : "", who(w),
              describe(n.order));
        });
  }

  // follow(): the row has just been read or written.
  void go(saga_state& n, int w) const {
    auto& me = n.workers[w];
    if (!me.seen.step) {
      me.now = doing::deciding;
      return;
    }
    me.now = doing::waiting;
    me.got = reply::none;
    call c{.what = task_of(*me.seen.step)};
    if (c.what == task::refund || c.what == task::restock) {
      const auto v = me.seen.view();
      c.refund = index_of(me.seen, order::open_refund(v)->id);
    }
    n.calls[w] = c;
  }

  // The UPDATE of a worker, by what it has seen.
  template <class Statement>
  bool save(saga_state& n, int w, Statement statement) const {
    auto& me = n.workers[w];
    fence f{me.token, me.version};
    if (is(mutant::save_without_token)) f.token = true;
    if (!statement(n.order, f)) return false;
    if (!me.token) n.moved_without_lease = true;
    n.workers[1 - w].version = false;
    me.version = true;
    me.seen = n.order;
    return true;
  }

  // attempt(): no answer, for whatever reason. The call may arrive all the same, now or never.
  void give_up(int w) {
    const auto& c = s_.calls[w];
    const bool kept = late_calls() < bounds_.late_calls;
    if (is(mutant::timeout_is_a_refusal) && c.what <= task::capture) {
      constexpr reply taken_for[] = {reply::none, reply::none, reply::declined, reply::expired,
                                     reply::refused};
      then(
          0,
          [&](saga_state& n) {
            n.workers[w].now = doing::answered;
            n.workers[w].got = taken_for[static_cast<std::size_t>(c.what)];
            orphan(n, w, kept);
          },
          [&](const saga_state&) {
            return fmt::format("{} has no answer to {} and takes it for a refusal", who(w),
                               name_of(c.what));
          });
      return;
    }
    if (kept) {
      then(
          0,
          [&](saga_state& n) {
            n.workers[w] = {};
            orphan(n, w, true);
          },
          [&](const saga_state&) {
            return fmt::format("{} dies or gives up waiting; its call to {} goes on", who(w),
                               name_of(c.what));
          });
    }
    then(
        0,
        [&](saga_state& n) {
          n.workers[w] = {};
          orphan(n, w, false);
        },
        [&](const saga_state&) {
          return fmt::format("{} dies, and with it its call to {}", who(w), name_of(c.what));
        });
  }

  int late_calls() const {
    return static_cast<int>(std::count_if(s_.calls.begin() + 2, s_.calls.end(),
                                          [](const call& c) { return c.what != task::none; }));
  }

  static void add_late(saga_state& n, const call& c) {
    std::ranges::find(n.calls.begin() + 2, n.calls.end(), task::none, &call::what)[0] = c;
  }

  // Nobody waits for the call of `w` any more.
  static void orphan(saga_state& n, int w, bool goes_on) {
    auto& c = n.calls[w];
    if (goes_on) {
      add_late(n, c);
    } else if (c.at == point::asked) {
      n.late_questions |= question_of(c);
    }
    c = {};
  }

  // record(): writes what the step was answered and what comes next.
  void record(int w) {
    const auto& me = s_.workers[w];
    const auto next = m_.decide(me.seen, me.got);
    const auto* m = std::get_if<order::move>(&next);
    if (!m) {
      const bool contradiction = std::holds_alternative<order::contradiction>(next);
      const auto pair = fmt::format("{}: {}", text(me.seen.step), json::enum_text(me.got));
      if (contradiction && me.token) m_.contradictions_.insert(pair);
      then(
          2, [&](saga_state& n) { n.workers[w] = {}; },
          [&](const saga_state&) {
            return fmt::format("{} puts the order off ({}, {})", who(w), pair,
                               contradiction ? "a contradiction" : "not settled");
          });
      return;
    }
    const auto write = [&](order_row& o, fence f) { return save_move(o, f, *m); };
    try_to_save(w, write, [&](saga_state& n) { proceed(n, w, *m); });
  }

  // After a save that took place.
  void proceed(saga_state& n, int w, const order::move& m) const {
    const bool refused = m.refund == order::refund_state::refused &&
                         n.workers[w].seen.state == order_state::refunding;
    if (m.rest || refused) {
      n.workers[w] = {};
    } else {
      go(n, w);
    }
  }

  template <class Statement, class After>
  void try_to_save(int w, Statement statement, After after) {
    saga_state trial = s_;
    if (!save(trial, w, statement)) {
      then(
          2, [&](saga_state& n) { n.workers[w].now = doing::looking; },
          [&](const saga_state&) {
            return who(w) + " saves, but the row is not as it has seen it";
          });
      return;
    }
    then(
        2,
        [&](saga_state& n) {
          save(n, w, statement);
          after(n);
        },
        [&](const saga_state& n) {
          return fmt::format("{} saves: {}", who(w), describe(n.order));
        });
    then(
        0,
        [&](saga_state& n) {
          const auto seen = n.workers[w].seen;
          save(n, w, statement);
          n.workers[w].now = doing::looking;
          n.workers[w].seen = seen;
          n.workers[w].version = false;
        },
        [&](const saga_state& n) {
          return fmt::format("{} saves, but is not told so: {}", who(w), describe(n.order));
        });
  }

  // begin_next()
  void begin_next(int w) {
    const auto v = s_.workers[w].seen.view();
    const auto todo = order::what_to_do(v);
    const auto go_on = [&](saga_state& n) { go(n, w); };
    if (const auto* refund = std::get_if<order::begin_refund>(&todo)) {
      const auto m = order::start_of(*refund, v);
      try_to_save(w, [&](order_row& o, fence f) { return save_move(o, f, m); }, go_on);
    } else if (const auto* all = std::get_if<order::begin_cancellation>(&todo)) {
      const auto m = order::start_of(*all, v);
      try_to_save(w, [&](order_row& o, fence f) { return save_cancellation_move(o, f, m); }, go_on);
    } else {
      const auto rest = [&](order_row& o, fence f) {
        if (is(mutant::rest_without_version)) f.version = true;
        return rest_order(o, f);
      };
      try_to_save(w, rest, [&](saga_state& n) { n.workers[w] = {}; });
    }
  }

  // look_again(): reads the row under its token.
  void look_again(int w) {
    const auto& me = s_.workers[w];
    then(
        2,
        [&](saga_state& n) {
          auto& now = n.workers[w];
          if (!me.token) {
            now = {};
            return;
          }
          now.seen = n.order;
          now.version = true;
          if (!me.seen.step) {
            go(n, w);
          } else if (n.order.step == me.seen.step) {
            now.now = doing::answered;
          } else {
            proceed(n, w, std::get<order::move>(m_.decide(me.seen, me.got)));
          }
        },
        [&](const saga_state&) {
          return me.token ? who(w) + " looks again" : who(w) + " finds that its lease is lost";
        });
  }

  // ---- The callees

  static bool waits(std::size_t i) { return i < 2; }

  static std::string at(std::size_t i, const call& c) {
    return fmt::format("{}{}", waits(i) ? "" : "[late] ", name_of(c.what));
  }

  // Its answer; nothing for one that says nothing.
  static void answer(saga_state& n, std::size_t i, std::optional<reply> r) {
    n.calls[i] = {};
    if (!waits(i)) return;
    if (!r) {
      n.workers[i] = {};
    } else {
      n.workers[i].now = doing::answered;
      n.workers[i].got = *r;
    }
  }

  static void move_to(saga_state& n, std::size_t i, point p) { n.calls[i].at = p; }

  void serve(std::size_t i) {
    const auto& c = s_.calls[i];
    switch (c.what) {
      case task::none:
        return;
      case task::reserve:
        serve_reserve(i);
        break;
      case task::commit:
        serve_commit(i);
        break;
      case task::release_stock:
        serve_release(i);
        break;
      case task::return_stock:
      case task::restock:
        serve_return(i);
        break;
      case task::clear_cart:
        statement(i, "take_ordered", [&](saga_state& n) {
          n.cart_cleared = true;
          answer(n, i, reply::cleared);
        });
        break;
      case task::authorize:
      case task::capture:
      case task::void_payment:
      case task::recover_payment:
        serve_payment(i);
        break;
      case task::refund:
      case task::recover_refund:
        serve_refund(i);
        break;
    }
    // What has not arrived is lost when its caller is; see give_up.
    if (c.at == point::sent) return;
    then(
        0,
        [&](saga_state& n) {
          if (c.at == point::asked) n.late_questions |= question_of(c);
          answer(n, i, std::nullopt);
        },
        [&](const saga_state&) { return "the process that serves " + at(i, c) + " dies"; });
  }

  template <class Change>
  void statement(std::size_t i, std::string_view name, Change change, int rank = 1) {
    then(rank, change, [&](const saga_state& n) {
      std::string line = fmt::format("{}: {}", at(i, s_.calls[i]), name);
      if (n.stock.state != s_.stock.state)
        line += fmt::format(", reservation {}", text(n.stock.state));
      if (n.payment.state != s_.payment.state)
        line += fmt::format(", payment {}", text(n.payment.state));
      if (waits(i) && n.calls[i].what == task::none) {
        line += fmt::format(", answered {}", json::enum_text(n.workers[i].got));
      }
      return line;
    });
  }

  // A request that is refused as such.
  void refuse(std::size_t i) {
    if (!waits(i) || s_.refusals == bounds_.refusals) return;
    then(
        0,
        [&](saga_state& n) {
          ++n.refusals;
          answer(n, i, reply::not_accepted);
        },
        [&](const saga_state&) { return at(i, s_.calls[i]) + " is not accepted"; });
  }

  // ---- Inventory: its repository.cpp

  void find_reservation(std::size_t i) {
    statement(i, "select_reservation", [&](saga_state& n) {
      answer(n, i, n.stock.state ? by_name<reply>(*n.stock.state) : reply::none);
    });
  }

  void serve_reserve(std::size_t i) {
    if (s_.calls[i].at == point::find) return find_reservation(i);
    refuse(i);
    const auto arrive = [&](saga_state& n, bool enough) {
      switch (reserve(n.stock, enough)) {
        case reserve_result::taken:
          return answer(n, i, reply::held);
        case reserve_result::out_of_stock:
          return answer(n, i, reply::none);
        case reserve_result::exists:
          return move_to(n, i, point::find);
      }
    };
    statement(i, "insert_held, take_stock", [&](saga_state& n) { arrive(n, true); });
    if (s_.stock.state) return;
    statement(i, "take_stock finds too little", [&](saga_state& n) { arrive(n, false); }, 0);
  }

  void serve_commit(std::size_t i) {
    if (s_.calls[i].at == point::find) return find_reservation(i);
    refuse(i);
    statement(i, "settle_held to committed", [&](saga_state& n) {
      if (settle_held(n.stock, inventory::reservation_state::committed)) {
        answer(n, i, reply::committed);
      } else {
        move_to(n, i, point::find);
      }
    });
    if (is(mutant::commit_compares_expiry) &&
        s_.stock.state == inventory::reservation_state::held) {
      statement(
          i, "sees that the hold's time is over",
          [&](saga_state& n) { answer(n, i, reply::expired); }, 0);
    }
  }

  void serve_release(std::size_t i) {
    switch (s_.calls[i].at) {
      case point::insert_released:
        statement(i, "insert_released", [&](saga_state& n) {
          const bool is_said_only = is(mutant::release_leaves_no_row) && !n.stock.state;
          if (is_said_only || insert_released(n.stock)) {
            answer(n, i, reply::released);
          } else {
            move_to(n, i, point::find);
          }
        });
        return;
      case point::find:
        if (s_.stock.state != inventory::reservation_state::held) return find_reservation(i);
        statement(i, "select_reservation", [&](saga_state& n) { move_to(n, i, point::sent); });
        return;
      default:
        statement(i, "settle_held to released", [&](saga_state& n) {
          if (settle_held(n.stock, inventory::reservation_state::released)) {
            answer(n, i, reply::released);
          } else {
            move_to(n, i, point::insert_released);
          }
        });
    }
  }

  void serve_return(std::size_t i) {
    const auto& c = s_.calls[i];
    int key = undo_key;
    std::optional<int> pieces;
    if (c.what == task::restock) {
      const auto& r = s_.order.refunds[c.refund];
      key = c.refund;
      if (!r.cancellation) pieces = r.pieces;
    }
    statement(i, "give_back_lines", [&](saga_state& n) {
      if (is(mutant::return_without_key)) n.stock.returns &= ~(1u << key);
      const auto failed = give_back(n.stock, key, pieces);
      if (failed) {
        answer(n, i, refused_or_missing(inventory::to_problem({*failed}).status));
      } else {
        answer(n, i, by_name<reply>(*n.stock.state));
      }
    });
  }

  // ---- Payment: its processing.cpp

  bool is_free() const {
    return std::ranges::none_of(s_.calls, [](const call& c) { return c.leased && pays(c); });
  }
  bool is_free(int refund) const {
    return std::ranges::none_of(
        s_.calls, [&](const call& c) { return c.leased && !pays(c) && c.refund == refund; });
  }
  static bool pays(const call& c) {
    return c.what != task::refund && c.what != task::recover_refund;
  }

  static unsigned question_of(const call& c) {
    return question_bit(pays(c) ? c.claimed.asked : operation::refund, c.refund);
  }

  static void take(call& c, const attempt& a) {
    c.attempts = true;
    c.claimed = a;
    c.leased = true;
    c.known.reset();
    c.known_wish = false;
    c.at = point::asked;
  }

  // The answer is the payment's state.
  static void answer_state(saga_state& n, std::size_t i, std::optional<payment::payment_state> p) {
    answer(n, i, p ? by_name<reply>(*p) : reply::none);
  }

  // resume(): `known` has been read.
  static void resume(saga_state& n, std::size_t i) {
    auto& c = n.calls[i];
    if (payment::is_unsettled(*c.known, c.known_wish)) {
      c.at = point::claim_due;
    } else {
      answer_state(n, i, c.known);
    }
  }

  void serve_payment(std::size_t i) {
    const auto& c = s_.calls[i];
    switch (c.at) {
      case point::sent:
        return begin_payment(i);
      case point::find:
        statement(i, "find_payment", [&](saga_state& n) { found(n, i); });
        return;
      case point::open_declined:
        statement(i, "open_declined_payment", [&](saga_state& n) {
          if (open_declined_payment(n.payment, false)) {
            answer_state(n, i, n.payment.state);
          } else {
            move_to(n, i, point::sent);
          }
        });
        return;
      case point::wish_for_void:
        statement(i, "wish_for_void", [&](saga_state& n) {
          if (!wish_for_void(n.payment)) {
            n.calls[i] = {.what = n.calls[i].what};
            return;
          }
          n.calls[i].known = n.payment.state;
          n.calls[i].known_wish = true;
          resume(n, i);
        });
        return;
      case point::begin_void:
        statement(i, "begin_operation void", [&](saga_state& n) {
          if (const auto a = begin_operation(n.payment, operation::void_, is_free())) {
            take(n.calls[i], *a);
          } else {
            n.calls[i] = {.what = n.calls[i].what};
          }
        });
        return;
      case point::claim_due:
        claim_payment(i, "answers what it knows",
                      [&](saga_state& n) { answer_state(n, i, n.calls[i].known); });
        return;
      case point::claim_next:
        claim_payment(i, "leaves it at that", [&](saga_state& n) { show(n, i); });
        return;
      case point::asked:
        return ask(i);
      case point::told:
        return settle(i);
      case point::present:
        statement(i, "find_payment", [&](saga_state& n) { answer_state(n, i, n.payment.state); });
        return;
      case point::insert_released:
        return;
    }
  }

  // Nothing is known of what became of it: the answer is what is there then.
  static void show(saga_state& n, std::size_t i) {
    if (!waits(i)) {
      n.calls[i] = {};
      return;
    }
    n.calls[i] = {.what = n.calls[i].what, .at = point::present, .refund = n.calls[i].refund};
  }

  void begin_payment(std::size_t i) {
    const auto& c = s_.calls[i];
    if (c.what == task::authorize) {
      refuse(i);
      statement(i, "open_payment", [&](saga_state& n) {
        if (const auto a = open_payment(n.payment, true)) {
          take(n.calls[i], *a);
        } else {
          move_to(n, i, point::find);
        }
      });
      if (s_.payment.state) return;
      statement(
          i, "open_payment finds no good card token",
          [&](saga_state& n) { move_to(n, i, point::find); }, 0);
    } else if (c.what == task::capture) {
      statement(i, "begin_operation capture", [&](saga_state& n) {
        if (const auto a = begin_operation(n.payment, operation::capture, is_free())) {
          take(n.calls[i], *a);
        } else {
          move_to(n, i, point::find);
        }
      });
    } else {
      statement(i, "open_voided_payment", [&](saga_state& n) {
        if (is(mutant::void_leaves_no_row) && !n.payment.state) {
          answer(n, i, reply::voided);
        } else if (open_voided_payment(n.payment)) {
          answer_state(n, i, n.payment.state);
        } else {
          move_to(n, i, point::find);
        }
      });
    }
  }

  void found(saga_state& n, std::size_t i) const {
    auto& c = n.calls[i];
    if (!n.payment.state) {
      if (c.what == task::authorize) return move_to(n, i, point::open_declined);
      return answer(n, i,
                    refused_or_missing(payment::to_problem(payment::failure::not_found).status));
    }
    c.known = n.payment.state;
    c.known_wish = n.payment.void_requested;
    if (c.what != task::void_payment) return resume(n, i);
    switch (payment::on_void(*c.known)) {
      case payment::void_step::refuse:
        return answer(
            n, i,
            refused_or_missing(payment::to_problem(payment::failure::already_captured).status));
      case payment::void_step::answer:
        return resume(n, i);
      case payment::void_step::wish:
        if (c.known_wish) return resume(n, i);
        return move_to(n, i, point::wish_for_void);
      case payment::void_step::begin:
        return move_to(n, i, point::begin_void);
    }
  }

  // claim_due_payments for this one; `otherwise` if it is not to be had.
  template <class Otherwise>
  void claim_payment(std::size_t i, std::string_view then_what, Otherwise otherwise) {
    const bool due = payment::is_unsettled(
        s_.payment.state.value_or(payment::payment_state::voided), s_.payment.void_requested);
    const bool free = is_free();
    if (due && (free || s_.stops < bounds_.stops)) {
      statement(
          i, free ? "claim_due_payments" : "claim_due_payments, the other attempt's lease is over",
          [&](saga_state& n) { take(n.calls[i], take_over(n)); }, free ? 1 : 0);
    }
    statement(i, fmt::format("claim_due_payments finds nothing due: {}", then_what), otherwise,
              due && free ? 0 : 1);
  }

  attempt take_over(saga_state& n) const {
    if (!is_free()) ++n.stops;
    for (auto& other : n.calls) {
      if (pays(other)) other.leased = false;
    }
    return claim_due_payments(n.payment, true).value();
  }

  // advance(): the answer is stored, or the payment put off.
  void settle(std::size_t i) {
    const auto& c = s_.calls[i];
    const auto to = payment::settled(c.claimed.state, c.claimed.asked, c.heard);
    if (!to) {
      statement(i, "postpone_payment", [&](saga_state& n) { show(n, i); });
      return;
    }
    statement(i, "settle_payment", [&](saga_state& n) {
      auto a = c.claimed;
      if (is(mutant::settle_from_any_state)) a.state = *n.payment.state;
      if (!settle_payment(n.payment, a, *to)) return show(n, i);
      // Its lease is given up, whosoever it was.
      for (auto& other : n.calls) {
        if (pays(other)) other.leased = false;
      }
      if (payment::is_unsettled(*n.payment.state, n.payment.void_requested)) {
        n.calls[i] = {.what = c.what, .at = point::claim_next};
      } else {
        answer_state(n, i, n.payment.state);
      }
    });
  }

  void serve_refund(std::size_t i) {
    const auto& c = s_.calls[i];
    const int r = c.refund;
    switch (c.at) {
      case point::sent:
        statement(i, "insert_refund, set_aside", [&](saga_state& n) {
          const auto claimed = reserve_refund(n.payment, r, s_.order.refunds[r].amount);
          if (!claimed) {
            answer(n, i, refused_or_missing(payment::to_problem(claimed.error()).status));
          } else if (*claimed) {
            n.calls[i].leased = true;
            move_to(n, i, point::asked);
          } else if (n.payment.refunds[r].state == payment::refund_state::refunding) {
            move_to(n, i, point::claim_due);
          } else {
            show(n, i);
          }
        });
        return;
      case point::claim_due: {
        const bool free = is_free(r);
        const bool due = claim_due_refund(const_cast<payment_rows&>(s_.payment), r, true);
        if (due && (free || s_.stops < bounds_.stops)) {
          statement(
              i, free ? "claim_due_refund" : "claim_due_refund, the other attempt's lease is over",
              [&](saga_state& n) {
                take_over_refund(n, r);
                n.calls[i].leased = true;
                move_to(n, i, point::asked);
              },
              free ? 1 : 0);
        }
        statement(
            i, "claim_due_refund finds nothing due", [&](saga_state& n) { show(n, i); },
            due && free ? 0 : 1);
        return;
      }
      case point::asked:
        return ask(i);
      case point::told: {
        const auto to = payment::settled_refund(c.heard);
        statement(i, to ? "settle_refund" : "postpone_refund", [&](saga_state& n) {
          if (to && settle_reserved_refund(n.payment, r, *to)) {
            for (auto& other : n.calls) {
              if (!pays(other) && other.refund == r) other.leased = false;
            }
          }
          show(n, i);
        });
        return;
      }
      case point::present:
        statement(i, "select_refund", [&](saga_state& n) {
          const auto got = by_name<reply>(*n.payment.refunds[r].state);
          answer(n, i, got == reply::refused ? reply::refund_refused : got);
        });
        return;
      default:
        return;
    }
  }

  void take_over_refund(saga_state& n, int r) const {
    if (!is_free(r)) ++n.stops;
    for (auto& other : n.calls) {
      if (!pays(other) && other.refund == r) other.leased = false;
    }
  }

  // recovery.cpp takes up what is due.
  void recover() {
    if (late_calls() == bounds_.late_calls) return;
    const auto& p = s_.payment;
    if (p.state && payment::is_unsettled(*p.state, p.void_requested)) {
      const bool free = is_free();
      if (free || s_.stops < bounds_.stops) {
        then(
            free ? 4 : 0,
            [&](saga_state& n) {
              call c{.what = task::recover_payment};
              take(c, take_over(n));
              add_late(n, c);
            },
            [&](const saga_state& n) {
              return fmt::format("payment's recovery takes up the payment{}: {}",
                                 free ? "" : " (the other attempt's lease is over)",
                                 text(n.payment.state));
            });
      }
    }
    for (int r = 0; r < s_.order.refund_count; ++r) {
      if (p.refunds[r].state != payment::refund_state::refunding) continue;
      const bool free = is_free(r);
      if (!free && s_.stops == bounds_.stops) continue;
      then(
          free ? 4 : 0,
          [&](saga_state& n) {
            take_over_refund(n, r);
            add_late(
                n, {.what = task::recover_refund, .at = point::asked, .refund = r, .leased = true});
          },
          [&](const saga_state&) {
            return fmt::format("payment's recovery takes up refund {}", r + 1);
          });
    }
  }

  // ---- The gateway: charging.cpp

  void ask(std::size_t i) {
    const auto& c = s_.calls[i];
    const auto op = pays(c) ? c.claimed.asked : operation::refund;
    const auto hear = [i](saga_state& n, payment::outcome heard) {
      n.calls[i].heard = heard;
      n.calls[i].at = point::told;
    };
    handle(op, c.refund, [&](int rank, auto work, std::string_view how) {
      then(
          rank, [&](saga_state& n) { hear(n, work(n)); },
          [&](const saga_state& n) {
            return fmt::format("{}: the gateway is asked to {}{} and answers {}", at(i, c),
                               name_of(op), how, json::enum_text(n.calls[i].heard));
          });
      then(
          0,
          [&](saga_state& n) {
            work(n);
            hear(n, payment::outcome::unknown);
          },
          [&](const saga_state&) {
            return fmt::format("{}: the gateway is asked to {}{}, its answer is lost", at(i, c),
                               name_of(op), how);
          });
    });
    then(
        0,
        [&](saga_state& n) {
          hear(n, payment::outcome::unknown);
          if (is(mutant::not_found_is_not_charged) && op == operation::authorize &&
              !n.charge.state) {
            hear(n, payment::outcome::declined);
          }
          n.late_questions |= question_bit(op, c.refund);
        },
        [&](const saga_state&) {
          return fmt::format("{}: the question to the gateway, {}, is given up on its way{}",
                             at(i, c), name_of(op),
                             is(mutant::not_found_is_not_charged) ? " and looked up" : "");
        });
  }

  void answer_late_questions() {
    for (int bit = 0; bit < 4 + max_refunds; ++bit) {
      if (!(s_.late_questions >> bit & 1u)) continue;
      const auto op = bit >= 4 ? operation::refund : static_cast<operation>(bit);
      handle(op, std::max(0, bit - 4), [&](int rank, auto work, std::string_view how) {
        then(
            rank * 3,
            [&](saga_state& n) {
              n.late_questions &= ~(1u << bit);
              work(n);
            },
            [&](const saga_state& n) {
              return fmt::format("[late] the gateway is asked to {}{}: charge {}", name_of(op), how,
                                 text(n.charge.state));
            });
      });
    }
  }

  // Calls `with(rank, work, how)` for each way in which the gateway may do it.
  template <class With>
  void handle(operation op, int refund, With with) {
    using mock_gateway::card_kind;
    const auto heard = [](const mock_gateway::answer& a) {
      return by_name<payment::outcome>(a.outcome_);
    };
    // A refusal of the request as such tells nothing.
    const auto known_or = [](const saga_state& n, auto then_what) {
      return n.charge.state ? then_what(n.charge.row()) : payment::outcome::unknown;
    };
    switch (op) {
      case operation::authorize: {
        const auto authorize = [=](card_kind kind) {
          return [=](saga_state& n) {
            insert_charge(n.charge, {kind, "", ""});
            return heard(on_authorize(n.charge.row()));
          };
        };
        with(1, authorize(card_kind::approve), "");
        if (s_.charge.state) return;
        with(0, authorize(card_kind::decline), " a bad card");
        with(0, authorize(card_kind::capture_refused), " a card whose capture will be refused");
        return;
      }
      case operation::cancel:
        with(
            1,
            [=, this](saga_state& n) {
              if (is(mutant::cancellation_not_stored) && !n.charge.state) {
                return payment::outcome::cancelled;
              }
              insert_cancelled(n.charge);
              return heard(on_authorize(n.charge.row()));
            },
            "");
        return;
      case operation::capture:
        with(
            1,
            [=](saga_state& n) {
              capture_charge(n.charge, total);
              return known_or(n, [&](const auto& c) {
                return c.state == mock_gateway::charge_state::authorized ? payment::outcome::unknown
                                                                         : heard(on_capture(c));
              });
            },
            "");
        return;
      case operation::void_:
        with(
            1,
            [=](saga_state& n) {
              void_charge(n.charge);
              return known_or(n, [&](const auto& c) { return heard(on_void(c)); });
            },
            "");
        return;
      case operation::refund: {
        const auto pay_back = [this, refund](bool bank_refuses) {
          return [this, refund, bank_refuses](saga_state& n) {
            const auto made =
                refund_once(n.charge, refund, s_.payment.refunds[refund].amount, bank_refuses);
            return made ? by_name<payment::outcome>(*made) : payment::outcome::unknown;
          };
        };
        with(1, pay_back(false), "");
        const bool first =
            std::ranges::none_of(s_.charge.refunds, [](const auto& r) { return r.has_value(); });
        if (bounds_.bank_refuses && first) with(0, pay_back(true), ", which it does not like,");
        return;
      }
    }
  }

  // ---- Time and people

  void expire() {
    if (s_.stock.state != inventory::reservation_state::held) return;
    then(
        6, [&](saga_state& n) { settle_held(n.stock, inventory::reservation_state::expired); },
        [&](const saga_state&) { return std::string("the hold expires"); });
  }

  static void changed(saga_state& n) {
    for (auto& w : n.workers) w.version = false;
  }

  template <class Statement>
  void state_wish(std::string_view line, Statement statement, int counts = 0) {
    saga_state trial = s_;
    if (!statement(trial.order)) return;
    then(
        0,
        [&](saga_state& n) {
          statement(n.order);
          n.wishes += counts;
          changed(n);
        },
        [&](const saga_state&) { return std::string(line); });
  }

  void wish() {
    if (bounds_.cancels) {
      state_wish("the shopper wishes to cancel", [](order_row& o) { return wish_to_cancel(o); });
    }
    if (bounds_.ships) {
      state_wish("it is shipped", [](order_row& o) {
        return mark_order(o, order_state::confirmed, order_state::shipped);
      });
      state_wish("it is delivered", [](order_row& o) {
        return mark_order(o, order_state::shipped, order_state::delivered);
      });
    }
    if (s_.wishes < bounds_.refunds) {
      for (const int pieces : {0, 1}) {
        state_wish(
            pieces == 0 ? "a refund of 1 is wished" : "a refund of 1 with 1 piece is wished",
            [&](order_row& o) {
              if (!wish_to_refund(o, 1, pieces)) return false;
              if (is(mutant::refund_ids_out_of_order)) {
                o.refunds[o.refund_count - 1].id = max_refunds - o.refund_count;
              }
              return true;
            },
            1);
      }
    }
  }

  const saga& m_;
  const bounds& bounds_;
  const saga_state& s_;
  emitter<saga_state> emit_;
};

void saga::successors(const state& s, emitter<state> emit) const {
  scene(*this, s, emit).play();
}

}  // namespace souk::model
