#include "story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <variant>

#include "load/journal.hpp"
#include "verdict.hpp"

namespace souk::verdict {
namespace {

std::int64_t micros(timestamp t) {
  return t.time_since_epoch().count();
}

uuid to_uuid(const std::string& text) {
  const auto id = uuid::parse(text);
  if (!id) throw could_not_judge("a journal has an identifier that is none");
  return *id;
}

std::string problem_of(const load::answer& a) {
  static constexpr std::string_view prefix = "/problems/";
  std::string text = a.problem.value_or("");
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

// A server's own failure says nothing about what it has done.
outcome outcome_of(const load::answer& a) {
  if (a.ok()) return outcome::done;
  return a.status >= 400 && a.status < 500 && a.status != 408 ? outcome::refused : outcome::unknown;
}

class teller {
 public:
  story tell(std::span<const std::filesystem::path> journals) {
    for (const auto& path : journals) {
      load::journal_reader reader(path.string());
      while (auto record = reader.next()) {
        ++position_;
        std::visit([this](auto& r) { take(r); }, *record);
      }
      give_up_open_asks();
      ++journal_;
    }
    return std::move(out_);
  }

 private:
  // An ask without an answer yet, and where its story is.
  struct open_ask {
    place asked;
    uuid shopper;
    load::question what;
    std::size_t index = 0;
  };

  place place_of(const auto& record) const {
    return {position_, record.n, micros(record.at), journal_};
  }

  void take(const load::run_begun& r) {
    give_up_open_asks();
    currency_ = r.currency;
  }

  void take(load::ask& a) {
    open_ask o{.asked = place_of(a), .shopper = {}, .what = std::move(a.what)};
    if (!a.shopper.empty()) o.shopper = to_uuid(a.shopper);
    std::visit([&](const auto& q) { o.index = begin(o, q); }, o.what);
    open_.emplace(a.n, std::move(o));
  }

  void take(const load::answer& a) {
    auto found = open_.extract(a.to);
    if (found.empty()) return;
    const auto& o = found.mapped();
    std::visit([&](const auto& q) { end(o, q, outcome_of(a), &a); }, o.what);
  }

  void take(const load::lost& l) {
    auto found = open_.extract(l.to);
    if (!found.empty()) give_up(found.mapped());
  }

  void give_up(const open_ask& o) {
    std::visit([&](const auto& q) { end(o, q, outcome::unknown, nullptr); }, o.what);
  }

  void give_up_open_asks() {
    for (const auto& [n, o] : open_) give_up(o);
    open_.clear();
  }

  // -------------------------------------------------------------------------------------------
  // Sessions and carts

  std::size_t begin(const open_ask&, const load::asks::session&) { return 0; }
  void end(const open_ask&, const load::asks::session&, outcome what, const load::answer* a) {
    if (what == outcome::done) out_.shoppers[to_uuid(*a->shopper)].from_the_beginning = true;
  }

  std::size_t add_ask(const open_ask& o, cart_ask ask) {
    ask.asked = o.asked;
    ask.last_asked_at = o.asked.at;
    auto& asks = out_.shoppers[o.shopper].asks;
    asks.push_back(ask);
    return asks.size() - 1;
  }
  void end_ask(const open_ask& o, outcome what) {
    auto& ask = out_.shoppers[o.shopper].asks[o.index];
    if (what == outcome::done && !ask.done) ask.done = position_;
    if (what == outcome::unknown) ask.in_doubt = true;
  }

  std::size_t begin(const open_ask& o, const load::asks::add& q) {
    if (q.key) {
      auto& shopper = out_.shoppers[o.shopper];
      const auto [known, is_new] = shopper.keyed.emplace(*q.key, shopper.asks.size());
      if (!is_new) {
        shopper.asks[known->second].last_asked_at = o.asked.at;
        return known->second;
      }
    }
    return add_ask(
        o, {.what = cart_ask::kind::add, .product = to_uuid(q.product_id), .quantity = q.quantity});
  }
  std::size_t begin(const open_ask& o, const load::asks::set& q) {
    return add_ask(
        o, {.what = cart_ask::kind::set, .product = to_uuid(q.product_id), .quantity = q.quantity});
  }
  std::size_t begin(const open_ask& o, const load::asks::remove& q) {
    return add_ask(o, {.what = cart_ask::kind::set, .product = to_uuid(q.product_id)});
  }
  std::size_t begin(const open_ask& o, const load::asks::clear&) {
    return add_ask(o, {.what = cart_ask::kind::clear});
  }
  void end(const open_ask& o, const load::asks::add&, outcome what, const load::answer*) {
    end_ask(o, what);
  }
  void end(const open_ask& o, const load::asks::set&, outcome what, const load::answer*) {
    end_ask(o, what);
  }
  void end(const open_ask& o, const load::asks::remove&, outcome what, const load::answer*) {
    end_ask(o, what);
  }
  void end(const open_ask& o, const load::asks::clear&, outcome what, const load::answer*) {
    end_ask(o, what);
  }

  std::size_t begin(const open_ask& o, const load::asks::cart&) {
    out_.shoppers.try_emplace(o.shopper);
    return 0;
  }
  void end(const open_ask& o, const load::asks::cart&, outcome what, const load::answer* a) {
    if (what != outcome::done) return;
    cart_look look{.asked = o.asked,
                   .answered = place_of(*a),
                   .revision = a->revision.value_or(""),
                   .lines = {}};
    for (const auto& l : *a->lines) look.lines.emplace_back(to_uuid(l.product_id), l.quantity);
    std::ranges::sort(look.lines);
    out_.shoppers[o.shopper].looks.push_back(std::move(look));
  }

  // -------------------------------------------------------------------------------------------
  // Orders

  std::size_t begin(const open_ask& o, const load::asks::checkout& q) {
    out_.shoppers.try_emplace(o.shopper);
    const auto [known, is_new] =
        out_.checkout_of.emplace(key_of_shopper{o.shopper, q.key}, out_.checkouts.size());
    if (is_new) {
      checkout_story made;
      made.shopper = o.shopper;
      made.key = q.key;
      made.currency = currency_;
      made.first = o.asked;
      out_.checkouts.push_back(std::move(made));
    }
    auto& c = out_.checkouts[known->second];
    if (std::ranges::find(c.bodies, q.body_hash, &checkout_story::body::hash) == c.bodies.end()) {
      checkout_story::body b{.hash = q.body_hash,
                             .cart_revision = q.cart_revision,
                             .card = q.card,
                             .total_minor = q.total_minor,
                             .lines = {}};
      for (const auto& l : q.lines) {
        b.lines.push_back({to_uuid(l.product_id), l.quantity, l.unit_price_minor});
      }
      std::ranges::sort(b.lines, {}, &priced_line::product_id);
      c.bodies.push_back(std::move(b));
    }
    return known->second;
  }
  void end(const open_ask& o, const load::asks::checkout&, outcome what, const load::answer* a) {
    auto& c = out_.checkouts[o.index];
    if (a && a->order_id) {
      c.told.push_back({.where = place_of(*a),
                        .status = a->status,
                        .problem = problem_of(*a),
                        .state = a->state.value_or(""),
                        .order = to_uuid(*a->order_id)});
    } else if (what == outcome::unknown) {
      c.in_doubt = true;
    }
  }

  void add_word(const std::string& order, order_word::kind kind, const load::answer& a) {
    out_.words[to_uuid(order)].push_back({kind, place_of(a), a.state.value_or("")});
  }
  std::size_t begin(const open_ask&, const load::asks::cancel&) { return 0; }
  std::size_t begin(const open_ask&, const load::asks::order&) { return 0; }
  std::size_t begin(const open_ask&, const load::asks::ship&) { return 0; }
  std::size_t begin(const open_ask&, const load::asks::deliver&) { return 0; }
  std::size_t begin(const open_ask&, const load::asks::events&) { return 0; }
  void end(const open_ask&, const load::asks::cancel& q, outcome what, const load::answer* a) {
    if (what == outcome::done) add_word(q.order_id, order_word::kind::cancel, *a);
  }
  void end(const open_ask&, const load::asks::order& q, outcome what, const load::answer* a) {
    if (what == outcome::done) add_word(q.order_id, order_word::kind::state, *a);
  }
  void end(const open_ask&, const load::asks::ship& q, outcome what, const load::answer* a) {
    if (what == outcome::done) add_word(q.order_id, order_word::kind::ship, *a);
  }
  void end(const open_ask&, const load::asks::deliver& q, outcome what, const load::answer* a) {
    if (what == outcome::done) add_word(q.order_id, order_word::kind::deliver, *a);
  }
  void end(const open_ask&, const load::asks::events& q, outcome what, const load::answer* a) {
    if (what != outcome::done) return;
    timeline_read read{.where = place_of(*a), .events = {}, .seqs = {}};
    for (const auto& e : *a->events) {
      read.events.emplace_back(e.type, e.state);
      read.seqs.push_back(e.seq);
    }
    out_.timelines[to_uuid(q.order_id)].push_back(std::move(read));
    ++out_.timelines_read;
  }

  std::size_t begin(const open_ask& o, const load::asks::refund& q) {
    const auto order = to_uuid(q.order_id);
    const auto [known, is_new] = out_.refunds.try_emplace({order, q.key});
    if (is_new) {
      known->second.amount_minor = q.amount_minor;
      known->second.first = o.asked;
      for (const auto& l : q.lines) known->second.lines[to_uuid(l.product_id)] += l.quantity;
      out_.refund_keys[order].push_back(q.key);
    }
    return 0;
  }
  void end(const open_ask&, const load::asks::refund& q, outcome what, const load::answer* a) {
    auto& r = out_.refunds.at({to_uuid(q.order_id), q.key});
    if (what == outcome::done) {
      r.told.push_back({place_of(*a), to_uuid(*a->refund_id), a->state.value_or("")});
    }
    if (what == outcome::unknown) r.in_doubt = true;
  }

  // -------------------------------------------------------------------------------------------

  std::size_t begin(const open_ask& o, const load::asks::delivery& q) {
    const auto product = to_uuid(q.product_id);
    const auto [known, is_new] =
        out_.delivery_of.emplace(key_of_shopper{product, q.key}, out_.deliveries.size());
    if (is_new) out_.deliveries.push_back({product, q.key, q.delta, o.asked});
    return known->second;
  }
  void end(const open_ask& o, const load::asks::delivery&, outcome what, const load::answer*) {
    auto& d = out_.deliveries[o.index];
    if (what == outcome::done) d.done = true;
    if (what == outcome::unknown) d.in_doubt = true;
  }

  story out_;
  std::unordered_map<std::int64_t, open_ask> open_;
  std::string currency_;
  std::uint64_t position_ = 0;
  std::uint32_t journal_ = 0;
};

}  // namespace

story read_story(std::span<const std::filesystem::path> journals) {
  try {
    return teller().tell(journals);
  } catch (const load::journal_error& e) {
    throw could_not_judge(e.what());
  }
}

namespace {

// The lines about one subject.
class listener {
 public:
  listener(std::span<const std::string> names, std::size_t limit) : names_(names), limit_(limit) {}

