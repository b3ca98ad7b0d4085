#pragma once

// Reading server-sent events (WHATWG HTML, 9.2), line by line.

#include <optional>
#include <string>
#include <string_view>

namespace souk::load {

struct server_event {
  std::string id;    // the last one that was sent, perhaps with an earlier event
  std::string type;  // "message" if none was sent
  std::string data;
  bool operator==(const server_event&) const = default;
};

class event_parser {
 public:
  // Takes a line without its '\n'; gives the event that it ends, if it ends one that has data.
  std::optional<server_event> take(std::string_view line);
  // What to resume after; empty if nothing was numbered yet. Lasts over connections.
  const std::string& last_id() const { return last_id_; }
  // A new connection: what has not ended has not been sent.
  void reconnected();

 private:
  std::string last_id_, id_, type_, data_;
  bool has_data_ = false;
};

}  // namespace souk::load
