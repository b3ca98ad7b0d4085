// The timeline of an order over server-sent events, for as long as somebody looks. EventSource
// cannot go on from an event after the server has refused a connection, as it does while it
// restarts; this can.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, errorOf, networkError } from '../api/error';
import { renewSession } from '../api/session';
import type { Order } from '../api/types';

export interface OrderEvent {
  seq: number;
  type: string;
  state: Order['state'];
  at: string;
  detail?: string;
}

export const isFinal = (state: Order['state']) => state === 'delivered' || state === 'rejected' || state === 'cancelled';

export interface Message {
  id?: string;
  data: string;
}

// Takes the stream in pieces of any size; gives whole messages.
export class EventParser {
  private buffer = '';
  // Milliseconds that the server asks to wait before coming back.
  retry: number | undefined;

  push(text: string): Message[] {
    this.buffer += text;
    const messages: Message[] = [];
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.buffer);
      if (!end) return messages;
      const message = this.read(this.buffer.slice(0, end.index));
      this.buffer = this.buffer.slice(end.index + end[0].length);
      if (message) messages.push(message);
    }
  }

  private read(block: string): Message | undefined {
    const data: string[] = [];
    let id: string | undefined;
    for (const line of block.split(/\r?\n/)) {
      const found = /^(\w+):? ?(.*)$/.exec(line);
      if (!found) continue;
      const [, field, value = ''] = found;
      if (field === 'data') data.push(value);
      else if (field === 'id') id = value;
      else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    }
    return data.length > 0 ? { data: data.join('\n'), ...(id !== undefined && { id }) } : undefined;
  }
}

// Events in the order of their numbers, each once.
export function merged(known: readonly OrderEvent[], more: readonly OrderEvent[]): OrderEvent[] {
  const all = new Map(known.map((e) => [e.seq, e]));
  for (const e of more) all.set(e.seq, e);
  return [...all.values()].sort((a, b) => a.seq - b.seq);
}

// Opens the stream after an event; an answer that is no success is thrown.
export type Open = (id: string, after: number, signal: AbortSignal) => Promise<Response>;

interface Follow {
  // What is known already.
  known: readonly OrderEvent[];
  open?: Open;
  onEvents: (events: OrderEvent[]) => void;
  onConnection: (connected: boolean, error?: unknown) => void;
  signal: AbortSignal;
}

// A comment comes each 15 seconds; a connection that is silent for longer is dead.
const silence = 40_000;
const longestPause = 10_000;
// The stream ends with the delivery, but money may be paid back long after it: it is asked for again,
// soon while a refund is under way.
const afterDelivery = 8000;
const duringRefund = 1500;
const underWay = ['refund-requested', 'refund-started', 'delayed'];

const pause = (ms: number, signal: AbortSignal) => new Promise<void>((done) => {
  const go = () => {
    clearTimeout(timer);
    removeEventListener('online', go);
    signal.removeEventListener('abort', go);
    done();
  };
  const timer = setTimeout(go, ms);
  addEventListener('online', go);
  signal.addEventListener('abort', go);
});

// Nobody looks at a page in the background, so nothing is asked for it.
const inSight = (signal: AbortSignal) => new Promise<void>((done) => {
  const look = () => {
    if (document.visibilityState === 'hidden' && !signal.aborted) return;
    document.removeEventListener('visibilitychange', look);
    signal.removeEventListener('abort', look);
    done();
  };
  document.addEventListener('visibilitychange', look);
  signal.addEventListener('abort', look);
  look();
});

export const eventHeaders = (after: number): Record<string, string> =>
  ({ accept: 'text/event-stream', ...(after > 0 && { 'last-event-id': String(after) }) });
export const eventsAddress = (id: string) => `/api/orders/${encodeURIComponent(id)}/events`;

const asShopper: Open = async (id, after, signal) => {
  const response = await fetch(eventsAddress(id), { headers: eventHeaders(after), cache: 'no-store', signal });
  if (!response.ok) throw await errorOf(response);
  return response;
};

