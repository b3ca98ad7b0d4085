#pragma once

// Cards in, tokens out. The number is checked, handed to the gateway and forgotten: it is in no
// table, log, span or error. What is kept is the gateway's token, brand and last four digits, under
// the hash of our own token, which pays once, for the shopper who entered the card.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gateway_client.hpp"
#include "kit/json.hpp"
#include "repository.hpp"

namespace souk::payment {

// As a shopper types it.
struct card_form {
  json::text<1, 40> number;
  json::integer<1, 12> exp_month;
  json::integer<2000, 2100> exp_year;
  json::text<1, 8> cvc;
  json::text<1, 100> name;
};
BOOST_DESCRIBE_STRUCT(card_form, (), (number, exp_month, exp_year, cvc, name))

struct token_view {
  std::string payment_token;
  std::string brand;
  std::string last4;
  timestamp expires_at;
};
BOOST_DESCRIBE_STRUCT(token_view, (), (payment_token, brand, last4, expires_at))

// The digits of a card number, which may be parted by spaces and dashes; nothing if there is
// anything else, or not 12 to 19 of them.
std::optional<std::string> card_digits(std::string_view number);
// Whether the last digit is the checksum of the others (ISO/IEC 7812-1).
bool luhn_valid(std::string_view digits);
// A card is good until the end of its month.
bool expired(std::chrono::year_month expiry, std::chrono::year_month today);
// Everything that is wrong at once.
std::expected<card, json::errors> check_card(const card_form& form, std::chrono::year_month today);

// What a payment token is known by in the database.
std::string token_hash(std::string_view payment_token);

class card_tokens {
 public:
  card_tokens(repository& store, gateway_client& gateway, std::chrono::milliseconds lifetime)
      : store_(store), gateway_(gateway), lifetime_(lifetime) {}

  // card_refused_by_gateway. Throws http::call_failed when the gateway does not answer.
  task<result<token_view>> make(const context& ctx, std::string user_id, const card& c);

 private:
  repository& store_;
  gateway_client& gateway_;
  std::chrono::milliseconds lifetime_;
};

}  // namespace souk::payment
