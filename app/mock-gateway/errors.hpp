#pragma once

#include <expected>

#include "kit/http.hpp"

namespace souk::mock_gateway {

enum class failure {
  unauthorized,
  no_such_reference,
  reference_reused,  // under other parameters
  amount_exceeds,    // more than was authorized
  simulated_error,
};

template <class T>
using result = std::expected<T, failure>;

// The one table from what can go wrong to what the merchant is told.
http::problem to_problem(failure f);

}  // namespace souk::mock_gateway
