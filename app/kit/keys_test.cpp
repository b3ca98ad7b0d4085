#include "kit/keys.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <stdexcept>

#include "kit/id.hpp"

namespace souk::security {
namespace {

// The example of RFC 7515, appendix A.3.
constexpr const char* rfc_x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr const char* rfc_y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

constexpr const char* p_384_key = R"(-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDlEw2oYWeZcly66A8o
UOthAl5uYRaAtH6+GRjMNNNNHcvT+NdGCaoeTtuQE7wOEw6hZANiAAQywG3zilcd
1fRlTxtzw3p0IFs52bMqv6Xrk+gswYHEDBH+oZHt2YAUEAVN2q8cQf32S/zalXlC
Cg5Je8XTL5RU73Z9d2ZDBVOQS59sBz+Gd1fWTpKB8ik+IlRg8BqRo+g=
-----END PRIVATE KEY-----
)";

std::string jwk(const std::string& more) {
  return std::string(R"({"kty":"EC","crv":"P-256","x":")") + rfc_x + R"(","y":")" + rfc_y + "\"" +
         more + "}";
}

TEST(public_key, verifies_the_example_of_rfc_7515) {
  const public_key key("rfc", *base64url_decode(rfc_x), *base64url_decode(rfc_y));
  const std::string message =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature = *base64url_decode(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  EXPECT_TRUE(key.verifies(message, signature));
  EXPECT_FALSE(key.verifies(message + "x", signature));
  EXPECT_FALSE(key.verifies(message, signature + "x"));
  EXPECT_FALSE(key.verifies(message, ""));
  EXPECT_FALSE(key.verifies(message, std::string(64, '\0')));
  EXPECT_FALSE(key.verifies(message, std::string(64, '\xff')));
}

RC_GTEST_PROP(private_key, what_it_signs_is_verified_and_nothing_else,
              (const std::string& message)) {
  static const private_key key = private_key::generate(), other = private_key::generate();
  std::string signature = key.sign(message);
  RC_ASSERT(signature.size() == 64u);
  RC_ASSERT(key.public_part().verifies(message, signature));
  RC_ASSERT(!other.public_part().verifies(message, signature));
  signature[*rc::gen::inRange<std::size_t>(0, 64)] ^=
      *rc::gen::elementOf(std::string("\x01\x80\x10"));
  RC_ASSERT(!key.public_part().verifies(message, signature));
}

TEST(private_key, is_read_back_with_the_same_kid) {
  const private_key key = private_key::generate();
  const std::string pem = key.pem();
  EXPECT_EQ(pem.find("kid: " + key.public_part().kid() + "\n-----BEGIN PRIVATE KEY-----"), 0u);
  const private_key back = private_key::from_pem(pem);
  EXPECT_EQ(back.public_part().kid(), key.public_part().kid());
  EXPECT_TRUE(key.public_part().verifies("message", back.sign("message")));
}

TEST(private_key, refuses_everything_else) {
  for (const char* bad :
       {"", "kid: x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGw\n-----END ENCRYPTED PRIVATE KEY-----\n",
        p_384_key})
    EXPECT_THROW(private_key::from_pem(bad), std::runtime_error) << bad;
}

TEST(key_set, is_read_back) {
  const private_key a = private_key::generate(), b = private_key::generate();
  key_set set;
  set.add(a.public_part());
  set.add(b.public_part());
  set.add(a.public_part());
  const key_set back = key_set::from_jwks(set.jwks());
  ASSERT_EQ(back.keys().size(), 2u);
  EXPECT_EQ(back.jwks(), set.jwks());
  EXPECT_TRUE(back.find(b.public_part().kid())->verifies("message", b.sign("message")));
  EXPECT_EQ(back.find("unknown"), nullptr);
}

TEST(key_set, keeps_one_key) {
  const private_key a = private_key::generate(), b = private_key::generate();
  key_set set;
  set.add(a.public_part());
  set.add(b.public_part());
  EXPECT_FALSE(set.keep_only("unknown"));
  EXPECT_EQ(set.keys().size(), 2u);
  EXPECT_TRUE(set.keep_only(b.public_part().kid()));
  ASSERT_EQ(set.keys().size(), 1u);
  EXPECT_EQ(set.keys()[0].kid(), b.public_part().kid());
}

TEST(key_set, passes_over_keys_of_other_kinds) {
  const key_set set =
      key_set::from_jwks(R"({"more":1,"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"},)" +
                         jwk(R"(,"kid":"e","use":"enc")") + "," +
                         jwk(R"(,"kid":"s","use":"sig","alg":"ES256")") + "]}");
  ASSERT_EQ(set.keys().size(), 1u);
  EXPECT_EQ(set.keys()[0].kid(), "s");
}

TEST(key_set, refuses_malformed_sets) {
  const auto set = [](const std::string& keys) { return "{\"keys\":[" + keys + "]}"; };
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("[]"), set(""), set("7"), set(jwk("")),
        set(jwk(R"(,"kid":"")")), set(jwk(R"(,"kid":7)")), set(jwk(R"(,"kid":"a","d":"AAAA")")),
        set(jwk(R"(,"kid":"a")") + "," + jwk(R"(,"kid":"a")")),
        set(R"({"kty":"EC","crv":"P-256","kid":"a","x":"AAAA","y":"AAAA"})"),
        // not on the curve
        set(std::string(R"({"kty":"EC","crv":"P-256","kid":"a","x":")") + rfc_x + R"(","y":")" +
            rfc_x + "\"}")})
    EXPECT_THROW(key_set::from_jwks(bad), std::runtime_error) << bad;
}

}  // namespace
}  // namespace souk::security
