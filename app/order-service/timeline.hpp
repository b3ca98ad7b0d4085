#pragma once

// GET /orders/{id}/events: the timeline of an order, live.
//
// One poller per event loop reads the new events of all orders that have an open stream. There is
// no NOTIFY in a saga's transaction: it would serialize commits.

#include <deque>
#include <unordered_set>

#include "kit/http.hpp"
#include "kit/service.hpp"
#include "repository.hpp"

namespace souk::order {

class timeline {
 public:
  timeline(event_loop& loop, repository& orders);

  // Sends the events after Last-Event-ID and those to come; ends after the final one.
  task<> stream(const order_view& o, http::event_stream& out);

  // Reads events for the open streams. For ever.
  task<> run();

 private:
  struct follower {
    uuid order;
    std::int64_t seen;  // number of the last event that is sent or waiting
    signal news;
    std::deque<order_event> waiting{};
  };
  class registration {
   public:
    registration(std::unordered_set<follower*>& all, follower& one) : all_(all), one_(one) {
      all_.insert(&one_);
    }
    ~registration() { all_.erase(&one_); }
    registration(const registration&) = delete;

   private:
    std::unordered_set<follower*>& all_;
    follower& one_;
  };
  task<> read_news();

  event_loop& loop_;
  repository& orders_;
  signal someone_came_;
  std::unordered_set<follower*> followers_;
};

}  // namespace souk::order
