#include "kit/json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <unordered_set>

namespace souk::json {

void PrintTo(const field_error& e, std::ostream* out) {
  *out << e.pointer << ": " << e.detail;
}

enum class colour { red, green, delete_ };
BOOST_DESCRIBE_ENUM(colour, red, green, delete_)

struct identified {
  uuid id;
};
BOOST_DESCRIBE_STRUCT(identified, (), (id))

struct line : identified {
  integer<1, 1000> quantity;
};
BOOST_DESCRIBE_STRUCT(line, (identified), (quantity))

// One field of each type.
struct everything {
  std::string any;
  text<1, 5> limited;
  std::int64_t big = 0;
  int small = 0;
  std::uint16_t port = 0;
  double share = 0;
  bool delete_ = false;
  std::optional<std::string> maybe;
  nullable<std::int64_t> patch;
  std::vector<line> lines;
  list<int, 1, 3> few;
  std::map<std::string, std::vector<std::string>> free;
  uuid id;
  timestamp at;
  colour tint = colour::red;
};
BOOST_DESCRIBE_STRUCT(everything, (),
                      (any, limited, big, small, port, share, delete_, maybe, patch, lines, few,
                       free, id, at, tint))

struct tree {
  std::string name;
  std::vector<tree> children;
};
BOOST_DESCRIBE_STRUCT(tree, (), (name, children))

struct patch {
  nullable<text<1, 5>> brand;
};
BOOST_DESCRIBE_STRUCT(patch, (), (brand))

struct answer {
  raw body;
  std::string_view note;
};
BOOST_DESCRIBE_STRUCT(answer, (), (body, note))

namespace other {
struct line {
  int quantity;
};
BOOST_DESCRIBE_STRUCT(line, (), (quantity))
}  // namespace other

template <class T>
struct page {
  std::vector<T> items;
  BOOST_DESCRIBE_CLASS(page, (), (items), (), ())
};

// A codec of a service's own: a product by id or by slug.
struct reference {
  std::optional<uuid> id;
  std::string slug;
};
template <>
struct codec<reference> {
  static void read(const node& n, const path& where, reference& out, report& r) {
    if (n.kind() == kind::text) return codec<std::string>::read(n, where, out.slug, r);
    if (const auto id = n.field("id"))
      return codec<uuid>::read(*id, path(where, "id"), out.id.emplace(), r);
    r.add(where, "must be a slug or an object with an id");
  }
};

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class T>
errors problems(std::string_view document) {
  auto result = read<T>(document);
  return result ? errors{} : result.error();
}

template <class T>
std::string problem(std::string_view document) {
  const errors all = problems<T>(document);
  if (all.size() != 1) return fmt::format("{} problems", all.size());
  return all.front().pointer.empty() ? all.front().detail
                                     : all.front().pointer + ": " + all.front().detail;
}

// ---------------------------------------------------------------------------------------------
// Generators.

// All of Unicode but NUL, with the places where the length of the encoding changes.
std::string utf8(std::uint32_t c) {
  std::string out;
  const auto add = [&](std::uint32_t byte) {
    out += static_cast<char>(static_cast<std::uint8_t>(byte));
  };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6), add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12), add(0x80 | (c >> 6 & 0x3F)), add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18), add(0x80 | (c >> 12 & 0x3F)), add(0x80 | (c >> 6 & 0x3F)),
        add(0x80 | (c & 0x3F));
  }
  return out;
}

bool is_surrogate(std::uint32_t c) {
  return c >= 0xD800 && c <= 0xDFFF;
}

rc::Gen<std::string> character() {
  using rc::gen::inRange;
  return rc::gen::map(
      rc::gen::suchThat(
          rc::gen::oneOf(inRange<std::uint32_t>(1, 0x80), inRange<std::uint32_t>(1, 0x20),
                         rc::gen::elementOf(std::vector<std::uint32_t>{
                             '"', '\\', '/', 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF,
                             0x10000, 0x10FFFF, 0x2028, 0xFEFF}),
                         inRange<std::uint32_t>(0x80, 0x110000)),
          [](std::uint32_t c) { return !is_surrogate(c); }),
      utf8);
}

