// Shoppers: each starts a session, puts a product into the cart, has a card turned into a token and
// places the order; then the next one comes. An order that is confirmed is a completed checkout.
//
//   souk-bench-checkouts --cart URL --payment URL --order URL --products FILE
//     --shoppers N --seconds S        N at a time, for S seconds after half a second of warm-up
//     --count N [--pause MS]          N, one after the other
//
// Prints one line of JSON; anything but a confirmed order is counted under `failures`.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "kit/http_client.hpp"
#include "kit/service.hpp"
#include "kit/time.hpp"

namespace souk::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto warm_up = 500ms;
constexpr auto time_limit = 20s;

// ---------------------------------------------------------------------------------------------
// What is sent and what is read of the answers.

struct session {
  std::string user_id, token;
};
BOOST_DESCRIBE_STRUCT(session, (), (user_id, token))

struct new_item {
  std::string product_id;
  std::int64_t quantity = 1;
};
BOOST_DESCRIBE_STRUCT(new_item, (), (product_id, quantity))

struct cart {
  std::string revision, currency;
  std::int64_t total_minor = 0;
};
BOOST_DESCRIBE_STRUCT(cart, (), (revision, currency, total_minor))

struct card {
  std::string number, cvc, name;
  std::int64_t exp_month = 0, exp_year = 0;
};
BOOST_DESCRIBE_STRUCT(card, (), (number, exp_month, exp_year, cvc, name))

struct card_token {
  std::string payment_token;
};
BOOST_DESCRIBE_STRUCT(card_token, (), (payment_token))

struct address {
  std::string name, line1, city, postal_code, country;
};
BOOST_DESCRIBE_STRUCT(address, (), (name, line1, city, postal_code, country))

struct new_order {
  std::string cart_revision, currency, payment_token;
  std::int64_t expected_total_minor = 0;
  bench::address address;
};
BOOST_DESCRIBE_STRUCT(new_order, (),
                      (cart_revision, expected_total_minor, currency, payment_token, address))

struct order {
  std::string state;
};
BOOST_DESCRIBE_STRUCT(order, (), (state))

// ---------------------------------------------------------------------------------------------

struct options {
  std::string cart, payment, order;
  std::vector<std::string> products;
  std::size_t shoppers = 1, count = 0;
  std::chrono::seconds seconds{0};
  std::chrono::milliseconds pause{0};
};

struct report {
  std::int64_t begun = 0;      // checkouts
  std::int64_t completed = 0;  // of all that were begun
  double rate = 0;             // completed a second, after the warm-up
  double checkout_p50_ms = 0, checkout_p99_ms = 0;
  std::map<std::string, std::int64_t> failures;
  std::vector<double> began_at;  // with --count: when each began, seconds since 1970
};
BOOST_DESCRIBE_STRUCT(report, (),
                      (begun, completed, rate, checkout_p50_ms, checkout_p99_ms, failures,
                       began_at))

// One event loop; the shoppers of a run share it.
class store {
 public:
  store(event_loop& loop, const options& o)
      : cart_(loop, {.name = "cart", .url = o.cart, .max_connections = o.shoppers}),
        payment_(loop, {.name = "payment", .url = o.payment, .max_connections = o.shoppers}),
        order_(loop, {.name = "order", .url = o.order, .max_connections = o.shoppers}) {}

  // Throws std::runtime_error when it does not end in a confirmed order.
  task<> check_out(std::string product) {
    const auto ctx = context::background("bench-checkouts", time_limit);
    const auto shopper = co_await ask<session>(ctx, cart_, "session",
                                               {.method = http::method::post, .path = "/session"});
    const auto as_shopper = [&shopper](http::call c) {
      return std::move(c).header("Authorization", "Bearer " + shopper.token).within(time_limit);
    };
    const auto filled =
        co_await ask<cart>(ctx, cart_, "add",
                           as_shopper(http::post("/cart/" + shopper.user_id + "/items",
                                                 new_item{std::move(product)})));
    const auto paid_with = co_await ask<card_token>(
        ctx, payment_, "token",
        as_shopper(http::post("/payments/tokens", card{.number = "4242424242424242",
                                                       .cvc = "123",
                                                       .name = "Amira Haddad",
                                                       .exp_month = 12,
                                                       .exp_year = 2099})));
    const auto placed = co_await ask<order>(
        ctx, order_, "order",
        as_shopper(http::post("/orders", new_order{.cart_revision = filled.revision,
                                                   .currency = filled.currency,
                                                   .payment_token = paid_with.payment_token,
                                                   .expected_total_minor = filled.total_minor,
                                                   .address = {.name = "Amira Haddad",
                                                               .line1 = "12 Lantern Lane",
                                                               .city = "Lisbon",
                                                               .postal_code = "1100-038",
                                                               .country = "PT"}})
                       .header("Idempotency-Key", uuid::v7().str())));
    if (placed.state != "confirmed") throw std::runtime_error("order: " + placed.state);
  }

