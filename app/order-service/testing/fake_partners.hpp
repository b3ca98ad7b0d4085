#pragma once

// Cart, product, inventory and payment as order-service sees them: small, but they keep their
// promises (states, idempotency, absorbing compensations), and they can lose requests and answers.

#include <fmt/format.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "books.hpp"
#include "kit/testing/stub.hpp"
#include "orders.hpp"

namespace souk::order::fake {

using testing::stub_answer;
using testing::stub_request;

enum class fault { none, request_lost, answer_lost, answer_late };

// What the payment token asks for.
namespace tokens {
inline constexpr std::string_view approve = "approve";
inline constexpr std::string_view decline = "decline";
inline constexpr std::string_view refuse_capture = "refuse-capture";
inline constexpr std::string_view refuse_first_refund = "refuse-first-refund";
inline constexpr std::string_view settle_slowly = "settle-slowly";
}  // namespace tokens

struct wanted_lines {
  uuid order_id;
  std::vector<quantity_of> lines;
};
BOOST_DESCRIBE_STRUCT(wanted_lines, (), (order_id, lines))

struct return_body {
  uuid refund_id;
  std::optional<std::vector<quantity_of>> lines;
};
BOOST_DESCRIBE_STRUCT(return_body, (), (refund_id, lines))

struct payment_body {
  std::optional<uuid> payment_id, refund_id, order_id;
  std::optional<minor_units> amount_minor;
  std::optional<std::string> payment_token;
};
BOOST_DESCRIBE_STRUCT(payment_body, (),
                      (payment_id, refund_id, order_id, amount_minor, payment_token))

class partners {
 public:
  partners() {
    on(cart, "GET", "/cart/*", &partners::get_cart);
    on(cart, "POST", "/cart/*/ordered", &partners::clear_cart);
    on(product, "GET", "/products", &partners::get_products);
    on(inventory, "GET", "/inventory", &partners::get_stock);
    on(inventory, "POST", "/reservations", &partners::reserve);
    on(inventory, "POST", "/reservations/*/*", &partners::change_reservation);
    on(payment, "POST", "/payments/process", &partners::authorize);
    on(payment, "POST", "/payments/*/*", &partners::change_payment);
    for (auto* service : {&cart, &product, &inventory, &payment}) {
      service->on("GET", "/books", [this, service](const stub_request& r) {
        const std::scoped_lock lock(mutex);
        return books(*service, r);
      });
    }
  }

  // Decides the fate of each call that changes something; called under the mutex.
  std::function<fault(const stub_request&)> faults = [](const stub_request&) {
    return fault::none;
  };

  // `rule` decides until what is returned is gone: a rule that refers to what a coroutine holds
  // must not outlive it, and the calls of background work do.
  [[nodiscard]] auto failing_by(std::function<fault(const stub_request&)> rule) {
    const auto set = [this](std::function<fault(const stub_request&)> to) {
      const std::scoped_lock lock(mutex);
      faults = std::move(to);
    };
    set(std::move(rule));
    struct until_end {
      explicit until_end(std::function<void()> f) : end(std::move(f)) {}
      until_end(const until_end&) = delete;
      ~until_end() { end(); }
      std::function<void()> end;
    };
    return until_end([set] { set([](const stub_request&) { return fault::none; }); });
  }

  // Called under the mutex whenever payment's own rows were read for the books and before the
  // gateway's record of them is.
  std::function<void()> between_books;

  // ---- State, under the mutex
  std::mutex mutex;

  struct item {
    std::string name;
    minor_units price = 0;
    std::int64_t stock = 0;
  };
  std::map<std::string, item> items;  // by product id

  struct cart_state {
    int revision = 1;
    std::map<std::string, std::int64_t> lines;
    std::set<std::string> ordered;
  };
  std::map<std::string, cart_state> carts;  // by user

  struct reservation {
    reply state = reply::none;
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> lines;  // quantity, returned
    std::set<std::string> returns;
  };
  std::map<std::string, reservation> reservations;  // by order

  struct charge {
    std::string order;
    reply state = reply::none;
    std::string token;
    minor_units amount = 0, captured = 0, refunded = 0;
    bool authorized = false;
    int captures = 0;
    std::map<std::string, std::pair<reply, minor_units>> refunds;
    bool refused_one = false;
  };
  std::map<std::string, charge> payments;  // by payment id

