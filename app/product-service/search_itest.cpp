// Lists, facets and search on a real PostgreSQL, compared with a recount that knows no SQL.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "testing/store.hpp"

namespace souk::product {
namespace {

using fake::store;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---------------------------------------------------------------------------------------------
// A catalogue, and what is true of it.

// The steps of the price facet: 1, 2 and 5 times a power of ten.
std::int64_t step_after(std::int64_t step) {
  std::int64_t power = 1;
  for (; step % 10 == 0; step /= 10) power *= 10;
  return power * (step == 1 ? 2 : step == 2 ? 5 : 10);
}

std::string price_fact(std::int64_t price_minor) {
  std::int64_t low = 1, high = 99;
  for (std::int64_t step = 100; step <= price_minor; step = step_after(step)) {
    low = step;
    high = step_after(step) - 1;
  }
  return "price=" + std::to_string(low) + '-' + std::to_string(high);
}

class model {
 public:
  std::string add(product_content content, std::optional<std::string> parent = std::nullopt) {
    content.currency = "USD";
    if (content.name.empty()) content.name = content.sku;
    if (content.price_minor == 0) content.price_minor = 100;
    auto sku = content.sku;
    lines_.push_back({.number = static_cast<std::int64_t>(lines_.size()) + 1,
                      .content = std::move(content),
                      .parent_sku = std::move(parent)});
    return sku;
  }

  task<> store_in(const context& ctx, repository& products) {
    const auto results =
        co_await products.import_lines(ctx, uuid::v7(), lines_, import_stock::opening, true);
    for (const auto result : results) EXPECT_EQ(result, line_result::created);
    offers_.clear();
    for (const auto& parent : lines_) {
      if (parent.parent_sku) continue;
      const auto before = offers_.size();
      for (const auto& variant : lines_) {
        if (variant.parent_sku != parent.content.sku) continue;
        auto attributes = variant.content.attributes;
        attributes.insert(parent.content.attributes.begin(), parent.content.attributes.end());
        offers_.push_back({&parent.content, std::move(attributes), variant.content.price_minor});
      }
      if (offers_.size() == before)
        offers_.push_back({&parent.content, parent.content.attributes, parent.content.price_minor});
    }
    for (auto& o : offers_) o.facts = facts_of(o);
  }

  std::set<std::string> find(const listing_query& q) const {
    std::set<std::string> skus;
    for (const auto& o : offers_)
      if (meets(o, q)) skus.insert(o.listing->sku);
    return skus;
  }

  std::map<std::string, std::int64_t> count(const listing_query& q) const {
    std::set<std::string> filtered;
    if (!q.where.categories.empty()) filtered.insert("category");
    if (!q.where.brands.empty()) filtered.insert("brand");
    for (const auto& [name, values] : q.where.attributes) filtered.insert("attr." + name);
    if (q.where.by_price()) filtered.insert("price");
    std::map<std::string, std::set<std::string>> skus;
    for (const auto& o : offers_) {
      for (const auto& fact : o.facts) {
        const auto facet = fact.substr(0, fact.find('='));
        if (meets(o, q, filtered.contains(facet) ? facet : "")) skus[fact].insert(o.listing->sku);
      }
    }
    std::map<std::string, std::int64_t> out;
    for (const auto& [fact, those] : skus) out[fact] = static_cast<std::int64_t>(those.size());
    return out;
  }

 private:
  // Something that can be bought, with what it has from its parent.
  struct offer {
    const product_content* listing;
    attribute_map attributes;
    std::int64_t price_minor;
    std::set<std::string> facts{};
  };

  static std::set<std::string> facts_of(const offer& o) {
    std::set<std::string> out{price_fact(o.price_minor)};
    for (const auto& path : o.listing->categories) {
      for (auto at = path.find('/'); at != path.npos; at = path.find('/', at + 1))
        out.insert("category=" + path.substr(0, at));
      out.insert("category=" + path);
    }
    if (o.listing->brand) out.insert("brand=" + *o.listing->brand);
    for (const auto& [name, values] : o.attributes)
      for (const auto& value : values) out.insert(fmt::format("attr.{}={}", name, value));
    return out;
  }

