#include "kit/redis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kit/config.hpp"
#include "kit/redis_connection.hpp"

namespace souk::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(redis_url, says_where_and_as_whom) {
  const auto plain = detail::parse_url("redis://localhost");
  EXPECT_EQ(plain.host, "localhost");
  EXPECT_EQ(plain.port, 6379);
  EXPECT_EQ(plain.user, "");
  EXPECT_EQ(plain.password, "");
  EXPECT_EQ(plain.database, "");
  EXPECT_FALSE(plain.tls);

  const auto all = detail::parse_url("redis://shop:p%40ss%2Fword@[::1]:7000/12");
  EXPECT_EQ(all.host, "::1");
  EXPECT_EQ(all.port, 7000);
  EXPECT_EQ(all.user, "shop");
  EXPECT_EQ(all.password, "p@ss/word");
  EXPECT_EQ(all.database, "12");
}

TEST(redis_url, says_whom_to_trust) {
  const auto system = detail::parse_url("rediss://:x@redis.example.com");
  ASSERT_TRUE(system.tls);
  EXPECT_EQ(system.port, 6379);
  EXPECT_EQ(system.tls->authorities, "");
  EXPECT_EQ(detail::parse_url("rediss://h?sslrootcert=system").tls->authorities, "");

  const auto own = detail::parse_url(
      "rediss://h:6380/1?sslrootcert=/ca/with%20blank.pem&sslcert=/c.pem&sslkey=/c.key");
  ASSERT_TRUE(own.tls);
  EXPECT_EQ(own.database, "1");
  EXPECT_EQ(own.tls->authorities, "/ca/with blank.pem");
  EXPECT_EQ(own.tls->certificate, "/c.pem");
  EXPECT_EQ(own.tls->key, "/c.key");
}

TEST(redis_url, is_refused_when_it_says_what_is_not_done) {
  for (const char* bad :
       {"", "redis", "redis://", "redis:///1", "http://h", "unix:///run/redis.sock", "redis://h:0",
        "redis://h:65536", "redis://h/x", "redis://h/-1", "redis://h#x", "REDISS://h x",
        // Nothing that was to make it safe, or unsafe, is passed over.
        "redis://h?sslrootcert=/ca.pem", "redis://h?ssl=true", "rediss://h?ssl_cert_reqs=none",
        "rediss://h?insecure", "rediss://h?sslcert=/c.pem", "rediss://h?sslkey=/c.key"}) {
    EXPECT_THROW(detail::parse_url(bad), std::invalid_argument) << bad;
  }
}

TEST(redis_url, is_checked_where_it_is_read) {
  environment right({{"REDIS_URL", "rediss://:x@h:6380/0"}});
  EXPECT_EQ(url_from(right), "rediss://:x@h:6380/0");
  EXPECT_TRUE(right.complaints().empty());

  environment wrong({{"REDIS_URL", "redis://:geheim@h/shop"}});
  url_from(wrong);
  ASSERT_EQ(wrong.complaints().size(), 1u);
  EXPECT_THAT(wrong.complaints()[0], HasSubstr("REDIS_URL has a database that is not a number"));
  EXPECT_THAT(wrong.complaints()[0], Not(HasSubstr("geheim")));

  environment missing{std::vector<std::pair<std::string, std::string>>{}};
  url_from(missing);
  ASSERT_EQ(missing.complaints().size(), 1u);
  EXPECT_THAT(missing.complaints()[0], HasSubstr("REDIS_URL is missing"));

  auto description = environment::for_description();
  EXPECT_NO_THROW(detail::parse_url(url_from(description)));
}

}  // namespace
}  // namespace souk::redis
