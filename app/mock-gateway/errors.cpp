#include "errors.hpp"

namespace souk::mock_gateway {

http::problem to_problem(failure f) {
  switch (f) {
    case failure::unauthorized:
      return http::problems::unauthorized();
    case failure::no_such_reference:
      return {404, "no-such-reference", "Unknown reference",
              "Nothing was ever asked under this reference."};
    case failure::reference_reused:
      return {422, "reference-reused", "Another request under this reference",
              "The reference stands for a request with other parameters."};
    case failure::amount_exceeds:
      return {409, "amount-exceeds", "More than was authorized",
              "The amount is more than what was authorized."};
    case failure::simulated_error:
      return {500, "simulated-error", "Simulated error", "Nothing was done."};
  }
  return {};
}

}  // namespace souk::mock_gateway
