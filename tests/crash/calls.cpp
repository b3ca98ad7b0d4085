#include "calls.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace souk::crash {

namespace {

// What the rows of an order's services say, for the bodies of its calls.
struct facts {
  std::string order, user, payment, amount, currency, token, lines;
  // The n-th refund; the first if there are not so many.
  std::string refund, refund_amount, refund_reason, refund_lines;
};

facts read_facts(stage& on, int n) {
  auto& orders = on.where().data("order");
  facts f;
  const auto row =
      orders
          .rows(fmt::format("SELECT id, user_id, payment_id, total_minor, currency, payment_token,"
                            "  (SELECT json_agg(json_build_object('product_id', product_id,"
                            "     'quantity', quantity) ORDER BY position) FROM order_lines"
                            "   WHERE order_id = orders.id) FROM orders WHERE user_id = '{}'",
                            on.user().str()))
          .at(0);
  f.order = row[0], f.user = row[1], f.payment = row[2], f.amount = row[3], f.currency = row[4];
  f.token = row[5], f.lines = row[6];
  const auto refunds = orders.rows(fmt::format(
      "SELECT id, amount_minor, reason, CASE WHEN cancellation THEN '' ELSE lines::text END"
      " FROM refunds WHERE order_id = '{}' ORDER BY id",
      f.order));
  if (refunds.empty()) return f;
  const auto& r = refunds.at(std::min(refunds.size(), static_cast<std::size_t>(n)) - 1);
  f.refund = r[0], f.refund_amount = r[1], f.refund_reason = r[2], f.refund_lines = r[3];
  return f;
}

struct made_call {
  std::string_view program;
  stage::as who;
  std::string path, body, key{};
};

std::optional<made_call> call_of_order(stage& on, const pass& at) {
  using enum stage::as;
  const auto f = read_facts(on, at.n);
  const auto call = at.what();
  const auto reservation = "/reservations/" + f.order;
  const auto payment = "/payments/" + f.payment;
  if (call == "inventory.POST.reservations") {
    return made_call{"inventory-service", order_service, "/reservations",
                     fmt::format(R"({{"order_id":"{}","lines":{}}})", f.order, f.lines)};
  }
  if (call == "payment.POST.payments.process") {
    return made_call{
        "payment-service", order_service, "/payments/process",
        fmt::format(R"({{"payment_id":"{}","order_id":"{}","user_id":"{}","amount_minor":{},)"
                    R"("currency":"{}","payment_token":"{}"}})",
                    f.payment, f.order, f.user, f.amount, f.currency, f.token)};
  }
  if (call == "inventory.POST.reservations.ID.commit") {
    return made_call{"inventory-service", order_service, reservation + "/commit", ""};
  }
  if (call == "inventory.POST.reservations.ID.release") {
    return made_call{"inventory-service", order_service, reservation + "/release", ""};
  }
  if (call == "inventory.POST.reservations.ID.return") {
    const auto id = f.refund.empty() ? uuid::derived("undo", f.order).str() : f.refund;
    const auto lines = f.refund_lines.empty() ? "" : R"(,"lines":)" + f.refund_lines;
    return made_call{"inventory-service", order_service, reservation + "/return",
                     fmt::format(R"({{"refund_id":"{}"{}}})", id, lines)};
  }
  if (call == "payment.POST.payments.ID.capture") {
    return made_call{"payment-service", order_service, payment + "/capture",
                     fmt::format(R"({{"order_id":"{}"}})", f.order)};
  }
  if (call == "payment.POST.payments.ID.void") {
    return made_call{
        "payment-service", order_service, payment + "/void",
        fmt::format(R"({{"order_id":"{}","user_id":"{}","amount_minor":{},"currency":"{}"}})",
                    f.order, f.user, f.amount, f.currency)};
  }
  if (call == "payment.POST.payments.ID.refund") {
    return made_call{"payment-service", order_service, payment + "/refund",
                     fmt::format(R"({{"refund_id":"{}","amount_minor":{},"reason":"{}"}})",
                                 f.refund, f.refund_amount, f.refund_reason)};
  }
  if (call == "cart.POST.cart.ID.ordered") {
    return made_call{"cart-service", order_service, "/cart/" + f.user + "/ordered",
                     fmt::format(R"({{"order_id":"{}","lines":{}}})", f.order, f.lines)};
  }
  return std::nullopt;
}

std::optional<made_call> call_of_payment(stage& on, const pass& at) {
  using enum stage::as;
  const auto f = read_facts(on, at.n);
  const auto call = at.what();
  const auto charge = "/v1/authorizations/" + f.payment;
  if (call == "gateway.POST.v1.authorizations") {
    const auto token = on.where().data("payment").cell(
        fmt::format("SELECT gateway_token FROM payments WHERE id = '{}'", f.payment));
    return made_call{"mock-gateway", merchant, "/v1/authorizations",
                     fmt::format(R"({{"reference":"{}","merchant_order":"{}","amount_minor":{},)"
                                 R"("currency":"{}","card_token":"{}"}})",
                                 f.payment, f.order, f.amount, f.currency, token)};
  }
  if (call == "gateway.POST.v1.authorizations.ID.capture") {
    return made_call{"mock-gateway", merchant, charge + "/capture",
                     fmt::format(R"({{"amount_minor":{}}})", f.amount)};
  }
  if (call == "gateway.POST.v1.authorizations.ID.void") {
    return made_call{"mock-gateway", merchant, charge + "/void", "{}"};
  }
  if (call == "gateway.POST.v1.authorizations.ID.refund") {
    return made_call{
        "mock-gateway", merchant, charge + "/refund",
        fmt::format(R"({{"refund_reference":"{}","amount_minor":{}}})", f.refund, f.refund_amount)};
  }
  return std::nullopt;
}

std::optional<made_call> call_of_product(stage& on, const pass&) {
  const auto row = on.where()
                       .data("product")
                       .rows(
                           "SELECT product_id, quantity, key FROM stock_messages ORDER BY "
                           "message_id DESC LIMIT 1")
                       .at(0);
  return made_call{"inventory-service", stage::as::product_service,
                   "/inventory/" + row[0] + "/adjustments",
                   fmt::format(R"({{"delta":{},"reason":"opening"}})", row[1]), row[2]};
}

}  // namespace

bool is_change(const pass& at) {
  return at.kind() == "call" && at.what().contains(".POST.");
}

bool can_repeat(const pass& at) {
  if (at.program == "payment-service")
    return at.what().starts_with("gateway.POST.v1.authorizations");
  return at.program == "order-service" || at.program == "product-service";
}

void repeat_call(stage& on, const pass& at) {
  const auto call = at.program == "order-service"     ? call_of_order(on, at)
                    : at.program == "payment-service" ? call_of_payment(on, at)
                                                      : call_of_product(on, at);
  if (!call) throw stuck("somebody to teach repeat_call() the call " + at.text());
  on.expect({200, 201}, "POST", call->program, call->path, call->who, call->body, call->key);
}

}  // namespace souk::crash
