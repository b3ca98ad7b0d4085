#pragma once

// One run of a scenario: a shopper, the API as it is used by good clients (who ask again under the
// same key when no answer comes), and what has become of it in the databases.

#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kit/testing/http.hpp"
#include "store.hpp"

namespace souk::crash {

// What was waited for has not come.
struct stuck : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace cards {
inline constexpr std::string_view approve = "4242424242424242";
inline constexpr std::string_view decline = "4000000000000002";
inline constexpr std::string_view answer_lost = "4000000000000341";
inline constexpr std::string_view capture_refused = "4000000000000259";
}  // namespace cards

class stage {
 public:
  using answer = testing::http_answer;

  // `limit` is for all that follows.
  stage(store& s, std::chrono::milliseconds limit);
  ~stage();
  stage(const stage&) = delete;

  store& where() { return store_; }
  uuid user() const { return user_; }
  std::string key(std::string_view what) const;  // of this run
  const product& good(std::size_t i) const { return store_.products().at(i); }

  // ---- Asking. Again and again until there is an answer that says something: not when the
  // connection was lost, nor for 429, 5xx and (where a repeat under a key waits on) 202.

  enum class as { shopper, admin, order_service, product_service, merchant };
  answer ask(std::string_view method, std::string_view program, const std::string& path, as who,
             const std::string& body = {}, const std::string& key = {});
  // The same; another status than these is noted.
  answer expect(std::initializer_list<int> statuses, std::string_view method,
                std::string_view program, const std::string& path, as who,
                const std::string& body = {}, const std::string& key = {});

  void add_to_cart(std::size_t good, int quantity, std::string_view key);
  // Two of the first and one of the second product; a card token. After that begin_order() works.
  void fill_cart();
  void make_token(std::string_view card);
  void begin_order();  // and goes on; what is asked is the cart as it is now
  void finish_order(std::initializer_list<int> statuses);
  void place_order(std::initializer_list<int> statuses = {201});
  void cancel();
  void refund(std::int64_t amount, std::string_view lines, std::string_view key);
  void mark(std::string_view status);
  void adjust_stock(std::size_t good, std::int64_t delta, std::string_view key);

  // Of the order that is being placed, once there is one.
  std::string order_id();
  // For what is done without order-service: an id that no order has.
  std::string foreign_order() const { return uuid::derived("foreign order", user_.str()).str(); }
  // POST until the answer's body says so: the other side may still be at it.
  void post_until(std::string_view state, std::string_view program, const std::string& path, as who,
                  const std::string& body);
  const std::string& payment_token() const { return payment_token_; }

  // ---- Programs that have stopped themselves at an armed point

  void wait_held(std::string_view program, std::string_view point);
  void release(std::string_view program) { store_.program(program).go_on(); }

  // ---- Waiting

  template <class Condition>
  void wait_for(std::string_view what, Condition holds) {
    while (!holds()) {
      if (steady::now() > until_) throw stuck(std::string(what));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  void wait_until_quiet();

  // ---- Looking

  // The shopper's order and all that belongs to it, in one line.
  std::string seen();
  // Answers that no client should have got.
  const std::vector<std::string>& notes() const { return notes_; }
  void note(std::string what) { notes_.push_back(std::move(what)); }

 private:
  store& store_;
  const steady::time_point until_;
  const uuid user_ = uuid::v7();
  const std::string token_;
  std::string payment_token_;
  std::string order_;
  std::future<answer> placing_;
  std::vector<std::int64_t> on_hand_before_, reserved_before_;
  std::vector<std::string> notes_;
};

}  // namespace souk::crash
