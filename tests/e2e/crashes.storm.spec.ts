import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, call, cards } from './support/shop.ts';
import { api, pids, port, postmaster, secret, serviceCredential, services, sleep, souk, stack, until, url } from './support/stack.ts';

// Whatever crashes, each order ends once, and the books balance.

const programs = ['product-service', 'cart-service', 'order-service', 'payment-service', 'inventory-service', 'mock-gateway'];
const everything_is_ready = () =>
  until('all services ready', 60_000, async () => {
    for (const s of [...services, 'mock-gateway'] as const)
      if ((await call('GET', `${url(s)}/health/ready`)).status !== 200) return false;
    return (await call('GET', `${api()}/products?limit=1`)).status === 200;
  });

test.beforeEach(everything_is_ready);
test.afterEach(async () => {
  for (const program of programs) for (const pid of pids(program)) process.kill(pid, 'SIGCONT');
  await everything_is_ready();
  const audit = await (await Admin.signed_in()).audit();
  expect(audit.violations).toEqual([]);
  expect(souk('audit').status).toBe(0);
});

// Sends the same order again and again until there is a final answer, as a good client does.
async function persist(shopper: Shopper, body: unknown, key: string): Promise<any> {
  return until('a final answer', 120_000, async () => {
    const answer = await shopper.order(body, key);
    if ([201, 402].includes(answer.status)) return answer;
    if (answer.status === 409 && answer.body.order) return answer;
    expect([202, 409, 429, 500, 502, 503, 504], answer.text).toContain(answer.status);
    expect(answer.status, answer.text).not.toBe(500);
    await sleep(300);
    return false;
  });
}

for (const program of programs)
  test(`${program} is killed in the middle of purchases`, async () => {
    test.setTimeout(180_000);
    const admin = await Admin.signed_in();
    const lamp = await admin.product(100);
    const shoppers = await Promise.all(Array.from({ length: 8 }, () => Shopper.arrive()));
    for (const s of shoppers) await s.add(lamp.id, 2);
    const bodies = await Promise.all(shoppers.map((s, i) => s.order_body(i % 4 === 3 ? cards.decline : cards.approve)));
    const ends = shoppers.map((s, i) => persist(s, bodies[i], `kill-${program}-${i}-${randomUUID()}`));
    for (let i = 0; i < 3; ++i) {
      await sleep(60 + 40 * i);
      for (const pid of pids(program)) process.kill(pid, 'SIGKILL');
      await until(`${program} to be started again`, 30_000, async () => pids(program).length > 0);
    }
    const answers = await Promise.all(ends);
    expect(answers.map((a) => a.status)).toEqual(shoppers.map((_, i) => (i % 4 === 3 ? 402 : 201)));
    await admin.stock_is(lamp.id, 100 - 2 * 6, 60_000);
  });

test('PostgreSQL is killed in the middle of purchases', async () => {
  test.setTimeout(180_000);
  const admin = await Admin.signed_in();
  const lamp = await admin.product(100);
  const shoppers = await Promise.all(Array.from({ length: 6 }, () => Shopper.arrive()));
  for (const s of shoppers) await s.add(lamp.id, 1);
  const bodies = await Promise.all(shoppers.map((s) => s.order_body()));
  const ends = shoppers.map((s, i) => persist(s, bodies[i], `kill-postgres-${i}-${randomUUID()}`));
  await sleep(50);
  // It would be back before anybody noticed.
  const supervisor = Number(readFileSync(`${stack().state}/run/supervisord.pid`, 'utf8'));
  process.kill(supervisor, 'SIGSTOP');
  try {
    process.kill(postmaster(), 'SIGKILL');
    // A dead database makes its service unready, not dead.
    await until('order-service to be unready', 15_000, async () =>
      (await call('GET', `${url('order')}/health/ready`)).status === 503);
    expect((await call('GET', `${url('order')}/health/live`)).status).toBe(200);
  } finally {
    process.kill(supervisor, 'SIGCONT');
  }
  const answers = await Promise.all(ends);
  expect(answers.map((a) => a.status)).toEqual(Array(6).fill(201));
  await admin.stock_is(lamp.id, 94, 60_000);
});

