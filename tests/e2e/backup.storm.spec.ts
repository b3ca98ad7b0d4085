import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync, readFileSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, call, cards } from './support/shop.ts';
import { api, pids, root, secret, services, sleep, souk, sql, stack, until, url } from './support/stack.ts';

// A backup while the store sells; then the store sells on; then it is as it was, and the payment
// company, which is not restored, is told what to give back.

let folder: string;
const file = () => `${folder}/store.souk`;
test.beforeAll(() => { folder = mkdtempSync(`${tmpdir()}/souk-backup-`); });
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

const everything_is_ready = () =>
  until('all services ready', 60_000, async () => {
    for (const s of [...services, 'mock-gateway'] as const)
      if ((await call('GET', `${url(s)}/health/ready`)).status !== 200) return false;
    return (await call('GET', `${api()}/products?limit=1`)).status === 200;
  });

// The other files go on with this store, so it is left in order, and with its books in balance.
test.afterEach(async () => {
  for (const pid of pids('souk-backup')) process.kill(pid, 'SIGCONT');
  await everything_is_ready();
  expect(souk('restore', '--reconcile').status).toBe(0);
  expect((await (await Admin.signed_in()).audit()).violations).toEqual([]);
});

// As souk(), while other things happen here.
function souk_meanwhile(...args: string[]): Promise<{ status: number | null; out: string }> {
  const env = { ...process.env, SOUK_STATE: stack().state, SOUK_PORT_BASE: String(stack().portBase) };
  const child = spawn(`${root}/souk`, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (out += d));
  return new Promise((done) => child.on('close', (status) => done({ status, out })));
}

type Sale = { shopper: Shopper; id: string; key: string; body: any; status: number; at: number; took: number };

// Shoppers who buy until they are told to stop; what they were told.
function market(product: any, shoppers: number) {
  const sales: Sale[] = [];
  const other: string[] = [];
  let open = true;
  const at_work = Array.from({ length: shoppers }, async (_, i) => {
    for (let n = 0; open; ++n) {
      const shopper = await Shopper.arrive();
      await shopper.add(product.id, 1 + (n % 3));
      const body = await shopper.order_body([cards.approve, cards.approve, cards.slow, cards.decline][(i + n) % 4]);
      const key = randomUUID();
      const began = Date.now();
      const a = await shopper.order(body, key);
      const id = a.body?.id ?? a.body?.order?.id;
      if ([201, 202, 402].includes(a.status)) sales.push({ shopper, id, key, body, status: a.status, at: began, took: Date.now() - began });
      else other.push(`${a.status} ${a.text.slice(0, 200)}`);
    }
  });
  return { sales, other, close: async () => { open = false; await Promise.all(at_work); } };
}

const state_of = async (sale: Sale) => {
  const a = await sale.shopper.send('GET', `/orders/${sale.id}`);
  return a.status === 404 ? 'gone' : a.body.state;
};

