#include "processing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "kit/telemetry.hpp"
#include "kit/testing/stub.hpp"
#include "test_world.hpp"

namespace souk::payment {
namespace {

using namespace std::chrono_literals;
using enum payment_state;
using ::testing::AnyOf;
using ::testing::ElementsAre;

constexpr auto authorizations = "POST /v1/authorizations HTTP";

// Runs a test with a world of its own. At the end the books balance, whatever has happened.
void with_world(std::function<task<>(test_world&, const context&)> body,
                std::chrono::milliseconds gateway_timeout = 5s,
                std::chrono::milliseconds lease = 10s) {
  testing::run([&](event_loop& loop, const context& ctx) -> task<> {
    auto& w = loop.make<test_world>(loop, gateway_timeout, lease);
    co_await body(w, ctx);
    const auto books = co_await w.store.check(ctx);
    for (const auto& v : books.violations)
      ADD_FAILURE() << v.violation_ << " " << v.subject << ": " << v.detail;
  });
}

std::vector<std::string> told(const std::vector<attempt>& attempts) {
  std::vector<std::string> out;
  for (auto it = attempts.rbegin(); it != attempts.rend(); ++it)
    out.push_back(std::string(json::enum_text(it->operation_)) + ":" +
                  std::string(it->outcome_ ? json::enum_text(*it->outcome_) : "open"));
  return out;
}

// ---------------------------------------------------------------------------------------------
// The straight ways.

TEST(payments, are_authorized_captured_and_refunded) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    auto now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, authorized);
    EXPECT_EQ(now.brand, "visa");
    EXPECT_EQ(now.last4, "4242");
    now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, authorized);
    for (int i = 0; i < 2; ++i) {
      now = co_await w.capture(ctx, p);
      EXPECT_EQ(now.state, captured);
      EXPECT_EQ(now.captured_minor, 1000);
    }
    const refund r{
        .refund_id = uuid::v7(), .payment_id = p.id, .amount_minor = 300, .reason = "late"};
    for (int i = 0; i < 2; ++i) {
      const auto back = co_await w.work.refund_part(ctx, r);
      EXPECT_EQ(back.value().it.state, refund_state::refunded);
      EXPECT_EQ(back.value().of.refunded_minor, 300);
      EXPECT_EQ(back.value().of.refund_pending_minor, 0);
    }
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked),
                ElementsAre("authorize:approved", "capture:captured", "refund:refunded"));
    const auto theirs = co_await w.direct.record(ctx, p.id);
    EXPECT_EQ(theirs.value().captured_minor, 1000);
    EXPECT_EQ(theirs.value().refunded_minor, 300);
    EXPECT_EQ(theirs.value().merchant_order, p.order_id);
  });
}

TEST(payments, are_declined_with_a_reason_for_ever) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx, bad_card);
    for (int i = 0; i < 2; ++i) {
      const auto now = co_await w.process(ctx, p);
      EXPECT_EQ(now.state, declined);
      EXPECT_EQ(now.reason, "card-declined");
    }
    auto now = co_await w.capture(ctx, p);
    EXPECT_EQ(now.state, declined);
    now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, declined);
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked), ElementsAre("authorize:declined"));
  });
}

TEST(payments, whose_capture_is_refused_are_refused_and_hold_nothing) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx, fickle_card);
    co_await w.process(ctx, p);
    for (int i = 0; i < 2; ++i) {
      const auto now = co_await w.capture(ctx, p);
      EXPECT_EQ(now.state, refused);
      EXPECT_EQ(now.reason, "refused-by-bank");
      EXPECT_EQ(now.captured_minor, 0);
    }
    const auto now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, refused);
    const auto theirs = co_await w.direct.record(ctx, p.id);
    EXPECT_EQ(theirs.value().voided_minor, 1000);
  });
}

