// Shoppers: each starts a session, puts a product into the cart, has a card turned into a token and
// places the order; then the next one comes. An order that is confirmed is a completed checkout.
//
//   souk-bench-checkouts --cart URL --payment URL --order URL --products FILE
//     --shoppers N --seconds S        N at a time, for S seconds after half a second of warm-up
//     --count N [--pause MS]          N, one after the other
//     --prepare M --shoppers N --seconds S
//                                     M shoppers come as far as the card's token; then they place
//                                     their orders, N at a time: POST /orders alone
//     --prepare M --schedule "RATE:SECONDS ..."
//                                     the same by schedule: at each moment as many a second as it
//                                     says, however slow the answers are. Who is told to come back
//                                     later leaves, and comes again as one of those to come.
//
// Prints one line of JSON; anything but a confirmed order is counted under `failures`, except by
// schedule, where what came of all is told for each part of it and for each second.

#include <fmt/format.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
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

struct part {  // of a schedule
  double rate = 0;
  std::chrono::seconds seconds{0};
};

struct options {
  std::string cart, payment, order;
  std::vector<std::string> products;
  std::size_t shoppers = 1, count = 0, prepare = 0;
  std::chrono::seconds seconds{0};
  std::chrono::milliseconds pause{0};
  std::vector<part> schedule;
};

// What came of the orders that were to be placed within a time. Latencies are those of its orders,
// from the moment that they were due, whenever the answer came.
struct outcome {
  std::int64_t due = 0;                  // by schedule
  std::int64_t confirmed = 0;            // 201
  std::int64_t accepted = 0;             // 202: the order exists and takes longer
  std::int64_t refused = 0;              // 503 and 429
  std::int64_t without_retry_after = 0;  // of those
  std::int64_t answered_201 = 0;         // in this time, whenever they were due
  double confirmed_p50_ms = 0, confirmed_p99_ms = 0;
  double refused_p50_ms = 0, refused_p99_ms = 0, refused_max_ms = 0;
  double late_p99_ms = 0, late_max_ms = 0;       // how much later than due they were sent
  std::map<std::string, std::int64_t> refusals;  // status and problem
  std::map<std::string, std::int64_t> failures;  // everything else: lost, 4xx, 500
};
BOOST_DESCRIBE_STRUCT(outcome, (),
                      (due, confirmed, accepted, refused, without_retry_after, answered_201,
                       confirmed_p50_ms, confirmed_p99_ms, refused_p50_ms, refused_p99_ms,
                       refused_max_ms, late_p99_ms, late_max_ms, refusals, failures))

struct report {
  std::int64_t begun = 0;      // checkouts
  std::int64_t completed = 0;  // of all that were begun
  double rate = 0;             // completed a second, after the warm-up
  double checkout_p50_ms = 0, checkout_p99_ms = 0;
  std::map<std::string, std::int64_t> failures;
  std::vector<double> began_at;         // with --count: when each began, seconds since 1970
  double schedule_began_at = 0;         // seconds since 1970
  std::vector<outcome> parts, seconds;  // of the schedule; the last second is what came after it
};
BOOST_DESCRIBE_STRUCT(report, (),
                      (begun, completed, rate, checkout_p50_ms, checkout_p99_ms, failures, began_at,
                       schedule_began_at, parts, seconds))

// A shopper who has only to place the order. Repeats have the same key.
struct ready_shopper {
  std::string token, body, key;
};

// One event loop; the shoppers of a run share it.
class store {
 public:
  store(event_loop& loop, const options& o)
      : cart_(loop, whom("cart", o.cart)),
        payment_(loop, whom("payment", o.payment)),
        order_(loop, whom("order", o.order)) {}

  // The next two throw std::runtime_error when it does not come to that.
  task<ready_shopper> prepare(std::string product) {
    const auto ctx = background();
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
    co_return ready_shopper{
        .token = shopper.token,
        .body = json::write(new_order{.cart_revision = filled.revision,
                                      .currency = filled.currency,
                                      .payment_token = paid_with.payment_token,
                                      .expected_total_minor = filled.total_minor,
                                      .address = {.name = "Amira Haddad",
                                                  .line1 = "12 Lantern Lane",
                                                  .city = "Lisbon",
                                                  .postal_code = "1100-038",
                                                  .country = "PT"}}),
        .key = uuid::v7().str()};
  }

  task<> buy(ready_shopper shopper) {
    const auto answer = co_await place(shopper);
    if (answer.status != 201) {
      throw std::runtime_error(fmt::format("order: {} {}", answer.status, problem_of(answer)));
    }
    const auto placed = json::read_lenient<order>(answer.body);
    if (!placed || placed->state != "confirmed") {
      throw std::runtime_error("order: " + (placed ? placed->state : "unreadable"));
    }
  }

  // Whatever is answered. Throws when nothing is.
  task<http::answer> place(const ready_shopper& shopper) {
    co_return co_await order_.send(background(),
                                   http::call{.method = http::method::post,
                                              .path = "/orders",
                                              .body = shopper.body,
                                              .timeout = time_limit}
                                       .header("Authorization", "Bearer " + shopper.token)
                                       .header("Idempotency-Key", shopper.key));
  }