  testing::http_stub cart, product, inventory, payment;

  uuid add_product(minor_units price, std::int64_t stock) {
    const std::scoped_lock lock(mutex);
    const auto id = uuid::v7();
    items[id.str()] = {"Thing", price, stock};
    return id;
  }
  // The revision of the cart.
  std::string fill_cart(uuid user, const std::vector<std::pair<uuid, std::int64_t>>& lines) {
    const std::scoped_lock lock(mutex);
    auto& c = carts[user.str()];
    for (const auto& [id, quantity] : lines) c.lines[id.str()] += quantity;
    return fmt::format("r{}", ++c.revision);
  }
  // As if a call had arrived whose answer is still on its way.
  void capture(uuid payment_id) {
    auto& p = payments[payment_id.str()];
    p.state = reply::captured;
    p.captured = p.amount;
    p.captures = 1;
  }
  void expire(const std::string& order) {
    auto& r = reservations[order];
    if (r.state == reply::held) move(r, reply::expired);
  }

 private:
  using handler = stub_answer (partners::*)(const stub_request&);

  void on(testing::http_stub& stub, std::string method, std::string path, handler h) {
    stub.on(method, std::move(path), [this, h](const stub_request& r) {
      const std::scoped_lock lock(mutex);
      const auto f = r.method == "GET" ? fault::none : faults(r);
      if (f == fault::request_lost) return stub_answer{.drop = true};
      auto answer = (this->*h)(r);
      if (f == fault::answer_lost) return stub_answer{.drop = true};
      if (f == fault::answer_late) answer.delay = std::chrono::milliseconds(400);
      return answer;
    });
  }

