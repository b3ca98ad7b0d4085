#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/cards.hpp"
#include "load/market.hpp"

namespace souk::load {

// What a shopper sees of the cart.
struct cart_line_view {
  std::string product_id;
  std::int64_t quantity = 0, unit_price_minor = 0, available = 0;
  std::string status;
};
struct cart_view {
  std::string revision, currency;
  std::int64_t total_minor = 0;
  bool buyable = false;
  std::vector<cart_line_view> lines;
};

// One shopper, who comes again and again. Whatever the store does, a visit ends in order; what was
// left without a last word is taken up at the next one.
class shopper {
 public:
  shopper(market& m, std::uint64_t number) : market_(m), number_(number) {}

  // `intended`: when it was meant to begin.
  task<> visit(steady_clock::time_point intended);
  // Asks once more what has become of checkouts without a last word.
  task<> settle_unfinished();

 private:
  struct checkout {
    asks::checkout what;
    std::string body;
    std::int64_t first = 0;  // number of the first ask
    steady_clock::time_point began{};
  };
  struct placed {
    std::string order_id, state;
  };
  enum class way { plain, twice_at_once, two_windows, adding_meanwhile, cancelling_meanwhile };

  // Steps of a visit. Those with a chance of their own run beside others.
  task<bool> start_session();
  task<> wander(chance& by, int steps);
  task<> browse(chance by, steady_clock::time_point intended);
  task<> change_cart(chance by, steady_clock::time_point intended);
  task<std::optional<cart_view>> view_cart(steady_clock::time_point intended);
  task<std::optional<cart_view>> add(chance by, product what, std::int64_t quantity, bool with_key,
                                     steady_clock::time_point intended);
  task<> set(chance by, std::string product_id, std::int64_t quantity,
             steady_clock::time_point intended);
  task<> remove(chance by, std::string product_id, steady_clock::time_point intended);
  task<> clear(chance by, steady_clock::time_point intended);
  // The cart, if it can be bought; what stands in the way is taken out.
  task<std::optional<cart_view>> fit_cart(chance& by);

  task<> buy(chance& by, way how);
  task<> buy_in_own_window(chance by, card with);
  task<std::optional<checkout>> prepare(chance& by, cart_view cart, card with);
  task<> submit_twice(chance by, checkout c);
  task<> settle(chance by, checkout c, bool impatient);
  // True when there is a last word.
  bool judge(const checkout& c, const reply& got, const std::optional<placed>& order);
  store::request request_of(const checkout& c, steady_clock::time_point intended) const;
  static store::reader reader_of_order(std::optional<placed>& into);

  task<> after_buying(chance& by);
  task<> cancel(chance by, std::string order_id, steady_clock::time_point intended);
  task<> cancel_newest(chance by, std::chrono::milliseconds delay);
  task<> look_at_order(std::string order_id, steady_clock::time_point intended);

  // Goes on when the next step is due, or after trouble later.
  task<steady_clock::time_point> next_step(chance& by);
  void saw(const reply& got);
  void remember(std::string order_id);
  http::call as_myself(http::call c) const;
  std::string new_key();

  market& market_;
  std::uint64_t number_;
  std::uint64_t visits_ = 0, keys_ = 0;
  std::string user_id_, token_;
  std::vector<cart_line_view> lines_;  // as last seen
  std::vector<checkout> unfinished_;
  std::vector<std::string> orders_;  // the last ones, newest last
  steady_clock::time_point next_{};
  int troubles_ = 0;  // in a row
  std::optional<std::chrono::seconds> asked_to_wait_;
};

}  // namespace souk::load