  static bool meets(const offer& o, const listing_query& q, std::string_view except = {}) {
    if (q.search && o.listing->name.find(q.search->typed) == std::string::npos) return false;
    const auto has_one = [&](const std::string& facet, const std::vector<std::string>& values) {
      return facet == except || values.empty() || std::ranges::any_of(values, [&](const auto& v) {
               return o.facts.contains(facet + '=' + v);
             });
    };
    if (!has_one("category", q.where.categories) || !has_one("brand", q.where.brands)) return false;
    for (const auto& [name, values] : q.where.attributes)
      if (!has_one("attr." + name, values)) return false;
    return except == "price" || (o.price_minor >= q.where.min_price.value_or(0) &&
                                 o.price_minor <= q.where.max_price.value_or(max_price_minor));
  }

  std::vector<import_line> lines_;
  std::vector<offer> offers_;
};

class dice {
 public:
  explicit dice(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool once_in(std::size_t n) { return below(n) == 0; }
  std::string one_of(const std::vector<std::string>& values) {
    return values[below(values.size())];
  }
  std::vector<std::string> some_of(const std::vector<std::string>& values) {
    std::set<std::string> out{one_of(values)};
    if (once_in(3)) out.insert(one_of(values));
    return {out.begin(), out.end()};
  }

 private:
  std::mt19937 engine_;
};

const std::vector<std::string> names{"Lantern", "Carafe", "Satchel", "Quilt"};
const std::vector<std::string> categories{
    "Home",   "Home/Light",   "Home/Light/Oil",          "Home/Table",
    "Garden", "Garden/Light", "Gifts & More/It's \\ new"};
const std::vector<std::string> brands{"Oak", "O'Neill", "Müller & Co", "a|b"};
const std::vector<std::string> colors{"Red", "Blue", "Green", "Grün / Vert"};
const std::vector<std::string> sizes{"S", "M", "L"};

model random_catalogue(dice& d, int products) {
  model m;
  for (int i = 0; i < products; ++i) {
    product_content parent{.sku = "P" + std::to_string(i), .name = d.one_of(names)};
    parent.categories = d.some_of(categories);
    if (!d.once_in(4)) parent.brand = d.one_of(brands);
    if (!d.once_in(3)) parent.attributes["material"] = d.some_of({"Oak", "Wool", "Brass"});
    if (d.once_in(3)) parent.attributes["color"] = d.some_of(colors);
    const auto price = [&] {
      return static_cast<std::int64_t>(1 + d.below(60) * d.below(60) * 10);
    };
    parent.price_minor = price();
    const auto sku = m.add(parent);
    if (!d.once_in(2)) continue;
    for (std::size_t k = 0, n = 1 + d.below(5); k < n; ++k) {
      product_content variant{.sku = sku + '-' + std::to_string(k), .price_minor = price()};
      variant.categories = {"Elsewhere"};  // that of the parent counts
      if (!d.once_in(4)) variant.attributes["color"] = d.some_of(colors);
      if (!d.once_in(4)) variant.attributes["size"] = {d.one_of(sizes)};
      m.add(variant, sku);
    }
  }
  return m;
}

listing_query random_query(dice& d) {
  listing_query q;
  if (d.once_in(3)) q.search = search_text{d.one_of(names)};
  if (d.once_in(2)) q.where.categories = d.some_of(categories);
  if (d.once_in(3)) q.where.brands = d.some_of(brands);
  if (d.once_in(2)) q.where.attributes["color"] = d.some_of(colors);
  if (d.once_in(2)) q.where.attributes["size"] = d.some_of(sizes);
  if (d.once_in(4)) q.where.attributes["material"] = {"Wool"};
  if (d.once_in(3)) q.where.min_price = d.below(5000);
  if (d.once_in(3)) q.where.max_price = q.where.min_price.value_or(0) + d.below(20'000);
  return q;
}

task<std::vector<listed_product>> all_pages(const context& ctx, repository& products,
                                            const listing_query& q) {
  std::vector<listed_product> out;
  std::optional<page_key> after;
  do {
    auto page = co_await products.list(ctx, q, after);
    EXPECT_LE(static_cast<std::int64_t>(page.items.size()), q.limit);
    for (auto& item : page.items) out.push_back(std::move(item));
    after = page.next;
  } while (after);
  co_return out;
}

std::set<std::string> skus_of(const std::vector<listed_product>& listed) {
  std::set<std::string> out;
  for (const auto& l : listed) EXPECT_TRUE(out.insert(l.product.sku).second) << "shown twice";
  return out;
}

constexpr auto no_inventory = "http://127.0.0.1:1";

// ---------------------------------------------------------------------------------------------

TEST(lists, show_and_count_what_a_recount_finds) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    dice d(20'26);
    auto catalogue = random_catalogue(d, 120);
    co_await catalogue.store_in(ctx, s.products);
    int not_empty = 0;
    for (int i = 0; i < 200; ++i) {
      auto q = random_query(d);
      q.limit = static_cast<std::int64_t>(1 + d.below(20));
      SCOPED_TRACE(list_name(q));
      const auto expected = catalogue.find(q);
      const auto listed = co_await all_pages(ctx, s.products, q);
      EXPECT_EQ(skus_of(listed), expected);
      if (!expected.empty()) ++not_empty;

      const auto counted = co_await s.products.count_facets(ctx, q);
      EXPECT_EQ(counted.total, static_cast<std::int64_t>(expected.size()));
      EXPECT_FALSE(counted.capped);
      std::map<std::string, std::int64_t> counts;
      for (const auto& [fact, listings] : counted.counts)
        EXPECT_TRUE(counts.emplace(fact, listings).second);
      EXPECT_EQ(counts, catalogue.count(q));
      if (::testing::Test::HasFailure()) co_return;
    }
    EXPECT_GT(not_empty, 60);
    const auto checks = co_await s.products.check(ctx);
    EXPECT_THAT(checks.violations, IsEmpty());
  });
}

TEST(lists, want_one_variant_to_meet_all_filters) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    model m;
    m.add({.sku = "P", .attributes = {{"material", {"Wool"}}, {"color", {"Black"}}}});
    m.add({.sku = "P1", .attributes = {{"size", {"M"}}, {"color", {"Blue"}}}, .price_minor = 500},
          "P");
    m.add({.sku = "P2", .attributes = {{"size", {"L"}}, {"color", {"Red"}}}, .price_minor = 5000},
          "P");
    m.add({.sku = "P3", .attributes = {{"size", {"S"}}}, .price_minor = 900}, "P");
    co_await m.store_in(ctx, s.products);
    const auto finds = [&](filters where) -> task<bool> {
      listing_query q;
      q.where = std::move(where);
      const auto page = co_await s.products.list(ctx, q, std::nullopt);
      co_return !page.items.empty();
    };
    EXPECT_TRUE(co_await finds({.attributes = {{"size", {"M"}}, {"color", {"Blue"}}}}));
    EXPECT_FALSE(co_await finds({.attributes = {{"size", {"M"}}, {"color", {"Red"}}}}));
    EXPECT_TRUE(co_await finds({.attributes = {{"size", {"M"}}, {"material", {"Wool"}}}}));
    // The parent's colour is that of the variant which states none, and of no other.
    EXPECT_TRUE(co_await finds({.attributes = {{"size", {"S"}}, {"color", {"Black"}}}}));
    EXPECT_FALSE(co_await finds({.attributes = {{"size", {"M"}}, {"color", {"Black"}}}}));
    // Between the prices of the variants there is nothing to buy.
    EXPECT_TRUE(co_await finds({.min_price = 500, .max_price = 500}));
    EXPECT_FALSE(co_await finds({.min_price = 1000, .max_price = 4000}));
    EXPECT_FALSE(co_await finds({.attributes = {{"color", {"Blue"}}}, .min_price = 501}));
  });
}

