#include "load/shopper.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/security.hpp"
#include "load/watching.hpp"

namespace souk::load {

BOOST_DESCRIBE_STRUCT(cart_line_view, (),
                      (product_id, quantity, unit_price_minor, available, status))
BOOST_DESCRIBE_STRUCT(cart_view, (), (revision, currency, total_minor, buyable, lines))

namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;

// POST /orders answers within 8 s, with 202 if need be.
constexpr auto checkout_limit = 12s;
constexpr auto other_limit = 10s;
constexpr int most_attempts = 4;            // of one request
constexpr int most_attempts_to_buy = 7;     // of a checkout that is not answered
constexpr int most_questions_after_it = 6;  // while the answer is 202
constexpr std::size_t most_unfinished = 4;
constexpr std::size_t most_orders = 10;  // that are remembered

struct session_view {
  std::string user_id, token;
};
BOOST_DESCRIBE_STRUCT(session_view, (), (user_id, token))

struct new_item {
  std::string product_id;
  std::int64_t quantity = 1;
};
BOOST_DESCRIBE_STRUCT(new_item, (), (product_id, quantity))

struct new_quantity {
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(new_quantity, (), (quantity))

struct card_form {
  std::string number, cvc, name;
  std::int64_t exp_month = 0, exp_year = 0;
};
BOOST_DESCRIBE_STRUCT(card_form, (), (number, exp_month, exp_year, cvc, name))

struct token_view {
  std::string payment_token;
};
BOOST_DESCRIBE_STRUCT(token_view, (), (payment_token))

struct address {
  std::string name, line1, city, postal_code, country;
};
BOOST_DESCRIBE_STRUCT(address, (), (name, line1, city, postal_code, country))

struct new_order {
  std::string cart_revision, currency, payment_token;
  std::int64_t expected_total_minor = 0;
  load::address address;
};
BOOST_DESCRIBE_STRUCT(new_order, (),
                      (cart_revision, expected_total_minor, currency, payment_token, address))

struct order_view {
  std::string id, state;
};
BOOST_DESCRIBE_STRUCT(order_view, (), (id, state))

struct order_page {
  std::vector<order_view> items;
};
BOOST_DESCRIBE_STRUCT(order_page, (), (items))

// Of a checkout that was refused: the order that was made all the same, or an earlier one.
struct order_problem {
  std::optional<order_view> order;
  std::optional<std::string> order_id;
};
BOOST_DESCRIBE_STRUCT(order_problem, (), (order, order_id))

constexpr chance::weighted<card> wallet[] = {
    {68, cards::approve},        {6, cards::decline},  {4, cards::insufficient_funds},
    {4, cards::error},           {4, cards::slow},     {7, cards::no_answer},
    {5, cards::capture_refused}, {2, cards::mistyped},
};

// Readers of answers, see store::reader.

store::reader cart_reader(std::optional<cart_view>& into, bool with_lines) {
  return [&into, with_lines](const reply& got, answer& a) {
    if (!got.ok()) return true;
    auto cart = json::read_lenient<cart_view>(got.body);
    if (!cart) return false;
    a.revision = cart->revision;
    if (with_lines) {
      a.lines.emplace();
      for (const auto& l : cart->lines) a.lines->push_back({l.product_id, l.quantity});
    }
    into = std::move(*cart);
    return true;
  };
}

store::reader state_reader() {
  return [](const reply& got, answer& a) {
    if (!got.ok()) return true;
    auto order = json::read_lenient<order_view>(got.body);
    if (!order) return false;
    a.state = std::move(order->state);
    return true;
  };
}

}  // namespace

// ---------------------------------------------------------------------------------------------
// Small things

http::call shopper::as_myself(http::call c) const {
  return std::move(c).header("Authorization", "Bearer " + token_).within(other_limit);
}

std::string shopper::new_key() {
  return uuid::derived(market_.run.str(), std::to_string(number_) + "/" + std::to_string(++keys_))
      .str();
}

void shopper::remember(std::string order_id) {
  if (std::ranges::find(orders_, order_id) != orders_.end()) return;
  if (orders_.size() >= most_orders) orders_.erase(orders_.begin());
  orders_.push_back(std::move(order_id));
}

void shopper::saw(const reply& got) {
  if (got.status == 401) token_.clear();  // a new session at the next visit
  if (!got.worth_a_repeat()) {
    troubles_ = 0;
    return;
  }
  ++troubles_;
  asked_to_wait_ = got.retry_after;
}

task<steady_clock::time_point> shopper::next_step(chance& by) {
  const auto now = steady_clock::now();
  next_ = std::max(next_, now) + by.about(market_.how.think);
  if (troubles_ > 0) {
    next_ = std::max(next_, now + pause_after(by, troubles_,
                                              {.retry_after = std::exchange(asked_to_wait_, {})}));
  }
  co_await pause_until(market_, next_);
  co_return next_;
}

// ---------------------------------------------------------------------------------------------
// A visit

task<> shopper::visit(steady_clock::time_point intended) {
  chance by(static_cast<std::uint64_t>(market_.how.seed), number_, ++visits_);
  next_ = intended;
  ++market_.figures.visits;
  const bool only_buys = market_.how.mix == mix::buy;
  if (only_buys) co_await settle_unfinished();
  const bool somebody_new = only_buys || (by.happens(0.15) && unfinished_.empty());
  if (token_.empty() || somebody_new) {
    if (!co_await start_session()) {
      co_await next_step(by);
      co_return;
    }
  }
  if (only_buys) {
    const auto& p = market_.goods.popular(by);
    const auto cart = co_await add(by.fork(), p, 1, false, steady_clock::now());
    if (!cart) {
      co_await next_step(by);
      co_return;
    }
    if (auto c = co_await prepare(by, *cart, cards::approve)) {
      co_await settle(by.fork(), std::move(*c), false);
    }
    co_await next_step(by);
    co_return;
  }
  if (!unfinished_.empty() && by.happens(0.8)) co_await settle_unfinished();
  co_await wander(by, static_cast<int>(by.between(2, 9)));
  static constexpr chance::weighted<way> ways[] = {{60, way::plain},
                                                   {12, way::twice_at_once},
                                                   {10, way::two_windows},
                                                   {8, way::adding_meanwhile},
                                                   {10, way::cancelling_meanwhile}};
  const auto how = by.one_of<way>(ways);
  if (by.happens(0.75) && market_.open() && !token_.empty()) {
    co_await buy(by, how);
    if (market_.open() && !token_.empty()) co_await after_buying(by);
  }
  co_await next_step(by);
}

task<bool> shopper::start_session() {
  std::string user, token;
  const store::reader read = [&](const reply& got, answer& a) {
    if (!got.ok()) return true;
    auto session = json::read_lenient<session_view>(got.body);
    if (!session) return false;
    a.shopper = session->user_id;
    user = std::move(session->user_id);
    token = std::move(session->token);
    return true;
  };
  const auto got = co_await market_.store.ask(
      {.action = action::session,
       .call = http::call{.method = http::method::post, .path = "/api/session"}.within(other_limit),
       .intended = next_},
      "", asks::session{}, read);
  saw(got);
  if (token.empty()) co_return false;
  user_id_ = std::move(user);
  token_ = std::move(token);
  lines_.clear();
  orders_.clear();
  unfinished_.clear();  // another's
  co_return true;
}

task<> shopper::settle_unfinished() {
  for (auto& c : std::exchange(unfinished_, {})) {
    if (market_.over()) co_return;
    chance by(static_cast<std::uint64_t>(c.first), number_, visits_);
    co_await settle(by, std::move(c), false);
  }
}

task<> shopper::wander(chance& by, int steps) {
  for (int i = 0; i < steps && market_.open() && !token_.empty(); ++i) {
    auto own = by.fork();
    const auto intended = co_await next_step(by);
    if (own.happens(0.55)) {
      co_await browse(own, intended);
    } else {
      co_await change_cart(own, intended);
    }
  }
}

task<> shopper::browse(chance by, steady_clock::time_point intended) {
  static constexpr chance::weighted<action> kinds[] = {
      {5, action::list},    {4, action::search}, {3, action::suggest},
      {8, action::product}, {3, action::stock},  {1, action::categories},
      {2, action::cart},    {2, action::orders}, {1, action::order},
  };
  const auto& goods = market_.goods;
  const auto what = by.one_of<action>(kinds);
  std::string path;
  switch (what) {
    case action::cart:
      co_await view_cart(intended);
      co_return;
    case action::order:
      if (orders_.empty()) co_return;
      co_await look_at_order(orders_[by.index(orders_.size())], intended);
      co_return;
    case action::orders:
      path = "/api/orders?limit=10";
      break;
    case action::list: {
      static constexpr std::string_view orders[] = {"", "&sort=price_asc", "&sort=price_desc"};
      path = "/api/products?limit=24";
      path += orders[by.index(std::size(orders))];
      if (!goods.categories().empty() && by.happens(0.6)) {
        path += "&category=" +
                http::url_encode(goods.categories()[by.index(goods.categories().size())]);
      }
      break;
    }
    case action::search:
      path = "/api/products?search=" + http::url_encode(goods.words(by));
      break;
    case action::suggest: {
      const auto words = goods.words(by);
      auto typed = words.substr(0, 1 + by.index(words.size()));
      if (!json::is_utf8(typed)) typed = words;
      path = "/api/products/suggest?q=" + http::url_encode(typed);
      break;
    }
    case action::product: {
      const auto& p = goods.popular(by);
      path = "/api/products/" + http::url_encode(by.happens(0.5) ? p.slug : p.id);
      break;
    }
    case action::stock:
      path = "/api/inventory/" + http::url_encode(goods.popular(by).id);
      break;
    default:
      path = "/api/categories";
      break;
  }
  auto call = http::get(std::move(path)).within(other_limit);
  if (what == action::orders) call = as_myself(std::move(call));
  saw(co_await market_.store.ask({.action = what, .call = std::move(call), .intended = intended}));
}

task<> shopper::change_cart(chance by, steady_clock::time_point intended) {
  enum class change { add, add_with_key, add_in_two_windows, set, remove, clear };
  static constexpr chance::weighted<change> kinds[] = {
      {30, change::add}, {30, change::add_with_key}, {8, change::add_in_two_windows},
      {15, change::set}, {14, change::remove},       {3, change::clear},
  };
  const auto what = by.one_of<change>(kinds);
  const auto& p = market_.goods.popular(by);
  const auto quantity = by.happens(0.7) ? 1 : by.between(2, 5);
  if (lines_.empty() && what != change::add_in_two_windows) {
    co_await add(by, p, quantity, what == change::add_with_key, intended);
    co_return;
  }
  // A line by its number; it may be another's by the time, which is as good.
  const auto line = by.next();
  switch (what) {
    case change::add:
    case change::add_with_key:
      co_await add(by, p, quantity, what == change::add_with_key, intended);
      break;
    case change::add_in_two_windows: {
      const auto& other = by.happens(0.5) ? p : market_.goods.popular(by);
      const bool with_key = by.happens(0.5);
      const chance one = by.fork();
      const chance two = by.fork();
      co_await (add(one, p, quantity, true, intended) && add(two, other, 1, with_key, intended));
      break;
    }
    case change::set:
      co_await set(by, lines_[line % lines_.size()].product_id, by.between(0, 4), intended);
      break;
    case change::remove:
      co_await remove(by, lines_[line % lines_.size()].product_id, intended);
      break;
    case change::clear:
      co_await clear(by, intended);
      break;
  }
}

// ---------------------------------------------------------------------------------------------
// The cart

task<std::optional<cart_view>> shopper::view_cart(steady_clock::time_point intended) {
  std::optional<cart_view> cart;
  const auto got =
      co_await market_.store.ask({.action = action::cart,
                                  .call = as_myself(http::get("/api/cart/" + user_id_)),
                                  .intended = intended},
                                 user_id_, asks::cart{}, cart_reader(cart, true));
  saw(got);
  if (cart) lines_ = cart->lines;
  co_return cart;
}

task<std::optional<cart_view>> shopper::add(chance by, product what, std::int64_t quantity,
                                            bool with_key, steady_clock::time_point intended) {
  std::optional<cart_view> cart;
  asks::add question{.product_id = what.id, .quantity = quantity};
  auto call = as_myself(http::post("/api/cart/" + user_id_ + "/items",
                                   new_item{.product_id = what.id, .quantity = quantity}));
  if (with_key) {
    question.key = new_key();
    call.headers.emplace_back("Idempotency-Key", *question.key);
  }
  store::request r{.action = action::add, .call = std::move(call), .intended = intended};
  // Some close the window before there is an answer.
  if (with_key && by.happens(0.03)) r.leaves_after = by.within(1ms, 40ms);
  std::int64_t first = 0;
  // Without a key a repeat might add twice.
  const int attempts = with_key ? most_attempts : 1;
  saw(co_await persist(market_, by, attempts, std::move(r), user_id_, std::move(question),
                       cart_reader(cart, false), first));
  if (cart) lines_ = cart->lines;
  co_return cart;
}

task<> shopper::set(chance by, std::string product_id, std::int64_t quantity,
                    steady_clock::time_point intended) {
  std::optional<cart_view> cart;
  http::call call{.method = http::method::put,
                  .path = "/api/cart/" + user_id_ + "/items/" + product_id,
                  .body = json::write(new_quantity{quantity})};
  std::int64_t first = 0;
  saw(co_await persist(
      market_, by, most_attempts,
      {.action = action::set, .call = as_myself(std::move(call)), .intended = intended}, user_id_,
      asks::set{.product_id = product_id, .quantity = quantity}, cart_reader(cart, false), first));
  if (cart) lines_ = cart->lines;
}

task<> shopper::remove(chance by, std::string product_id, steady_clock::time_point intended) {
  std::optional<cart_view> cart;
  http::call call{.method = http::method::delete_,
                  .path = "/api/cart/" + user_id_ + "/items/" + product_id};
  std::int64_t first = 0;
  saw(co_await persist(
      market_, by, most_attempts,
      {.action = action::remove, .call = as_myself(std::move(call)), .intended = intended},
      user_id_, asks::remove{product_id}, cart_reader(cart, false), first));
  if (cart) lines_ = cart->lines;
}

task<> shopper::clear(chance by, steady_clock::time_point intended) {
  http::call call{.method = http::method::delete_, .path = "/api/cart/" + user_id_};
  std::int64_t first = 0;
  const store::reader nothing = [](const reply&, answer&) { return true; };
  const auto got = co_await persist(
      market_, by, most_attempts,
      {.action = action::clear, .call = as_myself(std::move(call)), .intended = intended}, user_id_,
      asks::clear{}, nothing, first);
  saw(got);
  if (got.ok()) lines_.clear();
}

task<std::optional<cart_view>> shopper::fit_cart(chance& by) {
  for (int attempt = 0; attempt < 4 && market_.open() && !token_.empty(); ++attempt) {
    auto cart = co_await view_cart(co_await next_step(by));
    if (!cart) continue;
    if (cart->lines.empty()) {
      const auto& p = market_.goods.popular(by);
      const auto quantity = by.between(1, 3);
      const bool with_key = by.happens(0.5);
      const auto intended = co_await next_step(by);
      co_await add(by.fork(), p, quantity, with_key, intended);
      continue;
    }
    if (cart->buyable) co_return cart;
    for (const auto& l : cart->lines) {
      if (l.status != "insufficient" && l.status != "unavailable") continue;
      const auto intended = co_await next_step(by);
      if (!market_.open()) break;
      if (l.status == "insufficient" && l.available > 0) {
        co_await set(by.fork(), l.product_id, std::min(l.quantity, l.available), intended);
      } else {
        co_await remove(by.fork(), l.product_id, intended);
      }
    }
  }
  co_return std::nullopt;
}

// ---------------------------------------------------------------------------------------------
// The checkout

task<> shopper::buy(chance& by, way how) {
  const auto with = by.one_of<card>(wallet);
  if (how == way::two_windows) {
    const auto other = by.one_of<card>(wallet);
    auto one = by.fork();
    auto two = by.fork();
    if (!co_await fit_cart(by)) co_return;
    co_await (buy_in_own_window(one, with) && buy_in_own_window(two, other));
    co_return;
  }
  auto own = by.fork();
  const auto cart = co_await fit_cart(by);
  if (!cart) co_return;
  co_await next_step(own);
  auto c = co_await prepare(own, *cart, with);
  if (!c) co_return;
  const auto delay = own.within(0ms, 400ms);
  const bool impatient = own.happens(0.08);
  const auto& p = market_.goods.popular(own);
  const auto quantity = own.between(1, 3);
  const bool with_key = own.happens(0.7);
  const chance one = own.fork();
  const chance two = own.fork();
  switch (how) {
    case way::twice_at_once:
      co_await submit_twice(one, std::move(*c));
      break;
    case way::adding_meanwhile:
      co_await (settle(one, std::move(*c), false) &&
                add(two, p, quantity, with_key, steady_clock::now()));
      break;
    case way::cancelling_meanwhile:
      co_await (settle(one, std::move(*c), false) && cancel_newest(two, delay));
      break;
    case way::plain:
    case way::two_windows:
      co_await settle(one, std::move(*c), impatient);
      break;
  }
}

task<> shopper::buy_in_own_window(chance by, card with) {
  const auto cart = co_await view_cart(steady_clock::now());
  if (!cart || !cart->buyable) co_return;
  auto c = co_await prepare(by, *cart, with);
  if (c) co_await settle(by, std::move(*c), false);
}

task<std::optional<shopper::checkout>> shopper::prepare(chance& by, cart_view cart, card with) {
  const card_form form{.number = std::string(with.number),
                       .cvc = "123",
                       .name = "Amira Haddad",
                       .exp_month = 12,
                       .exp_year = 2099};
  reply got;
  auto intended = steady_clock::now();
  for (int attempt = 1; attempt <= most_attempts; ++attempt) {
    got = co_await market_.store.ask({.action = action::card,
                                      .call = as_myself(http::post("/api/payments/tokens", form)),
                                      .intended = intended});
    saw(got);
    if (!got.worth_a_repeat() || !market_.open()) break;
    intended += pause_after(by, attempt, got);
    co_await pause_until(market_, intended);
  }
  const auto token = got.ok() ? json::read_lenient<token_view>(got.body)
                              : std::expected<token_view, json::errors>(std::unexpect);
  if (!token) co_return std::nullopt;

  checkout c{.what = {.key = new_key(),
                      .cart_revision = cart.revision,
                      .total_minor = cart.total_minor,
                      .card = std::string(with.name)},
             .body = json::write(new_order{.cart_revision = cart.revision,
                                           .currency = cart.currency,
                                           .payment_token = token->payment_token,
                                           .expected_total_minor = cart.total_minor,
                                           .address = {.name = "Amira Haddad",
                                                       .line1 = "12 Lantern Lane",
                                                       .city = "Lisbon",
                                                       .postal_code = "1100-038",
                                                       .country = "PT"}})};
  for (const auto& l : cart.lines) {
    c.what.lines.push_back({l.product_id, l.quantity, l.unit_price_minor});
  }
  c.what.body_hash = hex_encode(security::sha256(c.body));
  c.began = steady_clock::now();
  ++market_.figures.checkouts;
  co_return c;
}

store::request shopper::request_of(const checkout& c, steady_clock::time_point intended) const {
  auto call = as_myself({.method = http::method::post, .path = "/api/orders", .body = c.body})
                  .header("Idempotency-Key", c.what.key)
                  .within(checkout_limit);
  return {.action = action::checkout, .call = std::move(call), .intended = intended};
}

store::reader shopper::reader_of_order(std::optional<placed>& into) {
  return [&into](const reply& got, answer& a) {
    if (got.ok()) {
      auto order = json::read_lenient<order_view>(got.body);
      if (!order) return false;
      a.order_id = order->id;
      a.state = order->state;
      into = placed{std::move(order->id), std::move(order->state)};
    } else if (got.status == 402 || got.status == 409) {
      auto about = json::read_lenient<order_problem>(got.body);
      if (!about) return true;
      if (about->order) {
        a.order_id = about->order->id;
        a.state = about->order->state;
        into = placed{std::move(about->order->id), std::move(about->order->state)};
      } else if (about->order_id) {
        a.order_id = std::move(about->order_id);
      }
    }
    return true;
  };
}

bool shopper::judge(const checkout& c, const reply& got, const std::optional<placed>& order) {
  if (order) remember(order->order_id);
  if (got.worth_a_repeat() || got.status == 202) return false;
  ++(got.status == 201 ? market_.figures.bought : market_.figures.turned_down);
  market_.store.counts().timed(
      "order settled",
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - c.began));
  return true;
}

