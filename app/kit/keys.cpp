#include "kit/keys.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>

#include "kit/id.hpp"
#include "kit/json.hpp"
#include "kit/security.hpp"

namespace souk::security {
namespace {

constexpr std::size_t coordinate_size = 32;
constexpr std::size_t max_kid = 128;
constexpr std::size_t max_key_file = std::size_t{256} * 1024;

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using bio = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using bignum = std::unique_ptr<BIGNUM, freed_by<BN_free>>;
using digest_context = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;
using key_context = std::unique_ptr<EVP_PKEY_CTX, freed_by<EVP_PKEY_CTX_free>>;
using signature_value = std::unique_ptr<ECDSA_SIG, freed_by<ECDSA_SIG_free>>;

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(what);
}

std::shared_ptr<EVP_PKEY> make_public(const std::string& x, const std::string& y) {
  if (x.size() != coordinate_size || y.size() != coordinate_size)
    fail("the coordinates of a P-256 key have 32 bytes each");
  std::string point = "\x04" + x + y;  // uncompressed form
  std::string group = SN_X9_62_prime256v1;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const key_context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY,
                        const_cast<OSSL_PARAM*>(parameters)) != 1)
    fail("no point of the curve P-256");
  auto owned = own(key);
  const key_context check(EVP_PKEY_CTX_new(key, nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) != 1) fail("no point of the curve P-256");
  return owned;
}

std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  const bool found = EVP_PKEY_get_bn_param(key, name, &number) == 1;
  const bignum owned(number);
  std::string out(coordinate_size, '\0');
  if (!found || BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()),
                             static_cast<int>(out.size())) != static_cast<int>(out.size()))
    fail("no P-256 key");
  return out;
}

// RFC 7638: the required members only, in alphabetical order.
std::string thumbprint(const std::string& x, const std::string& y) {
  return base64url_encode(sha256(R"({"crv":"P-256","kty":"EC","x":")" + base64url_encode(x) +
                                 R"(","y":")" + base64url_encode(y) + "\"}"));
}

public_key public_part_of(EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1 ||
      std::string_view(group.data(), size) != SN_X9_62_prime256v1)
    fail("no P-256 key");
  std::string x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
  std::string y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  std::string kid = thumbprint(x, y);
  return {std::move(kid), std::move(x), std::move(y)};
}

// One key of a set, RFC 7517. `d` is the secret of a private key.
struct jwk {
  std::string kty;
  std::optional<std::string> crv, x, y, kid, use, alg, d;
};
BOOST_DESCRIBE_STRUCT(jwk, (), (kty, crv, x, y, kid, use, alg, d))
struct jwk_set {
  std::vector<jwk> keys;
};
BOOST_DESCRIBE_STRUCT(jwk_set, (), (keys))

bool is_es256(const jwk& k) {
  return k.kty == "EC" && k.crv == "P-256" && k.use.value_or("sig") == "sig" &&
         k.alg.value_or("ES256") == "ES256";
}

}  // namespace

// ---------------------------------------------------------------------------------------------

public_key::public_key(std::string kid, std::string x, std::string y)
    : kid_(std::move(kid)), x_(std::move(x)), y_(std::move(y)), key_(make_public(x_, y_)) {
  if (kid_.empty() || kid_.size() > max_kid) fail("a key's kid has 1 to 128 bytes");
}

bool public_key::verifies(std::string_view message, std::string_view signature) const {
  if (signature.size() != 2 * coordinate_size) return false;
  bignum r(BN_bin2bn(bytes(signature), coordinate_size, nullptr));
  bignum s(BN_bin2bn(bytes(signature) + coordinate_size, coordinate_size, nullptr));
  const signature_value value(ECDSA_SIG_new());
  if (!r || !s || !value) return false;
  ECDSA_SIG_set0(value.get(), r.release(), s.release());  // takes both, and fails for null only
  std::array<unsigned char, 80> der{};                    // 72 at most
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(value.get(), &end);
  const digest_context context(EVP_MD_CTX_new());
  return size > 0 && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), der.data(), static_cast<std::size_t>(size), bytes(message),
                          message.size()) == 1;
}

