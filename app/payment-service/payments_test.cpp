#include "payments.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "kit/json.hpp"
#include "processing.hpp"

namespace souk::payment {
namespace {

using enum payment_state;
constexpr payment_state all_states[] = {authorizing, authorized, declined, capturing,
                                        captured,    refused,    voiding,  voided};
constexpr operation all_operations[] = {operation::authorize, operation::cancel, operation::capture,
                                        operation::void_, operation::refund};
constexpr outcome all_outcomes[] = {outcome::approved, outcome::declined, outcome::cancelled,
                                    outcome::captured, outcome::refused,  outcome::voided,
                                    outcome::refunded, outcome::unknown};

TEST(payment_moves, are_those_of_the_design) {
  const std::vector<std::pair<std::optional<payment_state>, payment_state>> legal{
      {std::nullopt, authorizing}, {std::nullopt, voided},
      {std::nullopt, declined},    {authorizing, authorized},
      {authorizing, declined},     {authorized, capturing},
      {capturing, captured},       {capturing, refused},
      {authorized, voiding},       {voiding, voided}};
  for (auto to : all_states) {
    EXPECT_EQ(may_move(std::nullopt, to),
              std::ranges::count(legal, std::pair{std::optional<payment_state>{}, to}) == 1);
    for (auto from : all_states)
      EXPECT_EQ(may_move(from, to),
                std::ranges::count(legal, std::pair{std::optional{from}, to}) == 1)
          << json::enum_text(from) << " -> " << json::enum_text(to);
  }
}

TEST(payment_moves, end_where_a_state_is_final) {
  for (auto from : all_states) {
    const bool leads_on =
        std::ranges::any_of(all_states, [&](auto to) { return may_move(from, to); });
    EXPECT_EQ(leads_on, !is_final(from)) << json::enum_text(from);
  }
}

TEST(answers, lead_along_legal_moves_only_and_unknown_leads_nowhere) {
  for (auto from : all_states)
    for (auto asked : all_operations)
      for (auto answered : all_outcomes) {
        const auto to = settled(from, asked, answered);
        if (to) {
          EXPECT_TRUE(may_move(from, *to));
        }
        if (answered == outcome::unknown) {
          EXPECT_FALSE(to);
        }
      }
}

TEST(answers, to_what_was_not_asked_settle_nothing) {
  EXPECT_FALSE(settled(capturing, operation::authorize, outcome::approved));
  EXPECT_FALSE(settled(capturing, operation::capture, outcome::declined));
  EXPECT_FALSE(settled(voiding, operation::void_, outcome::refused));
  EXPECT_FALSE(settled(authorizing, operation::authorize, outcome::refused));
  EXPECT_FALSE(settled(authorized, operation::capture, outcome::captured));
  EXPECT_FALSE(settled_refund(outcome::unknown));
  EXPECT_FALSE(settled_refund(outcome::captured));
}

TEST(unsettled, is_what_waits_for_the_gateway) {
  for (auto s : all_states)
    for (bool wished : {false, true}) {
      const auto next = awaited(s, wished);
      EXPECT_EQ(is_unsettled(s, wished), next.has_value());
      EXPECT_FALSE(next && is_final(s));
      // Asking never leads elsewhere than to the state that records it.
      if (next && during(*next) != s) {
        EXPECT_TRUE(may_move(s, during(*next)));
      }
    }
  EXPECT_EQ(awaited(authorizing, false), operation::authorize);
  EXPECT_EQ(awaited(authorizing, true), operation::cancel);
  EXPECT_EQ(awaited(authorized, false), std::nullopt);
  EXPECT_EQ(awaited(authorized, true), operation::void_);
}

TEST(void_of_what_may_be_captured, is_refused) {
  EXPECT_EQ(on_void(capturing), void_step::refuse);
  EXPECT_EQ(on_void(captured), void_step::refuse);
  EXPECT_EQ(on_void(authorizing), void_step::wish);
  EXPECT_EQ(on_void(authorized), void_step::begin);
  for (auto s : {declined, refused, voiding, voided}) EXPECT_EQ(on_void(s), void_step::answer);
}

// The gateway as it promises to be: the first answer under a reference holds for ever.
struct gateway_model {
  enum class charge { none, authorized, declined, cancelled, captured, refused, voided };
  charge is = charge::none;
  bool approves = true, captures = true;
  int captures_made = 0;

  outcome ask(operation op) {
    using enum charge;
    switch (op) {
      case operation::authorize:
        if (is == none) is = approves ? authorized : declined;
        break;
      case operation::cancel:
        if (is == none) is = cancelled;
        break;
      case operation::capture:
        if (is == authorized) {
          is = captures ? captured : refused;
          captures_made += captures;
        }
        return is == captured ? outcome::captured : outcome::refused;
      case operation::void_:
        if (is == authorized) is = voided;
        return is == voided ? outcome::voided : outcome::refused;
      case operation::refund:
        return outcome::unknown;
    }
    if (is == declined) return outcome::declined;
    if (is == cancelled) return outcome::cancelled;
    return outcome::approved;
  }
};

enum class event { process, capture, void_, attempt, lose_request, lose_answer };

struct payment_model {
  std::optional<payment_state> state;
  bool wished = false;

