import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from './error';

type Answer = { status?: number; body?: unknown; headers?: Record<string, string> };

// The answers by "METHOD path", each used once, the last one for ever.
function serve(answers: Record<string, Answer[]>) {
  const asked: { what: string; headers: Record<string, string>; body: unknown }[] = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    const what = `${init.method} ${url}`;
    asked.push({ what, headers: (init.headers ?? {}) as Record<string, string>, body: init.body });
    const list = answers[what];
    if (!list) throw new Error(`not expected: ${what}`);
    const { status = 200, body = {}, headers } = list.length > 1 ? list.shift()! : list[0]!;
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
  });
  return asked;
}

const problem = (status: number, type: string, more = {}): Answer =>
  ({ status, body: { type: `/problems/${type}`, title: 'No', status, trace_id: 't-1', ...more } });

async function fresh(shopper?: string) {
  vi.resetModules();
  localStorage.clear();
  if (shopper) localStorage.setItem('souk.shopper', shopper);
  const { api, call, queryText } = await import('./client');
  return { api, call, queryText, errors: await import('./error'), session: await import('./session') };
}

describe('requests', () => {
  beforeEach(() => localStorage.clear());

  test('free maps and lists in a query', async () => {
    const { queryText } = await fresh();
    expect(queryText({ search: 'a b', brand: ['x', 'y'], attr: { size: ['M', 'L'] }, limit: 5, cursor: undefined }))
      .toBe('?search=a+b&brand=x&brand=y&attr.size=M&attr.size=L&limit=5');
    expect(queryText({})).toBe('');
  });

  test('a session begins when a cart is first wanted', async () => {
    const { api } = await fresh();
    const asked = serve({
      'POST /api/session': [{ status: 201, body: { user_id: 'u1' } }],
      'GET /api/cart/u1': [{ body: { lines: [] } }],
    });
    await api.get('/cart/{user_id}');
    await api.get('/cart/{user_id}');
    expect(asked.map((a) => a.what)).toEqual(['POST /api/session', 'GET /api/cart/u1', 'GET /api/cart/u1']);
  });

  test('an expired session is renewed once for all, and what was wanted is done in the new one', async () => {
    const { api, session } = await fresh('old');
    const changes: unknown[] = [];
    session.onSessionChange((change) => changes.push(change));
    const asked = serve({
      'POST /api/cart/old/items': [problem(401, 'unauthenticated')],
      'POST /api/session': [{ status: 201, body: { user_id: 'new' } }],
      'POST /api/cart/new/items': [{ body: { items_count: 2 } }],
    });
    const body = { product_id: 'p', quantity: 2 };
    const both = await Promise.all([api.post('/cart/{user_id}/items', { body }), api.post('/cart/{user_id}/items', { body })]);
    expect(both.map((c) => c.items_count)).toEqual([2, 2]);
    expect(asked.filter((a) => a.what === 'POST /api/session')).toHaveLength(1);
    expect(asked.at(-1)?.body).toBe(JSON.stringify(body));
    expect(changes).toEqual([{ before: 'old', now: 'new' }]);
  });

  test('a remembered shopper who is not the cookie\'s', async () => {
    const { api } = await fresh('other');
    serve({
      'GET /api/cart/other': [problem(404, 'not-found')],
      'POST /api/session': [{ body: { user_id: 'me' } }],
      'GET /api/cart/me': [{ body: { lines: [] } }],
    });
    await expect(api.get('/cart/{user_id}')).resolves.toEqual({ lines: [] });
  });

  test('an administrator\'s expired sign-in is not renewed', async () => {
    const { api } = await fresh();
    const asked = serve({ 'GET /api/audit': [problem(401, 'unauthenticated')] });
    await expect(api.get('/audit', { admin: true })).rejects.toMatchObject({ kind: 'signed-out' });
    expect(asked).toHaveLength(1);
    expect(asked[0]!.headers).toMatchObject({ 'souk-act-as': 'admin' });
  });

  test('a problem document becomes an error with all it says', async () => {
    const { api } = await fresh();
    serve({
      'GET /api/products?limit=0': [problem(400, 'bad-request', {
        detail: 'Wrong', errors: [{ parameter: 'limit', detail: 'too small' }], left: 3,
      })],
    });
    const error = await api.get('/products', { query: { limit: 0 } }).catch((e: unknown) => e) as ApiError;
    expect(error).toMatchObject({
      kind: 'invalid', type: 'bad-request', status: 400, detail: 'Wrong', traceId: 't-1', extensions: { left: 3 }, transient: false,
    });
    expect(error.field('limit')).toBe('too small');
  });

  test.each([[503, 'down', true], [504, 'timeout', true], [429, 'limited', true], [500, 'broken', false], [402, 'refused', false], [412, 'stale', false]])(
    'status %i is %s', async (status, kind, transient) => {
      const { api } = await fresh();
      serve({ 'GET /api/categories': [{ status, body: 'not a problem document', headers: { 'retry-after': '2' } }] });
      await expect(api.get('/categories')).rejects.toMatchObject({ kind, transient, retryAfter: 2 });
    });

  test('offline, unreachable, cancelled', async () => {
    const { api } = await fresh();
    const failing = (error: unknown) => vi.stubGlobal('fetch', () => Promise.reject(error));
    failing(new TypeError('Failed to fetch'));
    await expect(api.get('/categories')).rejects.toMatchObject({ kind: 'down' });
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    await expect(api.get('/categories')).rejects.toMatchObject({ kind: 'offline' });
    failing(new DOMException('slow', 'TimeoutError'));
    await expect(api.get('/categories')).rejects.toMatchObject({ kind: 'timeout' });
    failing(new DOMException('gone', 'AbortError'));
    await expect(api.get('/categories')).rejects.toMatchObject({ name: 'AbortError' });
  });
});

test('retries have a budget', async () => {
  const { RetryBudget } = await import('./query');
  let now = 0;
  const budget = new RetryBudget(2, 1000, () => now);
  expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
  now = 1000;
  expect([budget.take(), budget.take()]).toEqual([true, false]);
});
