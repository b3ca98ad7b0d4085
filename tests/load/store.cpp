#include "load/store.hpp"

#include <utility>

#include "kit/json.hpp"

namespace souk::load {
namespace {

using namespace std::chrono_literals;

// The call's own time limit is what counts.
constexpr auto longest = 10min;

struct problem_document {
  std::string type;
};
BOOST_DESCRIBE_STRUCT(problem_document, (), (type))

std::chrono::microseconds in_us(steady_clock::duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d);
}

}  // namespace

std::string problem_of(std::string_view body) {
  if (!body.starts_with('{')) return {};
  auto document = json::read_lenient<problem_document>(body);
  if (!document) return {};
  return document->type.substr(document->type.rfind('/') + 1);
}

store::store(event_loop& loop, const std::string& url, std::size_t max_connections, tally& counts)
    : loop_(loop),
      client_(loop, {.name = "store",
                     .url = url,
                     .max_connections = max_connections,
                     .max_waiting = 4 * max_connections,
                     .as_it_is = true}),
      counts_(counts) {}

task<store::outcome> store::send(request& r) {
  outcome out;
  const bool leaves = r.leaves_after > 0ms;
  if (leaves) r.call.timeout = r.leaves_after;
  const std::string_view when_late = leaves ? tally::left : "time over";
  try {
    const auto limit = r.call.timeout;
    const auto began = steady_clock::now();
    try {
      auto answer = co_await client_.send(context::background(loop_.service_name(), longest),
                                          std::move(r.call));
      out.got.status = answer.status;
      out.got.body = std::move(answer.body);
      out.got.retry_after = answer.retry_after;
      if (!out.got.ok()) out.got.problem = problem_of(out.got.body);
    } catch (const http::call_failed& f) {
      const bool late = steady_clock::now() - began >= limit;
      // Without the upstream's name, which is always the same.
      const std::string_view what = f.what();
      out.why = late ? when_late : what.substr(f.upstream.size() + 2);
      out.waited = late && !leaves;
    }
  } catch (const deadline_exceeded&) {
    out.why = when_late;
    out.waited = !leaves;
  }
  co_return out;
}

void store::count(const request& r, const outcome& o, steady_clock::duration unmeasured) {
  const auto took = in_us(steady_clock::now() - r.intended - unmeasured);
  if (o.got.lost()) {
    counts_.lost(r.action, o.why, took, o.waited);
  } else {
    counts_.answered(r.action, o.got.status, o.got.problem, took);
  }
}

task<reply> store::ask(request r) {
  auto o = co_await send(r);
  count(r, o, 0s);
  co_return std::move(o.got);
}

task<reply> store::ask(request r, std::string shopper, question what, reader read) {
  const auto n = note(std::move(shopper), std::move(what));
  co_return co_await send_noted(n, std::move(r), std::move(read));
}

std::int64_t store::note(std::string shopper, question what) {
  return journal_ ? journal_->append(std::move(shopper), std::move(what)) : ++last_n_;
}

task<> store::noted_on_disk() {
  if (journal_) co_await journal_->synced();
}

void store::note_answer(answer a) {
  if (journal_) journal_->append(std::move(a));
}

void store::note_lost(std::int64_t to, std::string why) {
  if (journal_) journal_->append_lost(to, std::move(why));
}

task<reply> store::send_noted(std::int64_t n, request r, reader read) {
  // The wait for our own disk says nothing about the store.
  const auto began = steady_clock::now();
  co_await noted_on_disk();
  const auto waited = steady_clock::now() - began;
  if (journal_) counts_.timed("journal sync", in_us(waited));

  auto o = co_await send(r);
  answer a{.to = n, .status = o.got.status};
  if (!o.got.lost()) {
    if (!o.got.problem.empty()) a.problem = "/problems/" + o.got.problem;
    if (!read(o.got, a) && o.got.ok()) {
      o.got = {};
      o.why = "the answer is not what was agreed";
    }
  }
  count(r, o, waited);
  if (o.got.lost()) {
    note_lost(n, o.why);
  } else {
    note_answer(std::move(a));
  }
  co_return std::move(o.got);
}

}  // namespace souk::load
