#include "kit/http_routing.hpp"

#include <algorithm>

#include "kit/http_routes.hpp"

namespace souk::http {
namespace detail {
namespace {

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> out;
  path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

bool is_name(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view bad_encoding = "must be percent-encoded UTF-8 without NUL";

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  if (!json::is_utf8(out)) return std::nullopt;
  return out;
}

void query_parameters::assign(std::string_view query) {
  items_.clear();
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto part = query.substr(0, end);
    if (!part.empty()) {
      const auto equals = part.find('=');
      items_.push_back({.name = percent_decode(part.substr(0, equals), true),
                        .value = equals == std::string_view::npos
                                     ? std::string()
                                     : std::string(part.substr(equals + 1))});
    }
    if (end == std::string_view::npos) return;
    query.remove_prefix(end + 1);
  }
}

std::vector<std::string> query_parameters::take(std::string_view name, bool split,
                                                json::errors& errors) {
  std::vector<std::string> out;
  for (item& i : items_) {
    if (i.taken || i.name != name) continue;
    i.taken = true;
    std::string_view rest = i.value;
    for (;;) {
      const auto comma = split ? rest.find(',') : std::string_view::npos;
      if (auto value = percent_decode(rest.substr(0, comma), true))
        out.push_back(std::move(*value));
      else
        errors.push_back({std::string(name), std::string(bad_encoding)});
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return out;
}

std::map<std::string, std::vector<std::string>> query_parameters::take_all(std::string_view prefix,
                                                                           json::errors& errors) {
  std::map<std::string, std::vector<std::string>> out;
  for (item& i : items_) {
    if (i.taken || !i.name || i.name->size() <= prefix.size() || !i.name->starts_with(prefix))
      continue;
    i.taken = true;
    // The name is received text, which errors do not repeat.
    if (auto value = percent_decode(i.value, true))
      out[i.name->substr(prefix.size())].push_back(std::move(*value));
    else
      errors.push_back({std::string(prefix) + "*", std::string(bad_encoding)});
  }
  return out;
}

void query_parameters::refuse_rest(json::errors& errors) {
  for (const item& i : items_) {
    if (i.taken) continue;
    if (!i.name)
      errors.push_back({"parameter:", "the name of a parameter " + std::string(bad_encoding)});
    else
      errors.push_back({"parameter:" + clipped(*i.name), "is not a known parameter"});
  }
}

bool check_count(std::string_view name, std::size_t count, std::size_t min, std::size_t max,
                 json::errors& errors) {
  if (count >= min && count <= max) return true;
  if (count == 0)
    errors.push_back({std::string(name), "is required"});
  else if (max == 1)
    errors.push_back({std::string(name), "must not be repeated"});
  else
    errors.push_back({std::string(name), "must be given " + std::to_string(min) + " to " +
                                             std::to_string(max) + " times"});
  return false;
}

std::optional<problem> finish_reading(exchange& x) {
  if (!x.errors.empty()) {
    if (x.errors.size() > json::max_errors) x.errors.resize(json::max_errors);
    return problems::bad_request(std::move(x.errors));
  }
  if (x.route->if_match && !x.if_match) return problems::precondition_required();
  return std::nullopt;
}

endpoint_entry::endpoint_entry(endpoint e)
    : what(std::move(e)),
      span_name(std::string(to_string(what.route.method)) + " " + std::string(what.route.path)) {}

telemetry::histogram& route_metrics::duration(std::string_view service, std::string_view route,
                                              std::string_view method, int status) {
  for (auto& [known, histogram] : by_status_)
    if (known == status) return *histogram;
  auto& made = telemetry::get_histogram(
      "http_server_request_duration_seconds",
      "Duration of HTTP requests, from their head to the end of the answer",
      {{"service", std::string(service)},
       {"route", std::string(route)},
       {"method", std::string(method)},
       {"status", std::to_string(status)}});
  by_status_.emplace_back(status, &made);
  return made;
}

reply refused(problem p) {
  reply out;
  out.status = p.status;
  out.failure = std::move(p);
  return out;
}

reply streamed(std::optional<problem> p) {
  return p ? refused(std::move(*p)) : reply{};
}

std::string clipped(std::string_view name) {
  if (name.size() <= 64) return std::string(name);
  std::size_t end = 64;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return std::string(name.substr(0, end));
}

std::vector<std::string> path_names(std::string_view path_template) {
  std::vector<std::string> out;
  for (auto segment : split_path(path_template))
    if (is_name(segment)) out.emplace_back(segment.substr(1, segment.size() - 2));
  return out;
}

void add(router::state& to, endpoint e) {
  const auto path = e.route.path;
  const auto wrong = [&](std::string_view why) {
    throw std::logic_error("route " + std::string(to_string(e.route.method)) + " " +
                           std::string(path) + ": " + std::string(why));
  };
  if (!path.starts_with('/')) wrong("a path begins with /");
  if (e.route.method == method::head) wrong("HEAD comes with GET");
  const bool reads = e.route.method == method::get;
  if (reads && (e.takes_body || e.kind == endpoint_kind::upload)) wrong("a GET has no body");
  if (!reads && (e.kind == endpoint_kind::lines || e.kind == endpoint_kind::events))
    wrong("only a GET is answered by a stream");
  json::schema_set unused;
  const auto types = e.types(unused);
  for (const auto& name : e.path_names)
    if (std::ranges::none_of(types.path, [&](const parameter& p) { return p.name == name; }))
      wrong("the path type has no field " + name);
  if (types.path.size() != e.path_names.size())
    wrong("the path type has more fields than the path");

  route_node* node = &to.root;
  for (auto segment : split_path(path)) {
    if (is_name(segment)) {
      if (!node->any) node->any = std::make_unique<route_node>();
      node = node->any.get();
    } else {
      auto& child = node->literal[std::string(segment)];
      if (!child) child = std::make_unique<route_node>();
      node = child.get();
    }
  }
  auto& slot = node->by_method[static_cast<std::size_t>(e.route.method)];
  if (slot) wrong("is there already");
  to.list.push_back(e.route);
  to.endpoints.push_back(std::make_unique<endpoint_entry>(std::move(e)));
  slot = to.endpoints.back().get();
}

namespace {

struct search {
  std::span<const std::string> segments;
  method wanted;
  std::vector<std::string> values{};
  found_route best{};

  // True when the search is over.
  bool visit(const route_node& node, std::size_t depth) {
    if (depth == segments.size()) {
      bool here = false;
      for (std::size_t m = 0; m < node.by_method.size(); ++m)
        if (node.by_method[m]) {
          here = true;
          best.allowed[m] = true;
        }
      if (!here) return false;
      best.path_exists = true;
      const auto m = wanted == method::head ? method::get : wanted;
      best.entry = node.by_method[static_cast<std::size_t>(m)];
      return best.entry != nullptr;
    }
    if (auto child = node.literal.find(segments[depth]); child != node.literal.end())
      if (visit(*child->second, depth + 1)) return true;
    if (node.any && !segments[depth].empty()) {
      values.push_back(segments[depth]);
      if (visit(*node.any, depth + 1)) return true;
      values.pop_back();
    }
    return false;
  }
};

}  // namespace

found_route find(const router::state& in, std::optional<method> wanted,
                 std::span<const std::string> segments, std::vector<std::string>& values) {
  // An unknown method is allowed nowhere; searching with HEAD would find GET.
  search s{.segments = segments, .wanted = wanted.value_or(method::post)};
  if (!wanted) {
    for (method m : {method::get, method::post, method::put, method::patch, method::delete_}) {
      s.wanted = m;
      s.visit(in.root, 0);
    }
    s.best.entry = nullptr;
    return s.best;
  }
  s.visit(in.root, 0);
  values = std::move(s.values);
  return s.best;
}

std::optional<std::vector<std::string>> path_segments(std::string_view path) {
  std::vector<std::string> out;
  for (auto part : split_path(path)) {
    auto segment = percent_decode(part, false);
    if (!segment) return std::nullopt;
    out.push_back(std::move(*segment));
  }
  return out;
}

}  // namespace detail

router::router() : state_(std::make_unique<state>()) {}
router::~router() = default;
router::router(router&&) noexcept = default;
router& router::operator=(router&&) noexcept = default;

std::span<const route> router::routes() const {
  return state_->list;
}

}  // namespace souk::http