TEST(payments, of_another_body_under_the_same_id_are_refused) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    co_await w.process(ctx, p);
    const auto other_token = co_await w.token(ctx);
    for (auto change :
         {+[](new_payment& q, const std::string&) { q.amount_minor = 999; },
          +[](new_payment& q, const std::string&) { q.user_id = "other"; },
          +[](new_payment& q, const std::string& t) { q.token_hash = token_hash(t); }}) {
      auto q = p;
      change(q, other_token);
      const auto done = co_await w.work.process(ctx, q);
      EXPECT_EQ(done.error(), failure::payment_differs);
    }
    // A token that was refused so is still good.
    auto next = co_await w.fresh(ctx);
    next.token_hash = token_hash(other_token);
    auto now = co_await w.process(ctx, next);
    EXPECT_EQ(now.state, authorized);

    auto q = p;
    q.amount_minor = 999;
    auto done = co_await w.work.void_(ctx, q);
    EXPECT_EQ(done.error(), failure::payment_differs);
    done = co_await w.work.capture(ctx, p.id, uuid::v7());
    EXPECT_EQ(done.error(), failure::payment_differs);
    now = co_await w.settled(ctx, p.id);
    EXPECT_EQ(now.state, authorized);
  });
}

TEST(orders, are_paid_under_one_payment_only) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    co_await w.process(ctx, p);
    auto q = co_await w.fresh(ctx);
    q.order_id = p.order_id;
    auto done = co_await w.work.process(ctx, q);
    EXPECT_EQ(done.error(), failure::order_has_other_payment);
    done = co_await w.work.void_(ctx, q);
    EXPECT_EQ(done.error(), failure::order_has_other_payment);
    q.token_hash = token_hash("tok_nobody_knows");
    done = co_await w.work.process(ctx, q);
    EXPECT_EQ(done.error(), failure::order_has_other_payment);
    const auto theirs = co_await w.direct.record(ctx, q.id);
    EXPECT_FALSE(theirs);
  });
}

// ---------------------------------------------------------------------------------------------
// Compensations absorb.

TEST(void_first, makes_every_later_call_do_nothing) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    auto now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, voided);
    now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, voided);
    now = co_await w.capture(ctx, p);
    EXPECT_EQ(now.state, voided);
    now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, voided);
    const auto theirs = co_await w.direct.record(ctx, p.id);
    EXPECT_FALSE(theirs);
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_TRUE(asked.empty());
    // The card has paid for nothing: it is still good.
    auto next = p;
    next.id = uuid::v7();
    next.order_id = uuid::v7();
    now = co_await w.process(ctx, next);
    EXPECT_EQ(now.state, authorized);
  });
}

TEST(void_after_authorization, makes_repeats_of_what_went_before_do_nothing) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    co_await w.process(ctx, p);
    auto now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, voided);
    now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, voided);
    now = co_await w.capture(ctx, p);
    EXPECT_EQ(now.state, voided);
    const auto theirs = co_await w.direct.record(ctx, p.id);
    EXPECT_EQ(theirs.value().voided_minor, 1000);
    EXPECT_EQ(theirs.value().captured_minor, 0);
  });
}

TEST(void_after_capture, is_refused) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    co_await w.process(ctx, p);
    co_await w.capture(ctx, p);
    auto q = p;
    q.token_hash.clear();
    const auto done = co_await w.work.void_(ctx, q);
    EXPECT_EQ(done.error(), failure::already_captured);
    const auto unknown = co_await w.work.capture(ctx, uuid::v7(), uuid::v7());
    EXPECT_EQ(unknown.error(), failure::not_found);
  });
}

TEST(void_during_an_unknown_authorization, cancels_what_the_gateway_never_saw) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    w.wire.lose_request(authorizations);
    auto now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, authorizing);
    now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, declined);
    EXPECT_EQ(now.reason, "cancelled");
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked), ElementsAre("authorize:unknown", "cancel:cancelled"));
    // The lost request arrives after all.
    claimed_payment late;
    static_cast<payment&>(late) = now;
    late.asked = operation::authorize;
    const auto end = co_await w.direct.ask(ctx, late);
    EXPECT_EQ(end.what, outcome::cancelled);
    const auto theirs = co_await w.direct.record(ctx, p.id);
    EXPECT_EQ(theirs.value().state, "cancelled");
    now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, declined);
  });
}

TEST(void_during_an_unknown_authorization, voids_what_was_charged_after_all) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    w.wire.lose_answer(authorizations);
    auto now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, authorizing);
    now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, voided);
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked), ElementsAre("authorize:unknown", "cancel:approved", "void:voided"));
    const auto theirs = co_await w.direct.record(ctx, p.id);
    EXPECT_EQ(theirs.value().voided_minor, 1000);
  });
}

