// The timeline as it is shown: what has happened, what is happening, what is still to come.

import type { Order } from '../api/types';
import type { OrderEvent } from './events';

export interface Step {
  id: string;
  title: string;
  text?: string | undefined;
  at?: string | undefined;
  // now: under way. next: still to come.
  look: 'done' | 'now' | 'next' | 'bad' | 'back';
}

type State = Order['state'];

const way: { state: State; type: string; title: string; doing: string }[] = [
  { state: 'pending', type: 'placed', title: 'Order received', doing: 'Sending the order' },
  { state: 'reserved', type: 'reserved', title: 'Items reserved', doing: 'Reserving your items' },
  { state: 'authorized', type: 'authorized', title: 'Card approved', doing: 'Asking the bank' },
  { state: 'committed', type: 'committed', title: 'Items set aside for you', doing: 'Setting your items aside' },
  { state: 'captured', type: 'captured', title: 'Payment taken', doing: 'Taking the payment' },
  { state: 'confirmed', type: 'confirmed', title: 'Order confirmed', doing: 'Confirming the order' },
  { state: 'shipped', type: 'shipped', title: 'On its way', doing: 'Shipping comes next' },
  { state: 'delivered', type: 'delivered', title: 'Delivered', doing: 'Delivery comes next' },
];
export const placingSteps = 6;

const others: Record<string, { title: string; text?: string; look: Step['look'] }> = {
  delayed: { title: 'Taking longer than usual', text: 'A part of the store does not answer. It is tried again until it does.', look: 'back' },
  undoing: { title: 'Undoing the order', look: 'back' },
  'payment-voided': { title: 'Hold on the card released', look: 'back' },
  'cancel-requested': { title: 'Cancellation requested', look: 'back' },
  refunding: { title: 'Paying your money back', look: 'back' },
  'refund-requested': { title: 'Refund decided', look: 'back' },
  'refund-started': { title: 'Paying money back', look: 'back' },
  refunded: { title: 'Money paid back', look: 'done' },
  'refund-refused': { title: 'The bank refused the refund', text: 'The store will look into it.', look: 'bad' },
  restocking: { title: 'Items going back on the shelf', look: 'back' },
  restocked: { title: 'Items back on the shelf', look: 'done' },
  rejected: { title: 'Order not placed', text: 'Nothing was charged.', look: 'bad' },
  cancelled: { title: 'Order cancelled', look: 'bad' },
};

const rank = (state: State) => way.findIndex((w) => w.state === state);

type Known = Pick<Order, 'state' | 'reason' | 'cancel_requested'>;

export const isOffTheWay = (order: Known) =>
  order.state === 'rejected' || order.state === 'cancelled' || order.state === 'refunding' || order.state === 'restocking'
  || order.cancel_requested || order.reason !== undefined;

// Nothing for an order that is not known yet.
export function stepsOf(order: Known | undefined, events: readonly OrderEvent[], upTo = way.length): Step[] {
  const steps: Step[] = [];
  let reached = order ? rank(order.state) : -1;
  for (const event of events) {
    const onTheWay = way.find((w) => w.type === event.type);
    const other = others[event.type];
    if (onTheWay) {
      reached = Math.max(reached, rank(onTheWay.state));
      steps.push({ id: `${event.seq}`, title: onTheWay.title, at: event.at, look: 'done' });
    } else if (other) {
      steps.push({ id: `${event.seq}`, ...other, at: event.at });
    }
  }
  // Without its events, the state alone tells what has been.
  if (events.length === 0) {
    for (const w of way.slice(0, reached + 1)) steps.push({ id: w.type, title: w.title, look: 'done' });
    const other = order && others[order.state];
    if (other) steps.push({ id: order.state, ...other });
  }
  if (order && isOffTheWay(order)) {
    const last = steps.at(-1);
    if (last?.look === 'back') steps[steps.length - 1] = { ...last, look: 'now' };
    return steps;
  }
  way.slice(reached + 1, upTo).forEach((w, i) => {
    const now = i === 0 && rank(w.state) < placingSteps;
    steps.push({ id: w.type, title: now ? w.doing : w.title, look: now ? 'now' : 'next' });
  });
  return steps;
}
