#include "errors.hpp"

namespace souk::payment {

http::problem to_problem(failure f) {
  switch (f) {
    case failure::not_found:
      return http::problems::not_found();
    case failure::payment_differs:
      return {422, "payment-differs", "Another payment",
              "This payment id stands for a payment of another order, shopper, amount or card."};
    case failure::order_has_other_payment:
      return {409, "order-has-payment", "Order has a payment",
              "This order has a payment under another id."};
    case failure::already_captured:
      return {409, "already-captured", "Already captured",
              "The payment is captured, or its capture is under way: refund it instead."};
    case failure::not_captured:
      return {409, "not-captured", "Not captured", "Only a captured payment can be refunded."};
    case failure::refund_differs:
      return {422, "refund-differs", "Another refund",
              "This refund id stands for a refund of another payment, amount or reason."};
    case failure::refund_exceeds:
      return {409, "refund-exceeds", "More than was paid",
              "The refund is more than what was captured and is not yet given back."};
    case failure::card_refused_by_gateway:
      return {400,
              "bad-request",
              "The request is not valid",
              "",
              {{"/number", "is not accepted by the payment company"}}};
    case failure::no_gateway_record:
      return {404, "no-gateway-record", "No record", "The gateway has no record of this payment."};
  }
  return {};
}

}  // namespace souk::payment