TEST(void_during_an_attempt, is_remembered_and_done_by_that_attempt) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx, slow_card);
    auto ended = std::make_shared<std::optional<payment>>();
    w.loop.spawn("process",
                 [](test_world& world, context c, new_payment q,
                    std::shared_ptr<std::optional<payment>> out) -> task<> {
                   auto done = co_await world.process(c, q);
                   *out = std::move(done);
                 }(w, ctx, p, ended));
    std::optional<payment> seen;
    while (!seen) seen = co_await w.store.find(ctx, p.id);
    auto now = co_await w.void_(ctx, p);
    EXPECT_EQ(now.state, authorizing);
    EXPECT_TRUE(now.void_requested);
    now = co_await w.capture(ctx, p);
    EXPECT_EQ(now.state, authorizing);
    co_await testing::eventually([&] { return ended->has_value(); });
    EXPECT_EQ(ended->value().state, voided);
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked), ElementsAre("authorize:approved", "void:voided"));
  });
}

// ---------------------------------------------------------------------------------------------
// Unknown outcomes.

// A request or the answer to it is lost; recovery settles it to one charge.

TEST(unknown_outcomes, of_authorizations_settle_to_one_charge) {
  for (const bool answer : {false, true})
    with_world([answer](test_world& w, const context& ctx) -> task<> {
      const auto p = co_await w.fresh(ctx);
      if (answer)
        w.wire.lose_answer(authorizations);
      else
        w.wire.lose_request(authorizations);
      auto now = co_await w.process(ctx, p);
      EXPECT_EQ(now.state, authorizing);
      const auto count = co_await w.store.count_unsettled(ctx, 1);
      EXPECT_EQ(count.unsettled, 1);
      EXPECT_EQ(count.needing_attention, 1);
      EXPECT_GT(count.oldest_seconds, 0);
      EXPECT_LT(count.oldest_seconds, 30);
      w.start_recovery();
      now = co_await w.settled(ctx, p.id);
      EXPECT_EQ(now.state, authorized);
      EXPECT_EQ((co_await w.store.count_unsettled(ctx, 1)).oldest_seconds, 0);
      const auto asked = co_await w.attempts(ctx, p.id);
      EXPECT_THAT(told(asked), ElementsAre("authorize:unknown", "authorize:approved"));
      const auto orders = co_await w.direct.orders(ctx, uuid{}, p.order_id, 10);
      EXPECT_EQ(orders.size(), 1u);
      EXPECT_EQ(orders.at(0).charges, 1);
      EXPECT_EQ(orders.at(0).authorized_minor, 1000);
    });
}

TEST(unknown_outcomes, of_captures_and_voids_settle_too) {
  for (const bool answer : {false, true})
    for (const char* what : {"/capture HTTP", "/void HTTP"})
      with_world([answer, what](test_world& w, const context& ctx) -> task<> {
        const bool capturing_it = std::string_view(what).starts_with("/capture");
        const auto p = co_await w.fresh(ctx);
        co_await w.process(ctx, p);
        if (answer)
          w.wire.lose_answer(what);
        else
          w.wire.lose_request(what);
        auto now = capturing_it ? co_await w.capture(ctx, p) : co_await w.void_(ctx, p);
        EXPECT_EQ(now.state, capturing_it ? capturing : voiding);
        if (capturing_it) {
          auto q = p;
          q.token_hash.clear();
          const auto done = co_await w.work.void_(ctx, q);
          EXPECT_EQ(done.error(), failure::already_captured);
        }
        w.start_recovery();
        now = co_await w.settled(ctx, p.id);
        EXPECT_EQ(now.state, capturing_it ? captured : voided);
        const auto theirs = co_await w.direct.record(ctx, p.id);
        EXPECT_EQ(theirs.value().captured_minor, capturing_it ? 1000 : 0);
        EXPECT_EQ(theirs.value().voided_minor, capturing_it ? 0 : 1000);
      });
}

