import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, address, call } from './support/shop.ts';
import { api, port, services, url } from './support/stack.ts';

// Whatever is sent, the answer is a problem document that names what is wrong, never a 500, and
// nothing has changed.

function is_problem(answer: { status: number; headers: Headers; body: any; text: string }, status: number, ...fields: string[]) {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(answer.body.type).toMatch(/^\/problems\/[a-z-]+$/);
  expect(answer.body.status).toBe(status);
  expect(answer.body.trace_id ?? answer.body.request_id, answer.text).toBeTruthy();
  const named = (answer.body.errors ?? []).map((e: any) => e.pointer ?? e.parameter ?? e.header);
  for (const field of fields) expect(named, answer.text).toContain(field);
}

test('every wrong field of an order is named at once', async () => {
  const shopper = await Shopper.arrive();
  const answer = await shopper.order({
    cart_revision: 7, expected_total_minor: '12', currency: 'dollars', payment_token: null,
    address: { ...address, name: '', country: 'Portugal', planet: 'Earth' }, gift: true,
  });
  is_problem(answer, 400, '/cart_revision', '/expected_total_minor', '/currency', '/payment_token',
    '/address/name', '/address/country', '/address/planet', '/gift');
  expect(answer.text).not.toContain('dollars');
});

const bodies: [string, string | Buffer, number][] = [
  ['nothing', '', 400],
  ['no JSON', 'quantity=1', 400],
  ['cut JSON', '{"product_id":', 400],
  ['two documents', '{} {}', 400],
  ['an array', '[]', 400],
  ['null', 'null', 400],
  ['deep nesting', '['.repeat(10_000) + ']'.repeat(10_000), 400],
  ['deep objects', '{"a":'.repeat(2_000) + '1' + '}'.repeat(2_000), 400],
  ['a repeated field', `{"product_id":"${randomUUID()}","product_id":"${randomUUID()}","quantity":1}`, 400],
  ['an unknown field', `{"product_id":"${randomUUID()}","quantity":1,"price_minor":1}`, 400],
  ['quantity zero', `{"product_id":"${randomUUID()}","quantity":0}`, 400],
  ['negative quantity', `{"product_id":"${randomUUID()}","quantity":-1}`, 400],
  ['a huge quantity', `{"product_id":"${randomUUID()}","quantity":99999999999999999999}`, 400],
  ['a fraction', `{"product_id":"${randomUUID()}","quantity":1.5}`, 400],
  ['an exponent', `{"product_id":"${randomUUID()}","quantity":1e2}`, 400],
  ['infinity', `{"product_id":"${randomUUID()}","quantity":1e999}`, 400],
  ['a text for a number', `{"product_id":"${randomUUID()}","quantity":"1"}`, 400],
  ['a bad id', '{"product_id":"1; DROP TABLE products","quantity":1}', 400],
  ['a NUL', `{"product_id":"\\u0000","quantity":1}`, 400],
  ['half a surrogate', `{"product_id":"\\ud800","quantity":1}`, 400],
  ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
  ['a byte order mark', '\ufeff{}', 400],
];
for (const [kind, body, status] of bodies)
  test(`a cart line made of ${kind} is refused`, async () => {
    const shopper = await Shopper.arrive();
    for (const base of [url('cart'), api()]) {
      const response = await fetch(`${base}/cart/${shopper.id}/items`, {
        method: 'POST', body,
        headers: { authorization: `Bearer ${shopper.token}`, 'content-type': 'application/json' },
      });
      const text = await response.text();
      is_problem({ status: response.status, headers: response.headers, text, body: JSON.parse(text) }, status);
    }
    expect((await shopper.cart()).lines).toEqual([]);
  });

test('other content types, oversized bodies and headers are refused', async () => {
  const shopper = await Shopper.arrive();
  const send = (body: string, headers: Record<string, string>, base = url('cart')) =>
    call('POST', `${base}/cart/${shopper.id}/items`, body, { authorization: `Bearer ${shopper.token}`, ...headers });
  is_problem(await send('<a/>', { 'content-type': 'application/xml' }), 415);
  for (const base of [url('cart'), api()]) {
    is_problem(await send(`{"x":"${'y'.repeat(3_000_000)}"}`, {}, base), 413);
    const long = await send('{}', { 'x-long': 'z'.repeat(70_000) }, base).catch(() => undefined);
    if (long) expect([400, 431]).toContain(long.status);
  }
});

// Ids that no product has; fixed, since test names must not change.
const nobody = '00000000-0000-7000-8000-000000000001';
const many = Array.from({ length: 101 }, (_, i) => nobody.slice(0, -3) + String(i).padStart(3, '0')).join(',');

const targets: [string, number][] = [
  ['/products?limit=0', 400], ['/products?limit=1000000', 400], ['/products?limit=ten', 400],
  ['/products?cursor=nonsense', 400], ['/products?sort=sideways', 400], ['/products?min_price=-1', 400],
  ['/products?min_price=9&max_price=1', 400], ['/products?colour=red', 400], ['/products?search=%ff%fe', 400],
  ['/products?search=%00', 400], ['/products?search=%zz', 400], [`/products?search=${'x'.repeat(3000)}`, 400],
  ['/products?limit=1&limit=2', 400], ['/products?ids=nope', 400],
  [`/products?ids=${many}`, 400],
  [`/products/${nobody}`, 404], ['/products/no-such-slug', 404],
  [`/inventory/${nobody}`, 404], ['/inventory/nonsense', 400], ['/inventory?ids=x', 400],
];
for (const [target, status] of targets)
  test(`GET ${target.slice(0, 60)} is ${status}`, async () => {
    is_problem(await call('GET', api() + target), status);
  });

