#include "witness.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace souk::verdict {
namespace {

using os = order_state;

// The clocks of shoppers and database may differ by so much, in microseconds.
constexpr std::int64_t clock_skew = 5'000'000;

template <class... Args>
void report(std::vector<finding>& out, std::string_view check, fmt::format_string<Args...> detail,
            Args&&... args) {
  out.push_back({check, fmt::format(detail, std::forward<Args>(args)...)});
}

std::string at(const place& p) {
  return fmt::format("journal {}, n {}", p.journal + 1, p.n);
}

bool was(const order_states& visited, const std::string& state) {
  const auto s = json::enum_from_text<os>(state);
  return s && visited.has(*s);
}

bool means_sold(const std::string& state) {
  const auto s = json::enum_from_text<os>(state);
  return s && sold.has(*s);
}

std::vector<priced_line> lines_of(const order_file& f) {
  std::vector<priced_line> lines;
  for (const auto& l : f.lines) lines.push_back({l.product_id, l.quantity, l.unit_price_minor});
  std::ranges::sort(lines, {}, &priced_line::product_id);
  return lines;
}

bool is_card_that_declines(const std::string& card) {
  return card == "decline" || card.starts_with("insufficient");
}

}  // namespace

witness::witness(const story& told) : story_(told) {
  for (std::size_t c = 0; c < told.checkouts.size(); ++c) {
    const auto& answers = told.checkouts[c].told;
    for (std::size_t a = 0; a < answers.size(); ++a) {
      named_[answers[a].order].emplace_back(c, a);
      heard_.emplace(answers[a].order, false);
    }
  }
  for (const auto& [order, _] : told.words) heard_.emplace(order, false);
  for (const auto& [order, _] : told.timelines) heard_.emplace(order, false);
  for (const auto& [key, refund] : told.refunds) {
    if (!refund.told.empty()) heard_.emplace(key.shopper, false);
  }
}

std::vector<finding> witness::hear(const order_file& f) {
  std::vector<finding> out;
  if (!f.order) return out;
  if (const auto h = heard_.find(f.id); h != heard_.end()) h->second = true;
  hear_checkout(f, out);
  hear_words(f, out);
  hear_timelines(f, out);
  hear_refunds(f, out);
  remember_for_cart(f);
  return out;
}

void witness::hear_checkout(const order_file& f, std::vector<finding>& out) {
  const auto& o = *f.order;
  const auto seen = visited(f);
  const auto lines = lines_of(f);
  const auto known = story_.checkout_of.find({o.user_id, o.idempotency_key});
  if (known != story_.checkout_of.end()) {
    const auto& c = story_.checkouts[known->second];
    const auto body = std::ranges::find_if(c.bodies, [&](const checkout_story::body& b) {
      return b.cart_revision == o.cart_revision && b.total_minor == total_of(f) && b.lines == lines;
    });
    if (body == c.bodies.end()) {
      report(out, "order-differs", "total {} and {} lines, {} asked for total {} and {} lines",
             total_of(f), lines.size(), at(c.first), c.bodies.front().total_minor,
             c.bodies.front().lines.size());
    } else if (is_card_that_declines(body->card) && (sold.has(o.state) || seen.has(os::captured))) {
      report(out, "outcome-contradicted", "sold for a card that is always declined ({})",
             body->card);
    }
    if (c.currency != o.currency) {
      report(out, "order-differs", "currency {}, the store's was {}", o.currency, c.currency);
    }
    const bool named = std::ranges::any_of(c.told, [](const checkout_story::acknowledgement& a) {
      return a.problem != "already-ordered";
    });
    if (!named && !c.in_doubt) {
      report(out, "refused-yet-ordered", "every checkout under its key was refused ({})",
             at(c.first));
    }
  } else if (const auto s = story_.shoppers.find(o.user_id);
             s != story_.shoppers.end() && s->second.from_the_beginning) {
    report(out, "order-unasked", "shopper {} has never asked for it under the key {}",
           o.user_id.str(), o.idempotency_key);
  }

  const auto named = named_.find(f.id);
  if (named == named_.end()) return;
  for (const auto& [checkout, which] : named->second) {
    const auto& c = story_.checkouts[checkout];
    const auto& a = c.told[which];
    if (o.user_id != c.shopper) {
      report(out, "acknowledged-to-another", "acknowledged to shopper {} ({}), it is {}'s",
             c.shopper.str(), at(a.where), o.user_id.str());
      continue;
    }
    if (a.problem == "already-ordered") {
      const bool same_cart = std::ranges::any_of(c.bodies, [&](const checkout_story::body& b) {
        return b.cart_revision == o.cart_revision;
      });
      if (!same_cart || c.key == o.idempotency_key) {
        report(out, "acknowledged-to-another", "named as already ordered ({}), for another cart",
               at(a.where));
      }
      continue;
    }
    if (o.idempotency_key != c.key) {
      report(out, "acknowledged-to-another", "acknowledged under the key {} ({}), it has {}", c.key,
             at(a.where), o.idempotency_key);
      continue;
    }
    if (!a.state.empty() && !was(seen, a.state)) {
      report(out, "outcome-contradicted", "told to be {} ({}), which it never was", a.state,
             at(a.where));
    }
    const auto reason = o.reason.value_or("");
    if (a.status == 201 && !sold.has(o.state) && o.state != os::cancelled) {
      report(out, "outcome-contradicted", "told to be bought ({}), it is {}", at(a.where),
             json::enum_text(o.state));
    } else if (a.status == 402 && (o.state != os::rejected || reason != "payment-declined")) {
      report(out, "outcome-contradicted", "told to be declined ({}), it is {} ({})", at(a.where),
             json::enum_text(o.state), reason);
    } else if (a.status == 409) {
      const bool as_told = a.problem == "order-cancelled"
                               ? o.state == os::cancelled
                               : o.state == os::rejected && reason == a.problem;
      if (!as_told) {
        report(out, "outcome-contradicted", "told that {} ({}), it is {} ({})", a.problem,
               at(a.where), json::enum_text(o.state), reason);
      }
    }
  }
}