TEST(unknown_outcomes, of_refunds_settle_too) {
  for (const bool answer : {false, true})
    with_world([answer](test_world& w, const context& ctx) -> task<> {
      const auto paid = co_await w.captured_payment(ctx);
      const refund r{
          .refund_id = uuid::v7(), .payment_id = paid.id, .amount_minor = 400, .reason = "x"};
      if (answer)
        w.wire.lose_answer("/refund HTTP");
      else
        w.wire.lose_request("/refund HTTP");
      auto back = co_await w.work.refund_part(ctx, r);
      EXPECT_EQ(back.value().it.state, refund_state::refunding);
      EXPECT_EQ(back.value().of.refund_pending_minor, 400);
      w.start_recovery();
      while (back.value().it.state == refund_state::refunding) {
        co_await sleep_for(20ms);
        back = co_await w.work.refund_part(ctx, r);
      }
      EXPECT_EQ(back.value().it.state, refund_state::refunded);
      EXPECT_EQ(back.value().of.refund_pending_minor, 0);
      EXPECT_EQ(back.value().of.refunded_minor, 400);
      const auto theirs = co_await w.direct.record(ctx, paid.id);
      EXPECT_EQ(theirs.value().refunded_minor, 400);
    });
}

TEST(test_cards, that_answer_late_or_badly_settle_too) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    w.start_recovery();
    const auto silent = co_await w.fresh(ctx, silent_card);
    const auto failing = co_await w.fresh(ctx, error_card);
    const auto slow = co_await w.fresh(ctx, slow_card);
    auto now = co_await w.process(ctx, silent);
    EXPECT_EQ(now.state, authorizing);
    now = co_await w.process(ctx, failing);
    EXPECT_EQ(now.state, authorizing);
    now = co_await w.process(ctx, slow);
    EXPECT_EQ(now.state, authorized);
    now = co_await w.settled(ctx, silent.id);
    EXPECT_EQ(now.state, authorized);
    now = co_await w.settled(ctx, failing.id);
    EXPECT_EQ(now.state, declined);
    EXPECT_EQ(now.reason, "processing-error");
    const auto asked = co_await w.attempts(ctx, failing.id);
    EXPECT_THAT(told(asked),
                ElementsAre("authorize:unknown", "authorize:unknown", "authorize:declined"));
    const auto theirs = co_await w.direct.record(ctx, silent.id);
    EXPECT_EQ(theirs.value().authorized_minor, 1000);
  });
}

TEST(gateway_outage, leaves_payments_open_and_they_settle_afterwards) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx), q = co_await w.fresh(ctx);
    w.wire.refuse();
    auto now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, authorizing);
    now = co_await w.process(ctx, q);
    EXPECT_EQ(now.state, authorizing);
    w.start_recovery();
    co_await sleep_for(700ms);
    now = co_await w.process(ctx, p);
    EXPECT_EQ(now.state, authorizing);
    w.wire.pass();
    now = co_await w.settled(ctx, p.id);
    EXPECT_EQ(now.state, authorized);
    now = co_await w.settled(ctx, q.id);
    EXPECT_EQ(now.state, authorized);
  });
}

TEST(answers_that_are_no_answers, decide_nothing) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& w = loop.make<test_world>(loop);
    struct parts {
      parts(event_loop& l, repository& store)
          : client(l, stub.url(), "key", 300ms), work(store, client, 10s) {}
      testing::http_stub stub;
      gateway_client client;
      processing work;
    };
    using testing::stub_answer;
    for (const auto& says :
         {stub_answer{.status = 401}, stub_answer{.status = 404}, stub_answer{.status = 409},
          stub_answer{.status = 422}, stub_answer{.status = 429}, stub_answer{.status = 500},
          stub_answer{.status = 200, .body = "{}"}, stub_answer{.status = 200, .body = "<html>"},
          stub_answer{
              .status = 200,
              .body =
                  R"({"reference":"00000000-0000-7000-8000-000000000001","outcome":"declined"})"},
          stub_answer{.drop = true}, stub_answer{.delay = 600ms}}) {
      auto& faulty = loop.make<parts>(loop, w.store);
      faulty.stub.on("POST", "/**", says);
      const auto p = co_await w.fresh(ctx);
      auto now = co_await faulty.work.process(ctx, p);
      EXPECT_EQ(now.value().state, authorizing) << says.status << says.body;
      // Not before its time.
      now = co_await faulty.work.process(ctx, p);
      EXPECT_EQ(now.value().state, authorizing);
      EXPECT_EQ(faulty.stub.requests().size(), 1u) << says.status << says.body;
    }
    // The same requests again, to the gateway itself.
    w.start_recovery();
    for (;;) {
      const auto open = co_await w.store.count_unsettled(ctx, 8);
      if (open.unsettled == 0) break;
      co_await sleep_for(20ms);
    }
    const auto good = co_await w.store.list(ctx, {.state = authorized}, std::nullopt, 100);
    EXPECT_EQ(good.size(), 11u);
  });
}

