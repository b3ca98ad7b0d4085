// Products over HTTP: making, changing, archiving, reading; who may; entity tags; opening stock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import.hpp"
#include "kit/telemetry.hpp"
#include "testing/store.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;
using fake::read_as;
using fake::server;
using ::testing::HasSubstr;
using testing::http_answer;

std::string body(std::string_view sku, std::string_view more = "") {
  return R"({"sku":")" + std::string(sku) + R"(","name":"Lamp )" + std::string(sku) +
         R"(","price_minor":500,"currency":"USD")" + std::string(more) + "}";
}

product_detail made(server& s, std::string_view sku, std::string_view more = "") {
  const auto answer = s.call("POST", "/products", body(sku, more));
  EXPECT_EQ(answer.status, 201) << answer.body;
  return read_as<product_detail>(answer);
}

void expect_problem(const http_answer& answer, int status, std::string_view what) {
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_THAT(answer.body, HasSubstr(std::string(what)));
}

template <class Condition>
bool soon(Condition condition) {
  const auto end = steady_clock::now() + 10s;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

TEST(products, are_made_read_changed_and_archived) {
  server s;
  const auto answer = s.call("POST", "/products",
                             body("L-1", R"(,"categories":["Lamps/Table"],"brand":"Oak",)"
                                         R"("attributes":{"color":"Blue"},"quantity":7)"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  const auto product = read_as<product_detail>(answer);
  const auto path = "/products/" + product.id.str();
  EXPECT_EQ(answer.header("Location"), path);
  EXPECT_EQ(product.slug, "lamp-l-1");
  EXPECT_EQ(product.version, 1);
  EXPECT_EQ(product.attributes, (attribute_map{{"color", {"Blue"}}}));

  // The same by id and by slug, with an entity tag that If-None-Match knows.
  const auto read = s.get("/products/lamp-l-1");
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read_as<product_detail>(read).id, product.id);
  const auto tag = read.header("ETag");
  EXPECT_EQ(tag.substr(0, 3), "\"1.");
  EXPECT_EQ(s.get("/products/lamp-l-1", {{"If-None-Match", "\"x\", W/" + tag}}).status, 304);
  EXPECT_EQ(s.get(path, {{"If-None-Match", "\"1\""}}).status, 200);

  // A change needs to know what it changes.
  expect_problem(s.call("PATCH", path, R"({"price_minor":600})"), 428, "if-match-required");
  expect_problem(s.call("PATCH", path, R"({"price_minor":600})", "\"9\""), 412,
                 "changed-meanwhile");
  expect_problem(s.call("PATCH", path, R"({"price_minor":600})", "\"other\""), 412,
                 "changed-meanwhile");
  const auto patched = s.call("PATCH", path, R"({"price_minor":600,"brand":null})", tag);
  ASSERT_EQ(patched.status, 200) << patched.body;
  auto now = read_as<product_detail>(patched);
  EXPECT_EQ(now.version, 2);
  EXPECT_EQ(now.price_minor, 600);
  EXPECT_FALSE(now.brand);
  EXPECT_EQ(read_as<product_detail>(s.get(path)).price_minor, 600);
  expect_problem(s.call("PATCH", path, R"({"price_minor":700})", tag), 412, "changed-meanwhile");

  // The same content makes no new version.
  now = read_as<product_detail>(s.call("PATCH", path, R"({"price_minor":600})", "*"));
  EXPECT_EQ(now.version, 2);

  const auto put = s.call("PUT", path, body("L-2"), "\"2\"");
  ASSERT_EQ(put.status, 200) << put.body;
  now = read_as<product_detail>(put);
  EXPECT_EQ(now.sku, "L-2");
  EXPECT_EQ(now.slug, "lamp-l-1") << "a slug stays";
  EXPECT_TRUE(now.categories.empty() && now.attributes.empty());
  EXPECT_EQ(now.version, 3);

  expect_problem(s.call("DELETE", path), 428, "if-match-required");
  expect_problem(s.call("DELETE", path, "", "\"2\""), 412, "changed-meanwhile");
  EXPECT_EQ(s.call("DELETE", path, "", "\"3\"").status, 204);
  expect_problem(s.get(path), 404, "not-found");
  expect_problem(s.get("/products/lamp-l-1"), 404, "not-found");
  expect_problem(s.call("DELETE", path, "", "*"), 404, "not-found");
  expect_problem(s.call("PATCH", path, "{}", "*"), 404, "not-found");
  EXPECT_TRUE(read_as<product_page>(s.get("/products")).items.empty());
  EXPECT_TRUE(read_as<product_page>(s.get("/products?ids=" + product.id.str())).items.empty());

  // The same sku revives the same id.
  const auto revived = made(s, "L-2");
  EXPECT_EQ(revived.id, product.id);
  EXPECT_EQ(revived.version, 5);
  EXPECT_EQ(s.get("/products/lamp-l-1").status, 200);
}

TEST(products, do_not_share_skus_or_slugs) {
  server s;
  const auto first = made(s, "A 1"), second = made(s, "A-1");
  EXPECT_EQ(first.slug, "lamp-a-1");
  EXPECT_EQ(second.slug, "lamp-a-1-a-1");
  const auto third = made(s, "A_1");
  EXPECT_EQ(third.slug, "p-" + third.id.str());
  expect_problem(s.call("POST", "/products", body("A-1")), 409, "sku-taken");
  expect_problem(s.call("PATCH", "/products/" + second.id.str(), R"({"sku":"A 1"})", "*"), 409,
                 "sku-taken");
  EXPECT_EQ(s.call("DELETE", "/products/" + first.id.str(), "", "*").status, 204);
  expect_problem(s.call("PATCH", "/products/" + second.id.str(), R"({"sku":"A 1"})", "*"), 409,
                 "sku-taken");
}

TEST(products, with_variants_show_what_these_have) {
  server s;
  const auto parent = made(s, "P", R"(,"categories":["Hats"])");
  const auto red = made(s, "P-R", R"(,"variant_of":"P","attributes":{"color":"Red"})");
  const auto blue = read_as<product_detail>(
      s.call("POST", "/products",
             R"({"sku":"P-B","name":"B","price_minor":900,"currency":"USD","variant_of":")" +
                 parent.id.str() + R"(","attributes":{"color":"Blue"}})"));
  EXPECT_EQ(blue.variant_of, parent.id);

  const auto shown = read_as<product_detail>(s.get("/products/" + parent.id.str()));
  EXPECT_EQ(shown.variants_count, 2);
  EXPECT_EQ(shown.price_range, (price_range{500, 900}));
  ASSERT_EQ(shown.variants.size(), 2u);
  EXPECT_EQ(shown.variants[0].id, red.id);

  // Lists show the parent, once; `ids` shows exactly what is asked for, in that order.
  const auto list = read_as<product_page>(s.get("/products?category=Hats"));
  ASSERT_EQ(list.items.size(), 1u);
  EXPECT_EQ(list.items[0].id, parent.id);
  EXPECT_EQ(list.items[0].price_range, (price_range{500, 900}));
  EXPECT_EQ(list.items[0].variant_attributes->at("color").size(), 2u);
  const auto exact = read_as<product_page>(s.get("/products?limit=100&ids=" + blue.id.str() + "," +
                                                 uuid::v7().str() + "," + parent.id.str()));
  ASSERT_EQ(exact.items.size(), 2u);
  EXPECT_EQ(exact.items[0].id, blue.id);
  EXPECT_EQ(exact.items[0].variants_count, 0);
  EXPECT_EQ(exact.items[1].variants_count, 2);

  // One level, and nobody is a variant of itself.
  const auto path = "/products/" + parent.id.str();
  expect_problem(s.call("POST", "/products", body("X", R"(,"variant_of":"P-R")")), 400,
                 "/variant_of");
  expect_problem(s.call("POST", "/products", body("X", R"(,"variant_of":"none")")), 400,
                 "/variant_of");
  expect_problem(s.call("PATCH", path, R"({"variant_of":"P"})", "*"), 400, "/variant_of");
  const auto other = made(s, "Q");
  expect_problem(s.call("PATCH", path, R"({"variant_of":"Q"})", "*"), 409, "has-variants");

  // A variant changes what is shown of its parent at once, and leaves it when it wants.
  EXPECT_EQ(s.call("PATCH", "/products/" + blue.id.str(), R"({"price_minor":100})", "*").status,
            200);
  EXPECT_EQ(read_as<product_detail>(s.get(path)).price_range, (price_range{100, 500}));
  EXPECT_EQ(s.call("PATCH", "/products/" + blue.id.str(), R"({"variant_of":null})", "*").status,
            200);
  EXPECT_EQ(read_as<product_detail>(s.get(path)).variants_count, 1);

  // Variants are archived with their parent.
  EXPECT_EQ(s.call("DELETE", path, "", "*").status, 204);
  EXPECT_EQ(s.get("/products/" + red.id.str()).status, 404);
  EXPECT_EQ(s.get("/products/" + blue.id.str()).status, 200);
  expect_problem(s.call("POST", "/products", body("P-R", R"(,"variant_of":"P")")), 400,
                 "/variant_of");
}

// Archived variants keep their parent, so that nobody else's may stand in the way of its change.
TEST(products, whose_variants_are_archived_may_become_variants) {
  server s;
  const auto a = made(s, "A"), b = made(s, "B");
  const auto variant = made(s, "V", R"(,"variant_of":"A")");
  EXPECT_EQ(s.call("DELETE", "/products/" + variant.id.str(), "", "*").status, 204);
  const auto patched = s.call("PATCH", "/products/" + a.id.str(), R"({"variant_of":"B"})", "*");
  ASSERT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(read_as<product_detail>(patched).variant_of, b.id);
  EXPECT_EQ(made(s, "V", R"(,"variant_of":"B")").id, variant.id);

  made(s, "C");
  const auto other = made(s, "W", R"(,"variant_of":"C")");
  EXPECT_EQ(s.call("DELETE", "/products/" + other.id.str(), "", "*").status, 204);
  const auto report =
      read_as<import_report>(s.call("POST", "/products/import", body("C", R"(,"variant_of":"B")")));
  EXPECT_EQ(report.updated, 1);
  EXPECT_EQ(report.failed, 0);
  EXPECT_EQ(read_as<product_detail>(s.get("/products/" + b.id.str())).variants_count, 3);
}

TEST(products, are_named_as_parents_with_spaces_around) {
  server s;
  const auto parent = made(s, "P");
  const auto variant = made(s, "V", R"(,"variant_of":" P ")");
  EXPECT_EQ(variant.variant_of, parent.id);
  const auto path = "/products/" + variant.id.str();
  const auto put = s.call("PUT", path, body("V", R"(,"variant_of":"P\t")"), "*");
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(read_as<product_detail>(put).variant_of, parent.id);
  const auto patched =
      s.call("PATCH", path, R"({"variant_of":" )" + parent.id.str() + R"( "})", "*");
  ASSERT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(read_as<product_detail>(patched).variant_of, parent.id);
  expect_problem(s.call("PATCH", path, R"({"variant_of":" "})", "*"), 400, "/variant_of");
}

TEST(products, take_as_many_long_attributes_as_their_variants_have) {
  server s;
  made(s, "P");
  for (int i = 0; i < 30; ++i) {
    std::string attributes;
    for (int name = 0; name < 4; ++name) {
      attributes += (name ? ",\"a" : "\"a") + std::to_string(name) + "\":[";
      for (int value = 0; value < 50; ++value) {
        auto word = std::to_string(i) + 'x' + std::to_string(name) + 'x' + std::to_string(value);
        word.insert(0, 200 - word.size(), 'w');
        attributes += (value ? ",\"" : "\"") + word + '"';
      }
      attributes += ']';
    }
    made(s, "V" + std::to_string(i), R"(,"variant_of":"P","attributes":{)" + attributes + "}");
  }
  const auto list = read_as<product_page>(s.get("/products"));
  ASSERT_EQ(list.items.size(), 1u);
  EXPECT_EQ(list.items[0].variants_count, 30);
}

TEST(products, refuse_bad_input_and_name_every_field) {
  server s;
  const auto refused = s.call("POST", "/products",
                              R"({"sku":"","name":"\u0000","price_minor":0,"currency":"EURO",)"
                              R"("quantity":-1,"attributes":{"a":7},"size":1})");
  EXPECT_EQ(refused.status, 400);
  for (const auto* field :
       {"/sku", "/name", "/price_minor", "/currency", "/quantity", "/attributes/a", "/size"})
    EXPECT_THAT(refused.body, HasSubstr('"' + std::string(field) + '"'));
  for (const auto* query :
       {"limit=0", "limit=101", "sort=best", "cursor=x", "cursor=", "min_price=2&max_price=1",
        "min_price=-1", "max_price=1e3", "page=2", "attr.x=", "search=%ff", "search=a&search=b",
        "ids=1", "ids=00000000-0000-0000-0000-000000000000&search=a"})
    expect_problem(s.get("/products?" + std::string(query)), 400, "\"parameter\"");
  expect_problem(s.get("/products/suggest"), 400, "\"q\"");
  expect_problem(s.call("PUT", "/products/none", body("A"), "*"), 400, "\"id\"");
  EXPECT_TRUE(read_as<product_page>(s.get("/products")).items.empty());
}

TEST(products, are_changed_by_administrators_only) {
  server s;
  const auto id = made(s, "A").id.str();
  const struct {
    const char *method, *path;
  } rows[] = {{"POST", "/products"},   {"POST", "/products/import"}, {"PUT", "/products/"},
              {"PATCH", "/products/"}, {"DELETE", "/products/"},     {"GET", "/books"}};
  for (const auto& [method, template_path] : rows) {
    std::string path = template_path;
    if (path.ends_with('/')) path += id;
    const auto status = [&](testing::http_headers headers) {
      return testing::http_call(s.port(), method, path, headers, "").status;
    };
    EXPECT_EQ(status({}), 401) << method << path;
    EXPECT_EQ(status({{"Authorization", "Bearer x"}}), 401) << method << path;
    EXPECT_EQ(status({{"Authorization", "Bearer " + s.token(false)}}), 403) << method << path;
    EXPECT_EQ(status({{"Souk-Service", "order:s"}}), path == "/books" ? 200 : 403)
        << method << path;
  }
  for (const auto* path : {"/products", "/products/suggest?q=a", "/categories"})
    EXPECT_EQ(s.get(path).status, 200);
  EXPECT_EQ(s.get("/products/" + id, {{"Authorization", "Bearer stale"}}).status, 200);
}

// ---------------------------------------------------------------------------------------------

TEST(opening_stock, is_delivered_once_for_each_product) {
  server s;
  s.stocks.lose_answers(1);
  const auto lamp = made(s, "A", R"(,"quantity":7)");
  EXPECT_TRUE(soon([&] { return s.stocks.available(lamp.id) == 7; }));
  EXPECT_TRUE(soon([&] { return s.stocks.repeats() > 0; })) << "a lost answer is asked for again";
  EXPECT_EQ(s.stocks.available(lamp.id), 7);

  // Not when the product is made again, and not by an import of a product that is known.
  EXPECT_EQ(s.call("DELETE", "/products/" + lamp.id.str(), "", "*").status, 204);
  made(s, "A", R"(,"quantity":9)");
  const auto report = read_as<import_report>(
      s.call("POST", "/products/import", body("A", R"(,"quantity":11,"brand":"Oak")")));
  EXPECT_EQ(report.updated, 1);
  const auto other = made(s, "B", R"(,"quantity":1)");
  EXPECT_TRUE(soon([&] { return s.stocks.available(other.id) == 1; }));
  EXPECT_EQ(s.stocks.available(lamp.id), 7);
  EXPECT_EQ(s.stocks.keys(), 2u);

  const auto books = s.call("GET", "/books?after=" + uuid{}.str());
  EXPECT_THAT(books.body, HasSubstr(R"("sku":"A","opening_quantity":7,"opening_sent":true)"));
}

TEST(opening_stock, waits_for_inventory_and_tells_of_a_refusal) {
  server s;
  s.stocks.stub.stop();
  const auto lamp = made(s, "A", R"(,"quantity":7)");
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(s.stocks.available(lamp.id), -1);
  s.stocks.stub.start();
  EXPECT_TRUE(soon([&] { return s.stocks.available(lamp.id) == 7; }));

  s.stocks.refuse(true);
  made(s, "B", R"(,"quantity":1)");
  EXPECT_TRUE(soon(
      [&] { return s.call("GET", "/books?checks=true").body.contains("stock-message-refused"); }));
  EXPECT_THAT(telemetry::metrics_text(),
              HasSubstr("souk_outbox_messages_total{outcome=\"refused\"} 1\n"));
}

TEST(availability, is_shown_as_inventory_tells_it) {
  server s;
  const auto parent = made(s, "P");
  const auto red = made(s, "P-R", R"(,"variant_of":"P")"),
             blue = made(s, "P-B", R"(,"variant_of":"P")");
  s.stocks.set(red.id, 3);
  s.stocks.set(blue.id, 4);
  const auto path = "/products/" + parent.id.str();
  EXPECT_TRUE(soon([&] { return read_as<product_detail>(s.get(path)).available == 7; }));
  const auto shown = read_as<product_detail>(s.get(path));
  EXPECT_EQ(shown.variants[0].available, 3);
  EXPECT_TRUE(
      soon([&] { return read_as<product_page>(s.get("/products")).items[0].available == 7; }));

  // It follows within about two seconds, also in an answer that is kept, and so does its tag.
  const auto tag = s.get(path).header("ETag");
  s.stocks.set(red.id, 1);
  const auto changed_at = steady_clock::now();
  EXPECT_TRUE(soon([&] { return read_as<product_detail>(s.get(path)).available == 5; }));
  EXPECT_LT(steady_clock::now() - changed_at, 4s);
  EXPECT_NE(s.get(path).header("ETag"), tag);
}

TEST(availability, is_left_out_rather_than_waited_for) {
  server s;
  s.stocks.delay(3s);
  const auto lamp = made(s, "A");
  const auto asked_at = steady_clock::now();
  const auto shown = read_as<product_detail>(s.get("/products/" + lamp.id.str()));
  EXPECT_FALSE(shown.available);
  EXPECT_LT(steady_clock::now() - asked_at, 1500ms);
  s.stocks.delay(0ms);
  s.stocks.set(lamp.id, 2);
  EXPECT_TRUE(
      soon([&] { return read_as<product_detail>(s.get("/products/lamp-a")).available == 2; }));
}

}  // namespace
}  // namespace souk::product