test('what is sold after a backup is gone after a restore, and its money goes back', async () => {
  test.setTimeout(300_000);
  await everything_is_ready();
  const admin = await Admin.signed_in();
  const lamp = await admin.product(10_000);
  const refund = (id: string, amount: number) =>
    admin.send('POST', `/orders/${id}/refunds`, { amount_minor: amount, reason: 'scratched' }, { 'idempotency-key': randomUUID() });

  // Some that are long done, in several states.
  const [done, shipped, refunded, cancelled] = await Promise.all(Array.from({ length: 4 }, async () => {
    const shopper = await Shopper.arrive();
    return { shopper, order: (await shopper.buy(lamp.id, 2)).body };
  }));
  await admin.send('PATCH', `/orders/${shipped.order.id}/status`, { status: 'shipped' });
  expect([201, 202]).toContain((await refund(refunded.order.id, 300)).status);
  await cancelled.shopper.send('POST', `/orders/${cancelled.order.id}/cancel`);
  await cancelled.shopper.settled(cancelled.order.id, ['cancelled']);
  // A cart that somebody left, and one that is changed later.
  const [dreamer, changer] = [await Shopper.arrive(), await Shopper.arrive()];
  await dreamer.add(lamp.id, 7);
  await changer.add(lamp.id, 1);
  const dream = await dreamer.cart();

  const open = market(lamp, 6);
  await sleep(2_000);
  const backup = await souk_meanwhile('backup', file());
  expect(backup.status, backup.out).toBe(0);
  const moment = Date.parse(/the store as it was at (\S+)/.exec(backup.out)![1]);
  const paused = Number(/stood still for (\d+) ms/.exec(backup.out)![1]);
  expect(paused).toBeLessThan(2_000);
  expect(statSync(file()).mode & 0o077, 'addresses of shoppers are in it').toBe(0);
  await sleep(2_000);
  await open.close();
  // Nobody was turned away, and nobody had to wait for long: the slow card takes three seconds.
  expect(open.other).toEqual([]);
  expect(Math.max(...open.sales.map((s) => s.took))).toBeLessThan(7_000);

  // Sold on: bought, refunded, cancelled, shipped, moved in carts, and a new product.
  await changer.add(lamp.id, 4);
  await refund(done.order.id, 500);
  await refund(refunded.order.id, 200);
  const late = await Shopper.arrive();
  const lost = (await late.buy(lamp.id, 3)).body;
  await done.shopper.settled(done.order.id, ['confirmed']);
  const fresh = await admin.product(5);
  const [undone, undone_twice] = open.sales.filter((s) => s.status === 201 && s.at + s.took < moment);
  for (const s of [undone, undone_twice]) {
    await s.shopper.send('POST', `/orders/${s.id}/cancel`);
    await s.shopper.settled(s.id, ['cancelled']);
  }
  await until('refunds', 20_000, async () => (await admin.audit()).violations.length === 0);
  // A hold on a card whose order was under way when the store was lost.
  const hold = { reference: randomUUID(), merchant_order: randomUUID() };
  const company = (path: string, body: unknown) =>
    call('POST', `${url('mock-gateway')}${path}`, body, { authorization: `Bearer ${secret('gateway-key')}` });
  const card = await company('/v1/tokens', { number: cards.approve, exp_month: 12, exp_year: 2040, cvc: '123' });
  expect((await company('/v1/authorizations', { ...hold, amount_minor: 990, currency: 'USD', card_token: card.body.card_token })).body.outcome).toBe('approved');

  const restore = await souk_meanwhile('restore', file(), '--yes');
  expect(restore.status, restore.out).toBe(0);
  expect(restore.out).toContain(`order ${lost.id} (not known here)`);
  expect(restore.out).toContain('restore --reconcile gives the money back');
  expect(souk('audit').status, 'the gateway has charges without orders').toBe(1);

  // Before anybody reconciles: a shopper finds the order that she has cancelled, and cancels again.
  await undone_twice.shopper.settled(undone_twice.id, ['confirmed']);
  await undone_twice.shopper.send('POST', `/orders/${undone_twice.id}/cancel`);
  await undone_twice.shopper.settled(undone_twice.id, ['cancelled']);

  const reconciled = souk('restore', '--reconcile');
  expect(reconciled.status, reconciled.stdout + reconciled.stderr).toBe(0);
  const audit = await admin.audit();
  expect(audit.violations).toEqual([]);
  expect(souk('audit').status).toBe(0);
  expect(sql('mock_gateway', `SELECT state, voided_minor FROM charges WHERE reference = '${hold.reference}'`))
    .toEqual([['voided', '990']]);
  // It is done once.
  expect(souk('restore', '--reconcile').stdout).toContain('The payment company and the store agree');

  // As it was.
  expect((await admin.send('GET', `/orders/${shipped.order.id}`)).body.state).toBe('shipped');
  expect((await admin.send('GET', `/orders/${cancelled.order.id}`)).body.state).toBe('cancelled');
  const dreamt = await dreamer.cart();
  expect(dreamt).toMatchObject({ revision: dream.revision, total_minor: dream.total_minor });
  expect(dreamt.lines[0].quantity).toBe(7);
  expect((await changer.cart()).lines[0].quantity).toBe(1);
  expect((await call('GET', `${api()}/products/${fresh.slug}`)).status).toBe(404);
  expect((await admin.send('GET', `/orders/${lost.id}`)).status).toBe(404);
  // What was paid back since is known again; who has everything back gets no parcel.
  expect((await admin.send('GET', `/orders/${done.order.id}`)).body).toMatchObject({ state: 'confirmed', refunded_minor: 500 });
  expect((await admin.send('GET', `/orders/${refunded.order.id}`)).body).toMatchObject({ state: 'confirmed', refunded_minor: 500 });
  for (const s of [undone, undone_twice]) {
    const now = (await admin.send('GET', `/orders/${s.id}`)).body;
    expect(now).toMatchObject({ state: 'cancelled', refunded_minor: now.total_minor });
    expect(sql('mock_gateway', `SELECT captured_minor - refunded_minor FROM charges WHERE merchant_order = '${s.id}'`)).toEqual([['0']]);
  }
  // Every order that the backup has ended well, and what it has not is paid back whole.
  const states: Record<string, number> = {};
  for (const sale of open.sales) {
    const state = await state_of(sale);
    states[state] = (states[state] ?? 0) + 1;
    // Whoever was answered before the moment has the order, and whoever asked after it has not.
    if (sale.at + sale.took < moment) expect(state, sale.id).not.toBe('gone');
    if (sale.at > moment) expect(state, sale.id).toBe('gone');
    if ([undone.id, undone_twice.id].includes(sale.id)) continue;
    if (state === 'gone') {
      const [charge] = sql('mock_gateway', `SELECT captured_minor - refunded_minor, authorized_minor - captured_minor - voided_minor
        FROM charges WHERE merchant_order = '${sale.id}' AND authorized_minor > 0`);
      if (charge) expect(charge, sale.id).toEqual(['0', '0']);
    } else {
      expect(state, sale.id).toBe(sale.status === 402 ? 'rejected' : 'confirmed');
    }
  }
  expect(states.gone).toBeGreaterThan(0);
  expect(states.confirmed).toBeGreaterThan(0);
  test.info().annotations.push({ type: 'pause', description: `${paused} ms; ${JSON.stringify(states)}` });

  // Who repeats an order that is gone (same key, same cart as in the backup) buys it once.
  const repeat = await dreamer.order(await dreamer.order_body());
  expect(repeat.status, repeat.text).toBe(201);
  const gone = open.sales.filter((s) => s.status === 201).at(-1)!;
  const second = await gone.shopper.order(gone.body, gone.key);
  if (second.status === 409) expect(second.body.type).toMatch(/cart-(changed|empty)$/);
  else expect([201, 402], second.text).toContain(second.status); // 402: its card token is gone, too
});

