import { randomUUID } from 'node:crypto';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, call, type Answer } from './support/shop.ts';
import { api, origin, secret, serviceCredential, services, stack, url } from './support/stack.ts';
import { forOutside, may, table, type Row } from './support/table.ts';
import { badTokens, parts, storeKey, token } from './support/tokens.ts';

// Every route, directly and through the gateway, for everybody.

const callers = ['order', 'cart', 'product', 'payment'];

// A path of the right form that names nothing which exists.
const fill = (row: Row, user: string) =>
  row.path.replace('{user_id}', user).replace(/\{[a-z_]+\}/g, () => randomUUID());
const through = (row: Row, path: string) => (path === '/books' ? `/books/${row.service}` : path);

const send = (row: Row, base: string, path: string, headers: Record<string, string> = {}) =>
  call(row.method, base + path, ['GET', 'HEAD', 'DELETE'].includes(row.method) ? undefined : {}, headers);

// Whoever gets past the guard gets an answer about the request itself; an event stream is not read.
const letIn = (answer: Answer) =>
  ![401, 403].includes(answer.status) && answer.status < 500 && answer.status !== 405;

test('the services serve exactly the routes of the design, for exactly those callers', async () => {
  for (const service of services) {
    const document = (await call('GET', `${url(service)}/openapi.json`)).body;
    expect(document.openapi).toMatch(/^3\.1\./);
    const served: string[] = [];
    for (const [path, methods] of Object.entries<any>(document.paths))
      for (const [method, route] of Object.entries<any>(methods))
        served.push(`${method.toUpperCase()} ${path} ${[...route['x-souk-access']].sort().join(' ')}`);
    const designed = table.filter((r) => r.service === service)
      .map((r) => `${r.method} ${r.path} ${[...r.who].sort().join(' ')}`);
    expect(served.sort(), service).toEqual(designed.sort());
  }
});

for (const service of services)
  test(`${service}: directly, each route opens for those it names and for nobody else`, async () => {
    test.slow();
    const admin = await Admin.signed_in();
    const a = await Shopper.arrive();
    const b = await Shopper.arrive();
    for (const row of table.filter((r) => r.service === service)) {
      const name = `${row.method} ${row.path}`;
      if (row.path.endsWith('/events')) continue; // below: it needs an order to answer
      const path = fill(row, a.id);
      const open = row.who.includes('public') || row.who.includes('operator');
      const nobody = await send(row, url(service), path);
      if (open) expect(letIn(nobody) || row.path === '/session/admin', `${name}: ${nobody.text}`).toBe(true);
      else expect(nobody.status, `${name} without credential`).toBe(401);

      const kinds: [string, Record<string, string>, boolean][] = [
        ['shopper A', { authorization: `Bearer ${a.token}` }, may(row, 'shopper')],
        ['administrator', { authorization: `Bearer ${admin.token}` }, may(row, 'admin')],
        ...callers.map((c): [string, Record<string, string>, boolean] =>
          [`service ${c}`, { 'souk-service': serviceCredential(c) }, may(row, `service(${c})`)]),
      ];
      for (const [kind, headers, allowed] of kinds) {
        if (open) continue;
        const answer = await send(row, url(service), path, headers);
        if (allowed) expect(letIn(answer), `${name} for ${kind}: ${answer.status} ${answer.text}`).toBe(true);
        else if (kind.startsWith('service') && answer.status === 401)
          // A caller that this service does not accept at all is nobody to it.
          expect(table.some((r) => r.service === service && r.who.includes(kind.replace(/service (.*)/, 'service($1)'))), name).toBe(false);
        else expect(answer.status, `${name} for ${kind}`).toBe(403);
        expect(answer.headers.get('content-type') ?? '', name).not.toContain('text/html');
      }
      if (row.path.includes('{user_id}') && may(row, 'shopper')) {
        const foreign = await send(row, url(service), fill(row, a.id), { authorization: `Bearer ${b.token}` });
        expect([400, 404], `${name} of another shopper: ${foreign.text}`).toContain(foreign.status);
        expect(foreign.text).not.toContain('revision');
      }
      if (!open) {
        const forged = await send(row, url(service), path, { 'souk-service': `order:${'0'.repeat(48)}` });
        expect(forged.status, `${name} with a wrong secret`).toBe(401);
      }
    }
  });

test('through the gateway only what is for outside exists', async () => {
  test.slow();
  const admin = await Admin.signed_in();
  const a = await Shopper.arrive();
  for (const row of table) {
    const name = `${row.method} ${row.path}`;
    if (row.path.endsWith('/events') || row.path === '/session' || row.path === '/session/admin') continue;
    const path = through(row, fill(row, a.id));
    const who: [string, Record<string, string>][] = [
      ['nobody', {}],
      ['shopper', { authorization: `Bearer ${a.token}` }],
      ['administrator', { authorization: `Bearer ${admin.token}` }],
      ...callers.map((c): [string, Record<string, string>] => [`service ${c}`, { 'souk-service': serviceCredential(c) }]),
    ];
    for (const [kind, headers] of who) {
      const answer = await send(row, api(), path, headers);
      const label = `${name} for ${kind}: ${answer.status} ${answer.text.slice(0, 200)}`;
      if (!forOutside(row)) expect(answer.status, label).toBe(404);
      else if (row.who.includes('public')) expect(letIn(answer), label).toBe(true);
      else if (kind === 'shopper' && may(row, 'shopper')) expect(letIn(answer), label).toBe(true);
      else if (kind === 'administrator' && may(row, 'admin')) expect(letIn(answer), label).toBe(true);
      // The service credential is taken off: its bearer is nobody.
      else expect(answer.status, label).toBe(kind === 'nobody' || kind.startsWith('service') ? 401 : 403);
    }
  }
  for (const hidden of ['/metrics', '/health', '/health/ready', '/openapi.json', '/..%2fhealth', '/products/../metrics',
    '/orders/%2e%2e/audit/../../metrics', '//metrics'])
    expect((await call('GET', api() + hidden)).status, hidden).toBe(404);
});

