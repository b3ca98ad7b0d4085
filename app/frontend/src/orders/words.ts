// States and reasons of orders in words for shoppers.

import type { Order } from '../api/types';
import type { Tone } from '../ui/Badge';

type State = Order['state'];

export const isBeingPlaced = (state: State) =>
  state === 'pending' || state === 'reserved' || state === 'authorized' || state === 'committed' || state === 'captured';

export const mayBeCancelled = (order: Order) =>
  (isBeingPlaced(order.state) || order.state === 'confirmed') && !order.cancel_requested && !order.reason;

// Something is still to happen by itself.
export const isMoving = (order: Order) =>
  isBeingPlaced(order.state) || order.state === 'refunding' || order.state === 'restocking'
  || (order.cancel_requested && order.state === 'confirmed')
  || order.refunds.some((r) => r.state === 'refunding' || r.state === 'restocking');

const rejectedAs: Record<string, string> = {
  'payment-declined': 'Declined',
  'out-of-stock': 'Out of stock',
  'hold-expired': 'Timed out',
  'payment-refused': 'Payment refused',
};

export function badgeOf(order: Pick<Order, 'state' | 'reason' | 'cancel_requested'>): { label: string; tone: Tone } {
  switch (order.state) {
    case 'confirmed':
      return order.cancel_requested ? { label: 'Being cancelled', tone: 'warning' } : { label: 'Confirmed', tone: 'success' };
    case 'shipped': return { label: 'On its way', tone: 'info' };
    case 'delivered': return { label: 'Delivered', tone: 'success' };
    case 'rejected': return { label: rejectedAs[order.reason ?? ''] ?? 'Not placed', tone: 'danger' };
    case 'refunding': case 'restocking': return { label: 'Being cancelled', tone: 'warning' };
    case 'cancelled': return { label: 'Cancelled', tone: 'neutral' };
    default:
      if (order.cancel_requested || order.reason === 'cancelled') return { label: 'Being cancelled', tone: 'warning' };
      return order.reason ? { label: 'Being undone', tone: 'warning' } : { label: 'In progress', tone: 'info' };
  }
}

const declines: Record<string, string> = {
  'insufficient-funds': 'There is not enough money on this card.',
  'card-declined': 'The bank declined this card.',
  'processing-error': 'The bank could not process this card.',
  'token-expired': 'The card details had been held for too long, and are no longer good.',
  'token-used': 'These card details have paid for another order already.',
  'invalid-token': 'The bank no longer knows these card details.',
};

export interface Undone {
  title: string;
  text: string;
  // What helps: another card, another cart, or the same again.
  remedy: 'card' | 'cart' | 'again';
}

// Why an order was not placed, and that nothing was charged.
export function undoneText(reason: string | undefined, detail: string | undefined): Undone {
  switch (reason) {
    case 'payment-declined':
      return {
        title: detail === 'insufficient-funds' ? 'Not enough money on the card' : 'The card was declined',
        text: `${declines[detail ?? ''] ?? 'The bank declined this card.'} Nothing was charged.`, remedy: 'card',
      };
    case 'payment-refused':
      return { title: 'The payment did not go through', text: 'The bank agreed first and then refused to pay. Nothing was charged, and the items went back on the shelf.', remedy: 'card' };
    case 'out-of-stock':
      return { title: 'Sold out at the last moment', text: `Somebody else was faster${detail ? `: ${detail}` : ''}. Nothing was charged.`, remedy: 'cart' };
    case 'hold-expired':
      return { title: 'That took too long', text: 'The items were held for you while the payment was on its way, and the time ran out. Nothing was charged.', remedy: 'again' };
    case 'cancelled':
      return { title: 'The order was cancelled', text: 'Nothing was charged.', remedy: 'again' };
    default:
      return { title: 'The order was not accepted', text: 'Stock or payment did not accept it. Nothing was charged.', remedy: 'again' };
  }
}

// Long enough to tell two orders of one shopper apart; the whole id is on the order's page.
export const shortId = (id: string) => id.slice(-8);
