#include "verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

#include "archive.hpp"
#include "ledger.hpp"
#include "order_rules.hpp"
#include "story.hpp"
#include "witness.hpp"

namespace souk::verdict {
namespace {

using namespace std::chrono_literals;

constexpr auto poll_every = 300ms;
constexpr int tries = 3;  // to read while nothing changes
constexpr std::int64_t orders_at_once = 2'000;
constexpr std::int64_t rows_at_once = 20'000;
constexpr std::size_t journal_lines = 60;  // in a history
// Bytes of a history: the kit's reader of JSON takes no longer texts.
constexpr std::size_t longest_history = 9'900;
constexpr std::size_t listed_orders = 20;

constexpr uuid last_uuid = [] {
  uuid u;
  u.bytes.fill(0xff);
  return u;
}();

// One reading of everything.
class reading {
 public:
  reading(archive& stores, const story& told)
      : stores_(stores),
        story_(told),
        witness_(told),
        ledger_([this](std::string_view check, uuid product, std::string detail) {
          add(check, "product " + product.str(), std::move(detail));
        }) {}

  task<report> read(const context& ctx) {
    co_await stores_.open(ctx);
    redis_ = co_await stores_.read_redis(ctx);
    co_await read_ledger();
    co_await read_orders();
    co_await read_stock();
    co_await read_messages();
    judge_journals();
    judge_carts();
    co_await stores_.close();
    out_.counted.checkouts_tried = static_cast<std::int64_t>(story_.checkouts.size());
    out_.counted.checkouts_acknowledged =
        std::ranges::count_if(story_.checkouts, [](const auto& c) { return !c.told.empty(); });
    out_.counted.timelines_read = story_.timelines_read;
    co_return std::move(out_);
  }

 private:
  void add(std::string_view check, std::string subject, std::string detail,
           std::optional<uuid> order = {}) {
    ++out_.violations_total;
    if (out_.violations.size() < max_violations) {
      out_.violations.push_back({std::string(check), std::move(subject), std::move(detail), order});
    }
  }
  void add(uuid order, std::vector<finding> findings) {
    for (auto& f : findings) add(f.check, "order " + order.str(), std::move(f.detail), order);
  }

  task<> read_ledger() {
    for (std::int64_t after = 0;;) {
      const auto page = co_await stores_.movements(after, rows_at_once);
      for (const auto& m : page) ledger_.add(m);
      if (std::cmp_less(page.size(), rows_at_once)) break;
      after = page.back().movement_id;
    }
  }

  task<> read_orders() {
    uuid after{};
    for (bool more = true; more;) {
      const auto end = co_await stores_.end_of_page(after, orders_at_once);
      more = end.has_value();
      const range r{after, end.value_or(last_uuid)};
      auto files = co_await stores_.files(r);
      for (auto& [id, f] : files) {
        f.id = id;
        judge(f);
      }
      after = r.through;
    }
    // What has nothing but movements, or a place in Redis.
    for (const auto id : ledger_.orders_left()) {
      order_file f{.id = id};
      judge(f);
    }
    std::set<uuid> only_carts;
    for (const auto& [id, _] : redis_.cleared) only_carts.insert(id);
    for (const auto& [id, _] : redis_.remembered) only_carts.insert(id);
    for (const auto id : only_carts) {
      order_file f{.id = id};
      judge(f);
    }
    for (const auto& c : co_await stores_.charges_without_order()) {
      if (c.captured_minor > 0) {
        add("charge-unwanted", "charge " + c.reference.str(),
            fmt::format("{} captured at the gateway, for no order", c.captured_minor));
      } else if (c.open() > 0) {
        add("charge-left-open", "charge " + c.reference.str(),
            fmt::format("{} authorized at the gateway, for no order", c.open()));
      }
    }
    for (const auto& r : co_await stores_.repeated_keys()) {
      add("key-ordered-twice", "shopper " + r.user_id.str() + " key " + r.value, list(r.orders),
          r.orders.front());
    }
    for (const auto& r : co_await stores_.repeated_carts()) {
      add("cart-ordered-twice", "shopper " + r.user_id.str() + " cart " + r.value, list(r.orders),
          r.orders.front());
    }
  }