TEST(lists, are_walked_once_whole_in_every_order) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    model m;  // full of ties
    for (int i = 0; i < 57; ++i)
      m.add({.sku = std::to_string(i),
             .name = i % 3 ? "Same Lamp" : "Émile Lamp",
             .price_minor = 100 * (1 + i % 4)});
    co_await m.store_in(ctx, s.products);
    for (const auto order : {sort_order::featured, sort_order::newest, sort_order::price_asc,
                             sort_order::price_desc, sort_order::name, sort_order::relevance}) {
      listing_query q{.order = order, .limit = 5};
      if (order == sort_order::relevance) q.search = search_text{"lamp"};
      const auto listed = co_await all_pages(ctx, s.products, q);
      EXPECT_EQ(skus_of(listed).size(), 57u) << json::enum_text(order);
      const auto sorted_by = [&](auto key) { return std::ranges::is_sorted(listed, {}, key); };
      if (order == sort_order::price_asc)
        EXPECT_TRUE(sorted_by([](const auto& l) { return l.product.price_minor; }));
      if (order == sort_order::price_desc)
        EXPECT_TRUE(sorted_by([](const auto& l) { return -l.product.price_minor; }));
      if (order == sort_order::newest) EXPECT_EQ(listed.front().product.sku, "56");
      if (order == sort_order::name) EXPECT_EQ(listed.front().product.name, "Émile Lamp");
    }
  });
}

