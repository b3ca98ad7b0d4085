#include "checkout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

#include "kit/telemetry.hpp"
#include "metrics.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;

// A step that the other side is still working on is asked for again soon.
constexpr auto unsettled_base = 200ms;
constexpr auto unsettled_cap = 5s;
// Orders left by another worker that this loop drives at a time, and takes at once.
constexpr std::size_t max_resumed = 64;
constexpr std::size_t max_claimed = 16;

context without_deadline(context ctx) {
  ctx.deadline = steady_clock::time_point::max();
  return ctx;
}

}  // namespace

checkout::checkout(event_loop& loop, repository& orders, partners& others, order_watch& watch,
                   const config& c)
    : loop_(loop),
      orders_(orders),
      partners_(others),
      watch_(watch),
      config_(c),
      wake_(loop.executor()),
      under_way_(c.max_unfinished),
      resumed_(max_resumed) {}

bool checkout::full() const {
  return under_way_.in_use() + resumed_.in_use() + put_off_.size() >= config_.max_unfinished;
}

std::optional<checkout::ticket> checkout::admit() {
  if (full()) return std::nullopt;
  return under_way_.enter();
}

void checkout::begin(const context& request, order_record o, steady_clock::time_point since,
                     ticket t) {
  loop_.spawn("checkout",
              drive(std::move(o), lease_since(since), without_deadline(request), {}, std::move(t)));
}

// ---------------------------------------------------------------------------------------------
// One order, under one lease

task<> checkout::drive(order_record o, lease l, context ctx, std::optional<trace_context> origin,
                       ticket) {
  try {
    telemetry::span saga(ctx, "checkout");
    saga.set({"order.id", o.id.str()});
    if (origin) saga.link(*origin);
    co_await follow(saga.ctx(), o, l);
  } catch (const std::exception& e) {
    // Most likely the database. The row says how to go on, to whoever takes it next.
    put_off(o);
    telemetry::warn(ctx, "checkout interrupted", {{"order.id", o.id.str()}, {"error", e.what()}});
  }
}

task<> checkout::follow(const context& ctx, order_record& o, lease l) {
  if (o.attempts > config_.attention_after && !o.needs_attention) {
    // Who fails so often and has not said so has died each time. Before that may happen once more:
    co_await repeat_later(ctx, o, config_.retry_base, config_.retry_cap, true);
    co_return;
  }
  for (;;) {
    if (!o.step) {
      if (!co_await begin_next(ctx, o, l)) co_return;
    } else {
      const auto got = co_await attempt(ctx, o, l);
      if (!got || !co_await record(ctx, o, *got, l)) co_return;
    }
  }
}

// Makes the call that the row names. Nothing if it is not known what came of it: the order is put
// off, or the lease is over.
task<std::optional<answer>> checkout::attempt(const context& ctx, const order_record& o, lease l) {
  const auto left = l.over - steady_clock::now() - orders_.lease() / 10;  // for recording
  if (left <= 0s) {
    telemetry::warn(ctx, "lease over before the call", {{"order.id", o.id.str()}});
    co_return std::nullopt;
  }
  const auto name = json::enum_text(*o.step);
  telemetry::span span(ctx, fmt::format("checkout {}", name));
  span.set({"order.id", o.id.str()});
  span.set({"souk.attempt", o.attempts});
  const auto began = steady_clock::now();
  std::optional<answer> got;
  std::string error;
  try {
    const auto limit = std::min<steady_clock::duration>(left, config_.step_timeout);
    got = co_await partners_.perform(span.ctx().with_time_limit(limit), o);
  } catch (const http::call_failed& e) {
    error = e.what();
  } catch (const deadline_exceeded& e) {
    error = e.what();
  }
  const auto outcome = got ? json::enum_text(got->got) : "failed";
  span.set({"souk.outcome", outcome});
  metrics::count_step(name, outcome, steady_clock::now() - began);
  if (got) {
    telemetry::info(span.ctx(), "checkout step",
                    {{"order.id", o.id.str()}, {"step", name}, {"outcome", outcome}});
    co_return got;
  }
  span.fail("not known what came of it");
  telemetry::warn(
      span.ctx(), "checkout step failed",
      {{"order.id", o.id.str()}, {"step", name}, {"attempt", o.attempts}, {"error", error}});
  co_await repeat_later(ctx, o, config_.retry_base, config_.retry_cap, false);
  co_return std::nullopt;
}

// Writes what the step was answered and what comes next. True if this worker goes on.
task<bool> checkout::record(const context& ctx, order_record& o, const answer& got, lease& l) {
  for (;;) {
    const auto next = after(o, got.got);
    if (std::holds_alternative<unsettled>(next)) {
      co_await repeat_later(ctx, o, unsettled_base, unsettled_cap, false);
      co_return false;
    }
    if (std::holds_alternative<contradiction>(next)) {
      telemetry::error(ctx, "checkout step answered what cannot be",
                       {{"order.id", o.id.str()},
                        {"state", json::enum_text(o.state)},
                        {"step", json::enum_text(*o.step)},
                        {"outcome", json::enum_text(got.got)},
                        {"detail", got.detail}});
      co_await repeat_later(ctx, o, config_.retry_base, config_.retry_cap, true);
      co_return false;
    }
    const auto& m = std::get<move>(next);
    if (m.state != o.state && !may_become(o.state, m.state)) throw std::logic_error("illegal move");

    const auto during = o.step;
    const auto sent = steady_clock::now();
    bool saved = false;
    try {
      saved = co_await orders_.save(ctx, o, m, got.detail);
    } catch (const pg::unknown_outcome&) {
      // Looking again tells.
    }
    if (saved) {
      l = lease_since(sent);
    } else {
      if (!co_await look_again(ctx, o)) co_return false;
      // Only the holder of the lease changes the step: if it is another, that was our own save.
      if (o.step == during) continue;
    }
    if (m.rest) metrics::count_order(o);
    if (!is_being_placed(o.state)) watch_.settled(o);
    if (m.refund == refund_state::refused && o.state == order_state::refunding) {
      // Another refund is begun later; a person should look why.
      co_await repeat_later(ctx, o, config_.retry_cap, config_.retry_cap, true);
      co_return false;
    }
    co_return !m.rest;
  }
}