private_key::private_key(std::shared_ptr<evp_pkey_st> key)
    : key_(std::move(key)), public_(public_part_of(key_.get())) {}

private_key private_key::generate() {
  EVP_PKEY* key = EVP_EC_gen(SN_X9_62_prime256v1);
  if (key == nullptr) fail("OpenSSL cannot make a P-256 key");
  return private_key(own(key));
}

private_key private_key::from_pem(std::string_view pem) {
  const bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Asked for the password of an encrypted key, it gives none instead of asking the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr) : nullptr;
  if (key == nullptr) fail("no private key in PEM form");
  return private_key(own(key));
}

std::string private_key::pem() const {
  const bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) != 1)
    fail("OpenSSL cannot write the private key");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return "kid: " + public_.kid() + "\n" + std::string(data, static_cast<std::size_t>(size));
}

std::string private_key::sign(std::string_view message) const {
  std::array<unsigned char, 80> der{};
  std::size_t size = der.size();
  const digest_context context(EVP_MD_CTX_new());
  if (!context ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &size, bytes(message), message.size()) != 1)
    fail("OpenSSL cannot sign");
  const unsigned char* begin = der.data();
  const signature_value value(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(size)));
  std::string out(2 * coordinate_size, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  if (!value || BN_bn2binpad(ECDSA_SIG_get0_r(value.get()), to, coordinate_size) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(value.get()), to + coordinate_size, coordinate_size) < 0)
    fail("OpenSSL cannot sign");
  return out;
}

// ---------------------------------------------------------------------------------------------

key_set key_set::from_jwks(std::string_view jwks) {
  const auto document = json::read_lenient<jwk_set>(jwks);
  if (!document) {
    const json::field_error& first = document.error().front();
    throw std::runtime_error("no JSON Web Key Set: " + first.pointer +
                             (first.pointer.empty() ? "" : " ") + first.detail);
  }
  key_set set;
  for (const jwk& k : document->keys) {
    if (k.d) fail("the key set contains a private key");
    if (!is_es256(k)) continue;
    const auto x = base64url_decode(k.x.value_or("")), y = base64url_decode(k.y.value_or(""));
    if (!k.kid || !x || !y) fail("a P-256 key needs kid, x and y, the latter in base64url");
    if (set.find(*k.kid) != nullptr) fail("two keys have the same kid");
    set.keys_.emplace_back(*k.kid, *x, *y);
  }
  if (set.keys_.empty()) fail("the key set contains no P-256 key");
  return set;
}

std::string key_set::jwks() const {
  jwk_set out;
  for (const public_key& k : keys_)
    out.keys.push_back({.kty = "EC",
                        .crv = "P-256",
                        .x = base64url_encode(k.x()),
                        .y = base64url_encode(k.y()),
                        .kid = k.kid(),
                        .use = "sig",
                        .alg = "ES256"});
  return json::write(out);
}

const public_key* key_set::find(std::string_view kid) const {
  const auto at =
      std::find_if(keys_.begin(), keys_.end(), [&](const public_key& k) { return k.kid() == kid; });
  return at == keys_.end() ? nullptr : &*at;
}

void key_set::add(const public_key& key) {
  if (find(key.kid()) == nullptr) keys_.push_back(key);
}

bool key_set::keep_only(std::string_view kid) {
  if (find(kid) == nullptr) return false;
  std::erase_if(keys_, [&](const public_key& k) { return k.kid() != kid; });
  return true;
}

std::string read_key_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(max_key_file + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad() || !in.eof()) fail(in.is_open() ? "too large for a key file" : "cannot be read");
  return text;
}

}  // namespace souk::security
