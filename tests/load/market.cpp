#include "load/market.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

namespace souk::load {
namespace {

using namespace std::chrono_literals;

task<> guarded(market& m, std::size_t& count, task<> work) {
  try {
    co_await std::move(work);
  } catch (const boost::system::system_error& e) {
    if (e.code() == boost::asio::error::operation_aborted) throw;  // the run is over
    m.failure = std::current_exception();
  } catch (...) {
    m.failure = std::current_exception();
  }
  --count;
  if (m.failure) m.close_now();
  m.work_ended.notify_all();
}

void name_first(question& what, std::int64_t first) {
  std::visit(
      [first](auto& kind) {
        if constexpr (requires { kind.repeats; }) kind.repeats = first;
      },
      what);
}

}  // namespace

void market::close_now() {
  closes = std::min(closes, steady_clock::now());
  gives_up = std::min(gives_up, closes + how.give_up);
}

void market::begin(std::string_view name, task<> work) {
  ++working;
  loop.spawn(name, guarded(*this, working, std::move(work)));
}

void market::begin_watching(task<> work) {
  ++watching;
  loop.spawn("watching an order", guarded(*this, watching, std::move(work)));
}

task<> pause_until(market& m, steady_clock::time_point until) {
  // In steps, since the end may come nearer.
  while (true) {
    const auto now = steady_clock::now();
    if (now >= until || now >= m.gives_up) co_return;
    co_await sleep_until(std::min({until, m.gives_up, now + 250ms}));
  }
}

std::chrono::milliseconds pause_after(chance& by, int attempt, const reply& got) {
  auto longest = 100ms * (1 << std::min(attempt, 5));
  if (got.retry_after)
    longest = std::max(longest, 1'000ms * std::min<std::int64_t>(got.retry_after->count(), 10));
  return by.within(longest / 2, longest);
}

task<reply> persist(market& m, chance& by, int attempts, store::request r, std::string shopper,
                    question what, store::reader read, std::int64_t& first) {
  m.repeats.earn();
  for (int attempt = 1;; ++attempt) {
    if (first != 0) name_first(what, first);
    const auto n = m.store.note(shopper, what);
    if (first == 0) first = n;
    auto got = co_await m.store.send_noted(n, r, read);
    if (!got.worth_a_repeat() || attempt >= attempts || m.over() || !m.repeats.spend()) {
      co_return got;
    }
    r.leaves_after = std::chrono::milliseconds(0);
    r.intended = steady_clock::now() + pause_after(by, attempt, got);
    co_await pause_until(m, r.intended);
    if (m.over()) co_return got;
  }
}

}  // namespace souk::load
