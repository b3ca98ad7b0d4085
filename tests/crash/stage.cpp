#include "stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "kit/json.hpp"
#include "kit/testing/servers.hpp"

namespace souk::crash {

using namespace std::chrono_literals;

namespace {

constexpr auto pause_before_repeat = 5ms;
constexpr auto answer_limit = 9s;  // longer than a request may wait for its order

struct cart_seen {
  std::string revision;
  std::int64_t total_minor = 0;
};
BOOST_DESCRIBE_STRUCT(cart_seen, (), (revision, total_minor))

struct token_seen {
  std::string payment_token;
};
BOOST_DESCRIBE_STRUCT(token_seen, (), (payment_token))

template <class T>
T read(const testing::http_answer& a) {
  auto value = json::read_lenient<T>(a.body);
  if (!value) throw stuck(fmt::format("an answer that can be read; {}: {}", a.status, a.body));
  return std::move(*value);
}

bool says_something(int status) {
  return status < 500 && status != 429;
}

std::int64_t stock_of(store& s, const product& p, const char* column) {
  return std::stoll(
      s.data("inventory")
          .cell(fmt::format("SELECT {} FROM stock WHERE product_id = '{}'", column, p.id.str())));
}

}  // namespace

stage::stage(store& s, std::chrono::milliseconds limit)
    : store_(s), until_(steady::now() + limit), token_(s.shopper_token(user_)) {
  for (const auto& p : s.products()) {
    on_hand_before_.push_back(stock_of(s, p, "on_hand"));
    reserved_before_.push_back(stock_of(s, p, "reserved"));
  }
}

stage::~stage() {
  if (placing_.valid()) placing_.wait();
}

std::string stage::key(std::string_view what) const {
  return fmt::format("{}-{}", what, user_.str());
}

stage::answer stage::ask(std::string_view method, std::string_view program, const std::string& path,
                         as who, const std::string& body, const std::string& key) {
  testing::http_headers headers;
  const auto bearer = [&headers](std::string_view token) {
    headers.emplace_back("Authorization", fmt::format("Bearer {}", token));
  };
  switch (who) {
    case as::shopper:
      bearer(token_);
      break;
    case as::admin:
      bearer(store_.admin_token());
      break;
    case as::order_service:
      headers.emplace_back("Souk-Service", store_.credential_of_order());
      break;
    case as::product_service:
      headers.emplace_back("Souk-Service", store_.credential_of_product());
      break;
    case as::merchant:
      bearer(store::merchant_key);
      break;
  }
  if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
  std::string last = "nobody listens";
  while (steady::now() < until_) {
    const bool other =
        program == "order-service" && store_.second() && store_.program(program).is_stopped();
    const auto port = other ? store_.second_port() : store_.port(program);
    try {
      auto a = testing::http_call(port, method, path, headers, body, answer_limit);
      if (says_something(a.status) && (a.status != 202 || key.empty())) return a;
      last = fmt::format("{} {}", a.status, a.body);
    } catch (const std::runtime_error& e) {
      last = e.what();
    }
    // Asking those who are not there yet would only open circuit breakers.
    do std::this_thread::sleep_for(pause_before_repeat);
    while (!store_.is_whole() && steady::now() < until_);
  }
  throw stuck(fmt::format("{} {} at {}; the last answer: {}", method, path, program, last));
}

stage::answer stage::expect(std::initializer_list<int> statuses, std::string_view method,
                            std::string_view program, const std::string& path, as who,
                            const std::string& body, const std::string& key) {
  auto a = ask(method, program, path, who, body, key);
  if (std::ranges::find(statuses, a.status) == statuses.end()) {
    note(fmt::format("{} {} was answered {} {}", method, path, a.status, a.body));
  }
  return a;
}

// -------------------------------------------------------------------------------------------------

void stage::add_to_cart(std::size_t good_index, int quantity, std::string_view with_key) {
  expect({200}, "POST", "cart-service", "/cart/" + user_.str() + "/items", as::shopper,
         fmt::format(R"({{"product_id":"{}","quantity":{}}})", good(good_index).id.str(), quantity),
         key(with_key));
}

void stage::fill_cart() {
  add_to_cart(0, 2, "first");
  add_to_cart(1, 1, "second");
}

void stage::make_token(std::string_view card) {
  const auto a = expect(
      {201}, "POST", "payment-service", "/payments/tokens", as::shopper,
      fmt::format(
          R"({{"number":"{}","exp_month":12,"exp_year":2090,"cvc":"123","name":"A Shopper"}})",
          card));
  payment_token_ = read<token_seen>(a).payment_token;
}

void stage::begin_order() {
  const auto cart =
      read<cart_seen>(expect({200}, "GET", "cart-service", "/cart/" + user_.str(), as::shopper));
  const auto body = fmt::format(
      R"({{"cart_revision":"{}","expected_total_minor":{},"currency":"USD","payment_token":"{}",)"
      R"("address":{{"name":"A Shopper","line1":"12 Lantern Lane","city":"Lisbon",)"
      R"("postal_code":"1100-038","country":"PT"}}}})",
      cart.revision, cart.total_minor, payment_token_);
  placing_ = std::async(std::launch::async, [this, body] {
    return ask("POST", "order-service", "/orders", as::shopper, body, key("order"));
  });
}

void stage::finish_order(std::initializer_list<int> statuses) {
  wait_for("the answer to the order",
           [&] { return placing_.wait_for(0ms) == std::future_status::ready; });
  const auto a = placing_.get();
  if (std::ranges::find(statuses, a.status) == statuses.end()) {
    note(fmt::format("the order was answered {} {}", a.status, a.body));
  }
}

void stage::place_order(std::initializer_list<int> statuses) {
  begin_order();
  finish_order(statuses);
}

std::string stage::order_id() {
  if (!order_.empty()) return order_;
  wait_for("the order to exist", [&] {
    order_ = store_.data("order").cell(
        fmt::format("SELECT id FROM orders WHERE user_id = '{}'", user_.str()));
    return !order_.empty();
  });
  return order_;
}

void stage::post_until(std::string_view state, std::string_view program, const std::string& path,
                       as who, const std::string& body) {
  std::string last;
  wait_for(fmt::format("{} to say {}", path, state), [&] {
    last = expect({200, 201}, "POST", program, path, who, body).body;
    return last.contains(fmt::format(R"(":"{}")", state));
  });
}

void stage::cancel() {
  expect({202}, "POST", "order-service", "/orders/" + order_id() + "/cancel", as::shopper);
}

void stage::refund(std::int64_t amount, std::string_view lines, std::string_view with_key) {
  expect({201}, "POST", "order-service", "/orders/" + order_id() + "/refunds", as::admin,
         fmt::format(R"({{"amount_minor":{},"reason":"scratched"{}}})", amount,
                     lines.empty() ? "" : fmt::format(R"(,"lines":{})", lines)),
         key(with_key));
}

void stage::mark(std::string_view status) {
  expect({200}, "PATCH", "order-service", "/orders/" + order_id() + "/status", as::admin,
         fmt::format(R"({{"status":"{}"}})", status));
}

void stage::adjust_stock(std::size_t good_index, std::int64_t delta, std::string_view with_key) {
  expect(
      {200}, "POST", "inventory-service",
      "/inventory/" + good(good_index).id.str() + "/adjustments", as::admin,
      fmt::format(R"({{"delta":{},"reason":"{}"}})", delta, delta > 0 ? "delivery" : "correction"),
      key(with_key));
}

// -------------------------------------------------------------------------------------------------

void stage::wait_held(std::string_view name, std::string_view point) {
  wait_for(fmt::format("{} to stop itself", name),
           [&] { return store_.is_stopped_at(name, point); });
}

void stage::wait_until_quiet() {
  wait_for("nothing to be unfinished", [&] { return store_.is_quiet(); });
}

// -------------------------------------------------------------------------------------------------

std::string stage::seen() {
  const auto user = user_.str();
  std::string out;
  const auto say = [&out]<class... Args>(fmt::format_string<Args...> what, Args&&... args) {
    if (!out.empty()) out += "; ";
    out += fmt::format(what, std::forward<Args>(args)...);
  };
  const auto orders = store_.data("order").rows(
      fmt::format("SELECT id, state, coalesce(reason, '-'), refunded_minor,"
                  "  (SELECT count(*) = o.version AND max(seq) = o.version FROM order_events WHERE "
                  "order_id = o.id),"
                  "  coalesce((SELECT string_agg(state, ',' ORDER BY id) FROM refunds WHERE "
                  "order_id = o.id), '-')"
                  " FROM orders o WHERE user_id = '{}' ORDER BY id",
                  user));
  if (orders.empty()) say("no order");
  if (orders.size() > 1) say("{} orders", orders.size());
  for (const auto& o : orders) {
    say("order {} {}, refunds {}, back {}{}", o[1], o[2], o[5], o[3],
        o[4] == "t" ? "" : ", timeline broken");
    // Quantity and what is back of each line, in the order of the products.
    std::string lines;
    for (const auto& p : store_.products()) {
      const auto line = store_.data("inventory")
                            .rows(fmt::format("SELECT quantity, returned FROM reservation_lines"
                                              " WHERE order_id = '{}' AND product_id = '{}'",
                                              o[0], p.id.str()));
      for (const auto& l : line) lines += fmt::format(" {}/{}", l[0], l[1]);
    }
    const auto reservation =
        store_.data("inventory")
            .cell(fmt::format("SELECT state FROM reservations WHERE order_id = '{}'", o[0]));
    say("reservation {}{}", reservation.empty() ? "none" : reservation, lines);
    const auto payment = store_.data("payment").rows(fmt::format(
        "SELECT state, captured_minor, refunded_minor, refund_pending_minor FROM payments"
        " WHERE order_id = '{}'",
        o[0]));
    if (payment.empty()) say("payment none");
    for (const auto& p : payment) say("payment {} {}-{}-{}", p[0], p[1], p[2], p[3]);
    const auto charges =
        store_.data("mock_gateway")
            .rows(fmt::format(
                "SELECT state, authorized_minor, captured_minor, voided_minor, refunded_minor"
                " FROM charges WHERE merchant_order = '{}'",
                o[0]));
    if (charges.empty()) say("charge none");
    for (const auto& c : charges) say("charge {} {}/{}/{}/{}", c[0], c[1], c[2], c[3], c[4]);
  }
  std::string stock, cart;
  for (std::size_t i = 0; i < store_.products().size(); ++i) {
    const auto& p = good(i);
    stock += fmt::format(" {}", stock_of(store_, p, "on_hand") - on_hand_before_[i]);
    const auto reserved = stock_of(store_, p, "reserved") - reserved_before_[i];
    if (reserved != 0) stock += fmt::format("({} reserved)", reserved);
    const auto in_cart = testing::redis().command({"HGET", "cart:{" + user + "}", p.id.str()});
    cart += " " + (in_cart == "(nil)" ? "0" : in_cart);
  }
  say("stock{}", stock);
  say("cart{}", cart);
  return out;
}

}  // namespace souk::crash
