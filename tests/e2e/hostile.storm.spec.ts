import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, test } from '@playwright/test';
import { Shopper, call } from './support/shop.ts';
import { api, port, serviceCredential, sleep, stack, until } from './support/stack.ts';

// Clients that mean harm, through nginx. Whatever bytes they send, a service sees the requests that
// nginx saw and no other, and nobody becomes a service.

// --- bytes on a connection ----------------------------------------------------------------------

type Heard = { text: string; closed: boolean };

// Sends the bytes and listens until the other side closes or has been silent for a while.
function raw(bytes: string, silence = 1_500, then?: (s: Socket) => void): Promise<Heard> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ port: port('gateway'), host: '127.0.0.1', allowHalfOpen: true }, () => {
      socket.write(Buffer.from(bytes, 'latin1'));
      then?.(socket);
    });
    const finish = (closed: boolean) => { socket.destroy(); done({ text, closed }); };
    socket.setTimeout(silence, () => finish(false));
    socket.on('data', (d) => (text += d.toString('latin1')));
    socket.on('end', () => finish(true));
    socket.on('error', () => finish(true));
  });
}
const statuses = (text: string) => (text.match(/HTTP\/1\.[01] (\d{3})/g) ?? []).map((s) => Number(s.slice(-3)));

// --- what each side has seen ----------------------------------------------------------------------

const watched = ['product', 'cart', 'order', 'payment'] as const; // inventory is asked by services, too
type Watched = (typeof watched)[number];
const logs = () => `${stack().state}/logs`;

class Witnesses {
  // Once what earlier tests asked is written down.
  static async called() {
    await sleep(2_000);
    return new Witnesses();
  }
  private constructor() {}
  private readonly files = { gateway: 'gateway-access.log', ...Object.fromEntries(watched.map((s) => [s, `${s}-service.log`])) };
  private readonly from = Object.fromEntries(Object.values(this.files).map((f) => [f, statSync(`${logs()}/${f}`).size]));

  private lines(file: string): any[] {
    const text = readFileSync(`${logs()}/${file}`).subarray(this.from[file]).toString('utf8');
    return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter(Boolean).map((l) => JSON.parse(l));
  }
  // Of nginx: those that it passed on to the service.
  passed(service: Watched): any[] {
    return this.lines(this.files.gateway).filter((l) => l.upstream?.endsWith(`:${port(service)}`));
  }
  seen(service: Watched): any[] {
    return this.lines((this.files as any)[service])
      .filter((l) => l.message === 'request' && !l.caller?.startsWith('service(')); // services ask each other
  }

  // Each request that a service saw is one that nginx passed on to it, by the same method, once.
  async agree() {
    await call('GET', `${api()}/products?limit=1`); // behind all others
    let problem = '';
    const good = await until('both sides agree', 15_000, async () => {
      problem = '';
      for (const service of watched) {
        const passed = new Map(this.passed(service).map((l) => [l.request_id, l]));
        const seen = this.seen(service);
        for (const s of seen) {
          const p = passed.get(s.request_id);
          if (!p) problem ||= `${service} saw ${s.method} ${s.route} (${s.request_id}), which nginx did not`;
          else if ((p.method === 'HEAD' ? 'GET' : p.method) !== s.method && s.method !== '_OTHER')
            problem ||= `${service} saw ${s.method}, nginx ${p.method}`;
        }
        if (new Set(seen.map((s) => s.request_id)).size !== seen.length) problem ||= `${service} saw a request twice`;
        if (seen.filter((l) => l.status < 400).length < this.passed(service).filter((l) => l.status < 400).length)
          problem ||= `${service} did not see all that nginx passed on`;
      }
      return problem === '';
    }).catch(() => false);
    expect(good, problem).toBe(true);
    return { passed: this.passed('product').length + this.passed('cart').length };
  }
}

// --- smuggling ------------------------------------------------------------------------------------

const hidden = 'GET /api/products?limit=1 HTTP/1.1\r\nHost: x\r\nUser-Agent: hidden\r\n\r\n';
const inner = 'GET /books HTTP/1.1\r\nHost: x\r\nX-Request-Id: hidden\r\n\r\n'; // as a service has it

