#include "refunds.hpp"

#include <algorithm>

#include "kit/security.hpp"

namespace souk::order {

using namespace std::chrono_literals;

task<std::expected<refund, failure>> refunds::request(const context& ctx, uuid order,
                                                      std::string_view key,
                                                      const new_refund& wanted) {
  const auto until = std::min(steady_clock::now() + wait_, ctx.deadline);
  const auto hash = base64url_encode(security::sha256(json::write(wanted)));
  auto known = co_await orders_.find_refund(ctx, order, key);
  if (!known) {
    refund r{.id = uuid::v7(),
             .order_id = order,
             .amount_minor = wanted.amount_minor,
             .reason = wanted.reason};
    if (wanted.lines) r.lines = *wanted.lines;
    bool unknown = false;
    try {
      auto stored = co_await orders_.request_refund(ctx, r, key, hash);
      if (stored) {
        worker_.wake();
        co_return co_await wait_for(ctx, std::move(*stored), until);
      }
      if (const auto* error = std::get_if<refund_error>(&stored.error())) {
        co_return std::unexpected(failure_of(*error));
      }
    } catch (const pg::unknown_outcome&) {
      unknown = true;
    }
    known = co_await orders_.find_refund(ctx.with_time_limit(3s), order, key);
    if (!known && unknown) throw pg::unavailable("it is not known whether the refund was stored");
    if (!known) throw std::logic_error("a refund's key is taken by none");
  }
  if (known->request_hash != hash) co_return std::unexpected(order_error::key_reused);
  worker_.wake();
  co_return co_await wait_for(ctx, std::move(*known), until);
}

task<refund> refunds::wait_for(const context& ctx, refund r, steady_clock::time_point until) {
  const auto ended = [](const refund& some) {
    return some.state == refund_state::done || some.state == refund_state::refused;
  };
  order_watch::waiter waiter(watch_, r.order_id);
  while (!ended(r) && steady_clock::now() < until) {
    const auto look = std::min(until, steady_clock::now() + 250ms);
    std::optional<order_view> o = co_await waiter.wait_until(look);
    if (!o) o = co_await orders_.find_if_possible(ctx.with_time_limit(3s), r.order_id);
    if (!o) continue;
    const auto now = std::ranges::find(o->refunds, r.id, &refund::id);
    if (now != o->refunds.end()) r = *now;
  }
  co_return r;
}

}  // namespace souk::order