void witness::hear_words(const order_file& f, std::vector<finding>& out) {
  const auto words = story_.words.find(f.id);
  if (words == story_.words.end()) return;
  const auto& o = *f.order;
  const auto seen = visited(f);
  for (const auto& w : words->second) {
    if (!was(seen, w.state)) {
      report(out, "outcome-contradicted", "told to be {} ({}), which it never was", w.state,
             at(w.where));
    }
    switch (w.what) {
      case order_word::kind::cancel: {
        const bool undone = o.state == os::cancelled || o.state == os::rejected;
        const bool stays = at_rest.has(o.state) && !undone;
        if (!o.cancel_requested || stays) {
          report(out, "wish-lost", "its cancellation was acknowledged ({}), it is {}", at(w.where),
                 json::enum_text(o.state));
        }
        break;
      }
      case order_word::kind::ship:
        if (!seen.has(os::shipped))
          report(out, "wish-lost", "told to be shipped ({})", at(w.where));
        break;
      case order_word::kind::deliver:
        if (!seen.has(os::delivered)) {
          report(out, "wish-lost", "told to be delivered ({})", at(w.where));
        }
        break;
      case order_word::kind::state:
        break;
    }
  }
}

void witness::hear_timelines(const order_file& f, std::vector<finding>& out) {
  const auto reads = story_.timelines.find(f.id);
  if (reads == story_.timelines.end()) return;
  for (const auto& read : reads->second) {
    for (std::size_t i = 0; i < read.events.size(); ++i) {
      const bool same = i < f.events.size() && read.seqs[i] == f.events[i].seq &&
                        read.events[i].first == f.events[i].type &&
                        read.events[i].second == json::enum_text(f.events[i].state);
      if (same) continue;
      report(out, "timeline-read", "a shopper read event {} {} ({}) in place {} ({}), stored is {}",
             read.seqs[i], read.events[i].first, read.events[i].second, i + 1, at(read.where),
             i < f.events.size() ? fmt::format("{} {}", f.events[i].seq, f.events[i].type)
                                 : std::string("none"));
      break;
    }
  }
}

