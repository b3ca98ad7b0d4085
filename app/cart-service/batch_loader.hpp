#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "carts.hpp"
#include "kit/context.hpp"
#include "kit/service.hpp"
#include "kit/task.hpp"

namespace souk::cart {

// Joins the look-ups of many requests into few calls, without ever answering from memory: ids that
// are asked for while calls are under way go together into the next one, and every call begins
// after those that share it asked. One event loop; must live as long as it.
template <class T>
class batch_loader {
 public:
  // What there is of the ids, in any order; throws when that cannot be found out.
  using call = std::function<task<std::vector<std::pair<uuid, T>>>(const context&,
                                                                   const std::vector<uuid>&)>;

  batch_loader(event_loop& loop, std::string_view name, std::chrono::milliseconds time_limit,
               call c)
      : loop_(loop), name_(name), time_limit_(time_limit), call_(std::move(c)) {}
  batch_loader(const batch_loader&) = delete;
  batch_loader& operator=(const batch_loader&) = delete;

  struct batch;
  struct ticket {
    std::vector<uuid> ids;
    std::vector<std::shared_ptr<batch>> batches;
  };

  // Asks; the answers are collected later, so that several loaders can be asked at once. A shared
  // call belongs to the trace of the first who asked.
  ticket ask(const context& ctx, std::span<const uuid> ids) {
    ticket mine{.ids = {ids.begin(), ids.end()}};
    for (const uuid id : ids) {
      const auto& b = waiting_batch(ctx);
      if (std::ranges::find(b->ids, id) == b->ids.end()) b->ids.push_back(id);
      if (mine.batches.empty() || mine.batches.back() != b) mine.batches.push_back(b);
    }
    start_calls();
    return mine;
  }

  // Adds the answers to `known`; ids whose call failed or took longer than the context's time are
  // left out.
  static task<> collect(const context& ctx, ticket mine, found<T>& known) {
    for (const auto& b : mine.batches) {
      while (!b->done && ctx.time_left() > steady_clock::duration::zero()) {
        co_await b->ended.wait_until(ctx.deadline);
      }
      for (const uuid id : mine.ids) {
        if (const auto it = b->answers.find(id); it != b->answers.end()) known.insert(*it);
      }
    }
  }

  struct batch {
    batch(executor on, const context& first) : ctx(first), ended(std::move(on)) {}
    context ctx;
    std::vector<uuid> ids;
    signal ended;
    bool done = false;
    found<T> answers;  // for all ids, or none when the call failed
  };

 private:
  static constexpr std::size_t max_ids = 100;
  static constexpr int max_calls = 4;

  // Shoppers of different canary buckets share no call: it may go to another version.
  const std::shared_ptr<batch>& waiting_batch(const context& ctx) {
    for (const auto& b : waiting_) {
      if (b->ids.size() < max_ids && b->ctx.bucket == ctx.bucket) return b;
    }
    return waiting_.emplace_back(std::make_shared<batch>(loop_.executor(), ctx));
  }

  void start_calls() {
    while (calls_ < max_calls && !waiting_.empty()) {
      ++calls_;
      auto b = std::move(waiting_.front());
      waiting_.pop_front();
      loop_.spawn(name_, run(std::move(b)));
    }
  }

  task<> run(std::shared_ptr<batch> b) {
    try {
      const context ctx = b->ctx.with_time_limit(time_limit_);
      auto things = co_await call_(ctx, b->ids);
      for (const uuid id : b->ids) b->answers.try_emplace(id);
      for (auto& [id, thing] : things) b->answers[id] = std::move(thing);
    } catch (const std::exception&) {
      // Its span and the client's metrics tell.
    }
    b->done = true;
    b->ended.notify_all();
    --calls_;
    start_calls();
  }

  event_loop& loop_;
  std::string_view name_;
  std::chrono::milliseconds time_limit_;
  call call_;
  std::deque<std::shared_ptr<batch>> waiting_;
  int calls_ = 0;
};

}  // namespace souk::cart
