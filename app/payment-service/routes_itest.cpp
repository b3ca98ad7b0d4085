#include "routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <thread>

#include "kit/http_server.hpp"
#include "kit/keys.hpp"
#include "kit/security.hpp"
#include "kit/telemetry.hpp"
#include "kit/testing/http.hpp"
#include "kit/testing/stub.hpp"
#include "test_world.hpp"

namespace souk::payment {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::http_answer;
using testing::http_headers;

struct shown_card {
  std::string brand, last4;
};
BOOST_DESCRIBE_STRUCT(shown_card, (), (brand, last4))

// As others read it: exactly these fields.
struct shown_payment {
  uuid id, order_id;
  std::string user_id, state;
  std::optional<std::string> reason;
  minor_units amount_minor = 0;
  std::string currency;
  minor_units captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0;
  std::optional<shown_card> card_;
  std::int64_t version = 0;
  timestamp created_at, updated_at;
};
BOOST_DESCRIBE_STRUCT(shown_payment, (),
                      (id, order_id, user_id, state, reason, amount_minor, currency, captured_minor,
                       refunded_minor, refund_pending_minor, card_, version, created_at,
                       updated_at))

struct shown_refund {
  uuid refund_id;
  std::string state;
  minor_units amount_minor = 0;
  shown_payment payment_;
};
BOOST_DESCRIBE_STRUCT(shown_refund, (), (refund_id, state, amount_minor, payment_))

struct shown_page {
  std::vector<shown_payment> items;
  std::optional<std::string> next_cursor;
};
BOOST_DESCRIBE_STRUCT(shown_page, (), (items, next_cursor))

struct shown_token {
  std::string payment_token, brand, last4;
  timestamp expires_at;
};
BOOST_DESCRIBE_STRUCT(shown_token, (), (payment_token, brand, last4, expires_at))

struct shown_problem {
  std::string type;
  std::optional<json::errors> errors;
};
BOOST_DESCRIBE_STRUCT(shown_problem, (), (type, errors))

template <class T>
T read(const http_answer& a) {
  auto value = json::read<T>(a.body);
  EXPECT_TRUE(value) << a.status << " " << a.body;
  return value ? std::move(*value) : T{};
}

std::string problem_type(const http_answer& a) {
  const auto p = json::read_lenient<shown_problem>(a.body);
  return p ? p->type : "none";
}

std::vector<std::string> wrong_fields(const http_answer& a) {
  EXPECT_EQ(a.status, 400) << a.body;
  const auto p = json::read_lenient<shown_problem>(a.body);
  std::vector<std::string> out;
  if (p && p->errors)
    for (const auto& e : *p->errors) out.push_back(e.pointer);
  return out;
}

// Keys for sessions, in a folder that goes with it.
class session_keys {
 public:
  session_keys() {
    std::string name = (std::filesystem::temp_directory_path() / "souk-keys-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    folder_ = name;
    const auto key = security::private_key::generate();
    security::key_set set;
    set.add(key.public_part());
    std::ofstream(private_file()) << key.pem();
    std::ofstream(public_file()) << set.jwks();
  }
  ~session_keys() { std::filesystem::remove_all(folder_); }
  std::string private_file() const { return folder_ / "private.pem"; }
  std::string public_file() const { return folder_ / "public.json"; }

 private:
  std::filesystem::path folder_;
};

// The service on a free port, served by a thread of its own.
class served_world {
 public:
  explicit served_world(bool with_recovery = true)
      : loop_("payment-service"),
        w(loop_.make<test_world>(loop_)),
        api_(loop_.make<api>(api{w.store, w.work, w.tokens, w.client, w.books, "USD"})),
        signer_(keys_.private_file(), "souk", "souk") {
    add_routes(loop_.routes(), api_);
    const auto hash = [](std::string_view s) { return hex_encode(security::sha256(s)); };
    server_ = std::make_unique<http::server>(
        loop_, http::server_settings{
                   .sessions = std::make_shared<security::verifier>(
                       security::token_settings{keys_.public_file(), "souk", "souk"}),
                   .callers = security::accepted_callers("order=" + hash("order-secret") +
                                                         ";cart=" + hash("cart-secret"))});
    if (with_recovery) w.start_recovery();
    thread_ = std::thread([this] { loop_.run_until_complete(server_->serve()); });
  }
  ~served_world() {
    server_->drain();
    thread_.join();
  }