task<> shopper::submit_twice(chance by, checkout c) {
  auto again = c.what;
  std::optional<placed> one, two;
  c.first = market_.store.note(user_id_, c.what);
  again.repeats = c.first;
  const auto second = market_.store.note(user_id_, std::move(again));
  const auto now = steady_clock::now();
  const auto [got_one, got_two] =
      co_await (market_.store.send_noted(c.first, request_of(c, now), reader_of_order(one)) &&
                market_.store.send_noted(second, request_of(c, now), reader_of_order(two)));
  saw(got_one);
  const bool first_is_better = !got_one.worth_a_repeat() && got_one.status != 202;
  if (!judge(c, first_is_better ? got_one : got_two, first_is_better ? one : two)) {
    co_await settle(by, std::move(c), false);
  }
}

task<> shopper::settle(chance by, checkout c, bool impatient) {
  auto intended = c.first == 0 ? c.began : steady_clock::now();
  for (int question = 1; question <= most_questions_after_it; ++question) {
    std::optional<placed> order;
    auto r = request_of(c, intended);
    if (std::exchange(impatient, false)) r.leaves_after = by.within(5ms, 800ms);
    const auto got = co_await persist(market_, by, most_attempts_to_buy, std::move(r), user_id_,
                                      c.what, reader_of_order(order), c.first);
    saw(got);
    if (judge(c, got, order)) co_return;
    if (got.status != 202 || market_.over()) break;
    intended = steady_clock::now() + by.within(200ms, 1'500ms);
    co_await pause_until(market_, intended);
    if (market_.over()) break;
  }
  if (unfinished_.size() < most_unfinished) unfinished_.push_back(std::move(c));
}

// ---------------------------------------------------------------------------------------------
// Afterwards

task<> shopper::after_buying(chance& by) {
  auto own = by.fork();
  const bool watches = own.happens(0.2);
  const bool cancels = own.happens(0.15);
  const bool looks = own.happens(0.3);
  const auto delay = own.within(0ms, 3'000ms);
  if (orders_.empty()) co_return;
  const auto order = orders_.back();
  if (watches && market_.watching < most_watchers) {
    market_.begin_watching(watch_order(market_, own.fork(), user_id_, token_, order));
  }
  if (looks) co_await look_at_order(order, co_await next_step(by));
  if (cancels) {
    const auto intended = steady_clock::now() + delay;
    co_await pause_until(market_, intended);
    if (market_.open()) co_await cancel(own.fork(), order, intended);
  }
}

task<> shopper::cancel(chance by, std::string order_id, steady_clock::time_point intended) {
  http::call call{.method = http::method::post,
                  .path = "/api/orders/" + http::url_encode(order_id) + "/cancel"};
  std::int64_t first = 0;
  saw(co_await persist(
      market_, by, most_attempts,
      {.action = action::cancel, .call = as_myself(std::move(call)), .intended = intended},
      user_id_, asks::cancel{order_id}, state_reader(), first));
}

task<> shopper::cancel_newest(chance by, std::chrono::milliseconds delay) {
  const auto intended = steady_clock::now() + delay;
  co_await pause_until(market_, intended);
  const auto got = co_await market_.store.ask({.action = action::orders,
                                               .call = as_myself(http::get("/api/orders?limit=1")),
                                               .intended = intended});
  if (!got.ok()) co_return;
  const auto page = json::read_lenient<order_page>(got.body);
  if (!page || page->items.empty()) co_return;
  co_await cancel(by, page->items.front().id, steady_clock::now());
}

task<> shopper::look_at_order(std::string order_id, steady_clock::time_point intended) {
  saw(co_await market_.store.ask(
      {.action = action::order,
       .call = as_myself(http::get("/api/orders/" + http::url_encode(order_id))),
       .intended = intended},
      user_id_, asks::order{order_id}, state_reader()));
}

}  // namespace souk::load