// ---------------------------------------------------------------------------------------------

struct search_result {
  std::vector<std::string> skus;
  std::optional<std::string> did_you_mean;
  std::optional<std::string> next_cursor;
};

task<search_result> search_for(store& s, const context& ctx, std::string typed,
                               std::optional<std::string> cursor = std::nullopt,
                               std::int64_t limit = 24) {
  listing_query q{
      .search = search_text{std::move(typed)}, .order = sort_order::relevance, .limit = limit};
  const auto encoded = co_await s.front.list(ctx, q, std::move(cursor));
  if (!encoded) throw std::runtime_error("the cursor was refused");
  auto page = json::read<product_page>(*encoded->body);
  if (!page) throw std::runtime_error("no page: " + *encoded->body);
  search_result out{.did_you_mean = page->did_you_mean, .next_cursor = page->next_cursor};
  for (const auto& item : page->items) out.skus.push_back(item.sku);
  co_return out;
}

model shop() {
  model m;
  m.add({.sku = "HOOD-1",
         .name = "Hera Pullover Hoodie",
         .description = "Warm, with a hood.",
         .brand = "Oak & Sons",
         .categories = {"Women/Hoodies & Sweatshirts"}});
  m.add({.sku = "HOOD-1-M", .attributes = {{"size", {"M"}}, {"color", {"Turquoise"}}}}, "HOOD-1");
  m.add({.sku = "JACK-1", .name = "Rain Jacket", .description = "Goes over a hoodie."});
  m.add({.sku = "CHAIR-1", .name = "Carved Walnut Chair", .attributes = {{"origin", {"Türkiye"}}}});
  m.add({.sku = "MUG-1", .name = "Enamel Mug", .description = "For the café."});
  m.add({.sku = "MUG-2", .name = "Stoneware Mug"});
  return m;
}