  // As after a restart with another configuration; no request may be under way.
  void currency_is(std::string code) { api_.currency = std::move(code); }

  http_headers as_shopper(std::string id) { return session(std::move(id), false); }
  http_headers as_admin() { return session("admin", true); }
  static http_headers as_service(std::string name) {
    return {{"Souk-Service", name + ":" + name + "-secret"}};
  }
  http_answer call(const http_headers& who, std::string_view method, std::string_view path,
                   std::string_view body = "") {
    return testing::http_call(server_->port(), method, path, who, body);
  }
  http_answer order(std::string_view method, std::string_view path, std::string_view body = "") {
    return call(as_service("order"), method, path, body);
  }
  http_answer admin(std::string_view method, std::string_view path, std::string_view body = "") {
    return call(as_admin(), method, path, body);
  }

  std::string card(
      std::string_view number = good_card,
      std::string_view rest = R"("exp_month":12,"exp_year":2040,"cvc":"123","name":"A B")") {
    return R"({"number":")" + std::string(number) + R"(",)" + std::string(rest) + "}";
  }
  std::string token(std::string_view number = good_card) {
    return read<shown_token>(call(as_shopper("alice"), "POST", "/payments/tokens", card(number)))
        .payment_token;
  }
  static std::string terms(uuid order_id, minor_units amount = 1000) {
    return R"("order_id":")" + order_id.str() + R"(","user_id":"alice","amount_minor":)" +
           std::to_string(amount) + R"(,"currency":"USD")";
  }
  http_answer process(uuid id, uuid order_id, std::string_view payment_token,
                      minor_units amount = 1000) {
    return order("POST", "/payments/process",
                 R"({"payment_id":")" + id.str() + R"(",)" + terms(order_id, amount) +
                     R"(,"payment_token":")" + std::string(payment_token) + R"("})");
  }
  http_answer capture(uuid id, uuid order_id) {
    return order("POST", "/payments/" + id.str() + "/capture",
                 R"({"order_id":")" + order_id.str() + R"("})");
  }
  http_answer void_(uuid id, uuid order_id) {
    return order("POST", "/payments/" + id.str() + "/void", "{" + terms(order_id) + "}");
  }
  http_answer refund(uuid id, uuid refund_id, minor_units amount) {
    return order("POST", "/payments/" + id.str() + "/refund",
                 R"({"refund_id":")" + refund_id.str() + R"(","amount_minor":)" +
                     std::to_string(amount) + R"(,"reason":"late"})");
  }

 private:
  http_headers session(std::string id, bool is_admin) {
    const auto in_an_hour = std::chrono::system_clock::now() + 1h;
    const security::session s{std::move(id), is_admin,
                              std::chrono::system_clock::to_time_t(in_an_hour)};
    return {{"Authorization", "Bearer " + signer_.sign(s)}};
  }

  session_keys keys_;
  event_loop loop_;

 public:
  test_world& w;

