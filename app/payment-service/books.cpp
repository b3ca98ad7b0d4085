#include "books.hpp"

#include <algorithm>

namespace souk::payment {
namespace {

constexpr std::size_t page = 500;

struct checked_line {
  std::int64_t checked = 0;
};
BOOST_DESCRIBE_STRUCT(checked_line, (), (checked))

template <class T>
void append_line(std::string& out, const T& value) {
  json::write_to(out, value);
  out += '\n';
}

}  // namespace

std::vector<book_entry> merge_books(const std::vector<payment_book>& ours,
                                    const std::vector<gateway_order>& theirs, std::size_t limit) {
  std::vector<book_entry> out;
  auto a = ours.begin();
  auto b = theirs.begin();
  while (out.size() < limit && (a != ours.end() || b != theirs.end())) {
    const bool we = a != ours.end() && (b == theirs.end() || a->order_id <= b->merchant_order);
    const bool they = b != theirs.end() && (a == ours.end() || b->merchant_order <= a->order_id);
    auto& entry = out.emplace_back();
    if (we) {
      entry = {.order_id = a->order_id,
               .payment_id = a->payment_id,
               .state = a->state,
               .reason = a->reason,
               .amount_minor = a->amount_minor,
               .captured_minor = a->captured_minor,
               .refunded_minor = a->refunded_minor,
               .refund_pending_minor = a->refund_pending_minor,
               .updated_at = a->updated_at};
      ++a;
    }
    if (they) {
      entry.order_id = b->merchant_order;
      entry.gateway = *b;
      ++b;
    }
  }
  return out;
}

task<> payment_books::write(const context& ctx, uuid after, uuid through, std::size_t limit,
                            http::response_stream& out) {
  for (;;) {
    const std::size_t size = std::min(page, limit);
    const auto ours = co_await store_.list_books(ctx, after, through, static_cast<int>(size));
    const auto theirs = co_await gateway_.orders(ctx, after, through, static_cast<int>(size));
    const auto lines = merge_books(ours, theirs, size);
    std::string text;
    for (const auto& line : lines) append_line(text, line);
    co_await out.write(text);
    limit -= lines.size();
    if (lines.size() < size || limit == 0) co_return;
    after = lines.back().order_id;
  }
}

task<> payment_books::write_checks(const context& ctx, http::response_stream& out) {
  const auto found = co_await store_.check(ctx);
  std::string text;
  for (const auto& v : found.violations) append_line(text, v);
  append_line(text, checked_line{found.checked});
  co_await out.write(text);
}

}  // namespace souk::payment