test('a cursor of one list is no cursor of another', async () => {
  const page = await call('GET', `${api()}/products?limit=1`);
  expect(page.body.next_cursor).toBeTruthy();
  const cursor = encodeURIComponent(page.body.next_cursor);
  expect((await call('GET', `${api()}/products?limit=1&cursor=${cursor}`)).status).toBe(200);
  is_problem(await call('GET', `${api()}/products?limit=1&sort=price_asc&cursor=${cursor}`), 400);
  is_problem(await call('GET', `${api()}/products?limit=1&search=tea&cursor=${cursor}`), 400);
});

test('products: every rule has its message', async () => {
  const admin = await Admin.signed_in();
  const good = { sku: `B-${randomUUID()}`, name: 'Bowl', description: 'A bowl.', categories: ['Tests/Bowls'], price_minor: 100, currency: 'USD', attributes: {}, quantity: 0 };
  for (const [change, field] of [
    [{ sku: '' }, '/sku'], [{ name: 'x'.repeat(5000) }, '/name'], [{ price_minor: -1 }, '/price_minor'],
    [{ price_minor: 1_000_000_001 }, '/price_minor'], [{ price_minor: 9.99 }, '/price_minor'],
    [{ quantity: -5 }, '/quantity'], [{ quantity: 9e18 }, '/quantity'], [{ currency: 'XXXX' }, '/currency'],
    [{ categories: 'Tests' }, '/categories'], [{ attributes: { color: 7 } }, '/attributes/color'],
  ] as [object, string][])
    is_problem(await admin.send('POST', '/products', { ...good, ...change }), 400, field);
  const lamp = await admin.product(0);
  is_problem(await admin.send('PATCH', `/products/${lamp.id}`, { name: 'x' }), 428);
  is_problem(await admin.send('PATCH', `/products/${lamp.id}`, { name: 'x' }, { 'if-match': '"nope"' }), 412);
  const again = await admin.send('POST', '/products', { ...good, sku: lamp.sku });
  is_problem(again, 409);
});

test('an import reports bad lines by number and takes the others', async () => {
  const admin = await Admin.signed_in();
  const tag = randomUUID().slice(0, 8);
  const line = (n: number, more: object = {}) => JSON.stringify({
    sku: `I-${tag}-${n}`, name: `Imported ${n}`, description: 'x', categories: ['Tests/Import'],
    price_minor: 100, currency: 'USD', quantity: 3, attributes: { size: ['S', 'M'], color: 'Red' }, ...more,
  });
  const text = [line(1), 'not json', line(2), line(3, { price_minor: -1 }), line(4, { quantity: 1.5, currency: 'zz' }),
    '', line(5, { variant_of: 'no-such-parent' }), line(6)].join('\n');
  const answer = await admin.send('POST', '/products/import', text, { 'content-type': 'application/x-ndjson' });
  expect(answer.status, answer.text).toBe(200);
  expect(answer.body).toMatchObject({ created: 3, failed: 4 });
  expect(answer.body.errors.map((e: any) => e.line)).toEqual([2, 4, 5, 7]);
  const twice = await admin.send('POST', '/products/import', text, { 'content-type': 'application/x-ndjson' });
  expect(twice.body).toMatchObject({ created: 0, updated: 0, unchanged: 3, failed: 4 });
});

// What HTTP libraries refuse to send.
function raw(to: number, bytes: string | Buffer): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(to, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setTimeout(15_000, () => socket.destroy());
    socket.on('data', (d) => (text += d.toString('latin1')));
    socket.on('close', () => done(text));
    socket.on('error', failed);
  });
}
const smuggled = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
const requests: [string, string][] = [
  ['two lengths', `POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\nConnection: close\r\n\r\n{}${smuggled}`],
  ['two equal lengths', 'POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'],
  ['a list of lengths', 'POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\nConnection: close\r\n\r\n{}'],
  ['length and chunks', `POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n${smuggled}`],
  ['chunks and length', `POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\nConnection: close\r\n\r\n0\r\n\r\n${smuggled}`],
  ['a negative length', 'POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nConnection: close\r\n\r\n'],
  ['a signed length', 'POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\nConnection: close\r\n\r\n{}'],
  ['an unknown transfer encoding', 'POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked, x\r\nConnection: close\r\n\r\n0\r\n\r\n'],
  ['a bad chunk', 'POST /session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n'],
  ['a space before the colon', 'GET /products HTTP/1.1\r\nHost : x\r\nConnection: close\r\n\r\n'],
  ['a NUL in a header', 'GET /products HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\nConnection: close\r\n\r\n'],
  ['no such method', 'BREW /products HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ['no HTTP', 'hello\r\n\r\n'],
  ['a version from the future', 'GET /products HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n'],
];
for (const [kind, bytes] of requests)
  test(`a request with ${kind} is refused`, async () => {
    for (const to of [...services.map((s) => port(s)), port('gateway')]) {
      const text = await raw(to, to === port('gateway') ? bytes.replace(' /', ' /api/') : bytes);
      const answers = text.match(/HTTP\/1\.[01] \d{3}/g) ?? [];
      expect(answers.length, `${to}: ${text.slice(0, 300)}`).toBeLessThanOrEqual(1);
      // Not a word is an answer, too: the connection is closed.
      if (answers.length) expect(answers[0], `${to}: ${text.slice(0, 300)}`).toMatch(/ (4\d\d|501|505)$/);
    }
  });
