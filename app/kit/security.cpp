#include "kit/security.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "kit/id.hpp"
#include "kit/keys.hpp"
#include "kit/session_cache.hpp"
#include "kit/telemetry.hpp"
#include "kit/time.hpp"

namespace souk::security {
namespace {

constexpr std::size_t max_token = 4096;
constexpr std::size_t max_subject = 128;
constexpr std::size_t max_remembered = 16'384;  // of each of two generations

std::int64_t seconds_now() {
  return std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count();
}

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

// Splits at each `separator`; an empty text is one empty part.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// Tells when a file has become another one.
class watched_file {
 public:
  explicit watched_file(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  // True at the first call, too. Looks at most once a second, unless `at_once`.
  bool changed(bool at_once = false) {
    const auto time = steady_clock::now();
    if (looked_ && !at_once && time - *looked_ < std::chrono::seconds(1)) return false;
    const bool first = !looked_;
    looked_ = time;
    struct stat s{};
    if (::stat(path_.c_str(), &s) != 0) s = {};
    const identity seen{s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
    return std::exchange(seen_, seen) != seen || first;
  }

 private:
  struct identity {
    ino_t inode;
    off_t size;
    time_t seconds;
    long nanoseconds;
    bool operator==(const identity&) const = default;
  };
  std::string path_;
  std::optional<steady_clock::time_point> looked_;
  identity seen_{};
};

void warn_about(const std::string& file, const std::exception& e) {
  telemetry::log(telemetry::level::warning, "key file not usable, the keys read before stay",
                 {{"file", file}, {"reason", e.what()}});
}

// ---------------------------------------------------------------------------------------------

// What a token says, once its form is right.
struct token_parts {
  std::string kid;
  session said;
  std::string_view signed_part;
  std::string signature;
};

std::optional<std::string_view> text_field(const json::node& object, std::string_view name) {
  const auto field = object.field(name);
  if (!field || field->kind() != json::kind::text) return std::nullopt;
  return field->as_text();
}

std::optional<std::int64_t> integer_field(const json::node& object, std::string_view name) {
  const auto field = object.field(name);
  return field ? field->as_int64() : std::nullopt;
}

// An object whose fields all have names of their own.
bool is_plain_object(const json::document& d) {
  if (d.error() || d.root().kind() != json::kind::object) return false;
  const json::node root = d.root();
  return std::none_of(root.begin(), root.end(), [](json::node f) { return f.repeated(); });
}

// RFC 7515. An unknown algorithm and any `crit` are refused before anything else is looked at.
std::optional<std::string> read_header(std::string_view text) {
  const json::document document(text);
  if (!is_plain_object(document)) return std::nullopt;
  const json::node header = document.root();
  if (text_field(header, "alg") != "ES256" || header.field("crit")) return std::nullopt;
  if (header.field("typ") && text_field(header, "typ") != "JWT") return std::nullopt;
  const auto kid = text_field(header, "kid");
  return kid ? std::optional<std::string>(*kid) : std::nullopt;
}

// RFC 7519, with the claims that Souk requires.
std::optional<session> read_claims(std::string_view text, const token_settings& expected,
                                   std::int64_t time) {
  const json::document document(text);
  if (!is_plain_object(document)) return std::nullopt;
  const json::node claims = document.root();
  if (text_field(claims, "iss") != expected.issuer) return std::nullopt;
  if (text_field(claims, "aud") != expected.audience) return std::nullopt;
  const auto expires = integer_field(claims, "exp");
  if (!expires || *expires <= time) return std::nullopt;
  if (claims.field("nbf")) {
    const auto not_before = integer_field(claims, "nbf");
    if (!not_before || *not_before > time) return std::nullopt;
  }
  const auto subject = text_field(claims, "sub"), role = text_field(claims, "role");
  if (!subject || subject->empty() || subject->size() > max_subject ||
      subject->find('\0') != subject->npos)
    return std::nullopt;
  if (role != "shopper" && role != "admin") return std::nullopt;
  return session{std::string(*subject), role == "admin", *expires};
}

std::optional<token_parts> take_apart(std::string_view token, const token_settings& expected,
                                      std::int64_t time) {
  const auto parts = split(token, '.');
  if (parts.size() != 3) return std::nullopt;
  const auto header = base64url_decode(parts[0]), claims = base64url_decode(parts[1]);
  auto signature = base64url_decode(parts[2]);
  if (!header || !claims || !signature) return std::nullopt;
  auto kid = read_header(*header);
  if (!kid) return std::nullopt;
  auto said = read_claims(*claims, expected, time);
  if (!said) return std::nullopt;
  return token_parts{std::move(*kid), std::move(*said),
                     token.substr(0, parts[0].size() + 1 + parts[1].size()), std::move(*signature)};
}

// The subject comes first and an id has 36 characters, so the first 60 of the encoded claims are
// `{"sub":"<id>"` and nothing else: by these the gateway, which cannot decode, tells that two
// tokens are one shopper's.
struct token_claims {
  std::string sub, iss, aud, role;
  std::int64_t iat, exp;
};
BOOST_DESCRIBE_STRUCT(token_claims, (), (sub, iss, aud, role, iat, exp))
struct token_header {
  std::string_view alg, kid, typ;
};
BOOST_DESCRIBE_STRUCT(token_header, (), (alg, kid, typ))

// ---------------------------------------------------------------------------------------------

struct scrypt_parameters {
  std::uint64_t n = 1 << 15, r = 8, p = 1;
};
constexpr std::uint64_t scrypt_memory = std::uint64_t{64}
                                        << 20;  // 2^15 with r = 8 takes half of it
constexpr std::size_t salt_size = 16, hash_size = 32;

std::optional<std::string> scrypt(std::string_view password, std::string_view salt,
                                  const scrypt_parameters& s) {
  std::string out(hash_size, '\0');
  const int done =
      EVP_PBE_scrypt(password.data(), password.size(), bytes(salt), salt.size(), s.n, s.r, s.p,
                     scrypt_memory, reinterpret_cast<unsigned char*>(out.data()), out.size());
  return done == 1 ? std::optional(out) : std::nullopt;
}

std::optional<std::string> hex_decode(std::string_view text) {
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value(text[i]), low = value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool is_caller_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos;
}

}  // namespace

std::string sha256(std::string_view data) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes(data), data.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// ---------------------------------------------------------------------------------------------

struct verifier::state {
  explicit state(token_settings s) : settings(std::move(s)), file(settings.keys_file) {}