TEST(search, finds_words_in_all_forms_in_order_of_their_weight) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    auto m = shop();
    co_await m.store_in(ctx, s.products);
    const auto found = [&](std::string typed) -> task<std::vector<std::string>> {
      auto result = co_await search_for(s, ctx, std::move(typed));
      co_return std::move(result.skus);
    };
    EXPECT_THAT(co_await found("hoodies"), ElementsAre("HOOD-1", "JACK-1"));
    EXPECT_THAT(co_await found("turkiye chair"), ElementsAre("CHAIR-1"));
    EXPECT_THAT(co_await found("cafe"), ElementsAre("MUG-1"));
    EXPECT_THAT(co_await found("turquoise hoodie"), ElementsAre("HOOD-1"));  // a variant's colour
    EXPECT_THAT(co_await found("hood-1-m"), ElementsAre("HOOD-1"));          // and sku
    EXPECT_THAT(co_await found("oak"), ElementsAre("HOOD-1"));
    EXPECT_THAT(co_await found("hoodie -pullover"), ElementsAre("JACK-1"));
    EXPECT_THAT(co_await found("\"rain jacket\""), ElementsAre("JACK-1"));
    EXPECT_THAT(co_await found("walnut or jacket"), ::testing::SizeIs(2));
    EXPECT_THAT(co_await found("trombone"), IsEmpty());
    EXPECT_THAT(co_await found("the"), IsEmpty());
  });
}

TEST(search, forgives_what_is_unfinished_or_misspelt) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    auto m = shop();
    co_await m.store_in(ctx, s.products);
    const struct {
      const char *typed, *sku, *means;
    } cases[] = {{"pullov", "HOOD-1", nullptr},
                 {"walnut cha", "CHAIR-1", nullptr},
                 {"hodie", "HOOD-1", "hoodie"},
                 {"jakcet", "JACK-1", "jacket"},
                 {"stonware", "MUG-2", "stoneware"},
                 {"mgu", "MUG-1", "mug"},
                 {"walnutt chiar", "CHAIR-1", "walnut chair"},
                 {"Hera Hoodie-M-Turquoise", "HOOD-1", nullptr}};
    for (const auto& [typed, sku, means] : cases) {
      const auto result = co_await search_for(s, ctx, typed);
      EXPECT_THAT(result.skus, Contains(sku)) << typed;
      EXPECT_EQ(result.did_you_mean, means ? std::optional<std::string>(means) : std::nullopt)
          << typed;
    }
    // What was widened or corrected stays so on the next page.
    const auto first = co_await search_for(s, ctx, "mgu", std::nullopt, 1);
    EXPECT_TRUE(first.next_cursor);
    const auto second = co_await search_for(s, ctx, "mgu", first.next_cursor, 1);
    EXPECT_EQ(second.skus.size(), 1u);
    EXPECT_NE(second.skus, first.skus);
    EXPECT_FALSE(second.next_cursor);
  });
}

TEST(search, takes_anything_that_can_be_typed) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    auto m = shop();
    co_await m.store_in(ctx, s.products);
    dice d(7);
    const std::vector<std::string> bits{"'",     "\"", "\\",  "&",      "|",   "!",  "(",
                                        ")",     ":",  "*",   "<->",    "-",   " ",  "=",
                                        "attr.", "or", "mug", "é",      "茶",  "😀", "%",
                                        "_",     "/",  "\t",  "brand=", "A:*", "''", "\xC2\xA0"};
    for (int i = 0; i < 400; ++i) {
      std::string typed;
      for (std::size_t k = 0, n = 1 + d.below(6); k < n; ++k) typed += d.one_of(bits);
      SCOPED_TRACE(typed);
      listing_query q = random_query(d);
      q.search = search_text{typed};
      const auto list = co_await s.front.list(ctx, q, std::nullopt);
      EXPECT_TRUE(list && json::read<product_page>(*list->body));
      const auto suggestions = co_await s.front.suggestions(ctx, typed);
      EXPECT_TRUE(json::read<suggestion_list>(*suggestions.body));
      q.search.reset();
      q.where.brands = {typed};
      q.where.attributes = {{typed, {typed}}};
      const auto none = co_await all_pages(ctx, s.products, q);
      EXPECT_TRUE(none.empty());
    }
  });
}

TEST(search, refuses_cursors_of_other_lists) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    auto m = shop();
    co_await m.store_in(ctx, s.products);
    const auto first = co_await search_for(s, ctx, "mug", std::nullopt, 1);
    EXPECT_TRUE(first.next_cursor);
    listing_query q{.limit = 1};
    EXPECT_FALSE(co_await s.front.list(ctx, q, first.next_cursor));
    q.search = search_text{"mug"};
    q.order = sort_order::newest;
    EXPECT_FALSE(co_await s.front.list(ctx, q, first.next_cursor));
    EXPECT_FALSE(co_await s.front.list(ctx, q, "WyJhIl0"));
  });
}

