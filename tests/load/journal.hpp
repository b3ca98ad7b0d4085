#pragma once

// The journal of a run of shoppers: what was asked of the store, on disk before it was asked, and
// what was answered. It is the witness against which the store is judged after a crash.
//
// JSON Lines, append-only. A run begins with a line of its own; then come asks and what became of
// them, numbered in ascending order within the run:
//
//   {"run":"<uuid>","seed":7,"at":"<RFC 3339>","store":"http://127.0.0.1:8088","currency":"USD"}
//   {"n":17,"at":"..","shopper":"<user id>","ask":"add","product_id":"..","quantity":2,"key":".."}
//   {"n":18,"at":"..","to":17,"status":200,"revision":".."}
//   {"n":21,"at":"..","to":19,"lost":"time over"}
//
// An ask that has neither an answer nor a `lost` line may or may not have reached the store.

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kit/id.hpp"
#include "kit/time.hpp"

namespace souk::load {

struct line {
  std::string product_id;
  std::int64_t quantity = 0;
  bool operator==(const line&) const = default;
};

struct priced_line {
  std::string product_id;
  std::int64_t quantity = 0;
  std::int64_t unit_price_minor = 0;
  bool operator==(const priced_line&) const = default;
};

struct timeline_event {
  std::int64_t seq = 0;
  std::string type, state;
  bool operator==(const timeline_event&) const = default;
};

// What may be asked, one struct for each kind. `repeats` is the number of the first ask with the
// same key and the same body: the answer to it was lost, or both were sent at once on purpose.
namespace asks {

struct session {
  bool operator==(const session&) const = default;
};
struct add {
  std::string product_id;
  std::int64_t quantity = 0;
  std::optional<std::string> key;
  std::optional<std::int64_t> repeats;
  bool operator==(const add&) const = default;
};
struct set {  // quantity 0 removes
  std::string product_id;
  std::int64_t quantity = 0;
  bool operator==(const set&) const = default;
};
struct remove {
  std::string product_id;
  bool operator==(const remove&) const = default;
};
struct clear {
  bool operator==(const clear&) const = default;
};
struct cart {
  bool operator==(const cart&) const = default;
};
struct checkout {
  std::string key, cart_revision;
  std::int64_t total_minor = 0;
  std::string card;  // "approve", "decline", ...: see cards.hpp
  std::vector<priced_line> lines;
  std::string body_hash;  // SHA-256 of the body as sent, lower case hexadecimal
  std::optional<std::int64_t> repeats;
  bool operator==(const checkout&) const = default;
};
struct cancel {
  std::string order_id;
  bool operator==(const cancel&) const = default;
};
struct order {
  std::string order_id;
  bool operator==(const order&) const = default;
};
struct delivery {  // to the warehouse
  std::string product_id;
  std::int64_t delta = 0;
  std::string key;
  std::optional<std::int64_t> repeats;
  bool operator==(const delivery&) const = default;
};
struct ship {
  std::string order_id;
  bool operator==(const ship&) const = default;
};
struct deliver {  // to the shopper
  std::string order_id;
  bool operator==(const deliver&) const = default;
};
struct refund {
  std::string order_id, key;
  std::int64_t amount_minor = 0;
  std::vector<line> lines;  // to restock
  std::optional<std::int64_t> repeats;
  bool operator==(const refund&) const = default;
};
struct events {
  std::string order_id;
  bool operator==(const events&) const = default;
};

}  // namespace asks

using question = std::variant<asks::session, asks::add, asks::set, asks::remove, asks::clear,
                              asks::cart, asks::checkout, asks::cancel, asks::order, asks::delivery,
                              asks::ship, asks::deliver, asks::refund, asks::events>;
std::string_view kind_of(const question& q);  // "session", "add", ...

// ---------------------------------------------------------------------------------------------
// The lines of a journal.

struct run_begun {
  uuid run;
  std::int64_t seed = 0;
  timestamp at;
  std::string store, currency;
  bool operator==(const run_begun&) const = default;
};

struct ask {
  std::int64_t n = 0;
  timestamp at;         // just before it was sent
  std::string shopper;  // user id; empty for a new session and for the administrator's staff
  question what;
  bool operator==(const ask&) const = default;
};

// With a status of 2xx what the kind of the ask promises is there (the reader sees to it):
// session: shopper · add, set, remove: revision · cart: revision, lines · checkout: order_id, state
// · cancel, order, ship, deliver: state · delivery: on_hand · refund: refund_id, state · events:
// the whole timeline, to the event after which nothing more can come. Otherwise `problem`, if the
// answer was a problem document, and for a checkout that made an order which was rejected (402,
// 409) order_id and state; for `already-ordered` the order_id of the other.
struct answer {
  std::int64_t n = 0;
  std::int64_t to = 0;  // the ask's n, in the same run
  timestamp at;
  int status = 0;
  std::optional<std::string> problem;  // "/problems/out-of-stock"
  std::optional<std::string> shopper;
  std::optional<std::string> revision;
  std::optional<std::vector<line>> lines;
  std::optional<std::string> order_id, state;
  std::optional<std::int64_t> on_hand;
  std::optional<std::string> refund_id;
  std::optional<std::vector<timeline_event>> events;

  bool ok() const { return status >= 200 && status < 300; }
  bool operator==(const answer&) const = default;
};

// No answer came, and none will be noted any more.
struct lost {
  std::int64_t n = 0;
  std::int64_t to = 0;
  timestamp at;
  std::string why;
  bool operator==(const lost&) const = default;
};

using journal_record = std::variant<run_begun, ask, answer, lost>;

// One line, without its end.
std::string to_line(const journal_record& record);

// ---------------------------------------------------------------------------------------------

struct journal_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Yields the records of a journal in order. Strict: an unknown kind or field, a missing field, a
// number that does not ascend, an answer to what was not asked or was answered already is a
// journal_error that names file and line. Only a last line without its end, torn by the death of
// the writer, is passed over: what it says was never sent.
class journal_reader {
 public:
  // Throws journal_error when the file cannot be read.
  explicit journal_reader(const std::string& path);

  // The next record; nothing at the end.
  std::optional<journal_record> next();
  // The last line was torn; known once next() gave nothing.
  bool torn() const { return torn_; }

 private:
  [[noreturn]] void fail(const std::string& why) const;
  void check(const run_begun& r);
  void check(const ask& a);
  void check(const answer& a);
  void check(const lost& l);
  // The kind of the ask that is answered; it is forgotten.
  std::size_t take(std::int64_t to);
  void follow(std::int64_t n);

  std::string path_;
  std::ifstream file_;
  std::int64_t line_ = 0;
  std::int64_t last_n_ = 0;
  bool in_run_ = false;
  bool torn_ = false;
  std::map<std::int64_t, std::size_t> unanswered_;  // n -> index of the kind in `question`
};

}  // namespace souk::load
