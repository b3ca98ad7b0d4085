#pragma once

// Templates of kit/http_client.hpp.

#include <optional>
#include <type_traits>

#include "kit/http_client.hpp"

namespace souk::http {

namespace detail {
// The text of one member of a JSON object; nothing if there is no such member or no object.
std::optional<std::string> json_member(std::string_view document, std::string_view name);
refusal to_refusal(answer a);
[[noreturn]] void throw_not_as_agreed(const std::string& upstream, const json::errors& errors);
}  // namespace detail

template <class T>
std::optional<T> refusal::extension(std::string_view extension_name) const {
  const auto member = detail::json_member(body, extension_name);
  if (!member) return std::nullopt;
  auto value = json::read_lenient<T>(*member);
  if (!value) return std::nullopt;
  return std::move(*value);
}

template <class T>
task<std::expected<T, refusal>> client::call_for(const context& ctx, http::call c) {
  answer a = co_await send(ctx, std::move(c));
  if (a.status < 200 || a.status > 299) {
    co_return std::unexpected(detail::to_refusal(std::move(a)));
  }
  if constexpr (std::is_same_v<T, none>) {
    co_return T{};
  } else {
    auto value = json::read_lenient<T>(a.body);
    if (!value) detail::throw_not_as_agreed(name(), value.error());
    co_return std::move(*value);
  }
}

}  // namespace souk::http
