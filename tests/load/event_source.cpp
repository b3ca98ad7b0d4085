#include "load/event_source.hpp"

#include <utility>

namespace souk::load {

std::optional<server_event> event_parser::take(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    last_id_ = id_;
    const bool complete = std::exchange(has_data_, false);
    server_event e{.id = id_, .type = std::exchange(type_, {}), .data = std::exchange(data_, {})};
    if (!complete) return std::nullopt;
    if (e.type.empty()) e.type = "message";
    return e;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);  // empty for a comment
  auto value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_ += value;
  } else if (field == "event") {
    type_ = value;
  } else if (field == "id") {
    if (!value.contains('\0')) id_ = value;
  }
  return std::nullopt;
}

void event_parser::reconnected() {
  id_ = last_id_;
  type_.clear();
  data_.clear();
  has_data_ = false;
}

}  // namespace souk::load