// ---------------------------------------------------------------------------------------------
// Crashes: whatever is not recorded is found again when the lease is over.

TEST(database_lost_between_call_and_record, is_settled_when_the_lease_is_over) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& w = loop.make<test_world>(loop, 5s, 500ms);
    struct parts {
      parts(event_loop& l, test_world& world)
          : client(l, stub.url(), "key", 2s), work(world.store, client, 10s) {}
      testing::http_stub stub;
      gateway_client client;
      processing work;
    };
    auto& cut = loop.make<parts>(loop, w);
    const auto p = co_await w.fresh(ctx);
    cut.stub.on("POST", "/v1/authorizations", [&](const testing::stub_request&) {
      w.database_wire.refuse();
      return testing::stub_answer{.body = R"({"reference":")" + p.id.str() +
                                          R"(","outcome":"approved"})"};
    });
    bool thrown = false;
    try {
      co_await cut.work.process(ctx, p);
    } catch (const pg::unavailable&) {
      thrown = true;
    } catch (const pg::unknown_outcome&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    w.database_wire.pass();
    // The gateway of the stub knows; that of the world is asked for the first time: all the same.
    w.start_recovery();
    const auto now = co_await w.settled(ctx, p.id);
    EXPECT_EQ(now.state, authorized);
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked), ElementsAre("authorize:open", "authorize:approved"));
    const auto books = co_await w.store.check(ctx);
    EXPECT_TRUE(books.violations.empty());
  });
}

TEST(crash_after_the_intent, is_settled_when_the_lease_is_over) {
  with_world(
      [](test_world& w, const context& ctx) -> task<> {
        const auto p = co_await w.fresh(ctx), q = co_await w.fresh(ctx), r = co_await w.fresh(ctx);
        // Recorded, and then the process was gone.
        const auto opened = co_await w.store.open(ctx, p);
        EXPECT_TRUE(opened.value());
        co_await w.process(ctx, q);
        const auto begun = co_await w.store.begin(ctx, q.id, q.order_id, operation::capture);
        EXPECT_TRUE(begun);
        co_await w.process(ctx, r);
        const auto undone = co_await w.store.begin(ctx, r.id, r.order_id, operation::void_);
        EXPECT_TRUE(undone);
        // The lease keeps others away for now.
        auto now = co_await w.process(ctx, p);
        EXPECT_EQ(now.state, authorizing);
        const auto record = co_await w.direct.record(ctx, p.id);
        EXPECT_FALSE(record);
        w.start_recovery();
        now = co_await w.settled(ctx, p.id);
        EXPECT_EQ(now.state, authorized);
        now = co_await w.settled(ctx, q.id);
        EXPECT_EQ(now.state, captured);
        now = co_await w.settled(ctx, r.id);
        EXPECT_EQ(now.state, voided);
      },
      5s, 300ms);
}

TEST(attempt_that_ends_late, does_not_postpone_what_another_has_settled) {
  with_world(
      [](test_world& w, const context& ctx) -> task<> {
        for (const bool void_is_wished : {false, true}) {
          const auto p = co_await w.fresh(ctx);
          const auto first = co_await w.store.open(ctx, p);
          co_await sleep_for(150ms);  // the lease is over
          if (void_is_wished) co_await w.store.wish_void(ctx, p.id);
          const auto second = co_await w.store.claim_due(ctx, p.id, 1);
          EXPECT_EQ(second.size(), 1u);
          const attempt_end approved{.what = outcome::approved};
          const attempt_end no_answer{.what = outcome::unknown};
          const auto settled =
              co_await w.store.settle(ctx, *first.value(), payment_state::authorized, approved);
          EXPECT_TRUE(settled);
          co_await w.store.postpone(ctx, second.front(), no_answer, 1h);
          const auto begun = co_await w.store.begin(ctx, p.id, p.order_id, operation::void_);
          EXPECT_TRUE(begun) << "the payment is not due for an hour";
        }
      },
      5s, 100ms);
}

