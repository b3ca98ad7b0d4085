#include "charges.hpp"

#include <gtest/gtest.h>

namespace souk::mock_gateway {
namespace {

TEST(test_cards, behave_as_documented) {
  EXPECT_EQ(kind_of("4242424242424242"), card_kind::approve);
  EXPECT_EQ(kind_of("4000000000000002"), card_kind::decline);
  EXPECT_EQ(kind_of("4000000000009995"), card_kind::insufficient_funds);
  EXPECT_EQ(kind_of("4000000000000119"), card_kind::error);
  EXPECT_EQ(kind_of("4000000000000077"), card_kind::slow);
  EXPECT_EQ(kind_of("4000000000000341"), card_kind::no_answer);
  EXPECT_EQ(kind_of("4000000000000259"), card_kind::capture_refused);
  EXPECT_EQ(kind_of("5555555555554444"), card_kind::approve);
}

TEST(brands, go_by_the_first_digits) {
  EXPECT_EQ(brand_of("4242424242424242"), "visa");
  EXPECT_EQ(brand_of("5555555555554444"), "mastercard");
  EXPECT_EQ(brand_of("2221000000000009"), "mastercard");
  EXPECT_EQ(brand_of("378282246310005"), "amex");
  EXPECT_EQ(brand_of("6011111111111117"), "discover");
  EXPECT_EQ(brand_of("9999999999999"), "other");
}

TEST(declines, have_reasons_and_good_cards_need_bad_luck) {
  const auto with = [](card_kind k) { return std::optional(card{.kind = k}); };
  EXPECT_EQ(decline_reason(std::nullopt, false), "invalid-token");
  EXPECT_EQ(decline_reason(with(card_kind::decline), false), "card-declined");
  EXPECT_EQ(decline_reason(with(card_kind::insufficient_funds), false), "insufficient-funds");
  EXPECT_EQ(decline_reason(with(card_kind::error), false), "processing-error");
  for (auto k :
       {card_kind::approve, card_kind::slow, card_kind::no_answer, card_kind::capture_refused}) {
    EXPECT_EQ(decline_reason(with(k), false), std::nullopt);
    EXPECT_EQ(decline_reason(with(k), true), "card-declined");
  }
}

TEST(answers, of_an_authorization_outlive_what_became_of_the_charge) {
  charge c{.state = charge_state::authorized};
  for (auto s : {charge_state::authorized, charge_state::captured, charge_state::voided,
                 charge_state::capture_refused}) {
    c.state = s;
    EXPECT_EQ(on_authorize(c).outcome_, outcome::approved);
  }
  c.state = charge_state::cancelled;
  EXPECT_EQ(on_authorize(c).outcome_, outcome::cancelled);
  EXPECT_EQ(on_capture(c).outcome_, outcome::refused);
  EXPECT_EQ(on_void(c).outcome_, outcome::refused);
}

TEST(refunds, never_exceed_what_was_captured) {
  charge c{.state = charge_state::captured, .authorized_minor = 10, .captured_minor = 10};
  c.refunded_minor = 4;
  EXPECT_EQ(refund_refusal(c, 6), std::nullopt);
  EXPECT_EQ(refund_refusal(c, 7), "exceeds-captured");
  c.state = charge_state::voided;
  EXPECT_EQ(refund_refusal(c, 1), "not-captured");
}

}  // namespace
}  // namespace souk::mock_gateway
