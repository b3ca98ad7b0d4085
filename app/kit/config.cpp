#include "kit/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/parse.hpp>

#include "kit/json.hpp"

extern char** environ;

namespace souk {
namespace {

constexpr std::string_view no_default = "(required)";

// http://host or http://host:port, nothing else.
bool is_base_url(std::string_view text) {
  const auto url = boost::urls::parse_absolute_uri(text);
  if (!url) return false;
  const auto port = json::from_text<std::uint16_t>(std::string(url->port()));
  return url->scheme() == "http" && !url->host().empty() && !url->has_userinfo() &&
         !url->has_query() && url->encoded_path().empty() &&
         (!url->has_port() || (port && *port != 0));
}

}  // namespace

environment::environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (const auto equals = text.find('='); equals != text.npos)
      values_.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
}

environment::environment(std::vector<std::pair<std::string, std::string>> values)
    : values_(std::move(values)) {}

std::optional<std::string> environment::find(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name && !value.empty()) return value;
  return std::nullopt;
}

environment environment::for_description() {
  environment env;
  env.describes_only_ = true;
  return env;
}

void environment::complain(std::string_view name, std::string_view why) {
  if (describes_only_) return;
  complaints_.push_back(fmt::format("{} {}", name, why));
}

void environment::mention(std::string_view name, std::string_view fallback,
                          std::string_view meaning) {
  const bool known =
      std::any_of(entries_.begin(), entries_.end(), [&](const entry& e) { return e.name == name; });
  if (!known) entries_.push_back({std::string(name), std::string(fallback), std::string(meaning)});
}

std::string environment::required(std::string_view name, std::string_view placeholder,
                                  std::string_view meaning) {
  mention(name, no_default, meaning);
  if (auto value = find(name)) return *value;
  if (describes_only_) return std::string(placeholder);
  complain(name, fmt::format("is missing: {}", meaning));
  return {};
}

std::string environment::text(std::string_view name, std::string_view meaning) {
  return required(name, {}, meaning);
}

std::string environment::text(std::string_view name, std::string_view fallback,
                              std::string_view meaning) {
  mention(name, fallback, meaning);
  return find(name).value_or(std::string(fallback));
}

std::int64_t environment::integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                                  std::int64_t max, std::string_view meaning) {
  mention(name, std::to_string(fallback), meaning);
  const auto value = find(name);
  if (!value) return fallback;
  const auto number = json::from_text<std::int64_t>(*value);
  if (number && *number >= min && *number <= max) return *number;
  complain(name, fmt::format("must be a whole number from {} to {}: {}", min, max, meaning));
  return fallback;
}

std::chrono::milliseconds environment::milliseconds(std::string_view name, std::int64_t fallback,
                                                    std::int64_t min, std::int64_t max,
                                                    std::string_view meaning) {
  return std::chrono::milliseconds(integer(name, fallback, min, max, meaning));
}

double environment::number(std::string_view name, double fallback, double min, double max,
                           std::string_view meaning) {
  mention(name, fmt::format("{}", fallback), meaning);
  const auto value = find(name);
  if (!value) return fallback;
  const auto number = json::from_text<double>(*value);
  if (number && *number >= min && *number <= max) return *number;
  complain(name, fmt::format("must be a number from {} to {}: {}", min, max, meaning));
  return fallback;
}

std::string environment::url(std::string_view name, std::string_view meaning) {
  const std::size_t complaints = complaints_.size();
  std::string value = required(name, "http://unset.invalid", meaning);
  if (complaints_.size() > complaints) return value;
  if (value.ends_with('/')) value.pop_back();
  if (!is_base_url(value)) complain(name, fmt::format("must be http://host:port: {}", meaning));
  return value;
}

std::string environment::describe() const {
  const auto shown = [](const entry& e) -> std::string_view {
    return e.fallback.empty() ? "(none)" : std::string_view(e.fallback);
  };
  std::size_t name_width = 8, fallback_width = 7;
  for (const entry& e : entries_) {
    name_width = std::max(name_width, e.name.size());
    fallback_width = std::max(fallback_width, shown(e).size());
  }
  std::string out;
  const auto line = [&](std::string_view name, std::string_view fallback,
                        std::string_view meaning) {
    fmt::format_to(std::back_inserter(out), "{:<{}}  {:<{}}  {}\n", name, name_width, fallback,
                   fallback_width, meaning);
  };
  line("VARIABLE", "DEFAULT", "MEANING");
  for (const entry& e : entries_) line(e.name, shown(e), e.meaning);
  return out;
}

}  // namespace souk
