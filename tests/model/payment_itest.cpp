// Payment-service's statements on PostgreSQL against the model's, in every state of a payment and
// of its lease.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "naming.hpp"
#include "payment-service/repository.hpp"
#include "statements.hpp"

namespace souk::payment {
extern const std::span<const pg::migration> migrations;
}

namespace souk::model {
namespace {

using namespace std::chrono_literals;
using payment::payment_state;

constexpr pg::statement put_token{"put_token", R"(
  INSERT INTO card_tokens (token_hash, user_id, gateway_token, brand, last4, expires_at)
  VALUES ($1, 'shopper', 'card', 'visa', '4242', now() + $2::bigint * interval '1 h'))"};
constexpr pg::statement put_payment{"put_payment", R"(
  INSERT INTO payments (id, order_id, user_id, state, reason, amount_minor, currency,
                        captured_minor, refunded_minor, refund_pending_minor, token_hash,
                        gateway_token, void_requested, lease, lease_until, next_attempt_at)
  VALUES ($1, $1, 'shopper', $2, 'reason', $3, 'USD', $4, $5, $6, $7, 'card', $8, 1,
          now() + $9::bigint * interval '1 h', now() + $10::bigint * interval '1 h'))"};
constexpr pg::statement put_attempt{"put_attempt", R"(
  INSERT INTO attempts (payment_id, operation) VALUES ($1, $2) RETURNING attempt_id)"};
constexpr pg::statement put_refund{"put_refund", R"(
  INSERT INTO refunds (refund_id, payment_id, state, amount_minor, reason, lease, lease_until,
                       next_attempt_at)
  VALUES ($1, $2, $3, $4, 'reason', 1, now() + $5::bigint * interval '1 h',
          now() + $6::bigint * interval '1 h'))"};
constexpr pg::statement put_refund_attempt{"put_refund_attempt", R"(
  INSERT INTO attempts (payment_id, refund_id, operation) VALUES ($1, $2, 'refund')
  RETURNING attempt_id)"};

struct found_rows {
  payment_state state = payment_state::authorizing;
  bool void_requested = false;
  std::int64_t captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0;
  std::optional<payment::refund_state> refund;
  bool leased = false;  // the payment, or if there is one, its refund
};
BOOST_DESCRIBE_STRUCT(found_rows, (),
                      (state, void_requested, captured_minor, refunded_minor, refund_pending_minor,
                       refund, leased))
constexpr pg::statement read_rows{"read_rows", R"(
  SELECT p.state, p.void_requested, p.captured_minor, p.refunded_minor, p.refund_pending_minor,
         r.state AS refund,
         coalesce(CASE WHEN r.refund_id IS NULL THEN p.lease_until ELSE r.lease_until END > now(),
                  false) AS leased
  FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id WHERE p.id = $1)"};

struct world {
  explicit world(event_loop& loop)
      : db(loop, pg::settings{.url = testing::fresh_database(payment::migrations)}),
        store(db, db, 1h) {}
  pg::pool db;
  payment::repository store;
};

// Who has the payment, or the refund, for itself, and whether it is due.
struct timing {
  std::string_view name;
  std::optional<int> lease_hours;
  int next_attempt_hours;
  bool free() const { return lease_hours.value_or(-1) < 0 && next_attempt_hours < 0; }
  bool leased() const { return lease_hours.value_or(-1) > 0; }
};
constexpr timing timings[] = {{"free", std::nullopt, -1},
                              {"its lease over", -1, -1},
                              {"leased", 1, -1},
                              {"not due", std::nullopt, 1}};

struct one_case {
  payment_rows start;
  timing when;
  bool good_token = true;
  uuid id = uuid::v7();

