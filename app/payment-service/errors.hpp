#pragma once

#include <expected>

#include "kit/http.hpp"

namespace souk::payment {

// What a caller of payment may be refused for.
enum class failure {
  not_found,
  payment_differs,          // another body under the same payment id
  order_has_other_payment,  // an order is paid under one payment id
  already_captured,
  not_captured,
  refund_differs,  // another body under the same refund id
  refund_exceeds,
  card_refused_by_gateway,
  no_gateway_record,
};

template <class T>
using result = std::expected<T, failure>;

// The one table from what can go wrong to what the caller is told.
http::problem to_problem(failure f);

}  // namespace souk::payment
