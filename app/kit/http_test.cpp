#include "kit/http.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kit/http_routes.hpp"

namespace souk::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---------------------------------------------------------------------------------------------
// Who may call.

const caller nobody{};
const caller a_shopper{caller::kind::shopper, "s1"};
const caller an_admin{caller::kind::admin, "admin"};
const caller order_service{caller::kind::service, "order"};

TEST(access, lets_in_whom_it_names_and_nobody_else) {
  struct row {
    access who;
    bool nobody, shopper, admin, order;
  };
  for (const auto& [who, n, s, a, o] : std::vector<row>{
           {access{}, false, false, false, false},
           {anyone, true, true, true, true},
           {operators, true, true, true, true},
           {shopper, false, true, false, false},
           {admin, false, false, true, false},
           {shopper | admin, false, true, true, false},
           {service("order"), false, false, false, true},
           {service("cart"), false, false, false, false},
           {admin | service("cart") | service("order"), false, false, true, true},
       }) {
    const auto names = ::testing::PrintToString(who.names());
    EXPECT_EQ(who.allows(nobody), n) << names;
    EXPECT_EQ(who.allows(a_shopper), s) << names;
    EXPECT_EQ(who.allows(an_admin), a) << names;
    EXPECT_EQ(who.allows(order_service), o) << names;
  }
}

TEST(access, has_names_in_a_fixed_order) {
  EXPECT_THAT((service("order") | admin | shopper | service("order")).names(),
              ElementsAre("shopper", "admin", "service(order)"));
  EXPECT_THAT(access{}.names(), IsEmpty());
}

// ---------------------------------------------------------------------------------------------
// Parameters.

TEST(percent_decoding, refuses_what_is_no_text) {
  using detail::percent_decode;
  EXPECT_EQ(percent_decode("a%20b+c", false), "a b+c");
  EXPECT_EQ(percent_decode("a%20b+c", true), "a b c");
  EXPECT_EQ(percent_decode("%c3%A4", false), "ä");
  for (const char* bad : {"%", "%2", "%zz", "%00", "%ff", "%c3", "%ed%a0%80", "%c0%af"})
    EXPECT_EQ(percent_decode(bad, false), std::nullopt) << bad;
  EXPECT_EQ(percent_decode(std::string_view("a\0b", 3), false), std::nullopt);
}

RC_GTEST_PROP(percent_decoding, is_the_inverse_of_encoding, (const std::string& bytes)) {
  std::string encoded;
  for (unsigned char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    encoded += {'%', digits[c >> 4], digits[c & 15]};
  }
  const auto decoded = detail::percent_decode(encoded, true);
  if (json::is_utf8(bytes) && bytes.find('\0') == std::string::npos)
    RC_ASSERT(decoded == bytes);
  else
    RC_ASSERT(!decoded);
}

enum class sorting { price, newest };
BOOST_DESCRIBE_ENUM(sorting, price, newest)

struct by_id {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(by_id, (), (id))

struct search {
  json::text<1, 5> word;
  std::optional<json::integer<1, 100>> limit;
  std::optional<sorting> sort;
  std::vector<std::string> brand;
  json::list<uuid, 1, 2> ids;
  std::map<std::string, std::vector<std::string>> attr;
};
BOOST_DESCRIBE_STRUCT(search, (), (word, limit, sort, brand, ids, attr))

struct order_body {
  json::integer<1, 1000> quantity;
  json::text<1, 10> name;
};
BOOST_DESCRIBE_STRUCT(order_body, (), (quantity, name))

const std::string id_1 = "0190b0b0-0000-7000-8000-000000000001";
const std::string id_2 = "0190b0b0-0000-7000-8000-000000000002";

struct reading : ::testing::Test {
  route r{method::post, "/orders/{id}", "", anyone};
  detail::exchange x;
  reading() { x.route = &r; }

