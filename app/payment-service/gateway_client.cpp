#include "gateway_client.hpp"

#include <fmt/format.h>

namespace souk::payment {
namespace {

struct authorize_request {
  uuid reference;
  uuid merchant_order;
  minor_units amount_minor = 0;
  std::string currency;
  std::string card_token;
};
BOOST_DESCRIBE_STRUCT(authorize_request, (),
                      (reference, merchant_order, amount_minor, currency, card_token))

struct cancel_request {
  uuid reference;
  uuid merchant_order;
};
BOOST_DESCRIBE_STRUCT(cancel_request, (), (reference, merchant_order))

struct capture_request {
  minor_units amount_minor = 0;
};
BOOST_DESCRIBE_STRUCT(capture_request, (), (amount_minor))

struct refund_request {
  uuid refund_reference;
  minor_units amount_minor = 0;
};
BOOST_DESCRIBE_STRUCT(refund_request, (), (refund_reference, amount_minor))

struct gateway_answer {
  uuid reference;
  outcome outcome_ = outcome::unknown;
  std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(gateway_answer, (), (reference, outcome_, reason))

struct gateway_page {
  std::vector<gateway_order> items;
};
BOOST_DESCRIBE_STRUCT(gateway_page, (), (items))

std::string authorization(uuid reference) {
  return "/v1/authorizations/" + reference.str();
}

http::call question(const claimed_payment& c) {
  switch (c.asked) {
    case operation::authorize:
      return http::post("/v1/authorizations",
                        authorize_request{c.id, c.order_id, c.amount_minor, c.currency,
                                          c.gateway_token.value_or("")});
    case operation::cancel:
      return http::post("/v1/cancellations", cancel_request{c.id, c.order_id});
    case operation::capture:
      return http::post(authorization(c.id) + "/capture", capture_request{c.amount_minor});
    case operation::void_:
      return http::post(authorization(c.id) + "/void", http::none{});
    case operation::refund:
      break;  // asked per refund
  }
  throw std::logic_error("no question to the gateway");
}

// For calls that do not move money: a refusal is a fault of ours or of the configuration.
template <class T>
T expect_answer(std::expected<T, http::refusal> r) {
  if (r) return std::move(*r);
  throw http::call_failed("gateway", fmt::format("refused with status {}", r.error().status),
                          false);
}

}  // namespace

gateway_client::gateway_client(event_loop& loop, std::string url, std::string key,
                               std::chrono::milliseconds timeout)
    : http_(loop, {.name = "gateway",
                   .url = std::move(url),
                   .headers = {{"Authorization", "Bearer " + key}}}),
      timeout_(timeout) {}

task<attempt_end> gateway_client::settle(const context& ctx, uuid reference, http::call c) {
  try {
    const auto answer = co_await http_.call_for<gateway_answer>(ctx, std::move(c).within(timeout_));
    if (!answer)
      co_return attempt_end{outcome::unknown,
                            fmt::format("request refused with status {}", answer.error().status)};
    if (answer->reference != reference)
      co_return attempt_end{outcome::unknown, "answer for another reference"};
    co_return attempt_end{answer->outcome_, answer->reason.value_or("")};
  } catch (const http::call_failed& e) {
    co_return attempt_end{outcome::unknown,
                          e.never_sent ? "could not be sent" : "no usable answer"};
  } catch (const deadline_exceeded&) {
    co_return attempt_end{outcome::unknown, "no answer in time"};
  }
}

task<attempt_end> gateway_client::ask(const context& ctx, const claimed_payment& c) {
  return settle(ctx, c.id, question(c));
}

task<attempt_end> gateway_client::ask_refund(const context& ctx, const claimed_refund& c) {
  return settle(ctx, c.payment_id,
                http::post(authorization(c.payment_id) + "/refund",
                           refund_request{c.refund_id, c.amount_minor}));
}

task<result<gateway_token>> gateway_client::tokenize(const context& ctx, const card& c) {
  auto answer =
      co_await http_.call_for<gateway_token>(ctx, http::post("/v1/tokens", c).within(timeout_));
  if (!answer && answer.error().status == 400)
    co_return std::unexpected(failure::card_refused_by_gateway);
  co_return expect_answer(std::move(answer));
}

task<std::optional<gateway_record>> gateway_client::record(const context& ctx, uuid reference) {
  auto answer = co_await http_.call_for<gateway_record>(
      ctx, http::get("/v1/records/" + reference.str()).within(timeout_));
  if (!answer && answer.error().status == 404) co_return std::nullopt;
  co_return expect_answer(std::move(answer));
}

task<std::vector<gateway_order>> gateway_client::orders(const context& ctx, uuid after,
                                                        uuid through, int limit) {
  auto answer = co_await http_.call_for<gateway_page>(
      ctx, http::get(fmt::format("/v1/records?after={}&through={}&limit={}", after.str(),
                                 through.str(), limit))
               .within(timeout_));
  co_return expect_answer(std::move(answer)).items;
}

task<gateway_behaviour> gateway_client::behaviour(const context& ctx) {
  auto answer =
      co_await http_.call_for<gateway_behaviour>(ctx, http::get("/v1/behaviour").within(timeout_));
  co_return expect_answer(std::move(answer));
}

task<gateway_behaviour> gateway_client::set_behaviour(const context& ctx,
                                                      const gateway_behaviour& b) {
  auto answer = co_await http_.call_for<gateway_behaviour>(
      ctx, http::call{.method = http::method::put, .path = "/v1/behaviour", .body = json::write(b)}
               .within(timeout_));
  co_return expect_answer(std::move(answer));
}

}  // namespace souk::payment
