#include "load/event_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace souk::load {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<server_event> take_all(event_parser& p, std::initializer_list<std::string_view> lines) {
  std::vector<server_event> out;
  for (const auto line : lines)
    if (auto e = p.take(line)) out.push_back(std::move(*e));
  return out;
}

TEST(event_parser, reads_events) {
  event_parser p;
  EXPECT_THAT(take_all(p, {"id: 1", "event: placed", "data: {\"seq\":1}", "", ": still here", "",
                           "id:2\r", "data: a\r", "data:  b\r", "\r"}),
              ElementsAre(server_event{"1", "placed", "{\"seq\":1}"},
                          server_event{"2", "message", "a\n b"}));
  EXPECT_EQ(p.last_id(), "2");
}

TEST(event_parser, passes_over_what_has_no_data) {
  event_parser p;
  EXPECT_THAT(take_all(p, {"retry: 1000", "", "event: nothing", "", "id: 7", "", "colour: red"}),
              IsEmpty());
  EXPECT_EQ(p.last_id(), "7");
  EXPECT_THAT(take_all(p, {"data", ""}), ElementsAre(server_event{"7", "message", ""}));
}

TEST(event_parser, forgets_what_a_broken_connection_left) {
  event_parser p;
  take_all(p, {"id: 1", "data: a", "", "id: 2", "event: x", "data: half"});
  p.reconnected();
  EXPECT_EQ(p.last_id(), "1");
  EXPECT_THAT(take_all(p, {"", "data: b", ""}), ElementsAre(server_event{"1", "message", "b"}));
}

}  // namespace
}  // namespace souk::load