 private:
  template <class T>
  static task<T> ask(const context& ctx, http::client& whom, std::string what, http::call c) {
    auto answer = co_await whom.call_for<T>(ctx, std::move(c));
    if (!answer) {
      throw std::runtime_error(
          fmt::format("{}: {} {}", what, answer.error().status, answer.error().type));
    }
    co_return std::move(*answer);
  }

  http::client cart_, payment_, order_;
};

// ---------------------------------------------------------------------------------------------

struct run_state {
  explicit run_state(executor on) : ended(on) {}
  report told;
  std::vector<double> milliseconds;  // of those that count
  steady_clock::time_point counts_from, until;
  std::size_t next_product = 0, shopping = 0;
  signal ended;
};

const std::string& next_product(run_state& s, const options& o) {
  return o.products[s.next_product++ % o.products.size()];
}

// True if it was completed.
task<bool> one_checkout(store& at, run_state& s, const options& o) {
  ++s.told.begun;
  try {
    co_await at.check_out(next_product(s, o));
    ++s.told.completed;
    co_return true;
  } catch (const std::exception& e) {
    ++s.told.failures[e.what()];
    co_return false;
  }
}

task<> shop_until_closing(store& at, run_state& s, const options& o) {
  while (steady_clock::now() < s.until) {
    const auto began = steady_clock::now();
    const bool completed = co_await one_checkout(at, s, o);
    const auto now = steady_clock::now();
    if (completed && now >= s.counts_from && now < s.until) {
      s.milliseconds.push_back(std::chrono::duration<double, std::milli>(now - began).count());
    }
  }
  if (--s.shopping == 0) s.ended.notify_all();
}

task<> many_at_a_time(event_loop& loop, store& at, run_state& s, const options& o) {
  s.counts_from = steady_clock::now() + warm_up;
  s.until = s.counts_from + o.seconds;
  s.shopping = o.shoppers;
  for (std::size_t i = 0; i < o.shoppers; ++i) loop.spawn("shopper", shop_until_closing(at, s, o));
  while (s.shopping > 0) co_await s.ended.wait_for(1s);

  auto& all = s.milliseconds;
  s.told.rate = static_cast<double>(all.size()) / static_cast<double>(o.seconds.count());
  if (all.empty()) co_return;
  std::ranges::sort(all);
  s.told.checkout_p50_ms = all[all.size() / 2];
  s.told.checkout_p99_ms = all[all.size() * 99 / 100];
}

task<> one_by_one(store& at, run_state& s, const options& o) {
  for (std::size_t i = 0; i < o.count; ++i) {
    s.told.began_at.push_back(std::chrono::duration<double>(now().time_since_epoch()).count());
    co_await one_checkout(at, s, o);
    co_await sleep_for(o.pause);
  }
}

// ---------------------------------------------------------------------------------------------

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) throw std::invalid_argument("no products in " + path);
  return lines;
}

options parse(int argc, char** argv) {
  if (argc % 2 == 0) throw std::invalid_argument("each option has a value");
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  const auto take = [&given](const char* name, const char* fallback) {
    auto found = given.extract(name);
    if (found.empty() && !fallback) throw std::invalid_argument(std::string(name) + " is missing");
    return found.empty() ? std::string(fallback) : found.mapped();
  };
  options o;
  o.cart = take("--cart", nullptr);
  o.payment = take("--payment", nullptr);
  o.order = take("--order", nullptr);
  o.products = read_lines(take("--products", nullptr));
  o.shoppers = std::stoul(take("--shoppers", "1"));
  o.seconds = std::chrono::seconds(std::stoul(take("--seconds", "0")));
  o.count = std::stoul(take("--count", "0"));
  o.pause = std::chrono::milliseconds(std::stoul(take("--pause", "0")));
  if (!given.empty()) throw std::invalid_argument("unknown: " + given.begin()->first);
  if ((o.count == 0) == (o.seconds.count() == 0) || o.shoppers == 0) {
    throw std::invalid_argument("either --count or --seconds, and at least one shopper");
  }
  return o;
}

report run(const options& o) {
  event_loop loop("bench-checkouts");
  run_state s(loop.executor());
  store& at = loop.make<store>(loop, o);
  loop.run_until_complete(o.count > 0 ? one_by_one(at, s, o) : many_at_a_time(loop, at, s, o));
  return std::move(s.told);
}

}  // namespace
}  // namespace souk::bench

int main(int argc, char** argv) {
  try {
    fmt::print("{}\n", souk::json::write(souk::bench::run(souk::bench::parse(argc, argv))));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "souk-bench-checkouts: {}\n", e.what());
    return 2;
  }
}
