#include "placing.hpp"

#include <gtest/gtest.h>

namespace souk::order {
namespace {

const uuid a = uuid::derived("test", "a");
const uuid b = uuid::derived("test", "b");

struct offer {
  cart c{.revision = "r", .lines = {{a, 2}, {b, 1}}};
  std::vector<product> products{
      {.id = b,
       .sku = "B",
       .name = "Bowl",
       .image = "b.svg",
       .price_minor = 700,
       .currency = "USD"},
      {.id = a, .sku = "A", .name = "Apron", .price_minor = 500, .currency = "USD"}};
  std::vector<stock_level> stock{{a, 2}, {b, 9}};

  std::optional<std::vector<order_line>> priced() const { return price(c, products, stock, "USD"); }
};

TEST(price, copies_what_the_owners_say_in_the_order_of_the_cart) {
  const auto lines = offer{}.priced();
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ(lines->at(0).sku, "A");
  EXPECT_EQ(lines->at(0).line_total_minor, 1'000);
  EXPECT_EQ(lines->at(1).image, "b.svg");
  EXPECT_EQ(total_of(*lines), 1'700);
}

TEST(price, refuses_what_cannot_be_bought) {
  offer o;
  o.products.pop_back();  // archived
  EXPECT_FALSE(o.priced());
  o = {};
  o.products[0].variants_count = 2;
  EXPECT_FALSE(o.priced());
  o = {};
  o.products[1].currency = "EUR";
  EXPECT_FALSE(o.priced());
  o = {};
  o.stock[0].available = 1;
  EXPECT_FALSE(o.priced());
  o = {};
  o.stock.pop_back();  // inventory has never heard of it
  EXPECT_FALSE(o.priced());
  o = {};
  o.c.lines[0].quantity = max_line_quantity + 1;
  EXPECT_FALSE(o.priced());
}

TEST(new_order, tells_the_rule_of_its_country) {
  json::schema_set set;
  json::schema_of<new_order>(set);
  EXPECT_NE(set.components.at("address").find("^[A-Z]{2}$"), std::string::npos);
  const auto country = [](std::string_view code) {
    return json::read<order::address>(
        R"({"name":"a","line1":"b","city":"c","postal_code":"d","country":)" + std::string(code) +
        "}");
  };
  EXPECT_TRUE(country(R"("IT")"));
  for (const auto* wrong : {R"("it")", R"("I1")", R"("ITA")", R"("É")", R"("")", "17"}) {
    const auto read = country(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().size(), 1u) << wrong;
    EXPECT_EQ(read.error().front().pointer, "/country") << wrong;
  }
}

}  // namespace
}  // namespace souk::order