  static std::string list(const std::vector<uuid>& orders) {
    std::string out = fmt::format("{} orders:", orders.size());
    for (std::size_t i = 0; i < std::min(orders.size(), listed_orders); ++i) {
      out += ' ' + orders[i].str();
    }
    return out;
  }

  void judge(order_file& f) {
    f.ledger = ledger_.take_order(f.id);
    if (auto cleared = redis_.cleared.extract(f.id)) f.cleared_for = cleared.mapped();
    if (auto remembered = redis_.remembered.extract(f.id)) {
      f.remembered_by_cart = !f.order || remembered.mapped() == f.order->user_id;
    }
    f.cart_remembers_others = f.order && redis_.remembers.contains(f.order->user_id);
    f.is_old = !f.events.empty() && now() - f.events.front().at > std::chrono::days(29);
    add(f.id, judge_order(f));
    add(f.id, witness_.hear(f));
    count(f);
    claim(f);
  }

  void count(const order_file& f) {
    auto& c = out_.counted;
    for (const auto& charge : f.charges) c.captures += charge.captured_minor > 0;
    if (!f.order) return;
    const auto& o = *f.order;
    ++c.orders;
    c.confirmed += sold.has(o.state);
    c.rejected += o.state == order_state::rejected;
    c.cancelled += o.state == order_state::cancelled;
    c.unfinished += !at_rest.has(o.state) || o.due;
    c.needs_attention += o.needs_attention;
    c.events += static_cast<std::int64_t>(f.events.size());
  }

  void claim(const order_file& f) {
    for (const auto& l : f.reserved) {
      auto& c = ledger_.claims_of(l.product_id);
      if (!f.reservation) continue;
      if (f.reservation->state == hold_state::held) c.held += l.quantity;
      if (f.reservation->state == hold_state::committed ||
          f.reservation->state == hold_state::returned) {
        c.committed += l.quantity;
        c.returned += l.returned;
      }
    }
    if (!f.order || !sold.has(f.order->state)) return;
    for (const auto& [product, quantity] : ordered(f)) {
      ledger_.claims_of(product).sold += quantity;
      out_.counted.units_sold += quantity;
    }
    for (const auto& [product, quantity] : restocked(f)) {
      ledger_.claims_of(product).restocked += quantity;
      out_.counted.units_sold -= quantity;
    }
  }

  task<> read_stock() {
    const bool settled = out_.counted.unfinished == 0;
    for (uuid after{};;) {
      const auto page = co_await stores_.stock(after, rows_at_once);
      for (const auto& row : page) ledger_.compare(row, settled);
      if (std::cmp_less(page.size(), rows_at_once)) break;
      after = page.back().product_id;
    }
    ledger_.compare_rest();
  }

  task<> read_messages() {
    for (std::int64_t after = 0;;) {
      const auto page = co_await stores_.messages(after, rows_at_once);
      for (const auto& m : page) judge(m);
      if (std::cmp_less(page.size(), rows_at_once)) break;
      after = page.back().message_id;
    }
  }

  void judge(const stock_message_row& m) {
    const auto subject = "product " + m.product_id.str();
    if (m.state == "waiting") {
      add("stuck-message", subject,
          fmt::format("stock message {} ({} of {}) waits", m.message_id, m.reason, m.quantity));
    }
    const auto* moved = ledger_.find_key(m.product_id, m.key);
    const auto times = moved ? moved->times : 0;
    const auto amount = !moved ? 0 : m.reason == "opening" ? moved->delta : moved->on_hand_after;
    const bool sent = m.state == "sent";
    const bool right =
        times == 0 ? !sent : times == 1 && m.state != "refused" && amount == m.quantity;
    if (right) return;
    add("stock-message-miscounted", subject,
        fmt::format("stock message {} ({} of {}) is {}, the ledger has it {} times, as {}",
                    m.message_id, m.reason, m.quantity, m.state, times, amount));
  }

