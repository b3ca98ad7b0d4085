// Order-service's statements on PostgreSQL against the model's, in every state of an order's row,
// by workers with and without the lease.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "naming.hpp"
#include "order-service/repository.hpp"
#include "statements.hpp"

namespace souk::order {
extern const std::span<const pg::migration> migrations;
}

namespace souk::model {
namespace {

using namespace std::chrono_literals;
using order::order_state;
using order::step;

constexpr pg::statement set_row{"set_row", R"(
  UPDATE orders SET state = $2, step = $3, reason = $4, cancel_requested = $5, refunded_minor = $6,
    due_at = CASE WHEN NOT $7 THEN now() + $8::bigint * interval '1 h' END,
    unfinished_since = CASE WHEN NOT $7 THEN now() END, token = 5, version = 7
  WHERE id = $1)"};
constexpr pg::statement put_refund{"put_refund", R"(
  INSERT INTO refunds (id, order_id, idempotency_key, request_hash, state, amount_minor, reason,
                       lines, cancellation)
  VALUES ($1, $2, CASE WHEN NOT $5 THEN 'key' END, 'hash', $3, $4, 'reason', '[]', $5))"};
constexpr pg::statement put_all_off{"put_all_off", R"(
  UPDATE orders SET due_at = now() + interval '1 h' WHERE due_at IS NOT NULL)"};

struct found_lease {
  bool rests = false, due = false;
  std::int64_t token = 0, version = 0;
  std::int64_t events = 0;  // after the first
};
BOOST_DESCRIBE_STRUCT(found_lease, (), (rests, due, token, version, events))
constexpr pg::statement read_lease{"read_lease", R"(
  SELECT due_at IS NULL AND unfinished_since IS NULL AS rests, coalesce(due_at <= now(), false) AS due,
         token, version, (SELECT count(*) - 1 FROM order_events WHERE order_id = o.id) AS events
  FROM orders o WHERE id = $1)"};

struct world {
  explicit world(event_loop& loop)
      : db(loop, pg::settings{.url = testing::fresh_database(order::migrations)}),
        store(db, db, 1h) {}
  pg::pool db;
  order::repository store;
};

// The row, and a worker that has seen it with this token and version.
struct one_case {
  order_row start;
  fence has;
  bool due = false;
  uuid id = uuid::v7();
};

struct operation {
  std::string name;
  std::function<task<bool>(world&, const context&, order::order_record)> real;
  std::function<bool(order_row&, fence)> modelled;
  bool by_worker = true;  // whose fence it checks
  bool rests_afterwards = false;
};

task<bool> real_save(world& w, const context& ctx, order::order_record seen, order::move m) {
  co_return co_await w.store.save(ctx, seen, m, {});
}
task<bool> real_cancellation(world& w, const context& ctx, order::order_record seen,
                             order::move m) {
  co_return co_await w.store.save_cancellation(ctx, seen, m);
}
task<bool> real_rest(world& w, const context& ctx, order::order_record seen) {
  co_return co_await w.store.rest(ctx, seen);
}
task<bool> real_wish(world& w, const context& ctx, order::order_record seen) {
  co_return co_await w.store.request_cancel(ctx, seen.id);
}
task<bool> real_mark(world& w, const context& ctx, order::order_record seen, order_state from,
                     order_state to) {
  co_return co_await w.store.mark(ctx, seen.id, from, to);
}
task<bool> real_wish_to_refund(world& w, const context& ctx, order::order_record seen, int amount,
                               int pieces) {
  order::refund r{
      .id = uuid::v7(), .order_id = seen.id, .amount_minor = amount, .reason = "reason"};
  if (pieces > 0) r.lines.push_back({seen.lines.front().product_id, {pieces}});
  const auto key = r.id.str();
  const auto made = co_await w.store.request_refund(ctx, r, key, "hash");
  co_return made.has_value();
}

operation saving(std::string name, order::move m) {
  return {"save_move " + name,
          [m](world& w, const context& ctx, order::order_record seen) {
            return real_save(w, ctx, std::move(seen), m);
          },
          [m](order_row& o, fence f) {
            // A refund's state is changed only if there is one under way.
            auto changed = m;
            const auto v = o.view();
            if (!order::open_refund(v)) changed.refund.reset();
            return save_move(o, f, changed);
          }};
}
operation marking(order_state from, order_state to) {
  return {fmt::format("mark_order {}", json::enum_text(to)),
          [=](world& w, const context& ctx, order::order_record seen) {
            return real_mark(w, ctx, std::move(seen), from, to);
          },
          [=](order_row& o, fence) { return mark_order(o, from, to); }, false};
}
operation paying_back(int amount, int pieces) {
  return {fmt::format("wish_to_refund {} with {} pieces", amount, pieces),
          [=](world& w, const context& ctx, order::order_record seen) {
            return real_wish_to_refund(w, ctx, std::move(seen), amount, pieces);
          },
          [=](order_row& o, fence) { return wish_to_refund(o, amount, pieces); }, false};
}

std::vector<operation> operations() {
  using enum order_state;
  const order::move cancelling{.state = refunding, .next = step::refund, .event = "refunding"};
  return {
      saving("to the next step",
             {.state = authorized, .next = step::commit, .event = "authorized"}),
      saving("turning around", {.state = reserved,
                                .next = step::release_stock,
                                .event = "undoing",
                                .reason = order::reasons::payment_declined}),
      saving("to rest", {.state = confirmed, .rest = true, .event = "confirmed"}),
      saving("without a step", {.state = confirmed, .event = "refund-refused"}),
      saving("of a refund that is paid", {.state = confirmed,
                                          .next = step::restock,
                                          .event = "refunded",
                                          .refund = order::refund_state::restocking}),
      saving("of a refund that is done",
             {.state = confirmed, .event = "refunded", .refund = order::refund_state::done}),
      saving("of a refund that is refused",
             {.state = confirmed, .event = "refused", .refund = order::refund_state::refused}),
      {"save_cancellation_move",
       [cancelling](world& w, const context& ctx, order::order_record seen) {
         return real_cancellation(w, ctx, std::move(seen), cancelling);
       },
       [cancelling](order_row& o, fence f) { return save_cancellation_move(o, f, cancelling); }},
      {"rest_order", real_rest, [](order_row& o, fence f) { return rest_order(o, f); }},
      {"wish_to_cancel", real_wish, [](order_row& o, fence) { return wish_to_cancel(o); }, false},
      marking(confirmed, shipped),
      marking(shipped, delivered),
      paying_back(1, 0),
      paying_back(total, total),
      paying_back(total + 1, 0),
      paying_back(1, total + 1),
  };
}

// Rows that the table's constraints admit, each with and without refunds.
std::vector<order_row> states() {
  using enum order_state;
  std::vector<order_row> all;
  for (const auto s : {pending, reserved, authorized, committed, captured, confirmed, shipped,
                       delivered, rejected, refunding, restocking, cancelled}) {
    const bool undone = s == rejected || s == cancelled;
    for (const auto why : {reason::none, reason::hold_expired}) {
      if (undone && why == reason::none) continue;
      for (const bool wish : {false, true}) {
        for (const bool rests : {false, true}) {
          if (undone && !rests) continue;
          order_row o{.state = s, .step = {}, .why = why, .cancel_requested = wish, .rests = rests};
          if (!rests) o.step = step::commit;
          all.push_back(o);
          if (s < confirmed || undone) continue;
          for (const auto r : {order::refund_state::refunding, order::refund_state::restocking,
                               order::refund_state::done, order::refund_state::refused}) {
            auto with = o;
            with.refund_count = 1;
            with.refunds[0] = {.state = r, .id = max_refunds, .amount = 1};
            const bool paid =
                r == order::refund_state::restocking || r == order::refund_state::done;
            with.refunded = paid ? 1 : 0;
            all.push_back(with);
          }
        }
      }
    }
  }
  return all;
}

std::string show(const order_row& o) {
  std::string out = fmt::format("{}, refunded {}", describe(o), o.refunded);
  for (int i = 0; i < o.refund_count; ++i) {
    out += fmt::format(", {}{} pieces", o.refunds[i].cancellation ? "cancellation " : "",
                       o.refunds[i].pieces);
  }
  return out;
}

// Gives what the worker of this case has seen.
task<order::order_record> put(world& w, const context& ctx, const one_case& c) {
  const auto& s = c.start;
  order::order_record o;
  o.id = c.id;
  o.user_id = c.id;
  o.idempotency_key = o.request_hash = o.id.str();
  o.currency = "USD";
  o.total_minor = total;
  o.lines = {{uuid::v7(), "SKU", "Name", std::nullopt, total, 1, total}};
  o.address.name = std::string("Name");
  o.address.line1 = std::string("Street 1");
  o.address.city = std::string("City");
  o.address.postal_code = std::string("1");
  o.address.country = std::string("NO");
  o.payment_id = uuid::v7();
  EXPECT_TRUE(co_await w.store.place(ctx, o, o.id.str()));
  std::optional<std::string> why;
  if (s.why != reason::none) why = std::string(text_of(s.why));
  co_await w.db.execute(ctx, set_row, c.id, s.state, s.step, why, s.cancel_requested, s.refunded,
                        s.rests, c.due ? -1 : 1);
  for (int i = 0; i < s.refund_count; ++i) {
    const auto& r = s.refunds[i];
    // Before a cancellation's, which is a hash and may have any first byte.
    auto earlier = uuid::v7();
    std::fill_n(earlier.bytes.begin(), 6, std::uint8_t{0});
    co_await w.db.execute(ctx, put_refund, earlier, c.id, r.state, r.amount, r.cancellation);
  }
  auto seen = (co_await w.store.find(ctx, c.id)).value();
  if (!c.has.token) --seen.token;
  if (!c.has.version) --seen.version;
  co_return seen;
}

task<order_row> read(world& w, const context& ctx, uuid id) {
  const auto o = (co_await w.store.find(ctx, id)).value();
  const auto lease = (co_await w.db.query_one<found_lease>(ctx, read_lease, id)).value();
  order_row row{.state = o.state,
                .step = o.step,
                .why = reason_of(o.reason.value_or("")),
                .cancel_requested = o.cancel_requested,
                .rests = lease.rests,
                .refunded = static_cast<int>(o.refunded_minor)};
  for (const auto& r : o.refunds) {
    row.refunds[row.refund_count++] = {
        .state = r.state,
        .amount = static_cast<int>(r.amount_minor),
        .pieces = r.lines.empty() ? 0 : static_cast<int>(r.lines.front().quantity.value),
        .cancellation = r.cancellation};
  }
  co_return row;
}

task<> compare(world& w, const context& ctx, const operation& op, const one_case& c) {
  auto modelled = c.start;
  const bool expected = op.modelled(modelled, c.has);
  auto seen = co_await put(w, ctx, c);
  const auto where = fmt::format("{} in: {} (token {}, version {})", op.name, show(c.start),
                                 c.has.token ? "held" : "lost", c.has.version ? "seen" : "newer");
  EXPECT_EQ(co_await op.real(w, ctx, std::move(seen)), expected) << where;
  EXPECT_EQ(show(co_await read(w, ctx, c.id)), show(modelled)) << where;
  const auto lease = (co_await w.db.query_one<found_lease>(ctx, read_lease, c.id)).value();
  // Only claiming changes the token; every change but coming to rest has a version and an event.
  EXPECT_EQ(lease.token, 5) << where;
  const bool event = expected && op.name != "rest_order";
  EXPECT_EQ(lease.version, event ? 8 : 7) << where;
  EXPECT_EQ(lease.events, event ? 1 : 0) << where;
}

TEST(order_statements, are_as_modelled_in_every_state) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    for (const auto& op : operations()) {
      for (const auto& start : states()) {
        for (const auto has : {fence{true, true}, fence{false, true}, fence{true, false}}) {
          if (!op.by_worker && !(has.token && has.version)) continue;
          // No worker moves an order that is at rest: the table itself refuses that.
          const bool undone =
              start.state == order_state::rejected || start.state == order_state::cancelled;
          if (undone && op.by_worker) continue;
          if (op.name == "rest_order" && start.step) continue;  // likewise
          if (op.by_worker && op.name != "rest_order" && start.rests) continue;
          co_await compare(w, ctx, op, {start, has});
        }
      }
    }
  });
}

