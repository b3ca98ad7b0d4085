#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "kit/testing/http.hpp"
#include "kit/testing/servers.hpp"
#include "test_gateway.hpp"

namespace souk::mock_gateway {
namespace {

using namespace std::chrono_literals;

struct said {
  int status = 0;
  std::string outcome, reason;
  bool operator==(const said&) const = default;
};
void PrintTo(const said& s, std::ostream* out) {
  *out << s.status << " " << s.outcome << " " << s.reason;
}

struct token_answer {
  std::string card_token, brand, last4;
};
BOOST_DESCRIBE_STRUCT(token_answer, (), (card_token, brand, last4))

struct record_answer {
  std::string state;
  std::optional<std::string> reason;
  minor_units authorized_minor = 0, captured_minor = 0, voided_minor = 0, refunded_minor = 0;
};
BOOST_DESCRIBE_STRUCT(record_answer, (),
                      (state, reason, authorized_minor, captured_minor, voided_minor,
                       refunded_minor))

struct totals_answer {
  std::vector<order_totals> items;
};
BOOST_DESCRIBE_STRUCT(totals_answer, (), (items))

// A merchant with the key.
class merchant {
 public:
  explicit merchant(const test_gateway& g) : port_(g.port()) {}

  testing::http_answer call(std::string_view method, std::string_view path,
                            std::string_view body = "") const {
    return testing::http_call(
        port_, method, path, {{"Authorization", "Bearer " + std::string(test_gateway::key)}}, body);
  }
  // Status 0: no answer.
  said ask(std::string_view path, std::string_view body) const {
    testing::http_answer a;
    try {
      a = call("POST", path, body);
    } catch (const std::runtime_error&) {
      return {};
    }
    const auto read = json::read<answer>(a.body);
    if (a.status != 200 || !read) return {a.status, "", ""};
    return {a.status, std::string(json::enum_text(read->outcome_)), read->reason.value_or("")};
  }
  std::string token(std::string_view number = "4242424242424242") const {
    const auto a = call("POST", "/v1/tokens",
                        R"({"number":")" + std::string(number) +
                            R"(","exp_month":12,"exp_year":2040,"cvc":"123","name":"A B"})");
    EXPECT_EQ(a.status, 201) << a.body;
    const auto read = json::read<token_answer>(a.body);
    return read ? read->card_token : "";
  }
  said authorize(uuid reference, uuid order, std::string_view token,
                 minor_units amount = 1000) const {
    return ask("/v1/authorizations",
               R"({"reference":")" + reference.str() + R"(","merchant_order":")" + order.str() +
                   R"(","amount_minor":)" + std::to_string(amount) +
                   R"(,"currency":"USD","card_token":")" + std::string(token) + R"("})");
  }
  said capture(uuid reference, minor_units amount = 1000) const {
    return ask("/v1/authorizations/" + reference.str() + "/capture",
               R"({"amount_minor":)" + std::to_string(amount) + "}");
  }
  said void_(uuid reference) const {
    return ask("/v1/authorizations/" + reference.str() + "/void", "");
  }
  said refund(uuid reference, uuid refund_reference, minor_units amount) const {
    return ask("/v1/authorizations/" + reference.str() + "/refund",
               R"({"refund_reference":")" + refund_reference.str() + R"(","amount_minor":)" +
                   std::to_string(amount) + "}");
  }
  said cancel(uuid reference, uuid order) const {
    return ask("/v1/cancellations", R"({"reference":")" + reference.str() +
                                        R"(","merchant_order":")" + order.str() + R"("})");
  }
  record_answer record(uuid reference) const {
    const auto a = call("GET", "/v1/records/" + reference.str());
    EXPECT_EQ(a.status, 200) << a.body;
    const auto read = json::read_lenient<record_answer>(a.body);
    EXPECT_TRUE(read) << a.body;
    return read.value_or(record_answer{});
  }
  void behave(std::string_view settings) const {
    EXPECT_EQ(call("PUT", "/v1/behaviour", settings).status, 200);
  }

 private:
  std::uint16_t port_;
};

constexpr auto calm =
    R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":0,"decline_rate":0,"unknown_rate":0})";

