#include "errors.hpp"

namespace souk::cart {

http::problem to_problem(failure f) {
  switch (f) {
    case failure::has_variants:
      return {409, "has-variants", "Choose a variant",
              "This product comes in variants; one of them can be put into the cart."};
    case failure::product_unavailable:
      return {409, "product-unavailable", "Not sold", "This product is not sold, or no longer."};
    case failure::catalogue_down:
      return http::problems::unavailable("The catalogue does not answer now. Try again.");
    case failure::cart_full:
      return {409, "cart-full", "The cart is full", "A cart holds at most 100 lines."};
    case failure::quantity_limit:
      return {409, "quantity-limit", "Too many of one product",
              "A line of a cart holds at most 1,000 units."};
    case failure::key_reused:
      return http::problems::idempotency_key_reused();
  }
  return {};
}

http::problem to_problem(const sessions::refused& r) {
  if (!r.wait) {
    return {401, "wrong-password", "Sign-in refused", "The user name or the password is wrong."};
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*r.wait);
  return http::problem{429, "too-many-attempts", "Too many attempts",
                       "There were too many attempts to sign in. Wait before the next."}
      .header("Retry-After", std::to_string(seconds.count()));
}

}  // namespace souk::cart
