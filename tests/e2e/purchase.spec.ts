import { randomUUID } from 'node:crypto';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, address, call, cards, events } from './support/shop.ts';
import { api, until } from './support/stack.ts';

test('a purchase goes through all five services', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(5);
  const shopper = await Shopper.arrive();

  const found = await until('the lamp to be found', 10_000, async () => {
    const answer = await call('GET', `${api()}/products?search=${encodeURIComponent(lamp.name)}`);
    return answer.body?.items?.find((p: any) => p.id === lamp.id);
  });
  expect(found).toMatchObject({ sku: lamp.sku, price_minor: 1250, currency: 'USD' });

  const cart = await shopper.add(lamp.id, 2);
  expect(cart).toMatchObject({ total_minor: 2500, items_count: 2, buyable: true });
  const placed = await shopper.order(await shopper.order_body());
  expect(placed.status, placed.text).toBe(201);
  expect(placed.body).toMatchObject({
    state: 'confirmed', total_minor: 2500, currency: 'USD', user_id: shopper.id, address,
    lines: [{ product_id: lamp.id, sku: lamp.sku, quantity: 2, unit_price_minor: 1250, line_total_minor: 2500 }],
  });

  const payment = await shopper.send('GET', `/payments/${placed.body.payment_id}`);
  expect(payment.body).toMatchObject({ state: 'captured', captured_minor: 2500, order_id: placed.body.id });
  expect(await admin.stock(lamp.id)).toMatchObject({ on_hand: 3, reserved: 0, available: 3 });
  expect((await shopper.cart()).lines).toEqual([]);

  const timeline = await events(shopper, placed.body.id, (e) => e.some((x) => x.data.state === 'confirmed'));
  expect(timeline.map((e) => e.data.state).filter((s, i, all) => s !== all[i - 1])).toEqual(
    ['pending', 'reserved', 'authorized', 'committed', 'captured', 'confirmed']);
  expect(timeline.map((e) => Number(e.id))).toEqual(timeline.map((_, i) => i + 1));
  const rest = await events(shopper, placed.body.id, (e) => e.some((x) => x.data.state === 'confirmed'), timeline[1].id);
  expect(rest[0].id).toBe(timeline[2].id);

  const list = await shopper.send('GET', '/orders');
  expect(list.body.items.map((o: any) => o.id)).toEqual([placed.body.id]);
});

for (const [card, reason] of [['decline', 'payment-declined'], ['insufficient', 'payment-declined']] as const)
  test(`a card that answers "${card}" costs nothing and holds nothing`, async () => {
    const admin = await Admin.signed_in();
    const lamp = await admin.product(3);
    const shopper = await Shopper.arrive();
    const placed = await shopper.buy(lamp.id, 2, cards[card]);
    expect(placed.status, placed.text).toBe(402);
    expect(placed.body.type).toBe(`/problems/${reason}`);
    expect(placed.body.order.state).toBe('rejected');
    await admin.stock_is(lamp.id, 3);
    // The cart is as it was, and a better card buys it.
    expect((await shopper.cart()).items_count).toBe(2);
    const again = await shopper.order(await shopper.order_body());
    expect(again.status, again.text).toBe(201);
  });

for (const card of ['slow', 'noAnswer', 'error'] as const)
  test(`a payment company that is "${card}" leads to one end, without a double charge`, async () => {
    test.slow();
    const admin = await Admin.signed_in();
    const lamp = await admin.product(3);
    const shopper = await Shopper.arrive();
    const key = randomUUID();
    await shopper.add(lamp.id);
    const body = await shopper.order_body(cards[card]);
    let placed = await shopper.order(body, key);
    expect([201, 202, 402]).toContain(placed.status);
    const id = placed.body.id ?? placed.body.order.id;
    const order = await shopper.settled(id, ['confirmed', 'rejected'], 90_000);
    placed = await shopper.order(body, key);
    expect(placed.status).toBe(order.state === 'confirmed' ? 201 : 402);
    const books = await admin.send('GET', `/payments/${order.payment_id}/gateway-record`);
    expect(books.status, books.text).toBe(200);
    const payment = await admin.send('GET', `/payments/${order.payment_id}`);
    expect(payment.body.captured_minor).toBe(order.state === 'confirmed' ? order.total_minor : 0);
    if (card !== 'error') expect(order.state).toBe('confirmed');
  });

