// Orders whose next step has failed again and again. The interface has no filter for them, so they
// are looked for: all orders that are on their way, which are few, and of those at rest, where only a
// refund can be stuck, the newest first and as many at a time as a click may cost.

import type { Order } from '../../api/types';
import { count } from '../common/parts';
import type { OrderState } from './states';

const moving: OrderState[] = ['pending', 'reserved', 'authorized', 'committed', 'captured', 'refunding', 'restocking'];
const pageSize = 100;
// Of one state; more are on their way only when the store stands still, and then the newest tell it.
const mostPagesOfAState = 5;
const mostPagesAtRest = 10;

interface Page {
  items: Order[];
  next_cursor?: string;
}

export interface Looked {
  // Orders that were looked at in this step, and how many of them were on their way.
  seen?: { all: number; moving: number; allMoving: boolean };
}

type Ask = (query: { state?: OrderState | undefined; limit: number; cursor?: string | undefined }) => Promise<Page>;

async function ofState(ask: Ask, state: OrderState): Promise<{ items: Order[]; all: boolean }> {
  const items: Order[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < mostPagesOfAState; page++) {
    const answer: Page = await ask({ state, limit: pageSize, cursor });
    items.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) return { items, all: true };
  }
  return { items, all: false };
}

const newest = (a: Order, b: Order) => b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id);

// `state` is what the list is narrowed to already.
export async function attentionPages(ask: Ask, state: OrderState | undefined, cursor: string | undefined): Promise<Page & Looked> {
  const found = new Map<string, Order>();
  const seen = { all: 0, moving: 0, allMoving: true };
  if (!cursor && !state) {
    // One after the other: they are the same few rows of the same database.
    for (const s of moving) {
      const { items, all } = await ofState(ask, s);
      seen.moving += items.length;
      seen.allMoving &&= all;
      for (const o of items) found.set(o.id, o);
    }
    seen.all = seen.moving;
  }
  let at = cursor;
  for (let page = 0; page < mostPagesAtRest; page++) {
    const answer = await ask({ limit: pageSize, cursor: at });
    for (const o of answer.items) {
      // Those on their way were counted above, or on the page before.
      if (!state && moving.includes(o.state)) continue;
      seen.all += 1;
      found.set(o.id, o);
    }
    at = answer.next_cursor;
    if (!at) break;
  }
  return { items: [...found.values()].filter((o) => o.needs_attention).sort(newest), ...(at && { next_cursor: at }), seen };
}

// What was looked at, in words.
export function attentionTo(pages: readonly (Page & Looked)[]): string {
  const all = pages.reduce((sum, p) => sum + (p.seen?.all ?? 0), 0);
  const first = pages[0]?.seen;
  if (!pages.at(-1)?.next_cursor) return all === 1 ? 'The only order was looked at.' : `All ${count(all)} orders were looked at.`;
  const onTheWay = first && first.moving > 0 ? `${first.allMoving ? 'All' : 'The newest'} ${count(first.moving)} on their way and the` : 'The';
  return `${onTheWay} newest ${count(all - (first?.moving ?? 0))}${first && first.moving > 0 ? ' others' : ''} were looked at; there are older ones.`;
}
