// The timeline of an order, live. EventSource can't say that the administrator asks, so the stream
// is read here.

import { useEffect, useState } from 'preact/hooks';
import { send } from '../../api/client';
import { ApiError } from '../../api/error';
import { asAdmin } from '../session';
import type { OrderState } from './states';

export interface OrderEvent {
  seq: number;
  type: string;
  state: OrderState;
  at: string;
  detail?: string;
}

// Cuts what has come into whole events; what is left over belongs to the next piece.
export function cutEvents(text: string): { events: OrderEvent[]; rest: string } {
  const events: OrderEvent[] = [];
  let rest = text;
  for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
    const data = rest.slice(0, end).split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart()).join('\n');
    rest = rest.slice(end + 2);
    if (!data) continue;
    try {
      events.push(JSON.parse(data) as OrderEvent);
    } catch {
      // An event that nobody understands changes nothing.
    }
  }
  return { events, rest };
}

async function read(id: string, signal: AbortSignal, tell: (events: OrderEvent[]) => void): Promise<void> {
  const response = await asAdmin(() => send('get', `/api/orders/${encodeURIComponent(id)}/events`, { admin: true, signal, timeout: 3_600_000 }));
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const { events, rest } = cutEvents(waiting + value);
    waiting = rest;
    if (events.length > 0) tell(events);
  }
}

export function useTimeline(id: string, onNews: () => void) {
  const [events, setEvents] = useState<OrderEvent[]>([]);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    const known = new Map<number, OrderEvent>();
    let timer: number | undefined;
    let pause = 1000;
    let ended = false;
    const tell = (news: OrderEvent[]) => {
      const fresh = known.size === 0;
      for (const event of news) known.set(event.seq, event);
      setEvents([...known.values()].sort((a, b) => a.seq - b.seq));
      setError(undefined);
      pause = 1000;
      ended = news.some((e) => ['delivered', 'rejected', 'cancelled'].includes(e.state) && e.type === e.state);
      if (!fresh) onNews();
    };
    // A service that restarts breaks the stream off; what is known already comes again unnoticed.
    const follow = async () => {
      try {
        await read(id, stop.signal, tell);
        if (ended) return;
      } catch (thrown) {
        if (stop.signal.aborted) return;
        setError(thrown);
        if (thrown instanceof ApiError && ['missing', 'forbidden', 'signed-out', 'invalid'].includes(thrown.kind)) return;
      }
      timer = window.setTimeout(() => void follow(), pause);
      pause = Math.min(pause * 2, 15_000);
    };
    void follow();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
    // The listener of the first moment does: it invalidates what is cached.
  }, [id]);
  return { events, error };
}
