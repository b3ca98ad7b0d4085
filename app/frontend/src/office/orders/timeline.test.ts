import { expect, test } from 'vitest';
import { cutEvents } from './timeline';

test('events come in pieces of any size', () => {
  const stream = 'retry: 2000\n\nid: 1\nevent: placed\ndata: {"seq":1,"type":"placed"}\n\n: alive\n\nid: 2\ndata: {"seq":2,"type":"reserved"}\n\ndata: no';
  const all: number[] = [];
  let waiting = '';
  for (const character of stream) {
    const { events, rest } = cutEvents(waiting + character);
    waiting = rest;
    all.push(...events.map((e) => e.seq));
  }
  expect(all).toEqual([1, 2]);
  expect(waiting).toBe('data: no');
});
