#include "errors.hpp"

namespace souk::product {

http::problem to_problem(failure what) {
  switch (what) {
    case failure::not_found:
      return http::problems::not_found();
    case failure::changed_meanwhile:
      return http::problems::precondition_failed();
    case failure::sku_taken:
      return {409, "sku-taken", "The sku is taken", "Another product has this sku."};
    case failure::has_variants:
      return {409, "has-variants", "The product has variants",
              "A product that has variants can't become a variant itself."};
    case failure::parent_unknown:
      return http::problems::bad_request("/variant_of", "must be the id or sku of a product");
    case failure::parent_is_variant:
      return http::problems::bad_request(
          "/variant_of", "must be the id or sku of a product that is no variant itself");
    case failure::parent_is_itself:
      return http::problems::bad_request("/variant_of", "must be another product");
  }
  return {};
}

}  // namespace souk::product
