import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Cart } from '../api/types';

const item = { id: 'p1', sku: 'S', name: 'Tea', price_minor: 500, currency: 'USD', attributes: {} };

function cartOf(quantity: number): Cart {
  const lines = quantity === 0 ? [] : [{
    product_id: 'p1', sku: 'S', name: 'Tea', quantity, unit_price_minor: 500, line_total_minor: 500 * quantity,
    price_when_added_minor: 500, available: 10, status: 'ok' as const, attributes: {},
  }];
  return {
    user_id: 'u1', revision: `r${quantity}`, currency: 'USD', lines, total_minor: 500 * quantity, items_count: quantity,
    buyable: true, degraded: false,
  };
}

async function fresh(post: (what: string, body: { quantity: number }) => Promise<Response> | Response) {
  vi.resetModules();
  localStorage.setItem('souk.shopper', 'u1');
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) =>
    post(`${init.method} ${url}`, JSON.parse((init.body as string | undefined) ?? '{}') as { quantity: number }));
  return { cart: await import('./cart'), toasts: (await import('../ui/toast')).toasts };
}

const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

describe('the cart', () => {
  beforeEach(() => localStorage.clear());

  test('what is added shows at once, and is then the service\'s word', async () => {
    let let_go = () => {};
    const held = new Promise<void>((done) => { let_go = done; });
    const { cart } = await fresh(async (_, { quantity }) => { await held; return answer(cartOf(quantity)); });
    const done = cart.addToCart(item, 2);
    expect(cart.cartCount.value).toBe(2);
    expect(cart.cart.value).toMatchObject({ total_minor: 1000, revision: '' });
    expect(cart.cartBusy.value).toBe(true);
    let_go();
    expect(await done).toBe(true);
    expect(cart.cart.value).toMatchObject({ total_minor: 1000, revision: 'r2' });
    expect(cart.cartBusy.value).toBe(false);
  });

  test('what is refused is taken back, and said', async () => {
    const { cart, toasts } = await fresh((what, { quantity }) =>
      what.startsWith('PUT') ? answer({ type: '/problems/quantity-limit', title: 'Too many', status: 409 }, 409) : answer(cartOf(quantity)));
    await cart.addToCart(item, 1);
    const refused = cart.setQuantity(cart.cart.value!.lines[0]!, 5000);
    expect(cart.cartCount.value).toBe(5000);
    expect(await refused).toBe(false);
    expect(cart.cartCount.value).toBe(1);
    expect(toasts.value[0]?.text).toContain('Tea: no more than');
  });

  test('steps that follow one another become few requests, in order', async () => {
    const sent: string[] = [];
    const { cart } = await fresh((what, { quantity }) => { sent.push(`${what.split(' ')[0]} ${quantity}`); return answer(cartOf(quantity)); });
    await cart.addToCart(item, 1);
    const line = cart.cart.value!.lines[0]!;
    const last = [2, 3, 4, 5].map((quantity) => cart.setQuantity(line, quantity)).at(-1);
    expect(cart.cartCount.value).toBe(5);
    await last;
    expect(sent).toEqual(['POST 1', 'PUT 5']);
    expect(await cart.removeLine(line)).toBe(true);
    expect(cart.cart.value?.lines).toEqual([]);
  });
});
