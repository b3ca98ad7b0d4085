#include "carts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "errors.hpp"
#include "sessions.hpp"

namespace souk::cart {
namespace {

const std::string usd = "USD";

product a_product(uuid id, std::int64_t price) {
  return {.id = id,
          .sku = "SKU-NEW",
          .name = "New name",
          .image = "new.svg",
          .price_minor = {price},
          .currency = usd,
          .attributes = {{"color", {"red"}}}};
}

stored_line a_line(uuid id, std::int64_t quantity, std::int64_t price) {
  return {.product_id = id,
          .quantity = quantity,
          .when_added = {.sku = "SKU-OLD", .name = "Old name", .price_minor = price}};
}

struct shelf {
  uuid id = uuid::v7();
  stored_cart cart{.revision = "r1", .lines = {a_line(id, 3, 1'000)}};
  knowledge now{.products = {{id, a_product(id, 1'200)}}, .available = {{id, 5}}};
  cart_view view() const { return view_of(uuid::v7(), cart, now, usd); }
};

TEST(cart_view, shows_what_is_true_today) {
  const shelf s;
  const auto v = s.view();
  EXPECT_EQ(v.revision, "r1");
  EXPECT_EQ(v.currency, usd);
  ASSERT_EQ(v.lines.size(), 1u);
  const auto& l = v.lines[0];
  EXPECT_EQ(l.name, "New name");
  EXPECT_EQ(l.sku, "SKU-NEW");
  EXPECT_EQ(l.image, "new.svg");
  EXPECT_EQ(l.attributes, (attributes{{"color", {"red"}}}));
  EXPECT_EQ(l.unit_price_minor, 1'200);
  EXPECT_EQ(l.price_when_added_minor, 1'000);
  EXPECT_EQ(l.line_total_minor, 3'600);
  EXPECT_EQ(l.available, 5);
  EXPECT_EQ(l.status, line_status::ok);
  EXPECT_EQ(v.total_minor, 3'600);
  EXPECT_EQ(v.items_count, 3);
  EXPECT_TRUE(v.buyable);
  EXPECT_FALSE(v.degraded);
}

TEST(cart_view, of_an_empty_cart_cannot_be_bought) {
  const auto v = view_of(uuid::v7(), {}, {}, usd);
  EXPECT_EQ(v.revision, "");
  EXPECT_FALSE(v.buyable);
  EXPECT_FALSE(v.degraded);
  EXPECT_EQ(v.total_minor, 0);
}

TEST(cart_view, says_when_there_is_too_little) {
  shelf s;
  s.now.available[s.id] = 2;
  EXPECT_EQ(s.view().lines[0].status, line_status::insufficient);
  s.now.available[s.id] = 0;
  EXPECT_EQ(s.view().lines[0].status, line_status::insufficient);
  s.now.available[s.id] = std::nullopt;  // inventory has never heard of it
  EXPECT_EQ(s.view().lines[0].status, line_status::insufficient);
  EXPECT_EQ(s.view().total_minor, 3'600);
  EXPECT_FALSE(s.view().buyable);
  EXPECT_FALSE(s.view().degraded);
}

TEST(cart_view, does_not_count_what_is_no_longer_sold) {
  shelf s;
  const auto expect_unavailable = [&] {
    const auto v = s.view();
    EXPECT_EQ(v.lines[0].status, line_status::unavailable);
    EXPECT_EQ(v.total_minor, 0);
    EXPECT_EQ(v.items_count, 0);
    EXPECT_FALSE(v.buyable);
  };
  s.now.products[s.id]->variants_count = 2;
  expect_unavailable();
  s.now.products[s.id] = a_product(s.id, 1'200);
  s.now.products[s.id]->currency = "EUR";
  expect_unavailable();
  s.now.products[s.id] = std::nullopt;
  expect_unavailable();
  EXPECT_EQ(s.view().lines[0].name, "Old name");
  s.now.available.clear();
  expect_unavailable();
}

TEST(cart_view, falls_back_on_what_was_true_when_nobody_answers) {
  shelf s;
  s.now.products.clear();
  const auto v = s.view();
  EXPECT_EQ(v.lines[0].status, line_status::unknown);
  EXPECT_EQ(v.lines[0].name, "Old name");
  EXPECT_EQ(v.lines[0].unit_price_minor, 1'000);
  EXPECT_EQ(v.total_minor, 3'000);
  EXPECT_TRUE(v.degraded);
  EXPECT_FALSE(v.buyable);

  shelf no_levels;
  no_levels.now.available.clear();
  EXPECT_EQ(no_levels.view().lines[0].status, line_status::unknown);
  EXPECT_EQ(no_levels.view().lines[0].unit_price_minor, 1'200);
  EXPECT_TRUE(no_levels.view().degraded);
}

TEST(cart_view, holds_the_largest_cart_there_can_be) {
  stored_cart cart;
  knowledge now;
  for (std::size_t i = 0; i < max_cart_lines; ++i) {
    const auto id = uuid::v7();
    cart.lines.push_back(a_line(id, max_line_quantity, max_price_minor));
    now.products[id] = a_product(id, max_price_minor);
    now.available[id] = max_line_quantity;
  }
  const auto v = view_of(uuid::v7(), cart, now, usd);
  EXPECT_EQ(v.total_minor, 100'000'000'000'000);
  EXPECT_TRUE(v.buyable);
}

RC_GTEST_PROP(cart_view, is_buyable_only_if_every_line_can_be_sold, ()) {
  stored_cart cart;
  knowledge now;
  const auto count = *rc::gen::inRange<std::size_t>(0, 6);
  bool all_sold = count > 0, any_unknown = false;
  minor_units total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = uuid::v7();
    const auto quantity = *rc::gen::inRange<std::int64_t>(1, 5);
    const auto price = *rc::gen::inRange<std::int64_t>(0, 1'000);
    cart.lines.push_back(a_line(id, quantity, price));
    const bool knows_product = *rc::gen::arbitrary<bool>();
    const bool knows_level = *rc::gen::arbitrary<bool>();
    const bool archived = *rc::gen::arbitrary<bool>();
    const auto available = *rc::gen::inRange<std::int64_t>(0, 6);
    if (knows_product) {
      now.products[id] = archived ? std::nullopt : std::optional(a_product(id, price));
    }
    if (knows_level) now.available[id] = available;
    const bool gone = knows_product && archived;
    all_sold = all_sold && knows_product && knows_level && !archived && available >= quantity;
    any_unknown = any_unknown || (!gone && !(knows_product && knows_level));
    if (!gone) total += price * quantity;
  }
  const auto v = view_of(uuid::v7(), cart, now, usd);
  RC_ASSERT(v.buyable == all_sold);
  RC_ASSERT(v.degraded == any_unknown);
  RC_ASSERT(v.total_minor == total);
  RC_ASSERT(v.lines.size() == count);
}

TEST(objection, tells_why_a_product_stays_out) {
  const auto id = uuid::v7();
  found<product> known;
  EXPECT_EQ(objection(known, id, usd), failure::catalogue_down);
  known[id] = std::nullopt;
  EXPECT_EQ(objection(known, id, usd), failure::product_unavailable);
  known[id] = a_product(id, 1);
  EXPECT_EQ(objection(known, id, usd), std::nullopt);
  EXPECT_EQ(objection(known, id, "EUR"), failure::product_unavailable);
  known[id]->variants_count = 1;
  EXPECT_EQ(objection(known, id, usd), failure::has_variants);
}

TEST(errors, of_the_cart_have_a_type_of_their_own_each) {
  using enum failure;
  std::map<std::string, int> types;
  for (const auto f :
       {has_variants, product_unavailable, cart_full, quantity_limit, key_reused, catalogue_down}) {
    const auto p = to_problem(f);
    types[std::string(p.type)] = p.status;
  }
  EXPECT_EQ(types, (std::map<std::string, int>{{"has-variants", 409},
                                               {"product-unavailable", 409},
                                               {"cart-full", 409},
                                               {"quantity-limit", 409},
                                               {"idempotency-key-reused", 422},
                                               {"unavailable", 503}}));
}

TEST(cookies, are_out_of_reach_for_scripts_and_other_sites) {
  const cookies plain("local", {"http://127.0.0.1:8088"});
  EXPECT_EQ(plain.for_shopper("t"),
            "souk_local_shopper=t; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
  EXPECT_EQ(plain.for_admin("t"),
            "souk_local_admin=t; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict");
  EXPECT_EQ(plain.forget_shopper(),
            "souk_local_shopper=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
  const cookies safe("eu", {"https://shop.example"});
  EXPECT_EQ(safe.for_admin("t"),
            "souk_eu_admin=t; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure");
  EXPECT_EQ(safe.forget_admin(),
            "souk_eu_admin=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
}

TEST(cookies, are_secure_when_the_first_origin_is) {
  const auto is_secure = [](const std::vector<std::string>& origins) {
    return cookies("eu", origins).for_shopper("t").ends_with("; Secure");
  };
  EXPECT_TRUE(is_secure({"https://shop.example", "http://127.0.0.1:8088"}));
  EXPECT_FALSE(is_secure({"http://127.0.0.1:8088", "https://shop.example"}));
  EXPECT_FALSE(is_secure({}));
}

}  // namespace
}  // namespace souk::cart