std::string any_text(int max_characters = 20) {
  std::string out;
  const int count = *rc::gen::inRange(0, max_characters + 1);
  for (int i = 0; i < count; ++i) out += *character();
  return out;
}

uuid any_uuid() {
  uuid id;
  for (auto& b : id.bytes) b = *rc::gen::arbitrary<std::uint8_t>();
  return id;
}

double any_double() {
  const auto bits = *rc::gen::arbitrary<std::uint64_t>();
  double d;
  std::memcpy(&d, &bits, sizeof d);
  return std::isfinite(d) ? d : *rc::gen::arbitrary<double>();
}

everything any_everything() {
  everything e;
  e.any = any_text();
  e.limited = any_text(4) + *character();
  e.big = *rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(),
                          rc::gen::just(std::numeric_limits<std::int64_t>::max()),
                          rc::gen::just(std::numeric_limits<std::int64_t>::min()));
  e.small = *rc::gen::arbitrary<int>();
  e.port = *rc::gen::arbitrary<std::uint16_t>();
  e.share = any_double();
  e.delete_ = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) e.maybe = any_text();
  e.patch.present = *rc::gen::arbitrary<bool>();
  if (e.patch.present && *rc::gen::arbitrary<bool>())
    e.patch.value = *rc::gen::arbitrary<std::int64_t>();
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
    e.lines.push_back({{any_uuid()}, {*rc::gen::inRange<std::int64_t>(1, 1001)}});
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) e.few.push_back(*rc::gen::arbitrary<int>());
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) e.free[any_text()] = {any_text(), any_text()};
  e.id = any_uuid();
  e.at = timestamp(std::chrono::microseconds(
      *rc::gen::inRange<std::int64_t>(-62'000'000'000'000'000, 250'000'000'000'000'000)));
  e.tint = *rc::gen::element(colour::red, colour::green, colour::delete_);
  return e;
}

// ---------------------------------------------------------------------------------------------
// Round trips.

RC_GTEST_PROP(json, reads_what_it_wrote, ()) {
  const everything e = any_everything();
  const std::string document = write(e);
  const auto back = read<everything>(document);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->any == e.any);
  RC_ASSERT(back->limited == e.limited);
  RC_ASSERT(back->big == e.big);
  RC_ASSERT(back->small == e.small);
  RC_ASSERT(back->port == e.port);
  RC_ASSERT(back->share == e.share);
  RC_ASSERT(back->delete_ == e.delete_);
  RC_ASSERT(back->maybe == e.maybe);
  RC_ASSERT(back->patch.present == e.patch.present);
  RC_ASSERT(back->patch.value == e.patch.value);
  RC_ASSERT(back->lines.size() == e.lines.size());
  RC_ASSERT(back->few == e.few);
  RC_ASSERT(back->free == e.free);
  RC_ASSERT(back->id == e.id);
  RC_ASSERT(back->at == e.at);
  RC_ASSERT(back->tint == e.tint);
  RC_ASSERT(write(*back) == document);
}

RC_GTEST_PROP(json, doubles_come_back_exactly, ()) {
  const double d = any_double();
  RC_ASSERT(read<double>(write(d)).value() == d);
  RC_ASSERT(from_text<double>(write(d)).value() == d);
}

TEST(json, every_character_of_unicode_survives) {
  for (std::uint32_t c = 1; c <= 0x10FFFF; ++c) {
    if (is_surrogate(c)) continue;
    const std::string text = "a" + utf8(c) + "b";
    const auto back = read<std::string>(write(text));
    ASSERT_TRUE(back) << "U+" << std::hex << c;
    ASSERT_EQ(*back, text) << "U+" << std::hex << c;
  }
}

TEST(json, escaped_characters_are_read) {
  EXPECT_EQ(read<std::string>(R"("\u0041\u00e9\u20ac\ud83d\ude00\/\"\\\b\f\n\r\t")"),
            "A\u00e9\u20ac\U0001F600/\"\\\b\f\n\r\t");
}

RC_GTEST_PROP(json, any_bytes_become_well_formed_text, (const std::string& bytes)) {
  std::string out;
  write_string(out, bytes);
  RC_ASSERT(is_utf8(out));
  const auto back = read<std::string>(out);
  if (is_utf8(bytes) && bytes.find('\0') == bytes.npos) RC_ASSERT(back.value() == bytes);
}