  template <class Request>
  std::expected<Request, problem> read(std::string_view query, std::string body = "") {
    x.query.assign(query);
    x.body = std::move(body);
    return detail::read_request<Request>(x, detail::path_names(r.path), false);
  }
  template <class Request>
  std::vector<std::string> errors(std::string_view query, std::string body = "") {
    auto result = read<Request>(query, std::move(body));
    std::vector<std::string> out;
    if (!result)
      for (const auto& e : result.error().errors) out.push_back(e.pointer + ": " + e.detail);
    return out;
  }
};

TEST_F(reading, takes_typed_parameters) {
  auto in = read<request<none, search>>(
      "word=a%20b&limit=7&sort=newest&brand=x,y%2Cz&brand=%C3%A4&ids=" + id_1 + "," + id_2 +
      "&attr.size=L&attr.size=XL&attr.colour=red");
  ASSERT_TRUE(in.has_value());
  const search& q = in->query;
  EXPECT_EQ(q.word, "a b");
  EXPECT_EQ(q.limit.value(), 7);
  EXPECT_EQ(q.sort, sorting::newest);
  EXPECT_THAT(q.brand, ElementsAre("x", "y,z", "ä"));
  EXPECT_THAT(q.ids, ElementsAre(*uuid::parse(id_1), *uuid::parse(id_2)));
  EXPECT_THAT(q.attr.at("size"), ElementsAre("L", "XL"));
  EXPECT_THAT(q.attr.at("colour"), ElementsAre("red"));
}

TEST_F(reading, leaves_out_what_is_optional) {
  auto in = read<request<none, search>>("word=a&ids=" + id_1);
  ASSERT_TRUE(in.has_value());
  EXPECT_FALSE(in->query.limit);
  EXPECT_FALSE(in->query.sort);
  EXPECT_THAT(in->query.brand, IsEmpty());
  EXPECT_THAT(in->query.attr, IsEmpty());
}

TEST_F(reading, names_every_wrong_part_at_once) {
  x.path = {"not-an-id"};
  x.errors.push_back({"header:Idempotency-Key", "is required"});
  using typed = request<by_id, search, order_body>;
  EXPECT_THAT(
      errors<typed>("word=toolong&limit=1&limit=2&sort=colour&ids=1&brand=%ff&more=1&attr.=x",
                    R"({"quantity":0,"naem":"x"})"),
      ElementsAre(
          "header:Idempotency-Key: is required", "id: must be a UUID in its form of 36 characters",
          "word: must have 1 to 5 characters", "limit: must not be repeated",
          "sort: must be one of price, newest", "brand: must be percent-encoded UTF-8 without NUL",
          "ids: must be a UUID in its form of 36 characters",
          "parameter:more: is not a known parameter", "parameter:attr.: is not a known parameter",
          "/quantity: must be a whole number from 1 to 1000", "/naem: is not a known field",
          "/name: is required"));
}

TEST_F(reading, requires_what_is_not_optional) {
  using typed = request<none, search>;
  EXPECT_THAT(errors<typed>(""), ElementsAre("word: is required", "ids: is required"));
  EXPECT_THAT(errors<typed>("word=a&ids=" + id_1 + "," + id_1 + "&ids=" + id_2),
              ElementsAre("ids: must be given 1 to 2 times"));
}

TEST_F(reading, refuses_bodies_that_nobody_expects) {
  EXPECT_THAT(errors<request<>>("", "{}"), IsEmpty());
  EXPECT_THAT(errors<request<>>("", R"({"a":1})"), ElementsAre(": no body is expected"));
  EXPECT_THAT(errors<request<>>("a=b"), ElementsAre("parameter:a: is not a known parameter"));
  EXPECT_THAT(errors<request<>>("=b"), ElementsAre("parameter:: is not a known parameter"));
  EXPECT_THAT(errors<request<>>("&&"), IsEmpty());
}

TEST_F(reading, asks_for_if_match_only_when_all_else_is_right) {
  r.if_match = true;
  auto missing = read<request<>>("");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, 428);
  EXPECT_EQ(read<request<>>("a=b").error().status, 400);
  x.errors.clear();
  x.if_match = "3";
  EXPECT_EQ(read<request<>>("")->if_match, "3");
}

TEST_F(reading, keeps_the_text_of_the_body) {
  const std::string text = R"({ "name": "x", "quantity": 1 })";
  auto in = read<request<none, none, order_body>>("", text);
  ASSERT_TRUE(in.has_value());
  EXPECT_EQ(in->body_text, text);
}

TEST_F(reading, reports_at_most_fifty_errors) {
  std::string query;
  for (int i = 0; i < 500; ++i) query += "p" + std::to_string(i) + "=1&";
  EXPECT_EQ(errors<request<>>(query).size(), 50u);
}

