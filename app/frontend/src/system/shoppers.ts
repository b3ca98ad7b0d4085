// Shoppers who live in this browser for a few seconds: each has a session of its own, by token, so
// that the visitor's cart and cookie are left alone.

import type { ServiceName } from '../api/types';

export const runSeconds = 20;
export const shoppersAtOnce = 6;

export type Phase = 'idle' | 'running' | 'leaving' | 'done';

export interface Tally {
  phase: Phase;
  // Milliseconds since the first one came.
  elapsed: number;
  shoppers: number;
  requests: number;
  confirmed: number;
  declined: number;
  soldOut: number;
  cancelled: number;
  // Orders still under way when their shopper left.
  pending: number;
  errors: number;
  // Told to wait by the gateway.
  limited: number;
  rate: number;
  p50: number | undefined;
  p99: number | undefined;
  byService: Record<ServiceName, number>;
  lastError: string | undefined;
}

export const cards = [
  { number: '4242424242424242', share: 0.74 },
  { number: '4000000000000002', share: 0.13 },
  { number: '4000000000009995', share: 0.13 },
] as const;

const searches = ['lamp', 'tea', 'book', 'garden', 'coffee', 'gift', 'red', 'wool', 'game', 'box'];
const sorts = ['featured', 'newest', 'price_asc', 'price_desc', 'name'];
const people = ['Amira Haddad', 'Jonas Weber', 'Lucía Fernández', 'Kofi Mensah', 'Yuki Tanaka', 'Noor van Dijk'];
const towns = [
  { line1: '12 Lantern Lane', city: 'Lisbon', postal_code: '1100-038', country: 'PT' },
  { line1: 'Gasse 4', city: 'Vienna', postal_code: '1010', country: 'AT' },
  { line1: '8 Rue des Tanneurs', city: 'Lyon', postal_code: '69001', country: 'FR' },
];

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;

export function serviceOf(path: string): ServiceName {
  if (/^\/(session|cart)/.test(path)) return 'cart';
  if (/^\/orders/.test(path)) return 'order';
  if (/^\/payments/.test(path)) return 'payment';
  if (/^\/inventory/.test(path)) return 'inventory';
  return 'product';
}

export function quantile(sorted: readonly number[], q: number): number | undefined {
  return sorted.length === 0 ? undefined : sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}

// Requests a second, over the last moments rather than since the beginning.
const window = 3000;

interface Answer { status: number; body: any; wait: number }

// What they have done so far; the timings of the latest requests only, so that it stays small.
class Book {
  requests = 0;
  counts = { shoppers: 0, confirmed: 0, declined: 0, soldOut: 0, cancelled: 0, pending: 0, errors: 0, limited: 0 };
  lastError: string | undefined;
  private durations: number[] = [];
  private recent: { at: number; service: ServiceName }[] = [];
  readonly began = performance.now();

  note(service: ServiceName, took: number) {
    ++this.requests;
    this.durations.push(took);
    if (this.durations.length > 2000) this.durations.shift();
    this.recent.push({ at: performance.now(), service });
  }

  tally(phase: Phase): Tally {
    const now = performance.now();
    this.recent = this.recent.filter((r) => now - r.at < window);
    const over = Math.min(window, Math.max(500, now - this.began)) / 1000;
    const of = (s: ServiceName) => this.recent.filter((r) => r.service === s).length / over;
    const sorted = [...this.durations].sort((a, b) => a - b);
    return {
      phase, elapsed: now - this.began, ...this.counts, requests: this.requests, lastError: this.lastError,
      rate: this.recent.length / over,
      p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99),
      byService: { product: of('product'), cart: of('cart'), order: of('order'), payment: of('payment'), inventory: of('inventory') },
    };
  }
}

class Left extends Error {}

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

class Shopper {
  private token = '';
  private id = '';

  constructor(private readonly book: Book, private readonly stop: AbortSignal, private readonly open: () => boolean) {}