  void move(payment_state to) {
    RC_ASSERT(may_move(state, to));
    state = to;
  }
  void attempt(gateway_model& gateway, event how) {
    const auto asked = state ? awaited(*state, wished) : std::nullopt;
    if (!asked) return;
    if (during(*asked) != *state) move(during(*asked));
    if (how == event::lose_request) return;
    const auto answered = gateway.ask(*asked);
    if (how == event::lose_answer) return;
    if (const auto to = settled(*state, *asked, answered)) move(*to);
  }
  void happens(event e, gateway_model& gateway) {
    switch (e) {
      case event::process:
        if (!state) move(authorizing);
        break;
      case event::capture:
        if (state == authorized && !wished) move(capturing);
        break;
      case event::void_:
        if (!state)
          move(voided);
        else if (on_void(*state) == void_step::wish)
          wished = true;
        else if (on_void(*state) == void_step::begin)
          move(voiding);
        break;
      case event::attempt:
      case event::lose_request:
      case event::lose_answer:
        attempt(gateway, e);
        break;
    }
  }
};

RC_GTEST_PROP(payment, settles_as_the_gateway_says_whatever_is_lost, ()) {
  gateway_model gateway{.approves = *rc::gen::arbitrary<bool>(),
                        .captures = *rc::gen::arbitrary<bool>()};
  payment_model p;
  const auto events = *rc::gen::container<std::vector<event>>(
      rc::gen::element(event::process, event::capture, event::void_, event::attempt,
                       event::lose_request, event::lose_answer));
  using charge = gateway_model::charge;
  for (const auto e : events) {
    const auto before = p.state;
    p.happens(e, gateway);
    if (before && is_final(*before)) RC_ASSERT(p.state == before);
    // What we say is settled, the gateway says, too.
    if (p.state == captured) RC_ASSERT(gateway.is == charge::captured);
    if (p.state == authorized) RC_ASSERT(gateway.is == charge::authorized);
    if (p.state == voided) RC_ASSERT(gateway.is == charge::none || gateway.is == charge::voided);
    if (p.state == declined)
      RC_ASSERT(gateway.is == charge::declined || gateway.is == charge::cancelled);
    if (p.state == refused) RC_ASSERT(gateway.is == charge::refused);
  }
  // Recovery repeats until nothing is open: one answered attempt for each step that is left.
  for (int i = 0; i < 3; ++i) p.attempt(gateway, event::attempt);
  if (p.state) RC_ASSERT(!is_unsettled(*p.state, p.wished));
  RC_ASSERT(gateway.captures_made == (p.state == captured ? 1 : 0));
}

RC_GTEST_PROP(payment, of_which_a_void_is_wished_keeps_no_money, ()) {
  gateway_model gateway{.approves = *rc::gen::arbitrary<bool>()};
  payment_model p;
  p.happens(event::process, gateway);
  p.happens(*rc::gen::element(event::lose_request, event::lose_answer), gateway);
  p.happens(event::void_, gateway);
  for (int i = 0; i < 3; ++i) {
    p.happens(event::capture, gateway);
    p.attempt(gateway, event::attempt);
  }
  RC_ASSERT(p.state == voided || p.state == declined);
  RC_ASSERT(gateway.captures_made == 0);
  RC_ASSERT(gateway.is != gateway_model::charge::authorized);
}

TEST(same_payment, compares_all_that_both_know) {
  payment known{.order_id = uuid::v7(),
                .user_id = "u",
                .amount_minor = 5,
                .currency = "USD",
                .token_hash = "h"};
  new_payment asked{.order_id = known.order_id,
                    .user_id = "u",
                    .amount_minor = 5,
                    .currency = "USD",
                    .token_hash = "h"};
  EXPECT_TRUE(same_payment(known, asked));
  for (auto change :
       {+[](new_payment& p) { p.order_id = uuid::v7(); }, +[](new_payment& p) { p.user_id = "v"; },
        +[](new_payment& p) { p.amount_minor = 6; }, +[](new_payment& p) { p.currency = "EUR"; },
        +[](new_payment& p) { p.token_hash = "i"; }}) {
    auto other = asked;
    change(other);
    EXPECT_FALSE(same_payment(known, other));
  }
  asked.token_hash.clear();  // a void
  EXPECT_TRUE(same_payment(known, asked));
  known.token_hash.reset();  // voided before it began
  asked.token_hash = "h";
  EXPECT_TRUE(same_payment(known, asked));
}

}  // namespace
}  // namespace souk::payment