  static std::string problem_of(const http::answer& a) { return http::detail::to_refusal(a).type; }

 private:
  static context background() { return context::background("bench-checkouts", time_limit); }
  static http::upstream whom(std::string name, const std::string& url) {
    return {.name = std::move(name), .url = url, .max_connections = 8'000, .as_it_is = true};
  }

  template <class T>
  static task<T> ask(const context& ctx, http::client& of, std::string what, http::call c) {
    auto answer = co_await of.call_for<T>(ctx, std::move(c));
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
  explicit run_state(executor on) : changed(on) {}
  report told;
  std::vector<double> milliseconds;  // of those that count
  steady_clock::time_point counts_from, until;
  std::size_t next_product = 0, under_way = 0;
  std::deque<ready_shopper> ready;
  signal changed;
};

double milliseconds_since(steady_clock::time_point then) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - then).count();
}

double seconds_since_1970() {
  return std::chrono::duration<double>(now().time_since_epoch()).count();
}

const std::string& next_product(run_state& s, const options& o) {
  return o.products[s.next_product++ % o.products.size()];
}

ready_shopper take_ready(run_state& s) {
  if (s.ready.empty()) throw std::runtime_error("more shoppers should have been prepared");
  auto out = std::move(s.ready.front());
  s.ready.pop_front();
  return out;
}

// True if it was completed.
task<bool> one_checkout(store& at, run_state& s, const options& o) {
  ++s.told.begun;
  try {
    auto shopper = o.prepare > 0 ? take_ready(s) : co_await at.prepare(next_product(s, o));
    co_await at.buy(std::move(shopper));
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
      s.milliseconds.push_back(milliseconds_since(began));
    }
    if (!completed && o.prepare > 0 && s.ready.empty()) break;
  }
  --s.under_way;
  s.changed.notify_all();
}

double percentile(std::vector<double>& all, std::size_t percent) {
  if (all.empty()) return 0;
  std::ranges::sort(all);
  return all[std::min(all.size() - 1, all.size() * percent / 100)];
}

task<> many_at_a_time(event_loop& loop, store& at, run_state& s, const options& o) {
  s.counts_from = steady_clock::now() + warm_up;
  s.until = s.counts_from + o.seconds;
  s.under_way = o.shoppers;
  for (std::size_t i = 0; i < o.shoppers; ++i) loop.spawn("shopper", shop_until_closing(at, s, o));
  while (s.under_way > 0) co_await s.changed.wait_for(1s);

  auto& all = s.milliseconds;
  s.told.rate = static_cast<double>(all.size()) / static_cast<double>(o.seconds.count());
  s.told.checkout_p50_ms = percentile(all, 50);
  s.told.checkout_p99_ms = percentile(all, 99);
}

// ---------------------------------------------------------------------------------------------
// Before the orders: shoppers who only have to place theirs.

task<> prepare_some(store& at, run_state& s, const options& o, std::size_t& left) {
  while (left > 0) {
    --left;
    try {
      s.ready.push_back(co_await at.prepare(next_product(s, o)));
    } catch (const std::exception& e) {
      ++s.told.failures[e.what()];
    }
  }
  --s.under_way;
  s.changed.notify_all();
}

task<> prepare_all(event_loop& loop, store& at, run_state& s, const options& o) {
  constexpr std::size_t at_a_time = 16;
  std::size_t left = o.prepare;
  s.under_way = at_a_time;
  for (std::size_t i = 0; i < at_a_time; ++i) loop.spawn("prepare", prepare_some(at, s, o, left));
  while (s.under_way > 0) co_await s.changed.wait_for(1s);
}

// ---------------------------------------------------------------------------------------------
// Orders by schedule.

struct tally {
  outcome told;
  std::vector<double> confirmed, refused, late;

  outcome finish() {
    told.confirmed_p50_ms = percentile(confirmed, 50);
    told.confirmed_p99_ms = percentile(confirmed, 99);
    told.refused_p50_ms = percentile(refused, 50);
    told.refused_p99_ms = percentile(refused, 99);
    told.refused_max_ms = percentile(refused, 100);
    told.late_p99_ms = percentile(late, 99);
    told.late_max_ms = percentile(late, 100);
    return std::move(told);
  }
};

struct timetable {
  steady_clock::time_point began;
  std::vector<tally> parts, seconds;
  std::vector<std::size_t> part_of_second;

  // The last second has no end.
  std::size_t second_now() const {
    const auto s = std::chrono::floor<std::chrono::seconds>(steady_clock::now() - began).count();
    return std::min(static_cast<std::size_t>(s), seconds.size() - 1);
  }
};