test('the same key is the same order, another body under it is refused', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const shopper = await Shopper.arrive();
  const key = randomUUID();
  await shopper.add(lamp.id);
  const body = await shopper.order_body();
  const answers = await Promise.all(Array.from({ length: 8 }, () => shopper.order(body, key)));
  expect(answers.map((a) => a.status)).toEqual(Array(8).fill(201));
  expect(new Set(answers.map((a) => a.body.id)).size).toBe(1);
  await admin.stock_is(lamp.id, 9);
  const other = await shopper.order({ ...body, expected_total_minor: 1 }, key);
  expect(other.status).toBe(422);
  expect(other.body.type).toBe('/problems/idempotency-key-reused');
  const without = await shopper.send('POST', '/orders', body);
  expect(without.status).toBe(400);
});

test('two tabs with one cart pay once', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const shopper = await Shopper.arrive();
  await shopper.add(lamp.id);
  const cart = await shopper.cart();
  const bodies = await Promise.all([shopper.order_body(cards.approve, cart), shopper.order_body(cards.approve, cart)]);
  const answers = await Promise.all(bodies.map((b) => shopper.order(b)));
  expect(answers.map((a) => a.status).sort()).toEqual([201, 409]);
  const refused = answers.find((a) => a.status === 409)!;
  expect(['/problems/already-ordered', '/problems/cart-changed']).toContain(refused.body.type);
  if (refused.body.type === '/problems/already-ordered')
    expect(refused.body.order_id).toBe(answers.find((a) => a.status === 201)!.body.id);
  await admin.stock_is(lamp.id, 9);
});

test('a price that changed between cart and order is shown, not charged', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const shopper = await Shopper.arrive();
  await shopper.add(lamp.id);
  const body = await shopper.order_body();
  const product = await admin.send('GET', `/products/${lamp.id}`);
  const patched = await admin.send('PATCH', `/products/${lamp.id}`, { price_minor: 1999 },
    { 'if-match': product.headers.get('etag')!.replace(/^W\//, '') });
  expect(patched.status, patched.text).toBe(200);
  const key = randomUUID();
  const refused = await shopper.order(body, key);
  expect(refused.status, refused.text).toBe(409);
  expect(refused.body.type).toBe('/problems/cart-changed');
  expect(refused.body.cart.total_minor).toBe(1999);
  // The key is still free.
  const accepted = await shopper.order(await shopper.order_body(), key);
  expect(accepted.status, accepted.text).toBe(201);
  expect(accepted.body.total_minor).toBe(1999);
});

test('what is added during a checkout stays in the cart', async () => {
  test.slow();
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const shopper = await Shopper.arrive();
  await shopper.add(lamp.id, 2);
  const ordering = shopper.order(await shopper.order_body(cards.slow));
  await until('the order to exist', 10_000, async () => (await shopper.send('GET', '/orders')).body.items.length > 0);
  await shopper.add(lamp.id, 1);
  const placed = await ordering;
  expect([201, 202]).toContain(placed.status);
  const order = await shopper.settled(placed.body.id, ['confirmed']);
  expect(order.lines[0].quantity).toBe(2);
  expect((await shopper.cart()).lines.map((l: any) => l.quantity)).toEqual([1]);
});

test('the last one is sold once', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(1);
  const shoppers = await Promise.all(Array.from({ length: 6 }, () => Shopper.arrive()));
  for (const s of shoppers) await s.add(lamp.id);
  const bodies = await Promise.all(shoppers.map((s) => s.order_body()));
  const answers = await Promise.all(shoppers.map((s, i) => s.order(bodies[i])));
  expect(answers.filter((a) => a.status === 201)).toHaveLength(1);
  for (const a of answers.filter((a) => a.status !== 201)) {
    expect(a.status, a.text).toBe(409);
    expect(['/problems/out-of-stock', '/problems/cart-changed']).toContain(a.body.type);
  }
  expect(await admin.stock(lamp.id)).toMatchObject({ on_hand: 0, reserved: 0 });
});

test('cancel before shipping gives everything back, shipping ends the possibility', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(4);
  const shopper = await Shopper.arrive();
  const first = (await shopper.buy(lamp.id, 3)).body;
  await admin.stock_is(lamp.id, 1);
  const cancel = await shopper.send('POST', `/orders/${first.id}/cancel`);
  expect(cancel.status, cancel.text).toBe(202);
  const cancelled = await shopper.settled(first.id, ['cancelled']);
  expect(cancelled.refunded_minor).toBe(3750);
  await admin.stock_is(lamp.id, 4);
  expect((await shopper.send('GET', `/payments/${first.payment_id}`)).body.refunded_minor).toBe(3750);

  const second = (await shopper.buy(lamp.id, 1)).body;
  const shipped = await admin.send('PATCH', `/orders/${second.id}/status`, { status: 'shipped' });
  expect(shipped.body.state).toBe('shipped');
  const late = await shopper.send('POST', `/orders/${second.id}/cancel`);
  expect(late.status).toBe(409);
  expect(late.body.type).toBe('/problems/not-cancellable');
  const delivered = await admin.send('PATCH', `/orders/${second.id}/status`, { status: 'delivered' });
  expect(delivered.body.state).toBe('delivered');
  const back = await admin.send('PATCH', `/orders/${second.id}/status`, { status: 'shipped' });
  expect(back.status).toBe(409);
  // The stream of a finished order ends by itself.
  const timeline = await events(shopper, second.id, () => false);
  expect(timeline.at(-1).data.state).toBe('delivered');
});

