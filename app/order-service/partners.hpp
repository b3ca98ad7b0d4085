#pragma once

// The services that a checkout calls, and what their answers mean to it. API details stay here.
//
// Every step may be repeated at any time: its key is derived from the order (order_id, payment_id,
// refund id), and the callee answers a repeat with the state that it has; reply::none when it has
// nothing under the order and says so (its own 404). A step throws http::call_failed when the
// callee's state is not known: no answer, 5xx, or a refusal that has nothing to do with this order
// (401, 403, 429, a 404 of another kind). Those are repeated.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/http_client.hpp"
#include "orders.hpp"

namespace souk::order {

struct config;

struct cart_line {
  uuid product_id;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(cart_line, (), (product_id, quantity))

struct cart {
  std::string revision;
  std::vector<cart_line> lines;
};
BOOST_DESCRIBE_STRUCT(cart, (), (revision, lines))

struct product {
  uuid id;
  std::string sku;
  std::string name;
  std::optional<std::string> image;
  minor_units price_minor = 0;
  std::string currency;
  std::int64_t variants_count = 0;
};
BOOST_DESCRIBE_STRUCT(product, (), (id, sku, name, image, price_minor, currency, variants_count))

struct stock_level {
  uuid product_id;
  std::int64_t available = 0;
};
BOOST_DESCRIBE_STRUCT(stock_level, (), (product_id, available))

struct answer {
  reply got;
  std::string detail{};  // for people
};

class partners {
 public:
  partners(event_loop& loop, const config& c, const std::string& service_secret);

  // ---- Reads, for pricing
  task<cart> cart_of(const context& ctx, uuid user);
  task<json::raw> whole_cart_of(const context& ctx, uuid user);  // for the shopper, as it came
  // Those that exist, in any order. At most 100 ids.
  task<std::vector<product>> products(const context& ctx, const std::vector<uuid>& ids);
  task<std::vector<stock_level>> stock_of(const context& ctx, const std::vector<uuid>& ids);

  // ---- The order's step
  task<answer> perform(const context& ctx, const order_record& o);

  // ---- The books; `line` is called for each line
  task<> books(const context& ctx, std::string_view service, std::string query,
               std::function<void(std::string_view)> line);
  static constexpr std::string_view book_keepers[] = {"inventory", "payment", "cart", "product"};

 private:
  task<answer> reserve(const context& ctx, const order_record& o);
  task<answer> change_reservation(const context& ctx, std::string path, std::string body);
  task<answer> authorize(const context& ctx, const order_record& o);
  task<answer> change_payment(const context& ctx, std::string path, std::string body);
  task<answer> pay_back(const context& ctx, const order_record& o);
  task<answer> clear_cart(const context& ctx, const order_record& o);
  http::client& client_for(std::string_view service);

  http::client cart_, product_, inventory_, payment_;
  std::chrono::milliseconds step_timeout_;
};

}  // namespace souk::order
