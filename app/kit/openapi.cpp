// The OpenAPI 3.1 document of a router.

#include <algorithm>
#include <map>

#include "kit/http_routes.hpp"

namespace souk::http {
namespace {

using detail::endpoint;
using detail::endpoint_kind;
using detail::endpoint_types;
using detail::parameter;

std::string quoted(std::string_view text) {
  std::string out;
  json::write_string(out, text);
  return out;
}

// Members and elements, with commas between them.
class joined {
 public:
  void add(std::string_view text) { out_.append(out_.empty() ? "" : ",").append(text); }
  void member(std::string_view name, std::string_view value) {
    add(quoted(name) + ":" + std::string(value));
  }
  std::string object() const { return "{" + out_ + "}"; }
  std::string array() const { return "[" + out_ + "]"; }
  bool empty() const { return out_.empty(); }

 private:
  std::string out_;
};

constexpr std::string_view problem_schema =
    R"({"type":"object","description":"RFC 9457","properties":{)"
    R"("type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},)"
    R"("detail":{"type":"string"},"trace_id":{"type":"string"},"errors":{"type":"array","items":)"
    R"({"type":"object","properties":{)"
    R"("pointer":{"type":"string","description":"RFC 6901, into the body"},)"
    R"("parameter":{"type":"string"},"header":{"type":"string"},"detail":{"type":"string"}},)"
    R"("required":["detail"]}}},"required":["type","title","status","trace_id"]})";

constexpr std::string_view security_schemes =
    R"({"bearer":{"type":"http","scheme":"bearer","bearerFormat":"JWT"},)"
    R"("shopper_cookie":{"type":"apiKey","in":"cookie","name":"souk_<instance>_shopper"},)"
    R"("admin_cookie":{"type":"apiKey","in":"cookie","name":"souk_<instance>_admin",)"
    R"("description":"Counts only together with the header Souk-Act-As: admin"},)"
    R"("service":{"type":"apiKey","in":"header","name":"Souk-Service",)"
    R"("description":"name:secret, between services only"}})";

std::string describe(const parameter& p, std::string_view in) {
  joined out;
  out.member("name", quoted(p.name));
  out.member("in", quoted(in));
  if (p.required) out.member("required", "true");
  if (p.free_names) {
    out.member("description", quoted(p.name + ".<name>=<value>, any number of times"));
    out.member("style", R"("form")");
    out.member("explode", "true");
  } else if (p.repeated) {
    out.member("description", quoted("repeated, or with commas between the values"));
    out.member("style", R"("form")");
    out.member("explode", "false");
  }
  out.member("schema", p.schema);
  return out.object();
}

std::string header_parameter(std::string_view name, bool required, std::string_view description) {
  joined out;
  out.member("name", quoted(name));
  out.member("in", R"("header")");
  if (required) out.member("required", "true");
  out.member("description", quoted(description));
  out.member("schema", R"({"type":"string","minLength":1,"maxLength":255})");
  return out.object();
}

std::string content(std::string_view type, std::string_view schema) {
  joined media, out;
  if (!schema.empty()) media.member("schema", schema);
  out.member(type, media.object());
  return out.object();
}

std::string success(const endpoint& e, const endpoint_types& types) {
  joined out;
  out.member(
      "description",
      quoted(types.answer.empty() && e.kind == endpoint_kind::plain ? "Done" : e.route.summary));
  switch (e.kind) {
    case endpoint_kind::lines:
      out.member("content", content("application/x-ndjson", types.answer));
      break;
    case endpoint_kind::events:
      out.member("content", content("text/event-stream", R"({"type":"string"})"));
      break;
    case endpoint_kind::plain:
    case endpoint_kind::upload:
      if (!types.answer.empty()) out.member("content", content("application/json", types.answer));
      break;
  }
  return out.object();
}

