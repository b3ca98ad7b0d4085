import { afterEach, describe, expect, test, vi } from 'vitest';
import { EventParser, follow, merged, type OrderEvent } from './events';

const event = (seq: number, state: OrderEvent['state'] = 'pending'): OrderEvent => ({ seq, type: state, state, at: '2030-01-01T00:00:00Z' });
const written = (e: OrderEvent) => `id: ${e.seq}\nevent: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`;

describe('the stream', () => {
  test('is read in pieces of any size', () => {
    const text = `: hello\n\n${written(event(1))}retry: 700\n\n${written(event(2))}`;
    for (const size of [1, 3, 7, text.length]) {
      const parser = new EventParser();
      const found = [];
      for (let i = 0; i < text.length; i += size) found.push(...parser.push(text.slice(i, i + size)));
      expect(found.map((m) => m.id)).toEqual(['1', '2']);
      expect(JSON.parse(found[1]!.data)).toEqual(event(2));
      expect(parser.retry).toBe(700);
    }
  });

  test('events are kept in order, each once', () => {
    expect(merged([event(1), event(3)], [event(2), event(3)]).map((e) => e.seq)).toEqual([1, 2, 3]);
  });
});

describe('following', () => {
  afterEach(() => { vi.useRealTimers(); vi.unstubAllGlobals(); vi.restoreAllMocks(); });

  test('goes on after the last event when the connection breaks or is refused, and ends with the order', async () => {
    vi.useFakeTimers();
    const asked: (string | undefined)[] = [];
    const answers = [
      () => new Response(written(event(1)) + written(event(2, 'reserved')) + 'retry: 900\n\n'),
      () => { throw new TypeError('network'); },
      () => new Response('{}', { status: 503 }),
      () => new Response(written(event(3, 'cancelled'))),
    ];
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      asked.push((init.headers as Record<string, string>)['last-event-id']);
      return answers.shift()!();
    });
    const seen: number[] = [];
    const connection: boolean[] = [];
    const done = follow('o1', {
      known: [], signal: new AbortController().signal,
      onEvents: (events) => seen.push(...events.map((e) => e.seq)), onConnection: (up) => connection.push(up),
    });
    await vi.runAllTimersAsync();
    await done;
    expect(asked).toEqual([undefined, '2', '2', '2']);
    expect(seen).toEqual([1, 2, 3]);
    expect(connection).toContain(false);
    expect(connection.at(-1)).toBe(true);
  });

  test('asks once for what came after the end', async () => {
    let asked = 0;
    vi.stubGlobal('fetch', async () => { asked++; return new Response(': over\n\n'); });
    await follow('o1', { known: [event(7, 'cancelled')], signal: new AbortController().signal, onEvents: () => {}, onConnection: () => {} });
    expect(asked).toBe(1);
  });

  test('a delivered order may be paid back long after: it is asked for again, soon while that is under way, and not by a hidden page', async () => {
    vi.useFakeTimers();
    const refund = (seq: number, type: string) => ({ ...event(seq, 'delivered'), type });
    const asked: [at: number, after: string | undefined][] = [];
    const came = [[event(8, 'delivered')], [], [refund(9, 'refund-requested')], [refund(10, 'refund-started'), refund(11, 'refunded')]];
    const begun = Date.now();
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      asked.push([Date.now() - begun, (init.headers as Record<string, string>)['last-event-id']]);
      return new Response((came.shift() ?? []).map(written).join('') + 'retry: 900\n\n');
    });
    const stop = new AbortController();
    const seen: string[] = [];
    const connection: boolean[] = [];
    const done = follow('o1', {
      known: [], signal: stop.signal, onEvents: (events) => seen.push(...events.map((e) => e.type)), onConnection: (up) => connection.push(up),
    });
    await vi.advanceTimersByTimeAsync(18_000);
    expect(seen).toEqual(['delivered', 'refund-requested', 'refund-started', 'refunded']);
    expect(asked).toEqual([[0, undefined], [8000, '8'], [16_000, '8'], [17_500, '9']]);
    expect(connection).not.toContain(false);

    let state = 'hidden';
    vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => state as DocumentVisibilityState);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(4);
    state = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(10);
    expect(asked).toHaveLength(5);
    stop.abort();
    await done;
  });

  test('ends when the order cannot be seen', async () => {
    vi.stubGlobal('fetch', async () => new Response('{}', { status: 404 }));
    await follow('o1', { known: [], signal: new AbortController().signal, onEvents: () => {}, onConnection: () => {} });
  });
});
