// Path and query of a request: which route it finds, and what its typed parameters are.

#include <algorithm>
#include <map>

#include "fuzz.hpp"
#include "kit/http.hpp"
#include "kit/http_routes.hpp"
#include "reference_http.hpp"

namespace souk::fuzz {
namespace {

enum class order { newest, name };
BOOST_DESCRIBE_ENUM(order, newest, name)

struct by_name {
  json::text<1, 40> name;
};
BOOST_DESCRIBE_STRUCT(by_name, (), (name))

struct wanted {
  std::optional<json::integer<1, 100>> limit;
  std::optional<json::text<1, 20>> search;
  std::vector<std::string> ids;
  std::optional<bool> deep;
  std::optional<order> sort;
  http::detail::attributes attr;
};
BOOST_DESCRIBE_STRUCT(wanted, (), (limit, search, ids, deep, sort, attr))

using request = http::request<by_name, wanted>;

http::router make_routes() {
  http::router routes;
  const auto add = [&](http::method m, std::string_view path) {
    routes.on<request, http::none>(
        {m, path, "", http::anyone},
        [](context&, request) -> task<http::response<http::none>> { co_return http::none{}; });
  };
  const auto add_plain = [&](http::method m, std::string_view path) {
    routes.on<http::request<>, http::none>(
        {m, path, "", http::anyone},
        [](context&, http::request<>) -> task<http::response<http::none>> {
          co_return http::none{};
        });
  };
  add(http::method::get, "/things/{name}");
  add(http::method::post, "/things/{name}/parts");
  add_plain(http::method::get, "/things/fixed");
  add_plain(http::method::delete_, "/things");
  return routes;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  for (;;) {
    const auto end = text.find(at);
    out.emplace_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

// What the route table says, case by case.
std::string_view expected_route(http::method m, const std::vector<std::string>& s) {
  const bool things = !s.empty() && s[0] == "things";
  const bool reads = m == http::method::get || m == http::method::head;
  if (things && s.size() == 1 && m == http::method::delete_) return "DELETE /things";
  if (things && s.size() == 2 && reads && s[1] == "fixed") return "GET /things/fixed";
  if (things && s.size() == 2 && reads && !s[1].empty()) return "GET /things/{name}";
  if (things && s.size() == 3 && !s[1].empty() && s[2] == "parts" && m == http::method::post)
    return "POST /things/{name}/parts";
  return "";
}

// The query as the reference reads it; nothing when some part of it must be refused.
std::optional<wanted> expected_query(std::string_view query) {
  std::map<std::string, std::vector<std::string>> given;  // values as sent
  for (const auto& part : split(query, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto name = reference::percent_decoded(part.substr(0, equals), true);
    if (!name) return std::nullopt;
    given[*name].push_back(equals == part.npos ? "" : part.substr(equals + 1));
  }
  wanted out;
  bool good = true;
  const auto single = [&](std::string_view name, auto& field) {
    const auto values = given.extract(std::string(name));
    if (values.empty()) return;
    using type = typename std::remove_reference_t<decltype(field)>::value_type;
    const auto text = reference::percent_decoded(values.mapped().front(), true);
    const auto read = text ? json::from_text<type>(*text) : std::unexpected(std::string());
    good &= values.mapped().size() == 1 && read.has_value();
    if (read) field = *read;
  };
  single("limit", out.limit);
  single("search", out.search);
  single("deep", out.deep);
  single("sort", out.sort);
  for (auto it = given.begin(); it != given.end(); it = given.erase(it)) {
    const bool is_attribute = it->first.starts_with("attr.") && it->first.size() > 5;
    if (it->first != "ids" && !is_attribute) return std::nullopt;
    for (const auto& value : it->second) {
      for (const auto& one : is_attribute ? std::vector{value} : split(value, ',')) {
        auto text = reference::percent_decoded(one, true);
        if (!text || text->size() > 10'000) return std::nullopt;
        (is_attribute ? out.attr[it->first.substr(5)] : out.ids).push_back(*text);
      }
    }
  }
  if (!good || out.ids.size() > 100) return std::nullopt;
  return out;
}

bool same(const wanted& a, const wanted& b) {
  return a.limit.has_value() == b.limit.has_value() &&
         (!a.limit || a.limit->value == b.limit->value) && a.search == b.search && a.ids == b.ids &&
         a.deep == b.deep && a.sort == b.sort && a.attr == b.attr;
}

}  // namespace

SOUK_FUZZ_TARGET(route) {
  static http::router routes = make_routes();
  const auto question = input.find('?');
  const auto path = input.substr(0, question);
  const auto query = question == input.npos ? std::string_view() : input.substr(question + 1);

  std::optional<std::vector<std::string>> segments, expected;
  if (path.starts_with('/')) {
    segments = http::detail::path_segments(path);
    expected.emplace();
    for (const auto& part : split(path.substr(1), '/')) {
      auto text = reference::percent_decoded(part, false);
      if (!text) {
        expected.reset();
        break;
      }
      expected->push_back(std::move(*text));
    }
    require(segments == expected, "a path is decoded otherwise");
  }

  std::vector<std::string> names{"name"}, values{"x"};
  if (segments) {
    for (const auto m : {http::method::get, http::method::head, http::method::post,
                         http::method::delete_, http::method::put}) {
      const auto found = http::detail::find(routes.internals(), m, *segments, values);
      const auto wanted_route = expected_route(m, *segments);
      require(found.entry ? found.entry->span_name == wanted_route : wanted_route.empty(),
              "another route is found");
      if (wanted_route.contains('{'))
        require(values == std::vector{(*segments)[1]}, "a path parameter is another");
    }
    const auto found = http::detail::find(routes.internals(), std::nullopt, *segments, values);
    require(!found.entry, "an unknown method finds a route");
    if (values.size() != 1) values = {"x"};
  }

  http::detail::exchange x;
  const http::route route{http::method::get, "/things/{name}", "", http::anyone};
  x.route = &route;
  x.path = values;
  x.query.assign(query);
  const auto read = http::detail::read_request<request>(x, names, false);
  const auto good = expected_query(query);
  const bool good_name = json::from_text<json::text<1, 40>>(values[0]).has_value();
  require(read.has_value() == (good && good_name), "a query is accepted or refused wrongly");
  if (read) {
    require(read->path.name == values[0] && same(read->query, *good), "a query is read otherwise");
    return;
  }
  const auto& p = read.error();
  require(p.status == 400 && !p.errors.empty() && p.errors.size() <= json::max_errors,
          "a refusal names nothing");
  const auto document = http::detail::to_document(p, "0123456789abcdef0123456789abcdef");
  require(reference::is_utf8(document) && !document.contains('\n'), "a problem is no JSON line");
}

}  // namespace souk::fuzz
