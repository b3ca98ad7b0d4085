#include "tokens.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace souk::payment {
namespace {

constexpr std::chrono::year_month today{std::chrono::year(2026), std::chrono::month(11)};

card_form good() {
  return {.number = {"4242 4242 4242 4242"},
          .exp_month = {12},
          .exp_year = {2030},
          .cvc = {"123"},
          .name = {"A Shopper"}};
}

std::vector<std::string> wrong_fields(const card_form& form) {
  const auto c = check_card(form, today);
  std::vector<std::string> out;
  if (!c)
    for (const auto& e : c.error()) out.push_back(e.pointer);
  return out;
}

using fields = std::vector<std::string>;

TEST(cards, of_the_test_list_are_well_formed) {
  for (const char* number : {"4242424242424242", "4000000000000002", "4000000000009995",
                             "4000000000000119", "4000000000000077", "4000000000000341",
                             "4000000000000259", "5555555555554444", "378282246310005"})
    EXPECT_TRUE(luhn_valid(number)) << number;
}

RC_GTEST_PROP(luhn, finds_every_single_wrong_digit_and_completes_every_number, ()) {
  auto digits = *rc::gen::container<std::string>(15, rc::gen::inRange('0', char('9' + 1)));
  int fitting = 0;
  char check = '0';
  for (char c = '0'; c <= '9'; ++c)
    if (luhn_valid(digits + c)) {
      ++fitting;
      check = c;
    }
  RC_ASSERT(fitting == 1);
  digits += check;
  const auto at = *rc::gen::inRange<std::size_t>(0, digits.size());
  const auto other = *rc::gen::distinctFrom(rc::gen::inRange('0', char('9' + 1)), digits[at]);
  digits[at] = other;
  RC_ASSERT(!luhn_valid(digits));
}

TEST(card_digits, allows_spaces_and_dashes_only) {
  EXPECT_EQ(card_digits("4242-4242 4242-4242"), "4242424242424242");
  for (const char* bad :
       {"", "4242", "4242x4242424242424", "42424242424242424242", "----", "４２４２424242424242"})
    EXPECT_FALSE(card_digits(bad)) << bad;
}

TEST(check_card, accepts_a_good_card_and_keeps_its_digits) {
  const auto c = check_card(good(), today);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->number, "4242424242424242");
  EXPECT_EQ(c->exp_year, 2030);
}

TEST(check_card, names_each_wrong_field) {
  auto form = good();
  form.number = {"4242 4242 4242 4241"};
  EXPECT_EQ(wrong_fields(form), fields{"/number"});
  form = good();
  form.exp_year = {2025};
  EXPECT_EQ(wrong_fields(form), fields{"/exp_year"});
  form = good();
  form.exp_year = {2026};
  form.exp_month = {10};
  EXPECT_EQ(wrong_fields(form), fields{"/exp_month"});
  form.exp_month = {11};  // good until the end of its month
  EXPECT_EQ(wrong_fields(form), fields{});
  for (const char* cvc : {"12", "12345", "12a", "   "}) {
    form = good();
    form.cvc = {cvc};
    EXPECT_EQ(wrong_fields(form), fields{"/cvc"}) << cvc;
  }
  form = good();
  form.number = {"not a number"};
  form.cvc = {"x"};
  form.exp_year = {2001};
  EXPECT_EQ(wrong_fields(form), (fields{"/number", "/exp_year", "/cvc"}));
}

TEST(check_card, says_nothing_of_what_it_got) {
  auto form = good();
  form.number = {"4111 1111 1111 1112"};
  form.cvc = {"987x"};
  const auto c = check_card(form, today);
  ASSERT_FALSE(c);
  for (const auto& e : c.error()) {
    EXPECT_EQ(e.detail.find("1111"), std::string::npos);
    EXPECT_EQ(e.detail.find("987"), std::string::npos);
  }
}

TEST(token_hash, is_not_the_token) {
  EXPECT_EQ(token_hash("tok_a").size(), 64u);
  EXPECT_NE(token_hash("tok_a"), token_hash("tok_b"));
}

}  // namespace
}  // namespace souk::payment
