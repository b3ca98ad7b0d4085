#pragma once

// What a router holds: the endpoints and the tree that finds them. Inside the kit.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kit/http.hpp"
#include "kit/telemetry.hpp"

namespace souk::http {
namespace detail {

inline constexpr std::size_t method_count = 6;

// The duration histograms of one route and method, by status; made when first needed.
class route_metrics {
 public:
  telemetry::histogram& duration(std::string_view service, std::string_view route,
                                 std::string_view method, int status);

 private:
  std::vector<std::pair<int, telemetry::histogram*>> by_status_;
};

struct endpoint_entry {
  explicit endpoint_entry(endpoint e);
  endpoint what;
  std::string span_name;  // "GET /orders/{id}"
  route_metrics metrics, head_metrics;
};

struct route_node {
  std::map<std::string, std::unique_ptr<route_node>, std::less<>> literal;
  std::unique_ptr<route_node> any;  // a {name}
  std::array<endpoint_entry*, method_count> by_method{};
};

struct found_route {
  endpoint_entry* entry = nullptr;
  bool path_exists = false;
  std::array<bool, method_count> allowed{};
};

// A literal segment wins over a {name}, unless nothing below it has the method. HEAD finds GET.
// Without a method (one that no route has), tells which are allowed.
found_route find(const router::state& in, std::optional<method> wanted,
                 std::span<const std::string> segments, std::vector<std::string>& values);

// The decoded segments of a path that begins with /; nothing if one cannot be decoded.
std::optional<std::vector<std::string>> path_segments(std::string_view path);

// A received name as an error may show it: at most 64 bytes, whole characters.
std::string clipped(std::string_view name);

// Refusals by the server itself.
problem too_large();                    // 413 too-large
problem malformed(std::string detail);  // 400 bad-request

// The title that goes with a status.
std::string_view reason(int status);
// A problem as application/problem+json.
std::string to_document(const problem& p, std::string_view trace_id);

}  // namespace detail

struct router::state {
  detail::route_node root;
  std::vector<std::unique_ptr<detail::endpoint_entry>> endpoints;
  std::vector<route> list;
};

}  // namespace souk::http