TEST(attempt_that_wakes_up_late, finds_its_work_done_by_another) {
  with_world(
      [](test_world& w, const context& ctx) -> task<> {
        const auto p = co_await w.fresh(ctx);
        auto asleep = co_await w.store.open(ctx, p);
        co_await sleep_for(150ms);
        auto now = co_await w.process(ctx, p);  // the lease is over: it takes the payment over
        EXPECT_EQ(now.state, authorized);
        now = co_await w.capture(ctx, p);
        EXPECT_EQ(now.state, captured);
        // The first attempt goes on: the gateway repeats its answer, and nothing moves.
        const auto became = co_await w.work.advance(ctx, **asleep);
        EXPECT_FALSE(became);
        now = co_await w.settled(ctx, p.id);
        EXPECT_EQ(now.state, captured);
        const auto orders = co_await w.direct.orders(ctx, uuid{}, p.order_id, 10);
        EXPECT_EQ(orders.at(0).charges, 1);
      },
      5s, 100ms);
}

// ---------------------------------------------------------------------------------------------
// Many at once.

// Runs `count` of them side by side and waits for all.
template <class Work>
task<> side_by_side(event_loop& loop, int count, Work work) {
  auto left = std::make_shared<int>(count);
  for (int i = 0; i < count; ++i)
    loop.spawn("side by side", [](Work w, int n, std::shared_ptr<int> l) -> task<> {
      try {
        co_await w(n);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
      --*l;
    }(work, i, left));
  co_await testing::eventually([left] { return *left == 0; }, 30s);
}

TEST(process, called_many_times_at_once_asks_once) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    co_await side_by_side(w.loop, 12, [&w, &ctx, &p](int) -> task<> {
      return [](test_world& world, const context& c, const new_payment& q) -> task<> {
        const auto now = co_await world.process(c, q);
        EXPECT_TRUE(now.state == authorizing || now.state == authorized);
      }(w, ctx, p);
    });
    const auto now = co_await w.settled(ctx, p.id);
    EXPECT_EQ(now.state, authorized);
    const auto asked = co_await w.attempts(ctx, p.id);
    EXPECT_THAT(told(asked), ElementsAre("authorize:approved"));
  });
}

TEST(capture_and_void_at_once, end_in_one_of_them) {
  for (int round = 0; round < 4; ++round)
    with_world([](test_world& w, const context& ctx) -> task<> {
      const auto p = co_await w.fresh(ctx);
      co_await w.process(ctx, p);
      co_await side_by_side(w.loop, 6, [&w, &ctx, &p](int n) -> task<> {
        return [](test_world& world, const context& c, new_payment q, int i) -> task<> {
          if (i % 2) {
            co_await world.work.capture(c, q.id, q.order_id);
          } else {
            q.token_hash.clear();
            co_await world.work.void_(c, q);
          }
        }(w, ctx, p, n);
      });
      const auto now = co_await w.settled(ctx, p.id);
      EXPECT_TRUE(now.state == captured || now.state == voided);
      const auto theirs = co_await w.direct.record(ctx, p.id);
      EXPECT_EQ(theirs.value().state, json::enum_text(now.state));
    });
}

TEST(process_and_void_at_once, leave_nothing_charged) {
  for (int round = 0; round < 4; ++round)
    with_world([](test_world& w, const context& ctx) -> task<> {
      w.start_recovery();
      const auto p = co_await w.fresh(ctx);
      co_await side_by_side(w.loop, 4, [&w, &ctx, &p](int n) -> task<> {
        return [](test_world& world, const context& c, const new_payment& q, int i) -> task<> {
          if (i % 2)
            co_await world.process(c, q);
          else
            co_await world.void_(c, q);
        }(w, ctx, p, n);
      });
      const auto now = co_await w.settled(ctx, p.id);
      EXPECT_TRUE(now.state == voided || now.state == declined) << json::enum_text(now.state);
      const auto theirs = co_await w.direct.record(ctx, p.id);
      if (theirs) {
        EXPECT_THAT(theirs->state, AnyOf("voided", "cancelled"));
      }
    });
}

TEST(recovery, of_two_replicas_settles_everything_once) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    std::vector<new_payment> all;
    for (int i = 0; i < 20; ++i) {
      auto p = co_await w.fresh(ctx);
      all.push_back(p);
      // Recorded by a process that died; its lease is over.
      const auto opened = co_await w.store.open(ctx, p);
      EXPECT_TRUE(opened.value());
    }
    testing::postgres().execute(database_name(w.database_url),
                                "UPDATE payments SET lease_until = now()");
    auto& other = w.loop.make<recovery>(w.loop, w.store, w.work, 20ms);
    w.start_recovery();
    w.loop.spawn("recovery of another replica", other.run());
    for (const auto& p : all) {
      const auto now = co_await w.settled(ctx, p.id);
      EXPECT_EQ(now.state, authorized);
      const auto asked = co_await w.attempts(ctx, p.id);
      EXPECT_THAT(told(asked), ElementsAre("authorize:open", "authorize:approved"));
    }
  });
}

