import { expect, test } from 'vitest';
import type { Order } from '../../api/types';
import { attentionPages, attentionTo } from './attention';

const made = (n: number, state: string, needs_attention = false) =>
  ({ id: `o${String(n).padStart(5, '0')}`, state, needs_attention, created_at: new Date(Date.UTC(2030, 0, 1) + n * 1000).toISOString() }) as Order;

// A store of orders, which answers as the service does.
function store(orders: Order[]) {
  const sorted = [...orders].sort((a, b) => b.id.localeCompare(a.id));
  const asked: string[] = [];
  return {
    asked,
    ask: async ({ state, limit, cursor }: { state?: string | undefined; limit: number; cursor?: string | undefined }) => {
      asked.push(state ?? 'any');
      const rest = sorted.filter((o) => (!state || o.state === state) && (!cursor || o.id < cursor));
      const items = rest.slice(0, limit);
      return { items, ...(rest.length > limit && { next_cursor: items.at(-1)!.id }) };
    },
  };
}

test('what is on its way is found however old it is; what rests, the newest first', async () => {
  const orders = [made(0, 'captured', true), made(1, 'delivered', true), ...Array.from({ length: 2500 }, (_, i) => made(i + 2, 'delivered')), made(3000, 'confirmed', true), made(3001, 'pending')];
  const { ask, asked } = store(orders);
  const first = await attentionPages(ask, undefined, undefined);
  expect(first.items.map((o) => o.id)).toEqual(['o03000', 'o00000']);
  expect(first.next_cursor).toBeDefined();
  expect(asked).toHaveLength(17);
  expect(attentionTo([first])).toBe('All 2 on their way and the newest 999 others were looked at; there are older ones.');
  const second = await attentionPages(ask, undefined, first.next_cursor);
  expect(second.items).toEqual([]);
  const third = await attentionPages(ask, undefined, second.next_cursor);
  expect(third.items.map((o) => o.id)).toEqual(['o00001']);
  expect(third.next_cursor).toBeUndefined();
  expect(attentionTo([first, second, third])).toBe('All 2,504 orders were looked at.');
});

test('a list that is narrowed to one state is looked through as it is', async () => {
  const { ask, asked } = store([made(1, 'pending', true), made(2, 'pending'), made(3, 'confirmed', true)]);
  const narrowed = (query: { limit: number; cursor?: string | undefined }) => ask({ ...query, state: 'pending' });
  const found = await attentionPages(narrowed, 'pending', undefined);
  expect(found.items.map((o) => o.id)).toEqual(['o00001']);
  expect(asked).toEqual(['pending']);
  expect(attentionTo([found])).toBe('All 2 orders were looked at.');
});
