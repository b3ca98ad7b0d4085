// POST /products/import: the starting catalogue twice, bad lines, variants before their parents,
// stocktakes, uploads that break off.

#include "import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "kit/testing/proxy.hpp"
#include "testing/store.hpp"

namespace souk::product {
namespace {

using namespace std::chrono_literals;
using fake::read_as;
using fake::server;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string starting_catalogue() {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "catalog/souk-catalog.jsonl");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string line(std::string_view sku, std::string_view more = "") {
  return R"({"sku":")" + std::string(sku) + R"(","name":"Lamp","description":"","categories":[],)" +
         R"("price_minor":500,"currency":"USD","quantity":0,"attributes":{})" + std::string(more) +
         "}\n";
}

import_report import(server& s, std::string_view lines, std::string_view query = "") {
  return read_as<import_report>(s.call("POST", "/products/import" + std::string(query), lines));
}

std::vector<std::pair<std::int64_t, std::string>> failures(const import_report& report) {
  std::vector<std::pair<std::int64_t, std::string>> out;
  for (const auto& e : report.errors) out.emplace_back(e.line, e.errors.at(0).pointer);
  return out;
}

std::int64_t total(server& s, std::string_view query = "") {
  return read_as<product_page>(s.get("/products" + std::string(query))).total.value_or(-1);
}

template <class Condition>
bool soon(Condition condition) {
  const auto end = steady_clock::now() + 20s;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

TEST(import, of_the_starting_catalogue_twice_gives_the_same) {
  server s;
  const auto text = starting_catalogue();
  const auto lines = std::ranges::count(text, '\n');
  const auto first = import(s, text);
  EXPECT_EQ(first.lines, lines);
  EXPECT_EQ(first.created, lines);
  EXPECT_THAT(failures(first), IsEmpty());
  EXPECT_TRUE(soon([&] { return s.stocks.stocked() == static_cast<std::size_t>(lines); }));

  const auto second = import(s, text);
  EXPECT_EQ(second.unchanged, lines);
  EXPECT_EQ(second.created + second.updated + second.failed, 0);
  EXPECT_EQ(total(s), read_as<product_page>(s.get("/products?limit=1")).total);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(s.stocks.keys(), static_cast<std::size_t>(lines));
  EXPECT_EQ(s.call("GET", "/books?checks=true").body.find("violation"), std::string::npos);
}

TEST(import, reports_bad_lines_by_number_and_goes_on) {
  server s;
  const auto report = import(
      s, "\xEF\xBB\xBF" + line("A") +                  // 1
             "\r\n" +                                  // 2: empty
             line("B", R"(,"brand":7)") +              // 3
             "not json\n" +                            // 4
             "{\"sku\":\"\xff\"}\n" +                  // 5
             line("C", R"(,"variant_of":"nobody")") +  // 6
             "   \n" +                                 // 7: empty
             R"({"sku":"D","name":"D","price_minor":1.5,"currency":"EUR","x":1})" + "\n" +  // 8
             line("E", R"(,"description":")" + std::string(300'000, 'x') + "\"") +          // 9
             "[" + std::string(100'000, '[') + "\n" +                                       // 10
             line("F", R"(,"variant_of":"F")") +                                            // 11
             "{\"sku\":\"G\"}\r\n" +                                                        // 12
             R"({"sku":"H","name":"H","price_minor":1,"currency":"USD"})");  // 13, no end of line
  EXPECT_EQ(report.lines, 11);
  EXPECT_EQ(report.created, 2);
  EXPECT_EQ(report.failed, 9);
  EXPECT_FALSE(report.errors_truncated);
  std::vector<std::int64_t> numbers;
  for (const auto& e : report.errors) numbers.push_back(e.line);
  EXPECT_THAT(numbers, ElementsAre(3, 4, 5, 6, 8, 9, 10, 11, 12));
  EXPECT_EQ(report.errors[0].sku, "B");
  EXPECT_EQ(report.errors[0].errors[0].pointer, "/brand");
  EXPECT_EQ(report.errors[4].errors.size(), 2u) << "every wrong field is named";
  EXPECT_EQ(total(s), 2);
}

TEST(import, tells_of_five_hundred_bad_lines_and_counts_the_others) {
  server s;
  std::string lines;
  for (int i = 0; i < 600; ++i) lines += "{}\n";
  lines += line("A");
  const auto report = import(s, lines);
  EXPECT_EQ(report.failed, 600);
  EXPECT_EQ(report.created, 1);
  EXPECT_EQ(report.errors.size(), 500u);
  EXPECT_TRUE(report.errors_truncated);
}

TEST(import, takes_variants_before_their_parents) {
  server s;
  std::string lines;
  for (int i = 0; i < 450; ++i)
    lines += line("V" + std::to_string(i), R"(,"variant_of":"P)" + std::to_string(i % 3) + "\"");
  for (int i = 0; i < 2; ++i) lines += line("P" + std::to_string(i));
  lines += line("V0", R"(,"variant_of":"P1","brand":"Later")");  // the later line counts
  const auto report = import(s, lines);
  EXPECT_EQ(report.lines, 453);
  EXPECT_EQ(report.created, 302);
  EXPECT_EQ(report.unchanged, 1);  // the first one for V0
  EXPECT_EQ(report.failed, 150);   // those of P2
  EXPECT_EQ(report.errors.at(0).line, 3);
  EXPECT_EQ(total(s), 2);
  EXPECT_EQ(read_as<product_page>(s.get("/products?sort=newest")).items.at(0).variants_count +
                read_as<product_page>(s.get("/products?sort=newest")).items.at(1).variants_count,
            300);
  // Nothing is left behind, and P2 may come later.
  EXPECT_EQ(
      testing::postgres().query(fake::database_of(s.url), "SELECT count(*) FROM import_lines"),
      "0");
  EXPECT_EQ(import(s, line("V2", R"(,"variant_of":"P2")") + line("P2")).created, 2);
}

TEST(import, lets_the_last_of_several_lines_win) {
  server s;
  const auto report = import(s, line("A") + line("A", R"(,"brand":"Oak")") + line("A"));
  EXPECT_EQ(report.created, 1);
  EXPECT_EQ(report.updated, 2);
  const auto page = read_as<product_page>(s.get("/products"));
  EXPECT_FALSE(page.items.at(0).brand);
  EXPECT_EQ(page.items.at(0).version, 3);
}

TEST(import, sets_stock_only_when_told_to) {
  server s;
  const auto with = [](int quantity) {
    return R"({"sku":"A","name":"A","price_minor":1,"currency":"USD","quantity":)" +
           std::to_string(quantity) + "}\n";
  };
  import(s, with(5));
  const auto id = read_as<product_page>(s.get("/products")).items.at(0).id;
  EXPECT_TRUE(soon([&] { return s.stocks.available(id) == 5; }));
  EXPECT_EQ(import(s, with(6)).unchanged, 1);
  import(s, with(7) + with(8) + with(9), "?stock=set");
  EXPECT_TRUE(soon([&] { return s.stocks.keys() == 4; }));
  EXPECT_EQ(s.stocks.available(id), 9) << "in the order of the lines";
  EXPECT_EQ(s.call("POST", "/products/import?stock=all", with(1)).status, 400);
}

TEST(import, that_breaks_off_leaves_whole_batches_and_can_be_repeated) {
  server s;
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += line("A" + std::to_string(i));
  const auto cut = lines.size() * 3 / 4;
  testing::raw_http(s.port(),
                    "POST /products/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                        s.token(true) +
                        "\r\nContent-Type: application/x-ndjson\r\nContent-Length: " +
                        std::to_string(lines.size()) + "\r\n\r\n" + lines.substr(0, cut),
                    3s);
  EXPECT_TRUE(soon([&] { return total(s) == 600; })) << total(s);
  const auto report = import(s, lines);
  EXPECT_EQ(report.unchanged, 600);
  EXPECT_EQ(report.created, 400);
}

// An upload that does something before it gives its pieces.
class scripted_upload : public http::body_stream {
 public:
  scripted_upload(std::vector<std::string> pieces, std::function<void(std::size_t)> before)
      : pieces_(std::move(pieces)), before_(std::move(before)) {}
  task<std::optional<std::string_view>> read() override {
    if (next_ == pieces_.size()) co_return std::nullopt;
    before_(next_);
    co_return pieces_[next_++];
  }

 private:
  std::vector<std::string> pieces_;
  std::function<void(std::size_t)> before_;
  std::size_t next_ = 0;
};

// A batch is stored, nobody learns of it, and it is stored once more.
TEST(import, counts_each_line_once_also_after_a_commit_of_unknown_outcome) {
  std::string first, second;
  for (int i = 0; i < 200; ++i) first += line("V" + std::to_string(i), R"(,"variant_of":"P")");
  second = line("W", R"(,"variant_of":"P")") + line("P") +
           line("V0", R"(,"variant_of":"P","brand":"Later")") + line("V1", R"(,"variant_of":"P")");
  for (const std::size_t lost : {0, 1}) {
    SCOPED_TRACE(lost);
    testing::run([&](event_loop& loop, const context& ctx) -> task<> {
      const auto url = testing::fresh_database(migrations);
      testing::tcp_proxy proxy(testing::postgres().port());
      auto& s =
          loop.make<fake::store>(loop, testing::via(url, proxy.port()), "http://127.0.0.1:1", url);
      import_run run(s.products, "USD", import_stock::opening);
      scripted_upload upload({first, second}, [&](std::size_t piece) {
        if (piece == lost) proxy.lose_answer(std::string("COMMIT\0", 7));
      });
      const auto report = co_await run.run(ctx, upload);
      EXPECT_TRUE(proxy.has_struck());
      EXPECT_EQ(report.lines, 204);
      EXPECT_EQ(report.created + report.updated + report.unchanged, 204);
      EXPECT_EQ(report.failed, 0);
      const auto ask = [&](const std::string& sql) {
        return testing::postgres().query(fake::database_of(url), sql);
      };
      EXPECT_EQ(ask("SELECT count(*) FROM products WHERE variant_of IS NOT NULL"), "201");
      EXPECT_EQ(ask("SELECT brand FROM products WHERE sku = 'V0'"), "Later");
      EXPECT_EQ(ask("SELECT count(*) FROM import_lines"), "0");
    });
  }
}

// Stock messages are under way, pages are being read: whatever there is ends where it stands.
TEST(import, does_not_keep_the_service_from_stopping) {
  for (const auto after : {0ms, 5ms, 40ms}) {
    server s;
    std::string lines;
    for (int i = 0; i < 300; ++i) lines += line("A" + std::to_string(i));
    EXPECT_EQ(import(s, lines).created, 300);
    s.get("/products");
    std::this_thread::sleep_for(after);
  }
}

TEST(import, of_nothing_is_no_error) {
  server s;
  const auto report = import(s, "\n\n");
  EXPECT_EQ(report.lines, 0);
  EXPECT_THAT(report.errors, IsEmpty());
}

}  // namespace
}  // namespace souk::product
