#include "kit/postgres_codec.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kit/postgres.hpp"

namespace souk::pg {
namespace {

enum class colour { red, delete_ };
BOOST_DESCRIBE_ENUM(colour, red, delete_)

template <class T>
std::string written(const T& value) {
  std::string out;
  codec<T>::write(out, value);
  return out;
}

timestamp at(std::string_view rfc3339) {
  return *parse_rfc3339(rfc3339);
}

// A text without NUL, which PostgreSQL doesn't know.
std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

TEST(PostgresCodec, WritesScalarsAsTheServerReadsThem) {
  EXPECT_EQ(written(true), "t");
  EXPECT_EQ(written(std::int64_t{-5}), "-5");
  EXPECT_EQ(written(std::size_t{25}), "25");
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(colour::delete_), "delete");
  EXPECT_EQ(written(json::raw{R"({"a":1})"}), R"({"a":1})");
  EXPECT_EQ(written(at("2026-01-31T12:00:00.5Z")), "2026-01-31T12:00:00.500000Z");
}

TEST(PostgresCodec, ReadsScalars) {
  EXPECT_TRUE(codec<bool>::read("t"));
  EXPECT_FALSE(codec<bool>::read("f"));
  EXPECT_EQ(codec<std::int32_t>::read("-2147483648"), -2147483648LL);
  EXPECT_EQ(codec<std::int64_t>::read("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(codec<double>::read("-1.5e-3"), -0.0015);
  EXPECT_EQ(codec<colour>::read("delete"), colour::delete_);
  EXPECT_EQ((codec<json::integer<1, 5>>::read("5")), 5);
  EXPECT_EQ((codec<json::text<0, 5>>::read("héllo")), "héllo");
}

TEST(PostgresCodec, RefusesWhatDoesNotFit) {
  EXPECT_THROW(codec<bool>::read("true"), std::invalid_argument);
  EXPECT_THROW(codec<std::int32_t>::read("2147483648"), std::invalid_argument);
  EXPECT_THROW(codec<std::int64_t>::read("9223372036854775808"), std::invalid_argument);
  EXPECT_THROW(codec<std::int64_t>::read("1.0"), std::invalid_argument);
  EXPECT_THROW(codec<std::int64_t>::read(""), std::invalid_argument);
  EXPECT_THROW((codec<json::integer<1, 5>>::read("6")), std::invalid_argument);
  EXPECT_THROW(codec<double>::read("x"), std::invalid_argument);
  EXPECT_THROW(codec<colour>::read("delete_"), std::invalid_argument);
  EXPECT_THROW(codec<uuid>::read("123"), std::invalid_argument);
}

TEST(PostgresCodec, ReadsTimestamps) {
  EXPECT_EQ(codec<timestamp>::read("2026-01-31 12:34:56+00"), at("2026-01-31T12:34:56Z"));
  EXPECT_EQ(codec<timestamp>::read("2026-01-31 12:34:56.1+00"), at("2026-01-31T12:34:56.1Z"));
  EXPECT_EQ(codec<timestamp>::read("1969-12-31 23:59:59.999999+00"),
            at("1969-12-31T23:59:59.999999Z"));
  for (const char* wrong :
       {"", "2026-01-31", "2026-01-31 12:34:56", "2026-01-31 12:34:56+05:30",
        "2026-02-30 12:34:56+00", "2026-01-31 12:34:56.+00", "2026-01-31 12:34:56.1234567+00",
        "infinity", "31.01.2026 12:34:56 UTC+00"}) {
    EXPECT_THROW(codec<timestamp>::read(wrong), std::invalid_argument) << wrong;
  }
}

TEST(PostgresCodec, TextWithNulIsRefusedAsTheServerWould) {
  using namespace std::string_literals;
  try {
    written("a\0b"s);
    FAIL() << "no exception";
  } catch (const error& e) {
    EXPECT_EQ(e.sqlstate, "22021");
  }
}

TEST(PostgresCodec, WritesArrays) {
  EXPECT_EQ(written(std::vector<std::int64_t>{}), "{}");
  EXPECT_EQ(written(std::vector<std::int64_t>{1, -2}), "{1,-2}");
  EXPECT_EQ(written(std::vector<std::string>{"a", "", "NULL", R"(q"\)"}),
            R"({"a","","NULL","q\"\\"})");
  EXPECT_EQ(written(std::vector<uuid>{uuid{}}), R"({"00000000-0000-0000-0000-000000000000"})");
  EXPECT_EQ(written(std::vector<colour>{colour::red, colour::delete_}), R"({"red","delete"})");
  EXPECT_EQ((written(json::list<std::string, 0, 5>{"a"})), R"({"a"})");
}

TEST(PostgresCodec, ReadsArrays) {
  using texts = std::vector<std::string>;
  EXPECT_EQ(codec<texts>::read("{}"), texts{});
  EXPECT_EQ(codec<texts>::read(R"({a,"b,c","",d e,"q\"\\{}"})"),
            (texts{"a", "b,c", "", "d e", R"(q"\{})"}));
  EXPECT_EQ(codec<std::vector<std::int64_t>>::read("{1,-2}"), (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(codec<texts>::read(R"({"NULL"})"), texts{"NULL"});
  for (const char* wrong :
       {"", "{", "}", "{a", "a}", "{a,}", "{,a}", "{\"a}", R"({"a\"})", R"({"a"b})", "{{a}}",
        "{a}}", "{NULL}", "[0:1]={a,b}", "{\"", "{\"}", "{\\}", R"({"\})"}) {
    EXPECT_THROW(codec<texts>::read(wrong), std::invalid_argument) << wrong;
  }
}

RC_GTEST_PROP(PostgresCodecProperty, ArraysOfTextComeBack, (const std::vector<std::string>& any)) {
  std::vector<std::string> texts;
  for (const auto& text : any) texts.push_back(without_nul(text));
  RC_ASSERT(codec<std::vector<std::string>>::read(written(texts)) == texts);
}

RC_GTEST_PROP(PostgresCodecProperty, ReadingAnArrayNeverLeavesItsText, (const std::string& any)) {
  for (const auto& text : {any, "{" + any, "{" + any + "}", "{\"" + any + "}"}) {
    try {
      detail::read_array(text);
    } catch (const std::invalid_argument&) {
    }
  }
}

RC_GTEST_PROP(PostgresCodecProperty, NumbersComeBack, (std::int64_t integer, double real)) {
  RC_ASSERT(codec<std::int64_t>::read(written(integer)) == integer);
  RC_ASSERT(codec<double>::read(written(real)) == real);
}

TEST(PostgresParameters, AreInOrderAndNullable) {
  const std::optional<std::string> none, some = "x";
  const auto p = parameters::of("a", none, some, 5, std::nullopt);
  ASSERT_EQ(p.starts.size(), 5u);
  EXPECT_STREQ(p.bytes.data() + p.starts[0], "a");
  EXPECT_EQ(p.starts[1], std::string::npos);
  EXPECT_STREQ(p.bytes.data() + p.starts[2], "x");
  EXPECT_STREQ(p.bytes.data() + p.starts[3], "5");
  EXPECT_EQ(p.starts[4], std::string::npos);
}

}  // namespace
}  // namespace souk::pg
