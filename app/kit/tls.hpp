#pragma once

// TLS as a client of the stores, by OpenSSL. Private to the kit and to souk-backup, whose
// connections block. PostgreSQL's is libpq's own; the words in the URLs mean the same.

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace souk::tls {

struct settings {
  std::string authorities;  // file (PEM) of who vouches for the server; empty: the system's
  std::string certificate;  // file (PEM) that says who we are; empty: we don't say
  std::string key;          // file (PEM) with its private key
};

struct context_deleter {
  void operator()(ssl_ctx_st* context) const;
};
using context = std::unique_ptr<ssl_ctx_st, context_deleter>;

// TLS 1.2 or newer, and never without a verified certificate. The files are read anew each time, so
// that a certificate that was replaced counts for the next connection. Throws std::runtime_error.
context make_context(const settings& s);

// Before the handshake: the session asks for `host`, and the certificate must be that host's (a
// name or an address). Throws std::runtime_error.
void expect_host(ssl_st* session, const std::string& host);

// After a handshake that failed with this error of OpenSSL's queue (0: none), why it did.
std::string explain(ssl_st* session, const std::string& host, unsigned long error);

}  // namespace souk::tls
