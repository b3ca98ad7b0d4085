// The cart of this browser. What is shown is what the service has confirmed with the changes on
// their way applied to it; a change that is refused is simply taken back out.

import { computed, signal } from '@preact/signals';
import { queryOptions, useQuery } from '@tanstack/preact-query';
import { api } from '../api/client';
import { ApiError } from '../api/error';
import { queryClient } from '../api/query';
import { knownUserId, onSessionChange } from '../api/session';
import type { Cart, CartLine } from '../api/types';
import { describe } from '../ui/describe';
import { toast } from '../ui/toast';

// What is needed of a product, or a variant, to show its line at once.
export interface CartItem {
  id: string;
  sku: string;
  name: string;
  image?: string | undefined;
  price_minor: number;
  currency: string;
  attributes: { [key: string]: string[] };
}

interface Change {
  id: number;
  product_id: string;
  // Adds to what is there, or sets it.
  add?: number;
  set?: number;
  item?: CartItem;
  sent: boolean;
}

const cartKey = ['cart'] as const;
const emptyCart = (currency: string): Cart => ({
  user_id: '', revision: '', currency, lines: [], total_minor: 0, items_count: 0, buyable: false, degraded: false,
});

export const cartQuery = queryOptions({
  queryKey: cartKey,
  queryFn: ({ signal }) => api.get('/cart/{user_id}', { signal }),
  staleTime: 10_000,
  refetchOnWindowFocus: true,
});

const changes = signal<Change[]>([]);
// The newest whole cart, for whoever is outside of components.
const confirmed = signal<Cart | undefined>(undefined);
let lastId = 0;
let queue: Promise<unknown> = Promise.resolve();

const tabs = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('souk.cart');
tabs?.addEventListener('message', () => void queryClient.invalidateQueries({ queryKey: cartKey }));

queryClient.getQueryCache().subscribe(({ query }) => {
  if (query.queryKey[0] === cartKey[0]) confirmed.value = query.state.data as Cart | undefined;
});

const statusOf = (line: CartLine, quantity: number): CartLine['status'] =>
  line.status === 'ok' || line.status === 'insufficient' ? (line.available < quantity ? 'insufficient' : 'ok') : line.status;

export function applied(cart: Cart, pending: readonly Change[]): Cart {
  if (pending.length === 0) return cart;
  let lines = cart.lines;
  for (const change of pending) {
    const line = lines.find((l) => l.product_id === change.product_id);
    const quantity = change.set ?? (line?.quantity ?? 0) + (change.add ?? 0);
    if (quantity <= 0) {
      lines = lines.filter((l) => l !== line);
    } else if (line) {
      lines = lines.map((l) => (l === line ? { ...l, quantity, line_total_minor: l.unit_price_minor * quantity, status: statusOf(l, quantity) } : l));
    } else if (change.item) {
      const { id, sku, name, image, price_minor, attributes } = change.item;
      lines = [...lines, {
        product_id: id, sku, name, image, quantity, unit_price_minor: price_minor, attributes,
        line_total_minor: price_minor * quantity, price_when_added_minor: price_minor, available: quantity, status: 'ok',
      } as CartLine];
    }
  }
  // What is no longer sold counts for nothing, as the service counts it.
  const counted = lines.filter((l) => l.status !== 'unavailable');
  return {
    ...cart, lines,
    items_count: counted.reduce((sum, l) => sum + l.quantity, 0),
    total_minor: counted.reduce((sum, l) => sum + l.line_total_minor, 0),
    buyable: lines.length > 0 && lines.every((l) => l.status === 'ok'),
    degraded: lines.some((l) => l.status === 'unknown'),
  };
}

export const cart = computed<Cart | undefined>(() => {
  const base = confirmed.value ?? (changes.value[0]?.item && emptyCart(changes.value[0].item.currency));
  return base && applied(base, changes.value);
});

// Changes are on their way: the total and the revision are not final.
export const cartBusy = computed(() => changes.value.length > 0);
export const cartCount = computed(() => cart.value?.items_count ?? 0);

const drop = (id: number) => {
  changes.value = changes.value.filter((c) => c.id !== id);
};

