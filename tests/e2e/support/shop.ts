import { randomUUID } from 'node:crypto';
import { expect } from '@playwright/test';
import { api, origin, secret, until } from './stack.ts';

// What shoppers and administrators do, in the API's own words.

export const cards = {
  approve: '4242424242424242',
  decline: '4000000000000002',
  insufficient: '4000000000009995',
  error: '4000000000000119',
  slow: '4000000000000077',
  noAnswer: '4000000000000341',
};

export const address = {
  name: 'Amira Haddad', line1: '12 Lantern Lane', city: 'Lisbon', postal_code: '1100-038', country: 'PT',
};

export type Answer = { status: number; body: any; headers: Headers; text: string };

export async function call(method: string, address: string, body?: unknown,
                           headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(address, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  let parsed: any;
  try { parsed = JSON.parse(text); } catch { parsed = undefined; }
  return { status: response.status, body: parsed, headers: response.headers, text };
}

class Signed {
  constructor(readonly token: string, readonly base: string = api()) {}
  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    return call(method, this.base + path, body, { authorization: `Bearer ${this.token}`, ...headers });
  }
}

export class Shopper extends Signed {
  constructor(token: string, readonly id: string) { super(token); }

  static async arrive(): Promise<Shopper> {
    const session = await call('POST', `${api()}/session`);
    expect(session.status, session.text).toBe(201);
    return new Shopper(session.body.token, session.body.user_id);
  }

  cart = async () => (await this.send('GET', `/cart/${this.id}`)).body;

  async add(product: string, quantity = 1) {
    const answer = await this.send('POST', `/cart/${this.id}/items`, { product_id: product, quantity });
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  }

  async token_for(card: string): Promise<string> {
    const answer = await this.send('POST', '/payments/tokens', {
      number: card, exp_month: 12, exp_year: new Date().getFullYear() + 2, cvc: '123', name: address.name,
    });
    expect(answer.status, answer.text).toBe(201);
    return answer.body.payment_token;
  }

  // The body of POST /orders for the cart as it is.
  async order_body(card = cards.approve, cart?: any) {
    cart ??= await this.cart();
    return {
      cart_revision: cart.revision, expected_total_minor: cart.total_minor, currency: cart.currency,
      payment_token: await this.token_for(card), address,
    };
  }

  order(body: unknown, key: string = randomUUID()) {
    return this.send('POST', '/orders', body, { 'idempotency-key': key });
  }

  async buy(product: string, quantity = 1, card = cards.approve, key: string = randomUUID()) {
    await this.add(product, quantity);
    return this.order(await this.order_body(card), key);
  }

  // Waits until the order is in one of the states.
  async settled(id: string, states: string[], ms = 30_000): Promise<any> {
    return until(`order ${id} in ${states.join(' or ')}`, ms, async () => {
      const answer = await this.send('GET', `/orders/${id}`);
      return answer.status === 200 && states.includes(answer.body.state) && answer.body;
    });
  }
}

export class Admin extends Signed {
  private static one?: Promise<Admin>;
  // One sign-in for each worker of the test run: attempts are limited.
  static signed_in(): Promise<Admin> {
    return (Admin.one ??= (async () => {
      const answer = await call('POST', `${api()}/session/admin`,
        { username: 'admin', password: secret('admin-password') }, { origin: origin() });
      expect(answer.status, answer.text).toBe(201);
      return new Admin(answer.body.token);
    })());
  }

  // A product of the test's own with stock, so that no other test shares it.
  async product(quantity: number, more: Record<string, unknown> = {}): Promise<any> {
    const tag = randomUUID().slice(0, 8).toUpperCase();
    const created = await this.send('POST', '/products', {
      sku: `T-${tag}`, name: `Test lamp ${tag}`, description: 'Made by a test.', categories: ['Tests/Lamps'],
      price_minor: 1250, currency: 'USD', attributes: { color: ['Brass'] }, quantity, ...more,
    });
    expect(created.status, created.text).toBe(201);
    if (quantity > 0) await this.stock_is(created.body.id, quantity);
    return created.body;
  }

  async stock(product: string): Promise<any> {
    return (await this.send('GET', `/inventory/${product}`)).body;
  }

  async stock_is(product: string, available: number, ms = 15_000) {
    await until(`${available} of ${product} available`, ms, async () =>
      (await this.stock(product))?.available === available);
  }

  async audit(): Promise<any> {
    // In flight is no violation; a quiet store has nothing in flight after a moment.
    return until('an audit with nothing in flight', 60_000, async () => {
      const answer = await this.send('GET', '/audit');
      expect(answer.status, answer.text).toBe(200);
      return answer.body.in_flight === 0 && answer.body;
    });
  }
}

// Reads server-sent events until `enough` says so or the stream ends.
export async function events(shopper: Shopper, order: string, enough: (e: any[]) => boolean,
                             last_id?: string, ms = 30_000): Promise<any[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ms);
  const seen: any[] = [];
  try {
    const response = await fetch(`${api()}/orders/${order}/events`, {
      headers: {
        authorization: `Bearer ${shopper.token}`, accept: 'text/event-stream',
        ...(last_id ? { 'last-event-id': last_id } : {}),
      },
      signal: stop.signal,
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let buffer = '';
    const decoder = new TextDecoder();
    for await (const piece of response.body as any) {
      buffer += decoder.decode(piece, { stream: true });
      for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
        const event: any = {};
        for (const line of buffer.slice(0, end).split('\n')) {
          const [, field, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
          if (field) event[field] = value;
        }
        if (event.data) seen.push({ ...event, data: JSON.parse(event.data) });
      }
      if (enough(seen)) break;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  return seen;
}
