#include "stock_levels.hpp"

#include <algorithm>

#include "kit/service.hpp"
#include "kit/telemetry.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;

constexpr auto ask_again_after = 1s;
constexpr auto wait_when_older_than = 2s;
constexpr auto show_for = 10s;
constexpr auto longest_wait = 150ms;
constexpr auto pause_after_failure = 1s;
constexpr std::size_t batch_size = 100;
constexpr std::size_t most_levels = 100'000;

struct stock_item {
  uuid product_id;
  std::int64_t available = 0;
};
BOOST_DESCRIBE_STRUCT(stock_item, (), (product_id, available))

struct stock_list {
  std::vector<stock_item> items;
};
BOOST_DESCRIBE_STRUCT(stock_list, (), (items))

}  // namespace

stock_levels::stock_levels(event_loop& loop, http::upstream inventory)
    : loop_(loop),
      inventory_(loop, std::move(inventory)),
      work_(loop.executor()),
      arrived_(loop.executor()) {}

std::optional<std::int64_t> stock_levels::sum(std::span<const uuid> products) const {
  const auto not_before = steady_clock::now() - show_for;
  std::int64_t total = 0;
  for (const auto& id : products) {
    const auto found = levels_.find(id);
    if (found == levels_.end() || found->second.known_at < not_before) return std::nullopt;
    total += found->second.available;
  }
  return total;
}

bool stock_levels::all_known_since(const std::vector<uuid>& products,
                                   steady_clock::time_point since) const {
  return std::ranges::all_of(products, [&](const uuid& id) {
    const auto found = levels_.find(id);
    return found != levels_.end() && found->second.known_at >= since;
  });
}

task<> stock_levels::refresh(const context& ctx, const std::vector<uuid>& products) {
  const auto now = steady_clock::now();
  make_room();
  bool stale = false;
  for (const auto& id : products) {
    auto& level = levels_[id];
    if (level.known_at < now - wait_when_older_than) stale = true;
    if (level.wanted || level.known_at >= now - ask_again_after) continue;
    level.wanted = true;
    queue_.push_back(id);
  }
  if (!queue_.empty()) work_.notify_all();
  if (!stale || now < down_until_) co_return;

  const auto until = std::min(now + longest_wait, ctx.deadline);
  const auto failures = failures_;
  while (failures_ == failures && !all_known_since(products, now - wait_when_older_than))
    if (!co_await arrived_.wait_until(until)) co_return;
}

// Forgets what nobody has asked for lately.
void stock_levels::make_room() {
  if (levels_.size() < most_levels) return;
  const auto not_before = steady_clock::now() - wait_when_older_than;
  std::erase_if(levels_, [&](const auto& entry) {
    return !entry.second.wanted && entry.second.known_at < not_before;
  });
  if (levels_.size() >= most_levels)
    std::erase_if(levels_, [](const auto& entry) { return !entry.second.wanted; });
}

task<> stock_levels::fetch() {
  for (;;) {
    if (queue_.empty()) {
      co_await work_.wait_for(10s);
      continue;
    }
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), batch_size));
    const std::vector<uuid> batch(queue_.begin(), queue_.begin() + count);
    queue_.erase(queue_.begin(), queue_.begin() + count);
    co_await ask(batch);
    for (const auto& id : batch) {
      const auto found = levels_.find(id);
      if (found != levels_.end()) found->second.wanted = false;
    }
    arrived_.notify_all();
  }
}

task<> stock_levels::ask(const std::vector<uuid>& batch) {
  const auto asked_at = steady_clock::now();
  if (asked_at < down_until_) co_return;
  std::string path = "/inventory?ids=";
  for (const auto& id : batch) path.append(&id == &batch.front() ? "" : ",").append(id.str());
  const auto ctx = context::background(loop_.service_name(), 1s);
  try {
    const auto answer =
        co_await inventory_.call_for<stock_list>(ctx, http::get(std::move(path)).within(500ms));
    if (!answer)
      throw http::call_failed(
          inventory_.name(), "refused with status " + std::to_string(answer.error().status), false);
    for (const auto& id : batch) levels_[id] = {.known_at = asked_at, .wanted = true};
    for (const auto& item : answer->items)
      if (const auto found = levels_.find(item.product_id); found != levels_.end())
        found->second.available = item.available;
  } catch (const std::exception& e) {
    if (steady_clock::now() >= down_until_)
      telemetry::warn(ctx, "availability is not known now", {{"error", e.what()}});
    ++failures_;
    down_until_ = steady_clock::now() + pause_after_failure;
  }
}

}  // namespace souk::product
