#pragma once

// The store as its shoppers see it: the gateway. Every request goes through here, is counted, and
// is in the journal before it is sent if it is of a kind that the journal knows.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kit/http_client.hpp"
#include "kit/service.hpp"
#include "load/journal_writer.hpp"
#include "load/tally.hpp"

namespace souk::load {

// What came of one request.
struct reply {
  int status = 0;  // 0: no answer
  std::string body;
  std::string problem;  // the last part of its type, e.g. "out-of-stock"; empty if it was none
  std::optional<std::chrono::seconds> retry_after;

  bool lost() const { return status == 0; }
  bool ok() const { return status >= 200 && status < 300; }
  // The store may do the same request another time.
  bool worth_a_repeat() const { return lost() || status >= 500 || status == 429; }
};

class store {
 public:
  // Throws std::invalid_argument when `url` is no http://host:port. `counts` must outlive the
  // store, and the store its requests.
  store(event_loop& loop, const std::string& url, std::size_t max_connections, tally& counts);
  // From now on into this journal, which must outlive the store. Without one nothing is written.
  void write_to(journal_writer& journal) { journal_ = &journal; }

  struct request {
    load::action action;
    http::call call;
    steady_clock::time_point intended;  // when it was meant to be sent
    // Above 0: the shopper leaves before the call's time is over, which is no fault of the store.
    std::chrono::milliseconds leaves_after{0};
  };

  // Not in the journal: browsing, cards.
  task<reply> ask(request r);

  // What an answer says, taken from its body for the journal. False: it is not what was agreed, and
  // counts as lost.
  using reader = std::function<bool(const reply&, answer&)>;
  // In the journal. For a reply of 2xx, `read` must fill in what the journal needs; it may do so
  // for other replies.
  task<reply> ask(request r, std::string shopper, question what, reader read);

  // The same in two parts, for whoever needs the number.
  std::int64_t note(std::string shopper, question what);
  task<reply> send_noted(std::int64_t n, request r, reader read);

  // For an answer that comes in pieces: its asker notes what became of it.
  task<> noted_on_disk();
  void note_answer(answer a);
  void note_lost(std::int64_t to, std::string why);

  http::client& client() { return client_; }
  tally& counts() { return counts_; }

 private:
  struct outcome {
    reply got;
    std::string why;  // lost
    bool waited = false;
  };
  task<outcome> send(request& r);
  void count(const request& r, const outcome& o, steady_clock::duration unmeasured);

  event_loop& loop_;
  http::client client_;
  tally& counts_;
  journal_writer* journal_ = nullptr;
  std::int64_t last_n_ = 0;  // without a journal
};

// The last part of the type of a problem document; empty if it is none.
std::string problem_of(std::string_view body);

}  // namespace souk::load
