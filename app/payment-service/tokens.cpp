#include "tokens.hpp"

#include <algorithm>
#include <array>

#include "kit/security.hpp"

namespace souk::payment {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::optional<std::string> card_digits(std::string_view number) {
  std::string digits;
  for (const char c : number) {
    if (is_digit(c))
      digits += c;
    else if (c != ' ' && c != '-')
      return std::nullopt;
  }
  if (digits.size() < 12 || digits.size() > 19) return std::nullopt;
  return digits;
}

bool luhn_valid(std::string_view digits) {
  int sum = 0;
  bool doubled = false;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it, doubled = !doubled) {
    int value = *it - '0';
    if (doubled) value = value < 5 ? 2 * value : 2 * value - 9;
    sum += value;
  }
  return !digits.empty() && sum % 10 == 0;
}

bool expired(std::chrono::year_month expiry, std::chrono::year_month today) {
  return expiry < today;
}

std::expected<card, json::errors> check_card(const card_form& form, std::chrono::year_month today) {
  json::errors errors;
  const auto digits = card_digits(form.number);
  if (!digits)
    errors.push_back({"/number", "must be 12 to 19 digits; spaces and dashes may part them"});
  else if (!luhn_valid(*digits))
    errors.push_back({"/number", "is no card number: its last digit does not fit the others"});
  const std::chrono::year_month expiry{
      std::chrono::year(static_cast<int>(form.exp_year.value)),
      std::chrono::month(static_cast<unsigned>(form.exp_month.value))};
  if (expired(expiry, today))
    errors.push_back({expiry.year() < today.year() ? "/exp_year" : "/exp_month", "is in the past"});
  if (form.cvc.size() < 3 || form.cvc.size() > 4 || !std::ranges::all_of(form.cvc, is_digit))
    errors.push_back({"/cvc", "must be 3 or 4 digits"});
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return card{*digits, form.exp_month, form.exp_year, form.cvc, form.name};
}

std::string token_hash(std::string_view payment_token) {
  return hex_encode(security::sha256(payment_token));
}

task<result<token_view>> card_tokens::make(const context& ctx, std::string user_id, const card& c) {
  auto given = co_await gateway_.tokenize(ctx, c);
  if (!given) co_return std::unexpected(given.error());
  std::array<char, 24> secret;
  random_bytes(secret.data(), secret.size());
  token_view out{.payment_token = "tok_" + base64url_encode({secret.data(), secret.size()}),
                 .brand = given->brand,
                 .last4 = given->last4};
  const card_token kept{.token_hash = token_hash(out.payment_token),
                        .user_id = std::move(user_id),
                        .gateway_token = std::move(given->card_token),
                        .brand = out.brand,
                        .last4 = out.last4};
  out.expires_at = co_await store_.add_token(ctx, kept, lifetime_);
  co_return out;
}

}  // namespace souk::payment
