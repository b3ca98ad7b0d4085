#pragma once

#include <deque>
#include <vector>

#include "kit/http_client.hpp"
#include "kit/task.hpp"
#include "repository.hpp"

namespace souk::product {

// Tells inventory what new products open with, and the stocktakes of imports: takes messages from
// the outbox, delivers them at least once, each under its key, and the messages of one product in
// their order. Every replica may run one: they pass over each other's messages. One event loop.
class stock_messenger {
 public:
  static constexpr std::size_t senders = 16;  // messages under way at once

  stock_messenger(event_loop& loop, repository& products, http::upstream inventory);

  // Looks for messages now rather than at the next turn.
  void wake() { wake_.notify_all(); }

  // Takes messages and notes what became of them; until the loop drains.
  task<> run();
  // Sends; to be run `senders` times.
  task<> send();

 private:
  enum class fate { sent, refused, failed };
  struct delivery {
    stock_message message;
    fate what = fate::failed;
    std::string refusal;
  };
  // How many of them were settled (sent or refused), of how many.
  struct turn {
    std::size_t taken = 0, settled = 0;
  };
  task<turn> deliver_some(const context& ctx);
  task<> deliver(const context& ctx, delivery& d);

  event_loop& loop_;
  repository& products_;
  http::client inventory_;
  std::vector<delivery> deliveries_;  // of this turn
  std::size_t next_ = 0, over_ = 0;   // the next to be sent; how many are through
  signal wake_, work_, done_;
};

}  // namespace souk::product
