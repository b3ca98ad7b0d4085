#include "load/journal.hpp"

#include <fmt/format.h>

#include <boost/mp11/algorithm.hpp>
#include <utility>

#include "kit/json.hpp"

namespace souk::load {

BOOST_DESCRIBE_STRUCT(timeline_event, (), (seq, type, state))

namespace {

// Every field that any line may have. Which of them a line must have, and that it has no others,
// is checked against its kind.
struct any_line {
  std::string product_id;
  std::int64_t quantity = 0;
  std::optional<std::int64_t> unit_price_minor;
};
BOOST_DESCRIBE_STRUCT(any_line, (), (product_id, quantity, unit_price_minor))

struct fields {
  std::optional<uuid> run;
  std::optional<std::int64_t> seed, n, to;
  std::optional<timestamp> at;
  std::optional<std::string> store, currency, shopper, ask, product_id;
  std::optional<std::int64_t> quantity, delta;
  std::optional<std::string> key, cart_revision;
  std::optional<std::int64_t> total_minor;
  std::optional<std::string> card, body_hash;
  std::optional<std::int64_t> repeats;
  std::optional<std::int64_t> status;
  std::optional<std::string> problem, revision, order_id, state;
  std::optional<std::int64_t> amount_minor, on_hand;
  std::optional<std::string> refund_id;
  std::optional<std::vector<any_line>> lines;
  std::optional<std::vector<timeline_event>> events;
  std::optional<std::string> lost;
};
BOOST_DESCRIBE_STRUCT(fields, (),
                      (run, seed, n, to, at, store, currency, shopper, ask, product_id, quantity,
                       delta, key, cart_revision, total_minor, card, body_hash, repeats, status,
                       problem, revision, order_id, state, amount_minor, on_hand, refund_id, lines,
                       events, lost))

// What is wrong with a line; the reader adds where it stands.
struct malformed {
  std::string why;
};

template <class T>
T need(std::optional<T>& field, std::string_view name) {
  if (!field) throw malformed{fmt::format("no \"{}\"", name)};
  T out = std::move(*field);
  field.reset();
  return out;
}

std::vector<line> without_prices(std::vector<any_line> from) {
  std::vector<line> out;
  for (auto& l : from) {
    if (l.unit_price_minor) throw malformed{"a price in a line that has none"};
    out.push_back({std::move(l.product_id), l.quantity});
  }
  return out;
}

std::vector<priced_line> with_prices(std::vector<any_line> from) {
  std::vector<priced_line> out;
  for (auto& l : from) {
    const auto price = need(l.unit_price_minor, "unit_price_minor");
    out.push_back({std::move(l.product_id), l.quantity, price});
  }
  return out;
}

template <class Line>
std::vector<any_line> to_any(const std::vector<Line>& from) {
  std::vector<any_line> out;
  for (const auto& l : from) {
    out.push_back({.product_id = l.product_id, .quantity = l.quantity});
    if constexpr (requires { l.unit_price_minor; })
      out.back().unit_price_minor = l.unit_price_minor;
  }
  return out;
}

// ---------------------------------------------------------------------------------------------
// Each kind of ask, from and to its fields.

template <class Kind>
struct form;

#define SOUK_KIND(kind)                                                                 \
  template <>                                                                           \
  struct form<asks::kind> {                                                             \
    static constexpr std::string_view name = #kind;                                     \
    static asks::kind take([[maybe_unused]] fields& f);                                 \
    static void give([[maybe_unused]] const asks::kind& k, [[maybe_unused]] fields& f); \
  };
SOUK_KIND(session)
SOUK_KIND(add)
SOUK_KIND(set)
SOUK_KIND(remove)
SOUK_KIND(clear)
SOUK_KIND(cart)
SOUK_KIND(checkout)
SOUK_KIND(cancel)
SOUK_KIND(order)
SOUK_KIND(delivery)
SOUK_KIND(ship)
SOUK_KIND(deliver)
SOUK_KIND(refund)
SOUK_KIND(events)
#undef SOUK_KIND

asks::session form<asks::session>::take(fields&) {
  return {};
}
void form<asks::session>::give(const asks::session&, fields&) {}

asks::add form<asks::add>::take(fields& f) {
  return {.product_id = need(f.product_id, "product_id"),
          .quantity = need(f.quantity, "quantity"),
          .key = std::exchange(f.key, std::nullopt),
          .repeats = std::exchange(f.repeats, std::nullopt)};
}
void form<asks::add>::give(const asks::add& k, fields& f) {
  f.product_id = k.product_id;
  f.quantity = k.quantity;
  f.key = k.key;
  f.repeats = k.repeats;
}

asks::set form<asks::set>::take(fields& f) {
  return {need(f.product_id, "product_id"), need(f.quantity, "quantity")};
}
void form<asks::set>::give(const asks::set& k, fields& f) {
  f.product_id = k.product_id;
  f.quantity = k.quantity;
}

asks::remove form<asks::remove>::take(fields& f) {
  return {need(f.product_id, "product_id")};
}
void form<asks::remove>::give(const asks::remove& k, fields& f) {
  f.product_id = k.product_id;
}

asks::clear form<asks::clear>::take(fields&) {
  return {};
}
void form<asks::clear>::give(const asks::clear&, fields&) {}

asks::cart form<asks::cart>::take(fields&) {
  return {};
}
void form<asks::cart>::give(const asks::cart&, fields&) {}

asks::checkout form<asks::checkout>::take(fields& f) {
  return {.key = need(f.key, "key"),
          .cart_revision = need(f.cart_revision, "cart_revision"),
          .total_minor = need(f.total_minor, "total_minor"),
          .card = need(f.card, "card"),
          .lines = with_prices(need(f.lines, "lines")),
          .body_hash = need(f.body_hash, "body_hash"),
          .repeats = std::exchange(f.repeats, std::nullopt)};
}
void form<asks::checkout>::give(const asks::checkout& k, fields& f) {
  f.key = k.key;
  f.cart_revision = k.cart_revision;
  f.total_minor = k.total_minor;
  f.card = k.card;
  f.lines = to_any(k.lines);
  f.body_hash = k.body_hash;
  f.repeats = k.repeats;
}

asks::cancel form<asks::cancel>::take(fields& f) {
  return {need(f.order_id, "order_id")};
}
void form<asks::cancel>::give(const asks::cancel& k, fields& f) {
  f.order_id = k.order_id;
}

asks::order form<asks::order>::take(fields& f) {
  return {need(f.order_id, "order_id")};
}
void form<asks::order>::give(const asks::order& k, fields& f) {
  f.order_id = k.order_id;
}

asks::delivery form<asks::delivery>::take(fields& f) {
  return {.product_id = need(f.product_id, "product_id"),
          .delta = need(f.delta, "delta"),
          .key = need(f.key, "key"),
          .repeats = std::exchange(f.repeats, std::nullopt)};
}
void form<asks::delivery>::give(const asks::delivery& k, fields& f) {
  f.product_id = k.product_id;
  f.delta = k.delta;
  f.key = k.key;
  f.repeats = k.repeats;
}

asks::ship form<asks::ship>::take(fields& f) {
  return {need(f.order_id, "order_id")};
}
void form<asks::ship>::give(const asks::ship& k, fields& f) {
  f.order_id = k.order_id;
}

asks::deliver form<asks::deliver>::take(fields& f) {
  return {need(f.order_id, "order_id")};
}
void form<asks::deliver>::give(const asks::deliver& k, fields& f) {
  f.order_id = k.order_id;
}

asks::refund form<asks::refund>::take(fields& f) {
  return {.order_id = need(f.order_id, "order_id"),
          .key = need(f.key, "key"),
          .amount_minor = need(f.amount_minor, "amount_minor"),
          .lines = without_prices(need(f.lines, "lines")),
          .repeats = std::exchange(f.repeats, std::nullopt)};
}
void form<asks::refund>::give(const asks::refund& k, fields& f) {
  f.order_id = k.order_id;
  f.key = k.key;
  f.amount_minor = k.amount_minor;
  f.lines = to_any(k.lines);
  f.repeats = k.repeats;
}

asks::events form<asks::events>::take(fields& f) {
  return {need(f.order_id, "order_id")};
}
void form<asks::events>::give(const asks::events& k, fields& f) {
  f.order_id = k.order_id;
}

question take_question(fields& f) {
  const std::string kind = need(f.ask, "ask");
  std::optional<question> out;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<boost::mp11::mp_identity, question>>(
      [&](auto type) {
        using asked = typename decltype(type)::type;
        if (form<asked>::name == kind) out = form<asked>::take(f);
      });
  if (!out) throw malformed{fmt::format("no such kind of ask: \"{}\"", kind)};
  return *out;
}

template <class Kind>
constexpr std::size_t index_of = boost::mp11::mp_find<question, Kind>::value;

// What an answer of 2xx to this kind of ask must say, and all that it may.
void check_promise(std::size_t kind, const answer& a) {
  struct {
    bool shopper, revision, lines, order_id, state, on_hand, refund_id, events;
  } has{a.shopper.has_value(),   a.revision.has_value(), a.lines.has_value(),
        a.order_id.has_value(),  a.state.has_value(),    a.on_hand.has_value(),
        a.refund_id.has_value(), a.events.has_value()},
      may{};
  may.shopper = kind == index_of<asks::session>;
  may.revision = kind == index_of<asks::add> || kind == index_of<asks::set> ||
                 kind == index_of<asks::remove> || kind == index_of<asks::cart>;
  may.lines = kind == index_of<asks::cart>;
  may.order_id = kind == index_of<asks::checkout>;
  may.state = kind == index_of<asks::checkout> || kind == index_of<asks::cancel> ||
              kind == index_of<asks::order> || kind == index_of<asks::ship> ||
              kind == index_of<asks::deliver> || kind == index_of<asks::refund>;
  may.on_hand = kind == index_of<asks::delivery>;
  may.refund_id = kind == index_of<asks::refund>;
  may.events = kind == index_of<asks::events>;
  if (!a.ok()) {
    // Of a refusal only what tells which order it is about.
    const bool checkout = kind == index_of<asks::checkout>;
    may = {};
    may.order_id = may.state = checkout;
  } else if (a.problem) {
    throw malformed{"a problem in an answer of 2xx"};
  }
  const auto one = [&](bool is, bool can, std::string_view name) {
    if (is && !can) throw malformed{fmt::format("\"{}\" does not belong here", name)};
    if (!is && can && a.ok()) throw malformed{fmt::format("no \"{}\"", name)};
  };
  one(has.shopper, may.shopper, "shopper");
  one(has.revision, may.revision, "revision");
  one(has.lines, may.lines, "lines");
  one(has.order_id, may.order_id, "order_id");
  one(has.state, may.state, "state");
  one(has.on_hand, may.on_hand, "on_hand");
  one(has.refund_id, may.refund_id, "refund_id");
  one(has.events, may.events, "events");
}

// The administrator's staff has no shopper; everybody else has one from the session on.
void check_who(const ask& a) {
  const auto kind = a.what.index();
  const bool staff = kind == index_of<asks::delivery> || kind == index_of<asks::ship> ||
                     kind == index_of<asks::deliver> || kind == index_of<asks::refund>;
  const bool either = kind == index_of<asks::cancel> || kind == index_of<asks::order> ||
                      kind == index_of<asks::events>;
  const bool nobody = kind == index_of<asks::session>;
  if (either) return;
  if ((staff || nobody) && !a.shopper.empty()) throw malformed{"\"shopper\" does not belong here"};
  if (!staff && !nobody && a.shopper.empty()) throw malformed{"no \"shopper\""};
}

journal_record take_record(fields& f) {
  if (f.run) {
    return run_begun{.run = need(f.run, "run"),
                     .seed = need(f.seed, "seed"),
                     .at = need(f.at, "at"),
                     .store = need(f.store, "store"),
                     .currency = need(f.currency, "currency")};
  }
  const auto n = need(f.n, "n");
  const auto at = need(f.at, "at");
  if (f.ask) {
    auto shopper = std::exchange(f.shopper, std::nullopt);
    return ask{.n = n,
               .at = at,
               .shopper = shopper ? std::move(*shopper) : std::string(),
               .what = take_question(f)};
  }
  const auto to = need(f.to, "to");
  if (f.lost) return lost{.n = n, .to = to, .at = at, .why = need(f.lost, "lost")};
  const auto status = need(f.status, "status");
  if (status < 100 || status > 599) throw malformed{"a status outside 100 to 599"};
  answer a{.n = n,
           .to = to,
           .at = at,
           .status = static_cast<int>(status),
           .problem = std::exchange(f.problem, std::nullopt),
           .shopper = std::exchange(f.shopper, std::nullopt),
           .revision = std::exchange(f.revision, std::nullopt),
           .order_id = std::exchange(f.order_id, std::nullopt),
           .state = std::exchange(f.state, std::nullopt),
           .on_hand = std::exchange(f.on_hand, std::nullopt),
           .refund_id = std::exchange(f.refund_id, std::nullopt),
           .events = std::exchange(f.events, std::nullopt)};
  if (f.lines) a.lines = without_prices(need(f.lines, "lines"));
  return a;
}

void check_nothing_left(const fields& f) {
  using all = boost::describe::describe_members<fields, boost::describe::mod_public>;
  boost::mp11::mp_for_each<all>([&](auto member) {
    if ((f.*member.pointer).has_value()) {
      throw malformed{fmt::format("\"{}\" does not belong here", member.name)};
    }
  });
}

fields fields_of(const journal_record& record) {
  fields f;
  if (const auto* r = std::get_if<run_begun>(&record)) {
    f.run = r->run;
    f.seed = r->seed;
    f.at = r->at;
    f.store = r->store;
    f.currency = r->currency;
  } else if (const auto* a = std::get_if<ask>(&record)) {
    f.n = a->n;
    f.at = a->at;
    if (!a->shopper.empty()) f.shopper = a->shopper;
    std::visit(
        [&f]<class Kind>(const Kind& k) {
          f.ask = std::string(form<Kind>::name);
          form<Kind>::give(k, f);
        },
        a->what);
  } else if (const auto* said = std::get_if<answer>(&record)) {
    f.n = said->n;
    f.to = said->to;
    f.at = said->at;
    f.status = said->status;
    f.problem = said->problem;
    f.shopper = said->shopper;
    f.revision = said->revision;
    if (said->lines) f.lines = to_any(*said->lines);
    f.order_id = said->order_id;
    f.state = said->state;
    f.on_hand = said->on_hand;
    f.refund_id = said->refund_id;
    f.events = said->events;
  } else if (const auto* l = std::get_if<lost>(&record)) {
    f.n = l->n;
    f.to = l->to;
    f.at = l->at;
    f.lost = l->why;
  }
  return f;
}

}  // namespace

std::string_view kind_of(const question& q) {
  return std::visit([]<class Kind>(const Kind&) { return form<Kind>::name; }, q);
}

std::string to_line(const journal_record& record) {
  return json::write(fields_of(record));
}

// ---------------------------------------------------------------------------------------------

journal_reader::journal_reader(const std::string& path) : path_(path), file_(path) {
  if (!file_) throw journal_error(path + ": cannot be read");
}

void journal_reader::fail(const std::string& why) const {
  throw journal_error(fmt::format("{}:{}: {}", path_, line_, why));
}

std::optional<journal_record> journal_reader::next() {
  std::string text;
  if (!std::getline(file_, text)) {
    if (file_.bad()) throw journal_error(path_ + ": cannot be read");
    return std::nullopt;
  }
  if (file_.eof()) {  // getline met the end before a line's end
    torn_ = true;
    return std::nullopt;
  }
  ++line_;
  auto parsed = json::read<fields>(text);
  if (!parsed) {
    const auto& error = parsed.error().front();
    fail(fmt::format("{}{}{}", error.pointer, error.pointer.empty() ? "" : ": ", error.detail));
  }
  try {
    journal_record record = take_record(*parsed);
    check_nothing_left(*parsed);
    std::visit([this](const auto& r) { check(r); }, record);
    return record;
  } catch (const malformed& m) {
    fail(m.why);
  }
}

void journal_reader::check(const run_begun&) {
  in_run_ = true;
  last_n_ = 0;
  unanswered_.clear();
}

void journal_reader::follow(std::int64_t n) {
  if (!in_run_) throw malformed{"before any run has begun"};
  if (n <= last_n_) throw malformed{"\"n\" does not ascend"};
  last_n_ = n;
}

void journal_reader::check(const ask& a) {
  follow(a.n);
  check_who(a);
  unanswered_.emplace(a.n, a.what.index());
}

std::size_t journal_reader::take(std::int64_t to) {
  const auto found = unanswered_.extract(to);
  if (found.empty()) throw malformed{"an answer to what was not asked, or was answered already"};
  return found.mapped();
}

void journal_reader::check(const answer& a) {
  follow(a.n);
  check_promise(take(a.to), a);
}

void journal_reader::check(const lost& l) {
  follow(l.n);
  take(l.to);
}

}  // namespace souk::load
