#include "order_watch.hpp"

namespace souk::order {

void order_watch::settled(const order_view& o) {
  const auto found = entries_.find(o.id);
  if (found == entries_.end()) return;
  if (auto entry = found->second.lock()) {
    entry->latest = o;
    entry->changed.notify_all();
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
  const auto has_news = [](const entry& e, std::int64_t seen) {
    return e.latest && e.latest->version > seen;
  };
  if (!has_news(*entry_, seen_)) co_await entry_->changed.wait_until(until);
  if (!has_news(*entry_, seen_)) co_return std::nullopt;
  seen_ = entry_->latest->version;
  co_return entry_->latest;
}

}  // namespace souk::order