RC_GTEST_PROP(json, noise_is_refused_or_read_but_nothing_else, ()) {
  std::string document = write(any_everything());
  for (int i = *rc::gen::inRange(1, 5); i > 0; --i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, document.size());
    document.replace(at, *rc::gen::inRange<std::size_t>(0, 3), *rc::gen::arbitrary<std::string>());
  }
  const auto result = read<everything>(document);
  if (!result) {
    RC_ASSERT(!result.error().empty());
    for (const field_error& e : result.error()) {
      RC_ASSERT(!e.detail.empty());
      RC_ASSERT(is_utf8(e.pointer));
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Documents.

TEST(json, refuses_what_is_no_json) {
  for (const char* bad : {"{",
                          "[1,2",
                          "{\"a\":1,}",
                          "[1,]",
                          "nul",
                          "tru",
                          "'a'",
                          "{a:1}",
                          "01",
                          "+1",
                          ".5",
                          "1.",
                          "0x1",
                          "NaN",
                          "Infinity",
                          "-",
                          "1e",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"a\nb\"",
                          "\"\\ud800\"",
                          "\"\\udc00\"",
                          "\"\\ud800\\u0041\"",
                          "// c\n1",
                          "[1]/**/",
                          "\xEF\xBB\xBF{}",
                          "\"abc"})
    EXPECT_TRUE(document(bad).error()) << bad;
}

TEST(json, says_why_a_document_is_refused) {
  EXPECT_EQ(problem<int>(""), "a JSON document is expected");
  EXPECT_EQ(problem<int>(" \n"), "a JSON document is expected");
  EXPECT_EQ(problem<int>("1 2"), "must be a single JSON document, with nothing behind it (byte 2)");
  EXPECT_EQ(problem<int>("{\"a\":"), "must be a complete JSON document");
  EXPECT_EQ(problem<int>("{]"), "must be well-formed JSON (byte 1)");
  EXPECT_EQ(problem<int>("1e99999999999"), "must not contain numbers beyond 64 bits (byte 11)");
  EXPECT_EQ(problem<int>(" 1 \r\n\t"), "0 problems");
}

TEST(json, refuses_invalid_utf8) {
  for (const char* bad : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                          "\"\xe2\x82\"", "\"\x80\"", "{\"\xff\":1}"})
    EXPECT_EQ(problem<std::string>(bad), "must be UTF-8") << bad;
}

TEST(json, limits_depth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_FALSE(document(nested(max_depth)).error());
  ASSERT_TRUE(document(nested(max_depth + 1)).error());
  EXPECT_EQ(document(nested(max_depth + 1)).error()->detail,
            "must not be nested deeper than 32 levels (byte 32)");
  EXPECT_TRUE(document(std::string(1'000'000, '[')).error());
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_TRUE(document(objects).error());
}

TEST(json, a_node_shows_what_is_there) {
  const document d(R"({"a":[1,"x",null,{"b":true}],"c":1.5,"a":2})");
  ASSERT_FALSE(d.error());
  const node root = d.root();
  ASSERT_EQ(root.size(), 3u);
  std::vector<std::string> keys;
  for (const node field : root) keys.emplace_back(field.key());
  EXPECT_THAT(keys, ElementsAre("a", "c", "a"));
  const node a = *root.field("a");
  EXPECT_FALSE(a.repeated());
  EXPECT_TRUE((*std::next(root.begin(), 2)).repeated());
  ASSERT_EQ(a.size(), 4u);
  EXPECT_EQ((*a.begin()).as_int64(), 1);
  EXPECT_EQ((*std::next(a.begin(), 1)).as_text(), "x");
  EXPECT_EQ((*std::next(a.begin(), 2)).kind(), kind::null);
  EXPECT_TRUE((*std::next(a.begin(), 3)).field("b")->as_bool());
  EXPECT_EQ(root.field("c")->as_double(), 1.5);
  EXPECT_FALSE(root.field("c")->as_int64());
  EXPECT_FALSE(root.field("b"));
  EXPECT_EQ(root.field("c")->begin(), root.field("c")->end());
}

// ---------------------------------------------------------------------------------------------
// Fields.

TEST(json, names_every_wrong_field_at_once) {
  EXPECT_THAT(
      problems<everything>(R"({
        "any": 1, "limited": "", "big": "1", "small": 2147483648, "port": -1, "share": true,
        "delete": 0, "maybe": null, "patch": "x",
        "lines": [{"id": "x", "quantity": 0}, 7, {"quantity": 1001}], "few": [],
        "free": {"a": [1], "b/~c": "x"}, "id": 5, "at": "yesterday", "tint": "blue", "surplus": 1})"),
      ElementsAre(field_error{"/any", "must be a text of at most 10000 characters"},
                  field_error{"/limited", "must have 1 to 5 characters"},
                  field_error{"/big", "must be a whole number within 64 bits"},
                  field_error{"/small", "must be a whole number from -2147483648 to 2147483647"},
                  field_error{"/port", "must be a whole number from 0 to 65535"},
                  field_error{"/share", "must be a finite number"},
                  field_error{"/delete", "must be true or false"},
                  field_error{"/maybe", "must be a text of at most 10000 characters"},
                  field_error{"/patch", "must be a whole number within 64 bits"},
                  field_error{"/lines/0/id", "must be a UUID in its form of 36 characters"},
                  field_error{"/lines/0/quantity", "must be a whole number from 1 to 1000"},
                  field_error{"/lines/1", "must be an object"},
                  field_error{"/lines/2/quantity", "must be a whole number from 1 to 1000"},
                  field_error{"/lines/2/id", "is required"},
                  field_error{"/few", "must be a list of 1 to 3 elements"},
                  field_error{"/free/a/0", "must be a text of at most 10000 characters"},
                  field_error{"/free/b~1~0c", "must be a list of at most 10000 elements"},
                  field_error{"/id", "must be a UUID in its form of 36 characters"},
                  field_error{"/at", "must be a time as 2026-01-31T12:00:00Z (RFC 3339)"},
                  field_error{"/tint", "must be one of red, green, delete"},
                  field_error{"/surplus", "is not a known field"}));
  EXPECT_EQ(problem<everything>("[]"), "must be an object");
}

