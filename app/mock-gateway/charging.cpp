#include "charging.hpp"

namespace souk::mock_gateway {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t error_card_fails = 2;
constexpr auto slow_card_takes = 3s;

bool same_charge(const charge& known, const new_charge& wanted) {
  return known.merchant_order == wanted.merchant_order &&
         known.asked_minor == wanted.amount_minor && known.currency == wanted.currency &&
         known.token_hash == wanted.token_hash;
}

}  // namespace

task<result<reply>> charging::authorize(const context& ctx, const new_charge& wanted,
                                        bool unlucky) {
  const auto with = co_await store_.find_card(ctx, wanted.token_hash);
  const auto kind = with ? with->kind : card_kind::approve;
  const auto delay = kind == card_kind::slow ? slow_card_takes : 0s;
  if (kind == card_kind::error) {
    const auto known = co_await store_.find(ctx, wanted.reference);
    if (!known) {
      const auto tries = co_await store_.count_failed_try(ctx, wanted.reference);
      if (tries <= error_card_fails) co_return std::unexpected(failure::simulated_error);
    }
  }
  const auto made = co_await store_.add_charge(ctx, wanted, with, decline_reason(with, unlucky));
  if (made) co_return reply{on_authorize(*made), delay, kind == card_kind::no_answer};

  const auto known = co_await store_.find(ctx, wanted.reference);
  if (!known) co_return std::unexpected(failure::no_such_reference);  // charges are never deleted
  // A reference that was cancelled before it was ever used has no parameters to differ from.
  if (known->asked_minor && !same_charge(*known, wanted))
    co_return std::unexpected(failure::reference_reused);
  co_return reply{on_authorize(*known), delay};
}

task<result<reply>> charging::capture(const context& ctx, uuid reference, minor_units amount) {
  const auto made = co_await store_.capture(ctx, reference, amount);
  if (made) co_return reply{on_capture(*made)};
  const auto known = co_await store_.find(ctx, reference);
  if (!known) co_return std::unexpected(failure::no_such_reference);
  if (known->state == charge_state::authorized) co_return std::unexpected(failure::amount_exceeds);
  if (known->capture_asked_minor && *known->capture_asked_minor != amount)
    co_return std::unexpected(failure::reference_reused);
  co_return reply{on_capture(*known)};
}

task<result<reply>> charging::void_(const context& ctx, uuid reference) {
  const auto made = co_await store_.void_(ctx, reference);
  if (made) co_return reply{on_void(*made)};
  const auto known = co_await store_.find(ctx, reference);
  if (!known) co_return std::unexpected(failure::no_such_reference);
  co_return reply{on_void(*known)};
}

task<result<reply>> charging::refund_part(const context& ctx, const refund& wanted) {
  const auto made = co_await store_.refund_once(ctx, wanted);
  if (!made) co_return std::unexpected(failure::no_such_reference);
  if (made->reference != wanted.reference || made->amount_minor != wanted.amount_minor)
    co_return std::unexpected(failure::reference_reused);
  co_return reply{{made->reference, made->outcome_, made->reason}};
}

task<reply> charging::cancel(const context& ctx, uuid reference,
                             std::optional<uuid> merchant_order) {
  const auto made = co_await store_.add_cancelled(ctx, reference, merchant_order);
  if (made) co_return reply{on_authorize(*made)};
  const auto known = co_await store_.find(ctx, reference);
  co_return reply{on_authorize(known.value())};  // charges are never deleted
}

}  // namespace souk::mock_gateway