TEST(suggestions, complete_and_correct_what_is_typed) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    auto m = shop();
    co_await m.store_in(ctx, s.products);
    const auto texts = [&](std::string typed,
                           suggestion_kind kind) -> task<std::vector<std::string>> {
      const auto list = co_await s.products.suggest(ctx, words_of(typed));
      EXPECT_LE(list.size(), 8u);
      std::vector<std::string> out;
      for (const auto& item : list)
        if (item.kind == kind) out.push_back(item.text);
      co_return out;
    };
    using enum suggestion_kind;
    EXPECT_THAT(co_await texts("hoo", product), ElementsAre("Hera Pullover Hoodie"));
    EXPECT_THAT(co_await texts("hoo", suggestion_kind::category),
                ElementsAre("Women/Hoodies & Sweatshirts"));
    EXPECT_THAT(co_await texts("oa", brand), ElementsAre("Oak & Sons"));
    EXPECT_THAT(co_await texts("hodi", product), ElementsAre("Hera Pullover Hoodie"));
    EXPECT_THAT(co_await texts("jakc", product), ElementsAre("Rain Jacket"));
    EXPECT_THAT(co_await texts("stonware mu", product), ElementsAre("Stoneware Mug"));
    EXPECT_THAT(co_await texts("stone", suggestion_kind::search), ElementsAre("stoneware"));
    EXPECT_THAT(co_await texts("chair hood", suggestion_kind::search), IsEmpty());
  });
}

// Without its accents each of these is an apostrophe, which ends a lexeme.
TEST(suggestions, take_apostrophes_of_all_kinds) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    auto m = shop();
    co_await m.store_in(ctx, s.products);
    for (const std::string typed : {"’", "‘", "′", "ʼ", "＇", "＼", "’＼‘"}) {
      SCOPED_TRACE(typed);
      EXPECT_THAT(co_await s.products.suggest(ctx, words_of(typed)), IsEmpty());
      // A word before it counts as if it stood alone.
      const auto list = co_await s.products.suggest(ctx, words_of("mug " + typed));
      EXPECT_EQ(std::ranges::count(list, suggestion_kind::product, &suggestion::kind), 2);
      // In a search, too; but one of them is a letter, and so a word, which nothing has.
      const bool is_word = typed == "ʼ";
      for (const auto& text : {typed, "mug " + typed, typed + " mug"}) {
        const auto suggestions = co_await s.front.suggestions(ctx, text);
        EXPECT_TRUE(json::read<suggestion_list>(*suggestions.body));
        const auto found = co_await search_for(s, ctx, text);
        EXPECT_EQ(found.skus.empty(), text == typed || is_word) << text;
      }
    }
  });
}

TEST(categories, are_counted_with_all_below_them) {
  testing::run([](event_loop& loop, const context& ctx) -> task<> {
    auto& s = loop.make<store>(loop, testing::fresh_database(migrations), no_inventory);
    model m;
    m.add({.sku = "A", .categories = {"Home/Light", "Home/Table"}});
    m.add({.sku = "B", .categories = {"Home/Light/Oil"}});
    m.add({.sku = "B1", .categories = {"Elsewhere"}}, "B");
    co_await m.store_in(ctx, s.products);
    const auto encoded = co_await s.front.categories(ctx);
    const auto list = json::read<category_list>(*encoded.body);
    if (!list || list->items.size() != 1) throw std::runtime_error(*encoded.body);
    const auto& home = list->items[0];
    EXPECT_EQ(home.count, 2);
    EXPECT_EQ(home.children.at(0).path, "Home/Light");
    EXPECT_EQ(home.children.at(0).count, 2);
    EXPECT_EQ(home.children.at(1).count, 1);
  });
}

}  // namespace
}  // namespace souk::product