TEST(json, optional_and_nullable_may_be_absent_and_nothing_else) {
  std::vector<std::string> missing;
  for (const auto& e : problems<everything>("{}")) {
    EXPECT_EQ(e.detail, "is required");
    missing.push_back(e.pointer);
  }
  EXPECT_THAT(missing, ElementsAre("/any", "/limited", "/big", "/small", "/port", "/share",
                                   "/delete", "/lines", "/few", "/free", "/id", "/at", "/tint"));
}

TEST(json, refuses_repeated_fields) {
  EXPECT_EQ(
      problem<line>(R"({"quantity":1,"id":"0190a0b0-c0d0-7abc-8def-0123456789ab","quantity":1})"),
      "/quantity: must not be repeated");
  EXPECT_EQ(problem<line>(
                R"({"\u0071uantity":1,"id":"0190a0b0-c0d0-7abc-8def-0123456789ab","quantity":1})"),
            "/quantity: must not be repeated");
  using map = std::map<std::string, int>;
  EXPECT_EQ(problem<map>(R"({"a":1,"b":2,"a":3})"), "/a: must not be repeated");
  EXPECT_EQ(problem<map>(R"({"a":1,"b":2})"), "0 problems");
  // Also for those who ignore unknown fields.
  EXPECT_FALSE(read_lenient<other::line>(R"({"quantity":1,"x":1,"x":2})"));
}

TEST(json, lenient_reading_ignores_unknown_fields_and_nothing_else) {
  EXPECT_TRUE(read_lenient<other::line>(R"({"new":{"a":[1]},"quantity":1})"));
  EXPECT_FALSE(read_lenient<other::line>(R"({"new":1,"quantity":"1"})"));
  EXPECT_FALSE(read_lenient<other::line>(R"({"new":1})"));
  EXPECT_FALSE(read<other::line>(R"({"new":1,"quantity":1})"));
}