  payment::new_payment body() const {
    return {.id = id,
            .order_id = id,
            .user_id = "shopper",
            .amount_minor = total,
            .currency = "USD",
            .token_hash = "token " + id.str()};
  }
  uuid refund() const { return uuid::derived("refund", id.str()); }
};

// What is told, and whether there is a lease afterwards (nothing: as before).
struct result {
  std::string told;
  std::optional<bool> leased{};
};
struct operation {
  std::string name;
  std::function<task<std::string>(world&, const context&, const one_case&)> real;
  std::function<result(payment_rows&, const one_case&)> modelled;
};

std::string told(bool yes) {
  return yes ? "done" : "nothing";
}
std::string told(payment_state s, payment::operation asked) {
  return fmt::format("{}: {}", json::enum_text(s), json::enum_text(asked));
}
template <class Claim>
std::string told_of(const std::optional<Claim>& c) {
  return c ? told(c->state, c->asked) : "nothing";
}
result claimed(const std::optional<attempt>& a) {
  if (!a) return {"nothing"};
  return {told_of(a), true};
}

task<std::string> real_open(world& w, const context& ctx, const one_case& c) {
  const auto made = co_await w.store.open(ctx, c.body());
  co_return told_of(made.value());
}
task<std::string> real_open_declined(world& w, const context& ctx, const one_case& c) {
  const auto made = co_await w.store.open_declined(ctx, c.body());
  co_return told(made.value().has_value());
}
task<std::string> real_open_voided(world& w, const context& ctx, const one_case& c) {
  const auto made = co_await w.store.open_voided(ctx, c.body());
  co_return told(made.value().has_value());
}
task<std::string> real_begin(world& w, const context& ctx, const one_case& c,
                             payment::operation op) {
  co_return told_of(co_await w.store.begin(ctx, c.id, c.id, op));
}
task<std::string> real_claim(world& w, const context& ctx, const one_case& c) {
  const auto due = co_await w.store.claim_due(ctx, c.id, 1);
  co_return due.empty() ? "nothing" : told(due.front().state, due.front().asked);
}
task<std::string> real_wish(world& w, const context& ctx, const one_case& c) {
  co_return told((co_await w.store.wish_void(ctx, c.id)).has_value());
}

task<payment::claimed_payment> attempt_of(world& w, const context& ctx, const one_case& c,
                                          const attempt& a, std::int64_t lease) {
  payment::claimed_payment claim;
  claim.id = c.id;
  claim.state = a.state;
  claim.asked = a.asked;
  claim.lease = lease;
  // Nothing can be attempted without a payment.
  if (c.start.state) {
    const auto made =
        co_await w.db.execute_returning<std::int64_t>(ctx, put_attempt, c.id, a.asked);
    claim.attempt_id = made.front();
  }
  co_return claim;
}
task<std::string> real_settle(world& w, const context& ctx, const one_case& c, attempt a,
                              payment_state to) {
  const auto claim = co_await attempt_of(w, ctx, c, a, 1);
  const payment::attempt_end end{payment::outcome::approved};
  co_return told((co_await w.store.settle(ctx, claim, to, end)).has_value());
}
task<std::string> real_postpone(world& w, const context& ctx, const one_case& c, attempt a,
                                std::int64_t lease) {
  const auto claim = co_await attempt_of(w, ctx, c, a, lease);
  co_await w.store.postpone(ctx, claim, {}, 1h);
  co_return "";
}

operation beginning(payment::operation op) {
  return {
      fmt::format("begin_operation {}", json::enum_text(op)),
      [op](world& w, const context& ctx, const one_case& c) { return real_begin(w, ctx, c, op); },
      [op](payment_rows& p, const one_case& c) {
        return claimed(begin_operation(p, op, c.when.free()));
      }};
}
operation settling(attempt a, payment_state to) {
  return {fmt::format("settle_payment, {} to {}", json::enum_text(a.state), json::enum_text(to)),
          [=](world& w, const context& ctx, const one_case& c) {
            return real_settle(w, ctx, c, a, to);
          },
          [=](payment_rows& p, const one_case&) -> result {
            if (!settle_payment(p, a, to)) return {told(false)};
            return {told(true), false};
          }};
}
// By an attempt whose lease it still is, or by an earlier one.
operation postponing(attempt a, bool own) {
  return {fmt::format("postpone_payment {} by {}", json::enum_text(a.state),
                      own ? "the holder of the lease" : "another"),
          [=](world& w, const context& ctx, const one_case& c) {
            return real_postpone(w, ctx, c, a, own ? 1 : 0);
          },
          [=](payment_rows& p, const one_case&) -> result {
            if (own && p.state == a.state) return {"", false};
            return {""};
          }};
}

std::vector<operation> operations() {
  using enum payment_state;
  using op = payment::operation;
  std::vector<operation> all{
      {"open_payment", real_open,
       [](payment_rows& p, const one_case& c) { return claimed(open_payment(p, c.good_token)); }},
      {"open_declined_payment", real_open_declined,
       [](payment_rows& p, const one_case& c) {
         return result{told(open_declined_payment(p, c.good_token))};
       }},
      {"open_voided_payment", real_open_voided,
       [](payment_rows& p, const one_case&) { return result{told(open_voided_payment(p))}; }},
      beginning(op::capture),
      beginning(op::void_),
      {"claim_due_payments", real_claim,
       [](payment_rows& p, const one_case& c) {
         return claimed(claim_due_payments(p, c.when.free()));
       }},
      {"wish_for_void", real_wish,
       [](payment_rows& p, const one_case&) { return result{told(wish_for_void(p))}; }},
  };
  const attempt authorize{authorizing, op::authorize}, capture{capturing, op::capture},
      release{voiding, op::void_};
  for (const auto& [a, to] : {std::pair{authorize, authorized},
                              {authorize, declined},
                              {capture, captured},
                              {capture, refused},
                              {release, voided}}) {
    all.push_back(settling(a, to));
  }
  for (const auto& a : {authorize, capture, release}) {
    all.push_back(postponing(a, true));
    all.push_back(postponing(a, false));
  }
  return all;
}

std::vector<payment_rows> states() {
  using enum payment_state;
  std::vector<payment_rows> all{{}};
  for (const auto s :
       {authorizing, authorized, declined, capturing, captured, refused, voiding, voided}) {
    for (const bool wish : {false, true}) {
      all.push_back({.state = s, .void_requested = wish, .captured = s == captured ? total : 0});
    }
  }
  return all;
}

std::string show(const payment_rows& p, bool leased) {
  return fmt::format("{}{}: captured {}, refunded {}, pending {}, refund {}{}", text(p.state),
                     p.void_requested ? ", void wished" : "", p.captured, p.refunded,
                     p.refund_pending, text(p.refunds[0].state), leased ? ", leased" : "");
}

task<> put(world& w, const context& ctx, const one_case& c) {
  const auto& p = c.start;
  const auto token = c.body().token_hash;
  co_await w.db.execute(ctx, put_token, token, c.good_token ? 1 : -1);
  if (!p.state) co_return;
  const bool refund = p.refunds[0].state.has_value();
  const auto lease = refund ? std::nullopt : c.when.lease_hours;
  co_await w.db.execute(ctx, put_payment, c.id, *p.state, total, p.captured, p.refunded,
                        p.refund_pending, token, p.void_requested, lease,
                        c.when.next_attempt_hours);
  if (!refund) co_return;
  co_await w.db.execute(ctx, put_refund, c.refund(), c.id, *p.refunds[0].state, p.refunds[0].amount,
                        c.when.lease_hours, c.when.next_attempt_hours);
}

task<std::string> read(world& w, const context& ctx, uuid id) {
  const auto found = co_await w.db.query_one<found_rows>(ctx, read_rows, id);
  if (!found) co_return show({}, false);
  payment_rows p{.state = found->state,
                 .void_requested = found->void_requested,
                 .captured = static_cast<int>(found->captured_minor),
                 .refunded = static_cast<int>(found->refunded_minor),
                 .refund_pending = static_cast<int>(found->refund_pending_minor)};
  p.refunds[0].state = found->refund;
  co_return show(p, found->leased);
}

task<> compare(world& w, const context& ctx, const operation& op, const one_case& c) {
  co_await put(w, ctx, c);
  auto modelled = c.start;
  const auto expected = op.modelled(modelled, c);
  const auto where =
      fmt::format("{} in: {} ({}, token {})", op.name, show(c.start, c.when.leased()), c.when.name,
                  c.good_token ? "good" : "expired");
  const auto got = co_await op.real(w, ctx, c);
  EXPECT_EQ(got, expected.told) << where;
  const bool leased = expected.leased.value_or(c.start.state && c.when.leased());
  EXPECT_EQ(co_await read(w, ctx, c.id), show(modelled, leased)) << where;
}

TEST(payment_statements, are_as_modelled_in_every_state) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    for (const auto& op : operations()) {
      for (const auto& start : states()) {
        for (const auto& when : timings) {
          if (!start.state && when.name != "free") continue;
          for (const bool good : {true, false}) {
            if (start.state && !good) continue;
            co_await compare(w, ctx, op, {start, when, good});
          }
        }
      }
    }
  });
}

