// Something that must happen once, however often it is sent: its key and exact body are kept, over a
// reload too, until there is a definite answer.

import { useState } from 'preact/hooks';
import { newIdempotencyKey } from '../../api/client';
import { ApiError } from '../../api/error';

export interface Wish<Body> {
  key: string;
  body: Body;
}

function load<Body>(name: string): Wish<Body> | undefined {
  try {
    return (JSON.parse(sessionStorage.getItem(name) ?? 'null') as Wish<Body> | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function store(name: string, wish: Wish<unknown> | undefined) {
  try {
    if (wish) sessionStorage.setItem(name, JSON.stringify(wish));
    else sessionStorage.removeItem(name);
  } catch {
    // Storage may be forbidden: the wish then lasts as long as the page.
  }
}

// Whether the answer says that the work was not, and will not be, done under this key.
export function isDefinite(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.type === 'idempotency-key-running') return false;
  return ['forbidden', 'missing', 'conflict', 'stale', 'invalid', 'refused'].includes(error.kind);
}

export function useWish<Body>(about: string) {
  const name = `souk.wish.${about}`;
  const [open, setOpen] = useState(() => load<Body>(name));
  const keep = (wish: Wish<Body> | undefined) => {
    store(name, wish);
    setOpen(wish);
  };
  return {
    // Sent before, with no definite answer yet.
    open,
    send: async <T>(body: Body, request: (key: string, body: Body) => Promise<T>): Promise<T> => {
      const wish = open ?? { key: newIdempotencyKey(), body };
      store(name, wish);
      try {
        const answer = await request(wish.key, wish.body);
        keep(undefined);
        return answer;
      } catch (error) {
        keep(isDefinite(error) ? undefined : wish);
        throw error;
      }
    },
    forget: () => keep(undefined),
  };
}