std::string security(const access& who) {
  joined out;
  if (who.public_) out.add("{}");
  if (who.public_ || who.shopper_ || who.admin_) out.add(R"({"bearer":[]})");
  if (who.public_ || who.shopper_) out.add(R"({"shopper_cookie":[]})");
  if (who.admin_) out.add(R"({"admin_cookie":[]})");
  if (!who.services_.empty()) out.add(R"({"service":[]})");
  return out.array();
}

// get_orders_id_events
std::string operation_id(const route& r) {
  std::string out(to_string(r.method));
  std::ranges::transform(out, out.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  bool gap = true;
  for (char c : r.path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter && std::exchange(gap, false)) out += '_';
    if (letter)
      out += c;
    else
      gap = true;
  }
  return out;
}

std::string describe(const endpoint& e, json::schema_set& set) {
  const auto types = e.types(set);
  joined parameters;
  // In the order of the path, whatever the order of the struct.
  for (const auto& name : e.path_names)
    for (const auto& p : types.path)
      if (p.name == name) parameters.add(describe(p, "path"));
  for (const auto& p : types.query) parameters.add(describe(p, "query"));
  if (e.route.key != idempotency::none)
    parameters.add(header_parameter("Idempotency-Key", e.route.key == idempotency::required,
                                    "A repeat with the same key is done once"));
  if (e.route.if_match)
    parameters.add(
        header_parameter("If-Match", true, "The ETag of what the change is based on, or *"));
  if (e.kind == endpoint_kind::events)
    parameters.add(header_parameter("Last-Event-ID", false, "Resumes after this event"));

  joined out;
  out.member("operationId", quoted(operation_id(e.route)));
  out.member("summary", quoted(e.route.summary));
  if (!parameters.empty()) out.member("parameters", parameters.array());
  if (e.takes_body || e.kind == endpoint_kind::upload) {
    joined body;
    body.member("required", "true");
    body.member("content", e.takes_body ? content("application/json", types.body)
                                        : content("application/x-ndjson", R"({"type":"string"})"));
    out.member("requestBody", body.object());
  }
  joined responses;
  responses.member("2XX", success(e, types));
  responses.member("4XX", R"({"$ref":"#/components/responses/Problem"})");
  responses.member("5XX", R"({"$ref":"#/components/responses/Problem"})");
  out.member("responses", responses.object());
  out.member("security", security(e.route.who));
  out.member("x-souk-access", json::write(e.route.who.names()));
  if (e.route.key != idempotency::none)
    out.member("x-souk-idempotency-key",
               e.route.key == idempotency::required ? R"("required")" : R"("optional")");
  return out.object();
}

}  // namespace

std::string router::openapi(std::string_view title, std::string_view version) const {
  json::schema_set set;
  // The paths in the order of the list, the methods of one together.
  std::vector<std::string_view> order;
  std::map<std::string_view, joined> by_path;
  for (const auto& entry : state_->endpoints) {
    const endpoint& e = entry->what;
    if (!by_path.contains(e.route.path)) order.push_back(e.route.path);
    std::string name(to_string(e.route.method));
    std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    by_path[e.route.path].member(name, describe(e, set));
  }
  joined paths;
  for (auto path : order) paths.member(path, by_path[path].object());

  joined schemas;
  schemas.member("Problem", problem_schema);
  for (const auto& [name, schema] : set.components) schemas.member(name, schema);

  joined problem_response, responses, components, info, servers, out;
  problem_response.member("description", R"("A problem")");
  problem_response.member(
      "content", content("application/problem+json", R"({"$ref":"#/components/schemas/Problem"})"));
  responses.member("Problem", problem_response.object());
  components.member("schemas", schemas.object());
  components.member("responses", responses.object());
  components.member("securitySchemes", security_schemes);
  info.member("title", quoted(title));
  info.member("version", quoted(version));
  servers.add(R"({"url":"/api","description":"through the gateway"})");
  servers.add(R"({"url":"/","description":"directly"})");
  out.member("openapi", R"("3.1.0")");
  out.member("info", info.object());
  out.member("servers", servers.array());
  out.member("paths", paths.object());
  out.member("components", components.object());
  return out.object();
}

}  // namespace souk::http