  private wait(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.stop.aborted) return reject(new Left());
      const left = () => { clearTimeout(timer); reject(new Left()); };
      const timer = setTimeout(() => { this.stop.removeEventListener('abort', left); resolve(); }, ms);
      this.stop.addEventListener('abort', left, { once: true });
    });
  }

  // A look at the page before the next click.
  private look = () => this.wait(120 + Math.random() * 380);

  private async send(method: string, path: string, body?: unknown, key?: string): Promise<Answer> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (key) headers['idempotency-key'] = key;
    const began = performance.now();
    let response: Response, answer: any;
    try {
      response = await fetch(`/api${path}`, {
        method, headers, body: body === undefined ? null : JSON.stringify(body), credentials: 'omit', cache: 'no-store',
        signal: AbortSignal.any([this.stop, AbortSignal.timeout(20_000)]),
      });
      answer = await response.json().catch(() => undefined);
    } catch {
      if (this.stop.aborted) throw new Left();
      this.book.note(serviceOf(path), performance.now() - began);
      this.failed('No answer came.');
      return { status: 0, body: undefined, wait: 0 };
    }
    this.book.note(serviceOf(path), performance.now() - began);
    if (response.status >= 500) this.failed(String(answer?.title ?? `Status ${response.status}`));
    if (response.status === 429) ++this.book.counts.limited;
    return { status: response.status, body: answer, wait: Number(response.headers.get('retry-after')) || 0 };
  }

  private failed(what: string) {
    ++this.book.counts.errors;
    this.book.lastError = what;
  }

  async visit(): Promise<void> {
    const session = await this.send('POST', '/session');
    if (session.status >= 300 || !session.body?.token) return this.wait(Math.min(5, session.wait || 1) * 1000);
    ++this.book.counts.shoppers;
    this.token = session.body.token;
    this.id = session.body.user_id;
    const wanted = await this.browse();
    if (!wanted) return;
    const added = await this.send('POST', `/cart/${this.id}/items`, { product_id: wanted, quantity: Math.random() < 0.8 ? 1 : 2 });
    await this.look();
    // One in seven only looks.
    if (added.status !== 200 || Math.random() < 1 / 7 || !this.open()) return;
    await this.checkOut();
  }

  // A product or variant that can be bought.
  private async browse(): Promise<string | undefined> {
    const text = pick(searches);
    if (Math.random() < 0.5) {
      await this.send('GET', `/products/suggest?q=${text}`);
      await this.look();
    }
    const list = await this.send('GET', Math.random() < 0.4 ? `/products?search=${text}&limit=24` : `/products?sort=${pick(sorts)}&limit=48`);
    await this.look();
    const items = ((list.body?.items ?? []) as any[]).filter((p) => (p.available ?? 0) > 0);
    if (items.length === 0) return undefined;
    const chosen = await this.send('GET', `/products/${encodeURIComponent(pick(items).slug)}`);
    await this.look();
    if (chosen.status !== 200) return undefined;
    const variants = ((chosen.body.variants ?? []) as any[]).filter((v) => (v.available ?? 0) > 0);
    return chosen.body.variants_count > 0 ? pick(variants)?.id : chosen.body.id;
  }

  private async checkOut(): Promise<void> {
    const chance = Math.random();
    let below = 0;
    const card = cards.find((c) => chance < (below += c.share)) ?? cards[0];
    const order = await this.pay(card.number);
    if (order === 'declined' && Math.random() < 0.5) {
      await this.look();
      if (this.open()) await this.pay(cards[0].number);
    } else if (order && order !== 'declined' && Math.random() < 0.25) {
      // Some change their mind, which the saga undoes.
      await this.look();
      const answer = await this.send('POST', `/orders/${order}/cancel`);
      if (answer.status >= 200 && answer.status < 300) ++this.book.counts.cancelled;
    }
  }

  // The confirmed order's id.
  private async pay(number: string): Promise<string | 'declined' | undefined> {
    const name = pick(people);
    const cart = await this.send('GET', `/cart/${this.id}`);
    if (cart.status !== 200 || !cart.body?.buyable) return undefined;
    const token = await this.send('POST', '/payments/tokens', {
      number, exp_month: 12, exp_year: new Date().getFullYear() + 2, cvc: '123', name,
    });
    if (token.status !== 201) return undefined;
    const body = {
      cart_revision: cart.body.revision, expected_total_minor: cart.body.total_minor, currency: cart.body.currency,
      payment_token: token.body.payment_token, address: { name, ...pick(towns) },
    };
    const key = newKey();
    let placed = await this.send('POST', '/orders', body, key);
    // The same wish under the same key: one order, whatever was lost.
    if (placed.status === 0 || placed.status === 503) {
      await this.wait(Math.min(3, placed.wait || 1) * 1000);
      placed = await this.send('POST', '/orders', body, key);
    }
    switch (placed.status) {
      case 201: ++this.book.counts.confirmed; return placed.body.id;
      case 202: return this.follow(placed.body.id);
      case 402: ++this.book.counts.declined; return 'declined';
      case 409: if (/out-of-stock|cart-changed/.test(placed.body?.type ?? '')) ++this.book.counts.soldOut; return undefined;
      default: return undefined;
    }
  }

  private async follow(id: string): Promise<string | undefined> {
    for (let i = 0; i < 8; ++i) {
      await this.wait(1000);
      const now = await this.send('GET', `/orders/${id}`);
      if (now.body?.state === 'confirmed') { ++this.book.counts.confirmed; return id; }
      if (now.body?.state === 'rejected') { ++this.book.counts.declined; return undefined; }
    }
    ++this.book.counts.pending;
    return undefined;
  }
}

// No new shopper comes after `seconds`, or after stop(); who is paying then may finish, for as long
// again at most.
export function sendShoppers(show: (tally: Tally) => void, seconds = runSeconds, atOnce = shoppersAtOnce) {
  const book = new Book();
  const gone = new AbortController();
  let phase: Phase = 'running';
  let silent = false;
  const closing = performance.now() + seconds * 1000;
  const open = () => phase === 'running' && performance.now() < closing;
  const stop = () => { if (phase === 'running') { phase = 'leaving'; show(book.tally(phase)); } };

  const timer = setInterval(() => {
    if (phase === 'running' && performance.now() >= closing) phase = 'leaving';
    show(book.tally(phase));
  }, 250);
  const last = setTimeout(() => gone.abort(), seconds * 2000);

  const visitors = async (after: number) => {
    await new Promise((resolve) => setTimeout(resolve, after));
    while (open() && !gone.signal.aborted) {
      const before = book.requests;
      try {
        await new Shopper(book, gone.signal, open).visit();
      } catch (error) {
        if (!(error instanceof Left)) throw error;
      }
      // With nothing answering, nobody rushes the door.
      await new Promise((resolve) => setTimeout(resolve, book.requests === before ? 1000 : 100));
    }
  };
  const finished = Promise.all(Array.from({ length: atOnce }, (_, i) => visitors(i * 150))).finally(() => {
    clearInterval(timer);
    clearTimeout(last);
    phase = 'done';
    if (!silent) show(book.tally(phase));
  });
  // At once, and nothing is shown any more: the page is gone.
  const end = () => { silent = true; phase = 'leaving'; clearInterval(timer); gone.abort(); };

  show(book.tally(phase));
  return { stop, end, finished };
}