test('forged, expired and foreign tokens open nothing', async () => {
  const shopper = await Shopper.arrive();
  for (const [kind, bad] of Object.entries(badTokens(shopper.token)))
    for (const [service, path] of [['cart', `/cart/${shopper.id}`], ['order', '/orders'], ['payment', `/payments/${randomUUID()}`]] as const)
      for (const base of [url(service), api()]) {
        const answer = await call('GET', base + path, undefined, { authorization: `Bearer ${bad}` });
        expect(answer.status, `a token ${kind} at ${service}`).toBe(401);
        expect(answer.text).not.toContain(bad.slice(0, 20));
      }
  // The making of these tokens is sound: unchanged, they open.
  const { header, claims } = parts(shopper.token);
  const good = token(header, { ...claims, exp: claims.exp - 1 }, storeKey());
  expect((await call('GET', `${api()}/cart/${shopper.id}`, undefined, { authorization: `Bearer ${good}` })).status).toBe(200);
  // A stale cookie locks nobody out of what is public.
  const stale = badTokens(shopper.token).expired;
  const instance = `local${stack().portBase}`;
  const open = await call('GET', `${api()}/products`, undefined, { cookie: `souk_${instance}_shopper=${stale}` });
  expect(open.status).toBe(200);
});

test('cookies count only from our own pages, the administrator\'s only when asked for', async () => {
  const session = await fetch(`${api()}/session`, { method: 'POST', headers: { origin: origin() } });
  const cookie = session.headers.get('set-cookie')!;
  expect(cookie).toMatch(/^souk_[a-z0-9]+_shopper=/);
  for (const flag of ['HttpOnly', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(flag);
  expect(cookie).not.toContain('Secure'); // this store is not behind https
  const jar = cookie.split(';')[0];
  const { user_id } = await session.json();
  const get = (headers: Record<string, string>) => call('GET', `${api()}/cart/${user_id}`, undefined, headers);
  const clear = (headers: Record<string, string>) => call('DELETE', `${api()}/cart/${user_id}`, undefined, headers);
  expect((await get({ cookie: jar })).status).toBe(200);
  expect((await get({ cookie: jar, origin: 'https://evil.example' })).status).toBe(403);
  expect((await clear({ cookie: jar })).status).toBe(403);
  expect((await clear({ cookie: jar, origin: 'https://evil.example' })).status).toBe(403);
  expect((await clear({ cookie: jar, origin: 'null' })).status).toBe(403);
  expect((await clear({ cookie: jar, origin: origin() })).status).toBe(204);

  const signIn = await fetch(`${api()}/session/admin`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: origin() },
    body: JSON.stringify({ username: 'admin', password: secret('admin-password') }),
  });
  expect(signIn.status).toBe(201);
  const adminCookie = signIn.headers.get('set-cookie')!;
  for (const flag of ['HttpOnly', 'SameSite=Strict']) expect(adminCookie).toContain(flag);
  const both = `${jar}; ${adminCookie.split(';')[0]}`;
  const orders = (headers: Record<string, string>) => call('GET', `${api()}/payments`, undefined, headers);
  expect((await orders({ cookie: both })).status).toBe(403); // a shopper asks
  expect((await orders({ cookie: both, 'souk-act-as': 'admin' })).status).toBe(200);
  expect((await orders({ cookie: adminCookie.split(';')[0] })).status).toBe(401);
  // Authorization wins over cookies.
  const shopper = await Shopper.arrive();
  const mixed = await call('GET', `${api()}/cart/${user_id}`, undefined, { cookie: jar, authorization: `Bearer ${shopper.token}` });
  expect(mixed.status).toBe(404);
});

test('orders and payments of another shopper are not found', async () => {
  const admin = await Admin.signed_in();
  const lamp = await admin.product(2);
  const a = await Shopper.arrive();
  const b = await Shopper.arrive();
  const order = (await a.buy(lamp.id)).body;
  for (const path of [`/orders/${order.id}`, `/orders/${order.id}/events`, `/payments/${order.payment_id}`]) {
    expect((await b.send('GET', path)).status, path).toBe(404);
    if (!path.endsWith('events')) expect((await admin.send('GET', path)).status, path).toBe(200);
  }
  expect((await b.send('POST', `/orders/${order.id}/cancel`)).status).toBe(404);
  expect((await b.send('GET', '/orders')).body.items).toEqual([]);
  expect((await call('GET', `${api()}/orders/${order.id}/events`)).status).toBe(401);
  // A payment token belongs to who made it.
  await b.add(lamp.id);
  const stolen = await b.order({ ...(await b.order_body()), payment_token: await a.token_for('4242424242424242') });
  expect(stolen.status).toBe(402);
});

test('the wrong password is refused, and not for ever tried', async () => {
  const attempt = (password: string, username = 'admin') =>
    call('POST', `${url('cart')}/session/admin`, { username, password }, { 'x-forwarded-for': '203.0.113.77' });
  const first = await attempt('not the password');
  expect(first.status).toBe(401);
  expect((await attempt('not the password', 'somebody')).status).toBe(401);
  let last = first;
  for (let i = 0; i < 30 && last.status !== 429; ++i) last = await attempt('wrong again');
  expect(last.status).toBe(429);
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
});