task<> place_one(store& at, run_state& s, timetable& t, std::size_t second, ready_shopper shopper,
                 steady_clock::time_point due) {
  auto& of_second = t.seconds[second];
  auto& of_part = t.parts[t.part_of_second[second]];
  const auto both = [&](auto f) {
    f(of_second);
    f(of_part);
  };
  try {
    const auto got = co_await at.place(shopper);
    const auto took = milliseconds_since(due);
    if (got.status == 201) {
      both([&](tally& x) {
        ++x.told.confirmed;
        x.confirmed.push_back(took);
      });
      const auto now = t.second_now();
      ++t.seconds[now].told.answered_201;
      if (now < t.part_of_second.size()) ++t.parts[t.part_of_second[now]].told.answered_201;
    } else if (got.status == 202) {
      both([](tally& x) { ++x.told.accepted; });
    } else if (got.status == 503 || got.status == 429) {
      const auto what = fmt::format("{} {}", got.status, store::problem_of(got));
      both([&](tally& x) {
        ++x.told.refused;
        ++x.told.refusals[what];
        x.refused.push_back(took);
        if (!got.retry_after) ++x.told.without_retry_after;
      });
      s.ready.push_back(std::move(shopper));
    } else {
      const auto what = fmt::format("{} {}", got.status, store::problem_of(got));
      both([&](tally& x) { ++x.told.failures[what]; });
    }
  } catch (const std::exception& e) {
    both([&](tally& x) { ++x.told.failures[e.what()]; });
  }
  --s.under_way;
  s.changed.notify_all();
}

task<> by_schedule(event_loop& loop, store& at, run_state& s, const options& o) {
  timetable t;
  for (std::size_t i = 0; i < o.schedule.size(); ++i) {
    t.part_of_second.insert(t.part_of_second.end(),
                            static_cast<std::size_t>(o.schedule[i].seconds.count()), i);
  }
  t.parts.resize(o.schedule.size());
  t.seconds.resize(t.part_of_second.size() + 1);
  s.told.schedule_began_at = seconds_since_1970();
  t.began = steady_clock::now();
  auto part_begins = t.began;
  for (const auto& p : o.schedule) {
    const auto ends = part_begins + p.seconds;
    const std::chrono::duration<double> between(1 / p.rate);
    for (std::int64_t n = 0;; ++n) {
      const auto due = part_begins + std::chrono::duration_cast<steady_clock::duration>(
                                         (static_cast<double>(n) + 0.5) * between);
      if (due >= ends) break;
      if (due > steady_clock::now()) co_await sleep_until(due);
      const auto second =
          static_cast<std::size_t>(std::chrono::floor<std::chrono::seconds>(due - t.began).count());
      for (auto* x : {&t.seconds[second], &t.parts[t.part_of_second[second]]}) {
        ++x->told.due;
        x->late.push_back(milliseconds_since(due));
      }
      ++s.under_way;
      loop.spawn("shopper", place_one(at, s, t, second, take_ready(s), due));
    }
    part_begins = ends;
  }
  while (s.under_way > 0) co_await s.changed.wait_for(1s);
  for (auto& x : t.parts) s.told.parts.push_back(x.finish());
  for (auto& x : t.seconds) s.told.seconds.push_back(x.finish());
}

// ---------------------------------------------------------------------------------------------

task<> one_by_one(store& at, run_state& s, const options& o) {
  for (std::size_t i = 0; i < o.count; ++i) {
    s.told.began_at.push_back(seconds_since_1970());
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

std::vector<part> read_schedule(const std::string& text) {
  std::vector<part> parts;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    if (colon == std::string::npos) throw std::invalid_argument("--schedule: RATE:SECONDS ...");
    parts.push_back({.rate = std::stod(word.substr(0, colon)),
                     .seconds = std::chrono::seconds(std::stoul(word.substr(colon + 1)))});
    if (parts.back().rate <= 0) throw std::invalid_argument("--schedule: rates are above 0");
  }
  return parts;
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
  o.prepare = std::stoul(take("--prepare", "0"));
  o.schedule = read_schedule(take("--schedule", ""));
  if (!given.empty()) throw std::invalid_argument("unknown: " + given.begin()->first);
  if ((o.count > 0) + (o.seconds.count() > 0) + !o.schedule.empty() != 1 || o.shoppers == 0) {
    throw std::invalid_argument("one of --count, --seconds and --schedule; at least one shopper");
  }
  if (!o.schedule.empty() && o.prepare == 0) {
    throw std::invalid_argument("--schedule needs --prepare");
  }
  return o;
}

task<> shop(event_loop& loop, store& at, run_state& s, const options& o) {
  if (o.prepare > 0) co_await prepare_all(loop, at, s, o);
  if (!o.schedule.empty()) {
    co_await by_schedule(loop, at, s, o);
  } else if (o.count > 0) {
    co_await one_by_one(at, s, o);
  } else {
    co_await many_at_a_time(loop, at, s, o);
  }
}

report run(const options& o) {
  event_loop loop("bench-checkouts");
  run_state s(loop.executor());
  store& at = loop.make<store>(loop, o);
  loop.run_until_complete(shop(loop, at, s, o));
  return std::move(s.told);
}

// Each request under way has a connection.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace souk::bench

int main(int argc, char** argv) {
  try {
    souk::bench::allow_many_files();
    fmt::print("{}\n", souk::json::write(souk::bench::run(souk::bench::parse(argc, argv))));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "souk-bench-checkouts: {}\n", e.what());
    return 2;
  }
}
