import { expect, test } from 'vitest';
import type { Payment } from '../../api/types';
import { compare, type GatewayRecord } from './states';

const payment = (more: Partial<Payment>) =>
  ({ state: 'captured', amount_minor: 1000, captured_minor: 1000, refunded_minor: 0, refund_pending_minor: 0, ...more }) as Payment;
const record = (more: Partial<GatewayRecord>) =>
  ({ state: 'captured', authorized_minor: 1000, captured_minor: 1000, voided_minor: 0, refunded_minor: 0, ...more }) as GatewayRecord;
const verdicts = (p: Partial<Payment>, r: Partial<GatewayRecord>) =>
  compare(payment(p), record(r)).filter((c) => c.verdict !== 'same').map((c) => `${c.label} ${c.verdict}`);

test('what agrees is the same', () => {
  expect(verdicts({}, {})).toEqual([]);
  expect(verdicts({ refunded_minor: 300 }, { refunded_minor: 300 })).toEqual([]);
  expect(verdicts({ state: 'declined', captured_minor: 0 }, { state: 'declined', authorized_minor: 0, captured_minor: 0 })).toEqual([]);
  expect(verdicts({ state: 'voided', captured_minor: 0 }, { state: 'voided', captured_minor: 0, voided_minor: 1000 })).toEqual([]);
  expect(verdicts({ state: 'voided', captured_minor: 0 }, { state: 'cancelled', authorized_minor: 0, captured_minor: 0 })).toEqual([]);
});
test('what differs is marked, unless it is under way', () => {
  expect(verdicts({}, { captured_minor: 900 })).toEqual(['Captured differs']);
  expect(verdicts({ state: 'voided', captured_minor: 0 }, { state: 'captured' })).toContain('State differs');
  expect(verdicts({ state: 'declined', captured_minor: 0 }, { state: 'authorized', captured_minor: 0 })).toEqual(['State differs', 'Authorized differs']);
  expect(verdicts({ refund_pending_minor: 100 }, { refunded_minor: 100 })).toEqual(['State under way', 'Paid back under way']);
});
