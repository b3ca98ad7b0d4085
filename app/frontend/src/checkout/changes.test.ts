import { describe, expect, test } from 'vitest';
import type { Cart, CartLine } from '../api/types';
import { changesBetween, changesSinceAdding, remedyOf } from './changes';

const line = (id: string, more: Partial<CartLine> = {}): CartLine => ({
  product_id: id, sku: id, name: id, quantity: 2, unit_price_minor: 500, line_total_minor: 1000, price_when_added_minor: 500,
  available: 10, status: 'ok', attributes: {}, ...more,
});
const cart = (...lines: CartLine[]): Cart => ({
  user_id: 'u', revision: 'r', currency: 'USD', lines, total_minor: 0, items_count: 0, buyable: true, degraded: false,
});
const kinds = (seen: Cart, now: Cart) => changesBetween(seen, now).map((c) => `${c.kind} ${c.line.product_id}`);

describe('a cart that changed', () => {
  test('nothing', () => expect(kinds(cart(line('a')), cart(line('a')))).toEqual([]));
  test('prices and quantities', () => {
    expect(changesBetween(cart(line('a')), cart(line('a', { unit_price_minor: 700, quantity: 3 }))))
      .toMatchObject([{ kind: 'price', before: 500 }, { kind: 'quantity', before: 2 }]);
  });
  test('lines that came and went', () => {
    expect(kinds(cart(line('a'), line('b')), cart(line('b'), line('c')))).toEqual(['added c', 'removed a']);
  });
  test('what is not there, or not enough of it', () => {
    const now = cart(line('a', { status: 'unavailable' }), line('b', { status: 'insufficient', available: 1 }));
    expect(kinds(cart(line('a'), line('b')), now)).toEqual(['unavailable a', 'short b']);
  });
  test('since adding', () => {
    expect(changesSinceAdding(cart(line('a'), line('b', { price_when_added_minor: 400 }))))
      .toMatchObject([{ kind: 'price', before: 400, line: { product_id: 'b' } }]);
  });
});

test('a cart is put right with what there is', () => {
  const remedy = remedyOf(cart(
    line('a'), line('b', { status: 'insufficient', available: 1 }), line('c', { status: 'unavailable' }),
    line('d', { status: 'insufficient', available: 0 }),
  ));
  expect(remedy.quantities.map((q) => [q.line.product_id, q.quantity])).toEqual([['b', 1], ['c', 0], ['d', 0]]);
  expect(remedy).toMatchObject({ total_minor: 1500, items: 3 });
});