TEST(gateway, lets_nobody_in_without_its_key) {
  test_gateway g;
  for (const auto& [method, path, body] : std::vector<std::array<const char*, 3>>{
           {"POST", "/v1/tokens",
            R"({"number":"4242424242424242","exp_month":1,"exp_year":2040,"cvc":"123"})"},
           {"POST", "/v1/cancellations", R"({"reference":"00000000-0000-7000-8000-000000000001"})"},
           {"POST", "/v1/authorizations/00000000-0000-7000-8000-000000000001/void", ""},
           {"GET", "/v1/records/00000000-0000-7000-8000-000000000001", ""},
           {"GET", "/v1/records", ""},
           {"GET", "/v1/behaviour", ""},
           {"PUT", "/v1/behaviour", calm}}) {
    for (const testing::http_headers& headers :
         {testing::http_headers{}, testing::http_headers{{"Authorization", "Bearer wrong"}},
          testing::http_headers{{"Authorization", "merchant-key"}},
          testing::http_headers{{"Souk-Service", "payment:merchant-key"}}}) {
      const auto a = testing::http_call(g.port(), method, path, headers, body);
      EXPECT_EQ(a.status, 401) << method << " " << path << " " << a.body;
    }
  }
}

TEST(gateway, gives_its_first_answer_for_ever) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7(), order = uuid::v7();
  const auto token = m.token();
  const said approved{200, "approved", ""}, captured{200, "captured", ""};
  EXPECT_EQ(m.authorize(reference, order, token), approved);
  EXPECT_EQ(m.authorize(reference, order, token), approved);
  EXPECT_EQ(m.authorize(reference, order, token, 999).status, 422);
  EXPECT_EQ(m.authorize(reference, uuid::v7(), token).status, 422);
  EXPECT_EQ(m.authorize(reference, order, m.token()).status, 422);
  EXPECT_EQ(m.capture(reference, 1001).status, 409);
  EXPECT_EQ(m.capture(reference), captured);
  EXPECT_EQ(m.capture(reference), captured);
  EXPECT_EQ(m.capture(reference, 999).status, 422);
  EXPECT_EQ(m.void_(reference), (said{200, "refused", "captured"}));
  EXPECT_EQ(m.authorize(reference, order, token), approved);
  EXPECT_EQ(m.cancel(reference, order), approved);
  const auto r = m.record(reference);
  EXPECT_EQ(r.state, "captured");
  EXPECT_EQ(r.authorized_minor, 1000);
  EXPECT_EQ(r.captured_minor, 1000);
}

TEST(gateway, declines_for_ever_too) {
  test_gateway g;
  merchant m(g);
  struct declined_card {
    std::string_view number, reason;
  };
  for (const auto& [number, reason] : {declined_card{"4000000000000002", "card-declined"},
                                       declined_card{"4000000000009995", "insufficient-funds"}}) {
    const auto reference = uuid::v7(), order = uuid::v7();
    const auto token = m.token(number);
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(m.authorize(reference, order, token), (said{200, "declined", std::string(reason)}));
    EXPECT_EQ(m.capture(reference), (said{200, "refused", "not-authorized"}));
    EXPECT_EQ(m.record(reference).authorized_minor, 0);
  }
  EXPECT_EQ(m.authorize(uuid::v7(), uuid::v7(), "card_nobody_knows"),
            (said{200, "declined", "invalid-token"}));
}

TEST(gateway, charges_once_however_many_ask_at_once) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7(), order = uuid::v7();
  const auto token = m.token();
  m.behave(
      R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":0,"decline_rate":0.5,"unknown_rate":0})");
  std::vector<said> answers(12);
  {
    std::vector<std::jthread> threads;
    for (auto& a : answers) threads.emplace_back([&] { a = m.authorize(reference, order, token); });
  }
  for (const auto& a : answers) EXPECT_EQ(a, answers.front());
  EXPECT_TRUE(answers.front().outcome == "approved" || answers.front().outcome == "declined");
}

TEST(gateway, keeps_a_cancellation_of_what_it_never_saw) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7(), order = uuid::v7();
  const said cancelled{200, "cancelled", ""};
  EXPECT_EQ(m.cancel(reference, order), cancelled);
  EXPECT_EQ(m.cancel(reference, order), cancelled);
  EXPECT_EQ(m.authorize(reference, order, m.token()), cancelled);
  EXPECT_EQ(m.capture(reference), (said{200, "refused", "not-authorized"}));
  const auto r = m.record(reference);
  EXPECT_EQ(r.state, "cancelled");
  EXPECT_EQ(r.authorized_minor, 0);
}