TEST(json, error_details_never_repeat_what_was_received) {
  for (const field_error& e : problems<everything>(
           R"({"any":"sesame\u0000","limited":"sesame open","tint":"sesame","at":"sesame"})"))
    EXPECT_EQ(e.detail.find("sesame"), std::string::npos) << e.pointer;
  const auto unknown =
      problems<other::line>("{\"quantity\":1,\"" + std::string(500, 'x') + "\":1}");
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_EQ(unknown[0].pointer, "/" + std::string(64, 'x'));
}

TEST(json, clips_names_between_characters) {
  std::string name;
  for (int i = 0; i < 100; ++i) name += "\u20ac";
  const path document;
  const path at(document, name);
  EXPECT_EQ(count_characters(at.pointer()), 65u);
  EXPECT_TRUE(is_utf8(at.pointer()));
}

TEST(json, reports_at_most_fifty_errors) {
  std::string document = "[0";
  for (int i = 0; i < 1000; ++i) document += ",\"x\"";
  EXPECT_EQ(problems<std::vector<int>>(document + "]").size(), 50u);
}

TEST(json, whole_numbers_are_written_as_such) {
  for (const char* good : {"0", "-0", "9223372036854775807", "-9223372036854775808"})
    EXPECT_EQ(problem<std::int64_t>(good), "0 problems") << good;
  for (const char* bad :
       {"1.0", "1e3", "1E0", "-0.0", "9223372036854775808", "18446744073709551615",
        "-9223372036854775809", "99999999999999999999999999"})
    EXPECT_EQ(problem<std::int64_t>(bad),
              "must be a whole number within 64 bits, without fraction or exponent")
        << bad;
  EXPECT_EQ(problem<std::int32_t>("2147483648"),
            "must be a whole number from -2147483648 to 2147483647");
  EXPECT_EQ(problem<std::uint64_t>("-1"), "must be a whole number of at least 0");
  EXPECT_EQ((problem<integer<1, 9>>("10")), "must be a whole number from 1 to 9");
}

TEST(json, doubles_are_finite) {
  for (const char* good : {"0", "1", "-1.5e300", "1e-400", "9223372036854775808", "0.1", "-0.0"})
    EXPECT_EQ(problem<double>(good), "0 problems") << good;
  for (const char* bad : {"1e400", "-1e400", "\"1\"", "null", "[]"})
    EXPECT_EQ(problem<double>(bad), "must be a finite number") << bad;
  EXPECT_EQ(*read<double>("0.1"), 0.1);
  EXPECT_EQ(write(1.0), "1");
  EXPECT_EQ(write(0.1), "0.1");
  EXPECT_THROW(write(std::nan("")), std::logic_error);
  EXPECT_THROW(write(std::numeric_limits<double>::infinity()), std::logic_error);
}

