#include "kit/context.hpp"

#include <algorithm>

#include "kit/id.hpp"

namespace souk {
namespace {

template <std::size_t N>
bool is_zero(const std::array<std::uint8_t, N>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  return hex_encode({reinterpret_cast<const char*>(bytes.data()), N});
}

template <std::size_t N>
void fill(std::array<std::uint8_t, N>& bytes) {
  do random_bytes(bytes.data(), N);
  while (is_zero(bytes));
}

// Lower case only, as Trace Context wants it.
template <std::size_t N>
bool parse_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < N; ++i) {
    const int high = value(text[2 * i]), low = value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

steady_clock::time_point after(steady_clock::duration limit) {
  const auto now = steady_clock::now();
  return limit > steady_clock::time_point::max() - now ? steady_clock::time_point::max()
                                                       : now + limit;
}

}  // namespace

trace_context trace_context::start() {
  trace_context t;
  fill(t.trace_id);
  fill(t.span_id);
  return t;
}

std::optional<trace_context> trace_context::named(std::string_view trace_id) {
  trace_context t;
  if (trace_id.size() != 32 || !parse_hex(trace_id, t.trace_id) || is_zero(t.trace_id))
    return std::nullopt;
  return t;
}

trace_context trace_context::child() const {
  trace_context t = *this;
  fill(t.span_id);
  return t;
}

bool trace_context::valid() const {
  return !is_zero(trace_id) && !is_zero(span_id);
}

std::string trace_context::trace_id_hex() const {
  return hex(trace_id);
}

std::string trace_context::traceparent() const {
  return "00-" + hex(trace_id) + "-" + hex(span_id) + (sampled ? "-01" : "-00");
}

std::optional<trace_context> trace_context::parse(std::string_view text) {
  // 00-<32 hex>-<16 hex>-<2 hex>; a later version may go on after another hyphen.
  constexpr std::size_t size = 55;
  if (text.size() < size || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  std::array<std::uint8_t, 1> version{}, flags{};
  trace_context t;
  if (!parse_hex(text, version) || !parse_hex(text.substr(3), t.trace_id) ||
      !parse_hex(text.substr(36), t.span_id) || !parse_hex(text.substr(53), flags) || !t.valid())
    return std::nullopt;
  if (version[0] == 0xFF) return std::nullopt;
  if (text.size() > size && (version[0] == 0 || text[size] != '-')) return std::nullopt;
  t.sampled = (flags[0] & 1) != 0;
  return t;
}

context context::background(std::string_view service, steady_clock::duration time_limit) {
  context c;
  c.deadline = after(time_limit);
  c.service = service;
  return c;
}

context context::with_time_limit(steady_clock::duration limit) const {
  context c = *this;
  c.deadline = after(limit);
  return c;
}

context context::with_trace(const trace_context& t) const {
  context c = *this;
  c.trace = t;
  return c;
}

steady_clock::duration context::time_left() const {
  return std::max(deadline - steady_clock::now(), steady_clock::duration::zero());
}

}  // namespace souk
