#include "kit/security.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kit/id.hpp"
#include "kit/keys.hpp"
#include "kit/time.hpp"

namespace souk::security {
namespace {

using namespace std::chrono_literals;

std::int64_t in_seconds(std::int64_t seconds) {
  return std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count() + seconds;
}

// A folder with keys as souk-keys makes them.
struct session_test : ::testing::Test {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("souk-security-" + random_hex(8));
  std::string private_file = folder / "session.pem", public_file = folder / "session.jwks";
  private_key key = private_key::generate();

  session_test() {
    std::filesystem::create_directory(folder);
    key_set set;
    set.add(key.public_part());
    write(public_file, set.jwks());
    write(private_file, key.pem());
  }
  ~session_test() override { std::filesystem::remove_all(folder); }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }

  token_settings settings() const { return {public_file, "souk", "shop"}; }
  std::string valid_token() {
    return signer(private_file, "souk", "shop").sign({"user-1", false, in_seconds(60)});
  }

  // A token with a header and claims of the test's choice, signed correctly.
  std::string token(const std::string& header, const std::string& claims) const {
    const std::string text = base64url_encode(header) + "." + base64url_encode(claims);
    return text + "." + base64url_encode(key.sign(text));
  }
  std::string header(const std::string& more = "") const {
    return R"({"alg":"ES256","kid":")" + key.public_part().kid() + "\"" + more + "}";
  }
  std::string claims(const std::string& instead_of = "",
                     const std::string& replacement = "") const {
    std::string text = R"({"iss":"souk","aud":"shop","sub":"user-1","role":"shopper","exp":)" +
                       std::to_string(in_seconds(60)) + "}";
    if (const auto at = text.find(instead_of); !instead_of.empty())
      text.replace(at, instead_of.size(), replacement);
    return text;
  }
};

TEST_F(session_test, a_signed_session_is_verified) {
  verifier v(settings());
  signer s(private_file, "souk", "shop");
  const std::int64_t expires = in_seconds(60);
  for (int i = 0; i < 2; ++i) {  // the second time from memory
    const auto shopper = v.verify(s.sign({"user-1", false, expires}));
    ASSERT_TRUE(shopper);
    EXPECT_EQ(shopper->subject, "user-1");
    EXPECT_FALSE(shopper->is_admin);
    EXPECT_EQ(shopper->expires, expires);
  }
  const std::string token = s.sign({"admin", true, expires});
  EXPECT_TRUE(v.verify(token)->is_admin);
  EXPECT_TRUE(v.verify(token)->is_admin);
}

TEST_F(session_test, the_tokens_that_these_tests_make_are_valid_unless_spoiled) {
  verifier v(settings());
  EXPECT_TRUE(v.verify(token(header(), claims())));
  EXPECT_TRUE(v.verify(token(header(R"(,"typ":"JWT","jku":"http://x")"), claims())));
  EXPECT_TRUE(v.verify(token(header(), claims("}", R"(,"nbf":1,"more":{"a":[1]}})"))));
}

TEST_F(session_test, refuses_other_headers) {
  verifier v(settings());
  const std::string kid = key.public_part().kid();
  for (const std::string& bad :
       {R"({"alg":"none","kid":")" + kid + "\"}", R"({"alg":"HS256","kid":")" + kid + "\"}",
        R"({"alg":"es256","kid":")" + kid + "\"}", R"({"kid":")" + kid + "\"}",
        std::string(R"({"alg":"ES256"})"), std::string(R"({"alg":"ES256","kid":"unknown"})"),
        std::string(R"({"alg":"ES256","kid":7})"), header(R"(,"crit":["b64"])"),
        header(R"(,"crit":[])"), header(R"(,"typ":"at+jwt")"), header(R"(,"typ":1)"),
        header(R"(,"alg":"ES256")"), header() + " x", std::string("[]"), std::string()})
    EXPECT_FALSE(v.verify(token(bad, claims()))) << bad;
}

