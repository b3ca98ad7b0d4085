import type { Payment, PaymentSchemas } from '../../api/types';
import { Badge, type Tone } from '../../ui/Badge';
import { sentence } from '../orders/states';

export type PaymentState = Payment['state'];
export type GatewayRecord = PaymentSchemas['gateway_record'];

const tones: Record<PaymentState, Tone> = {
  authorizing: 'info', authorized: 'info', capturing: 'info', captured: 'success',
  declined: 'danger', refused: 'danger', voiding: 'warning', voided: 'neutral',
};
export const paymentStates = Object.keys(tones) as PaymentState[];

export const PaymentBadge = ({ state }: { state: PaymentState }) => <Badge tone={tones[state]}>{sentence(state)}</Badge>;

// A request to the gateway is recorded, and its outcome is not known yet.
export const isUnsettled = (payment: Pick<Payment, 'state' | 'refund_pending_minor'>) =>
  ['authorizing', 'capturing', 'voiding'].includes(payment.state) || payment.refund_pending_minor > 0;

export interface Comparison {
  label: string;
  // In minor units; a text where it is none.
  ours: number | string;
  theirs: number | string;
  // What is under way may differ until it is settled.
  verdict: 'same' | 'differs' | 'under way';
}

const matching: Record<PaymentState, string[]> = {
  authorizing: ['authorized', 'declined', 'cancelled'],
  authorized: ['authorized'],
  declined: ['declined', 'cancelled'],
  capturing: ['authorized', 'captured', 'capture_refused'],
  captured: ['captured'],
  refused: ['capture_refused', 'declined'],
  voiding: ['authorized', 'voided', 'cancelled', 'declined'],
  voided: ['voided', 'cancelled', 'declined'],
};

// Two companies' books about the same payment, side by side.
export function compare(payment: Payment, record: GatewayRecord): Comparison[] {
  const open = isUnsettled(payment);
  const of = (label: string, ours: number, theirs: number): Comparison =>
    ({ label, ours, theirs, verdict: ours === theirs ? 'same' : open ? 'under way' : 'differs' });
  // What was authorized and given up stays in the gateway's books as both.
  const held = ['authorized', 'capturing', 'captured'].includes(payment.state) ? payment.amount_minor
    : payment.state === 'voided' || payment.state === 'refused' ? record.authorized_minor : 0;
  const released = payment.state === 'voided' ? held : payment.state === 'refused' ? record.voided_minor : 0;
  return [
    {
      label: 'State', ours: payment.state, theirs: record.state,
      verdict: matching[payment.state].includes(record.state) ? (open ? 'under way' : 'same') : 'differs',
    },
    of('Authorized', held, record.authorized_minor),
    of('Captured', payment.captured_minor, record.captured_minor),
    of('Voided', released, record.voided_minor),
    of('Paid back', payment.refunded_minor, record.refunded_minor),
  ];
}
