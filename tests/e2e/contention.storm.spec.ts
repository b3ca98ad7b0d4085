import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, type Answer } from './support/shop.ts';
import { sleep, sql, stack, until } from './support/stack.ts';

// Many want the same few things at once.

// From the store's start on, whoever caused it.
function expect_no_deadlock() {
  const log = readFileSync(`${stack().state}/logs/postgres.log`, 'utf8').split('\n');
  expect(log.filter((line) => /deadlock detected|40P01/.test(line))).toEqual([]);
  expect(sql('postgres', 'SELECT datname, deadlocks FROM pg_stat_database WHERE deadlocks > 0')).toEqual([]);
}

async function expect_balanced_books(admin: Admin) {
  const audit = await admin.send('GET', '/audit');
  expect(audit.status, audit.text).toBe(200);
  expect(audit.body.violations).toEqual([]);
}

// At most so many at a time: what comes before a race is not to be one.
async function each<T, R>(all: T[], at_a_time: number, one: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: at_a_time }, async () => {
    for (let i = next++; i < all.length; i = next++) results[i] = await one(all[i]);
  }));
  return results;
}

type Line = { product: string; quantity: number };
type Racer = { shopper: Shopper; body: any; key: string; basket: Line[] };

async function prepare(basket: Line[]): Promise<Racer> {
  const shopper = await Shopper.arrive();
  let cart;
  for (const line of basket) cart = await shopper.add(line.product, line.quantity);
  return { shopper, body: await shopper.order_body(undefined, cart), key: randomUUID(), basket };
}

// Places the order as a good client does: who is asked to come again later does so, with the same key.
async function race(r: Racer): Promise<Answer> {
  for (const end = Date.now() + 120_000; ; ) {
    const answer = await r.shopper.order(r.body, r.key);
    if (![202, 429, 503].includes(answer.status) || Date.now() > end) return answer;
    const seconds = Number(answer.headers.get('retry-after') ?? (answer.status === 202 ? 1 : Number.NaN));
    expect(seconds, `${answer.status} says when to come again`).toBeGreaterThan(0);
    await sleep(seconds * 1000 * (0.5 + Math.random()));
  }
}

// Refused for what is not there, and for nothing else.
function expect_out_of_stock(answer: Answer, basket: Line[]) {
  expect(answer.status, answer.text).toBe(409);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  if (answer.body.type === '/problems/out-of-stock') {
    expect(answer.body.order).toMatchObject({ state: 'rejected', reason: 'out-of-stock', refunded_minor: 0 });
    return;
  }
  // It was seen before the order was made, and the cart shows what is missing.
  expect(answer.body.type).toBe('/problems/cart-changed');
  expect(answer.body.cart.buyable).toBe(false);
  expect(answer.body.cart.lines.map((l: any) => l.product_id).sort()).toEqual(basket.map((l) => l.product).sort());
  const short = answer.body.cart.lines.filter((l: any) => l.available < l.quantity);
  expect(short.length).toBeGreaterThan(0);
  for (const line of short) expect(['insufficient', 'unavailable']).toContain(line.status);
}

const ids = (all: string[]) => all.map((id) => `'${id}'`).join(',');