// Parts that are put together at random: each is right alone or wrong in one way.
const framings = [
  '', 'Content-Length: 0\r\n', 'Content-Length: 5\r\n', 'Content-Length: 5\r\nContent-Length: 0\r\n',
  'Content-Length: 05\r\n', 'Content-Length: +5\r\n', 'Content-Length: 5, 5\r\n', 'Content-Length:\r\n 5\r\n',
  'Content-Length : 5\r\n', 'Content_Length: 5\r\n', 'Content-Length: 5\x0b\r\n', 'Content-Length: 0x5\r\n',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n',
  'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n',
  'Transfer-Encoding: identity, chunked\r\n', 'Transfer-Encoding: xchunked\r\n', 'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding:\x0bchunked\r\n', 'Transfer-Encoding:\r\n chunked\r\n', ' Transfer-Encoding: chunked\r\n',
  'Transfer_Encoding: chunked\r\n', 'X: y\nTransfer-Encoding: chunked\r\n', 'X: y\rTransfer-Encoding: chunked\r\n',
  'Transfer-Encoding: "chunked"\r\n', 'Transfer-Encoding: chunked;q=1\r\n', 'TRANSFER-ENCODING: CHUNKED\r\n',
  'Expect: 100-continue\r\nContent-Length: 5\r\n', 'Connection: Content-Length\r\nContent-Length: 5\r\n',
  'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n',
];
const bodies = [
  '', 'hello', '{}', '0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', '5;a=b\r\nhello\r\n0\r\n\r\n', '5;a="\n"\r\nhello\r\n0\r\n\r\n', '5;\nhello\r\n0\r\n\r\n',
  '5\nhello\n0\n\n', '05\r\nhello\r\n00\r\n\r\n', 'fffffffffffffffb\r\nhello\r\n', '10000000000000005\r\nhello\r\n0\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n', '5 \r\nhello\r\n0\r\n\r\n',
  '0\r\nContent-Length: 100\r\n\r\n', `0\r\nSouk-Service: order:x\r\n\r\n`, '0\r\nX: y\r\n z\r\n\r\n', '0\r\n', '-5\r\nhello',
];
const lines = [
  'POST /api/session HTTP/1.1', 'GET /api/products?limit=1 HTTP/1.1', 'HEAD /api/products HTTP/1.1', 'GET http://other/api/products?limit=1 HTTP/1.1',
  'POST /api/products/import HTTP/1.1', 'POST /api/payments/tokens HTTP/1.1', 'DELETE /api/session HTTP/1.1', 'GET /api/products HTTP/1.0',
  'GET /api/products\x09HTTP/1.1', 'GET /api/products?a=\x00 HTTP/1.1', 'GET  /api/products HTTP/1.1', 'get /api/products HTTP/1.1', 'GET /api/products', 'GET /api/products HTTP/1.1 ',
  'CONNECT x:80 HTTP/1.1', 'OPTIONS * HTTP/1.1', 'PRI * HTTP/2.0', 'GET /api/%2e%2e/books HTTP/1.1', 'GET /api/products%0d%0aX:%20y HTTP/1.1', 'GET /api/products?x=%20HTTP/1.1%0d%0aX:y HTTP/1.1',
];
const fields = [
  '', 'X-Request-Id: hidden\r\n', 'Souk_Service: order:x\r\n', 'Content-Type: application/json\r\n', 'X\x00: y\r\n', 'X: \x00\r\n', `X: ${'a'.repeat(7_000)}\r\n`,
  'Host: y\r\n', ': y\r\n', 'no colon\r\n', 'X-\xe4: y\r\n', 'Range: bytes=0-1,1-2\r\n', 'Connection: keep-alive, close\r\n', 'X-Souk-Bucket: 07\r\n', 'traceparent: 00-00000000000000000000000000000000-0000000000000000-00\r\n',
];

