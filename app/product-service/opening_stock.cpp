#include "opening_stock.hpp"

#include "kit/resilience.hpp"
#include "kit/service.hpp"
#include "kit/telemetry.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t messages_a_turn = 128;
constexpr auto idle_pause = 1000ms;
constexpr auto longest_pause = 10'000ms;

struct adjustment {
  std::optional<std::int64_t> delta, on_hand;
  stock_message_reason reason = stock_message_reason::opening;
};
BOOST_DESCRIBE_STRUCT(adjustment, (), (delta, on_hand, reason))

adjustment adjustment_of(const stock_message& m) {
  adjustment a{.reason = m.reason};
  (m.reason == stock_message_reason::opening ? a.delta : a.on_hand) = m.quantity;
  return a;
}

// A refusal that will be the same tomorrow. Others are somebody's mistake that can be mended: a
// wrong secret, a route that is not there yet.
bool is_final(const http::refusal& r) {
  if (r.status == 409) return r.type != "idempotency-key-running";
  return r.status == 400 || r.status == 422;
}

telemetry::counter& delivered(const char* outcome) {
  return telemetry::get_counter("souk_outbox_messages_total",
                                "Messages by what became of an attempt to deliver them",
                                {{"outcome", outcome}});
}

}  // namespace

stock_messenger::stock_messenger(event_loop& loop, repository& products, http::upstream inventory)
    : loop_(loop),
      products_(products),
      inventory_(loop, std::move(inventory)),
      wake_(loop.executor()),
      work_(loop.executor()),
      done_(loop.executor()) {}

task<> stock_messenger::run() {
  auto& pending = telemetry::get_gauge("souk_outbox_pending", "Messages that wait for delivery");
  auto& lag = telemetry::get_gauge("souk_outbox_lag_seconds", "Age of the oldest waiting message");
  for (const auto* outcome : {"sent", "failed", "refused"}) delivered(outcome);
  int failures = 0;
  while (!loop_.draining()) {
    const auto ctx = context::background(loop_.service_name(), 10s);
    turn t;
    bool failed = false;
    try {
      t = co_await deliver_some(ctx);
      failed = t.taken > 0 && t.settled == 0;
      const auto backlog = co_await products_.stock_backlog(ctx);
      pending.set(static_cast<double>(backlog.pending));
      lag.set(backlog.lag_seconds);
    } catch (const std::exception& e) {
      failed = true;
      telemetry::warn(ctx, "stock messages could not be delivered now", {{"error", e.what()}});
    }
    failures = failed ? failures + 1 : 0;
    if (failures > 0)
      co_await sleep_for(resilience::backoff(failures, idle_pause, longest_pause));
    else if (t.taken == 0)
      co_await wake_.wait_for(resilience::backoff(1, idle_pause, idle_pause));
  }
}

task<stock_messenger::turn> stock_messenger::deliver_some(const context& ctx) {
  deliveries_.clear();
  next_ = over_ = 0;
  auto messages = co_await products_.claim_stock_messages(ctx, messages_a_turn);
  for (auto& m : messages) deliveries_.push_back({.message = std::move(m)});
  work_.notify_all();
  while (over_ < deliveries_.size()) co_await done_.wait_for(10s);

  std::vector<std::int64_t> sent, failed;
  for (const auto& d : deliveries_) {
    switch (d.what) {
      case fate::sent:
        sent.push_back(d.message.message_id);
        break;
      case fate::failed:
        failed.push_back(d.message.message_id);
        break;
      case fate::refused:
        telemetry::error(ctx, "inventory refused a stock message",
                         {{"product_id", d.message.product_id.str()}, {"refusal", d.refusal}});
        delivered("refused").add();
        co_await products_.mark_refused(ctx, d.message.message_id, d.refusal);
    }
  }
  delivered("sent").add(static_cast<double>(sent.size()));
  delivered("failed").add(static_cast<double>(failed.size()));
  if (!sent.empty()) co_await products_.mark_sent(ctx, sent);
  if (!failed.empty()) co_await products_.postpone(ctx, failed);
  co_return turn{deliveries_.size(), deliveries_.size() - failed.size()};
}

task<> stock_messenger::send() {
  for (;;) {
    if (next_ >= deliveries_.size()) {
      co_await work_.wait_for(10s);
      continue;
    }
    auto& d = deliveries_[next_++];
    const auto ctx = context::background(loop_.service_name(), 5s);
    co_await deliver(ctx, d);
    if (++over_ == deliveries_.size()) done_.notify_all();
  }
}

task<> stock_messenger::deliver(const context& ctx, delivery& d) {
  const auto path = "/inventory/" + d.message.product_id.str() + "/adjustments";
  try {
    const auto answer = co_await inventory_.call_for<http::none>(
        ctx, http::post(path, adjustment_of(d.message)).header("Idempotency-Key", d.message.key));
    if (answer) {
      d.what = fate::sent;
    } else if (is_final(answer.error())) {
      d.what = fate::refused;
      d.refusal =
          answer.error().type.empty() ? std::to_string(answer.error().status) : answer.error().type;
    } else {
      telemetry::warn(ctx, "inventory does not take stock messages",
                      {{"status", answer.error().status}});
    }
  } catch (const std::exception&) {
    // Tried again later; the client's metrics and spans tell why.
  }
}

}  // namespace souk::product
