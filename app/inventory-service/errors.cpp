#include "errors.hpp"

namespace souk::inventory {

http::problem to_problem(const stock_error& error) {
  switch (error.what) {
    case failure::not_found:
      return http::problems::not_found();
    case failure::out_of_stock:
      return http::problem{409, "out-of-stock", "Out of stock",
                           "Not everything that was asked for is available; nothing was reserved."}
          .with("missing", error.missing);
    case failure::reservation_differs:
      return {422, "reservation-differs", "Another reservation",
              "This order has a reservation with other lines."};
    case failure::return_exceeds:
      return {409, "return-exceeds", "More than was sold",
              "More is given back than is left of what the order took."};
    case failure::below_reserved:
      return {409, "below-reserved", "Stock is promised",
              "On hand would fall below what is reserved for orders, or below zero."};
    case failure::too_much:
      return {409, "too-much-stock", "Too much stock", "On hand would be more than 1,000,000,000."};
    case failure::changed_meanwhile:
      return http::problems::precondition_failed();
    case failure::key_reused:
      return http::problems::idempotency_key_reused();
    case failure::key_running:
      return http::problems::idempotency_key_running();
  }
  return {};
}

}  // namespace souk::inventory