// Small and the same everywhere.
function dice(seed: number) {
  let state = seed >>> 0;
  return (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test('whatever bytes are sent, services see the requests that nginx saw, and no other', async () => {
  test.setTimeout(240_000);
  const seed = Number(process.env.HOSTILE_SEED ?? 1);
  const roll = dice(seed);
  const pick = <T>(list: T[]) => list[roll(list.length)];
  const attacks: string[] = [];
  const head = (line: string, more: string) => `${line}\r\nHost: x\r\n${more}\r\n`;
  // Each framing and each body at least once, the rest at random.
  for (const framing of framings) attacks.push(head(lines[0], framing) + 'hello' + hidden + inner);
  for (const body of bodies) attacks.push(head(lines[0], 'Transfer-Encoding: chunked\r\n') + body + inner + hidden);
  for (const line of lines) attacks.push(head(line, '') + hidden);
  while (attacks.length < 500) {
    let bytes = '';
    for (let n = 1 + roll(3); n > 0; --n) bytes += head(pick(lines), pick(fields) + pick(framings) + pick(fields)) + pick(bodies);
    bytes += pick([hidden, inner, hidden + inner, '']);
    if (roll(4) === 0) bytes = bytes.slice(0, roll(bytes.length));
    attacks.push(bytes);
  }
  const witnesses = await Witnesses.called();
  let next = 0;
  await Promise.all(Array.from({ length: 24 }, async () => {
    while (next < attacks.length) await raw(attacks[next++], 400);
  }));
  const { passed } = await witnesses.agree();
  expect(passed, `seed ${seed}`).toBeGreaterThan(100);
});

test('what is pipelined is answered in order, and nothing behind a bad request', async () => {
  const witnesses = await Witnesses.called();
  const ask = (n: number, more = '') => `GET /api/products?limit=${n} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const good = await raw(ask(1) + ask(0) + ask(2) + ask(3, 'Connection: close\r\n'), 10_000);
  expect(statuses(good.text)).toEqual([200, 400, 200, 200]);
  const bad = await raw(ask(1) + 'GET /api/products HTTP/1.1\r\nHost : x\r\n\r\n' + ask(2), 10_000);
  expect(statuses(bad.text)).toEqual([200, 400]);
  await witnesses.agree();
});

test('nobody becomes a service through the gateway, in whatever way it is said', async () => {
  const credential = serviceCredential('order');
  // Without the gateway it opens the books.
  expect((await call('GET', `http://127.0.0.1:${port('product')}/books?limit=1`, undefined, { 'souk-service': credential })).status).toBe(200);
  const said = [
    `Souk-Service: ${credential}`, `souk-service: ${credential}`, `SOUK-SERVICE:${credential}`, `Souk-Service:\t${credential}`,
    `Souk_Service: ${credential}`, `souk_service: ${credential}`, `Souk-Service: x\r\nSouk-Service: ${credential}`,
    `Souk-Service:\r\n ${credential}`, `Souk-Service : ${credential}`, ` Souk-Service: ${credential}`, `X: y\nSouk-Service: ${credential}`,
    `X: y\rSouk-Service: ${credential}`, `X: y\r\n Souk-Service: ${credential}`, `Connection: Souk-Service\r\nSouk-Service: ${credential}`,
    `X: \x00\r\nSouk-Service: ${credential}`, `Authorization: Souk-Service ${credential}`, `Cookie: Souk-Service=${credential}`,
    `Souk-Service\x00: ${credential}`, `Proxy-Connection: x\r\nX-Forwarded-Host: x\r\nSouk-Service: ${credential}`,
  ];
  for (const field of said)
    for (const way of [
      `GET /api/books/product?limit=1 HTTP/1.1\r\nHost: x\r\n${field}\r\nConnection: close\r\n\r\n`,
      `GET /api/books/product?limit=1 HTTP/1.0\r\n${field}\r\n\r\n`,
      `POST /api/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${field}\r\n\r\nGET /api/books/product?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    ]) {
      const { text } = await raw(way, 3_000);
      expect(text, field).not.toMatch(/"product_id"/);
      expect(statuses(text).filter((s) => s === 200), field).toEqual([]);
    }
  const witnesses = await Witnesses.called();
  await call('GET', `${api()}/books/product?limit=1`, undefined, { 'souk-service': credential });
  await until('the line', 10_000, async () => witnesses.seen('product').some((l) => l.route === '/books'));
  for (const line of witnesses.seen('product').filter((l) => l.route === '/books')) expect(line.caller).toBe('nobody');
});

// --- slow, silent and rude ------------------------------------------------------------------------

async function longest_wait(calls: number): Promise<number> {
  let longest = 0;
  for (let i = 0; i < calls; ++i) {
    const begin = Date.now();
    expect((await call('GET', `${api()}/products?limit=1`)).status).toBe(200);
    longest = Math.max(longest, Date.now() - begin);
  }
  return longest;
}

test('slow heads and bodies, silence and resets hold up nobody', async () => {
  test.setTimeout(120_000);
  const sockets: Socket[] = [];
  const open = (first: string) => {
    const socket = connect(port('gateway'), '127.0.0.1', () => socket.write(first));
    socket.on('error', () => undefined).on('data', () => undefined);
    sockets.push(socket);
    return socket;
  };
  const dripping: Socket[] = [], ended = new Set<Socket>();
  for (let i = 0; i < 600; ++i) {
    const socket = open([
      'GET /api/products HTTP/1.1\r\nHost: x\r\nX-', // a head that goes on for ever
      'POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{', // a body, likewise
      '', // not a word
    ][i % 3]);
    if (i % 3 === 0) { dripping.push(socket); socket.on('close', () => ended.add(socket)); }
    if (i % 3 === 1) dripping.push(socket);
  }
  const drip = setInterval(() => { for (const s of dripping) if (!s.destroyed) s.write('a'); }, 250);
  try {
    expect(await longest_wait(40)).toBeLessThan(2_000);
    const shopper = await Shopper.arrive();
    expect((await shopper.cart()).lines).toEqual([]);
    // nginx gives a head ten seconds, however it drips.
    await until('slow heads are given up', 20_000, async () => ended.size === 200);
    for (const socket of sockets) socket.resetAndDestroy?.();
    expect(await longest_wait(20)).toBeLessThan(2_000);
  } finally {
    clearInterval(drip);
    for (const socket of sockets) socket.destroy();
  }
});

test('half-closed connections end, and what they asked for is executed at most once', async () => {
  const witnesses = await Witnesses.called();
  for (const bytes of [
    'GET /api/products?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /api/products?limit=1 HTTP/1.1\r\nHost: x\r\n',
    'POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n', 'POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{',
    'POST /api/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}', '',
  ]) {
    const heard = await raw(bytes, 30_000, (s) => s.end());
    expect(heard.closed, bytes).toBe(true);
  }
  await witnesses.agree();
});

test('who asks and never reads, and who sends too much, costs others nothing', async () => {
  test.setTimeout(90_000);
  const sockets: Socket[] = [];
  for (let i = 0; i < 100; ++i) {
    const socket = connect(port('gateway'), '127.0.0.1', () => {
      for (let n = 0; n < 100; ++n) socket.write('GET /api/products?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    socket.on('error', () => undefined).pause();
    sockets.push(socket);
  }
  const long = 'z'.repeat(100_000);
  const oversized = [
    `GET /api/products?${long} HTTP/1.1\r\nHost: x\r\n\r\n`, `GET /api/products HTTP/1.1\r\nHost: x\r\nX: ${long}\r\n\r\n`,
    `GET /api/products HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(10_000)}\r\n`, `GET /api/products HTTP/1.1\r\nHost: x\r\n${long}: y\r\n\r\n`,
    `POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{}`,
    `POST /api/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${'ffff\r\n' + 'a'.repeat(0xffff) + '\r\n'}`.repeat(1) + `ffffff\r\n${'a'.repeat(1_100_000)}`,
    `POST /api/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${long}\r\na\r\n0\r\n\r\n`,
  ];
  try {
    for (const bytes of oversized) {
      const { text } = await raw(bytes, 5_000);
      for (const status of statuses(text)) expect([200, 201, 400, 413, 414, 431, 494], bytes.slice(0, 80)).toContain(status);
    }
    await sleep(500);
    expect(await longest_wait(30)).toBeLessThan(2_000);
    const id = randomUUID();
    const after = await call('GET', `${api()}/products/${id}`);
    expect(after.status).toBe(404);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
