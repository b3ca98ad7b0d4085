#pragma once

// Certificates for servers under test, in files that are gone when the process ends. Everything
// here throws std::runtime_error when it fails.

#include <chrono>
#include <filesystem>
#include <string>

#include "kit/testing/servers.hpp"

struct evp_pkey_st;
struct x509_st;

namespace souk::testing {

class certificate_authority {
 public:
  certificate_authority();
  ~certificate_authority();
  certificate_authority(const certificate_authority&) = delete;

  // Its own certificate, for those who are to trust it (PEM).
  const std::filesystem::path& file() const { return file_; }
  // A certificate for `names` ("DNS:localhost,IP:127.0.0.1") from yesterday to now and `validity`.
  server_tls issue(const std::string& names,
                   std::chrono::seconds validity = std::chrono::hours(24));

 private:
  std::filesystem::path folder_, file_;
  evp_pkey_st* key_;
  x509_st* certificate_;
};

}  // namespace souk::testing
