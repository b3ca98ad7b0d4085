import type { Order } from '../../api/types';
import { Badge, type Tone } from '../../ui/Badge';
import { TriangleAlert } from '../../ui/icons';

export type OrderState = Order['state'];

const tones: Record<OrderState, Tone> = {
  pending: 'info', reserved: 'info', authorized: 'info', committed: 'info', captured: 'info',
  confirmed: 'success', shipped: 'success', delivered: 'success',
  refunding: 'warning', restocking: 'warning', rejected: 'neutral', cancelled: 'neutral',
};
export const orderStates = Object.keys(tones) as OrderState[];

// An order at rest changes only when somebody wants it to.
export const isFinal = (state: OrderState) => state === 'delivered' || state === 'rejected' || state === 'cancelled';

export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll(/[-_]/g, ' ');

export const OrderBadge = ({ state }: { state: OrderState }) => <Badge tone={tones[state]}>{sentence(state)}</Badge>;

export function OrderFlags({ order }: { order: Order }) {
  return (
    <>
      {order.needs_attention && <Badge tone="danger"><TriangleAlert size={14} aria-hidden="true" />Needs attention</Badge>}
      {order.cancel_requested && !isFinal(order.state) && <Badge tone="warning">Cancelling</Badge>}
      {order.refunded_minor > 0 && order.state !== 'cancelled' && <Badge>{order.refunded_minor === order.total_minor ? 'Refunded' : 'Partly refunded'}</Badge>}
    </>
  );
}

const reasonTexts: Record<string, string> = {
  'out-of-stock': 'Something was out of stock.',
  'payment-declined': 'The card was declined.',
  'hold-expired': 'The payment took longer than the goods were held.',
  'payment-refused': 'The payment was authorized and then refused.',
  'not-accepted': 'Stock or payment did not accept it.',
  cancelled: 'It was cancelled.',
};
export const reasonText = (reason: string) => reasonTexts[reason] ?? sentence(reason);

// ---------------------------------------------------------------------------------------------
// What can still be paid back and put back; refunds under way count as done.

export function leftToRefund(order: Pick<Order, 'total_minor' | 'refunds'>): number {
  return order.total_minor - order.refunds.filter((r) => r.state !== 'refused').reduce((sum, r) => sum + r.amount_minor, 0);
}

export function leftToRestock(order: Pick<Order, 'lines' | 'refunds'>, productId: string): number {
  const ordered = order.lines.filter((l) => l.product_id === productId).reduce((sum, l) => sum + l.quantity, 0);
  const back = order.refunds.filter((r) => r.state !== 'refused').flatMap((r) => r.lines)
    .filter((l) => l.product_id === productId).reduce((sum, l) => sum + l.quantity, 0);
  return ordered - back;
}

export type ActionName = 'ship' | 'deliver' | 'refund' | 'cancel';

// Why something can't be done to an order as it is; undefined: it can.
export function obstacle(order: Order, action: ActionName): string | undefined {
  const cancelling = order.cancel_requested && !isFinal(order.state);
  const early = ['pending', 'reserved', 'authorized', 'committed', 'captured'].includes(order.state);
  const undone = ['rejected', 'cancelled', 'refunding', 'restocking'].includes(order.state);
  switch (action) {
    case 'ship':
      if (order.state === 'shipped' || order.state === 'delivered') return 'It is shipped already.';
      if (undone || cancelling) return 'It is being undone, or is.';
      return early ? 'Only a confirmed order can be shipped.' : undefined;
    case 'deliver':
      if (order.state === 'delivered') return 'It is delivered already.';
      return order.state === 'shipped' ? undefined : 'Only a shipped order can be delivered.';
    case 'refund':
      if (cancelling || undone) return 'All of it is paid back when an order is cancelled.';
      if (early) return 'Nothing is paid yet.';
      return leftToRefund(order) === 0 ? 'All of it is paid back.' : undefined;
    case 'cancel':
      if (order.state === 'cancelled' || order.state === 'rejected') return 'It is undone already.';
      if (order.cancel_requested || undone || order.reason) return 'It is being undone already.';
      return order.state === 'shipped' || order.state === 'delivered' ? 'It is shipped: refund it instead.' : undefined;
  }
}