// ---------------------------------------------------------------------------------------------
// Routes.

task<response<none>> nothing() {
  co_return none{};
}

struct finding : ::testing::Test {
  router routes;

  void add(method m, std::string_view path, access who = anyone) {
    if (detail::path_names(path).empty())
      routes.on<request<>, none>({m, path, "", who}, [](context&, request<>) { return nothing(); });
    else
      routes.on<request<by_id>, none>({m, path, "", who},
                                      [](context&, request<by_id>) { return nothing(); });
  }
  std::string find(std::optional<method> m, std::string_view path) {
    std::vector<std::string> values;
    const auto found =
        detail::find(routes.internals(), m, detail::path_segments(path).value(), values);
    if (!found.entry) {
      std::string out = found.path_exists ? "405" : "404";
      for (std::size_t i = 0; i < found.allowed.size(); ++i)
        if (found.allowed[i]) out += " " + std::string(to_string(static_cast<method>(i)));
      return out;
    }
    std::string out(found.entry->what.route.path);
    for (const auto& v : values) out += " " + v;
    return out;
  }
};

TEST_F(finding, literal_segments_win_over_names) {
  add(method::get, "/products/{id}");
  add(method::get, "/products/suggest");
  add(method::post, "/products/import");
  add(method::put, "/products/{id}");
  EXPECT_EQ(find(method::get, "/products/1"), "/products/{id} 1");
  EXPECT_EQ(find(method::get, "/products/suggest"), "/products/suggest");
  EXPECT_EQ(find(method::head, "/products/suggest"), "/products/suggest");
  EXPECT_EQ(find(method::post, "/products/import"), "/products/import");
  // Nothing under the literal has the method: the name is tried.
  EXPECT_EQ(find(method::get, "/products/import"), "/products/{id} import");
  EXPECT_EQ(find(method::delete_, "/products/import"), "405 GET POST PUT");
  EXPECT_EQ(find(method::post, "/products/1"), "405 GET PUT");
  EXPECT_EQ(find(std::nullopt, "/products/1"), "405 GET PUT");
}

TEST_F(finding, paths_are_exact) {
  add(method::get, "/orders/{id}/events");
  add(method::get, "/orders");
  EXPECT_EQ(find(method::get, "/orders/1/events"), "/orders/{id}/events 1");
  for (const char* other : {"/", "/orders/", "/Orders", "/orders/1", "/orders//events",
                            "/orders/1/events/", "/orders/1/2/events", "//orders"})
    EXPECT_EQ(find(method::get, other), "404") << other;
  EXPECT_EQ(find(method::get, "/%6frders"), "/orders");
  EXPECT_EQ(find(method::get, "/orders/a%2Fb/events"), "/orders/{id}/events a/b");
  EXPECT_EQ(find(std::nullopt, "/nothing"), "404");
}

TEST_F(finding, contradictions_are_refused_at_start) {
  add(method::get, "/orders");
  EXPECT_THROW(add(method::get, "/orders"), std::logic_error);
  EXPECT_THROW(add(method::head, "/orders"), std::logic_error);
  EXPECT_THROW(add(method::get, "orders"), std::logic_error);
  EXPECT_THROW(add(method::get, "/orders/{other}"), std::logic_error);  // by_id has no such field
  EXPECT_THROW(
      (routes.on<request<by_id>, none>({method::get, "/x", "", anyone},
                                       [](context&, request<by_id>) { return nothing(); })),
      std::logic_error);
  EXPECT_THROW((routes.on<request<none, none, order_body>, none>(
                   {method::get, "/x", "", anyone},
                   [](context&, request<none, none, order_body>) { return nothing(); })),
               std::logic_error);
}

// ---------------------------------------------------------------------------------------------
// Problems.

TEST(problem_document, names_where_each_error_is) {
  problem p = problems::bad_request({{"", "a"},
                                     {"/lines/0/quantity", "b"},
                                     {"limit", "c"},
                                     {"header:If-Match", "d"},
                                     {"parameter:/x\"", "e"}});
  EXPECT_EQ(detail::to_document(p, "0af7651916cd43dd8448eb211c80319c"),
            R"({"type":"/problems/bad-request","title":"The request is not valid","status":400,)"
            R"("detail":"Each wrong part is named under errors.",)"
            R"("trace_id":"0af7651916cd43dd8448eb211c80319c","errors":[)"
            R"({"pointer":"","detail":"a"},{"pointer":"/lines/0/quantity","detail":"b"},)"
            R"({"parameter":"limit","detail":"c"},{"header":"If-Match","detail":"d"},)"
            R"({"parameter":"/x\"","detail":"e"}]})");
}

