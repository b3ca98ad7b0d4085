#include "processing.hpp"

#include "kit/resilience.hpp"
#include "kit/telemetry.hpp"

namespace souk::payment {
namespace {

using namespace std::chrono_literals;

telemetry::counter& reached(std::string_view state) {
  return telemetry::get_counter("souk_payments_total",
                                "Payments and refunds by the state they reached",
                                {{"state", std::string(state)}});
}

void count(std::string_view state) {
  reached(state).add();
}

std::chrono::milliseconds next_delay(int tries) {
  return resilience::backoff(tries + 1, 500ms, 60s);
}

// `what`: "payment" or "refund".
void report_unknown(const context& ctx, std::string_view what, uuid id, operation asked,
                    const attempt_end& end, int tries) {
  const bool alarming = tries + 1 >= attention_after;
  telemetry::log(alarming ? telemetry::level::error : telemetry::level::warning, ctx,
                 alarming ? "the gateway's outcome is still unknown, attention is needed"
                          : "the gateway's outcome is unknown, the request will be repeated",
                 {{"kind", what},
                  {"id", id.str()},
                  {"operation", json::enum_text(asked)},
                  {"outcome", json::enum_text(end.what)},
                  {"detail", end.detail},
                  {"tries", tries + 1}});
}

}  // namespace

bool same_payment(const payment& known, const new_payment& asked) {
  const bool card_differs =
      !asked.token_hash.empty() && known.token_hash && *known.token_hash != asked.token_hash;
  return known.order_id == asked.order_id && known.user_id == asked.user_id &&
         known.amount_minor == asked.amount_minor && known.currency == asked.currency &&
         !card_differs;
}

processing::processing(repository& store, gateway_client& gateway,
                       std::chrono::milliseconds time_limit)
    : store_(store), gateway_(gateway), time_limit_(time_limit) {
  // A series that begins with its first event hides that from rate().
  for (const auto* state :
       {"authorized", "declined", "captured", "refused", "voided", "refunded", "refund_refused"}) {
    reached(state);
  }
}

task<result<payment>> processing::process(const context& caller, const new_payment& p) {
  const context ctx = caller.with_time_limit(time_limit_);
  for (;;) {
    auto opened = co_await store_.open(ctx, p);
    if (!opened) co_return std::unexpected(opened.error());
    if (*opened) {
      auto became = co_await advance(ctx, std::move(**opened));
      co_return became ? std::move(*became) : co_await present(ctx, p.id);
    }
    auto known = co_await store_.find(ctx, p.id);
    if (known) {
      if (!same_payment(*known, p)) co_return std::unexpected(failure::payment_differs);
      co_return co_await resume(ctx, std::move(*known));
    }
    auto declined = co_await store_.open_declined(ctx, p);
    if (!declined) co_return std::unexpected(declined.error());
    if (*declined) {
      count("declined");
      co_return std::move(**declined);
    }
    // It came into being meanwhile: look again.
  }
}

task<result<payment>> processing::capture(const context& caller, uuid id, uuid order_id) {
  const context ctx = caller.with_time_limit(time_limit_);
  auto begun = co_await store_.begin(ctx, id, order_id, operation::capture);
  if (begun) {
    auto became = co_await advance(ctx, std::move(*begun));
    co_return became ? std::move(*became) : co_await present(ctx, id);
  }
  auto known = co_await store_.find(ctx, id);
  if (!known) co_return std::unexpected(failure::not_found);
  if (known->order_id != order_id) co_return std::unexpected(failure::payment_differs);
  co_return co_await resume(ctx, std::move(*known));
}

task<result<payment>> processing::void_(const context& caller, const new_payment& p) {
  const context ctx = caller.with_time_limit(time_limit_);
  for (;;) {
    auto opened = co_await store_.open_voided(ctx, p);
    if (!opened) co_return std::unexpected(opened.error());
    if (*opened) {
      count("voided");
      co_return std::move(**opened);
    }
    auto known = co_await present(ctx, p.id);
    if (!same_payment(known, p)) co_return std::unexpected(failure::payment_differs);
    switch (on_void(known.state)) {
      case void_step::refuse:
        co_return std::unexpected(failure::already_captured);
      case void_step::answer:
        co_return co_await resume(ctx, std::move(known));
      case void_step::wish: {
        if (!known.void_requested) {
          auto wished = co_await store_.wish_void(ctx, p.id);
          if (!wished) break;
          known = std::move(*wished);
        }
        co_return co_await resume(ctx, std::move(known));
      }
      case void_step::begin: {
        auto begun = co_await store_.begin(ctx, p.id, p.order_id, operation::void_);
        if (!begun) break;
        auto became = co_await advance(ctx, std::move(*begun));
        co_return became ? std::move(*became) : co_await present(ctx, p.id);
      }
    }
    // Another call has moved it meanwhile: look again.
  }
}

task<result<refund_result>> processing::refund_part(const context& caller, const refund& r) {
  const context ctx = caller.with_time_limit(time_limit_);
  auto reserved = co_await store_.reserve_refund(ctx, r);
  if (!reserved) co_return std::unexpected(reserved.error());
  if (reserved->claim) {
    co_await advance_refund(ctx, *reserved->claim);
  } else if (reserved->it.state == refund_state::refunding) {
    const auto claimed = co_await store_.claim_due_refunds(ctx, r.refund_id, 1);
    if (!claimed.empty()) co_await advance_refund(ctx, claimed.front());
  }
  const auto it = co_await store_.find_refund(ctx, r.refund_id);
  const auto of = co_await store_.find(ctx, r.payment_id);
  if (!it || !of) co_return std::unexpected(failure::not_found);  // neither is ever deleted
  co_return refund_result{*it, *of};
}

task<std::optional<payment>> processing::advance(const context& ctx, claimed_payment c) {
  for (;;) {
    const auto end = co_await gateway_.ask(ctx, c);
    const auto to = settled(c.state, c.asked, end.what);
    if (!to) {
      report_unknown(ctx, "payment", c.id, c.asked, end, c.tries);
      co_await store_.postpone(ctx, c, end, next_delay(c.tries));
      co_return std::nullopt;
    }
    auto moved = co_await store_.settle(ctx, c, *to, end);
    if (!moved) co_return std::nullopt;
    count(json::enum_text(*to));
    if (!is_unsettled(moved->state, moved->void_requested)) co_return moved;
    // A void was wished meanwhile, and now there is something to void.
    auto next = co_await store_.claim_due(ctx, c.id, 1);
    if (next.empty()) co_return std::nullopt;
    c = std::move(next.front());
  }
}

task<> processing::advance_refund(const context& ctx, const claimed_refund& c) {
  const auto end = co_await gateway_.ask_refund(ctx, c);
  const auto to = settled_refund(end.what);
  if (!to) {
    report_unknown(ctx, "refund", c.refund_id, operation::refund, end, c.tries);
    co_await store_.postpone_refund(ctx, c, end, next_delay(c.tries));
    co_return;
  }
  const bool moved = co_await store_.settle_refund(ctx, c, *to, end);
  if (moved) count(*to == refund_state::refunded ? "refunded" : "refund_refused");
}

task<payment> processing::resume(const context& ctx, payment known) {
  if (!is_unsettled(known.state, known.void_requested)) co_return known;
  auto due = co_await store_.claim_due(ctx, known.id, 1);
  if (due.empty()) co_return known;
  auto became = co_await advance(ctx, std::move(due.front()));
  co_return became ? std::move(*became) : co_await present(ctx, known.id);
}

// Payments are never deleted.
task<payment> processing::present(const context& ctx, uuid id) {
  auto now = co_await store_.find(ctx, id);
  co_return std::move(now).value();
}

}  // namespace souk::payment