// For an order without a step: records the intent to do what is to be done, if anything is. True if
// this worker goes on.
task<bool> checkout::begin_next(const context& ctx, order_record& o, lease& l) {
  const auto todo = what_to_do(o);
  const auto sent = steady_clock::now();
  bool saved = false;
  bool at_rest = false;
  try {
    if (const auto* refund = std::get_if<begin_refund>(&todo)) {
      saved = co_await orders_.save(ctx, o, start_of(*refund, o), {});
    } else if (const auto* cancellation = std::get_if<begin_cancellation>(&todo)) {
      saved = co_await orders_.save_cancellation(ctx, o, start_of(*cancellation, o));
    } else {
      saved = at_rest = co_await orders_.rest(ctx, o);
    }
  } catch (const pg::unknown_outcome&) {
    // Looking again tells.
  }
  if (at_rest) {
    watch_.settled(o);
    co_return false;
  }
  if (!saved) co_return co_await look_again(ctx, o);
  l = lease_since(sent);
  co_return true;
}

// After a save that changed nothing, or may have: reads the row under our token. False if the lease
// is lost (or given up by that very save).
task<bool> checkout::look_again(const context& ctx, order_record& o) {
  auto now = co_await orders_.find_leased(ctx, o);
  if (!now) {
    telemetry::warn(ctx, "lease lost, outcome discarded", {{"order.id", o.id.str()}});
    co_return false;
  }
  o = std::move(*now);
  co_return true;
}

task<> checkout::repeat_later(const context& ctx, const order_record& o,
                              std::chrono::milliseconds base, std::chrono::milliseconds cap,
                              bool needs_attention) {
  const auto pause = resilience::backoff(o.attempts, base, cap);
  needs_attention = needs_attention || o.attempts >= config_.attention_after;
  if (needs_attention && !o.needs_attention) {
    telemetry::error(ctx, "order needs attention",
                     {{"order.id", o.id.str()}, {"attempts", o.attempts}});
    co_await orders_.flag(ctx, o, pause);
  } else {
    co_await orders_.postpone(ctx, o, pause);
  }
  put_off(o);  // last, when its ticket is about to go: admit() would count it twice
}

// ---------------------------------------------------------------------------------------------
// Orders that nobody drives

task<> checkout::run() {
  for (;;) {
    if (co_await resume_some()) continue;
    const double jitter = 0.5 + random_unit();
    co_await wake_.wait_for(std::chrono::duration_cast<steady_clock::duration>(
        jitter * std::chrono::duration<double>(config_.poll_every)));
  }
}

// True if there may be more that are due.
task<bool> checkout::resume_some() {
  const std::size_t room = std::min(max_claimed, max_resumed - resumed_.in_use());
  if (room == 0 || loop_.draining()) co_return false;
  try {
    const auto ctx = context::background(loop_.service_name(), 10s);
    const auto sent = steady_clock::now();
    auto due = co_await orders_.claim(ctx, room);
    database_answers_ = true;
    for (auto& o : due) {
      auto slot = resumed_.enter();
      if (!slot) break;  // the lease runs out, and it is due again
      put_off_.erase(o.id);
      auto fresh = without_deadline(context::background(loop_.service_name(), 0s));
      const auto origin = trace_context::parse(o.traceparent);
      loop_.spawn("checkout", drive(std::move(o), lease_since(sent), std::move(fresh), origin,
                                    std::move(*slot)));
    }
    co_return due.size() == room;
  } catch (const std::exception& e) {
    if (std::exchange(database_answers_, false)) {
      telemetry::warn(context::background(loop_.service_name(), 0s), "cannot look for due orders",
                      {{"error", e.what()}});
    }
  }
  co_return false;
}

task<> checkout::count_unfinished() {
  for (;;) {
    try {
      const auto ctx = context::background(loop_.service_name(), 5s);
      metrics::show_backlog(co_await orders_.backlog(ctx));
      co_await forget_taken(ctx);
    } catch (const std::exception&) {
      // The numbers stay as they are; readiness tells that the database is away.
    }
    co_await sleep_for(2s);
  }
}

task<> checkout::forget_taken(const context& ctx) {
  if (put_off_.empty()) co_return;
  const auto before = put_off_;
  std::vector<uuid> ids;
  std::vector<std::int64_t> tokens;
  for (const auto& [id, token] : before) {
    ids.push_back(id);
    tokens.push_back(token);
  }
  const auto waiting = co_await orders_.still_waiting(ctx, ids, tokens);
  const std::unordered_set<uuid> still(waiting.begin(), waiting.end());
  std::erase_if(put_off_, [&](const auto& entry) {
    const auto known = before.find(entry.first);
    return known != before.end() && known->second == entry.second && !still.contains(entry.first);
  });
}

}  // namespace souk::order