TEST(gateway, knows_nothing_of_other_references) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7();
  EXPECT_EQ(m.capture(reference).status, 404);
  EXPECT_EQ(m.void_(reference).status, 404);
  EXPECT_EQ(m.refund(reference, uuid::v7(), 1).status, 404);
  EXPECT_EQ(m.call("GET", "/v1/records/" + reference.str()).status, 404);
}

TEST(gateway, voids_and_then_captures_no_more) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7();
  m.authorize(reference, uuid::v7(), m.token());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(m.void_(reference), (said{200, "voided", ""}));
  EXPECT_EQ(m.capture(reference), (said{200, "refused", "voided"}));
  EXPECT_EQ(m.record(reference).voided_minor, 1000);
}

TEST(gateway, refunds_no_more_than_was_captured_and_each_once) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7();
  m.authorize(reference, uuid::v7(), m.token());
  EXPECT_EQ(m.refund(reference, uuid::v7(), 1), (said{200, "refused", "not-captured"}));
  m.capture(reference);
  const auto one = uuid::v7();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(m.refund(reference, one, 600), (said{200, "refunded", ""}));
  EXPECT_EQ(m.refund(reference, one, 500).status, 422);
  const auto two = uuid::v7();
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(m.refund(reference, two, 600), (said{200, "refused", "exceeds-captured"}));
  EXPECT_EQ(m.refund(reference, uuid::v7(), 400), (said{200, "refunded", ""}));
  EXPECT_EQ(m.record(reference).refunded_minor, 1000);
}

TEST(test_cards, fail_be_slow_and_lose_answers) {
  test_gateway g;
  merchant m(g);
  const auto order = uuid::v7();

  const auto failing = uuid::v7();
  auto token = m.token("4000000000000119");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(m.authorize(failing, order, token).status, 500);
    EXPECT_EQ(m.call("GET", "/v1/records/" + failing.str()).status, 404);
  }
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(m.authorize(failing, order, token), (said{200, "declined", "processing-error"}));

  const auto silent = uuid::v7();
  token = m.token("4000000000000341");
  EXPECT_EQ(m.authorize(silent, order, token), said{});
  EXPECT_EQ(m.record(silent).authorized_minor, 1000);
  EXPECT_EQ(m.authorize(silent, order, token), (said{200, "approved", ""}));

  const auto fickle = uuid::v7();
  EXPECT_EQ(m.authorize(fickle, order, m.token("4000000000000259")), (said{200, "approved", ""}));
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(m.capture(fickle), (said{200, "refused", "refused-by-bank"}));
  EXPECT_EQ(m.record(fickle).voided_minor, 1000);

  const auto slow = uuid::v7();
  token = m.token("4000000000000077");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(m.authorize(slow, order, token), (said{200, "approved", ""}));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 3s);
}

TEST(behaviour, sets_faults_and_is_kept) {
  test_gateway g;
  merchant m(g);
  const auto reference = uuid::v7(), order = uuid::v7();
  const auto token = m.token();
  m.behave(
      R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":1,"decline_rate":0,"unknown_rate":0})");
  EXPECT_EQ(m.authorize(reference, order, token).status, 500);
  EXPECT_EQ(m.call("GET", "/v1/records/" + reference.str()).status, 404);
  m.behave(
      R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":0,"decline_rate":0,"unknown_rate":1})");
  EXPECT_EQ(m.authorize(reference, order, token), said{});
  EXPECT_EQ(m.capture(reference), said{});
  EXPECT_EQ(m.record(reference).captured_minor, 1000);
  const auto set =
      R"({"latency_ms":200,"latency_jitter_ms":10,"error_rate":0,"decline_rate":1,"unknown_rate":0})";
  m.behave(set);
  {
    test_gateway restarted(g.database_url());
    const merchant again(restarted);
    EXPECT_EQ(again.call("GET", "/v1/behaviour").body, set);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(again.authorize(uuid::v7(), uuid::v7(), token),
              (said{200, "declined", "card-declined"}));
    EXPECT_GE(std::chrono::steady_clock::now() - began, 200ms);
    EXPECT_EQ(again.authorize(reference, order, token), (said{200, "approved", ""}));
  }
  for (
      const char* bad :
      {R"({"latency_ms":-1,"latency_jitter_ms":0,"error_rate":0,"decline_rate":0,"unknown_rate":0})",
       R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":1.1,"decline_rate":0,"unknown_rate":0})",
       R"({"latency_ms":0,"latency_jitter_ms":0,"error_rate":0,"decline_rate":-1,"unknown_rate":0})",
       R"({"latency_ms":0})"})
    EXPECT_EQ(m.call("PUT", "/v1/behaviour", bad).status, 400) << bad;
  EXPECT_EQ(m.call("GET", "/v1/behaviour").body, set);
}