  void hear(const load::journal_record& record, const std::string& line) {
    if (std::holds_alternative<load::run_begun>(record)) {
      asked_.clear();
    } else if (const auto* a = std::get_if<load::ask>(&record)) {
      if (!is_named(line)) return;
      asked_.insert(a->n);
      keep(line);
    } else if (const auto* said = std::get_if<load::answer>(&record)) {
      if (asked_.erase(said->to) || is_named(line)) keep(line);
    } else if (const auto* l = std::get_if<load::lost>(&record)) {
      if (asked_.erase(l->to)) keep(line);
    }
  }
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }

 private:
  bool is_named(const std::string& line) const {
    return std::ranges::any_of(
        names_, [&](const std::string& name) { return line.find(name) != line.npos; });
  }
  void keep(const std::string& line) {
    lines_.push_back(line);
    if (lines_.size() > limit_) lines_.pop_front();
  }

  std::span<const std::string> names_;
  std::size_t limit_;
  std::unordered_set<std::int64_t> asked_;
  std::deque<std::string> lines_;
};

}  // namespace

std::vector<std::vector<std::string>> lines_about(
    std::span<const std::filesystem::path> journals,
    std::span<const std::vector<std::string>> subjects, std::size_t limit) {
  std::vector<listener> listeners;
  for (const auto& names : subjects) listeners.emplace_back(names, limit);
  if (!listeners.empty()) {
    for (const auto& path : journals) {
      load::journal_reader reader(path.string());
      while (const auto record = reader.next()) {
        const auto line = load::to_line(*record);
        for (auto& l : listeners) l.hear(*record, line);
      }
    }
  }
  std::vector<std::vector<std::string>> all;
  for (const auto& l : listeners) all.push_back(l.lines());
  return all;
}

}  // namespace souk::verdict
