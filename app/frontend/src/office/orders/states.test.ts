import { expect, test } from 'vitest';
import type { Order } from '../../api/types';
import { leftToRefund, leftToRestock, obstacle } from './states';

const order = (more: Partial<Order> = {}) => ({
  id: 'o', state: 'confirmed', total_minor: 1000, refunded_minor: 0, cancel_requested: false, needs_attention: false,
  lines: [{ product_id: 'p', quantity: 3 }, { product_id: 'q', quantity: 1 }], refunds: [], ...more,
}) as unknown as Order;
const refund = (state: string, amount_minor: number, quantity = 0) =>
  ({ state, amount_minor, lines: quantity ? [{ product_id: 'p', quantity }] : [] }) as unknown as Order['refunds'][number];

test('what is left counts refunds under way, not refused ones', () => {
  const some = order({ refunds: [refund('done', 300, 1), refund('refunding', 200, 1), refund('refused', 400, 2)] });
  expect(leftToRefund(some)).toBe(500);
  expect(leftToRestock(some, 'p')).toBe(1);
  expect(leftToRestock(some, 'q')).toBe(1);
});

test('what can be done follows the state', () => {
  const may = (o: Order) => (['ship', 'deliver', 'refund', 'cancel'] as const).filter((a) => !obstacle(o, a));
  expect(may(order())).toEqual(['ship', 'refund', 'cancel']);
  expect(may(order({ state: 'shipped' }))).toEqual(['deliver', 'refund']);
  expect(may(order({ state: 'delivered' }))).toEqual(['refund']);
  expect(may(order({ state: 'authorized' }))).toEqual(['cancel']);
  expect(may(order({ cancel_requested: true }))).toEqual([]);
  for (const state of ['rejected', 'cancelled', 'refunding', 'restocking'] as const) expect(may(order({ state }))).toEqual([]);
  expect(may(order({ state: 'delivered', refunds: [refund('done', 1000)] }))).toEqual([]);
});
