import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, cards } from './support/shop.ts';
import { results, stack, until } from './support/stack.ts';

const spans = () =>
  readFileSync(`${results}/spans.jsonl`, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));

test('a checkout is one trace with one root and no missing parent', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(3);
  const shopper = await Shopper.arrive();
  await shopper.add(lamp.id);
  const placed = await shopper.order(await shopper.order_body());
  expect(placed.status).toBe(201);
  const wanted = ['cart-service', 'inventory-service', 'mock-gateway', 'order-service', 'payment-service', 'product-service'];
  const trace = await until('all spans of the checkout', 20_000, async () => {
    const all = spans();
    const saga = all.find((s) => s.name === 'checkout' &&
      s.attributes.some((a: any) => a.key === 'order.id' && a.value.stringValue === placed.body.id));
    const mine = all.filter((s) => s.traceId === saga?.traceId);
    const services = [...new Set(mine.map((s) => s.service))].sort();
    const ids = new Set(mine.map((s) => s.spanId));
    return wanted.every((w) => services.includes(w)) && mine.every((s) => !s.parentSpanId || ids.has(s.parentSpanId)) && mine;
  });
  expect(trace.filter((s) => !s.parentSpanId)).toHaveLength(1);
  const names = trace.map((s) => s.name).join('\n');
  for (const name of ['reserve', 'authorize', 'commit', 'capture']) expect(names).toContain(name);
});

test('a traceparent from outside is not trusted', async () => {
  const shopper = await Shopper.arrive();
  const outside = 'ab'.repeat(16);
  const answer = await shopper.send('GET', '/orders', undefined, { traceparent: `00-${outside}-${'cd'.repeat(8)}-01` });
  expect(answer.status).toBe(200);
  await until('the span', 20_000, async () => JSON.stringify(spans()).includes(outside));
  expect(spans().some((s) => s.traceId === outside)).toBe(false);
});

test('every line of every log is JSON, and none holds a card or a token', async () => {
  const shopper = await Shopper.arrive();
  const token = await shopper.token_for(cards.approve);
  await shopper.send('POST', '/payments/tokens', { number: cards.decline + '1', exp_month: 99, cvc: 'x' });
  let lines = 0;
  await until('the log lines', 10_000, async () => lines || (lines = 1));
  for (const file of readdirSync(`${stack().state}/logs`).filter((f) => /-service|mock-gateway/.test(f))) {
    const text = readFileSync(`${stack().state}/logs/${file}`, 'utf8');
    for (const secret of [...Object.values(cards), shopper.token, shopper.token.split('.')[2], token])
      expect(text.includes(secret), `${file} holds ${secret.slice(0, 6)}…`).toBe(false);
    const wrong = text.split('\n').slice(0, -1).filter((line) => {
      ++lines;
      try {
        JSON.parse(line);
        return false;
      } catch {
        return true;
      }
    });
    expect(wrong.map((line) => line.slice(0, 200)), file).toEqual([]);
  }
  expect(lines).toBeGreaterThan(100);
  expect(readFileSync(`${results}/spans.jsonl`, 'utf8')).not.toContain(cards.approve);
});