void witness::hear_refunds(const order_file& f, std::vector<finding>& out) {
  const auto keys = story_.refund_keys.find(f.id);
  if (keys == story_.refund_keys.end()) return;
  for (const auto& key : keys->second) {
    const auto& r = story_.refunds.at({f.id, key});
    const auto row = std::ranges::find_if(
        f.refunds, [&](const order_refund_row& x) { return x.idempotency_key == key; });
    if (row == f.refunds.end()) {
      if (!r.told.empty()) {
        report(out, "refund-told", "refund {} was acknowledged ({}), there is none under its key",
               r.told.front().refund.str(), at(r.told.front().where));
      }
      continue;
    }
    quantities lines;
    const auto stored = json::read_lenient<std::vector<restock_line>>(row->lines.text);
    for (const auto& l : stored.value_or(std::vector<restock_line>{})) {
      lines[l.product_id] += l.quantity;
    }
    if (row->amount_minor != r.amount_minor || lines != r.lines) {
      report(out, "refund-told", "refund {} is over {} and {} products, {} asked for {} and {}",
             row->id.str(), row->amount_minor, lines.size(), at(r.first), r.amount_minor,
             r.lines.size());
    }
    for (const auto& a : r.told) {
      if (a.refund != row->id || (a.state == "done" && row->state != "done")) {
        report(out, "refund-told", "refund {} was told to be {} ({}), stored is {} as {}",
               a.refund.str(), a.state, at(a.where), row->id.str(), row->state);
      }
    }
    if (r.told.empty() && !r.in_doubt && row->state != "refused") {
      report(out, "refund-told", "refund {} is {}, every ask for it was refused ({})",
             row->id.str(), row->state, at(r.first));
    }
  }
}

void witness::remember_for_cart(const order_file& f) {
  const auto& o = *f.order;
  if (!story_.shoppers.contains(o.user_id)) return;
  const auto seen = visited(f);
  const bool done = seen.has(os::confirmed);
  if (!done && o.state != os::captured) return;
  taken t{
      .lines = ordered(f), .over_at = std::numeric_limits<std::int64_t>::max(), .certain = done};
  const auto tell = [&t](const place& p, const std::string& state) {
    if (means_sold(state) && (!t.ends || p.position < *t.ends)) t.ends = p.position;
  };
  if (const auto known = story_.checkout_of.find({o.user_id, o.idempotency_key});
      known != story_.checkout_of.end()) {
    const auto& c = story_.checkouts[known->second];
    t.begins = c.first.position;
    t.begins_at = c.first.at;
    for (const auto& a : c.told) {
      if (a.order == f.id) tell(a.where, a.state);
    }
  }
  if (const auto words = story_.words.find(f.id); words != story_.words.end()) {
    for (const auto& w : words->second) tell(w.where, w.state);
  }
  if (!done) t.ends.reset();
  for (const auto& e : f.events) {
    if (e.state == os::confirmed) {
      t.over_at = e.at.time_since_epoch().count() + clock_skew;
      break;
    }
  }
  taken_[o.user_id].push_back(std::move(t));
}

std::vector<witness::missing> witness::not_heard() const {
  std::vector<missing> all;
  for (const auto& [order, heard] : heard_) {
    if (heard) continue;
    std::string detail;
    if (const auto named = named_.find(order); named != named_.end()) {
      const auto& [checkout, which] = named->second.front();
      const auto& c = story_.checkouts[checkout];
      detail =
          fmt::format("{} {} was told to shopper {} under the key {} ({})", c.told[which].status,
                      c.told[which].state, c.shopper.str(), c.key, at(c.told[which].where));
    } else if (const auto words = story_.words.find(order); words != story_.words.end()) {
      detail = fmt::format("told to be {} ({})", words->second.front().state,
                           at(words->second.front().where));
    } else {
      detail = "its timeline was read or a refund of it acknowledged";
    }
    all.push_back({order, detail + ", there is no such order"});
  }
  std::ranges::sort(all, {}, &missing::order);
  return all;
}

// ---------------------------------------------------------------------------------------------

