// Session tokens, service credentials and cookies. An input of one line is a token as it is: nobody
// has the private key any more, so only the two tokens that it once signed are ever accepted. The
// lines of a longer input are header and claims, which the target signs itself; KID in the header
// stands for the key's name.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fuzz.hpp"
#include "kit/http_authentication.hpp"
#include "kit/id.hpp"
#include "kit/keys.hpp"
#include "kit/security.hpp"
#include "reference_http.hpp"
#include "reference_json.hpp"

namespace souk::fuzz {
namespace {

using reference::json_value;

constexpr std::string_view lost_key =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
    "\"4Rgkcn6xRt4yE8TlrgS9sLfcgetmZXxt9Q3rsezJm5s\",\"y\""
    ":\"h_jxd59a7dOVVMwx2E1g5rMrZGosXOc8_7YP6xj4gRA\",\"kid\":\"VxCt9wlf0rab1CCTKYsiCRoXGACONSfWM6"
    "s2nj8m23g\",\"use\":\"sig\",\"alg\":\"ES256\"}]}";
constexpr std::string_view shoppers_token =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IlZ4Q3Q5d2xmMHJhYjFDQ1RLWXNpQ1JvWEdBQ09OU2ZXTTZzMm5qOG0yM2ci"
    "LCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzb3VrIiwiYXVkIjoic291ayIsInN1YiI6IjAxOTBiMGIwLTAwMDAtNzAwM"
    "C04MDAwLTAwMDAwMDAwMDAwMSIsInJvbGUiOiJzaG9wcGVyIiwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjQxMDI0N"
    "DQ4MDB9.TwlY5AoFdjH-LtQjDVHzNSDLeizFGLnfA5MjiXHWSQKxxK8w9cQEZM5zbjG4Ht3wbUYzufWvGPo471Ox"
    "vI9yRw";
constexpr std::string_view admins_token =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IlZ4Q3Q5d2xmMHJhYjFDQ1RLWXNpQ1JvWEdBQ09OU2ZXTTZzMm5qOG0yM2ci"
    "LCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzb3VrIiwiYXVkIjoic291ayIsInN1YiI6ImFkbWluIiwicm9sZSI6ImFkb"
    "WluIiwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjQxMDI0NDQ4MDB9.dRHDoKorwcOi9XTxmHdoZerXTkVRhQIVRAvL"
    "t9dNdLfcqmstPa3-OoGZ03beBXlzO-Ijw-6zKr7gWF9QGyltfg";

struct world {
  world() {
    security::key_set keys;
    for (const auto& k : security::key_set::from_jwks(lost_key).keys()) keys.add(k);
    keys.add(key.public_part());
    std::ofstream(file) << keys.jwks();
    verifier.emplace(security::token_settings{file, "souk", "souk"});
  }
  world(const world&) = delete;
  ~world() { std::filesystem::remove(file); }

  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("souk-fuzz-" + random_hex(8) + ".jwks");
  const security::private_key key = security::private_key::generate();
  std::optional<security::verifier> verifier;
};

std::string signed_token(const security::private_key& key, std::string_view header,
                         std::string_view claims) {
  const auto text = base64url_encode(header) + "." + base64url_encode(claims);
  return text + "." + base64url_encode(key.sign(text));
}

const std::string* text_of(const json_value& object, std::string_view name) {
  const auto* field = object.field(name);
  return field && field->what == json_value::kind::text ? &field->text : nullptr;
}

bool is(const json_value& object, std::string_view name, std::string_view value) {
  const auto* text = text_of(object, name);
  return text && *text == value;
}

// An object none of whose own fields is repeated.
std::optional<json_value> plain_object(std::string_view text, bool& extreme) {
  auto reading = reference::read_json(text, 32);
  extreme |= reading.has_extreme_number;
  if (!reading.value || reading.value->what != json_value::kind::object) return std::nullopt;
  const auto& fields = reading.value->fields;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (reading.value->field(fields[i].first) != &fields[i].second) return std::nullopt;
  return std::move(reading.value);
}

std::optional<security::session> expected_session(std::string_view header, std::string_view claims,
                                                  std::string_view kid, bool& extreme) {
  const auto h = plain_object(header, extreme), c = plain_object(claims, extreme);
  if (!h || !c) return std::nullopt;
  if (!is(*h, "alg", "ES256") || !is(*h, "kid", kid) || h->field("crit")) return std::nullopt;
  if (h->field("typ") && !is(*h, "typ", "JWT")) return std::nullopt;
  if (!is(*c, "iss", "souk") || !is(*c, "aud", "souk")) return std::nullopt;
  const auto time = std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count();
  const auto* expires = c->field("exp");
  if (!expires || expires->what != json_value::kind::integer || expires->integer <= time)
    return std::nullopt;
  if (const auto* from = c->field("nbf"))
    if (from->what != json_value::kind::integer || from->integer > time) return std::nullopt;
  const auto* subject = text_of(*c, "sub");
  if (!subject || subject->empty() || subject->size() > 128 || subject->contains('\0'))
    return std::nullopt;
  if (!is(*c, "role", "shopper") && !is(*c, "role", "admin")) return std::nullopt;
  return security::session{*subject, is(*c, "role", "admin"), expires->integer};
}

void check_signed(world& w, std::string_view header_text, std::string_view claims, dice& d) {
  std::string header(header_text);
  if (const auto at = header.find("KID"); at != header.npos)
    header.replace(at, 3, w.key.public_part().kid());
  const auto token = signed_token(w.key, header, claims);
  bool extreme = false;
  auto expected = expected_session(header, claims, w.key.public_part().kid(), extreme);
  if (token.size() > 4096) expected.reset();
  const auto got = w.verifier->verify(token);
  require(!got || expected, "claims are accepted that must not be");
  if (!extreme) require(got.has_value() == expected.has_value(), "good claims are refused");
  if (got) {
    require(got->subject == expected->subject && got->is_admin == expected->is_admin &&
                got->expires == expected->expires,
            "a session of somebody else");
    const auto again = w.verifier->verify(token);
    require(again && again->subject == got->subject && again->is_admin == got->is_admin,
            "a token that is known is another's");
  }
  auto changed = token;
  changed[d.below(changed.size())] = "ABCabc019-_.="[d.below(13)];
  if (changed != token) require(!w.verifier->verify(changed), "a changed token is accepted");
  // With the signature of the first half for the other half, and of another key.
  static const auto foreign = security::private_key::generate();
  require(!w.verifier->verify(signed_token(foreign, header, claims)),
          "a foreign signature is accepted");
}

void check_cookies(std::string_view cookies) {
  std::optional<std::string_view> expected;
  for (auto rest = cookies; !expected && !rest.empty();) {
    const auto end = rest.find(';');
    auto one = rest.substr(0, end);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (one.starts_with("souk_x_shopper=")) expected = one.substr(15);
    if (end == rest.npos) break;
    rest.remove_prefix(end + 1);
  }
  require(http::detail::find_cookie(cookies, "souk_x_shopper") == expected, "another cookie");
}

void check_credential(std::string_view credential) {
  static const security::accepted_callers callers(
      "order=" + hex_encode(security::sha256("secret-of-order")) +
      ";cart=" + hex_encode(security::sha256("secret-of-cart")) + "," +
      hex_encode(security::sha256("next-secret")));
  const auto name = callers.authenticate(credential);
  if (credential == "order:secret-of-order") return require(name == "order", "a caller is refused");
  if (credential == "cart:secret-of-cart" || credential == "cart:next-secret")
    return require(name == "cart", "a caller is refused");
  require(!name, "a wrong credential is accepted");
}

void check_accepted_callers(std::string_view text) {
  try {
    const security::accepted_callers callers(text);
    require(!callers.authenticate("order:") && !callers.authenticate(":"), "an empty secret");
  } catch (const std::invalid_argument&) {
  }
}

}  // namespace

SOUK_FUZZ_TARGET(token) {
  static world w;
  const auto session = w.verifier->verify(input);
  if (input == shoppers_token)
    require(session && !session->is_admin && session->subject.starts_with("0190"), "refused");
  else if (input == admins_token)
    require(session && session->is_admin && session->subject == "admin", "refused");
  else
    require(!session, "a token is accepted that nobody signed");

  check_cookies(input);
  check_credential(input);
  check_accepted_callers(input);
  const auto lines = lines_of(input);
  dice d(input);
  if (lines.size() > 1) check_signed(w, lines[0], lines[1], d);
}

}  // namespace souk::fuzz
