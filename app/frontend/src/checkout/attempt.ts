// One attempt to order: one idempotency key and one body, written down before they are sent, and
// sent unchanged until there is an answer that settles it. The service knows the key, so however
// often it is sent (by a reload, after a lost answer, once the network is back) it is one order.

import { signal } from '@preact/signals';
import { api, newIdempotencyKey, send } from '../api/client';
import { ApiError, networkError } from '../api/error';
import { knownUserId, renewSession, sessionUserId } from '../api/session';
import type { Address, Cart, Order, OrderSchemas } from '../api/types';
import { refreshCart } from '../cart/cart';
import { digitsOf, parseExpiry, type CardFields } from './card';
import { forgetCard } from './draft';

type NewOrder = OrderSchemas['new_order'];

export interface Attempt {
  key: string;
  // A NewOrder as text: with a payment token, never with a card.
  body: string;
  user: string;
  // What the shopper saw and agreed to.
  cart: Cart;
  card: { brand: string; last4: string };
  // The shopper's newest order before this one; empty if there was none, absent if not known.
  newest?: string;
  // This one's id, as soon as it is seen.
  order?: string;
  sent: number;
}

export type Outcome =
  // Also an order that is still under way: its page follows it from here on.
  | { kind: 'placed'; order: Order }
  // The order exists, and was rejected or cancelled.
  | { kind: 'undone'; order: Order; type: string }
  | { kind: 'changed'; attempt: Attempt; cart: Cart }
  | { kind: 'empty' }
  | { kind: 'already'; orderId: string }
  // The session in which it was begun is over.
  | { kind: 'session'; sent: boolean }
  | { kind: 'failed'; error: ApiError };

export interface Trouble {
  error: ApiError;
  tries: number;
  // When it is tried again (Date.now()); undefined while it is.
  again: number | undefined;
}

export type Phase =
  | { at: 'idle' }
  | { at: 'card'; cart: Cart; trouble?: Trouble }
  | { at: 'order'; attempt: Attempt; trouble?: Trouble };

export const phase = signal<Phase>({ at: 'idle' });
export const outcome = signal<Outcome | undefined>(undefined);

// ---------------------------------------------------------------------------------------------
// What is written down

const storageKey = 'souk.checkout.attempt';

function keep(attempt: Attempt): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(attempt));
  } catch {
    // Without storage an attempt lasts as long as the page.
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(storageKey);
  } catch {
    // Then there is none.
  }
}

export function unfinished(): Attempt | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(storageKey) ?? 'null') as Attempt | null;
    return kept && typeof kept.key === 'string' && typeof kept.body === 'string' ? kept : undefined;
  } catch {
    return undefined;
  }
}

// ---------------------------------------------------------------------------------------------
// What an answer means

export type Verdict =
  | { kind: 'settled'; outcome: Outcome }
  | { kind: 'again' }
  | { kind: 'signed-out' };

export function judge(attempt: Attempt, answer: { order: Order } | { error: ApiError }): Verdict {
  const settled = (found: Outcome): Verdict => ({ kind: 'settled', outcome: found });
  if ('order' in answer) return settled({ kind: 'placed', order: answer.order });
  const { error } = answer;
  const { order, cart, order_id } = error.extensions as { order?: Order; cart?: Cart; order_id?: string };
  if ((error.status === 402 || error.status === 409) && order) return settled({ kind: 'undone', order, type: error.type });
  if (error.type === 'already-ordered' && order_id) return settled({ kind: 'already', orderId: order_id });
  if (error.type === 'cart-empty') return settled({ kind: 'empty' });
  if (error.type === 'cart-changed' && cart) return settled({ kind: 'changed', attempt, cart });
  if (error.kind === 'signed-out') return { kind: 'signed-out' };
  // The answer tells nothing about the order: it may have been made.
  if (error.transient || error.kind === 'broken') return { kind: 'again' };
  return settled({ kind: 'failed', error });
}