  void judge_journals() {
    for (const auto& m : witness_.not_heard()) {
      add("acknowledged-order-missing", "order " + m.order.str(), m.check_detail, m.order);
    }
    for (auto& [product, detail] : witness_.miscounted_deliveries(ledger_)) {
      add("delivery-miscounted", "product " + product.str(), std::move(detail));
    }
  }

  void judge_carts() {
    static const cart empty;
    for (const auto& [shopper, _] : story_.shoppers) {
      const auto found = redis_.carts.find(shopper);
      const auto result = witness_.judge_cart(
          shopper, found == redis_.carts.end() ? empty.lines : found->second.lines);
      out_.counted.carts += result.judged;
      out_.counted.carts_unclear += result.unclear;
      for (const auto& f : result.findings) {
        add(f.check, "shopper " + f.shopper.str(), f.detail);
      }
    }
    for (const auto& [shopper, c] : redis_.carts) {
      if (c.malformed) add("cart-malformed", "shopper " + shopper.str(), *c.malformed);
    }
  }

  archive& stores_;
  const story& story_;
  witness witness_;
  ledger ledger_;
  redis_content redis_;
  report out_;
};

// ---------------------------------------------------------------------------------------------

// The last word of a subject's first pair: "order <id>", "shopper <id> key <key>".
std::optional<uuid> id_in(std::string_view subject) {
  const auto blank = subject.find(' ');
  if (blank == subject.npos) return std::nullopt;
  return uuid::parse(subject.substr(blank + 1, 36));
}

// What is told of a subject, and how the journals name it.
struct telling {
  std::string subject, text;
  std::vector<std::string> names;
};

task<telling> tell(archive& stores, const context& ctx, const std::string& subject,
                   std::optional<uuid> order) {
  telling t{.subject = subject, .text = {}, .names = {}};
  const auto id = id_in(subject);
  if (!id) co_return t;
  t.names.push_back(id->str());
  if (subject.starts_with("order ")) {
    t.text = co_await stores.tell_order(ctx, *id);
    static constexpr std::string_view mark = ", key ";
    // Its checkouts name it by its key.
    if (const auto at = t.text.find(mark); at != t.text.npos) {
      const auto from = at + mark.size();
      t.names.push_back('"' + t.text.substr(from, t.text.find(',', from) - from) + '"');
    }
  } else if (subject.starts_with("product ")) {
    t.text = co_await stores.tell_product(ctx, *id);
  } else if (subject.starts_with("shopper ")) {
    t.text = co_await stores.tell_shopper(ctx, *id);
    if (order) t.text += co_await stores.tell_order(ctx, *order);
  }
  co_return t;
}

// The last of the lines, as many as leave room for what lies in the stores.
std::string journal_part(const std::vector<std::string>& lines) {
  std::string out;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (out.size() + line->size() > longest_history / 2) break;
    out.insert(0, "    " + *line + '\n');
  }
  return (lines.empty() ? "journal: nothing\n" : "journal\n") + out;
}

task<> tell_histories(archive& stores, const context& ctx,
                      std::span<const std::filesystem::path> journals, report& r) {
  std::set<std::string> known;
  std::vector<telling> all;
  std::vector<std::vector<std::string>> names;
  for (const auto& v : r.violations) {
    if (all.size() == max_histories) break;
    if (!known.insert(v.subject).second) continue;
    all.push_back(co_await tell(stores, ctx, v.subject, v.order));
    names.push_back(all.back().names);
  }
  const auto lines = lines_about(journals, names, journal_lines);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& t = all[i];
    const auto told = journals.empty() ? std::string() : journal_part(lines[i]);
    if (t.text.size() + told.size() > longest_history) {
      const auto end = t.text.rfind('\n', longest_history - told.size() - 10);
      t.text.erase(end == t.text.npos ? 0 : end + 1);
      t.text += "...\n";
    }
    r.histories.push_back({std::move(t.subject), t.text + told});
  }
}

// Those violations that both readings have found: with a store in use, the others may be of a
// moment between two databases.
report found_again(report now, const report& before) {
  std::set<std::pair<std::string, std::string>> known;
  for (const auto& v : before.violations) known.emplace(v.check, v.subject);
  std::erase_if(now.violations,
                [&](const violation& v) { return !known.contains(std::pair(v.check, v.subject)); });
  now.violations_total = static_cast<std::int64_t>(now.violations.size());
  return now;
}