// claim_orders takes what is due and nothing else, and shuts out whoever had it before.
TEST(order_statements, claim_what_is_due_and_change_nothing_else) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    for (const auto& start : states()) {
      for (const bool due : {true, false}) {
        const one_case c{start, {}, due};
        const auto seen = co_await put(w, ctx, c);
        const auto taken = co_await w.store.claim(ctx, 10);
        const bool expected = due && is_due(start);
        const auto where = fmt::format("{}{}", show(start), due ? ", due" : "");
        EXPECT_EQ(taken.size(), expected ? 1u : 0u) << where;
        EXPECT_EQ(show(co_await read(w, ctx, c.id)), show(start)) << where;
        if (expected && !taken.empty()) {
          EXPECT_EQ(taken.front().id, c.id) << where;
          EXPECT_GT(taken.front().token, seen.token) << where;
          EXPECT_EQ(taken.front().version, seen.version) << where;
          EXPECT_FALSE(co_await w.store.find_leased(ctx, seen)) << where;
          EXPECT_TRUE(co_await w.store.find_leased(ctx, taken.front())) << where;
          EXPECT_TRUE((co_await w.store.claim(ctx, 10)).empty()) << where;
        }
        co_await w.db.execute(ctx, put_all_off);
      }
    }
  });
}