TEST(records, are_summed_up_by_order_and_come_in_pages) {
  test_gateway g;
  merchant m(g);
  const auto token = m.token();
  std::vector<uuid> orders;
  for (int i = 0; i < 5; ++i) orders.push_back(uuid::v7());
  std::ranges::sort(orders);
  for (int i = 0; i < 5; ++i) m.authorize(uuid::v7(), orders[i], token, 100 + i);
  const auto twice = uuid::v7();
  m.authorize(twice, orders[2], token, 7);
  m.capture(twice, 7);
  m.cancel(uuid::v7(), orders[3]);
  m.authorize(uuid::v7(), orders[4], m.token("4000000000000002"));

  std::vector<order_totals> all;
  for (std::string after = "00000000-0000-0000-0000-000000000000";;) {
    const auto a = m.call("GET", "/v1/records?limit=2&after=" + after);
    const auto page = json::read<totals_answer>(a.body);
    ASSERT_TRUE(page) << a.body;
    if (page->items.empty()) break;
    all.insert(all.end(), page->items.begin(), page->items.end());
    after = page->items.back().merchant_order.str();
  }
  ASSERT_EQ(all.size(), orders.size());
  for (std::size_t i = 0; i < orders.size(); ++i) {
    EXPECT_EQ(all[i].merchant_order, orders[i]);
    EXPECT_EQ(all[i].charges, i == 2 ? 2 : 1);
    EXPECT_EQ(all[i].captured_minor, i == 2 ? 7 : 0);
    EXPECT_EQ(all[i].cancelled, i == 3);
  }
  EXPECT_EQ(all[2].authorized_minor, 109);
  const auto few =
      m.call("GET", "/v1/records?after=" + orders[0].str() + "&through=" + orders[2].str());
  EXPECT_EQ(json::read<totals_answer>(few.body).value_or(totals_answer{}).items.size(), 2u);
}

TEST(card_numbers, are_nowhere_in_the_database) {
  test_gateway g;
  merchant m(g);
  const auto token = m.token("5555555555554444");
  m.authorize(uuid::v7(), uuid::v7(), token);
  const auto name = g.database_url().substr(g.database_url().rfind('/') + 1);
  for (const char* table : {"card_tokens", "charges"}) {
    const auto text = testing::postgres().query(
        name.substr(0, name.find('?')),
        std::string("SELECT string_agg(t::text, ' ') FROM ") + table + " t");
    EXPECT_NE(text.find("4444"), std::string::npos) << text;
    EXPECT_EQ(text.find("5555555555554444"), std::string::npos) << text;
    EXPECT_EQ(text.find(token), std::string::npos) << text;
  }
}

TEST(bad_requests, are_refused_before_anything_is_done) {
  test_gateway g;
  merchant m(g);
  for (const char* bad : {"", "{", "[]", R"({"reference":"x"})",
                          R"({"reference":"00000000-0000-7000-8000-000000000001","more":1})"})
    EXPECT_EQ(m.call("POST", "/v1/cancellations", bad).status, 400) << bad;
  EXPECT_EQ(m.call("POST", "/v1/tokens",
                   R"({"number":"4242x24242424242","exp_month":1,"exp_year":2040,"cvc":"123"})")
                .status,
            400);
  EXPECT_EQ(m.authorize(uuid::v7(), uuid::v7(), "t", -1).status, 400);
}

}  // namespace
}  // namespace souk::mock_gateway