// One connection, until it ends.
async function connect(open: Open, id: string, last: number, give: (events: OrderEvent[]) => void, parser: EventParser, signal: AbortSignal): Promise<void> {
  const dead = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => dead.abort(new DOMException('silent for too long', 'TimeoutError')), silence);
  };
  alive();
  try {
    const response = await open(id, last, AbortSignal.any([signal, dead.signal]));
    if (!response.body) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const events = parser.push(value).map((m) => JSON.parse(m.data) as OrderEvent);
      if (events.length > 0) give(events);
    }
  } catch (error) {
    throw networkError(error);
  } finally {
    clearTimeout(timer);
  }
}

// Goes on until nothing more can happen to the order, the caller stops, or the order cannot be seen
// at all.
export async function follow(id: string, { known, open = asShopper, onEvents, onConnection, signal }: Follow): Promise<void> {
  let last = known.at(-1);
  let failures = 0;
  let renewed = false;
  while (!signal.aborted) {
    const parser = new EventParser();
    let wait: number | undefined;
    try {
      await connect(open, id, last?.seq ?? 0, (events) => {
        last = merged(last ? [last] : [], events).at(-1);
        failures = 0;
        renewed = false;
        onConnection(true);
        onEvents(events);
      }, parser, signal);
      if (signal.aborted) return;
      if (last && isFinal(last.state)) {
        if (last.state !== 'delivered') return;
        failures = 0;
        onConnection(true);
        await pause(underWay.includes(last.type) ? duringRefund : afterDelivery, signal);
        await inSight(signal);
        continue;
      }
      wait = parser.retry;
      onConnection(false);
    } catch (error) {
      if (signal.aborted) return;
      onConnection(false, error);
      if (error instanceof ApiError) {
        if (error.kind === 'missing' || error.kind === 'forbidden' || error.kind === 'invalid') return;
        if (error.kind === 'signed-out') {
          if (renewed || open !== asShopper) return;
          renewed = true;
          await renewSession().catch(() => {});
          continue;
        }
        wait = error.retryAfter && error.retryAfter * 1000;
      }
    }
    failures += 1;
    await pause(Math.max(wait ?? 0, Math.min(longestPause, 250 * 2 ** failures)) * (0.8 + 0.4 * Math.random()), signal);
  }
}

const storageKey = (id: string) => `souk.events.${id}`;
const indexKey = 'souk.events';
const keptOrders = 12;

function load(id: string): OrderEvent[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(storageKey(id)) ?? '[]');
    return Array.isArray(kept) ? (kept as OrderEvent[]) : [];
  } catch {
    return [];
  }
}

function keep(id: string, events: OrderEvent[]): void {
  try {
    const ids = (JSON.parse(sessionStorage.getItem(indexKey) ?? '[]') as string[]).filter((other) => other !== id);
    ids.push(id);
    for (const old of ids.splice(0, Math.max(0, ids.length - keptOrders))) sessionStorage.removeItem(storageKey(old));
    sessionStorage.setItem(indexKey, JSON.stringify(ids));
    sessionStorage.setItem(storageKey(id), JSON.stringify(events));
  } catch {
    // Then a reload asks for all of them again.
  }
}

export interface Timeline {
  events: OrderEvent[];
  connected: boolean;
}

// The events of an order, live. After a reload it goes on where it was.
export function useTimeline(id: string | undefined, onEvents?: (events: OrderEvent[]) => void): Timeline {
  const [events, setEvents] = useState<OrderEvent[]>(() => (id ? load(id) : []));
  const [connected, setConnected] = useState(true);
  const tell = useRef(onEvents);
  tell.current = onEvents;
  useEffect(() => {
    if (!id) return;
    const stop = new AbortController();
    let all = load(id);
    setEvents(all);
    setConnected(true);
    void follow(id, {
      known: all,
      signal: stop.signal,
      onConnection: setConnected,
      onEvents: (more) => {
        all = merged(all, more);
        keep(id, all);
        setEvents(all);
        tell.current?.(more);
      },
    });
    return () => stop.abort();
  }, [id]);
  return { events, connected };
}
