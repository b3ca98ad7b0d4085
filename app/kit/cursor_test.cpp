#include "kit/cursor.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kit/id.hpp"

namespace souk {
namespace {

RC_GTEST_PROP(cursor, gives_back_the_key_of_its_own_list,
              (const std::string& list, std::vector<std::uint32_t> numbers)) {
  std::vector<std::string> key;
  for (auto n : numbers) key.push_back(std::to_string(n));
  auto back = decode_cursor(list, encode_cursor(list, key), key.size());
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == key);
}

TEST(cursor, is_refused_on_another_list_and_with_another_number_of_parts) {
  auto cursor = encode_cursor("orders newest", {"1", "2"});
  EXPECT_FALSE(decode_cursor("orders oldest", cursor, 2));
  EXPECT_FALSE(decode_cursor("orders newest", cursor, 1));
  EXPECT_FALSE(decode_cursor("orders newest", cursor, 3));
}

TEST(cursor, refuses_what_it_did_not_make) {
  for (std::string bad : {"", "x", "!!!!", "e30", "W10", "W1tdXQ", "WzFd", "WyJcdTAwMDAiXQ"})
    EXPECT_FALSE(decode_cursor("list", bad, 0)) << bad;
  EXPECT_FALSE(decode_cursor("list", std::string(5000, 'A'), 0));
}

RC_GTEST_PROP(cursor, refuses_noise, (const std::string& noise)) {
  RC_ASSERT(!decode_cursor("list", noise, 1));
}

}  // namespace
}  // namespace souk