  static std::vector<std::string> segments(const std::string& path) {
    std::vector<std::string> out;
    for (std::size_t at = 1; at <= path.size();) {
      const auto end = std::min(path.find('/', at), path.size());
      out.push_back(path.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }
  static std::string parameter(const stub_request& r, const std::string& name) {
    const auto text = "&" + r.query;
    const auto at = text.find("&" + name + "=");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 2;
    return text.substr(begin, text.find('&', begin) - begin);
  }
  static stub_answer problem(int status, std::string_view type, std::string more = "") {
    return {.status = status,
            .body = fmt::format(R"({{"type":"/problems/{}","title":"t","status":{}{}}})", type,
                                status, more),
            .content_type = "application/problem+json"};
  }
  template <class T>
  static T body(const stub_request& r) {
    auto value = json::read_lenient<T>(r.body);
    if (!value) throw std::runtime_error("order-service sent what was not agreed: " + r.body);
    return std::move(*value);
  }
  static std::string_view text(reply r) { return json::enum_text(r); }

  // ---- cart
  stub_answer get_cart(const stub_request& r) {
    const auto& c = carts[segments(r.path)[1]];
    std::string lines;
    for (const auto& [id, quantity] : c.lines) {
      lines += fmt::format(R"({}{{"product_id":"{}","quantity":{}}})", lines.empty() ? "" : ",", id,
                           quantity);
    }
    return {.body = fmt::format(R"({{"revision":"r{}","lines":[{}],"buyable":true}})", c.revision,
                                lines)};
  }
  stub_answer clear_cart(const stub_request& r) {
    auto& c = carts[segments(r.path)[1]];
    const auto wanted = body<wanted_lines>(r);
    if (c.ordered.insert(wanted.order_id.str()).second) {
      ++c.revision;
      for (const auto& l : wanted.lines) {
        auto& quantity = c.lines[l.product_id.str()];
        quantity -= std::min<std::int64_t>(quantity, l.quantity);
      }
      std::erase_if(c.lines, [](const auto& l) { return l.second == 0; });
    }
    return {.body = fmt::format(R"({{"revision":"r{}"}})", c.revision)};
  }

  // ---- product
  stub_answer get_products(const stub_request& r) {
    std::string out;
    const auto ids = parameter(r, "ids");
    for (const auto& [id, i] : items) {
      if (ids.find(id) == std::string::npos) continue;
      out += fmt::format(
          R"({}{{"id":"{}","sku":"S-{}","name":"{}","price_minor":{},"currency":"USD","variants_count":0}})",
          out.empty() ? "" : ",", id, id.substr(30), i.name, i.price);
    }
    return {.body = R"({"items":[)" + out + "]}"};
  }

  // ---- inventory
  stub_answer get_stock(const stub_request& r) {
    std::string out;
    const auto ids = parameter(r, "ids");
    for (const auto& [id, i] : items) {
      if (ids.find(id) == std::string::npos) continue;
      out += fmt::format(R"({}{{"product_id":"{}","available":{},"state":"in_stock"}})",
                         out.empty() ? "" : ",", id, i.stock);
    }
    return {.body = R"({"items":[)" + out + "]}"};
  }
  stub_answer stated(reply state) {
    return {.body = fmt::format(R"({{"state":"{}"}})", text(state))};
  }
  void move(reservation& r, reply to) {
    const bool took = r.state == reply::held || r.state == reply::committed;
    const bool takes = to == reply::held || to == reply::committed;
    for (auto& [id, line] : r.lines) {
      if (takes && !took) items[id].stock -= line.first;
      if (took && !takes) {
        items[id].stock += line.first - line.second;
        if (to == reply::returned) line.second = line.first;
      }
    }
    r.state = to;
  }
  static bool has_repeats(const std::vector<quantity_of>& lines) {
    std::set<uuid> products;
    for (const auto& l : lines) products.insert(l.product_id);
    return products.size() < lines.size();
  }
  stub_answer reserve(const stub_request& r) {
    const auto wanted = body<wanted_lines>(r);
    if (has_repeats(wanted.lines)) return problem(400, "bad-request");
    auto& mine = reservations[wanted.order_id.str()];
    if (mine.state != reply::none) return stated(mine.state);
    std::string missing;
    for (const auto& l : wanted.lines) {
      const auto left = items[l.product_id.str()].stock;
      if (left >= l.quantity) continue;
      missing +=
          fmt::format(R"({}{{"product_id":"{}","requested":{},"available":{}}})",
                      missing.empty() ? "" : ",", l.product_id.str(), l.quantity.value, left);
    }
    if (!missing.empty()) {
      reservations.erase(wanted.order_id.str());
      return problem(409, "out-of-stock", R"(,"missing":[)" + missing + "]");
    }
    for (const auto& l : wanted.lines) mine.lines[l.product_id.str()] = {l.quantity.value, 0};
    move(mine, reply::held);
    return stated(mine.state);
  }
  stub_answer change_reservation(const stub_request& r) {
    const auto path = segments(r.path);
    if (path[2] == "release") {
      auto& mine = reservations[path[1]];
      if (mine.state == reply::none || mine.state == reply::held) move(mine, reply::released);
      return stated(mine.state);
    }
    const auto found = reservations.find(path[1]);
    if (found == reservations.end()) return problem(404, "not-found");
    auto& mine = found->second;
    if (path[2] == "commit" && mine.state == reply::held) move(mine, reply::committed);
    if (path[2] == "return" && mine.state == reply::committed) {
      const auto back = body<return_body>(r);
      if (back.lines && has_repeats(*back.lines)) return problem(400, "bad-request");
      if (!mine.returns.insert(back.refund_id.str()).second) return stated(mine.state);
      if (!back.lines) {
        move(mine, reply::returned);
        return stated(mine.state);
      }
      bool all = true;
      for (const auto& l : *back.lines) {
        auto& line = mine.lines[l.product_id.str()];
        if (line.second + l.quantity > line.first) return problem(409, "return-exceeds");
        line.second += l.quantity;
        items[l.product_id.str()].stock += l.quantity;
      }
      for (const auto& [id, line] : mine.lines) all = all && line.first == line.second;
      if (all) move(mine, reply::returned);
    }
    return stated(mine.state);
  }

  // ---- payment
  stub_answer authorize(const stub_request& r) {
    const auto wanted = body<payment_body>(r);
    auto& p = payments[wanted.payment_id->str()];
    if (p.state == reply::none) {
      p.order = wanted.order_id->str();
      p.amount = *wanted.amount_minor;
      p.token = *wanted.payment_token;
      p.state = p.token == tokens::decline         ? reply::declined
                : p.token == tokens::settle_slowly ? reply::authorizing
                                                   : reply::authorized;
      p.authorized = p.state == reply::authorized;
      return stated(p.state);
    }
    if (p.state == reply::authorizing) {
      p.state = reply::authorized;
      p.authorized = true;
    }
    return stated(p.state);
  }
  stub_answer change_payment(const stub_request& r) {
    const auto path = segments(r.path);
    const auto wanted = body<payment_body>(r);
    if (path[2] == "void") {
      auto& p = payments[path[1]];
      if (p.state == reply::capturing || p.state == reply::captured) {
        return problem(409, "already-captured");
      }
      if (p.state == reply::none) {
        p.order = wanted.order_id->str();
        p.amount = *wanted.amount_minor;
      }
      if (p.state == reply::none || p.state == reply::authorizing || p.state == reply::authorized) {
        p.state = reply::voided;
      }
      return stated(p.state);
    }
    const auto found = payments.find(path[1]);
    if (found == payments.end()) return problem(404, "not-found");
    auto& p = found->second;
    if (path[2] == "capture") {
      if (p.state == reply::authorized && p.token == tokens::refuse_capture) {
        p.state = reply::refused;
      } else if (p.state == reply::authorized && p.token == tokens::settle_slowly) {
        p.state = reply::capturing;
      } else if (p.state == reply::authorized || p.state == reply::capturing) {
        p.state = reply::captured;
        p.captured = p.amount;
        ++p.captures;
      }
      return stated(p.state);
    }
    auto& [state, amount] = p.refunds[wanted.refund_id->str()];
    if (state == reply::none) {
      if (p.token == tokens::refuse_first_refund && !std::exchange(p.refused_one, true)) {
        state = reply::refused;
      } else if (p.state != reply::captured || p.refunded + *wanted.amount_minor > p.captured) {
        p.refunds.erase(wanted.refund_id->str());
        return problem(409, "refund-exceeds");
      } else {
        state = reply::refunded;
        amount = *wanted.amount_minor;
        p.refunded += amount;
      }
    }
    return stated(state);
  }

  // ---- books
  stub_answer books(const testing::http_stub& service, const stub_request& r) {
    stub_answer out{.body = "", .content_type = "application/x-ndjson"};
    if (parameter(r, "checks") == "true") {
      out.body = "{\"checked\":1}\n";
      return out;
    }
    std::map<std::string, std::string> lines;
    if (&service == &inventory) {
      for (const auto& [id, res] : reservations) {
        std::string parts;
        for (const auto& [product_id, line] : res.lines) {
          parts += fmt::format(R"({}{{"product_id":"{}","quantity":{},"returned":{}}})",
                               parts.empty() ? "" : ",", product_id, line.first, line.second);
        }
        if (res.state != reply::none) {
          lines[id] = fmt::format(R"({{"order_id":"{}","state":"{}","lines":[{}]}})", id,
                                  text(res.state), parts);
        }
      }
    } else if (&service == &payment) {
      const auto ours = payments;
      if (between_books) between_books();
      for (const auto& [id, p] : ours) {
        const auto& charged = payments[id];  // the gateway's
        lines[p.order] = fmt::format(
            R"({{"order_id":"{}","payment_id":"{}","state":"{}","amount_minor":{},"captured_minor":{},"refunded_minor":{},"refund_pending_minor":0,)"
            R"("gateway":{{"authorized_minor":{},"captured_minor":{},"voided_minor":{},"refunded_minor":{},"charges":{}}}}})",
            p.order, id, text(p.state), p.amount, p.captured, p.refunded,
            charged.authorized ? charged.amount : 0, charged.captured,
            charged.authorized && charged.state == reply::voided ? charged.amount : 0,
            charged.refunded, charged.authorized ? std::max(1, charged.captures) : 0);
      }
    } else if (&service == &cart) {
      for (const auto& [user, c] : carts) {
        for (const auto& id : c.ordered) {
          lines[id] = fmt::format(R"({{"order_id":"{}","user_id":"{}"}})", id, user);
        }
      }
    } else {
      for (const auto& [id, i] : items) {
        lines[id] = fmt::format(
            R"({{"product_id":"{}","sku":"s","opening_quantity":1,"opening_sent":true}})", id);
      }
    }
    const auto after = parameter(r, "after"), through = parameter(r, "through");
    const auto limit = std::stoul(parameter(r, "limit"));
    std::size_t n = 0;
    for (const auto& [id, line] : lines) {
      if (id <= after || (!through.empty() && id > through)) continue;
      if (n++ == limit) break;
      out.body += line + "\n";
    }
    return out;
  }
};

}  // namespace souk::order::fake