TEST_F(session_test, refuses_other_claims) {
  verifier v(settings());
  const std::string exp = "\"exp\":" + std::to_string(in_seconds(60));
  const std::pair<std::string, std::string> changes[] = {
      {R"("iss":"souk",)", ""},
      {R"("iss":"souk")", R"("iss":"other")"},
      {R"("aud":"shop",)", ""},
      {R"("aud":"shop")", R"("aud":"other")"},
      {R"("aud":"shop")", R"("aud":["shop"])"},
      {R"("sub":"user-1",)", ""},
      {R"("sub":"user-1")", R"("sub":"")"},
      {R"("sub":"user-1")", R"("sub":1)"},
      {R"("sub":"user-1")", R"("sub":"a\u0000b")"},
      {R"("sub":"user-1")", "\"sub\":\"" + std::string(129, 'x') + "\""},
      {R"("role":"shopper",)", ""},
      {R"("role":"shopper")", R"("role":"root")"},
      {R"("role":"shopper")", R"("role":["admin"])"},
      {R"("role":"shopper")", R"("role":"shopper","role":"admin")"},
      {"," + exp, ""},
      {exp, "\"exp\":" + std::to_string(in_seconds(0))},
      {exp, "\"exp\":" + std::to_string(in_seconds(-3600))},
      {exp, "\"exp\":\"" + std::to_string(in_seconds(60)) + "\""},
      {exp, "\"exp\":1e18"},
      {exp, "\"exp\":null"},
      {exp, exp + ",\"nbf\":" + std::to_string(in_seconds(30))},
      {exp, exp + ",\"nbf\":\"now\""},
      {exp, exp + ",\"x\":1,\"x\":2"},
  };
  for (const auto& [from, to] : changes) {
    const std::string text = claims();
    ASSERT_NE(text.find(from), text.npos) << from;
    EXPECT_FALSE(v.verify(token(header(), claims(from, to)))) << from << " -> " << to;
  }
  for (const char* bad : {"", "[]", "null", "{"})
    EXPECT_FALSE(v.verify(token(header(), bad))) << bad;
}