async function perform(change: Change): Promise<void> {
  change.sent = true;
  // A read that began before would bring back the old state.
  await queryClient.cancelQueries({ queryKey: cartKey });
  const path = { product_id: change.product_id };
  const answer = change.add !== undefined
    ? await api.post('/cart/{user_id}/items', { body: { product_id: change.product_id, quantity: change.add } })
    : await api.put('/cart/{user_id}/items/{product_id}', { path, body: { quantity: change.set ?? 0 } });
  await queryClient.cancelQueries({ queryKey: cartKey });
  queryClient.setQueryData(cartKey, answer);
  tabs?.postMessage('changed');
}

// One after the other: the answers then come in the order of the changes.
function enqueue(change: Omit<Change, 'id' | 'sent'>): Promise<void> {
  const next: Change = { ...change, id: ++lastId, sent: false };
  if (next.set !== undefined) {
    // Steps that follow one another fast become one request.
    changes.value = changes.value.filter((c) => c.sent || c.product_id !== next.product_id || c.set === undefined);
  }
  changes.value = [...changes.value, next];
  const done = queue.then(async () => {
    if (!changes.value.includes(next)) return;
    try {
      await perform(next);
    } catch (error) {
      void queryClient.invalidateQueries({ queryKey: cartKey });
      throw error;
    } finally {
      drop(next.id);
    }
  });
  queue = done.catch(() => {});
  return done;
}

// What the drawer says about the last change; over a modal dialog a toast could not be reached.
export interface CartMessage {
  text: string;
  // A line that has been taken out, and can be put back.
  removed?: CartLine;
}
export const cartMessage = signal<CartMessage | undefined>(undefined);

function explain(error: unknown, name: string) {
  const text = error instanceof ApiError && error.type === 'quantity-limit'
    ? `${name}: no more than 1,000 in one order.`
    : describe(error).text;
  if (drawerOpen.value) cartMessage.value = { text: `The cart is as it was. ${text}` };
  else toast(`The cart is as it was. ${text}`, { tone: 'danger' });
}

// Each resolves to whether it was done; a failure has been said to the user.
const attempt = (work: Promise<void>, name: string) => work.then(() => true, (error: unknown) => {
  explain(error, name);
  return false;
});

export const addToCart = (item: CartItem, quantity = 1) =>
  attempt(enqueue({ product_id: item.id, add: quantity, item }), item.name);

export function setQuantity(line: CartLine, quantity: number): Promise<boolean> {
  cartMessage.value = undefined;
  return attempt(enqueue({ product_id: line.product_id, set: quantity }), line.name);
}

export function removeLine(line: CartLine): Promise<boolean> {
  const done = setQuantity(line, 0);
  // What is not sold any longer can't be put back.
  cartMessage.value = line.status === 'unavailable' ? undefined : { text: `${line.name} has been taken out.`, removed: line };
  return done;
}

export function putBack(line: CartLine): Promise<boolean> {
  cartMessage.value = undefined;
  const currency = cart.value?.currency ?? confirmed.value?.currency ?? '';
  return addToCart({
    id: line.product_id, sku: line.sku, name: line.name, image: line.image, price_minor: line.unit_price_minor, currency, attributes: line.attributes,
  }, line.quantity);
}

// After an order, or when a service has said that the cart is another than we think.
export function refreshCart(answer?: Cart): void {
  if (answer) queryClient.setQueryData(cartKey, answer);
  else void queryClient.invalidateQueries({ queryKey: cartKey });
  tabs?.postMessage('changed');
}

// All changes have been answered: what cart.value says is the service's word.
export const cartSettled = (): Promise<unknown> => queue;

// Before there has been a session nobody is asked: a visitor who only looks gets none.
export function useCart() {
  return useQuery({ ...cartQuery, enabled: knownUserId() !== undefined || confirmed.value !== undefined });
}

// A session that expired takes its cart along; what was in it is put into the new one.
onSessionChange(({ before }) => {
  const lines = before === undefined ? [] : (confirmed.value?.lines ?? []);
  if (lines.length === 0) {
    void queryClient.invalidateQueries({ queryKey: cartKey });
    return;
  }
  void (async () => {
    for (const line of lines) {
      await api.post('/cart/{user_id}/items', { body: { product_id: line.product_id, quantity: line.quantity } }).catch(() => {});
    }
    await queryClient.invalidateQueries({ queryKey: cartKey });
    toast('Your session had expired. Your cart has been carried over to a new one.');
  })();
});

export const drawerOpen = signal(false);
export const openCart = () => { drawerOpen.value = true; };
export const closeCart = () => {
  drawerOpen.value = false;
  cartMessage.value = undefined;
};
