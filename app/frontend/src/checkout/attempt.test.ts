import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/error';
import type { Address, Cart, Order } from '../api/types';
import { delayAfter, judge, type Attempt } from './attempt';

const address: Address = { name: 'Amira', line1: '12 Lantern Lane', city: 'Lisbon', postal_code: '1100-038', country: 'PT' };
const card = { number: '4242 4242 4242 4242', expiry: '12 / 40', cvc: '123', cardName: 'Amira' };
const cart: Cart = { user_id: 'u1', revision: 'r1', currency: 'USD', lines: [], total_minor: 1250, items_count: 1, buyable: true, degraded: false };
const order = { id: 'o1', state: 'confirmed' } as Order;
const answer = (status: number, body: unknown = {}, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const attempt: Attempt = { key: 'k', body: '{}', user: 'u1', cart, card: { brand: 'visa', last4: '4242' }, sent: 0 };

const error = (status: number, kind: ApiError['kind'], type: string, extensions = {}) =>
  new ApiError({ kind, type, title: type, status, extensions });
const verdict = (e: ApiError) => {
  const found = judge(attempt, { error: e });
  return found.kind === 'settled' ? found.outcome.kind : found.kind;
};

describe('an answer', () => {
  test('settles the attempt, or is asked for again', () => {
    expect(judge(attempt, { order })).toMatchObject({ outcome: { kind: 'placed' } });
    expect(verdict(error(402, 'refused', 'payment-declined', { order }))).toBe('undone');
    expect(verdict(error(409, 'conflict', 'out-of-stock', { order }))).toBe('undone');
    expect(verdict(error(409, 'conflict', 'cart-changed', { cart }))).toBe('changed');
    expect(verdict(error(409, 'conflict', 'cart-empty', { cart }))).toBe('empty');
    expect(verdict(error(409, 'conflict', 'already-ordered', { order_id: 'o1' }))).toBe('already');
    expect(verdict(error(400, 'invalid', 'bad-request'))).toBe('failed');
    expect(verdict(error(422, 'invalid', 'total-too-large'))).toBe('failed');
    expect(verdict(error(401, 'signed-out', 'unauthenticated'))).toBe('signed-out');
    for (const again of [error(0, 'offline', 'offline'), error(0, 'timeout', 'timeout'), error(0, 'down', 'unreachable'), error(502, 'down', 'x'),
      error(503, 'down', 'overloaded'), error(429, 'limited', 'x'), error(500, 'broken', 'internal'), error(0, 'broken', 'not-as-agreed')]) {
      expect(verdict(again), again.type).toBe('again');
    }
  });

  test('says how long to wait, within reason', () => {
    const wait = (retryAfter: number) => new ApiError({ kind: 'down', type: 'x', title: 'x', status: 503, retryAfter });
    expect(delayAfter(1, wait(0))).toBeLessThanOrEqual(1200);
    expect(delayAfter(1, wait(7))).toBe(7000);
    expect(delayAfter(1, wait(900))).toBe(30_000);
    expect(delayAfter(99, wait(0))).toBeLessThanOrEqual(12_000);
  });
});

describe('an attempt', () => {
  const sent: { key: string; body: string; stored: Attempt }[] = [];
  let answers: (() => Response | Promise<Response>)[];

  async function fresh() {
    vi.resetModules();
    const module = await import('./attempt');
    return module;
  }

  beforeEach(() => {
    vi.useFakeTimers();
    sessionStorage.clear();
    localStorage.setItem('souk.shopper', 'u1');
    sent.length = 0;
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      if (url.endsWith('/payments/tokens')) return answer(201, { payment_token: 'tok_1', brand: 'visa', last4: '4242' });
      if (init.method === 'GET') return answer(200, { items: [] });
      sent.push({
        key: (init.headers as Record<string, string>)['idempotency-key']!,
        body: init.body as string,
        stored: JSON.parse(sessionStorage.getItem('souk.checkout.attempt')!) as Attempt,
      });
      return answers.shift()!();
    });
  });
  afterEach(() => { vi.useRealTimers(); vi.unstubAllGlobals(); });

  test('is written down before it is sent, without the card, and sent unchanged until it is settled', async () => {
    answers = [
      () => { throw new TypeError('the answer was lost'); },
      () => answer(503, {}, { 'retry-after': '2' }),
      () => answer(500),
      () => answer(200, 'not an order'),
      () => answer(201, order),
    ];
    const { placeOrder, outcome, phase } = await fresh();
    const done = placeOrder(card, address, cart);
    await vi.runAllTimersAsync();
    await done;
    expect(sent).toHaveLength(5);
    expect(new Set(sent.map((s) => s.key)).size).toBe(1);
    expect(new Set(sent.map((s) => s.body)).size).toBe(1);
    expect(JSON.parse(sent[0]!.body)).toEqual({
      cart_revision: 'r1', expected_total_minor: 1250, currency: 'USD', payment_token: 'tok_1', address,
    });
    for (const s of sent) {
      expect(s.stored).toMatchObject({ key: s.key, body: s.body });
      expect(JSON.stringify(s.stored)).not.toContain('4242424242424242');
    }
    expect(outcome.value).toMatchObject({ kind: 'placed', order: { id: 'o1' } });
    expect(phase.value.at).toBe('idle');
    expect(sessionStorage.getItem('souk.checkout.attempt')).toBeNull();
  });

  test('goes on after a reload with the same key and body', async () => {
    answers = [() => new Promise(() => {}), () => answer(402, { type: 'payment-declined', order: { id: 'o1', state: 'rejected' } })];
    const before = await fresh();
    void before.placeOrder(card, address, cart);
    await vi.advanceTimersByTimeAsync(100);
    expect(sent).toHaveLength(1);

    const after = await fresh();
    after.resume();
    await vi.advanceTimersByTimeAsync(100);
    expect(sent).toHaveLength(2);
    expect(sent[1]!.key).toBe(sent[0]!.key);
    expect(sent[1]!.body).toBe(sent[0]!.body);
    expect(after.outcome.value).toMatchObject({ kind: 'undone', type: 'payment-declined' });
  });

  test('a second click sends nothing', async () => {
    answers = [() => answer(201, order)];
    const { placeOrder } = await fresh();
    const done = Promise.all([placeOrder(card, address, cart), placeOrder(card, address, cart)]);
    await vi.runAllTimersAsync();
    await done;
    expect(sent).toHaveLength(1);
  });

  test('a cart that changed is ordered with a new key and the same payment token', async () => {
    const now = { ...cart, revision: 'r2', total_minor: 1500 };
    answers = [() => answer(409, { type: 'cart-changed', cart: now }), () => answer(201, order)];
    const { placeOrder, continueWith, outcome } = await fresh();
    await Promise.all([placeOrder(card, address, cart), vi.runAllTimersAsync()]);
    const found = outcome.value;
    if (found?.kind !== 'changed') throw new Error('not changed');
    await Promise.all([continueWith(found.attempt, found.cart), vi.runAllTimersAsync()]);
    expect(sent[1]!.key).not.toBe(sent[0]!.key);
    expect(JSON.parse(sent[1]!.body)).toEqual({ ...JSON.parse(sent[0]!.body), cart_revision: 'r2', expected_total_minor: 1500 });
  });

  test('does not pay in another session', async () => {
    answers = [];
    sessionStorage.setItem('souk.checkout.attempt', JSON.stringify({ ...attempt, user: 'somebody else', sent: 1 }));
    const { resume, outcome } = await fresh();
    resume();
    await vi.advanceTimersByTimeAsync(100);
    expect(sent).toHaveLength(0);
    expect(outcome.value).toEqual({ kind: 'session', sent: true });
  });
});