task<> wait_for_rest(archive& stores, const context& ctx, steady_clock::time_point until) {
  for (int quiet = 0; quiet < 2;) {
    bool at_rest = false;
    try {
      at_rest = co_await stores.count_unfinished(ctx) == 0;
    } catch (const pg::unavailable&) {
      // It may still be coming up; reading will tell.
    }
    quiet = at_rest ? quiet + 1 : 0;
    if (steady_clock::now() >= until) co_return;
    if (quiet < 2) co_await sleep_for(poll_every);
  }
}

task<report> judge_stores(archive& stores, const context& ctx,
                          std::span<const std::filesystem::path> journals,
                          std::chrono::seconds settle) {
  const story told = read_story(journals);
  co_await wait_for_rest(stores, ctx, steady_clock::now() + settle);
  std::optional<report> before;
  for (int attempt = 1;; ++attempt) {
    auto one = std::make_unique<reading>(stores, told);
    report r = co_await one->read(ctx);
    const bool still = stores.fingerprint() == co_await stores.read_fingerprint(ctx);
    if (!still && before) r = found_again(std::move(r), *before);
    if (r.clean() && !still && before) {
      throw could_not_judge("the store is being used: what is wrong changes while it is read");
    }
    if (r.clean() || still || attempt == tries) {
      co_await tell_histories(stores, ctx, journals, r);
      co_return r;
    }
    before = std::move(r);
    co_await sleep_for(1s);
  }
}

}  // namespace

// ---------------------------------------------------------------------------------------------

stores stores_of(environment& env) {
  return {
      .product = env.text("DATABASE_URL_PRODUCT", "libpq URI of product-service's database"),
      .order = env.text("DATABASE_URL_ORDER", "libpq URI of order-service's database"),
      .payment = env.text("DATABASE_URL_PAYMENT", "libpq URI of payment-service's database"),
      .inventory = env.text("DATABASE_URL_INVENTORY", "libpq URI of inventory-service's database"),
      .mock_gateway =
          env.text("DATABASE_URL_MOCK_GATEWAY", "libpq URI of the mock gateway's database"),
      .redis = redis::url_from(env)};
}

task<report> judge(event_loop& loop, const context& ctx, const stores& where,
                   std::span<const std::filesystem::path> journals, std::chrono::seconds settle) {
  try {
    archive all(loop, where);
    co_return co_await judge_stores(all, ctx, journals, settle);
  } catch (const could_not_judge&) {
    throw;
  } catch (const std::exception& e) {
    throw could_not_judge(e.what());
  }
}

task<std::string> history(event_loop& loop, const context& ctx, const stores& where, uuid order) {
  archive all(loop, where);
  co_return co_await all.tell_order(ctx, order);
}

std::string figures_line(const report& r) {
  const auto& c = r.counted;
  return fmt::format(
      "orders {}, confirmed {}, rejected {}, cancelled {}, unfinished {}, needing attention {}; "
      "checkouts tried {}, acknowledged {}; captures {}, units sold {}, events {}, timelines read "
      "{}, carts {} ({} lines unclear); violations {}",
      c.orders, c.confirmed, c.rejected, c.cancelled, c.unfinished, c.needs_attention,
      c.checkouts_tried, c.checkouts_acknowledged, c.captures, c.units_sold, c.events,
      c.timelines_read, c.carts, c.carts_unclear, r.violations_total);
}

std::string to_text(const report& r) {
  std::string out;
  for (const auto& v : r.violations) {
    out += fmt::format("VIOLATION {}: {}: {}\n", v.check, v.subject, v.detail);
  }
  if (std::cmp_less(r.violations.size(), r.violations_total)) {
    out += fmt::format("... and {} more\n",
                       r.violations_total - static_cast<std::int64_t>(r.violations.size()));
  }
  for (const auto& h : r.histories) out += fmt::format("\n=== {}\n{}", h.subject, h.text);
  if (!r.clean()) out += '\n';
  return out + figures_line(r) + '\n';
}

}  // namespace souk::verdict