const delays = [1000, 2000, 3000, 5000, 8000, 10_000];

export function delayAfter(tries: number, error: ApiError): number {
  const own = delays[Math.min(tries, delays.length) - 1] ?? delays[0]!;
  const wanted = Math.min((error.retryAfter ?? 0) * 1000, 30_000);
  return Math.max(own * (0.8 + 0.4 * Math.random()), wanted);
}

// ---------------------------------------------------------------------------------------------
// Doing it

let stopping = new AbortController();
let wake = () => {};

// Instead of waiting for the next try.
export const tryNow = () => wake();

function wait(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener('online', go);
      stop.removeEventListener('abort', go);
      done();
    };
    const timer = setTimeout(go, ms);
    addEventListener('online', go);
    stop.addEventListener('abort', go);
    wake = go;
  });
}

const asApiError = (thrown: unknown): ApiError => {
  const error = networkError(thrown);
  return error instanceof ApiError ? error : new ApiError({ kind: 'broken', type: 'not-as-agreed', title: 'The answer could not be read' }, thrown);
};

// The service waits for the checkout for some seconds before it answers 202.
const answerWithin = 35_000;

async function sendOnce(attempt: Attempt, stop: AbortSignal): Promise<Verdict & { error?: ApiError }> {
  try {
    const response = await send('post', '/api/orders', {
      body: JSON.parse(attempt.body) as NewOrder, idempotencyKey: attempt.key, timeout: answerWithin, signal: stop,
    });
    const order = (await response.json()) as Order;
    if (typeof order.id !== 'string') throw new TypeError('an order without an id');
    return judge(attempt, { order });
  } catch (thrown) {
    const error = asApiError(thrown);
    return { ...judge(attempt, { error }), error };
  }
}

// While the answer is awaited: which order it is, so that its events can be shown.
async function findOrder(attempt: Attempt, stop: AbortSignal): Promise<void> {
  const { newest } = attempt;
  if (newest === undefined || attempt.order) return;
  for (let pause = 700; ; pause = 1500) {
    await new Promise((done) => setTimeout(done, pause));
    const now = phase.value;
    if (stop.aborted || now.at !== 'order' || now.attempt.key !== attempt.key) return;
    const found = await api.get('/orders', { query: { limit: 1 }, signal: stop }).catch(() => undefined);
    const id = found?.items[0]?.id;
    // Identifiers ascend by time.
    if (!id || id <= newest || stop.aborted) continue;
    const latest = phase.value;
    if (latest.at !== 'order' || latest.attempt.key !== attempt.key) return;
    const known = { ...latest.attempt, order: id };
    keep(known);
    phase.value = { ...latest, attempt: known };
    return;
  }
}

function finish(found: Outcome): void {
  forget();
  phase.value = { at: 'idle' };
  outcome.value = found;
  if (found.kind === 'changed') refreshCart(found.cart);
  else if (found.kind !== 'failed') refreshCart();
  if (found.kind === 'placed' || found.kind === 'already') forgetCard();
}

async function pursue(first: Attempt, stop: AbortSignal): Promise<void> {
  let attempt = first;
  keep(attempt);
  phase.value = { at: 'order', attempt };
  void findOrder(attempt, stop);
  let renewed = false;
  for (let tries = 1; ; tries++) {
    // Another session has another cart, and must not pay with this one's card.
    if (knownUserId() !== undefined && knownUserId() !== attempt.user) return finish({ kind: 'session', sent: attempt.sent > 0 });
    attempt = { ...attempt, sent: attempt.sent + 1 };
    keep(attempt);
    const verdict = await sendOnce(attempt, stop);
    if (stop.aborted) return;
    if (verdict.kind === 'settled') return finish(verdict.outcome);
    const seen = phase.value;
    if (seen.at === 'order' && seen.attempt.order) attempt = { ...attempt, order: seen.attempt.order };
    if (verdict.kind === 'signed-out' && !renewed) {
      renewed = true;
      await renewSession().catch(() => {});
      if (stop.aborted) return;
      continue;
    }
    const error = verdict.error!;
    const ms = delayAfter(tries, error);
    phase.value = { at: 'order', attempt, trouble: { error, tries, again: Date.now() + ms } };
    await wait(ms, stop);
    if (stop.aborted) return;
    phase.value = { at: 'order', attempt, trouble: { error, tries, again: undefined } };
  }
}