test('Redis is killed: acknowledged adds are there again', async () => {
  test.setTimeout(120_000);
  const admin = await Admin.signed_in();
  const lamp = await admin.product(1000);
  const shopper = await Shopper.arrive();
  let acknowledged = 0;
  let stop = false;
  const adding = (async () => {
    while (!stop) {
      const key = randomUUID();
      const end = Date.now() + 60_000;
      for (;;) {
        const a = await shopper.send('POST', `/cart/${shopper.id}/items`, { product_id: lamp.id, quantity: 1 }, { 'idempotency-key': key });
        if (a.status === 200) { ++acknowledged; break; }
        expect([500, 502, 503, 504], a.text).toContain(a.status);
        if (Date.now() > end) throw new Error('no add for a minute');
        await sleep(100);
      }
      // A line of a cart ends at 1,000 units, which a quick machine reaches within the test.
      await sleep(20);
    }
  })();
  const redis = Number((await import('node:child_process')).execFileSync('redis-cli',
    ['-p', String(port('redis')), '-a', secret('redis'), '--no-auth-warning', 'info', 'server'],
    { encoding: 'utf8' }).match(/process_id:(\d+)/)![1]);
  await sleep(300);
  process.kill(redis, 'SIGKILL');
  await sleep(5000);
  stop = true;
  await adding;
  expect(acknowledged).toBeGreaterThan(10);
  expect((await shopper.cart()).lines[0].quantity).toBe(acknowledged);
});

for (const program of ['inventory-service', 'payment-service', 'cart-service'])
  test(`${program} stands still across a lease`, async () => {
    test.setTimeout(180_000);
    const admin = await Admin.signed_in();
    const lamp = await admin.product(10);
    const shopper = await Shopper.arrive();
    await shopper.add(lamp.id, 3);
    const body = await shopper.order_body(cards.slow);
    const key = randomUUID();
    const first = shopper.order(body, key);
    await until('the order to exist', 10_000, async () =>
      (await admin.send('GET', `/orders?user_id=${shopper.id}`)).body?.items?.length > 0);
    const [pid] = pids(program);
    process.kill(pid, 'SIGSTOP');
    await sleep(17_000); // a lease is 15 s
    process.kill(pid, 'SIGCONT');
    expect([201, 202, 503, 504]).toContain((await first).status);
    const end = await persist(shopper, body, key);
    expect(end.status).toBe(201);
    await admin.stock_is(lamp.id, 7, 60_000);
  });

test('operators see the metrics while payment-service stands still, and nobody else does', async () => {
  const admin = await Admin.signed_in();
  const shopper = await Shopper.arrive();
  process.kill(pids('payment-service')[0], 'SIGSTOP');
  const shown = await admin.send('GET', '/system/metrics/up');
  expect(shown.status, shown.text).toBe(200);
  expect((await shopper.send('GET', '/system/metrics/up')).status).toBe(403);
  expect((await call('GET', `${api()}/system/metrics/up`)).status).toBe(401);
});

test('order-service stands still across its lease: two workers, one order', async () => {
  test.setTimeout(180_000);
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10);
  const shopper = await Shopper.arrive();
  await shopper.add(lamp.id, 3);
  const body = await shopper.order_body(cards.slow);
  const key = randomUUID();
  const first = shopper.order(body, key);
  await until('the order to exist', 10_000, async () =>
    (await admin.send('GET', `/orders?user_id=${shopper.id}`)).body?.items?.length > 0);
  const [pid] = pids('order-service');
  process.kill(pid, 'SIGSTOP');
  await sleep(17_000);
  process.kill(pid, 'SIGCONT');
  await first;
  expect((await persist(shopper, body, key)).status).toBe(201);
  await admin.stock_is(lamp.id, 7, 60_000);
});

