// How a cart differs from what the shopper has seen, and what would make it right.

import type { Cart, CartLine } from '../api/types';

export type Change =
  | { kind: 'price'; line: CartLine; before: number }
  | { kind: 'quantity'; line: CartLine; before: number }
  | { kind: 'short'; line: CartLine }
  | { kind: 'unavailable'; line: CartLine }
  | { kind: 'added'; line: CartLine }
  | { kind: 'removed'; line: CartLine };

export function changesBetween(seen: Cart, now: Cart): Change[] {
  const changes: Change[] = [];
  for (const line of now.lines) {
    const old = seen.lines.find((l) => l.product_id === line.product_id);
    if (line.status === 'unavailable') changes.push({ kind: 'unavailable', line });
    else if (line.status === 'insufficient') changes.push({ kind: 'short', line });
    else if (!old) changes.push({ kind: 'added', line });
    if (!old || line.status === 'unavailable') continue;
    if (old.unit_price_minor !== line.unit_price_minor) changes.push({ kind: 'price', line, before: old.unit_price_minor });
    if (old.quantity !== line.quantity) changes.push({ kind: 'quantity', line, before: old.quantity });
  }
  for (const line of seen.lines) {
    if (!now.lines.some((l) => l.product_id === line.product_id)) changes.push({ kind: 'removed', line });
  }
  return changes;
}

// What has happened to the lines since they were put into the cart.
export function changesSinceAdding(cart: Cart): Change[] {
  const seen = { ...cart, lines: cart.lines.map((l) => ({ ...l, unit_price_minor: l.price_when_added_minor })) };
  return changesBetween(seen, cart);
}

export interface Remedy {
  // New quantities; 0 takes the line out.
  quantities: { line: CartLine; quantity: number }[];
  total_minor: number;
  items: number;
}

// The cart with what there is of it.
export function remedyOf(cart: Cart): Remedy {
  const remedy: Remedy = { quantities: [], total_minor: 0, items: 0 };
  for (const line of cart.lines) {
    const quantity = line.status === 'unavailable' ? 0
      : line.status === 'insufficient' ? Math.max(0, Math.min(line.quantity, line.available)) : line.quantity;
    if (quantity !== line.quantity) remedy.quantities.push({ line, quantity });
    remedy.total_minor += quantity * line.unit_price_minor;
    remedy.items += quantity;
  }
  return remedy;
}
