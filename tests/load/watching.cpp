#include "load/watching.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "kit/json.hpp"
#include "load/event_source.hpp"

namespace souk::load {
namespace {

using namespace std::chrono_literals;

// More are no timeline; these will do to see that.
constexpr std::size_t most_events = 500;
// The server says something each 15 s.
constexpr auto longest_silence = 20s;

struct event_data {
  std::int64_t seq = 0;
  std::string type, state;
};
BOOST_DESCRIBE_STRUCT(event_data, (), (seq, type, state))

struct dropped_on_purpose {};

bool is_last(std::string_view state) {
  return state == "delivered" || state == "rejected" || state == "cancelled";
}

struct timeline {
  event_parser parser;
  std::vector<timeline_event> seen;
  bool garbled = false;

  bool ended() const { return !seen.empty() && is_last(seen.back().state); }
  bool too_long() const { return seen.size() >= most_events; }

  // False for what is no event of a timeline.
  bool take(const server_event& e) {
    auto data = json::read_lenient<event_data>(e.data);
    if (!data || std::to_string(data->seq) != e.id || data->type != e.type) return false;
    seen.push_back({data->seq, std::move(data->type), std::move(data->state)});
    return true;
  }
};

}  // namespace

task<> watch_order(market& m, chance by, std::string shopper, std::string token,
                   std::string order_id) {
  const auto until = std::min(steady_clock::now() + by.within(2s, 12s), m.gives_up);
  auto drops = by.between(0, 2);
  const auto n = m.store.note(shopper, asks::events{order_id});
  co_await m.store.noted_on_disk();

  timeline told;
  int status = 0;  // of the last connection; 0: there was no answer
  std::string why = "no event came";
  int failures = 0;  // in a row
  while (steady_clock::now() < until) {
    auto call = http::get("/api/orders/" + http::url_encode(order_id) + "/events")
                    .header("Authorization", "Bearer " + token)
                    .within(longest_silence);
    const bool resumes = !told.parser.last_id().empty();
    if (resumes) call.headers.emplace_back("Last-Event-ID", told.parser.last_id());
    auto context = context::background(m.loop.service_name(), until - steady_clock::now());
    const auto began = steady_clock::now();
    std::optional<steady_clock::time_point> first_line;
    std::int64_t left = drops > 0 ? by.between(1, 4) : -1;
    told.parser.reconnected();
    bool failed = false;
    status = 200;
    const auto on_line = [&](std::string_view line) {
      if (!first_line) first_line = steady_clock::now();
      const auto event = told.parser.take(line);
      if (!event) return;
      if (!told.take(*event)) told.garbled = true;
      if (told.garbled || told.too_long() || --left == 0) throw dropped_on_purpose{};
    };
    try {
      co_await m.store.client().stream_lines(context, std::move(call), on_line);
    } catch (const dropped_on_purpose&) {
      --drops;
    } catch (const deadline_exceeded&) {
      // Watched for long enough.
    } catch (const http::call_failed& f) {
      status = f.status;
      const std::string_view what = f.what();
      why = what.substr(f.upstream.size() + 2);
      failed = true;
    }
    const auto now = steady_clock::now();
    // To the first event, which is there already; one who resumes waits for what comes next.
    std::optional<std::chrono::microseconds> took;
    if (first_line && !resumes) {
      took = std::chrono::duration_cast<std::chrono::microseconds>(*first_line - began);
    }
    if (status != 0) {
      m.store.counts().answered(action::events, status, {}, took);
    } else if (now < until) {
      m.store.counts().lost(action::events, why, 0us, false);
    }
    if (told.ended() || told.garbled || told.too_long()) break;
    if (status >= 400 && status < 500 && status != 429) break;
    // A stream that ended before the final event: its server is being replaced.
    failures = failed ? failures + 1 : 0;
    const auto pause = failed ? pause_after(by, failures, {}) : by.within(0ms, 300ms);
    co_await pause_until(m, std::min(until, now + pause));
  }

  if (told.garbled) {
    m.store.counts().lost(action::events, "the answer is not what was agreed", 0us, false);
    m.store.note_lost(n, "the answer is not what was agreed");
  } else if (!told.seen.empty()) {
    m.store.note_answer(
        {.to = n, .status = told.ended() ? 200 : 206, .events = std::move(told.seen)});
  } else if (status >= 400) {
    m.store.note_answer({.to = n, .status = status});
  } else {
    m.store.note_lost(n, std::move(why));
  }
}

}  // namespace souk::load
