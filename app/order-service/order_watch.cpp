#include "order_watch.hpp"

namespace souk::order {

// What all who wait for one order share.
struct order_watch::entry {
  explicit entry(const executor& on) : changed(on) {}
  signal changed;
  std::optional<order_view> latest;

  bool has_news(std::int64_t seen) const { return latest && latest->version > seen; }
};

order_watch::order_watch(executor on) : on_(std::move(on)) {}
order_watch::~order_watch() = default;

void order_watch::settled(const order_view& o) {
  const auto found = entries_.find(o.id);
  if (found == entries_.end()) return;
  if (auto waited_for = found->second.lock()) {
    waited_for->latest = o;
    waited_for->changed.notify_all();
  }
}

order_watch::waiter::waiter(order_watch& watch, uuid id) : watch_(watch), id_(id) {
  auto& shared = watch_.entries_[id];
  entry_ = shared.lock();
  if (!entry_) shared = entry_ = std::make_shared<entry>(watch_.on_);
}

order_watch::waiter::~waiter() {
  if (entry_.use_count() == 1) watch_.entries_.erase(id_);
}

task<std::optional<order_view>> order_watch::waiter::wait_until(steady_clock::time_point until) {
  if (!entry_->has_news(seen_)) co_await entry_->changed.wait_until(until);
  if (!entry_->has_news(seen_)) co_return std::nullopt;
  seen_ = entry_->latest->version;
  co_return entry_->latest;
}

}  // namespace souk::order