TEST_F(session_test, refuses_tokens_changed_in_any_place) {
  verifier v(settings());
  const std::string good = valid_token();
  ASSERT_TRUE(v.verify(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(v.verify(bad)) << i;
    EXPECT_FALSE(v.verify(good.substr(0, i))) << i;
  }
  EXPECT_FALSE(v.verify(good + "."));
  EXPECT_FALSE(v.verify(good + "="));
  EXPECT_FALSE(v.verify(" " + good));
}

TEST_F(session_test, refuses_signatures_of_other_keys_and_forms) {
  verifier v(settings());
  const std::string text = base64url_encode(header()) + "." + base64url_encode(claims());
  const private_key other = private_key::generate();
  EXPECT_FALSE(v.verify(text + "." + base64url_encode(other.sign(text))));
  EXPECT_FALSE(v.verify(text + "."));
  EXPECT_FALSE(v.verify(text + "." + base64url_encode(std::string(64, '\0'))));
  EXPECT_TRUE(v.verify(text + "." + base64url_encode(key.sign(text))));
}

TEST_F(session_test, refuses_oversized_tokens) {
  verifier v(settings());
  EXPECT_FALSE(
      v.verify(token(header(), claims("}", ",\"x\":\"" + std::string(4096, 'x') + "\"}"))));
  EXPECT_FALSE(v.verify(std::string(1'000'000, 'a')));
}

TEST_F(session_test, a_remembered_token_still_expires) {
  verifier v(settings());
  const std::string t = signer(private_file, "souk", "shop").sign({"user-1", false, in_seconds(2)});
  EXPECT_TRUE(v.verify(t));
  std::this_thread::sleep_for(2100ms);
  EXPECT_FALSE(v.verify(t));
}

TEST_F(session_test, tokens_of_one_shopper_begin_alike) {
  signer s(private_file, "souk", "shop");
  const auto beginning = [&](const std::string& id, std::int64_t seconds) {
    const std::string t = s.sign({id, false, in_seconds(seconds)});
    return t.substr(t.find('.') + 1, 60);
  };
  const std::string one = "01a205d4-c7a3-796d-88ff-96abbb2e64f1";
  const std::string other = "01a205d4-c7a3-796d-88ff-96abbb2e64f2";
  EXPECT_EQ(beginning(one, 60), base64url_encode("{\"sub\":\"" + one + "\""));
  EXPECT_EQ(beginning(one, 60), beginning(one, 3600));
  EXPECT_NE(beginning(one, 60), beginning(other, 60));
}

TEST_F(session_test, follows_a_rotation_without_a_pause) {
  verifier v(settings());
  signer s(private_file, "souk", "shop");
  const std::string old_token = s.sign({"user-1", false, in_seconds(60)});
  EXPECT_TRUE(v.verify(old_token));

  const private_key next = private_key::generate();
  key_set both = key_set::from_jwks(v.jwks());
  both.add(next.public_part());
  write(public_file, both.jwks());
  write(private_file, next.pem());
  // A token of the new key is accepted at once, although the verifier has just looked.
  EXPECT_TRUE(
      v.verify(signer(private_file, "souk", "shop").sign({"user-2", false, in_seconds(60)})));
  EXPECT_TRUE(v.verify(old_token));

  std::this_thread::sleep_for(1100ms);
  const std::string new_token = s.sign({"user-3", false, in_seconds(60)});
  EXPECT_NE(new_token.substr(0, new_token.find('.')), old_token.substr(0, old_token.find('.')))
      << "the signer uses the new key";

  both.keep_only(next.public_part().kid());
  write(public_file, both.jwks());
  std::this_thread::sleep_for(1100ms);
  EXPECT_FALSE(v.verify(old_token)) << "also not from memory";
  EXPECT_TRUE(v.verify(new_token));
}

TEST_F(session_test, keeps_its_keys_when_the_files_become_unusable) {
  verifier v(settings());
  signer s(private_file, "souk", "shop");
  const std::string published = v.jwks();
  ASSERT_TRUE(s.has_key());
  write(public_file, "{\"keys\":[");
  write(private_file, "nothing");
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(v.verify(s.sign({"user-1", false, in_seconds(60)})));
  std::filesystem::remove(public_file);
  std::filesystem::remove(private_file);
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(v.verify(s.sign({"user-2", false, in_seconds(60)})));
  EXPECT_EQ(v.jwks(), published);
}

TEST_F(session_test, waits_for_keys_that_are_not_there_yet) {
  const std::string late = folder / "late.jwks";
  verifier v({late, "souk", "shop"});
  EXPECT_FALSE(v.has_keys());
  EXPECT_EQ(v.jwks(), R"({"keys":[]})");
  EXPECT_FALSE(v.verify(valid_token()));
  std::filesystem::copy(public_file, late);
  EXPECT_TRUE(v.verify(valid_token()));
  EXPECT_TRUE(v.has_keys());
}

TEST_F(session_test, signs_as_soon_as_there_is_a_key) {
  const std::string late = folder / "late.pem";
  signer s(late, "souk", "shop");
  EXPECT_FALSE(s.has_key());
  EXPECT_THROW(s.sign({"user-1", false, in_seconds(60)}), std::runtime_error);
  std::filesystem::copy(private_file, late);
  EXPECT_TRUE(s.has_key());
  EXPECT_TRUE(verifier(settings()).verify(s.sign({"user-1", false, in_seconds(60)})));
}

TEST_F(session_test, can_be_used_by_many_threads) {
  verifier v(settings());
  signer s(private_file, "souk", "shop");
  std::vector<std::thread> threads;
  std::atomic<int> verified = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i)
        verified +=
            v.verify(s.sign({std::to_string(t), false, in_seconds(60 + i % 3)})).has_value();
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(verified, 400);
}

