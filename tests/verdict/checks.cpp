#include "verdict.hpp"

namespace souk::verdict {
namespace {

constexpr check checks[] = {
    // Journals against orders.
    {"acknowledged-order-missing", "every acknowledged order exists"},
    {"acknowledged-to-another", "an acknowledged order is that shopper's, under that key"},
    {"order-differs", "an order has the lines, prices, total and currency that were asked for"},
    {"outcome-contradicted", "what a shopper was told of an order is true and stays so"},
    {"refused-yet-ordered", "a checkout that was refused made no order"},
    {"order-unasked", "no order is made that its shopper did not ask for"},
    {"wish-lost", "an acknowledged cancellation, shipment or delivery takes place"},
    {"refund-told", "an acknowledged refund is there as asked, a refused one is not"},
    {"delivery-miscounted", "an acknowledged delivery counts once, a lost one once or not at all"},
    // Orders.
    {"key-ordered-twice", "one key of one shopper makes at most one order"},
    {"cart-ordered-twice", "one revision of a cart makes at most one order that is not undone"},
    {"total-differs", "an order's total is the sum of its lines"},
    {"reason-differs", "an order is undone for the reason that it states"},
    {"timeline-start", "a timeline begins with placed"},
    {"timeline-gap", "a timeline has no gap and no repetition"},
    {"timeline-move", "each event follows from the one before"},
    {"timeline-end", "the last event says what the order is"},
    {"timeline-read", "what a shopper reads of a timeline is what is stored"},
    // Money.
    {"sold-not-captured", "a sold order is captured at payment-service"},
    {"sold-not-charged", "a sold order is captured at the gateway"},
    {"capture-differs", "payment-service has captured exactly the order's total, in its currency"},
    {"charge-differs", "the gateway has captured exactly the order's total, in its currency"},
    {"captured-twice", "an order has one captured payment"},
    {"charged-twice", "an order has one charge at the gateway"},
    {"capture-unwanted", "a captured payment has an order that wants it"},
    {"charge-unwanted", "a charge at the gateway has an order that wants it"},
    {"authorization-left", "an open payment has an order that wants it"},
    {"charge-left-open", "an open charge at the gateway has an order that wants it"},
    {"refund-sums", "order, payment and gateway have paid back the same"},
    {"refund-exceeds", "no more is paid back than was captured"},
    {"refund-missing", "a refund of an order has reached payment-service and the gateway"},
    {"refund-unasked", "nothing is paid back that the order did not ask for"},
    {"refund-twice", "no refund is made twice"},
    {"cancelled-not-paid-back", "a cancelled order is paid back whole"},
    // Stock, by order.
    {"sold-not-taken", "a sold order has taken its lines, no others, from stock"},
    {"restock-differs", "what came back to stock is what refunds restock"},
    {"undone-not-restocked", "the goods of an undone order are back"},
    {"undone-not-absorbed", "an undone order has left what stops late calls"},
    {"hold-outlives-order", "no hold outlives its order"},
    {"hold-overdue", "no hold outlives its time"},
    {"stock-without-order", "nothing has left stock without an order"},
    {"ledger-of-order", "the ledger has moved what the reservation says"},
    // Stock, by product.
    {"ledger-chain", "each movement follows from the one before"},
    {"ledger-negative", "stock is never negative nor promised twice, at any point of the ledger"},
    {"ledger-reason", "a movement changes what its reason allows"},
    {"adjustment-twice", "an adjustment's key moves stock once"},
    {"stock-differs", "stock is what the ledger makes it"},
    {"reserved-differs", "reserved is the sum of the held lines"},
    {"stock-balance", "on hand = what came in - committed + returned"},
    {"stock-equation", "on hand = what came in - what orders sold + what they restocked"},
    {"oversold", "no more is sold than was there"},
    {"stock-message-miscounted", "opening stock and stocktakes arrive once"},
    // Rest.
    {"stuck-order", "no order is left unfinished"},
    {"stuck-payment", "no payment is left unsettled"},
    {"stuck-refund", "no refund is left unfinished"},
    {"stuck-message", "no stock message is left waiting"},
    // Carts.
    {"cart-step", "the cart of a confirmed order was cleared, once, and of no other"},
    {"cart-differs", "a cart holds what its owner put there"},
    {"cart-foreign-line", "a cart holds nothing that its owner never put there"},
    {"cart-read", "what a shopper is shown of a cart is what lies there"},
    {"cart-revision", "one revision of a cart is one content"},
    {"cart-malformed", "a cart is well-formed"},
};

}  // namespace

std::span<const check> all_checks() {
  return checks;
}

}  // namespace souk::verdict
