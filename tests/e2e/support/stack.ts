import { mkdtempSync, readFileSync, readdirSync, writeFileSync, chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';

// The store that a test runs against, and the operator's hands on it. Each of Playwright's workers has
// a store of its own: what one stops, kills or starves, the other's tests do not see.

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
export const results = process.env.SOUK_TEST_RESULTS ?? `${root}/tests/results`;

export type Stack = { portBase: number; state: string };
const record = `${results}/stacks.json`;
export const saveStacks = (each: Stack[]) => writeFileSync(record, JSON.stringify(each));
export const savedStacks = (): Stack[] => JSON.parse(readFileSync(record, 'utf8'));
let cached: Stack | undefined;

// A store that runs already, as STATE_FOLDER:PORT_BASE, for writing tests; nothing is started then.
export function givenStack(): Stack | undefined {
  const given = process.env.SOUK_E2E_STORE?.match(/^(.+):(\d+)$/);
  return given ? { state: given[1], portBase: Number(given[2]) } : undefined;
}

// One for each core of a small machine.
export const workers = givenStack() ? 1 : 2;

export const stack = (): Stack => (cached ??= savedStacks()[Number(process.env.TEST_PARALLEL_INDEX ?? 0)]);

export function stateFolder(): string {
  const folder = mkdtempSync(`${tmpdir()}/souk-e2e-`);
  chmodSync(folder, 0o755); // as root, the store runs as another user
  return `${folder}/state`;
}

const free = (port: number) =>
  new Promise<boolean>((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });

export async function freePortBase(): Promise<number> {
  for (let base = 20_000; base < 32_000; base += 100) {
    const wanted = [1, 2, 3, 4, 5, 6, 54, 63, 88, 90].map((offset) => free(base + offset));
    if ((await Promise.all(wanted)).every(Boolean)) return base;
  }
  throw new Error('no free range of ports from 20000 to 32000');
}

const offsets = {
  product: 1, cart: 2, order: 3, payment: 4, inventory: 5, 'mock-gateway': 6,
  postgres: 54, redis: 63, gateway: 88, prometheus: 90,
} as const;
export type Part = keyof typeof offsets;
export const port = (part: Part) => stack().portBase + offsets[part];
export const url = (part: Part) => `http://127.0.0.1:${port(part)}`;
export const api = () => `${url('gateway')}/api`;
export const origin = () => url('gateway');
export const secret = (name: string) => readFileSync(`${stack().state}/secrets/${name}`, 'utf8').trim();
export const services = ['product', 'cart', 'order', 'payment', 'inventory'] as const;
export type Service = (typeof services)[number];
export const serviceCredential = (name: string) => `${name}:${secret(`service-${name}`)}`;

export function souk(...args: string[]) {
  const env = {
    ...process.env, SOUK_STATE: stack().state, SOUK_PORT_BASE: String(stack().portBase),
  };
  return spawnSync(`${root}/souk`, args, { env, encoding: 'utf8', timeout: 300_000 });
}

// The process ids of one of the store's programs, found by the path that it was started with: in a
// container not even root may see which file a process of another user runs.
export function pids(program: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] === `${stack().state}/bin/${program}`;
      } catch {
        return false;
      }
    })
    .map(Number);
}

// The server process of this store's PostgreSQL, not its children.
export function postmaster(): number {
  return Number(readFileSync(`${stack().state}/data/postgres/postmaster.pid`, 'utf8').split('\n')[0]);
}

// SQL as the superuser of the store's own PostgreSQL: for looking past the services.
export function sql(database: string, query: string): string[][] {
  const out = spawnSync('psql', ['-h', '127.0.0.1', '-p', String(port('postgres')), '-U', 'postgres',
    '-d', database, '-XAtqF', '\t', '-v', 'ON_ERROR_STOP=1', '-c', query], {
    encoding: 'utf8', env: { ...process.env, PGPASSWORD: secret('postgres-superuser') },
  });
  if (out.status !== 0) throw new Error(out.stderr);
  return out.stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
}

export const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

// Asks until `check` gives something, at most `ms` long.
export async function until<T>(what: string, ms: number, check: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const found = await check();
      if (found) return found as T;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}${last ? ` (${last})` : ''}`);
    await sleep(200);
  }
}