  // The keys as the file has them now. `mutex` is held.
  void refresh(bool at_once = false) {
    if (!file.changed(at_once)) return;
    try {
      keys = std::make_shared<const key_set>(key_set::from_jwks(read_key_file(file.path())));
      cache.clear();  // a key may have been withdrawn
    } catch (const std::runtime_error& e) {
      warn_about(file.path(), e);
    }
  }

  const token_settings settings;
  std::mutex mutex;  // guards what follows
  watched_file file;
  std::shared_ptr<const key_set> keys = std::make_shared<const key_set>();
  session_cache cache{max_remembered};
};

verifier::verifier(token_settings s) : state_(std::make_unique<state>(std::move(s))) {}
verifier::~verifier() = default;

std::optional<session> verifier::verify(std::string_view token) {
  if (token.size() > max_token) return std::nullopt;
  const session_cache::digest key = session_cache::key_of(token);
  const std::int64_t time = seconds_now();
  {
    const std::lock_guard lock(state_->mutex);
    state_->refresh();
    if (auto known = state_->cache.find(key, time)) return known;
  }

  auto parts = take_apart(token, state_->settings, time);
  if (!parts) return std::nullopt;
  std::shared_ptr<const key_set> keys;
  {
    const std::lock_guard lock(state_->mutex);
    // A new key is published before it signs: look again before its first token is refused.
    if (state_->keys->find(parts->kid) == nullptr) state_->refresh(true);
    keys = state_->keys;
  }
  const public_key* const signer = keys->find(parts->kid);
  if (signer == nullptr || !signer->verifies(parts->signed_part, parts->signature))
    return std::nullopt;

  const std::lock_guard lock(state_->mutex);
  if (keys == state_->keys) state_->cache.put(key, parts->said);
  return std::move(parts->said);
}

std::string verifier::jwks() {
  const std::lock_guard lock(state_->mutex);
  state_->refresh();
  return state_->keys->jwks();
}

bool verifier::has_keys() {
  const std::lock_guard lock(state_->mutex);
  state_->refresh();
  return !state_->keys->keys().empty();
}

// ---------------------------------------------------------------------------------------------

struct signer::state {
  state(std::string path, std::string iss, std::string aud)
      : file(std::move(path)), issuer(std::move(iss)), audience(std::move(aud)) {}

