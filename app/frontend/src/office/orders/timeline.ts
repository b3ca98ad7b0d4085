// The timeline of an order, live, as the administrator sees it.

import { useEffect, useState } from 'preact/hooks';
import { send } from '../../api/client';
import { eventHeaders, eventsAddress, follow, merged, type Open, type OrderEvent } from '../../orders/events';
import { asAdmin } from '../session';

const asOffice: Open = (id, after, signal) =>
  asAdmin(() => send('get', eventsAddress(id), { admin: true, headers: eventHeaders(after), signal, timeout: 3_600_000 }));

export function useTimeline(id: string, onNews: () => void) {
  const [events, setEvents] = useState<OrderEvent[]>([]);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    let all: OrderEvent[] = [];
    void follow(id, {
      known: [],
      open: asOffice,
      signal: stop.signal,
      onConnection: (connected, why) => setError(connected ? undefined : why),
      onEvents: (more) => {
        const first = all.length === 0;
        all = merged(all, more);
        setEvents(all);
        if (!first) onNews();
      },
    });
    return () => stop.abort();
    // The listener of the first moment does: it invalidates what is cached.
  }, [id]);
  return { events, error };
}
