#include "kit/keys_tool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "kit/id.hpp"
#include "kit/keys.hpp"
#include "kit/security.hpp"

namespace souk {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

struct keys_tool : ::testing::Test {
  fs::path folder = fs::temp_directory_path() / ("souk-keys-" + random_hex(8));
  std::string private_file = folder / "key.pem", public_file = folder / "keys.jwks";
  std::string out, err;

  keys_tool() { fs::create_directory(folder); }
  ~keys_tool() override { fs::remove_all(folder); }

  int run(const std::vector<std::string>& words, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream o, e;
    const int status = run_keys_tool(words, in, o, e);
    out = o.str();
    err = e.str();
    return status;
  }
  std::string generate() {
    EXPECT_EQ(run({"generate", "--private", private_file, "--public", public_file}), 0) << err;
    return out.substr(0, out.size() - 1);
  }
  security::key_set published() {
    return security::key_set::from_jwks(security::read_key_file(public_file));
  }
  std::string signing_kid() {
    return security::private_key::from_pem(security::read_key_file(private_file))
        .public_part()
        .kid();
  }
  static fs::perms permissions(const std::string& file) { return fs::status(file).permissions(); }
};

TEST_F(keys_tool, makes_a_pair_that_only_the_owner_can_use) {
  const std::string kid = generate();
  EXPECT_EQ(signing_kid(), kid);
  EXPECT_NE(published().find(kid), nullptr);
  EXPECT_EQ(permissions(private_file), fs::perms(0600));
  EXPECT_EQ(permissions(public_file), fs::perms(0644));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 2) << "no temporary file is left";
}

TEST_F(keys_tool, rotates_and_retires) {
  generate();
  const std::string second = generate(), third = generate();
  EXPECT_EQ(published().keys().size(), 3u);
  EXPECT_EQ(signing_kid(), third);
  EXPECT_EQ(permissions(private_file), fs::perms(0600));
  EXPECT_EQ(run({"retire", "--public", public_file, "--keep", "unknown"}), 1);
  EXPECT_THAT(err, HasSubstr(second));
  EXPECT_EQ(published().keys().size(), 3u);
  EXPECT_EQ(run({"retire", "--keep", third, "--public", public_file}), 0) << err;
  ASSERT_EQ(published().keys().size(), 1u);
  EXPECT_EQ(published().keys()[0].kid(), third);
}

TEST_F(keys_tool, publishes_the_private_key_again_when_the_set_was_lost) {
  const std::string first = generate();
  fs::remove(public_file);
  const std::string second = generate();
  EXPECT_NE(published().find(first), nullptr);
  EXPECT_NE(published().find(second), nullptr);
}

TEST_F(keys_tool, never_overwrites_what_it_does_not_understand) {
  generate();
  for (const std::string& file : {private_file, public_file}) {
    const std::string before = security::read_key_file(file);
    std::ofstream(file) << "mine";
    EXPECT_EQ(run({"generate", "--private", private_file, "--public", public_file}), 1);
    EXPECT_THAT(err, HasSubstr(file));
    EXPECT_EQ(security::read_key_file(file), "mine");
    std::ofstream(file) << before;
  }
  EXPECT_EQ(published().keys().size(), 1u);
}

TEST_F(keys_tool, says_which_file_cannot_be_written) {
  const std::string nowhere = folder / "missing" / "key.pem";
  EXPECT_EQ(run({"generate", "--private", private_file, "--public", nowhere}), 1);
  EXPECT_THAT(err, HasSubstr("cannot create a file beside " + nowhere));
  EXPECT_FALSE(fs::exists(private_file));
  EXPECT_EQ(run({"generate", "--private", nowhere, "--public", public_file}), 1);
  EXPECT_TRUE(fs::is_empty(folder)) << "nothing is changed";
  EXPECT_EQ(run({"retire", "--public", nowhere, "--keep", "x"}), 1);
  EXPECT_THAT(err, HasSubstr(nowhere + ": cannot be read"));
}

TEST_F(keys_tool, hashes_one_line_of_standard_input) {
  EXPECT_EQ(run({"hash-password"}, "open sesame\n"), 0);
  EXPECT_TRUE(security::password_matches("open sesame", out.substr(0, out.size() - 1)));
  EXPECT_EQ(run({"hash-secret"}, "abc\r\n"), 0);
  EXPECT_EQ(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("a\nb\n"), std::string("a\0b", 3)}) {
    EXPECT_EQ(run({"hash-secret"}, bad), 1);
    EXPECT_EQ(out, "");
  }
}

TEST_F(keys_tool, explains_itself) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out, HasSubstr("souk-keys generate --private FILE --public FILE"));
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"make"},
      {"generate"},
      {"generate", "--private", "a"},
      {"generate", "--private"},
      {"generate", "--private", "a", "--public", "a"},
      {"generate", "--private", "a", "--private", "b"},
      {"generate", "--private", "a", "--public", "b", "c"},
      {"retire", "--public", "a"},
      {"retire", "--public", "a", "--keep", ""},
      {"hash-secret", "secret"}};
  for (const auto& words : wrong) {
    EXPECT_EQ(run(words, "x"), 2);
    EXPECT_THAT(err, HasSubstr("usage:"));
    EXPECT_EQ(out, "");
  }
}

}  // namespace
}  // namespace souk