 private:
  api& api_;
  security::signer signer_;
  std::unique_ptr<http::server> server_;
  std::thread thread_;
};

// ---------------------------------------------------------------------------------------------

TEST(routes, are_those_of_the_design_and_open_to_those_it_names) {
  served_world s;
  const auto id = uuid::v7().str();
  struct row {
    std::string method, path;
    std::set<std::string> who;
  };
  const std::vector<row> rows{{"POST", "/payments/tokens", {"shopper"}},
                              {"POST", "/payments/process", {"order"}},
                              {"POST", "/payments/" + id + "/capture", {"order"}},
                              {"POST", "/payments/" + id + "/void", {"order"}},
                              {"POST", "/payments/" + id + "/refund", {"order"}},
                              {"GET", "/payments", {"admin"}},
                              {"GET", "/payments/" + id, {"shopper", "admin"}},
                              {"GET", "/payments/" + id + "/attempts", {"admin"}},
                              {"GET", "/payments/" + id + "/gateway-record", {"admin"}},
                              {"GET", "/payments/gateway", {"admin"}},
                              {"PUT", "/payments/gateway", {"admin"}},
                              {"GET", "/books", {"order", "admin"}}};
  const std::vector<std::pair<std::string, http_headers>> callers{
      {"shopper", s.as_shopper("alice")},
      {"admin", s.as_admin()},
      {"order", served_world::as_service("order")},
      {"cart", served_world::as_service("cart")}};
  for (const auto& r : rows) {
    EXPECT_EQ(s.call({}, r.method, r.path, "{}").status, 401) << r.method << r.path;
    EXPECT_EQ(s.call({{"Authorization", "Bearer x.y.z"}}, r.method, r.path, "{}").status, 401)
        << r.method << r.path;
    for (const auto& [name, headers] : callers) {
      const auto status = s.call(headers, r.method, r.path, "{}").status;
      if (r.who.contains(name))
        EXPECT_THAT(status, AnyOf(200, 400, 404)) << r.method << r.path << " " << name;
      else
        EXPECT_EQ(status, 403) << r.method << r.path << " " << name;
    }
  }
}

TEST(tokens, are_made_of_good_cards_for_shoppers) {
  served_world s;
  const auto a =
      s.call(s.as_shopper("alice"), "POST", "/payments/tokens", s.card("4242 4242-4242 4242"));
  EXPECT_EQ(a.status, 201) << a.body;
  const auto t = read<shown_token>(a);
  EXPECT_EQ(t.brand, "visa");
  EXPECT_EQ(t.last4, "4242");
  EXPECT_GE(t.payment_token.size(), 32u);
  EXPECT_GT(t.expires_at, now() + 15min);
  EXPECT_LT(t.expires_at, now() + 30min);
  EXPECT_EQ(a.body.find(good_card), std::string::npos);
}

TEST(tokens, of_bad_cards_are_refused_by_field) {
  served_world s;
  const auto post = [&](const std::string& body) {
    const auto a = s.call(s.as_shopper("alice"), "POST", "/payments/tokens", body);
    EXPECT_EQ(a.body.find("4242"), std::string::npos) << a.body;
    return wrong_fields(a);
  };
  EXPECT_THAT(post(s.card("4242424242424241")), ElementsAre("/number"));
  EXPECT_THAT(post(s.card("4242 4242 4242 424x")), ElementsAre("/number"));
  EXPECT_THAT(post(s.card("42424242")), ElementsAre("/number"));
  EXPECT_THAT(
      post(s.card("4242424242424241", R"("exp_month":1,"exp_year":2020,"cvc":"12a","name":"A")")),
      ElementsAre("/number", "/exp_year", "/cvc"));
  EXPECT_THAT(post(s.card(good_card, R"("exp_month":13,"exp_year":2040,"cvc":"123","name":"A")")),
              ElementsAre("/exp_month"));
  EXPECT_THAT(post(s.card(good_card, R"("exp_month":12,"exp_year":2040,"cvc":"123")")),
              ElementsAre("/name"));
  EXPECT_THAT(post(s.card(good_card,
                          R"("exp_month":12,"exp_year":2040,"cvc":"123","name":"A","zip":"4242")")),
              ElementsAre("/zip"));
  EXPECT_EQ(s.w.sql("SELECT count(*) FROM card_tokens"), "0");
}

TEST(payments, keep_the_contract_with_orders) {
  served_world s;
  const auto id = uuid::v7(), order_id = uuid::v7();
  const auto token = s.token();
  auto a = s.process(id, order_id, token);
  EXPECT_EQ(a.status, 200);
  auto p = read<shown_payment>(a);
  EXPECT_EQ(p.id, id);
  EXPECT_EQ(p.order_id, order_id);
  EXPECT_EQ(p.user_id, "alice");
  EXPECT_EQ(p.state, "authorized");
  EXPECT_EQ(p.currency, "USD");
  ASSERT_TRUE(p.card_);
  EXPECT_EQ(p.card_->last4, "4242");

  a = s.process(id, order_id, token, 999);
  EXPECT_EQ(a.status, 422);
  EXPECT_EQ(problem_type(a), "/problems/payment-differs");
  a = s.process(uuid::v7(), order_id, s.token());
  EXPECT_EQ(a.status, 409);
  EXPECT_EQ(problem_type(a), "/problems/order-has-payment");

  EXPECT_EQ(s.capture(uuid::v7(), order_id).status, 404);
  a = s.refund(id, uuid::v7(), 1);
  EXPECT_EQ(a.status, 409);
  EXPECT_EQ(problem_type(a), "/problems/not-captured");
  EXPECT_EQ(read<shown_payment>(s.capture(id, order_id)).state, "captured");
  a = s.void_(id, order_id);
  EXPECT_EQ(a.status, 409);
  EXPECT_EQ(problem_type(a), "/problems/already-captured");

  const auto refund_id = uuid::v7();
  const auto r = read<shown_refund>(s.refund(id, refund_id, 400));
  EXPECT_EQ(r.state, "refunded");
  EXPECT_EQ(r.payment_.refunded_minor, 400);
  a = s.refund(id, refund_id, 401);
  EXPECT_EQ(a.status, 422);
  EXPECT_EQ(problem_type(a), "/problems/refund-differs");
  a = s.refund(id, uuid::v7(), 601);
  EXPECT_EQ(a.status, 409);
  EXPECT_EQ(problem_type(a), "/problems/refund-exceeds");

  const auto unseen = uuid::v7(), unseen_order = uuid::v7();
  EXPECT_EQ(read<shown_payment>(s.void_(unseen, unseen_order)).state, "voided");
  EXPECT_EQ(read<shown_payment>(s.process(unseen, unseen_order, s.token())).state, "voided");
  const auto bad = read<shown_payment>(s.process(uuid::v7(), uuid::v7(), token));
  EXPECT_EQ(bad.state, "declined");
  EXPECT_EQ(bad.reason, "token-used");
}

TEST(payments, of_bad_requests_are_not_begun) {
  served_world s;
  const auto good = R"({"payment_id":")" + uuid::v7().str() + R"(",)" +
                    served_world::terms(uuid::v7()) + R"(,"payment_token":"t"})";
  const auto with = [&](const std::string& from, const std::string& to) {
    auto body = good;
    body.replace(body.find(from), from.size(), to);
    return wrong_fields(s.order("POST", "/payments/process", body));
  };
  EXPECT_THAT(with("1000", "-1"), ElementsAre("/amount_minor"));
  EXPECT_THAT(with("1000", "100000000000001"), ElementsAre("/amount_minor"));
  EXPECT_THAT(with("1000", "1e3"), ElementsAre("/amount_minor"));
  EXPECT_THAT(with("USD", "EUR"), ElementsAre("/currency"));
  EXPECT_THAT(with("alice", ""), ElementsAre("/user_id"));
  EXPECT_THAT(with("\"t\"", "\"\""), ElementsAre("/payment_token"));
  EXPECT_THAT(with("\"t\"", "\"a\\u0000b\""), ElementsAre("/payment_token"));
  EXPECT_EQ(s.order("POST", "/payments/process", "{").status, 400);
  EXPECT_EQ(s.order("POST", "/payments/not-a-uuid/capture", "{}").status, 400);
  EXPECT_EQ(s.refund(uuid::v7(), uuid::v7(), 0).status, 400);
  EXPECT_EQ(s.w.sql("SELECT count(*) FROM payments"), "0");
}

TEST(payments, are_finished_in_their_currency_when_the_stores_has_changed) {
  served_world s;
  const auto id = uuid::v7(), order = uuid::v7(), later = uuid::v7();
  const auto token = s.token(), unused = s.token();
  EXPECT_EQ(read<shown_payment>(s.process(id, order, token)).state, "authorized");
  s.currency_is("EUR");
  EXPECT_EQ(read<shown_payment>(s.process(id, order, token)).state, "authorized");
  EXPECT_THAT(wrong_fields(s.process(later, uuid::v7(), unused)), ElementsAre("/currency"));
  const auto undone = read<shown_payment>(s.void_(id, order));
  EXPECT_EQ(undone.state, "voided");
  EXPECT_EQ(undone.currency, "USD");
}

TEST(payment, is_shown_to_its_shopper_and_administrators) {
  served_world s;
  const auto id = uuid::v7();
  s.process(id, uuid::v7(), s.token());
  const auto path = "/payments/" + id.str();
  EXPECT_EQ(s.call(s.as_shopper("alice"), "GET", path).status, 200);
  EXPECT_EQ(s.call(s.as_shopper("bob"), "GET", path).status, 404);
  EXPECT_EQ(s.admin("GET", path).status, 200);
  EXPECT_EQ(s.admin("GET", "/payments/" + uuid::v7().str()).status, 404);
  EXPECT_EQ(s.admin("GET", path + "/attempts?cursor=x").status, 400);
  EXPECT_THAT(s.admin("GET", path + "/attempts").body, HasSubstr(R"("outcome":"approved")"));
  EXPECT_THAT(s.admin("GET", path + "/gateway-record").body,
              HasSubstr(R"("authorized_minor":1000)"));
  const auto unseen = uuid::v7();
  s.void_(unseen, uuid::v7());
  const auto none = s.admin("GET", "/payments/" + unseen.str() + "/gateway-record");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(problem_type(none), "/problems/no-gateway-record");
}

TEST(payments, come_in_pages_and_filtered) {
  served_world s;
  std::vector<uuid> ids;
  const auto last_order = uuid::v7();
  for (int i = 0; i < 5; ++i) {
    ids.push_back(uuid::v7());
    if (i < 3)
      s.void_(ids.back(), uuid::v7());
    else
      s.process(ids.back(), i == 4 ? last_order : uuid::v7(), s.token());
  }
  std::vector<uuid> seen;
  for (std::string path = "/payments?limit=2", cursor;;) {
    const auto page = read<shown_page>(s.admin("GET", path + cursor));
    for (const auto& p : page.items) seen.push_back(p.id);
    if (!page.next_cursor) break;
    cursor = "&cursor=" + *page.next_cursor;
    EXPECT_EQ(s.admin("GET", "/payments?state=voided" + cursor).status, 400);
  }
  std::ranges::reverse(seen);
  EXPECT_EQ(seen, ids);
  EXPECT_EQ(read<shown_page>(s.admin("GET", "/payments?state=voided")).items.size(), 3u);
  const auto one = read<shown_page>(s.admin("GET", "/payments?order_id=" + last_order.str())).items;
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one.front().id, ids.back());
  for (const char* bad : {"limit=0", "limit=101", "limit=x", "state=lost", "order_id=1",
                          "cursor=%00", "cursor=AAAA", "page=2", "limit=1&limit=2"})
    EXPECT_EQ(s.admin("GET", std::string("/payments?") + bad).status, 400) << bad;
}

TEST(gateway, is_told_how_to_behave_over_http) {
  served_world s(false);
  const auto errors =
      R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":1,"decline_rate":0,"unknown_rate":0})";
  EXPECT_EQ(s.admin("PUT", "/payments/gateway", errors).status, 200);
  EXPECT_EQ(s.admin("GET", "/payments/gateway").body, errors);
  const auto id = uuid::v7();
  EXPECT_EQ(read<shown_payment>(s.process(id, uuid::v7(), s.token())).state, "authorizing");
  EXPECT_THAT(wrong_fields(s.admin("PUT", "/payments/gateway",
                                   R"({"latency_ms":-1,"latency_jitter_ms":0,"error_rate":0,)"
                                   R"("decline_rate":0,"unknown_rate":0})")),
              ElementsAre("/latency_ms"));
  EXPECT_THAT(wrong_fields(s.admin("PUT", "/payments/gateway",
                                   R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":2,)"
                                   R"("decline_rate":-1,"unknown_rate":0})")),
              ElementsAre("/error_rate", "/decline_rate"));
  s.w.wire.refuse();
  EXPECT_EQ(s.admin("GET", "/payments/gateway").status, 503);
  EXPECT_EQ(s.call(s.as_shopper("alice"), "POST", "/payments/tokens", s.card()).status, 503);
}

std::vector<book_entry> lines_of(const http_answer& a) {
  EXPECT_EQ(a.status, 200) << a.body;
  std::vector<book_entry> out;
  for (std::size_t at = 0; at < a.body.size();) {
    const auto end = a.body.find('\n', at);
    auto line = json::read<book_entry>(std::string_view(a.body).substr(at, end - at));
    EXPECT_TRUE(line) << a.body;
    if (line) out.push_back(*line);
    at = end + 1;
  }
  return out;
}

TEST(books, show_both_sides_of_every_order) {
  served_world s;
  std::vector<uuid> orders;
  for (int i = 0; i < 4; ++i) orders.push_back(uuid::v7());
  std::ranges::sort(orders);
  const auto first = uuid::v7();
  s.process(first, orders[0], s.token());
  s.capture(first, orders[0]);
  s.refund(first, uuid::v7(), 250);
  s.void_(uuid::v7(), orders[1]);
  // A charge that nobody here knows of, and a second one for an order that has been paid.
  const auto charge = [&](uuid order_id) {
    const auto key = "Bearer " + std::string(mock_gateway::test_gateway::key);
    const auto made = testing::http_call(
        s.w.gateway.port(), "POST", "/v1/tokens", {{"Authorization", key}},
        R"({"number":"4242424242424242","exp_month":1,"exp_year":2040,"cvc":"123"})");
    const auto done = testing::http_call(
        s.w.gateway.port(), "POST", "/v1/authorizations", {{"Authorization", key}},
        R"({"reference":")" + uuid::v7().str() + R"(","merchant_order":")" + order_id.str() +
            R"(","amount_minor":77,"currency":"USD","card_token":)" +
            made.body.substr(made.body.find(':') + 1,
                             made.body.find(',') - made.body.find(':') - 1) +
            "}");
    EXPECT_EQ(done.status, 200) << done.body;
  };
  charge(orders[2]);
  charge(orders[3]);
  s.process(uuid::v7(), orders[3], s.token());

  const auto all = lines_of(s.order("GET", "/books"));
  ASSERT_EQ(all.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(all[i].order_id, orders[i]);
  EXPECT_EQ(all[0].state, payment_state::captured);
  EXPECT_EQ(all[0].refunded_minor, 250);
  EXPECT_EQ(all[0].gateway.captured_minor, 1000);
  EXPECT_EQ(all[0].gateway.refunded_minor, 250);
  EXPECT_EQ(all[0].gateway.charges, 1);
  EXPECT_EQ(all[1].state, payment_state::voided);
  EXPECT_EQ(all[1].gateway.charges, 0);
  EXPECT_FALSE(all[2].payment_id);
  EXPECT_EQ(all[2].gateway.authorized_minor, 77);
  EXPECT_TRUE(all[3].payment_id);
  EXPECT_EQ(all[3].gateway.charges, 2);

  std::vector<book_entry> paged;
  for (std::string after = uuid{}.str();;) {
    const auto page = lines_of(s.admin("GET", "/books?limit=1&after=" + after));
    if (page.empty()) break;
    paged.push_back(page.front());
    after = page.front().order_id.str();
  }
  EXPECT_EQ(paged.size(), 4u);
  EXPECT_EQ(
      lines_of(s.admin("GET", "/books?after=" + orders[0].str() + "&through=" + orders[2].str()))
          .size(),
      2u);
  EXPECT_EQ(s.admin("GET", "/books?limit=5001").status, 400);
  EXPECT_EQ(s.admin("GET", "/books?checks=true").body, "{\"checked\":4}\n");
  // Without the gateway's side there is no answer, rather than half of one.
  s.w.wire.refuse();
  EXPECT_EQ(s.admin("GET", "/books").status, 503);
}

