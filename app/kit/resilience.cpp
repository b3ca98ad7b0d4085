#include "kit/resilience.hpp"

#include <algorithm>
#include <utility>

#include "kit/id.hpp"

namespace souk::resilience {
namespace {

constexpr auto window = std::chrono::seconds(10);
constexpr int enough_calls = 20;

}  // namespace

std::chrono::milliseconds backoff(int attempt, std::chrono::milliseconds base,
                                  std::chrono::milliseconds cap) {
  auto delay = std::min(base, cap);
  for (int i = 1; i < attempt && delay < cap; ++i) delay = delay > cap / 2 ? cap : delay * 2;
  const double share = 0.5 + 0.5 * random_unit();
  return std::chrono::duration_cast<std::chrono::milliseconds>(delay * share);
}

void retry_budget::earn() {
  saved_ = std::min(burst_, saved_ + ratio_);
}

bool retry_budget::spend() {
  if (saved_ < 1 - 1e-9) return false;  // ten times 0.1 is a little less than 1
  saved_ -= 1;
  return true;
}

breaker::breaker(std::function<void(state)> on_change, int threshold,
                 steady_clock::duration open_for)
    : on_change_(std::move(on_change)), threshold_(threshold), open_for_(open_for) {}

bool breaker::allow(steady_clock::time_point now) {
  if (state_ == state::closed) return true;
  if (state_ == state::open && now - opened_at_ >= open_for_) move(state::half_open);
  if (state_ == state::open || probing_) return false;
  return probing_ = true;
}

void breaker::succeeded(steady_clock::time_point now) {
  if (state_ == state::half_open) return move(state::closed);
  if (state_ == state::open) return;  // a call from before it opened
  in_a_row_ = 0;
  count(now, false);
}

void breaker::failed(steady_clock::time_point now) {
  if (state_ == state::open) return;
  if (state_ == state::closed) {
    ++in_a_row_;
    count(now, true);
    const bool mostly = calls_ >= enough_calls && failures_ * 2 > calls_;
    if (in_a_row_ < threshold_ && !mostly) return;
  }
  opened_at_ = now;
  move(state::open);
}

void breaker::count(steady_clock::time_point now, bool failure) {
  if (now - window_start_ >= window) {
    window_start_ = now;
    calls_ = failures_ = 0;
  }
  ++calls_;
  if (failure) ++failures_;
}

void breaker::move(state s) {
  state_ = s;
  probing_ = false;
  in_a_row_ = calls_ = failures_ = 0;
  if (on_change_) on_change_(s);
}

}  // namespace souk::resilience
