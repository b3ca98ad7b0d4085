#include "routes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "errors.hpp"
#include "kit/cursor.hpp"

namespace souk::order {
namespace {

// ---------------------------------------------------------------------------------------------
// Requests and responses

struct by_id {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(by_id, (), (id))

struct list_query {
  std::optional<json::integer<1, 100>> limit;
  std::optional<std::string> cursor;
  std::optional<order_state> state;
  std::optional<uuid> user_id;
  std::optional<json::text<1, 100>> q;
};
BOOST_DESCRIBE_STRUCT(list_query, (), (limit, cursor, state, user_id, q))

struct order_page {
  std::vector<order_view> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(order_page, (), (items, next_cursor))

enum class shipping { shipped, delivered };
BOOST_DESCRIBE_ENUM(shipping, shipped, delivered)

struct new_status {
  shipping status;
};
BOOST_DESCRIBE_STRUCT(new_status, (), (status))

constexpr std::int64_t shoppers_page = 24;
constexpr std::int64_t admins_page = 50;
constexpr std::chrono::minutes audit_limit{10};

std::string location(const order_view& o) {
  return "/orders/" + o.id.str();
}

// A shopper's id; nothing for a subject that cannot be one of ours.
std::optional<uuid> shopper_of(const context& ctx) {
  return ctx.who.is_shopper() ? uuid::parse(ctx.who.id) : std::nullopt;
}

// ---------------------------------------------------------------------------------------------
// Handlers

class handlers {
 public:
  explicit handlers(const parts& p) : p_(p) {}

  std::optional<http::problem> refuse_early(const http::header_view& head) const {
    if (!p_.placing.refuses_early(head.get("Idempotency-Key").value_or(""))) return std::nullopt;
    return to_problem(order_error::overloaded);
  }

  task<http::response<order_view>> place(const context& ctx,
                                         http::request<http::none, http::none, new_order> in) {
    const auto user = shopper_of(ctx);
    if (!user) co_return http::problems::forbidden();
    auto o = co_await p_.placing.place(ctx, *user, in.idempotency_key, in.body);
    if (!o) co_return to_problem(o.error());
    if (o->state == order_state::rejected || o->state == order_state::cancelled)
      co_return problem_of_undone(*o);
    const int status = is_being_placed(o->state) ? 202 : 201;
    const auto where = location(*o);
    co_return http::response<order_view>::with_status(status, std::move(*o))
        .header("Location", where);
  }

  task<http::response<order_page>> list(const context& ctx,
                                        http::request<http::none, list_query> in) {
    const auto& q = in.query;
    if (!ctx.who.is_admin() && (q.state || q.user_id || q.q)) {
      const auto* name = q.state ? "state" : q.user_id ? "user_id" : "q";
      co_return http::problems::bad_request(name, "is for administrators");
    }
    repository::list_filter filter{.user = ctx.who.is_admin() ? q.user_id : shopper_of(ctx),
                                   .state = q.state};
    if (q.q) filter.text = *q.q;
    if (!ctx.who.is_admin() && !filter.user) co_return order_page{};

    const auto name = fmt::format("orders|{}|{}|{}", filter.user ? filter.user->str() : "",
                                  filter.state ? json::enum_text(*filter.state) : "", filter.text);
    uuid before;
    before.bytes.fill(0xff);
    if (q.cursor) {
      const auto key = decode_cursor(name, *q.cursor, 1);
      const auto id = key ? uuid::parse(key->front()) : std::nullopt;
      if (!id) co_return http::problems::bad_request("cursor", "must be a cursor of this list");
      before = *id;
    }
    const auto limit = static_cast<std::size_t>(q.limit              ? q.limit->value
                                                : ctx.who.is_admin() ? admins_page
                                                                     : shoppers_page);
    auto rows = co_await p_.orders.list(ctx, filter, before, limit + 1);
    order_page page;
    for (std::size_t i = 0; i < std::min(limit, rows.size()); ++i) page.items.push_back(rows[i]);
    if (rows.size() > limit) page.next_cursor = encode_cursor(name, {page.items.back().id.str()});
    co_return page;
  }

  task<http::response<order_view>> get(const context& ctx, http::request<by_id> in) {
    auto o = co_await visible(ctx, in.path.id);
    if (!o) co_return to_problem(order_error::not_found);
    co_return std::move(*o);
  }

  task<std::optional<http::problem>> events(const context& ctx, http::request<by_id> in,
                                            http::event_stream& out) {
    const auto o = co_await visible(ctx, in.path.id);
    if (!o) co_return to_problem(order_error::not_found);
    co_await p_.timeline.stream(*o, out);
    co_return std::nullopt;
  }

