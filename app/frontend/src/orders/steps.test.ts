import { describe, expect, test } from 'vitest';
import type { Order } from '../api/types';
import type { OrderEvent } from './events';
import { placingSteps, stepsOf } from './steps';

const order = (state: Order['state'], more: Partial<Order> = {}) => ({ state, cancel_requested: false, ...more }) as Order;
const events = (...types: [string, Order['state']][]): OrderEvent[] =>
  types.map(([type, state], i) => ({ seq: i + 1, type, state, at: `2030-01-01T00:00:0${i}Z` }));
const shown = (...from: Parameters<typeof stepsOf>) => stepsOf(...from).map((s) => `${s.look}: ${s.title}`);

describe('the timeline', () => {
  test('tells what has been, what is done now, and what comes', () => {
    expect(shown(order('reserved'), events(['placed', 'pending'], ['reserved', 'reserved']))).toEqual([
      'done: Order received', 'done: Items reserved', 'now: Asking the bank', 'next: Items set aside for you',
      'next: Payment taken', 'next: Order confirmed', 'next: On its way', 'next: Delivered',
    ]);
  });

  test('knows from the state alone what has been', () => {
    expect(shown(order('confirmed'), [])).toEqual([
      'done: Order received', 'done: Items reserved', 'done: Card approved', 'done: Items set aside for you', 'done: Payment taken',
      'done: Order confirmed', 'next: On its way', 'next: Delivered',
    ]);
  });

  test('an event that is ahead of the state counts', () => {
    expect(shown(order('pending'), events(['placed', 'pending'], ['reserved', 'reserved'], ['authorized', 'authorized']), placingSteps)).toEqual([
      'done: Order received', 'done: Items reserved', 'done: Card approved', 'now: Setting your items aside', 'next: Payment taken', 'next: Order confirmed',
    ]);
  });

  test('a rejected order promises nothing', () => {
    expect(shown(order('rejected', { reason: 'payment-declined' }),
      events(['placed', 'pending'], ['reserved', 'reserved'], ['undoing', 'reserved'], ['rejected', 'rejected']))).toEqual([
      'done: Order received', 'done: Items reserved', 'back: Undoing the order', 'bad: Order not placed',
    ]);
    expect(shown(order('rejected', { reason: 'payment-declined' }), [])).toEqual(['bad: Order not placed']);
  });

  test('a cancellation is followed', () => {
    const so_far = events(['placed', 'pending'], ['confirmed', 'confirmed'], ['cancel-requested', 'confirmed'], ['refunding', 'refunding']);
    expect(shown(order('refunding', { cancel_requested: true }), so_far).slice(2)).toEqual(['back: Cancellation requested', 'now: Paying your money back']);
  });

  test('a refund of a shipped order leaves its way open', () => {
    expect(shown(order('shipped'), events(['placed', 'pending'], ['shipped', 'shipped'], ['refunded', 'shipped'])).slice(1))
      .toEqual(['done: On its way', 'done: Money paid back', 'next: Delivered']);
  });
});