TEST(refunds, at_once_never_exceed_what_was_captured) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto paid = co_await w.captured_payment(ctx);
    struct counts {
      int made = 0, exceeding = 0;
    } count;
    co_await side_by_side(w.loop, 10, [&](int) -> task<> {
      return [](test_world& world, const context& c, uuid id, counts& n) -> task<> {
        const refund r{
            .refund_id = uuid::v7(), .payment_id = id, .amount_minor = 300, .reason = "x"};
        const auto done = co_await world.work.refund_part(c, r);
        if (done)
          ++n.made;
        else if (done.error() == failure::refund_exceeds)
          ++n.exceeding;
      }(w, ctx, paid.id, count);
    });
    EXPECT_EQ(count.made, 3);
    EXPECT_EQ(count.exceeding, 7);
    const auto theirs = co_await w.direct.record(ctx, paid.id);
    EXPECT_EQ(theirs.value().refunded_minor, 900);
    const auto ours = co_await w.store.find(ctx, paid.id);
    EXPECT_EQ(ours.value().refunded_minor, 900);
    EXPECT_EQ(ours.value().refund_pending_minor, 0);
  });
}

TEST(refunds, are_made_once_under_their_id) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto paid = co_await w.captured_payment(ctx), other = co_await w.captured_payment(ctx);
    const refund r{
        .refund_id = uuid::v7(), .payment_id = paid.id, .amount_minor = 300, .reason = "x"};
    co_await side_by_side(w.loop, 6, [&](int) -> task<> {
      return [](test_world& world, const context& c, const refund& same) -> task<> {
        const auto done = co_await world.work.refund_part(c, same);
        EXPECT_TRUE(done);
      }(w, ctx, r);
    });
    const auto ours = co_await w.store.find(ctx, paid.id);
    EXPECT_EQ(ours.value().refunded_minor, 300);
    for (auto change :
         {+[](refund& q, uuid) { q.amount_minor = 301; }, +[](refund& q, uuid) { q.reason = "y"; },
          +[](refund& q, uuid id) { q.payment_id = id; }}) {
      auto q = r;
      change(q, other.id);
      const auto done = co_await w.work.refund_part(ctx, q);
      EXPECT_EQ(done.error(), failure::refund_differs);
    }
    const auto open = co_await w.fresh(ctx);
    co_await w.process(ctx, open);
    auto q = r;
    q.refund_id = uuid::v7();
    q.payment_id = open.id;
    auto done = co_await w.work.refund_part(ctx, q);
    EXPECT_EQ(done.error(), failure::not_captured);
    q.payment_id = uuid::v7();
    done = co_await w.work.refund_part(ctx, q);
    EXPECT_EQ(done.error(), failure::not_found);
  });
}

TEST(refunds, that_the_gateway_refuses_free_what_was_set_aside) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto paid = co_await w.captured_payment(ctx);
    // Somebody at the gateway has given most of it back by hand.
    claimed_refund by_hand;
    by_hand.refund_id = uuid::v7();
    by_hand.payment_id = paid.id;
    by_hand.amount_minor = 900;
    const auto end = co_await w.direct.ask_refund(ctx, by_hand);
    EXPECT_EQ(end.what, outcome::refunded);
    const refund r{
        .refund_id = uuid::v7(), .payment_id = paid.id, .amount_minor = 300, .reason = "x"};
    for (int i = 0; i < 2; ++i) {
      const auto done = co_await w.work.refund_part(ctx, r);
      EXPECT_EQ(done.value().it.state, refund_state::refused);
      EXPECT_EQ(done.value().of.refund_pending_minor, 0);
      EXPECT_EQ(done.value().of.refunded_minor, 0);
    }
  });
}

// ---------------------------------------------------------------------------------------------
// Tokens.