function begin(): AbortSignal {
  outcome.value = undefined;
  stopping = new AbortController();
  return stopping.signal;
}

export const busy = () => phase.value.at !== 'idle';

function newAttempt(from: Omit<Attempt, 'key' | 'body' | 'sent'>, address: Address, token: string): Attempt {
  const body: NewOrder = {
    cart_revision: from.cart.revision,
    expected_total_minor: from.cart.total_minor,
    currency: from.cart.currency,
    payment_token: token,
    address,
  };
  return { ...from, key: newIdempotencyKey(), body: JSON.stringify(body), sent: 0 };
}

const newestOrder = (stop: AbortSignal) =>
  api.get('/orders', { query: { limit: 1 }, signal: stop, timeout: 3000 }).then((page) => page.items[0]?.id ?? '', () => undefined);

// Pays for the cart as it is shown. Throws what is wrong with the card's fields; everything else
// becomes the outcome.
export async function placeOrder(card: CardFields, address: Address, cart: Cart): Promise<void> {
  if (busy()) return;
  const stop = begin();
  phase.value = { at: 'card', cart };
  const newest = newestOrder(stop);
  const expiry = parseExpiry(card.expiry);
  for (let tries = 1; ; tries++) {
    try {
      const token = await api.post('/payments/tokens', {
        body: {
          number: digitsOf(card.number), exp_month: expiry?.month ?? 0, exp_year: expiry?.year ?? 0, cvc: card.cvc.trim(), name: card.cardName.trim(),
        },
        timeout: 15_000,
        signal: stop,
      });
      const user = await sessionUserId();
      const before = await newest;
      if (stop.aborted) return;
      // The session may have been renewed just now, and the cart with it.
      if (cart.user_id && cart.user_id !== user) return finish({ kind: 'session', sent: false });
      const attempt = newAttempt(
        { user, cart, card: { brand: token.brand, last4: token.last4 }, ...(before !== undefined && { newest: before }) },
        address, token.payment_token,
      );
      return await pursue(attempt, stop);
    } catch (thrown) {
      if (stop.aborted) return;
      const error = asApiError(thrown);
      if (!error.transient && error.kind !== 'broken') {
        phase.value = { at: 'idle' };
        throw error;
      }
      const ms = delayAfter(tries, error);
      phase.value = { at: 'card', cart, trouble: { error, tries, again: Date.now() + ms } };
      await wait(ms, stop);
      if (stop.aborted) return;
      phase.value = { at: 'card', cart, trouble: { error, tries, again: undefined } };
    }
  }
}

// The same card and address for the cart as it is now. No order was made with that token, so it
// still pays.
export async function continueWith(attempt: Attempt, cart: Cart): Promise<void> {
  if (busy()) return;
  if (cart.user_id !== attempt.user) return finish({ kind: 'session', sent: false });
  const { payment_token, address } = JSON.parse(attempt.body) as NewOrder;
  const { user, card, newest } = attempt;
  await pursue(newAttempt({ user, card, cart, ...(newest !== undefined && { newest }) }, address, payment_token), begin());
}

// After a reload: what had been begun goes on.
export function resume(): void {
  const attempt = unfinished();
  if (attempt && !busy()) void pursue(attempt, begin());
}

// Back to the form. Should the order have been made all the same, paying for the same cart again
// leads to it.
export function giveUp(): void {
  stopping.abort();
  forget();
  phase.value = { at: 'idle' };
  outcome.value = undefined;
}
