#pragma once

// Who is calling: session tokens (JWT, ES256), service credentials, passwords.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/context.hpp"
#include "kit/json.hpp"

namespace souk::security {

std::string sha256(std::string_view data);  // 32 bytes
// Takes the same time wherever the two differ. Different lengths are unequal.
bool equal_constant_time(std::string_view a, std::string_view b);

struct session {
  std::string subject;
  bool is_admin = false;
  std::int64_t expires = 0;  // seconds since 1970
};

struct token_settings {
  std::string keys_file;  // JWKS, read again when it changes
  std::string issuer;
  std::string audience;
};

// Verifies session tokens against the public keys in a file. Only ES256 with a known kid; iss, aud,
// exp, sub and role are required. Verified tokens are remembered until they expire, bounded, by the
// SHA-256 of the whole token. Thread-safe.
class verifier {
 public:
  explicit verifier(token_settings s);
  ~verifier();
  std::optional<session> verify(std::string_view token);
  // The keys as a JWKS document, for publishing.
  std::string jwks();
  bool has_keys();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

class signer {
 public:
  // The file is read when it is first needed, and again when it changes.
  signer(std::string private_key_file, std::string issuer, std::string audience);
  ~signer();
  // Throws std::runtime_error when the file is no P-256 private key, and never was one.
  std::string sign(const session& s);
  // Whether there is a key to sign with: a service that signs is not ready without one.
  bool has_key();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

// scrypt$N$r$p$salt$hash; takes tens of milliseconds: run it off the event loop (run_blocking).
std::string hash_password(std::string_view password);
bool password_matches(std::string_view password, std::string_view hash);

// "order=<sha256hex>;cart=<sha256hex>,<sha256hex>": who may call us. Throws std::invalid_argument.
class accepted_callers {
 public:
  accepted_callers() = default;
  explicit accepted_callers(std::string_view text);
  // The value of a Souk-Service header, "name:secret".
  std::optional<std::string> authenticate(std::string_view credential) const;

 private:
  std::vector<std::pair<std::string, std::string>> hashes_;  // name, 32 bytes
};

}  // namespace souk::security