  // Null when the file has never held one.
  std::shared_ptr<const private_key> current_key() {
    const std::lock_guard lock(mutex);
    if (file.changed(/*at_once=*/!key)) {
      try {
        key =
            std::make_shared<const private_key>(private_key::from_pem(read_key_file(file.path())));
      } catch (const std::runtime_error& e) {
        warn_about(file.path(), e);
      }
    }
    return key;
  }

  std::mutex mutex;  // guards `file` and `key`
  watched_file file;
  std::shared_ptr<const private_key> key;
  const std::string issuer, audience;
};

signer::signer(std::string private_key_file, std::string issuer, std::string audience)
    : state_(std::make_unique<state>(std::move(private_key_file), std::move(issuer),
                                     std::move(audience))) {}
signer::~signer() = default;

bool signer::has_key() {
  return state_->current_key() != nullptr;
}

std::string signer::sign(const session& s) {
  const auto key = state_->current_key();
  if (!key) throw std::runtime_error("there is no key to sign sessions with");
  const token_header header{.alg = "ES256", .kid = key->public_part().kid(), .typ = "JWT"};
  const token_claims claims{.sub = s.subject,
                            .iss = state_->issuer,
                            .aud = state_->audience,
                            .role = s.is_admin ? "admin" : "shopper",
                            .iat = seconds_now(),
                            .exp = s.expires};
  std::string token =
      base64url_encode(json::write(header)) + "." + base64url_encode(json::write(claims));
  const std::string signature = key->sign(token);
  return token + "." + base64url_encode(signature);
}

// ---------------------------------------------------------------------------------------------

std::string hash_password(std::string_view password) {
  std::string salt(salt_size, '\0');
  random_bytes(salt.data(), salt.size());
  const scrypt_parameters s;
  const auto hash = scrypt(password, salt, s);
  if (!hash) throw std::runtime_error("scrypt failed");
  return "scrypt$" + std::to_string(s.n) + "$" + std::to_string(s.r) + "$" + std::to_string(s.p) +
         "$" + base64url_encode(salt) + "$" + base64url_encode(*hash);
}

bool password_matches(std::string_view password, std::string_view hash) {
  if (password.find('\0') != password.npos) return false;  // scrypt ignores NULs at the end
  const auto parts = split(hash, '$');
  if (parts.size() != 6 || parts[0] != "scrypt") return false;
  // OpenSSL checks what is wrong with the parameters and refuses to take more than scrypt_memory.
  const auto n = json::from_text<std::uint32_t>(parts[1]),
             r = json::from_text<std::uint32_t>(parts[2]),
             p = json::from_text<std::uint32_t>(parts[3]);
  const auto salt = base64url_decode(parts[4]), expected = base64url_decode(parts[5]);
  if (!n || !r || !p || *p > 16 || !salt || salt->empty() || !expected) return false;
  const auto computed = scrypt(password, *salt, {*n, *r, *p});
  return computed && equal_constant_time(*computed, *expected);
}

// ---------------------------------------------------------------------------------------------

accepted_callers::accepted_callers(std::string_view text) {
  if (trimmed(text).empty()) return;
  for (const std::string_view part : split(text, ';')) {
    if (trimmed(part).empty()) continue;
    const auto equals = part.find('=');
    const std::string_view name = trimmed(part.substr(0, equals));
    if (equals == part.npos || !is_caller_name(name))
      throw std::invalid_argument("must be name=<SHA-256 in hex>[,<another>];name=...");
    for (const std::string_view hex : split(part.substr(equals + 1), ',')) {
      auto hash = hex_decode(trimmed(hex));
      if (!hash || hash->size() != SHA256_DIGEST_LENGTH)
        throw std::invalid_argument("must give the SHA-256 of each secret in 64 hex digits");
      hashes_.emplace_back(name, std::move(*hash));
    }
  }
}

std::optional<std::string> accepted_callers::authenticate(std::string_view credential) const {
  const auto colon = credential.find(':');
  if (colon == credential.npos || colon + 1 == credential.size()) return std::nullopt;
  const std::string_view claimed = credential.substr(0, colon);
  const std::string hash = sha256(credential.substr(colon + 1));
  const std::string* found = nullptr;
  for (const auto& [name, expected] : hashes_)
    if (equal_constant_time(hash, expected) && name == claimed) found = &name;
  return found ? std::optional(*found) : std::nullopt;
}

}  // namespace souk::security