// A worker without the lease gives no lease up, either.
TEST(order_statements, that_put_off_act_under_the_token_only) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    for (const bool token : {true, false}) {
      for (const bool flag : {true, false}) {
        const one_case c{{}, {token, true}};
        const auto seen = co_await put(w, ctx, c);
        if (flag) {
          co_await w.store.flag(ctx, seen, -1h);
        } else {
          co_await w.store.postpone(ctx, seen, -1h);
        }
        const auto lease = (co_await w.db.query_one<found_lease>(ctx, read_lease, c.id)).value();
        EXPECT_EQ(lease.due, token) << flag;
        EXPECT_EQ(show(co_await read(w, ctx, c.id)), show(c.start)) << flag;
      }
    }
  });
}

// open_refund() takes the one with the lowest identifier to be the one under way. So a refund that
// is wished for later must have a higher one, whatever the clocks of those who wish for it say.
TEST(order_statements, give_a_later_refund_a_later_identifier) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    order_row sold{.state = order_state::confirmed, .step = {}, .rests = true};
    const one_case c{sold, {}};
    co_await put(w, ctx, c);
    order::refund early{.id = uuid::v7(), .order_id = c.id, .amount_minor = 1, .reason = "reason"};
    auto late = early;
    late.id = uuid::v7();
    while (late.id < early.id) late.id = uuid::v7();
    const auto first = co_await w.store.request_refund(ctx, late, "key 1", "hash");
    const auto second = co_await w.store.request_refund(ctx, early, "key 2", "hash");
    EXPECT_TRUE(first && second);
    const auto now = (co_await w.store.find(ctx, c.id)).value();
    EXPECT_EQ(now.refunds.size(), 2u);
    EXPECT_EQ(order::open_refund(now)->id, first.value().id);
  });
}

}  // namespace
}  // namespace souk::model
