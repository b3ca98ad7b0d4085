#include "kit/session_cache.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace souk::security {
namespace {

session_cache::digest key(int i) {
  return session_cache::key_of(std::to_string(i));
}

TEST(session_cache, keeps_what_is_asked_for_and_forgets_the_rest) {
  session_cache cache(10);
  cache.put(key(0), {"0", false, 100});
  cache.put(key(1), {"1", false, 100});
  for (int i = 2; i < 1000; ++i) {
    cache.put(key(i), {std::to_string(i), false, 100});
    EXPECT_LE(cache.size(), 20u);
    EXPECT_EQ(cache.find(key(0), 0)->subject, "0");
  }
  EXPECT_FALSE(cache.find(key(1), 0));
  EXPECT_TRUE(cache.find(key(999), 0));
}

TEST(session_cache, knows_nobody_after_expiry_or_clearing) {
  session_cache cache(10);
  cache.put(key(1), {"1", true, 100});
  EXPECT_TRUE(cache.find(key(1), 99)->is_admin);
  EXPECT_FALSE(cache.find(key(1), 100));
  EXPECT_EQ(cache.size(), 0u);
  cache.put(key(1), {"1", true, 100});
  cache.clear();
  EXPECT_FALSE(cache.find(key(1), 0));
}

// Never a wrong session, never an expired one, never more than the bound.
RC_GTEST_PROP(session_cache, never_invents,
              (const std::vector<std::pair<std::uint8_t, bool>>& steps)) {
  session_cache cache(4);
  std::map<int, session> truth;
  std::int64_t now = 0;
  for (const auto& [step, is_put] : steps) {
    const int i = step % 16;
    ++now;
    if (is_put) {
      truth[i] = {std::to_string(step), false, now + step % 7};
      cache.put(key(i), truth[i]);
    } else if (const auto found = cache.find(key(i), now)) {
      RC_ASSERT(found->expires > now);
      RC_ASSERT(found->subject == truth.at(i).subject);
    }
    RC_ASSERT(cache.size() <= 8u);
  }
}

}  // namespace
}  // namespace souk::security