  task<http::response<order_view>> cancel(const context& ctx, http::request<by_id> in) {
    const auto id = in.path.id;
    if (!co_await visible(ctx, id)) co_return to_problem(order_error::not_found);
    // After an unknown outcome the row tells, as it does when someone else has wished the same.
    bool unknown = false;
    try {
      if (co_await p_.orders.request_cancel(ctx, id)) p_.worker.wake();
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    auto o = co_await p_.orders.find(ctx, id);
    if (!o->cancel_requested) {
      if (unknown) throw pg::unavailable("it is not known whether the wish was stored");
      co_return to_problem(order_error::not_cancellable);
    }
    co_return http::response<order_view>::with_status(202, std::move(*o))
        .header("Location", "/orders/" + id.str());
  }

  task<http::response<refund>> pay_back(const context& ctx,
                                        http::request<by_id, http::none, new_refund> in) {
    if (!co_await p_.orders.find(ctx, in.path.id)) co_return to_problem(order_error::not_found);
    auto r = co_await p_.refunds.request(ctx, in.path.id, in.idempotency_key, in.body);
    if (!r) co_return to_problem(r.error());
    if (r->state == refund_state::refused) co_return problem_of_refused(*r);
    const int status = r->state == refund_state::done ? 201 : 202;
    const auto where = "/orders/" + in.path.id.str();
    co_return http::response<refund>::with_status(status, std::move(*r)).header("Location", where);
  }

  task<http::response<order_view>> mark(const context& ctx,
                                        http::request<by_id, http::none, new_status> in) {
    const bool ship = in.body.status == shipping::shipped;
    const auto from = ship ? order_state::confirmed : order_state::shipped;
    const auto to = ship ? order_state::shipped : order_state::delivered;
    if (!co_await p_.orders.find(ctx, in.path.id)) co_return to_problem(order_error::not_found);
    bool unknown = false;
    try {
      co_await p_.orders.mark(ctx, in.path.id, from, to);
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    // A repeat finds it done.
    auto o = co_await p_.orders.find(ctx, in.path.id);
    if (o->state != to) {
      if (unknown) throw pg::unavailable("it is not known whether the state was stored");
      co_return to_problem(order_error::wrong_state);
    }
    co_return std::move(*o);
  }

  task<http::response<audit_result>> compare_books(const context& ctx, http::request<>) {
    co_return co_await p_.audit.compare(ctx);
  }

 private:
  // Another's order is as if it did not exist.
  task<std::optional<order_record>> visible(const context& ctx, uuid id) {
    auto o = co_await p_.orders.find(ctx, id);
    if (o && !ctx.who.is_admin() && o->user_id != shopper_of(ctx)) o.reset();
    co_return o;
  }

  parts p_;
};

}  // namespace

void add_routes(http::router& routes, const parts& p) {
  auto h = std::make_shared<handlers>(p);
  const auto owner_or_admin = http::shopper | http::admin;

  routes.on<http::request<http::none, http::none, new_order>, order_view>(
      {.method = http::method::post,
       .path = "/orders",
       .summary = "Order what is in the cart",
       .who = http::shopper,
       .key = http::idempotency::required,
       .refuse_early = [h](const http::header_view& head) { return h->refuse_early(head); }},
      [h](context& ctx, http::request<http::none, http::none, new_order> in) {
        return h->place(ctx, std::move(in));
      });
  routes.on<http::request<http::none, list_query>, order_page>(
      {.method = http::method::get,
       .path = "/orders",
       .summary = "Orders, newest first; administrators filter by state, user_id and q",
       .who = owner_or_admin},
      [h](context& ctx, http::request<http::none, list_query> in) {
        return h->list(ctx, std::move(in));
      });
  routes.on<http::request<by_id>, order_view>(
      {.method = http::method::get,
       .path = "/orders/{id}",
       .summary = "One order",
       .who = owner_or_admin},
      [h](context& ctx, http::request<by_id> in) { return h->get(ctx, std::move(in)); });
  routes.on_events<http::request<by_id>>(
      {.method = http::method::get,
       .path = "/orders/{id}/events",
       .summary =
           "The timeline of an order, live; ends when it is delivered, rejected or cancelled",
       .who = owner_or_admin},
      [h](context& ctx, http::request<by_id> in, http::event_stream& out) {
        return h->events(ctx, std::move(in), out);
      });
  routes.on<http::request<by_id>, order_view>(
      {.method = http::method::post,
       .path = "/orders/{id}/cancel",
       .summary = "Cancel an order that is not shipped",
       .who = owner_or_admin},
      [h](context& ctx, http::request<by_id> in) { return h->cancel(ctx, std::move(in)); });
  routes.on<http::request<by_id, http::none, new_refund>, refund>(
      {.method = http::method::post,
       .path = "/orders/{id}/refunds",
       .summary = "Pay back a part of an order, and restock lines",
       .who = http::admin,
       .key = http::idempotency::required},
      [h](context& ctx, http::request<by_id, http::none, new_refund> in) {
        return h->pay_back(ctx, std::move(in));
      });
  routes.on<http::request<by_id, http::none, new_status>, order_view>(
      {.method = http::method::patch,
       .path = "/orders/{id}/status",
       .summary = "Mark an order shipped or delivered",
       .who = http::admin},
      [h](context& ctx, http::request<by_id, http::none, new_status> in) {
        return h->mark(ctx, std::move(in));
      });
  routes.on<http::request<>, audit_result>(
      {.method = http::method::get,
       .path = "/audit",
       .summary = "Compare the books of all services, order by order",
       .who = http::admin,
       .time_limit = audit_limit},
      [h](context& ctx, http::request<> in) { return h->compare_books(ctx, std::move(in)); });
}

}  // namespace souk::order