TEST(problem_document, carries_extensions) {
  auto p =
      problem{.status = 409, .type = "out-of-stock"}.with("missing", std::vector<std::string>{"a"});
  EXPECT_EQ(detail::to_document(p, "t"),
            R"({"type":"/problems/out-of-stock","title":"Conflict","status":409,"trace_id":"t",)"
            R"("missing":["a"]})");
}

// ---------------------------------------------------------------------------------------------
// Documentation.

TEST(openapi, describes_what_is_served) {
  router routes;
  routes.on<request<by_id, search, order_body>, order_body>(
      {.method = method::post,
       .path = "/orders/{id}",
       .summary = "Place \"it\"",
       .who = shopper | service("cart"),
       .key = idempotency::required,
       .if_match = true},
      [](context&, request<by_id, search, order_body>) -> task<response<order_body>> {
        co_return problems::not_found();
      });
  routes.on<request<>, none>({method::get, "/health", "Health", operators},
                             [](context&, request<>) { return nothing(); });
  const std::string text = routes.openapi("Orders", "1.2.3");
  const json::document document(text);
  ASSERT_FALSE(document.error()) << text;
  const auto root = document.root();
  const auto at = [&](json::node from, std::initializer_list<std::string_view> names) {
    for (auto name : names) {
      auto next = from.field(name);
      if (!next) throw std::runtime_error("no " + std::string(name) + " in " + text);
      from = *next;
    }
    return from;
  };
  EXPECT_EQ(at(root, {"openapi"}).as_text(), "3.1.0");
  EXPECT_EQ(at(root, {"info", "title"}).as_text(), "Orders");
  EXPECT_EQ(at(root, {"info", "version"}).as_text(), "1.2.3");

  const auto post = at(root, {"paths", "/orders/{id}", "post"});
  EXPECT_EQ(at(post, {"operationId"}).as_text(), "post_orders_id");
  EXPECT_EQ(at(post, {"summary"}).as_text(), "Place \"it\"");
  EXPECT_EQ(at(post, {"x-souk-idempotency-key"}).as_text(), "required");
  std::vector<std::string> who, parameters;
  for (auto n : at(post, {"x-souk-access"})) who.emplace_back(n.as_text());
  EXPECT_THAT(who, ElementsAre("shopper", "service(cart)"));
  for (auto p : at(post, {"parameters"}))
    parameters.push_back(std::string(at(p, {"in"}).as_text()) + " " +
                         std::string(at(p, {"name"}).as_text()) +
                         (p.field("required") ? " required" : ""));
  EXPECT_THAT(parameters,
              ElementsAre("path id required", "query word required", "query limit", "query sort",
                          "query brand", "query ids required", "query attr",
                          "header Idempotency-Key required", "header If-Match required"));
  EXPECT_EQ(at(post, {"requestBody", "content", "application/json", "schema", "$ref"}).as_text(),
            "#/components/schemas/order_body");
  EXPECT_EQ(
      at(post, {"responses", "2XX", "content", "application/json", "schema", "$ref"}).as_text(),
      "#/components/schemas/order_body");
  EXPECT_TRUE(at(root, {"components", "schemas"}).field("order_body"));
  EXPECT_TRUE(at(root, {"components", "schemas"}).field("Problem"));
  EXPECT_EQ(at(root, {"paths", "/health", "get", "security"}).size(), 0u);

  // Every reference leads somewhere.
  for (std::size_t i = text.find("\"$ref\":\"#/"); i != std::string::npos;
       i = text.find("\"$ref\":\"#/", i + 1)) {
    const auto begin = i + 10, end = text.find('"', begin);
    std::string path = text.substr(begin, end - begin);
    json::node here = root;
    for (std::size_t from = 0; from <= path.size();) {
      const auto slash = std::min(path.find('/', from), path.size());
      here = at(here, {std::string_view(path).substr(from, slash - from)});
      from = slash + 1;
    }
  }
}

}  // namespace
}  // namespace souk::http