TEST(json, text_counts_characters_and_has_no_nul) {
  using five = text<1, 5>;
  EXPECT_EQ(problem<five>("\"\u00e4\u20ac\U0001F600xy\""), "0 problems");
  EXPECT_EQ(problem<five>("\"\u00e4\u20ac\U0001F600xyz\""), "must have 1 to 5 characters");
  EXPECT_EQ(problem<five>("\"a\\u0000b\""), "must not contain the NUL character");
  EXPECT_EQ(problem<std::string>("\"" + std::string(10'000, 'x') + "\""), "0 problems");
  EXPECT_EQ(problem<std::string>("\"" + std::string(10'001, 'x') + "\""),
            "must have at most 10000 characters");
  using three = text<3, 3>;
  EXPECT_EQ(problem<three>("\"ab\""), "must have exactly 3 characters");
  using map = std::map<std::string, int>;
  EXPECT_EQ(problems<map>("{\"a\\u0000b\":1}").at(0).detail,
            "the name must not contain the NUL character");
}

TEST(json, lists_are_limited_before_they_are_read) {
  std::string document = "[1";
  for (int i = 0; i < 10'000; ++i) document += ",1";
  EXPECT_EQ(problem<std::vector<int>>(document + "]"), "must be a list of at most 10000 elements");
}

TEST(json, a_patch_tells_absent_from_null) {
  EXPECT_FALSE(read<patch>("{}")->brand.present);
  EXPECT_TRUE(read<patch>(R"({"brand":null})")->brand.present);
  EXPECT_FALSE(read<patch>(R"({"brand":null})")->brand.value);
  EXPECT_EQ(*read<patch>(R"({"brand":"x"})")->brand.value, "x");
  EXPECT_EQ(write(patch{}), "{}");
  EXPECT_EQ(write(patch{{.present = true}}), R"({"brand":null})");
  EXPECT_EQ(write(patch{{.value = "x"}}), R"({"brand":"x"})");
}

TEST(json, a_text_may_stand_for_a_list) {
  EXPECT_THAT(*read<text_or_list>(R"("red")"), ElementsAre("red"));
  EXPECT_THAT(*read<text_or_list>(R"(["red","green"])"), ElementsAre("red", "green"));
  EXPECT_THAT(*read<text_or_list>("[]"), IsEmpty());
  EXPECT_EQ(problem<text_or_list>("7"), "must be a text or a list of texts");
  EXPECT_EQ(problem<text_or_list>(R"(["red",7])"),
            "/1: must be a text of at most 10000 characters");
  EXPECT_EQ(problem<text_or_list>(R"("\u0000")"), "must not contain the NUL character");
  EXPECT_EQ(write(text_or_list{"red"}), R"(["red"])");
}

TEST(json, a_service_can_have_codecs_of_its_own) {
  EXPECT_EQ(read<reference>(R"("teapot")")->slug, "teapot");
  EXPECT_TRUE(read<reference>(R"({"id":"0190a0b0-c0d0-7abc-8def-0123456789ab"})")->id);
  EXPECT_EQ(problem<reference>(R"({"id":1})"), "/id: must be a UUID in its form of 36 characters");
  EXPECT_EQ(problem<std::vector<reference>>("[7]"), "/0: must be a slug or an object with an id");
}

TEST(json, recursive_and_derived_structs_work) {
  const auto t = read<tree>(R"({"name":"a","children":[{"name":"b","children":[]}]})");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->children.at(0).name, "b");
  EXPECT_EQ(write(line{{}, {3}}), R"({"id":"00000000-0000-0000-0000-000000000000","quantity":3})");
}

TEST(json, raw_is_written_as_it_stands) {
  EXPECT_EQ(write(answer{{"[1, 2]"}, "x"}), R"({"body":[1, 2],"note":"x"})");
  EXPECT_EQ(write(answer{}), R"({"body":null,"note":""})");
}

TEST(json, refuses_to_write_what_is_no_enumerator) {
  EXPECT_THROW(write(static_cast<colour>(77)), std::logic_error);
  EXPECT_EQ(enum_text(colour::delete_), "delete");
  EXPECT_EQ(enum_from_text<colour>("delete"), colour::delete_);
  EXPECT_FALSE(enum_from_text<colour>("delete_"));
}

TEST(text, is_formatted_compared_and_hashed_as_a_string) {
  const text<1, 5> t("abc");
  EXPECT_EQ(fmt::format("{}", t), "abc");
  EXPECT_EQ(t, "abc");
  EXPECT_EQ(t, std::string("abc"));
  EXPECT_TRUE((std::unordered_set<text<1, 5>>{t}.contains(t)));
}

// ---------------------------------------------------------------------------------------------
// Single values.

TEST(from_text, follows_the_rules_of_documents) {
  EXPECT_EQ(from_text<std::int64_t>("-12"), -12);
  for (const char* bad :
       {"", " 1", "1 ", "+1", "01", "1.0", "1e3", "0x1", "9223372036854775808", "-"})
    EXPECT_EQ(from_text<std::int64_t>(bad).error(), "must be a whole number within 64 bits") << bad;
  EXPECT_EQ((from_text<integer<1, 100>>("24")->value), 24);
  EXPECT_EQ((from_text<integer<1, 100>>("0").error()), "must be a whole number from 1 to 100");
  EXPECT_EQ(from_text<double>("1.5e3"), 1500);
  for (const char* bad : {"", "inf", "nan", "1e999", "0x1p3", ".5", "1.", "1,5", "00"})
    EXPECT_EQ(from_text<double>(bad).error(), "must be a finite number") << bad;
  EXPECT_EQ(from_text<bool>("true"), true);
  EXPECT_EQ(from_text<bool>("1").error(), "must be true or false");
  EXPECT_EQ(from_text<std::string>("a b"), "a b");
  EXPECT_EQ(from_text<std::string>("\xff").error(), "must be UTF-8");
  EXPECT_EQ(from_text<std::string>(std::string_view("\0", 1)).error(),
            "must not contain the NUL character");
  EXPECT_EQ((from_text<text<1, 5>>("").error()), "must have 1 to 5 characters");
  EXPECT_EQ(from_text<colour>("green"), colour::green);
  EXPECT_EQ(from_text<colour>("GREEN").error(), "must be one of red, green, delete");
  EXPECT_TRUE(from_text<uuid>("0190a0b0-c0d0-7abc-8def-0123456789ab"));
  EXPECT_FALSE(from_text<uuid>("0190a0b0"));
  EXPECT_TRUE(from_text<timestamp>("2026-01-31T12:00:00Z"));
  EXPECT_FALSE(from_text<timestamp>("2026-01-31"));
}

// ---------------------------------------------------------------------------------------------
// Schemas.

TEST(schema, describes_the_types_and_their_limits) {
  schema_set set;
  EXPECT_EQ(schema_of<everything>(set), R"({"$ref":"#/components/schemas/everything"})");
  ASSERT_EQ(set.components.size(), 2u);
  EXPECT_EQ(set.components["line"],
            R"({"type":"object","properties":{"id":{"type":"string","format":"uuid"},)"
            R"("quantity":{"type":"integer","format":"int32","minimum":1,"maximum":1000}},)"
            R"("required":["id","quantity"],"additionalProperties":false})");
  EXPECT_EQ(
      set.components["everything"],
      R"({"type":"object","properties":{)"
      R"("any":{"type":"string","maxLength":10000},)"
      R"("limited":{"type":"string","minLength":1,"maxLength":5},)"
      R"("big":{"type":"integer","format":"int64","minimum":-9223372036854775808,"maximum":9223372036854775807},)"
      R"("small":{"type":"integer","format":"int32","minimum":-2147483648,"maximum":2147483647},)"
      R"("port":{"type":"integer","format":"int32","minimum":0,"maximum":65535},)"
      R"("share":{"type":"number"},)"
      R"("delete":{"type":"boolean"},)"
      R"("maybe":{"type":"string","maxLength":10000},)"
      R"("patch":{"anyOf":[{"type":"integer","format":"int64","minimum":-9223372036854775808,"maximum":9223372036854775807},{"type":"null"}]},)"
      R"("lines":{"type":"array","items":{"$ref":"#/components/schemas/line"},"maxItems":10000},)"
      R"("few":{"type":"array","items":{"type":"integer","format":"int32","minimum":-2147483648,"maximum":2147483647},"minItems":1,"maxItems":3},)"
      R"("free":{"type":"object","additionalProperties":{"type":"array","items":{"type":"string","maxLength":10000},"maxItems":10000}},)"
      R"("id":{"type":"string","format":"uuid"},)"
      R"("at":{"type":"string","format":"date-time"},)"
      R"("tint":{"type":"string","enum":["red","green","delete"]}},)"
      R"("required":["any","limited","big","small","port","share","delete","lines","few","free","id","at","tint"],)"
      R"("additionalProperties":false})");
  for (const auto& [name, schema] : set.components) EXPECT_FALSE(document(schema).error()) << name;
}

TEST(schema, recursive_structs_refer_to_themselves) {
  schema_set set;
  schema_of<tree>(set);
  EXPECT_THAT(set.components.at("tree"), ::testing::HasSubstr("#/components/schemas/tree"));
}

TEST(schema, two_different_structs_cannot_have_one_name) {
  schema_set set;
  schema_of<line>(set);
  EXPECT_NO_THROW(schema_of<line>(set));
  EXPECT_THROW(schema_of<other::line>(set), std::logic_error);
}

TEST(schema, templates_are_named_by_their_arguments) {
  schema_set set;
  EXPECT_EQ(schema_of<page<other::line>>(set), R"({"$ref":"#/components/schemas/page_line"})");
  EXPECT_EQ(schema_of<answer>(set), R"({"$ref":"#/components/schemas/answer"})");
  EXPECT_THAT(set.components.at("answer"), ::testing::HasSubstr(R"("body":{})"));
}

}  // namespace
}  // namespace souk::json
