#include "timeline.hpp"

#include <charconv>
#include <limits>

#include "kit/telemetry.hpp"

namespace souk::order {
namespace {

using namespace std::chrono_literals;

constexpr auto poll_every = 250ms;
constexpr auto pause_after_failure = 2s;

struct event_data {
  std::int64_t seq = 0;
  std::string type;
  order_state state = order_state::pending;
  timestamp at{};
  std::optional<std::string> detail;
};
BOOST_DESCRIBE_STRUCT(event_data, (), (seq, type, state, at, detail))

// Anything that is no number of an event of this order means: from the beginning.
std::int64_t resume_after(std::optional<std::string_view> last_event_id, std::int64_t last) {
  std::int64_t seq = 0;
  if (last_event_id) {
    const std::string_view id = *last_event_id;
    const auto read = std::from_chars(id.data(), id.data() + id.size(), seq);
    if (read.ptr != id.data() + id.size()) seq = 0;
  }
  return seq >= 0 && seq <= last ? seq : 0;
}

}  // namespace

timeline::timeline(event_loop& loop, repository& orders)
    : loop_(loop), orders_(orders), someone_came_(loop.executor()) {}

task<> timeline::stream(const order_view& o, http::event_stream& out) {
  follower me{o.id, resume_after(out.last_event_id(), o.version), signal(loop_.executor())};
  if (is_final(o.state) && me.seen == o.version) co_return;

  const registration registered(followers_, me);
  someone_came_.notify_all();

  for (;;) {
    bool ended = false;
    while (!me.waiting.empty()) {
      const auto e = std::move(me.waiting.front());
      me.waiting.pop_front();
      co_await out.send(std::to_string(e.seq), e.type,
                        json::write(event_data{e.seq, e.type, e.state, e.at, e.detail}));
      ended = is_final(e.state);
    }
    if (ended) co_return;
    if (!co_await out.wait(me.news, steady_clock::now() + 1h)) co_return;
  }
}

task<> timeline::run() {
  for (;;) {
    bool failed = false;
    try {
      co_await read_news();
    } catch (const std::exception& e) {
      telemetry::warn(context::background(loop_.service_name(), 0s), "cannot read the timeline",
                      {{"error", e.what()}});
      failed = true;
    }
    if (failed) {
      co_await sleep_for(pause_after_failure);
    } else if (followers_.empty()) {
      co_await someone_came_.wait_for(1h);
    } else {
      co_await someone_came_.wait_for(poll_every);
    }
  }
}

task<> timeline::read_news() {
  if (followers_.empty()) co_return;
  std::vector<uuid> orders;
  std::vector<std::int64_t> seqs;
  for (const auto* f : followers_) {
    orders.push_back(f->order);
    seqs.push_back(f->seen);
  }
  const auto ctx = context::background(loop_.service_name(), 5s);
  const auto news = co_await orders_.events_after(ctx, orders, seqs);
  // Followers have come and gone meanwhile, and two may follow one order from different events. The
  // numbers have no gaps, so the next one is what each is given.
  for (auto* f : followers_) {
    for (const auto& e : news) {
      if (e.order_id != f->order || e.seq != f->seen + 1) continue;
      f->waiting.push_back(e);
      f->seen = e.seq;
    }
    if (!f->waiting.empty()) f->news.notify_all();
  }
}

}  // namespace souk::order