test('orders that were under way in the backup come to the end that the gateway knows', async () => {
  test.setTimeout(240_000);
  await everything_is_ready();
  const admin = await Admin.signed_in();
  const lamp = await admin.product(100);
  // Nothing moves past its payment for a while: the backup finds them at several steps.
  const shoppers = await Promise.all(Array.from({ length: 12 }, () => Shopper.arrive()));
  await Promise.all(shoppers.map((s) => s.add(lamp.id, 1)));
  const bodies = await Promise.all(shoppers.map((s, i) => s.order_body(i % 3 ? cards.slow : cards.approve)));
  const answers = shoppers.map(async (s, i) => {
    await sleep(150 * i);
    return s.order(bodies[i], `under-way-${i}-${randomUUID()}`);
  });
  await sleep(700);
  const backup = await souk_meanwhile('backup', file());
  expect(backup.status, backup.out).toBe(0);
  const ended = await Promise.all(answers);
  for (const a of ended) expect(a.status, a.text).toBe(201);

  const restore = await souk_meanwhile('restore', file(), '--yes', '--reconcile');
  expect(restore.status, restore.out).toBe(0);
  expect((await admin.audit()).violations).toEqual([]);
  let known = 0;
  for (const [i, a] of ended.entries()) {
    const now = await shoppers[i].send('GET', `/orders/${a.body.id}`);
    if (now.status === 404) continue;
    ++known;
    expect(now.body.state).toBe('confirmed');
    expect(sql('mock_gateway', `SELECT count(*), sum(captured_minor), sum(refunded_minor) FROM charges
      WHERE merchant_order = '${a.body.id}'`)).toEqual([['1', String(now.body.total_minor), '0']]);
  }
  await admin.stock_is(lamp.id, 100 - known);
});