// What the databases say of the orders for these products: as often confirmed, paid and sold as there
// were buyers, and nothing held, charged or unfinished besides.
async function expect_sold(products: string[], buyers: number) {
  const orders = await until('all orders to be finished', 60_000, async () => {
    const found = sql('order', `SELECT DISTINCT o.id, o.state, o.unfinished_since IS NULL FROM orders o
      JOIN order_lines l ON l.order_id = o.id WHERE l.product_id IN (${ids(products)})`);
    return found.every((o) => o[2] === 't') && found;
  });
  const confirmed = orders.filter((o) => o[1] === 'confirmed').map((o) => o[0]);
  expect(confirmed).toHaveLength(buyers);
  expect(orders.filter((o) => !['confirmed', 'rejected'].includes(o[1]))).toEqual([]);
  expect(sql('inventory', `SELECT r.state, count(DISTINCT r.order_id) FROM reservations r
    JOIN reservation_lines l USING (order_id) WHERE l.product_id IN (${ids(products)}) GROUP BY 1`))
    .toEqual([['committed', String(buyers)]]);
  const all = ids(orders.map((o) => o[0]));
  const payments = sql('payment', `SELECT order_id, state FROM payments WHERE order_id IN (${all})`);
  const captured = payments.filter((p) => p[1] === 'captured').map((p) => p[0]);
  expect(captured.sort()).toEqual(confirmed.sort());
  expect(payments.filter((p) => !['captured', 'voided', 'declined'].includes(p[1]))).toEqual([]);
}

test('five hundred shoppers race for fifty units: fifty are sold', async () => {
  test.setTimeout(300_000);
  const admin = await Admin.signed_in();
  const lamp = await admin.product(50);
  const racers = await each(Array.from({ length: 500 }, () => [{ product: lamp.id, quantity: 1 }]), 16, prepare);

  const answers = await Promise.all(racers.map(race));
  const sold = answers.filter((a) => a.status === 201);
  expect(sold).toHaveLength(50);
  expect(new Set(sold.map((a) => a.body.id)).size).toBe(50);
  answers.forEach((a, i) => a.status === 201 || expect_out_of_stock(a, racers[i].basket));
  expect(await admin.stock(lamp.id)).toMatchObject({ on_hand: 0, reserved: 0, available: 0 });
  await expect_sold([lamp.id], 50);
  await expect_balanced_books(admin);
  expect_no_deadlock();
});

function permutations<T>(all: T[]): T[][] {
  if (all.length <= 1) return [all];
  return all.flatMap((first, i) =>
    permutations([...all.slice(0, i), ...all.slice(i + 1)]).map((rest) => [first, ...rest]));
}

test('baskets that overlap, in every order of lines, sell all that can be sold', async () => {
  test.setTimeout(300_000);
  const admin = await Admin.signed_in();
  const stock = [60, 45, 30, 20];
  const products: string[] = [];
  for (const quantity of stock) products.push((await admin.product(quantity)).id);
  // All orders of all four products and of each three of them, twice; and pairs, there and back.
  const orders = [
    ...permutations(products),
    ...products.flatMap((left_out) => permutations(products.filter((p) => p !== left_out))),
    ...products.flatMap((a) => products.filter((b) => b !== a).map((b) => [a, b])),
  ];
  const baskets = [...orders, ...orders].map((order, i) =>
    order.map((product, n) => ({ product, quantity: 1 + ((i + n) % 2) })));
  const racers = await each(baskets, 16, prepare);

  const answers = await Promise.all(racers.map(race));
  const left = new Map(products.map((p, i) => [p, stock[i]]));
  answers.forEach((a, i) => {
    if (a.status === 201)
      for (const line of baskets[i]) left.set(line.product, left.get(line.product)! - line.quantity);
    else expect_out_of_stock(a, baskets[i]);
  });
  for (const p of products) {
    expect(left.get(p), 'nothing is sold twice').toBeGreaterThanOrEqual(0);
    expect(await admin.stock(p)).toMatchObject({ on_hand: left.get(p), reserved: 0 });
  }
  // Stock only shrank: who was refused could not be served now either.
  const lost = answers.flatMap((a, i) =>
    a.status !== 201 && baskets[i].every((l) => left.get(l.product)! >= l.quantity) ? [baskets[i]] : []);
  expect(lost).toEqual([]);
  const buyers = answers.filter((a) => a.status === 201).length;
  expect(buyers).toBeGreaterThan(0);
  expect(buyers).toBeLessThan(baskets.length);
  await expect_sold(products, buyers);
  await expect_balanced_books(admin);
  expect_no_deadlock();
});