test('calls that arrive after their compensation do nothing', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(5);
  const order = { 'souk-service': serviceCredential('order') };
  const inventory = (path: string, body?: unknown) => call('POST', `${url('inventory')}${path}`, body ?? {}, order);
  const lines = [{ product_id: lamp.id, quantity: 2 }];

  for (const seen of [true, false]) {
    const id = randomUUID();
    if (seen) expect((await inventory('/reservations', { order_id: id, lines })).body.state).toBe('held');
    expect((await inventory(`/reservations/${id}/release`)).body.state).toBe('released');
    expect((await inventory('/reservations', { order_id: id, lines })).body.state).toBe('released');
    expect((await inventory(`/reservations/${id}/commit`)).body.state).toBe('released');
    expect((await inventory(`/inventory/${lamp.id}/reserve`, { order_id: id, quantity: 2 })).body.state).toBe('released');
  }
  expect(await admin.stock(lamp.id)).toMatchObject({ on_hand: 5, reserved: 0 });

  const shopper = await Shopper.arrive();
  const payment = (path: string, body: unknown) => call('POST', `${url('payment')}/payments${path}`, body, order);
  for (const seen of [true, false]) {
    const ids = { payment_id: randomUUID(), order_id: randomUUID(), user_id: shopper.id };
    const charge = { ...ids, amount_minor: 700, currency: 'USD', payment_token: await shopper.token_for(cards.approve) };
    if (seen) expect((await payment('/process', charge)).body.state).toBe('authorized');
    const voided = await payment(`/${ids.payment_id}/void`, { order_id: ids.order_id, user_id: ids.user_id, amount_minor: 700, currency: 'USD' });
    expect(['voided', 'voiding'], voided.text).toContain(voided.body.state);
    await until('the void', 20_000, async () => (await admin.send('GET', `/payments/${ids.payment_id}`)).body.state === 'voided');
    expect((await payment('/process', charge)).body.state).toBe('voided');
    expect((await payment(`/${ids.payment_id}/capture`, { order_id: ids.order_id })).body.state).toBe('voided');
    const record = await admin.send('GET', `/payments/${ids.payment_id}`);
    expect(record.body).toMatchObject({ state: 'voided', captured_minor: 0 });
  }
});

test('cancel at every step ends with nothing held and nothing kept', async () => {
  test.setTimeout(180_000);
  const admin = await Admin.signed_in();
  const lamp = await admin.product(200);
  const shoppers = await Promise.all(Array.from({ length: 16 }, () => Shopper.arrive()));
  await Promise.all(shoppers.map(async (shopper, i) => {
    await shopper.add(lamp.id, 2);
    const ordering = shopper.order(await shopper.order_body(i % 2 ? cards.approve : cards.slow));
    const id = await until('the order to exist', 20_000, async () =>
      (await shopper.send('GET', '/orders')).body?.items?.[0]?.id);
    await sleep(i * 15);
    const cancel = await shopper.send('POST', `/orders/${id}/cancel`);
    expect([202, 409], cancel.text).toContain(cancel.status);
    await ordering;
    const order = await shopper.settled(id, ['cancelled', 'rejected'], 90_000);
    const payment = await admin.send('GET', `/payments?order_id=${id}`);
    for (const p of payment.body.items) expect(p.captured_minor - p.refunded_minor, order.state).toBe(0);
  }));
  await admin.stock_is(lamp.id, 200, 60_000);
});

test('a SIGTERM drops no request', async () => {
  test.setTimeout(120_000);
  let stop = false;
  const failures: string[] = [];
  let answered = 0;
  const reading = Array.from({ length: 8 }, async () => {
    while (!stop) {
      const a = await call('GET', `${api()}/products?limit=2`).catch((e) => ({ status: 0, text: String(e) }) as any);
      // While the only replica restarts there is nobody to ask; a request that was taken is answered.
      if (![200, 502, 503].includes(a.status)) failures.push(`${a.status} ${a.text.slice(0, 100)}`);
      if (a.status === 200) ++answered;
    }
  });
  for (let i = 0; i < 3; ++i) {
    await sleep(500);
    const before = pids('product-service');
    for (const pid of before) process.kill(pid, 'SIGTERM');
    await until('product-service to be started again', 30_000, async () => {
      const now = pids('product-service');
      return now.length > 0 && !now.some((pid) => before.includes(pid));
    });
    await until('it to be ready', 30_000, async () => (await call('GET', `${url('product')}/health/ready`)).status === 200);
  }
  stop = true;
  await Promise.all(reading);
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(100);
});