TEST(password, matches_its_own_hash_only) {
  const std::string hash = hash_password("correct horse");
  EXPECT_EQ(hash.find("scrypt$32768$8$1$"), 0u);
  EXPECT_TRUE(password_matches("correct horse", hash));
  EXPECT_FALSE(password_matches("correct horsf", hash));
  EXPECT_FALSE(password_matches("", hash));
  EXPECT_FALSE(password_matches(std::string("correct horse\0", 14), hash));
  EXPECT_NE(hash_password("correct horse"), hash) << "salted";
}

TEST(password, knows_the_example_of_rfc_7914) {
  // Its hash has 64 bytes; the first 32 of them are what a shorter one would have.
  EXPECT_TRUE(password_matches(
      "password", "scrypt$1024$8$16$TmFDbA$_bq-HJ00cgB4VucZDQHp_nxq18vII3gw53N2Y0s3MWI"));
}

TEST(password, refuses_malformed_hashes) {
  const std::string hash = hash_password("x");
  const std::string tail = hash.substr(hash.find('$', 14));
  for (const std::string& bad :
       {std::string(), std::string("scrypt"), std::string("x"), hash + "$",
        hash.substr(0, hash.size() - 2), "bcrypt" + hash.substr(6), "scrypt$0$8$1" + tail,
        "scrypt$32767$8$1" + tail, "scrypt$-1$8$1" + tail, "scrypt$4294967296$8$1" + tail,
        "scrypt$1073741824$8$1" + tail, "scrypt$32768$0$1" + tail, "scrypt$32768$8$0" + tail,
        "scrypt$32768$8$1000" + tail, std::string("scrypt$32768$8$1$$"),
        std::string("scrypt$32768$8$1$!!$!!")})
    EXPECT_FALSE(password_matches("x", bad)) << bad;
}

std::string hex_of(std::string_view secret) {
  return hex_encode(sha256(secret));
}

TEST(callers, are_known_by_name_and_secret) {
  const accepted_callers callers("order=" + hex_of("alpha") + "; cart=" + hex_of("beta") + "," +
                                 hex_of("gamma") + ";");
  EXPECT_EQ(callers.authenticate("order:alpha"), "order");
  EXPECT_EQ(callers.authenticate("cart:beta"), "cart");
  EXPECT_EQ(callers.authenticate("cart:gamma"), "cart");
  for (const char* bad : {"", ":", "order", "order:", "order:beta", "cart:alpha", "order:alpha ",
                          ":alpha", "Order:alpha", "payment:alpha", "order:alpha:"})
    EXPECT_FALSE(callers.authenticate(bad)) << bad;
}

TEST(callers, may_have_secrets_with_colons) {
  EXPECT_EQ(accepted_callers("order=" + hex_of("a:b")).authenticate("order:a:b"), "order");
}

TEST(callers, are_nobody_by_default_and_an_empty_secret_opens_nothing) {
  EXPECT_FALSE(accepted_callers().authenticate("order:x"));
  EXPECT_FALSE(accepted_callers("").authenticate("order:x"));
  EXPECT_FALSE(accepted_callers("order=" + hex_of("")).authenticate("order:"));
}

TEST(callers, malformed_lists_are_refused_without_being_shown) {
  for (const std::string& bad :
       {std::string("order"), std::string("=abc"), std::string("order="), std::string("order=abc"),
        "order=" + hex_of("x") + "0", "order=" + hex_of("x") + ",", "Or der=" + hex_of("x"),
        "order=" + std::string(64, 'g')}) {
    try {
      accepted_callers callers(bad);
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& e) {
      EXPECT_EQ(std::string(e.what()).find(hex_of("x")), std::string::npos);
    }
  }
}

RC_GTEST_PROP(constant_time, compares_like_equality, (const std::string& a, const std::string& b)) {
  RC_ASSERT(equal_constant_time(a, b) == (a == b));
  RC_ASSERT(equal_constant_time(a, a));
}

TEST(sha256, knows_the_example_of_fips_180) {
  EXPECT_EQ(hex_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace souk::security
