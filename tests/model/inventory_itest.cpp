// Inventory's statements on PostgreSQL against the model's, in every state of a reservation.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "inventory-service/repository.hpp"
#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "naming.hpp"
#include "statements.hpp"

namespace souk::inventory {
extern const std::span<const pg::migration> migrations;
}

namespace souk::model {
namespace {

using inventory::failure;
using inventory::reservation_state;
using namespace std::chrono_literals;

constexpr pg::statement put_stock{"put_stock", R"(
  INSERT INTO stock (product_id, on_hand, reserved) VALUES ($1, $2, $3))"};
constexpr pg::statement put_reservation{"put_reservation", R"(
  INSERT INTO reservations (order_id, state, expires_at)
  VALUES ($1, $2, now() + $3::bigint * interval '1 s'))"};
constexpr pg::statement put_line{"put_line", R"(
  INSERT INTO reservation_lines (order_id, product_id, quantity, returned) VALUES ($1, $2, $3, $4))"};
constexpr pg::statement end_all_holds{"end_all_holds", R"(
  UPDATE reservations SET expires_at = now() + interval '1 h' WHERE state = 'held')"};

struct found_rows {
  std::optional<reservation_state> state;
  std::int64_t lines = 0;
  std::optional<std::int64_t> returned;
  std::int64_t on_hand = 0, reserved = 0;
};
BOOST_DESCRIBE_STRUCT(found_rows, (), (state, lines, returned, on_hand, reserved))
constexpr pg::statement read_rows{"read_rows", R"(
  SELECT r.state, count(l.product_id) AS lines, sum(l.returned)::bigint AS returned,
         s.on_hand, s.reserved
  FROM stock s LEFT JOIN reservations r ON r.order_id = $1
  LEFT JOIN reservation_lines l ON l.order_id = r.order_id
  WHERE s.product_id = $2 GROUP BY r.state, s.on_hand, s.reserved)"};

// What is answered: a state or a failure.
using said = std::variant<reservation_state, failure>;
std::string name_of(const said& s) {
  if (const auto* state = std::get_if<reservation_state>(&s)) {
    return std::string(json::enum_text(*state));
  }
  return fmt::format("failure {}", static_cast<int>(std::get<failure>(s)));
}
said said_by(const inventory::outcome<inventory::reservation>& r) {
  if (r) return r->state;
  return r.error().what;
}

said state_in(const stock_rows& r) {
  if (!r.state) return failure::not_found;
  return *r.state;
}

struct world {
  explicit world(event_loop& loop)
      : db(loop, pg::settings{.url = testing::fresh_database(inventory::migrations)}),
        store(db, db, 15min) {}
  pg::pool db;
  inventory::repository store;
};

struct one_case {
  uuid order = uuid::v7(), product = uuid::v7();
  std::vector<inventory::line> lines() const { return {{product, total}}; }
};

// A call as it is served when nothing comes in between.
struct operation {
  std::string name;
  std::function<task<said>(world&, const context&, const one_case&)> real;
  std::function<said(stock_rows&)> modelled;
};

task<said> real_reserve(world& w, const context& ctx, const one_case& c) {
  const auto lines = c.lines();
  co_return said_by(co_await w.store.reserve(ctx, c.order, lines));
}
task<said> real_commit(world& w, const context& ctx, const one_case& c) {
  co_return said_by(co_await w.store.commit(ctx, c.order));
}
task<said> real_release(world& w, const context& ctx, const one_case& c) {
  co_return (co_await w.store.release(ctx, c.order)).state;
}
task<said> real_return(world& w, const context& ctx, const one_case& c, int key,
                       std::optional<int> pieces) {
  std::optional<std::vector<inventory::line>> lines;
  if (pieces) lines = {{c.product, *pieces}};
  const auto refund = uuid::derived("key", std::to_string(key) + c.order.str());
  co_return said_by(co_await w.store.give_back(ctx, c.order, refund, lines));
}
// The sweeper passes over a row that a transaction is still rolling back from: it comes again.
task<said> real_expire(world& w, const context& ctx, const one_case& c) {
  for (int tries = 0;; ++tries) {
    co_await w.store.expire_one(ctx);
    const auto found = co_await w.store.find_reservation(ctx, c.order);
    if (tries == 100 || said_by(found) != said(reservation_state::held)) co_return said_by(found);
    co_await sleep_for(5ms);
  }
}

said modelled_return(stock_rows& r, int key, std::optional<int> pieces) {
  if (const auto failed = give_back(r, key, pieces)) return *failed;
  return *r.state;
}

operation returning(std::string name, int key, std::optional<int> pieces) {
  return {std::move(name),
          [key, pieces](world& w, const context& ctx, const one_case& c) {
            return real_return(w, ctx, c, key, pieces);
          },
          [key, pieces](stock_rows& r) { return modelled_return(r, key, pieces); }};
}

std::vector<operation> operations() {
  return {
      {"reserve", real_reserve,
       [](stock_rows& r) -> said {
         if (reserve(r, r.on_hand - r.reserved >= total) == reserve_result::out_of_stock) {
           return failure::out_of_stock;
         }
         return *r.state;
       }},
      {"commit", real_commit,
       [](stock_rows& r) {
         settle_held(r, reservation_state::committed);
         return state_in(r);
       }},
      {"release", real_release,
       [](stock_rows& r) {
         if (!settle_held(r, reservation_state::released)) insert_released(r);
         return state_in(r);
       }},
      returning("return of all", undo_key, std::nullopt),
      returning("return of 1", 0, 1),
      returning("return of 2", 1, 2),
      {"expire", real_expire,
       [](stock_rows& r) {
         settle_held(r, reservation_state::expired);
         return state_in(r);
       }},
  };
}

std::vector<stock_rows> states() {
  using enum reservation_state;
  return {
      {},
      {.on_hand = 1},  // too little
      {.state = held, .lines = true, .reserved = total},
      {.state = committed, .lines = true, .on_hand = 0},
      {.state = committed, .lines = true, .returned = 1, .on_hand = 1},
      {.state = returned, .lines = true, .returned = total},
      {.state = released, .lines = true},
      {.state = released},
      {.state = expired, .lines = true},
  };
}

std::string show(const stock_rows& r) {
  return fmt::format("{}, {} lines, {} returned, {} on hand, {} reserved", text(r.state),
                     r.lines ? 1 : 0, r.returned, r.on_hand, r.reserved);
}

task<one_case> put(world& w, const context& ctx, const stock_rows& r, bool overdue) {
  one_case c;
  co_await w.db.execute(ctx, put_stock, c.product, r.on_hand, r.reserved);
  if (!r.state) co_return c;
  co_await w.db.execute(ctx, put_reservation, c.order, *r.state, overdue ? -10 : 3600);
  if (r.lines) co_await w.db.execute(ctx, put_line, c.order, c.product, total, r.returned);
  co_return c;
}

task<std::string> read(world& w, const context& ctx, const one_case& c) {
  const auto found = co_await w.db.query_one<found_rows>(ctx, read_rows, c.order, c.product);
  const auto& f = found.value();
  co_return show({.state = f.state,
                  .lines = f.lines == 1,
                  .returned = static_cast<int>(f.returned.value_or(0)),
                  .on_hand = static_cast<int>(f.on_hand),
                  .reserved = static_cast<int>(f.reserved)});
}

// Each pair of calls, so that each is also repeated, and meets what any other has left.
TEST(inventory_statements, are_as_modelled_in_every_state) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    int compared = 0;
    for (const bool overdue : {false, true}) {
      for (const auto& start : states()) {
        if (overdue && start.state != reservation_state::held) continue;
        for (const auto& first : operations()) {
          for (const auto& second : operations()) {
            if (!overdue && first.name == "expire") continue;
            co_await w.db.execute(ctx, end_all_holds);
            auto modelled = start;
            const auto c = co_await put(w, ctx, start, overdue);
            for (const auto* op : {&first, &second}) {
              // The sweeper leaves what is not overdue: nothing to compare.
              if (op->name == "expire" && !overdue && modelled.state == reservation_state::held) {
                continue;
              }
              // A reservation that is made now is not overdue.
              if (op->name == "expire" && first.name == "reserve" && !start.state) continue;
              const auto before = show(modelled);
              const auto expected = op->modelled(modelled);
              const auto got = co_await op->real(w, ctx, c);
              const auto where = fmt::format("{} in: {} (after {} in: {}{})", op->name, before,
                                             first.name, show(start), overdue ? ", overdue" : "");
              EXPECT_EQ(name_of(got), name_of(expected)) << where;
              EXPECT_EQ(co_await read(w, ctx, c), show(modelled)) << where;
              ++compared;
            }
          }
        }
      }
    }
    EXPECT_GT(compared, 500);
  });
}

// may_move() is what the model checks moves with: it allows what the statements do, and no more.
TEST(inventory_statements, make_the_legal_moves_and_no_others) {
  std::set<std::pair<std::string, std::string>> made;
  for (const auto& start : states()) {
    for (const auto& op : operations()) {
      auto r = start;
      op.modelled(r);
      if (r.state == start.state) continue;
      made.emplace(text(start.state), text(r.state));
      EXPECT_TRUE(inventory::may_move(start.state, *r.state)) << op.name << " in " << show(start);
    }
  }
  std::size_t legal = 0;
  using enum reservation_state;
  const std::optional<reservation_state> from[] = {std::nullopt, held,    committed,
                                                   released,     expired, returned};
  for (const auto& f : from) {
    for (const auto t : {held, committed, released, expired, returned}) {
      if (!inventory::may_move(f, t)) continue;
      ++legal;
      EXPECT_TRUE(made.contains({std::string(text(f)), std::string(json::enum_text(t))}))
          << text(f) << " to " << json::enum_text(t);
    }
  }
  EXPECT_EQ(made.size(), legal);
}

}  // namespace
}  // namespace souk::model