witness::cart_result witness::judge_cart(uuid shopper, const quantities& lines) const {
  cart_result out;
  const auto s = story_.shoppers.find(shopper);
  if (s == story_.shoppers.end() || !s->second.from_the_beginning) return out;
  out.judged = true;

  std::map<std::string_view, const cart_look*> revisions;
  for (const auto& l : s->second.looks) {
    const auto first = revisions.emplace(l.revision, &l).first->second;
    if (first->lines == l.lines) continue;
    out.findings.push_back({"cart-revision", shopper,
                            fmt::format("two carts were shown with revision {} ({} and {})",
                                        l.revision, at(first->answered), at(l.answered))});
  }

  std::set<uuid> products;
  for (const auto& a : s->second.asks) {
    if (a.what != cart_ask::kind::clear) products.insert(a.product);
  }
  const auto orders = taken_.find(shopper);
  static const std::vector<taken> none;
  const auto& taken_by_orders = orders == taken_.end() ? none : orders->second;
  for (const auto& t : taken_by_orders) {
    for (const auto& [product, _] : t.lines) products.insert(product);
  }
  for (const auto& l : s->second.looks) {
    for (const auto& [product, _] : l.lines) products.insert(product);
  }

  for (const auto product : products) {
    std::vector<effect> effects;
    for (const auto& a : s->second.asks) {
      if (!a.done && !a.in_doubt) continue;  // refused
      if (a.what != cart_ask::kind::clear && a.product != product) continue;
      effect e{.what = a.what == cart_ask::kind::add ? effect::kind::add : effect::kind::set,
               .quantity = a.what == cart_ask::kind::clear ? 0 : a.quantity,
               .begins = a.asked.position,
               .begins_at = a.asked.at,
               .ends = a.done};
      if (!a.done) e.over_at = a.last_asked_at + longest_delay;
      effects.push_back(e);
    }
    for (const auto& t : taken_by_orders) {
      const auto line = t.lines.find(product);
      if (line == t.lines.end()) continue;
      effects.push_back({.what = effect::kind::subtract,
                         .quantity = line->second,
                         .begins = t.begins,
                         .begins_at = t.begins_at,
                         .ends = t.ends,
                         .over_at = t.over_at,
                         .certain = t.certain});
    }
    std::ranges::sort(effects, {}, &effect::begins);
    std::vector<look> looks;
    for (const auto& l : s->second.looks) {
      std::int64_t quantity = 0;
      for (const auto& [id, q] : l.lines) {
        if (id == product) quantity += q;
      }
      looks.push_back({l.asked.position, l.answered.position, l.asked.at, l.answered.at, quantity});
    }
    const auto now = lines.find(product);
    const auto quantity = now == lines.end() ? 0 : now->second;
    const auto can_be = replay(effects, looks);
    if (can_be.unclear) {
      ++out.unclear;
      continue;
    }
    if (can_be.impossible) {
      const auto& l = s->second.looks[*can_be.impossible];
      out.findings.push_back(
          {"cart-read", shopper,
           fmt::format("product {}: {} were shown ({}), there could have been {}", product.str(),
                       looks[*can_be.impossible].quantity, at(l.answered),
                       fmt::join(can_be.instead, " or "))});
    }
    if (!std::ranges::binary_search(can_be.values, quantity)) {
      out.findings.push_back(
          {"cart-differs", shopper,
           fmt::format("product {}: {} in the cart, there could be {}", product.str(), quantity,
                       fmt::join(can_be.values, " or "))});
    }
  }
  for (const auto& [product, quantity] : lines) {
    if (!products.contains(product)) {
      out.findings.push_back({"cart-foreign-line", shopper,
                              fmt::format("product {}: {} in the cart, nobody put them there",
                                          product.str(), quantity)});
    }
  }
  return out;
}

std::vector<std::pair<uuid, std::string>> witness::miscounted_deliveries(const ledger& l) const {
  std::vector<std::pair<uuid, std::string>> all;
  for (const auto& d : story_.deliveries) {
    const auto* found = l.find_key(d.product, d.key);
    const auto times = found ? found->times : 0;
    const bool right = times == 0 || (found->delta == d.delta && found->reason == "delivery");
    const std::int64_t least = d.done ? 1 : 0, most = d.done || d.in_doubt ? 1 : 0;
    if (right && times >= least && times <= most) continue;
    all.emplace_back(d.product,
                     fmt::format("the delivery of {} under the key {} ({}{}) is in the ledger {} "
                                 "times, in all {}",
                                 d.delta, d.key, at(d.first),
                                 d.done       ? ", acknowledged"
                                 : d.in_doubt ? ""
                                              : ", refused",
                                 times, found ? found->delta : 0));
  }
  return all;
}

}  // namespace souk::verdict