test('a backup that is killed or stands still holds nobody up and leaves no file', async () => {
  test.setTimeout(120_000);
  await everything_is_ready();
  const admin = await Admin.signed_in();
  const lamp = await admin.product(1_000);
  const open = market(lamp, 4);
  for (let i = 0; i < 4; ++i) {
    const backup = souk_meanwhile('backup', `${folder}/killed.souk`);
    const pid = await until('the backup to be at work', 20_000, async () => pids('souk-backup')[0]);
    await sleep(20 * i);
    try {
      process.kill(pid, i % 2 ? 'SIGSTOP' : 'SIGKILL');
      if (i % 2) {
        await sleep(3_500); // longer than it may hold orders up
        process.kill(pid, 'SIGCONT');
      }
    } catch { /* it was done already */ }
    await backup;
    rmSync(`${folder}/killed.souk`, { force: true });
    expect(() => statSync(`${folder}/killed.souk.part`)).toThrow();
  }
  await open.close();
  expect(open.other).toEqual([]);
  expect(open.sales.length).toBeGreaterThan(10);
});

test('a restore refuses what is no whole backup, and one that is killed is cleared up', async () => {
  test.setTimeout(240_000);
  await everything_is_ready();
  const admin = await Admin.signed_in();
  const lamp = await admin.product(50);
  const shopper = await Shopper.arrive();
  const before = (await shopper.buy(lamp.id, 1)).body;
  expect(souk('backup', file()).status).toBe(0);
  const after = (await shopper.buy(lamp.id, 1)).body;

  const damaged = `${folder}/damaged.souk`;
  writeFileSync(damaged, readFileSync(file()));
  truncateSync(damaged, Math.floor(statSync(file()).size * 0.7));
  const refused = souk('restore', damaged, '--yes');
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('othing was changed');
  const unasked = souk('restore', file());
  expect(unasked.status).toBe(1);
  expect(unasked.stderr).toContain('--yes');
  expect((await shopper.send('GET', `/orders/${after.id}`)).status).toBe(200);

  // Killed at a moment of its last step, the store is the old one or the new one, whole.
  for (const wait of [0, 60, 150]) {
    const restore = souk_meanwhile('restore', file(), '--yes');
    const end = Date.now() + 60_000;
    while (pids('order-service').length > 0 || pids('souk-backup').length === 0) {
      if (Date.now() > end) throw new Error('no swap within a minute');
      await sleep(5); // the swap is short
    }
    await sleep(wait);
    for (const pid of pids('souk-backup')) {
      try { process.kill(pid, 'SIGKILL'); } catch { /* it was done already */ }
    }
    await restore;
    await everything_is_ready();
    expect((await shopper.send('GET', `/orders/${before.id}`)).body.state).toBe('confirmed');
    const is_old = (await shopper.send('GET', `/orders/${after.id}`)).status === 200;
    expect(souk('restore', '--reconcile').status).toBe(0);
    await admin.stock_is(lamp.id, is_old ? 48 : 49);
    expect((await admin.audit()).violations).toEqual([]);
  }
});
