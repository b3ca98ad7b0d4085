#include "kit/testing/certificates.hpp"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <utility>

#include "kit/testing/sandbox.hpp"

namespace souk::testing {

namespace {

using namespace std::chrono_literals;

template <class T>
T* must(T* made) {
  if (!made) throw std::runtime_error("OpenSSL makes no certificate");
  return made;
}
void must(int done) {
  if (done <= 0) throw std::runtime_error("OpenSSL makes no certificate");
}

EVP_PKEY* make_key() {
  return must(EVP_EC_gen("P-256"));
}

void extend(X509* what, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, what, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      must(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())), &X509_EXTENSION_free);
  must(X509_add_ext(what, extension.get(), -1));
}

// Not yet signed. Without an issuer it is its own.
X509* make_certificate(EVP_PKEY* key, const std::string& name, X509* issuer,
                       std::chrono::seconds validity) {
  static long serial = 1;
  X509* c = must(X509_new());
  must(X509_set_version(c, 2));
  must(ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial));
  must(X509_gmtime_adj(X509_getm_notBefore(c), -24 * 3600));
  must(X509_gmtime_adj(X509_getm_notAfter(c), static_cast<long>(validity.count())));
  must(X509_set_pubkey(c, key));
  X509_NAME* own = X509_get_subject_name(c);
  must(X509_NAME_add_entry_by_txt(own, "CN", MBSTRING_ASC,
                                  reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0));
  must(X509_set_issuer_name(c, issuer ? X509_get_subject_name(issuer) : own));
  return c;
}

template <class Write>
void write_file(const std::filesystem::path& path, Write write) {
  std::FILE* f = std::fopen(path.c_str(), "w");
  if (!f) throw std::runtime_error("can't write " + path.string());
  const int done = write(f);
  must(std::fclose(f) == 0 ? done : 0);
}

void write_certificate(const std::filesystem::path& path, X509* c) {
  write_file(path, [c](std::FILE* f) { return PEM_write_X509(f, c); });
}

}  // namespace

certificate_authority::certificate_authority()
    : folder_(sandbox::instance().make_folder("certificates", "")),
      file_(folder_ / "authority.pem"),
      key_(make_key()),
      certificate_(make_certificate(key_, "Authority " + folder_.filename().string(), nullptr,
                                    std::chrono::hours(24 * 30))) {
  extend(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate_, certificate_, NID_key_usage, "critical,keyCertSign");
  must(X509_sign(certificate_, key_, EVP_sha256()));
  write_certificate(file_, certificate_);
}

certificate_authority::~certificate_authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

server_tls certificate_authority::issue(const std::string& names, std::chrono::seconds validity) {
  static int issued = 0;
  const std::string name = fmt::format("issued-{}", ++issued);
  const server_tls files{.certificate = folder_ / (name + ".pem"),
                         .key = folder_ / (name + ".key")};
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(make_key(), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> c(
      make_certificate(key.get(), name, certificate_, validity), &X509_free);
  extend(c.get(), certificate_, NID_subject_alt_name, names);
  must(X509_sign(c.get(), key_, EVP_sha256()));
  write_certificate(files.certificate, c.get());
  write_file(files.key, [&key](std::FILE* f) {
    return PEM_write_PrivateKey(f, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return files;
}

}  // namespace souk::testing
