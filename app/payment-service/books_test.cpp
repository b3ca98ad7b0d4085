#include "books.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace souk::payment {
namespace {

uuid order(std::uint8_t n) {
  uuid id;
  id.bytes[15] = n;
  return id;
}

RC_GTEST_PROP(merge_books, pairs_what_belongs_together_and_drops_nothing, ()) {
  const auto a = *rc::gen::arbitrary<std::set<std::uint8_t>>();
  const auto b = *rc::gen::arbitrary<std::set<std::uint8_t>>();
  const auto limit = *rc::gen::inRange<std::size_t>(1, 40);
  std::vector<payment_book> ours;
  std::vector<gateway_order> theirs;
  for (auto n : a)
    ours.push_back({.order_id = order(n), .payment_id = order(n), .amount_minor = n});
  for (auto n : b) {
    gateway_order g;
    g.merchant_order = order(n);
    g.charges = 1;
    g.authorized_minor = n;
    theirs.push_back(g);
  }
  ours.resize(std::min(ours.size(), limit));
  theirs.resize(std::min(theirs.size(), limit));

  std::set<std::uint8_t> expected = a;
  expected.insert(b.begin(), b.end());
  const auto merged = merge_books(ours, theirs, limit);
  RC_ASSERT(merged.size() == std::min(limit, expected.size()));
  auto n = expected.begin();
  for (const auto& line : merged) {
    RC_ASSERT(line.order_id == order(*n));
    RC_ASSERT(line.payment_id.has_value() == a.contains(*n));
    RC_ASSERT(line.state.has_value() == a.contains(*n));
    RC_ASSERT(line.gateway.charges == (b.contains(*n) ? 1 : 0));
    RC_ASSERT(line.gateway.authorized_minor == (b.contains(*n) ? *n : 0));
    ++n;
  }
}

}  // namespace
}  // namespace souk::payment
