#include "partners.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "config.hpp"

namespace souk::order {
namespace {

struct items_of_products {
  std::vector<product> items;
};
BOOST_DESCRIBE_STRUCT(items_of_products, (), (items))

struct items_of_stock {
  std::vector<stock_level> items;
};
BOOST_DESCRIBE_STRUCT(items_of_stock, (), (items))

struct order_lines {
  uuid order_id;
  std::vector<quantity_of> lines;
};
BOOST_DESCRIBE_STRUCT(order_lines, (), (order_id, lines))

struct return_lines {
  uuid refund_id;
  std::optional<std::vector<quantity_of>> lines;  // nothing: all that is left
};
BOOST_DESCRIBE_STRUCT(return_lines, (), (refund_id, lines))

struct payment_order {
  uuid payment_id;
  uuid order_id;
  uuid user_id;
  minor_units amount_minor = 0;
  std::string currency;
  std::string payment_token;
};
BOOST_DESCRIBE_STRUCT(payment_order, (),
                      (payment_id, order_id, user_id, amount_minor, currency, payment_token))

struct capture_order {
  uuid order_id;
};
BOOST_DESCRIBE_STRUCT(capture_order, (), (order_id))

struct void_order {
  uuid order_id;
  uuid user_id;
  minor_units amount_minor = 0;
  std::string currency;
};
BOOST_DESCRIBE_STRUCT(void_order, (), (order_id, user_id, amount_minor, currency))

struct refund_order {
  uuid refund_id;
  minor_units amount_minor = 0;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(refund_order, (), (refund_id, amount_minor, reason))

struct stated {
  reply state = reply::none;
  std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(stated, (), (state, reason))

struct shortage {
  uuid product_id;
  std::int64_t requested = 0, available = 0;
};
BOOST_DESCRIBE_STRUCT(shortage, (), (product_id, requested, available))

std::vector<quantity_of> quantities(const order_record& o) {
  std::vector<quantity_of> out;
  for (const auto& line : o.lines) out.push_back({line.product_id, {line.quantity}});
  return out;
}

std::string joined(const std::vector<uuid>& ids) {
  std::string out;
  for (const auto& id : ids) out += (out.empty() ? "" : ",") + id.str();
  return out;
}

// "Blue mug (2 wanted, 1 left)"
std::string describe(const std::vector<shortage>& missing, const order_record& o) {
  std::string out;
  for (const auto& m : missing) {
    const auto line = std::ranges::find(o.lines, m.product_id, &order_line::product_id);
    if (line == o.lines.end()) continue;
    if (!out.empty()) out += ", ";
    out += fmt::format("{} ({} wanted, {} left)", line->name, m.requested, m.available);
  }
  return out;
}

// What a refusal says about the step itself; throws when it says nothing.
answer refused(const std::string& upstream, const http::refusal& r) {
  if (r.status == 400 || r.status == 409 || r.status == 422) return {reply::not_accepted, r.type};
  throw http::call_failed(upstream, fmt::format("refused with {} {}", r.status, r.type), false);
}

// The same for a path that names a reservation or a payment: that is the only thing there that can
// be missing. A 404 of another kind (of a proxy, say) tells nothing.
answer refused_or_missing(const std::string& upstream, const http::refusal& r) {
  if (r.status == 404 && r.type == "not-found") return {reply::none};
  return refused(upstream, r);
}

http::upstream upstream(std::string name, const std::string& url, const std::string& secret) {
  return {.name = std::move(name), .url = url, .headers = {{"Souk-Service", "order:" + secret}}};
}

}  // namespace

partners::partners(event_loop& loop, const config& c, const std::string& secret)
    : cart_(loop, upstream("cart", c.cart_url, secret)),
      product_(loop, upstream("product", c.product_url, secret)),
      inventory_(loop, upstream("inventory", c.inventory_url, secret)),
      payment_(loop, upstream("payment", c.payment_url, secret)),
      step_timeout_(c.step_timeout) {}

// ---------------------------------------------------------------------------------------------

task<cart> partners::cart_of(const context& ctx, uuid user) {
  auto got = co_await cart_.call_for<cart>(ctx, http::get("/cart/" + user.str()));
  if (!got)
    throw http::call_failed("cart", fmt::format("refused with {}", got.error().status), false);
  co_return std::move(*got);
}

task<json::raw> partners::whole_cart_of(const context& ctx, uuid user) {
  auto got = co_await cart_.send(ctx, http::get("/cart/" + user.str()));
  if (got.status != 200) {
    throw http::call_failed("cart", fmt::format("refused with {}", got.status), false);
  }
  co_return json::raw{std::move(got.body)};
}

task<std::vector<product>> partners::products(const context& ctx, const std::vector<uuid>& ids) {
  auto got =
      co_await product_.call_for<items_of_products>(ctx, http::get("/products?ids=" + joined(ids)));
  if (!got) {
    throw http::call_failed("product", fmt::format("refused with {}", got.error().status), false);
  }
  co_return std::move(got->items);
}

task<std::vector<stock_level>> partners::stock_of(const context& ctx,
                                                  const std::vector<uuid>& ids) {
  auto got =
      co_await inventory_.call_for<items_of_stock>(ctx, http::get("/inventory?ids=" + joined(ids)));
  if (!got) {
    throw http::call_failed("inventory", fmt::format("refused with {}", got.error().status), false);
  }
  co_return std::move(got->items);
}

// ---------------------------------------------------------------------------------------------

task<answer> partners::perform(const context& ctx, const order_record& o) {
  if (!o.step) throw std::logic_error("an order without a step");
  const auto reservation = "/reservations/" + o.id.str();
  const auto payment = "/payments/" + o.payment_id.str();
  switch (*o.step) {
    case step::reserve:
      return reserve(ctx, o);
    case step::authorize:
      return authorize(ctx, o);
    case step::commit:
      return change_reservation(ctx, reservation + "/commit", "");
    case step::capture:
      return change_payment(ctx, payment + "/capture", json::write(capture_order{o.id}));
    case step::clear_cart:
      return clear_cart(ctx, o);
    case step::void_payment:
      return change_payment(ctx, payment + "/void",
                            json::write(void_order{o.id, o.user_id, o.total_minor, o.currency}));
    case step::release_stock:
      return change_reservation(ctx, reservation + "/release", "");
    case step::return_stock:
      return change_reservation(
          ctx, reservation + "/return",
          json::write(return_lines{uuid::derived("undo", o.id.str()), std::nullopt}));
    case step::refund:
      return pay_back(ctx, o);
    case step::restock: {
      const refund* r = open_refund(o);
      if (!r) throw std::logic_error("nothing to restock");
      return_lines back{r->id, std::nullopt};
      if (!r->cancellation) back.lines = r->lines;
      return change_reservation(ctx, reservation + "/return", json::write(back));
    }
  }
  throw std::logic_error("no such step");
}

task<answer> partners::reserve(const context& ctx, const order_record& o) {
  auto got = co_await inventory_.call_for<stated>(
      ctx, http::post("/reservations", order_lines{o.id, quantities(o)}).within(step_timeout_));
  if (got) co_return answer{got->state};
  if (got.error().type == "out-of-stock") {
    const auto missing = got.error().extension<std::vector<shortage>>("missing");
    co_return answer{reply::none, missing ? describe(*missing, o) : ""};
  }
  co_return refused("inventory", got.error());
}

task<answer> partners::change_reservation(const context& ctx, std::string path, std::string body) {
  auto got = co_await inventory_.call_for<stated>(ctx, http::call{.method = http::method::post,
                                                                  .path = std::move(path),
                                                                  .body = std::move(body),
                                                                  .timeout = step_timeout_});
  if (got) co_return answer{got->state};
  co_return refused_or_missing("inventory", got.error());
}

task<answer> partners::authorize(const context& ctx, const order_record& o) {
  const payment_order body{o.payment_id,  o.id,       o.user_id,
                           o.total_minor, o.currency, o.payment_token};
  auto got = co_await payment_.call_for<stated>(
      ctx, http::post("/payments/process", body).within(step_timeout_));
  if (!got) co_return refused("payment", got.error());
  co_return answer{got->state, got->reason.value_or("")};
}

task<answer> partners::change_payment(const context& ctx, std::string path, std::string body) {
  auto got = co_await payment_.call_for<stated>(ctx, http::call{.method = http::method::post,
                                                                .path = std::move(path),
                                                                .body = std::move(body),
                                                                .timeout = step_timeout_});
  if (!got) co_return refused_or_missing("payment", got.error());
  co_return answer{got->state, got->reason.value_or("")};
}

task<answer> partners::pay_back(const context& ctx, const order_record& o) {
  const refund* r = open_refund(o);
  if (!r) throw std::logic_error("nothing to refund");
  auto got = co_await change_payment(ctx, "/payments/" + o.payment_id.str() + "/refund",
                                     json::write(refund_order{r->id, r->amount_minor, r->reason}));
  if (got.got == reply::refused) got.got = reply::refund_refused;
  co_return got;
}

task<answer> partners::clear_cart(const context& ctx, const order_record& o) {
  auto got = co_await cart_.call_for<http::none>(
      ctx, http::post("/cart/" + o.user_id.str() + "/ordered", order_lines{o.id, quantities(o)})
               .within(step_timeout_));
  if (!got) co_return refused("cart", got.error());
  co_return answer{reply::cleared};
}

// ---------------------------------------------------------------------------------------------

http::client& partners::client_for(std::string_view service) {
  for (auto* c : {&cart_, &product_, &inventory_, &payment_}) {
    if (c->name() == service) return *c;
  }
  throw std::logic_error("no such partner");
}

task<> partners::books(const context& ctx, std::string_view service, std::string query,
                       std::function<void(std::string_view)> line) {
  auto& client = client_for(service);
  co_await client.stream_lines(ctx, http::get("/books?" + query).within(std::chrono::seconds(60)),
                               std::move(line));
}

}  // namespace souk::order