TEST(card_tokens, pay_once_for_their_shopper_in_time) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto expect_declined = [](test_world& world, const context& c, const new_payment& p,
                                    std::string reason) -> task<> {
      for (int i = 0; i < 2; ++i) {
        const auto now = co_await world.process(c, p);
        EXPECT_EQ(now.state, declined);
        EXPECT_EQ(now.reason, reason);
      }
      const auto theirs = co_await world.direct.record(c, p.id);
      EXPECT_FALSE(theirs);
    };
    auto p = co_await w.fresh(ctx);
    co_await w.process(ctx, p);
    p.id = uuid::v7();
    p.order_id = uuid::v7();
    co_await expect_declined(w, ctx, p, "token-used");

    p = co_await w.fresh(ctx);
    p.user_id = "another";
    co_await expect_declined(w, ctx, p, "token-of-another-shopper");

    p = co_await w.fresh(ctx);
    p.token_hash = token_hash("tok_nobody_knows");
    co_await expect_declined(w, ctx, p, "token-unknown");

    p = co_await w.fresh(ctx);
    testing::postgres().execute(
        database_name(w.database_url),
        "UPDATE card_tokens SET expires_at = now() WHERE token_hash = '" + p.token_hash + "'");
    co_await expect_declined(w, ctx, p, "token-expired");
  });
}

TEST(card_tokens, raced_for_by_two_payments_pay_for_one) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    const auto p = co_await w.fresh(ctx);
    int good = 0, used = 0;
    co_await side_by_side(w.loop, 6, [&](int) -> task<> {
      return [](test_world& world, const context& c, new_payment q, int& g, int& u) -> task<> {
        q.id = uuid::v7();
        q.order_id = uuid::v7();
        const auto now = co_await world.process(c, q);
        g += now.state == authorized;
        u += now.state == declined && now.reason == "token-used";
      }(w, ctx, p, good, used);
    });
    EXPECT_EQ(good, 1);
    EXPECT_EQ(used, 5);
  });
}

TEST(card_tokens, are_forgotten_a_day_after_they_expired) {
  with_world([](test_world& w, const context& ctx) -> task<> {
    co_await w.token(ctx);
    const auto old = co_await w.token(ctx);
    testing::postgres().execute(
        database_name(w.database_url),
        "UPDATE card_tokens SET expires_at = now() - interval '25 hours' WHERE token_hash = '" +
            token_hash(old) + "'");
    const auto gone = co_await w.store.forget_expired_tokens(ctx);
    EXPECT_EQ(gone, 1);
    EXPECT_EQ(w.sql("SELECT count(*) FROM card_tokens"), "1");
  });
}

// ---------------------------------------------------------------------------------------------
// Books.

TEST(checks, find_what_cannot_be) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& w = loop.make<test_world>(loop);
    const auto paid = co_await w.captured_payment(ctx);
    const auto fine = co_await w.store.check(ctx);
    EXPECT_TRUE(fine.violations.empty());
    EXPECT_EQ(fine.checked, 1);
    const auto open = co_await w.fresh(ctx);
    w.wire.lose_request(authorizations);
    co_await w.process(ctx, open);
    const auto doctor = [&](const std::string& sql) {
      testing::postgres().execute(database_name(w.database_url), sql);
    };
    doctor("UPDATE payments SET updated_at = now() - interval '11 minutes' WHERE id = '" +
           open.id.str() + "'");
    doctor("UPDATE payments SET refunded_minor = 5 WHERE id = '" + paid.id.str() + "'");
    doctor("UPDATE attempts SET outcome = 'unknown' WHERE outcome = 'captured'");
    const auto found = co_await w.store.check(ctx);
    std::vector<std::string> kinds;
    for (const auto& v : found.violations) kinds.push_back(v.violation_);
    EXPECT_THAT(kinds, ElementsAre("refund-sums", "state-without-answer", "unsettled"));
  });
}

TEST(constraints, refuse_what_cannot_be) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& w = loop.make<test_world>(loop);
    const auto paid = co_await w.captured_payment(ctx);
    for (const char* wrong :
         {"captured_minor = 1001", "captured_minor = 999", "refunded_minor = 1001",
          "refunded_minor = 600, refund_pending_minor = 401", "refunded_minor = -1",
          "state = 'voided'", "state = 'unheard-of'", "amount_minor = -1"}) {
      bool refused_it = false;
      try {
        testing::postgres().execute(database_name(w.database_url),
                                    std::string("UPDATE payments SET ") + wrong);
      } catch (const std::runtime_error&) {
        refused_it = true;
      }
      EXPECT_TRUE(refused_it) << wrong;
    }
  });
}

}  // namespace
}  // namespace souk::payment