test('refunds go through the order, never above its total', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(5);
  const shopper = await Shopper.arrive();
  const order = (await shopper.buy(lamp.id, 3)).body;
  await admin.send('PATCH', `/orders/${order.id}/status`, { status: 'shipped' });
  const refund = (amount: number, lines: any, key: string = randomUUID()) =>
    admin.send('POST', `/orders/${order.id}/refunds`,
      { amount_minor: amount, reason: 'one was broken', ...(lines ? { lines } : {}) }, { 'idempotency-key': key });
  const key = randomUUID();
  const lines = [{ product_id: lamp.id, quantity: 1 }];
  const first = await refund(1250, lines, key);
  expect([201, 202], first.text).toContain(first.status);
  expect((await refund(1250, lines, key)).status).toBeLessThan(300);
  expect((await refund(1000, lines, key)).status).toBe(422);
  await until('one refund and one lamp back', 20_000, async () =>
    (await shopper.send('GET', `/orders/${order.id}`)).body.refunded_minor === 1250 &&
    (await admin.stock(lamp.id)).available === 3);
  const tooMuch = await refund(2501, undefined);
  expect(tooMuch.status).toBeGreaterThanOrEqual(400);
  const tooMany = await refund(100, [{ product_id: lamp.id, quantity: 3 }]);
  expect(tooMany.status).toBeGreaterThanOrEqual(400);
  const payment = await admin.send('GET', `/payments/${order.payment_id}`);
  expect(payment.body).toMatchObject({ captured_minor: 3750, refunded_minor: 1250, refund_pending_minor: 0 });
});

test('two hundred parallel adds of one unit make two hundred', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(500);
  const shopper = await Shopper.arrive();
  const add = () => shopper.send('POST', `/cart/${shopper.id}/items`, { product_id: lamp.id, quantity: 1 });
  const answers = await Promise.all(Array.from({ length: 200 }, add));
  expect(answers.filter((a) => a.status !== 200).map((a) => a.text)).toEqual([]);
  expect((await shopper.cart()).lines[0].quantity).toBe(200);
});
