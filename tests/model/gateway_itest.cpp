// The mock gateway's statements on PostgreSQL against the model's, in every state of a charge.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "mock-gateway/repository.hpp"
#include "naming.hpp"
#include "statements.hpp"

namespace souk::mock_gateway {
extern const std::span<const pg::migration> migrations;
}

namespace souk::model {
namespace {

using mock_gateway::card_kind;
using mock_gateway::charge_state;
using mock_gateway::outcome;

constexpr pg::statement put_charge{"put_charge", R"(
  INSERT INTO charges (reference, merchant_order, state, asked_minor, currency, token_hash, kind,
                       authorized_minor, captured_minor, voided_minor, refunded_minor)
  VALUES ($1, $1, $2, $3, 'USD', 'card', $4, $5, $6, $7, $8))"};
constexpr pg::statement put_refund{"put_refund", R"(
  INSERT INTO refunds (refund_reference, reference, amount_minor, outcome) VALUES ($1, $2, $3, $4))"};

struct world {
  explicit world(event_loop& loop)
      : db(loop, pg::settings{.url = testing::fresh_database(mock_gateway::migrations)}),
        store(db) {}
  pg::pool db;
  mock_gateway::repository store;
};

// What is told: whether a row was touched, or a refund's outcome.
struct operation {
  std::string name;
  std::function<task<std::string>(world&, const context&, uuid)> real;
  std::function<std::string(charge_rows&)> modelled;
};

std::string touched(bool yes) {
  return yes ? "done" : "nothing";
}

uuid refund_of(uuid reference) {
  return uuid::derived("refund", reference.str());
}

task<std::string> real_charge(world& w, const context& ctx, uuid reference, card_kind kind) {
  const mock_gateway::new_charge c{.reference = reference,
                                   .merchant_order = reference,
                                   .amount_minor = total,
                                   .currency = "USD",
                                   .token_hash = "card"};
  const std::optional<mock_gateway::card> with = mock_gateway::card{kind, "visa", "4242"};
  const auto made = co_await w.store.add_charge(ctx, c, with, decline_reason(with, false));
  co_return touched(made.has_value());
}
task<std::string> real_cancel(world& w, const context& ctx, uuid reference) {
  co_return touched((co_await w.store.add_cancelled(ctx, reference, reference)).has_value());
}
task<std::string> real_capture(world& w, const context& ctx, uuid reference, int amount) {
  co_return touched((co_await w.store.capture(ctx, reference, amount)).has_value());
}
task<std::string> real_void(world& w, const context& ctx, uuid reference) {
  co_return touched((co_await w.store.void_(ctx, reference)).has_value());
}
task<std::string> real_refund(world& w, const context& ctx, uuid reference, int amount) {
  const mock_gateway::refund wanted{
      .refund_reference = refund_of(reference), .reference = reference, .amount_minor = amount};
  const auto made = co_await w.store.refund_once(ctx, wanted);
  co_return made ? std::string(json::enum_text(made->outcome_)) : "nothing";
}

operation charging(card_kind kind) {
  return {fmt::format("charge {}", json::enum_text(kind)),
          [kind](world& w, const context& ctx, uuid r) { return real_charge(w, ctx, r, kind); },
          [kind](charge_rows& c) { return touched(insert_charge(c, {kind, "", ""})); }};
}
operation capturing(int amount) {
  return {
      fmt::format("capture of {}", amount),
      [amount](world& w, const context& ctx, uuid r) { return real_capture(w, ctx, r, amount); },
      [amount](charge_rows& c) { return touched(capture_charge(c, amount)); }};
}
operation refunding(int amount) {
  return {fmt::format("refund of {}", amount),
          [amount](world& w, const context& ctx, uuid r) { return real_refund(w, ctx, r, amount); },
          [amount](charge_rows& c) { return std::string(text(refund_once(c, 0, amount, false))); }};
}

std::vector<operation> operations() {
  return {charging(card_kind::approve),
          charging(card_kind::decline),
          charging(card_kind::capture_refused),
          {"cancel", real_cancel, [](charge_rows& c) { return touched(insert_cancelled(c)); }},
          capturing(total),
          capturing(total + 1),
          {"void", real_void, [](charge_rows& c) { return touched(void_charge(c)); }},
          refunding(1),
          refunding(total + 1)};
}

std::vector<charge_rows> states() {
  using enum charge_state;
  return {
      {},
      {.state = authorized, .authorized = total},
      {.state = authorized, .kind = card_kind::capture_refused, .authorized = total},
      {.state = declined, .kind = card_kind::decline},
      {.state = cancelled},
      {.state = captured, .authorized = total, .captured = total},
      {.state = captured,
       .authorized = total,
       .captured = total,
       .refunded = 1,
       .refunds = {outcome::refunded}},
      {.state = captured, .authorized = total, .captured = total, .refunds = {outcome::refused}},
      {.state = capture_refused,
       .kind = card_kind::capture_refused,
       .authorized = total,
       .voided = total},
      {.state = voided, .authorized = total, .voided = total}};
}

std::string show(const charge_rows& c) {
  return fmt::format("{}: authorized {}, captured {}, voided {}, refunded {}", text(c.state),
                     c.authorized, c.captured, c.voided, c.refunded);
}

task<uuid> put(world& w, const context& ctx, const charge_rows& c) {
  const auto reference = uuid::v7();
  if (!c.state) co_return reference;
  co_await w.db.execute(ctx, put_charge, reference, *c.state, total, c.kind, c.authorized,
                        c.captured, c.voided, c.refunded);
  if (c.refunds[0]) {
    co_await w.db.execute(ctx, put_refund, refund_of(reference), reference, 1, *c.refunds[0]);
  }
  co_return reference;
}

task<std::string> read(world& w, const context& ctx, uuid reference) {
  const auto c = co_await w.store.find(ctx, reference);
  charge_rows rows;
  if (c) {
    rows.state = c->state;
    rows.authorized = static_cast<int>(c->authorized_minor);
    rows.captured = static_cast<int>(c->captured_minor);
    rows.voided = static_cast<int>(c->voided_minor);
    rows.refunded = static_cast<int>(c->refunded_minor);
  }
  co_return show(rows);
}

TEST(gateway_statements, are_as_modelled_in_every_state) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    world w(loop);
    for (const auto& start : states()) {
      for (const auto& first : operations()) {
        for (const auto& second : operations()) {
          auto modelled = start;
          const auto reference = co_await put(w, ctx, start);
          for (const auto* op : {&first, &second}) {
            const auto where = fmt::format("{} in: {} (after {} in: {})", op->name, show(modelled),
                                           first.name, show(start));
            const auto expected = op->modelled(modelled);
            EXPECT_EQ(co_await op->real(w, ctx, reference),
                      expected == "none" ? "nothing" : expected)
                << where;
            EXPECT_EQ(co_await read(w, ctx, reference), show(modelled)) << where;
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace souk::model