// ---------------------------------------------------------------------------------------------

task<std::string> real_reserve(world& w, const context& ctx, const one_case& c, int amount) {
  const payment::refund r{
      .refund_id = c.refund(), .payment_id = c.id, .amount_minor = amount, .reason = "reason"};
  const auto made = co_await w.store.reserve_refund(ctx, r);
  if (!made) co_return fmt::format("failure {}", static_cast<int>(made.error()));
  co_return made->claim ? "claimed" : "known";
}
task<std::string> real_claim_refund(world& w, const context& ctx, const one_case& c) {
  co_return told(!(co_await w.store.claim_due_refunds(ctx, c.refund(), 1)).empty());
}
task<payment::claimed_refund> refund_attempt_of(world& w, const context& ctx, const one_case& c,
                                                std::int64_t lease) {
  payment::claimed_refund claim;
  claim.refund_id = c.refund();
  claim.payment_id = c.id;
  claim.lease = lease;
  if (c.start.refunds[0].state) {
    const auto made =
        co_await w.db.execute_returning<std::int64_t>(ctx, put_refund_attempt, c.id, c.refund());
    claim.attempt_id = made.front();
  }
  co_return claim;
}
task<std::string> real_settle_refund(world& w, const context& ctx, const one_case& c,
                                     payment::refund_state to) {
  const auto claim = co_await refund_attempt_of(w, ctx, c, 1);
  co_return told(co_await w.store.settle_refund(ctx, claim, to, {payment::outcome::refunded}));
}
task<std::string> real_postpone_refund(world& w, const context& ctx, const one_case& c,
                                       std::int64_t lease) {
  const auto claim = co_await refund_attempt_of(w, ctx, c, lease);
  co_await w.store.postpone_refund(ctx, claim, {}, 1h);
  co_return "";
}