std::string every_row(const std::string& database_url) {
  auto& server = testing::postgres();
  const auto name = database_name(database_url);
  std::string out;
  for (const char* table :
       {"card_tokens", "payments", "refunds", "attempts", "charges", "behaviour", "failed_tries"}) {
    const auto known = server.query(name, std::string("SELECT to_regclass('") + table + "')");
    if (known.empty()) continue;
    out += server.query(name, std::string("SELECT string_agg(t::text, ' ') FROM ") + table + " t");
  }
  return out;
}

// What the process writes to standard output meanwhile.
class captured_output {
 public:
  captured_output() { ::testing::internal::CaptureStdout(); }
  ~captured_output() {
    if (!taken_) ::testing::internal::GetCapturedStdout();
  }
  std::string take() {
    taken_ = true;
    return ::testing::internal::GetCapturedStdout();
  }

 private:
  bool taken_ = false;
};

TEST(card_number, is_in_no_table_log_or_span) {
  testing::http_stub collector;
  collector.on("POST", "/v1/traces", {.status = 200});
  captured_output output;
  telemetry::start({.service = "payment-service",
                    .version = "test",
                    .otlp_endpoint = collector.url(),
                    .log_level = telemetry::level::debug});
  std::string tables;
  {
    served_world s;
    const auto token = s.token("4000 0000 0000 0341");
    const auto id = uuid::v7(), order_id = uuid::v7();
    s.process(id, order_id, token);
    for (int i = 0; i < 200; ++i) {
      if (read<shown_payment>(s.process(id, order_id, token)).state != "authorizing") break;
      std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(read<shown_payment>(s.capture(id, order_id)).state, "captured");
    s.call(s.as_shopper("alice"), "POST", "/payments/tokens", s.card("4000000000000342"));
    tables = every_row(s.w.database_url) + every_row(s.w.gateway.database_url());
    EXPECT_EQ(tables.find(token), std::string::npos);
  }
  telemetry::stop(5s);
  const auto logs = output.take();
  std::string spans;
  for (const auto& r : collector.requests()) spans += r.body;
  EXPECT_THAT(tables, HasSubstr("0341"));
  EXPECT_THAT(logs, HasSubstr("/payments/tokens"));
  EXPECT_THAT(spans, HasSubstr("/payments/tokens"));
  for (const std::string& text : {tables, logs, spans})
    for (const char* number : {"4000000000000341", "4000 0000 0000 0341", "4000000000000342"})
      EXPECT_EQ(text.find(number), std::string::npos);
  EXPECT_EQ(logs.find("tok_"), std::string::npos);
  EXPECT_EQ(spans.find("tok_"), std::string::npos);
  EXPECT_EQ(logs.find("merchant-key"), std::string::npos);
}

}  // namespace
}  // namespace souk::payment
