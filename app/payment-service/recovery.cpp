#include "recovery.hpp"

#include "kit/telemetry.hpp"

namespace souk::payment {
namespace {

using namespace std::chrono_literals;

constexpr auto count_every = 5s;
constexpr auto time_limit = 90s;  // of one payment; the gateway's own time-out is shorter

void report(const context& ctx, const std::exception& e) {
  telemetry::warn(ctx, "unsettled payments could not be taken up now", {{"error", e.what()}});
}

}  // namespace

task<> recovery::run() {
  while (!loop_.draining()) {
    const auto ctx = context::background(loop_.service_name(), 10s);
    try {
      co_await take_up_what_is_due();
      if (steady_clock::now() >= next_count_) {
        next_count_ = steady_clock::now() + count_every;
        co_await count_and_clean();
      }
    } catch (const std::exception& e) {
      report(ctx, e);
    }
    // Replicas that started together should not look together for ever.
    co_await sleep_for(
        std::chrono::duration_cast<steady_clock::duration>(every_ * (0.75 + random_unit() / 2)));
  }
}

task<> recovery::take_up_what_is_due() {
  const auto ctx = context::background(loop_.service_name(), 10s);
  if (under_way_ < parallel) {
    auto payments = co_await store_.claim_due(ctx, std::nullopt, parallel - under_way_);
    for (auto& c : payments) {
      ++under_way_;
      loop_.spawn("settle payment", finish(std::move(c)));
    }
  }
  if (under_way_ < parallel) {
    auto refunds = co_await store_.claim_due_refunds(ctx, std::nullopt, parallel - under_way_);
    for (auto& c : refunds) {
      ++under_way_;
      loop_.spawn("settle refund", finish_refund(std::move(c)));
    }
  }
}

task<> recovery::finish(claimed_payment c) {
  const auto ctx = context::background(loop_.service_name(), time_limit);
  telemetry::span span(ctx, "settle payment");
  span.set({"souk.payment_id", c.id.str()});
  try {
    co_await work_.advance(span.ctx(), std::move(c));
  } catch (const std::exception& e) {
    report(ctx, e);  // its lease ends, and it is taken up again
  }
  --under_way_;
}

task<> recovery::finish_refund(claimed_refund c) {
  const auto ctx = context::background(loop_.service_name(), time_limit);
  telemetry::span span(ctx, "settle refund");
  span.set({"souk.payment_id", c.payment_id.str()});
  try {
    co_await work_.advance_refund(span.ctx(), c);
  } catch (const std::exception& e) {
    report(ctx, e);
  }
  --under_way_;
}

task<> recovery::count_and_clean() {
  static auto& unsettled = telemetry::get_gauge(
      "souk_payments_unsettled", "Payments and refunds whose outcome at the gateway is not known");
  static auto& attention = telemetry::get_gauge(
      "souk_payments_needing_attention", "Unsettled payments and refunds after many attempts");
  static auto& oldest =
      telemetry::get_gauge("souk_payments_unsettled_oldest_seconds",
                           "For how long the oldest payment or refund is unsettled; 0: all are");
  const auto ctx = context::background(loop_.service_name(), 10s);
  const auto count = co_await store_.count_unsettled(ctx, attention_after);
  unsettled.set(static_cast<double>(count.unsettled));
  attention.set(static_cast<double>(count.needing_attention));
  oldest.set(count.oldest_seconds);
  co_await store_.forget_expired_tokens(ctx);
}

}  // namespace souk::payment
