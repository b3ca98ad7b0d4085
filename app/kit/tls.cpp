#include "kit/tls.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace souk::tls {

namespace {

// Where Debian keeps them. The images hold this file, and not the links to it where OpenSSL looks.
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

[[noreturn]] void fail(const std::string& what) {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  throw std::runtime_error(reason ? fmt::format("{}: {}", what, reason) : what);
}

void trust(SSL_CTX* c, const std::string& file) {
  if (!file.empty()) {
    if (access(file.c_str(), R_OK) != 0 ||
        SSL_CTX_load_verify_locations(c, file.c_str(), nullptr) != 1) {
      fail(fmt::format("the file of authorities {} can't be read as certificates", file));
    }
    return;
  }
  SSL_CTX_set_default_verify_paths(c);  // SSL_CERT_FILE and SSL_CERT_DIR count
  if (!std::getenv(X509_get_default_cert_file_env()) &&
      access(X509_get_default_cert_file(), R_OK) != 0) {
    SSL_CTX_load_verify_locations(c, system_authorities, nullptr);
  }
  ERR_clear_error();  // without authorities no certificate is accepted, which is told then
}

}  // namespace

void context_deleter::operator()(ssl_ctx_st* c) const {
  SSL_CTX_free(c);
}

context make_context(const settings& s) {
  context c(SSL_CTX_new(TLS_client_method()));
  if (!c || SSL_CTX_set_min_proto_version(c.get(), TLS1_2_VERSION) != 1) {
    fail("TLS is not available");
  }
  SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER, nullptr);
  trust(c.get(), s.authorities);
  if (s.certificate.empty() && s.key.empty()) return c;
  // A key with a passphrase is refused, instead of asking for it on a terminal.
  SSL_CTX_set_default_passwd_cb(c.get(), [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(c.get(), s.certificate.c_str()) != 1) {
    fail(fmt::format("our certificate {} can't be read", s.certificate));
  }
  if (SSL_CTX_use_PrivateKey_file(c.get(), s.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    fail(fmt::format("our certificate's key {} can't be used", s.key));
  }
  return c;
}

void expect_host(ssl_st* session, const std::string& host) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(session);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1) return;
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // An address is never asked for by name (RFC 6066).
  if (X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) != 1 ||
      SSL_set_tlsext_host_name(session, host.c_str()) != 1) {
    fail("the host's name can't be asked for");
  }
}

std::string explain(ssl_st* session, const std::string& host, unsigned long error) {
  ERR_clear_error();
  if (const long verdict = SSL_get_verify_result(session); verdict != X509_V_OK) {
    return fmt::format("the certificate of {} is not accepted: {}", host,
                       X509_verify_cert_error_string(verdict));
  }
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER) {
    return "what answers on this port does not speak TLS";
  }
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return fmt::format("the TLS handshake failed: {}", reason ? reason : "the server ended it");
}

}  // namespace souk::tls
