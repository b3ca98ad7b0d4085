#pragma once

// The keys of session tokens: ES256 (ECDSA on P-256 with SHA-256), private ones as PEM, public ones
// as a JSON Web Key Set. The functions throw std::runtime_error; no message contains a key.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace souk::security {

class public_key {
 public:
  // `x` and `y`: the point's coordinates, 32 bytes each.
  public_key(std::string kid, std::string x, std::string y);
  const std::string& kid() const { return kid_; }
  const std::string& x() const { return x_; }
  const std::string& y() const { return y_; }
  // `signature`: r and s, 32 bytes each.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  std::string kid_, x_, y_;
  std::shared_ptr<evp_pkey_st> key_;
};

class private_key {
 public:
  static private_key generate();
  // PKCS #8 without encryption; text before the key is ignored.
  static private_key from_pem(std::string_view pem);
  // After a line that names the kid.
  std::string pem() const;
  // Its kid is the thumbprint of RFC 7638, so that it needs to be kept nowhere.
  const public_key& public_part() const { return public_; }
  // r and s, 32 bytes each.
  std::string sign(std::string_view message) const;

 private:
  explicit private_key(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<evp_pkey_st> key_;
  public_key public_;
};

class key_set {
 public:
  key_set() = default;
  // Keys of other kinds are passed over; malformed ones, two with one kid, private ones and a set
  // without any usable key are errors.
  static key_set from_jwks(std::string_view jwks);
  std::string jwks() const;
  const std::vector<public_key>& keys() const { return keys_; }
  const public_key* find(std::string_view kid) const;
  // Adds a key unless its kid is there.
  void add(const public_key& key);
  // Removes all others; false and no change when there is none with this kid.
  bool keep_only(std::string_view kid);

 private:
  std::vector<public_key> keys_;
};

// The whole of a file, which may have up to 256 KB.
std::string read_key_file(const std::string& path);

}  // namespace souk::security
