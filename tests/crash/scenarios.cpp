#include "scenarios.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace souk::crash {
namespace {

constexpr auto about_to_place = "commit:place_order:before";
constexpr auto about_to_commit = "call:inventory.POST.reservations.ID.commit:before";
constexpr auto about_to_clear_cart = "call:cart.POST.cart.ID.ordered:before";
constexpr auto reserve_asked = "request:POST.reservations:before";
constexpr auto authorize_asked = "request:POST.payments.process:before";
constexpr auto commit_asked = "request:POST.reservations.ID.commit:before";
constexpr auto capture_asked = "request:POST.payments.ID.capture:before";
constexpr auto clear_cart_asked = "request:POST.cart.ID.ordered:before";

void full_cart(stage& s, std::string_view card) {
  s.fill_cart();
  s.make_token(card);
}
void approved_cart(stage& s) {
  full_cart(s, cards::approve);
}
void confirmed_order(stage& s) {
  approved_cart(s);
  s.place_order();
  s.wait_until_quiet();
}

// Cancels while `program`, which has stopped itself, has the step's request before it.
void cancel_while_held(stage& s, std::string_view program, std::string_view point) {
  s.begin_order();
  s.wait_held(program, point);
  s.cancel();
  s.release(program);
  s.finish_order({201, 409});
}

std::string see_opening_stock(stage& s) {
  auto& products = s.where().data("product");
  auto& inventory = s.where().data("inventory");
  const auto sku = s.key("sku");
  const auto id = products.cell(fmt::format("SELECT id FROM products WHERE sku = '{}'", sku));
  if (id.empty()) return "no product";
  return fmt::format(
      "{} product, {} sent, {} on hand, {} movement",
      products.cell(fmt::format("SELECT count(*) FROM products WHERE sku = '{}'", sku)),
      products.cell(fmt::format("SELECT count(*) FROM stock_messages WHERE product_id = '{}'"
                                " AND state = 'sent'",
                                id)),
      inventory.cell(fmt::format("SELECT on_hand FROM stock WHERE product_id = '{}'", id)),
      inventory.cell(fmt::format("SELECT count(*) FROM movements WHERE product_id = '{}'", id)));
}

// -------------------------------------------------------------------------------------------------
// As order-service asks, for an order that it does not have.

constexpr auto from_order = stage::as::order_service;

void to_inventory(stage& s, std::string_view state, std::string_view what,
                  const std::string& body = {}) {
  s.post_until(state, "inventory-service",
               fmt::format("/reservations/{}{}", s.foreign_order(), what), from_order, body);
}

std::string basket(stage& s) {
  return fmt::format(R"({{"order_id":"{}","lines":[{{"product_id":"{}","quantity":2}}]}})",
                     s.foreign_order(), s.good(2).id.str());
}
void reserve(stage& s, std::string_view state) {
  s.post_until(state, "inventory-service", "/reservations", from_order, basket(s));
}

void to_payment(stage& s, std::string_view state, std::string_view path, std::string_view more) {
  s.post_until(state, "payment-service", std::string(path), from_order,
               fmt::format(R"({{"order_id":"{}"{}}})", s.foreign_order(), more));
}
std::string of_payment(stage& s, std::string_view what) {
  return fmt::format("/payments/{}{}", s.foreign_order(), what);
}
std::string amount(stage& s) {
  return fmt::format(R"(,"user_id":"{}","amount_minor":700,"currency":"USD")", s.user().str());
}
void authorize(stage& s, std::string_view state) {
  to_payment(s, state, "/payments/process",
             amount(s) + fmt::format(R"(,"payment_id":"{}","payment_token":"{}")",
                                     s.foreign_order(), s.payment_token()));
}
void void_payment(stage& s, std::string_view state) {
  to_payment(s, state, of_payment(s, "/void"), amount(s));
}
void capture(stage& s, std::string_view state) {
  to_payment(s, state, of_payment(s, "/capture"), "");
}

std::string see_foreign_order(stage& s) {
  const auto id = s.foreign_order();
  const auto look = [&](const char* in, const char* what, const char* from) {
    const auto found =
        s.where().data(in).cell(fmt::format("SELECT {} FROM {} = '{}'", what, from, id));
    return found.empty() ? "none" : found;
  };
  return fmt::format(
      "reservation {}; payment {}; charge {}",
      look("inventory",
           "state || coalesce((SELECT ' ' || sum(quantity) FROM reservation_lines l"
           " WHERE l.order_id = r.order_id), '')",
           "reservations r WHERE order_id"),
      look("payment", "state", "payments WHERE id"),
      look("mock_gateway", "state || ' ' || authorized_minor", "charges WHERE reference"));
}

// -------------------------------------------------------------------------------------------------

const scenario all[] = {
    {.name = "checkout",
     .prepare = [](stage&) {},
     .play =
         [](stage& s) {
           approved_cart(s);
           s.place_order();
         },
     .end = "order confirmed -, refunds -, back 0; reservation committed 2/0 1/0;"
            " payment captured 2800-0-0; charge captured 2800/2800/0/0; stock -2 -1 0; cart 0 0 0"},
    {.name = "answer-lost",  // by the gateway, which has charged
     .prepare = [](stage& s) { full_cart(s, cards::answer_lost); },
     .play = [](stage& s) { s.place_order(); },
     .end = "order confirmed -, refunds -, back 0; reservation committed 2/0 1/0;"
            " payment captured 2800-0-0; charge captured 2800/2800/0/0; stock -2 -1 0; cart 0 0 0"},
    {.name = "out-of-stock",  // between pricing and reserving
     .holds = {{"order-service", about_to_place}},
     .prepare =
         [](stage& s) {
           s.add_to_cart(2, 2, "first");
           s.make_token(cards::approve);
         },
     .play =
         [](stage& s) {
           s.begin_order();
           s.wait_held("order-service", about_to_place);
           s.adjust_stock(2, -999'999, "gone");
           s.release("order-service");
           s.finish_order({409});
           s.adjust_stock(2, 999'999, "back");
         },
     .end = "order rejected out-of-stock, refunds -, back 0; reservation released; payment none;"
            " charge none; stock 0 0 0; cart 0 0 2"},
    {.name = "declined",
     .prepare = [](stage& s) { full_cart(s, cards::decline); },
     .play = [](stage& s) { s.place_order({402}); },
     .end = "order rejected payment-declined, refunds -, back 0; reservation released 2/0 1/0;"
            " payment declined 0-0-0; charge declined 0/0/0/0; stock 0 0 0; cart 2 1 0"},
    {.name = "hold-expired",  // before the commit, which is on its way
     .holds = {{"order-service", about_to_commit}},
     .prepare = approved_cart,
     .play =
         [](stage& s) {
           s.begin_order();
           s.wait_held("order-service", about_to_commit);
           auto& inventory = s.where().data("inventory");
           inventory.rows(fmt::format(
               "UPDATE reservations SET expires_at = now() WHERE order_id = '{}'", s.order_id()));
           s.wait_for("the hold to expire", [&] {
             return inventory.cell(fmt::format(
                        "SELECT state FROM reservations WHERE order_id = '{}'", s.order_id())) ==
                    "expired";
           });
           s.release("order-service");
           s.finish_order({409});
         },
     .end = "order rejected hold-expired, refunds -, back 0; reservation expired 2/0 1/0;"
            " payment voided 0-0-0; charge voided 2800/0/2800/0; stock 0 0 0; cart 2 1 0"},
    {.name = "capture-refused",
     .prepare = [](stage& s) { full_cart(s, cards::capture_refused); },
     .play = [](stage& s) { s.place_order({409}); },
     .end =
         "order rejected payment-refused, refunds -, back 0; reservation returned 2/2 1/1;"
         " payment refused 0-0-0; charge capture_refused 2800/0/2800/0; stock 0 0 0; cart 2 1 0"},

    {.name = "cancel-at-reserve",
     .holds = {{"inventory-service", reserve_asked}},
     .prepare = approved_cart,
     .play = [](stage& s) { cancel_while_held(s, "inventory-service", reserve_asked); },
     .end = "order cancelled cancelled, refunds -, back 0; reservation released 2/0 1/0;"
            " payment none; charge none; stock 0 0 0; cart 2 1 0"},
    {.name = "cancel-at-authorize",
     .holds = {{"payment-service", authorize_asked}},
     .prepare = approved_cart,
     .play = [](stage& s) { cancel_while_held(s, "payment-service", authorize_asked); },
     .end = "order cancelled cancelled, refunds -, back 0; reservation released 2/0 1/0;"
            " payment voided 0-0-0; charge voided 2800/0/2800/0; stock 0 0 0; cart 2 1 0"},
    {.name = "cancel-at-commit",
     .holds = {{"inventory-service", commit_asked}},
     .prepare = approved_cart,
     .play = [](stage& s) { cancel_while_held(s, "inventory-service", commit_asked); },
     .end = "order cancelled cancelled, refunds -, back 0; reservation returned 2/2 1/1;"
            " payment voided 0-0-0; charge voided 2800/0/2800/0; stock 0 0 0; cart 2 1 0"},
    // From here on it is too late: the order is finished, and then paid back.
    {.name = "cancel-at-capture",
     .holds = {{"payment-service", capture_asked}},
     .prepare = approved_cart,
     .play = [](stage& s) { cancel_while_held(s, "payment-service", capture_asked); },
     .end = "order cancelled cancelled, refunds done, back 2800; reservation returned 2/2 1/1;"
            " payment captured 2800-2800-0; charge captured 2800/2800/0/2800; stock 0 0 0; cart 0 "
            "0 0"},
    {.name = "cancel-at-clear-cart",
     .holds = {{"cart-service", clear_cart_asked}},
     .prepare = approved_cart,
     .play = [](stage& s) { cancel_while_held(s, "cart-service", clear_cart_asked); },
     .end = "order cancelled cancelled, refunds done, back 2800; reservation returned 2/2 1/1;"
            " payment captured 2800-2800-0; charge captured 2800/2800/0/2800; stock 0 0 0; cart 0 "
            "0 0"},
    {.name = "cancel-confirmed",
     .prepare = confirmed_order,
     .play = [](stage& s) { s.cancel(); },
     .end = "order cancelled cancelled, refunds done, back 2800; reservation returned 2/2 1/1;"
            " payment captured 2800-2800-0; charge captured 2800/2800/0/2800; stock 0 0 0; cart 0 "
            "0 0"},

    {.name = "partial-refund",
     .prepare = confirmed_order,
     .play =
         [](stage& s) {
           s.refund(1250,
                    fmt::format(R"([{{"product_id":"{}","quantity":1}}])", s.good(0).id.str()),
                    "part");
         },
     .end = "order confirmed -, refunds done, back 1250; reservation committed 2/1 1/0;"
            " payment captured 2800-1250-0; charge captured 2800/2800/0/1250; stock -1 -1 0; cart "
            "0 0 0"},
    {.name = "refund-after-shipping",
     .prepare = confirmed_order,
     .play =
         [](stage& s) {
           s.mark("shipped");
           s.refund(500, "", "late");
           s.mark("delivered");
         },
     .end = "order delivered -, refunds done, back 500; reservation committed 2/0 1/0;"
            " payment captured 2800-500-0; charge captured 2800/2800/0/500; stock -2 -1 0; cart 0 "
            "0 0"},

    {.name = "cart",  // something is added while the order takes its lines away
     .holds = {{"order-service", about_to_clear_cart}},
     .prepare = [](stage& s) { s.make_token(cards::approve); },
     .play =
         [](stage& s) {
           s.fill_cart();
           s.begin_order();
           s.wait_held("order-service", about_to_clear_cart);
           s.add_to_cart(0, 3, "meanwhile");
           s.release("order-service");
           s.finish_order({201});
         },
     .end = "order confirmed -, refunds -, back 0; reservation committed 2/0 1/0;"
            " payment captured 2800-0-0; charge captured 2800/2800/0/0; stock -2 -1 0; cart 3 0 0"},

    {.name = "opening-stock",
     .prepare = [](stage&) {},
     .play =
         [](stage& s) {
           const auto a = s.expect(
               {201, 409}, "POST", "product-service", "/products", stage::as::admin,
               fmt::format(
                   R"({{"sku":"{0}","name":"{0}","price_minor":100,"currency":"USD","quantity":7}})",
                   s.key("sku")));
           if (a.status == 409 && !a.body.contains("sku-taken")) s.note("refused: " + a.body);
         },
     .end = "1 product, 1 sent, 7 on hand, 1 movement",
     .see = see_opening_stock,
     .is_order = false},
    {.name = "delivery",
     .prepare = [](stage&) {},
     .play = [](stage& s) { s.adjust_stock(0, 5, "delivery"); },
     .end = "no order; stock 5 0 0; cart 0 0 0",
     .is_order = false},

    // What undoes comes first; what it undoes comes then, for the first time.
    {.name = "reserve-after-release",
     .prepare = [](stage&) {},
     .play =
         [](stage& s) {
           to_inventory(s, "released", "/release");
           reserve(s, "released");
           to_inventory(s, "released", "/commit");
         },
     .end = "reservation released; payment none; charge none",
     .see = see_foreign_order,
     .is_order = false},
    {.name = "commit-after-release",
     .prepare = [](stage&) {},
     .play =
         [](stage& s) {
           reserve(s, "held");
           to_inventory(s, "released", "/release");
           to_inventory(s, "released", "/commit");
           reserve(s, "released");
         },
     .end = "reservation released 2; payment none; charge none",
     .see = see_foreign_order,
     .is_order = false},
    {.name = "commit-after-return",
     .prepare = [](stage&) {},
     .play =
         [](stage& s) {
           reserve(s, "held");
           to_inventory(s, "committed", "/commit");
           to_inventory(s, "returned", "/return",
                        fmt::format(R"({{"refund_id":"{}"}})", s.foreign_order()));
           to_inventory(s, "returned", "/commit");
           reserve(s, "returned");
         },
     .end = "reservation returned 2; payment none; charge none",
     .see = see_foreign_order,
     .is_order = false},
    {.name = "authorize-after-void",
     .prepare = [](stage& s) { s.make_token(cards::approve); },
     .play =
         [](stage& s) {
           void_payment(s, "voided");
           authorize(s, "voided");
           capture(s, "voided");
         },
     .end = "reservation none; payment voided; charge none",
     .see = see_foreign_order,
     .is_order = false},
    {.name = "capture-after-void",
     .prepare = [](stage& s) { s.make_token(cards::approve); },
     .play =
         [](stage& s) {
           authorize(s, "authorized");
           void_payment(s, "voided");
           capture(s, "voided");
           authorize(s, "voided");
         },
     .end = "reservation none; payment voided; charge voided 700",
     .see = see_foreign_order,
     .is_order = false},
    {.name = "charge-after-cancellation",
     .prepare = [](stage&) {},
     .play =
         [](stage& s) {
           const auto id = s.foreign_order();
           s.post_until("cancelled", "mock-gateway", "/v1/cancellations", stage::as::merchant,
                        fmt::format(R"({{"reference":"{0}","merchant_order":"{0}"}})", id));
           s.post_until("cancelled", "mock-gateway", "/v1/authorizations", stage::as::merchant,
                        fmt::format(R"({{"reference":"{0}","merchant_order":"{0}",)"
                                    R"("amount_minor":700,"currency":"USD","card_token":"x"}})",
                                    id));
         },
     .end = "reservation none; payment none; charge cancelled 0",
     .see = see_foreign_order,
     .is_order = false},
};

}  // namespace

std::span<const scenario> scenarios() {
  return all;
}

const scenario* find_scenario(std::string_view name) {
  const auto* found = std::ranges::find(all, name, &scenario::name);
  return found == std::end(all) ? nullptr : found;
}

}  // namespace souk::crash
