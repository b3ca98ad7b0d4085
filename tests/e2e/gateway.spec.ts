import { gunzipSync } from 'node:zlib';
import { get } from 'node:http';
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Admin, Shopper, call } from './support/shop.ts';
import { api, origin, port, root, services, souk, stack, until, url } from './support/stack.ts';

test('the gateway adds what a browser and an operator need', async () => {
  const answer = await call('GET', `${api()}/products?limit=3`, undefined, { 'x-request-id': 'mine; DROP' });
  expect(answer.status).toBe(200);
  for (const [name, value] of [
    ['x-content-type-options', 'nosniff'], ['referrer-policy', /./], ['content-security-policy', /./],
    ['x-request-id', /^[A-Za-z0-9-]{16,64}$/],
  ] as const) expect(answer.headers.get(name) ?? '', name).toMatch(value);
  expect(answer.headers.get('server') ?? '').not.toMatch(/\d/);
});

test('every problem answer names its trace, whoever gives it', async () => {
  for (const [what, path] of [['the gateway', '/api/nothing'], ['a service', '/api/products/no-such-product']] as const) {
    const answer = await call('GET', `${origin()}${path}`);
    expect(answer.status, what).toBe(404);
    expect(answer.body.trace_id, what).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.headers.get('x-request-id'), what).toBe(answer.body.trace_id);
  }
});

test('a shopper stays in one bucket, however the session is said and prolonged', async () => {
  const first = await call('POST', `${api()}/session`);
  const token: string = first.body.token;
  await new Promise((done) => setTimeout(done, 1_100)); // a token knows whole seconds only
  const prolonged: string = (await call('POST', `${api()}/session`, undefined, { authorization: `Bearer ${token}` })).body.token;
  expect(prolonged.split('.')[1]).not.toBe(token.split('.')[1]);
  const instance = /souk_[a-z0-9_]+_shopper/.exec(first.headers.get('set-cookie') ?? '')![0];
  const log = () => readFileSync(`${stack().state}/logs/gateway-access.log`, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
  const bucket = async (headers: Record<string, string>) => {
    const id = (await call('GET', `${api()}/categories`, undefined, headers)).headers.get('x-request-id');
    return (await until('the line of the access log', 10_000, async () => log().find((l) => l.request_id === id))).bucket;
  };
  const mine = await bucket({ authorization: `Bearer ${token}` });
  expect(mine).toMatch(/^[0-9]{2}$/);
  expect(await bucket({ authorization: `Bearer ${prolonged}` })).toBe(mine);
  expect(await bucket({ cookie: `${instance}=${token}` })).toBe(mine);
  expect(await bucket({ cookie: `a=b; ${instance}=${prolonged}` })).toBe(mine);
  expect(await bucket({ authorization: `Bearer ${token}`, 'x-souk-bucket': mine === '07' ? '08' : '07' })).toBe(mine);
  expect(await bucket({ 'x-souk-bucket': '07' })).toBe('');
  if (process.env.SOUK_E2E_STORE) return; // has its own testers, or none
  expect(await bucket({ authorization: `Bearer ${token}`, 'souk-tester': 'early-bird' })).toBe('test');
  expect(await bucket({ cookie: 'souk_tester=early-bird' })).toBe('test');
  expect(await bucket({ 'souk-tester': 'somebody' })).toBe('');
});

test('answers are compressed for those who ask', async () => {
  const body = await new Promise<Buffer>((done, failed) => {
    get(`${api()}/products?limit=24`, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      expect(response.headers['content-encoding']).toBe('gzip');
      const pieces: Buffer[] = [];
      response.on('data', (p) => pieces.push(p)).on('end', () => done(Buffer.concat(pieces)));
    }).on('error', failed);
  });
  expect(JSON.parse(gunzipSync(body).toString()).items.length).toBe(24);
});

test('an ETag saves the second answer', async () => {
  const first = await call('GET', `${api()}/products?limit=1`);
  const id = first.body.items[0].id;
  const product = await call('GET', `${api()}/products/${id}`);
  const tag = product.headers.get('etag')!;
  expect(tag).toBeTruthy();
  const second = await call('GET', `${api()}/products/${id}`, undefined, { 'if-none-match': tag });
  expect(second.status).toBe(304);
  expect(second.text).toBe('');
});

test('API documentation for all five services', async () => {
  const page = await call('GET', `${origin()}/docs/`);
  expect(page.status).toBe(200);
  expect(page.text).toContain('swagger-ui');
  for (const service of services) {
    const document = await call('GET', `${origin()}/docs/${service}/openapi.json`);
    expect(document.status, service).toBe(200);
    expect(document.body.openapi).toMatch(/^3\.1\./);
    expect(JSON.stringify(document.body).match(/"#\/components\/schemas\/[^"]+"/g)?.every((ref) =>
      JSON.parse(ref).split('/').pop() in document.body.components.schemas) ?? true).toBe(true);
  }
});

test('the system rows: health for all, the rest for administrators', async () => {
  const version = readFileSync(`${root}/VERSION`, 'utf8').trim();
  const health = await call('GET', `${api()}/system/health`);
  expect(health.status).toBe(200);
  const text = JSON.stringify(health.body);
  for (const service of services) expect(text).toContain(service);
  expect(text).toContain(version);
  expect((await call('GET', `${api()}/system/metrics/requests`)).status).toBe(401);
  const shopper = await Shopper.arrive();
  expect((await shopper.send('GET', '/system/metrics/requests')).status).toBe(403);
  const admin = await Admin.signed_in();
  expect((await admin.send('GET', '/system/metrics/up%7B%7D')).status).toBe(404);
});

test('pictures and pages are served', async () => {
  expect((await call('GET', `${origin()}/`)).status).toBe(200);
  const page = await call('GET', `${api()}/products?limit=24`);
  const pictured = page.body.items.filter((p: any) => p.image);
  expect(pictured.length).toBeGreaterThan(20);
  for (const product of pictured.slice(0, 5)) {
    const picture = await call('GET', origin() + product.image);
    expect(picture.status, product.image).toBe(200);
    expect(picture.headers.get('content-type')).toContain('svg');
    expect(picture.headers.get('cache-control')).toMatch(/max-age=\d{4,}/);
  }
});

test('the metrics have their names, and labels of a small set', async () => {
  for (const service of services) {
    const metrics = (await call('GET', `${url(service)}/metrics`)).text;
    for (const name of ['http_server_request_duration_seconds_bucket', 'souk_build_info', 'process_resident_memory_bytes'])
      expect(metrics, service).toContain(name);
    expect(metrics).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-7/); // an id in a label
  }
});

test('the shared catalogue imports twice with the same result, is searched and bought from', async () => {
  test.slow();
  const file = `${root}/../shared/data/apparel-catalog.jsonl`;
  let text: string;
  try { text = readFileSync(file, 'utf8'); } catch { text = readFileSync(`${root}/app/product-service/catalog/souk-catalog.jsonl`, 'utf8'); }
  const lines = text.trim().split('\n').length;
  const admin = await Admin.signed_in();
  const send = () => admin.send('POST', '/products/import', text, { 'content-type': 'application/x-ndjson' });
  const first = await send();
  expect(first.body.failed, first.text.slice(0, 500)).toBe(0);
  expect(first.body.created + first.body.updated + first.body.unchanged).toBe(lines);
  const second = await send();
  expect(second.body).toMatchObject({ created: 0, updated: 0, unchanged: lines, failed: 0 });
  expect(souk('status').status).toBe(0);
  expect(port('gateway')).toBeGreaterThan(0);
});