std::vector<operation> refund_operations() {
  using rs = payment::refund_state;
  std::vector<operation> all;
  for (const int amount : {1, total, total + 1}) {
    all.push_back({fmt::format("insert_refund of {}", amount),
                   [amount](world& w, const context& ctx, const one_case& c) {
                     return real_reserve(w, ctx, c, amount);
                   },
                   [amount](payment_rows& p, const one_case&) -> result {
                     const auto claim = reserve_refund(p, 0, amount);
                     if (!claim)
                       return {fmt::format("failure {}", static_cast<int>(claim.error()))};
                     if (!*claim) return {"known"};
                     return {"claimed", true};
                   }});
  }
  all.push_back(
      {"claim_due_refund", real_claim_refund, [](payment_rows& p, const one_case& c) -> result {
         if (!claim_due_refund(p, 0, c.when.free())) return {told(false)};
         return {told(true), true};
       }});
  for (const auto to : {rs::refunded, rs::refused}) {
    all.push_back({fmt::format("settle_refund {}", json::enum_text(to)),
                   [to](world& w, const context& ctx, const one_case& c) {
                     return real_settle_refund(w, ctx, c, to);
                   },
                   [to](payment_rows& p, const one_case&) -> result {
                     if (!settle_reserved_refund(p, 0, to)) return {told(false)};
                     return {told(true), false};
                   }});
  }
  for (const bool own : {true, false}) {
    all.push_back(
        {fmt::format("postpone_refund by {}", own ? "the holder of the lease" : "another"),
         [own](world& w, const context& ctx, const one_case& c) {
           return real_postpone_refund(w, ctx, c, own ? 1 : 0);
         },
         [own](payment_rows& p, const one_case&) -> result {
           if (own && p.refunds[0].state == rs::refunding) return {"", false};
           return {""};
         }});
  }
  return all;
}

std::vector<payment_rows> states_with_refunds() {
  using rs = payment::refund_state;
  const payment_rows sold{.state = payment_state::captured, .captured = total};
  std::vector<payment_rows> all = states();
  for (const auto s : {rs::refunding, rs::refunded, rs::refused}) {
    all.push_back(sold);
    all.back().refunds[0] = {s, 1};
    (s == rs::refunding ? all.back().refund_pending : all.back().refunded) =
        s == rs::refused ? 0 : 1;
  }
  // Another refund has taken a part already.
  all.push_back(sold);
  all.back().refunded = 1;
  return all;
}

TEST(payment_statements, of_refunds_are_as_modelled_in_every_state) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    for (const auto& op : refund_operations()) {
      for (const auto& start : states_with_refunds()) {
        for (const auto& when : timings) {
          const bool refund = start.refunds[0].state.has_value();
          if (!refund && when.name != "free") continue;
          // Under the same key there is only one body.
          if (refund && op.name.starts_with("insert_refund of ") &&
              op.name != "insert_refund of 1") {
            continue;
          }
          co_await compare(w, ctx, op, {start, when});
        }
      }
    }
  });
}

}  // namespace
}  // namespace souk::model
