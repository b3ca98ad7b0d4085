import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { quantile, sendShoppers, serviceOf, type Tally } from './shoppers';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

// A store with one product; `order` answers each POST /orders.
function store(order: (body: any) => Response) {
  const asked: { path: string; init: RequestInit }[] = [];
  vi.stubGlobal('fetch', vi.fn(async (path: string, init: RequestInit) => {
    asked.push({ path, init });
    if (path === '/api/session') return answer(201, { token: 'T', user_id: 'u' });
    if (path.startsWith('/api/products?')) return answer(200, { items: [{ id: 'p', slug: 'lamp', available: 5, variants_count: 0 }] });
    if (path === '/api/products/lamp') return answer(200, { id: 'p', variants_count: 0 });
    if (path === '/api/cart/u/items') return answer(200, {});
    if (path === '/api/cart/u') return answer(200, { buyable: true, revision: 'r', total_minor: 100, currency: 'USD' });
    if (path === '/api/payments/tokens') return answer(201, { payment_token: 'tok' });
    if (path === '/api/orders') return order(JSON.parse(String(init.body)));
    return answer(202, {});
  }));
  return asked;
}

async function run(seconds: number): Promise<Tally> {
  let last: Tally | undefined;
  const { finished } = sendShoppers((t) => { last = t; }, seconds, 2);
  await vi.advanceTimersByTimeAsync(seconds * 2000 + 2000);
  await finished;
  return last!;
}

test('they buy as themselves: by token, without the visitor’s cookie, each order under a key of its own', async () => {
  const asked = store(() => answer(201, { id: 'o' }));
  const tally = await run(6);
  expect(tally.phase).toBe('done');
  expect(tally.confirmed).toBeGreaterThan(0);
  expect(tally.errors).toBe(0);
  expect(tally.requests).toBe(asked.length);
  expect(asked.every((a) => a.init.credentials === 'omit')).toBe(true);
  expect(asked.filter((a) => a.path !== '/api/session').every((a) => (a.init.headers as Record<string, string>).authorization === 'Bearer T')).toBe(true);
  const keys = asked.filter((a) => a.path === '/api/orders').map((a) => (a.init.headers as Record<string, string>)['idempotency-key']);
  expect(new Set(keys).size).toBe(keys.length);
});

test('a refused card is counted as declined, a broken service as an error', async () => {
  store(() => answer(402, {}));
  expect((await run(4)).declined).toBeGreaterThan(0);
  store(() => answer(500, { title: 'It broke' }));
  const broken = await run(4);
  expect(broken.errors).toBeGreaterThan(0);
  expect(broken.lastError).toBe('It broke');
});

test('nothing runs on after the end of the time, and nobody rushes a store that is away', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', vi.fn(async (path: string) => { asked.push(path); throw new TypeError('refused'); }));
  const tally = await run(5);
  expect(tally.errors).toBe(asked.length);
  expect(asked.length).toBeLessThan(30);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toHaveLength(before);
});

test('stop lets no further shopper in, and a page that is left hears nothing more', async () => {
  const asked = store(() => answer(201, { id: 'o' }));
  const shown: Tally[] = [];
  const first = sendShoppers((t) => shown.push(t), 20, 2);
  await vi.advanceTimersByTimeAsync(1000);
  first.stop();
  await vi.advanceTimersByTimeAsync(8000);
  await first.finished;
  expect(shown.at(-1)!.phase).toBe('done');
  const second = sendShoppers((t) => shown.push(t), 20, 2);
  await vi.advanceTimersByTimeAsync(1000);
  second.end();
  const [soFar, heard] = [asked.length, shown.length];
  await vi.advanceTimersByTimeAsync(10_000);
  await second.finished;
  expect([asked.length, shown.length]).toEqual([soFar, heard]);
});

test('requests are counted for the service that answers them', () => {
  expect(['/session', '/cart/u/items', '/products?limit=1', '/orders/o/cancel', '/payments/tokens', '/inventory/p'].map(serviceOf))
    .toEqual(['cart', 'cart', 'product', 'order', 'payment', 'inventory']);
  expect(quantile([], 0.5)).toBeUndefined();
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
  expect(quantile([1, 2, 3, 4], 0.99)).toBe(4);
});
