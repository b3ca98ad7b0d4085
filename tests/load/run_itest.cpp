// Shoppers at a scripted store.
#include "load/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "kit/testing/run.hpp"
#include "kit/testing/servers.hpp"
#include "kit/testing/stub.hpp"
#include "load/journal.hpp"
#include "load/market.hpp"
#include "load/watching.hpp"

namespace souk::load {
namespace {

using namespace std::chrono_literals;
using souk::testing::http_stub;
using souk::testing::stub_answer;
using souk::testing::stub_request;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto a_cart =
    R"({"user_id":"u","revision":"r1","currency":"USD","total_minor":300,"buyable":true,"lines":[)"
    R"({"product_id":"p1","quantity":3,"unit_price_minor":100,"available":9,"status":"ok"}]})";
constexpr auto an_order = R"({"id":"o1","state":"confirmed","total_minor":300})";

class folder {
 public:
  folder() {
    char name[] = "/tmp/souk-load-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~folder() { std::filesystem::remove_all(path_); }
  folder(const folder&) = delete;
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// A store that sells one thing, always.
struct stub_store {
  stub_store() {
    stub.on("GET", "/api/products",
            {.body = R"({"items":[{"id":"p1","sku":"SKU-1","slug":"lamp","name":"Brass Lamp",)"
                     R"("currency":"USD","categories":["Lamps"],"price_minor":100,)"
                     R"("variants_count":0}]})"});
    stub.on("GET", "/api/products/*", stub_answer{});
    stub.on("GET", "/api/products/suggest", stub_answer{});
    stub.on("GET", "/api/categories", stub_answer{});
    stub.on("GET", "/api/inventory/*", stub_answer{});
    stub.on("POST", "/api/session", {.status = 201, .body = R"({"user_id":"u","token":"t"})"});
    stub.on("GET", "/api/cart/*", {.body = a_cart});
    stub.on("DELETE", "/api/cart/*", {.status = 204, .body = ""});
    stub.on("POST", "/api/cart/*/items", {.body = a_cart});
    stub.on("PUT", "/api/cart/*/items/*", {.body = a_cart});
    stub.on("DELETE", "/api/cart/*/items/*", {.body = a_cart});
    stub.on("POST", "/api/payments/tokens", {.status = 201, .body = R"({"payment_token":"pt"})"});
    stub.on("POST", "/api/orders", {.status = 201, .body = an_order});
    stub.on("GET", "/api/orders", {.body = R"({"items":[{"id":"o1","state":"confirmed"}]})"});
    stub.on("GET", "/api/orders/*", {.body = an_order});
    stub.on("POST", "/api/orders/*/cancel", {.status = 202, .body = an_order});
  }
  options how() const {
    return {.store = stub.url(),
            .shoppers = 1,
            .duration = 1s,
            .give_up = 5s,
            .think = 1ms,
            .journal = where.file("journal"),
            .json = true};
  }
  run_report run_with(const options& o) {
    const volatile std::sig_atomic_t none = 0;
    return run(o, none);
  }
  std::vector<journal_record> journal() const {
    std::vector<journal_record> out;
    journal_reader reader(where.file("journal"));
    while (auto r = reader.next()) out.push_back(std::move(*r));
    return out;
  }

  http_stub stub;
  folder where;
};

template <class Kind>
std::vector<std::pair<ask, Kind>> asked(const std::vector<journal_record>& records) {
  std::vector<std::pair<ask, Kind>> out;
  for (const auto& r : records) {
    const auto* a = std::get_if<ask>(&r);
    if (!a) continue;
    if (const auto* k = std::get_if<Kind>(&a->what)) out.emplace_back(*a, *k);
  }
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

const action_figures* row(const run_report& r, std::string_view action) {
  const auto found = std::ranges::find(r.actions, action, &action_figures::action);
  return found == r.actions.end() ? nullptr : &*found;
}

// ---------------------------------------------------------------------------------------------

TEST(shoppers, buy_and_leave_a_journal) {
  stub_store store;
  auto how = store.how();
  how.mix = mix::buy;
  const auto r = store.run_with(how);
  EXPECT_GT(r.bought, 3);
  EXPECT_EQ(r.checkouts, r.bought);
  EXPECT_EQ(r.unsettled, 0);
  const auto records = store.journal();
  ASSERT_FALSE(records.empty());
  const auto& begun = std::get<run_begun>(records[0]);
  EXPECT_EQ(begun.store, store.stub.url());
  EXPECT_EQ(begun.currency, "USD");
  const auto checkouts = asked<asks::checkout>(records);
  EXPECT_EQ(static_cast<std::int64_t>(checkouts.size()), r.bought);
  const auto& [a, c] = checkouts[0];
  EXPECT_EQ(a.shopper, "u");
  EXPECT_EQ(c.cart_revision, "r1");
  EXPECT_EQ(c.total_minor, 300);
  EXPECT_EQ(c.card, "approve");
  EXPECT_THAT(c.lines, ElementsAre(priced_line{"p1", 3, 100}));
  EXPECT_THAT(c.body_hash, SizeIs(64));
  EXPECT_THAT(to_text(r), HasSubstr("checkout"));
}

TEST(shoppers, write_down_what_they_ask_before_they_ask) {
  stub_store store;
  std::atomic<int> seen = 0, not_noted = 0;
  const auto noted = [&](const stub_request& in) -> stub_answer {
    ++seen;
    if (!read_file(store.where.file("journal")).contains(in.header("Idempotency-Key"))) ++not_noted;
    return {.status = 201, .body = an_order};
  };
  store.stub.on("POST", "/api/orders", noted);
  auto how = store.how();
  how.mix = mix::buy;
  how.shoppers = 20;
  store.run_with(how);
  EXPECT_GT(seen, 20);
  EXPECT_EQ(not_noted, 0);
}

TEST(shoppers, repeat_a_checkout_with_the_same_key_and_body_until_there_is_a_last_word) {
  stub_store store;
  store.stub.on(
      "POST", "/api/orders",
      std::vector<stub_answer>{{.drop = true},
                               {.status = 503, .headers = {{"Retry-After", "0"}}},
                               {.status = 202, .body = R"({"id":"o1","state":"pending"})"},
                               {.status = 502},
                               {.status = 201, .body = an_order}});
  auto how = store.how();
  how.mix = mix::buy;
  how.duration = 100ms;  // what was begun is finished all the same
  const auto r = store.run_with(how);
  const auto sent = store.stub.requests("POST", "/api/orders");
  ASSERT_GE(sent.size(), 5u);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(sent[i].header("Idempotency-Key"), sent[0].header("Idempotency-Key"));
    EXPECT_EQ(sent[i].body, sent[0].body);
  }
  const auto checkouts = asked<asks::checkout>(store.journal());
  ASSERT_GE(checkouts.size(), 5u);
  EXPECT_FALSE(checkouts[0].second.repeats);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(checkouts[i].second.repeats, checkouts[0].first.n);
    EXPECT_EQ(checkouts[i].second.key, checkouts[0].second.key);
    EXPECT_EQ(checkouts[i].second.body_hash, checkouts[0].second.body_hash);
  }
  EXPECT_EQ(r.unsettled, 0);
}

TEST(shoppers, do_all_that_shoppers_do) {
  stub_store store;
  // Now and then the store fails.
  std::atomic<int> turn = 0;
  store.stub.on("POST", "/api/orders", [&](const stub_request&) -> stub_answer {
    switch (++turn % 6) {
      case 1:
        return {.drop = true};
      case 2:
        return {
            .status = 402,
            .body =
                R"({"type":"/problems/payment-declined","order":{"id":"o2","state":"rejected"}})"};
      case 3:
        return {.status = 409, .body = R"({"type":"/problems/already-ordered","order_id":"o3"})"};
      default:
        return {.status = 201, .body = an_order};
    }
  });
  auto how = store.how();
  how.shoppers = 20;
  how.duration = 4s;
  const auto r = store.run_with(how);
  const auto records = store.journal();
  EXPECT_THAT(asked<asks::session>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::set>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::remove>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::clear>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::cart>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::cancel>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::order>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::events>(records), Not(IsEmpty()));
  const auto adds = asked<asks::add>(records);
  EXPECT_TRUE(std::ranges::any_of(adds, [](auto& a) { return a.second.key.has_value(); }));
  EXPECT_TRUE(std::ranges::any_of(adds, [](auto& a) { return !a.second.key.has_value(); }));
  std::map<std::string, int> cards;
  for (const auto& [a, c] : asked<asks::checkout>(records)) ++cards[c.card];
  EXPECT_GE(cards.size(), 6u);
  for (const auto* name : {"list", "search", "suggest", "product", "stock", "card", "orders"}) {
    EXPECT_TRUE(row(r, name)) << name;
  }
  const auto* checkouts = row(r, "checkout");
  ASSERT_TRUE(checkouts);
  EXPECT_TRUE(checkouts->refusals.contains("402 payment-declined"));
  EXPECT_TRUE(checkouts->refusals.contains("409 already-ordered"));
  EXPECT_GT(checkouts->lost, 0);
  // Two at once with one key: the second names the first, and has its body.
  std::map<std::int64_t, std::string> first_hash;
  for (const auto& [a, c] : asked<asks::checkout>(records)) {
    if (c.repeats) {
      EXPECT_EQ(first_hash.at(*c.repeats), c.body_hash);
    } else {
      first_hash[a.n] = c.body_hash;
    }
  }
}

// What was done, as noted and without what differs from run to run.
std::vector<std::string> first_changes(const stub_store& store, std::size_t count) {
  std::vector<std::string> out;
  for (const auto& r : store.journal()) {
    const auto* a = std::get_if<ask>(&r);
    if (!a) continue;
    if (const auto* add = std::get_if<asks::add>(&a->what)) {
      out.push_back("add " + std::to_string(add->quantity) + (add->key ? " with key" : ""));
    } else if (const auto* set = std::get_if<asks::set>(&a->what)) {
      out.push_back("set " + std::to_string(set->quantity));
    } else if (const auto* checkout = std::get_if<asks::checkout>(&a->what)) {
      if (!checkout->repeats) out.push_back("buy with " + checkout->card);
    } else if (std::holds_alternative<asks::remove>(a->what)) {
      out.emplace_back("remove");
    }
    if (out.size() == count) break;
  }
  return out;
}

TEST(shoppers, do_the_same_for_the_same_seed) {
  const auto changes = [](std::int64_t seed) {
    stub_store store;
    auto how = store.how();
    how.seed = seed;
    how.duration = 3s;
    store.run_with(how);
    return first_changes(store, 12);
  };
  const auto once = changes(5);
  ASSERT_EQ(once.size(), 12u);
  EXPECT_EQ(once, changes(5));
  EXPECT_NE(once, changes(6));
}

TEST(shoppers, come_by_the_clock) {
  stub_store store;
  auto how = store.how();
  how.mix = mix::buy;
  how.rate = 50;
  how.shoppers = 100;
  how.duration = 2s;
  how.think = 0ms;
  const auto r = store.run_with(how);
  EXPECT_NEAR(r.arrival_rate, 50, 3);
  EXPECT_EQ(r.turned_away, 0);
  EXPECT_EQ(r.visits, r.bought);
}

TEST(shoppers, are_turned_away_when_too_many_are_there_and_time_runs_from_when_they_wanted) {
  stub_store store;
  store.stub.on("POST", "/api/session",
                {.status = 201, .body = R"({"user_id":"u","token":"t"})", .delay = 1'500ms});
  auto how = store.how();
  how.mix = mix::buy;
  how.rate = 20;
  how.shoppers = 3;
  how.duration = 1s;
  const auto r = store.run_with(how);
  EXPECT_GE(r.turned_away, 14);
  EXPECT_LE(r.visits, 6);
  ASSERT_TRUE(row(r, "session"));
  EXPECT_GE(row(r, "session")->p50_ms, 1'500);
}

TEST(shoppers, survive_a_dead_store) {
  stub_store store;
  auto how = store.how();
  how.shoppers = 5;
  how.duration = 2s;
  how.give_up = 1s;
  std::thread end([&] {
    std::this_thread::sleep_for(600ms);
    store.stub.stop();
  });
  const auto r = store.run_with(how);
  end.join();
  std::int64_t lost = 0;
  for (const auto& a : r.actions) lost += a.lost;
  EXPECT_GT(lost, 3);
  // They pause: no more than a few requests a second each.
  EXPECT_LT(lost, 200);
  EXPECT_FALSE(store.journal().empty());

  how.journal.clear();
  how.duration = 500ms;
  const auto never = store.run_with(how);
  EXPECT_EQ(never.visits, 0);
  EXPECT_GT(never.requests, 0);
}

TEST(shoppers, end_when_told) {
  stub_store store;
  auto how = store.how();
  how.duration = 1h;
  volatile std::sig_atomic_t signals = 0;
  std::thread sender([&] {
    std::this_thread::sleep_for(400ms);
    signals = 1;
  });
  const auto began = steady_clock::now();
  const auto r = run(how, signals);
  sender.join();
  EXPECT_LT(steady_clock::now() - began, 8s);
  EXPECT_GT(r.visits, 0);
  EXPECT_LT(r.seconds, 2);
}

TEST(shoppers, say_what_cannot_be) {
  stub_store store;
  auto how = store.how();
  how.products = {"NO-SUCH"};
  EXPECT_THROW(store.run_with(how), wrong_usage);
  how = store.how();
  how.admin_password_file = "/nowhere/at/all";
  EXPECT_THROW(store.run_with(how), wrong_usage);
  how = store.how();
  how.store = "ftp://localhost";
  EXPECT_THROW(store.run_with(how), wrong_usage);
  how = store.how();
  how.journal = "/nowhere/at/all";
  EXPECT_THROW(store.run_with(how), journal_error);
}

// ---------------------------------------------------------------------------------------------

TEST(staff, restock_ship_deliver_and_refund) {
  stub_store store;
  std::ofstream(store.where.file("password")) << "secret\n";
  store.stub.on("POST", "/api/session/admin", {.status = 201, .body = R"({"token":"admin"})"});
  store.stub.on("GET", "/api/inventory",
                {.body = R"({"items":[{"product_id":"p1","on_hand":3}]})"});
  store.stub.on(
      "POST", "/api/inventory/*/adjustments",
      std::vector<stub_answer>{{.drop = true}, {.body = R"({"product_id":"p1","on_hand":50})"}});
  store.stub.on("GET", "/api/orders", [](const stub_request& in) -> stub_answer {
    std::string items;
    for (int i = 0; i < 30; ++i) {
      items += (i > 0 ? "," : "") + std::string(R"({"id":"o)") + std::to_string(i) +
               R"(","state":"confirmed","total_minor":300,"refunded_minor":0,)"
               R"("lines":[{"product_id":"p1","quantity":3}]})";
    }
    return {.status = in.header("Authorization") == "Bearer admin" ? 200 : 403,
            .body = R"({"items":[)" + items + "]}"};
  });
  store.stub.on("PATCH", "/api/orders/*/status", {.body = R"({"id":"o1","state":"shipped"})"});
  store.stub.on("POST", "/api/orders/*/refunds",
                {.status = 201, .body = R"({"id":"f1","state":"done"})"});
  auto how = store.how();
  how.admin_password_file = store.where.file("password");
  how.duration = 4s;
  store.run_with(how);
  const auto records = store.journal();
  const auto deliveries = asked<asks::delivery>(records);
  ASSERT_GE(deliveries.size(), 2u);
  EXPECT_EQ(deliveries[1].second.repeats, deliveries[0].first.n);
  EXPECT_EQ(deliveries[1].second.key, deliveries[0].second.key);
  const auto sent = store.stub.requests("POST", "/api/inventory/*/adjustments");
  EXPECT_EQ(sent[0].body, sent[1].body);
  EXPECT_EQ(sent[0].header("Idempotency-Key"), deliveries[0].second.key);
  EXPECT_THAT(asked<asks::ship>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::deliver>(records), Not(IsEmpty()));
  EXPECT_THAT(asked<asks::refund>(records), Not(IsEmpty()));
  EXPECT_TRUE(deliveries[0].first.shopper.empty());
}

TEST(staff, leaves_the_shoppers_alone_when_it_may_not_in) {
  stub_store store;
  std::ofstream(store.where.file("password")) << "wrong\n";
  store.stub.on("POST", "/api/session/admin", {.status = 401});
  auto how = store.how();
  how.admin_password_file = store.where.file("password");
  how.mix = mix::buy;
  EXPECT_GT(store.run_with(how).bought, 0);
}

// ---------------------------------------------------------------------------------------------

// The events behind the one that is named, as the order service sends them.
stub_answer events_after(const std::string& last, int count, bool final) {
  std::string body = "retry: 1000\n\n";
  for (int i = last.empty() ? 1 : std::stoi(last) + 1; i <= count; ++i) {
    const auto* state = final && i == count ? "delivered" : "confirmed";
    body += "id: " + std::to_string(i) + "\nevent: step-" + std::to_string(i) +
            "\ndata: {\"seq\":" + std::to_string(i) + ",\"type\":\"step-" + std::to_string(i) +
            "\",\"state\":\"" + state + "\",\"at\":\"2026-01-31T12:00:00Z\"}\n\n";
  }
  return {.body = body, .content_type = "text/event-stream"};
}

// What the journal says of an order that was watched.
std::vector<journal_record> watched(stub_store& store, std::uint64_t seed) {
  std::vector<journal_record> out;
  auto how = store.how();
  souk::testing::run([&](event_loop& loop, const context&) -> task<> {
    auto& counts = loop.make<tally>();
    auto& at = loop.make<load::store>(loop, how.store, 10, counts);
    auto& m = loop.make<market>(loop, how, at);
    m.closes = m.gives_up = steady_clock::now() + 1min;
    std::filesystem::remove(how.journal);
    journal_writer writer(loop.executor(), how.journal);
    writer.begin({.run = m.run, .seed = 1, .at = now(), .store = how.store, .currency = "USD"});
    at.write_to(writer);
    co_await watch_order(m, chance(seed), "u", "t", "o1");
    co_await writer.synced();
  });
  return store.journal();
}

TEST(watching, reads_a_timeline_whole_through_reconnects) {
  stub_store store;
  std::atomic<int> connections = 0;
  store.stub.on("GET", "/api/orders/*/events", [&](const stub_request& in) -> stub_answer {
    const auto last = in.header("Last-Event-ID");
    switch (++connections) {
      case 1:
        return {.drop = true};
      case 2:
        return {.status = 503};
      default:
        // At first the end has not come.
        return events_after(last, connections < 4 ? 3 : 9, connections >= 4);
    }
  });
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    connections = 0;
    const auto records = watched(store, seed);
    ASSERT_EQ(records.size(), 3u);
    const auto& a = std::get<answer>(records[2]);
    EXPECT_EQ(a.status, 200);
    ASSERT_TRUE(a.events);
    ASSERT_EQ(a.events->size(), 9u);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ((*a.events)[static_cast<std::size_t>(i)].seq, i + 1);
    }
    EXPECT_EQ(a.events->back().state, "delivered");
    EXPECT_EQ(a.events->back().type, "step-9");
  }
}

TEST(watching, says_when_there_may_be_more) {
  stub_store store;
  store.stub.on("GET", "/api/orders/*/events", [&](const stub_request& in) -> stub_answer {
    return events_after(in.header("Last-Event-ID"), 2, false);
  });
  const auto records = watched(store, 3);
  ASSERT_EQ(records.size(), 3u);
  const auto& a = std::get<answer>(records[2]);
  EXPECT_EQ(a.status, 206);
  EXPECT_EQ(a.events->size(), 2u);
}

TEST(watching, keeps_what_a_wrong_store_sends_twice) {
  stub_store store;
  store.stub.on("GET", "/api/orders/*/events", [&](const stub_request& in) -> stub_answer {
    // Forgets what the client has.
    return events_after("", in.header("Last-Event-ID").empty() ? 2 : 4,
                        !in.header("Last-Event-ID").empty());
  });
  const auto a = std::get<answer>(watched(store, 1).at(2));
  EXPECT_GT(a.events->size(), 4u);
}

TEST(watching, of_anothers_order_is_refused) {
  stub_store store;
  const auto a = std::get<answer>(watched(store, 1).at(2));
  EXPECT_EQ(a.status, 404);
  EXPECT_FALSE(a.events);
}

}  // namespace
}  // namespace souk::load
