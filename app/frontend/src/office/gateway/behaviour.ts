import type { GatewayBehaviour } from '../../api/types';

export const calm: GatewayBehaviour = { latency_ms: 0, latency_jitter_ms: 0, error_rate: 0, decline_rate: 0, unknown_rate: 0 };

export const presets: { name: string; text: string; behaviour: GatewayBehaviour }[] = [
  { name: 'Calm', text: 'Every good card is charged at once.', behaviour: calm },
  { name: 'Slow', text: 'Every answer takes a second or two.', behaviour: { ...calm, latency_ms: 1000, latency_jitter_ms: 1500 } },
  { name: 'Flaky', text: 'One request in five fails, one answer in ten is lost.', behaviour: { ...calm, latency_ms: 50, latency_jitter_ms: 200, error_rate: 0.2, unknown_rate: 0.1 } },
  { name: 'Storm', text: 'Slow, failing, losing answers and declining at once.', behaviour: { latency_ms: 400, latency_jitter_ms: 1200, error_rate: 0.35, decline_rate: 0.15, unknown_rate: 0.25 } },
];

export const same = (a: GatewayBehaviour, b: GatewayBehaviour) =>
  (Object.keys(calm) as (keyof GatewayBehaviour)[]).every((k) => Math.abs(a[k] - b[k]) < 1e-9);

export const presetOf = (behaviour: GatewayBehaviour) => presets.find((p) => same(p.behaviour, behaviour))?.name;

export interface Knob {
  name: keyof GatewayBehaviour;
  label: string;
  means: string;
  unit: 'ms' | '%';
  // The slider's end; the number beside it goes on to `most`.
  end: number;
  most: number;
  step: number;
}

export const knobs: Knob[] = [
  { name: 'latency_ms', label: 'Latency', means: 'Before each answer about money.', unit: 'ms', end: 5000, most: 60_000, step: 50 },
  { name: 'latency_jitter_ms', label: 'Jitter', means: 'Up to so much more, by chance.', unit: 'ms', end: 5000, most: 60_000, step: 50 },
  { name: 'error_rate', label: 'Errors', means: 'Requests that fail before anything is done. They are tried again until there is an answer.', unit: '%', end: 100, most: 100, step: 1 },
  { name: 'decline_rate', label: 'Declines', means: 'Good cards that are declined. The order is rejected, and nothing is charged.', unit: '%', end: 100, most: 100, step: 1 },
  { name: 'unknown_rate', label: 'Lost answers', means: 'The work is done, and the answer is lost: the hard case. The same request is repeated under the same reference, so nothing is charged twice.', unit: '%', end: 100, most: 100, step: 1 },
];

// Rates are shown in percent.
export function textOf(knob: Knob, behaviour: GatewayBehaviour): string {
  return String(knob.unit === '%' ? Math.round(behaviour[knob.name] * 10_000) / 100 : behaviour[knob.name]);
}

export function problemOf(knob: Knob, text: string): string | undefined {
  const trimmed = text.trim().replace(',', '.');
  if (!trimmed) return 'Enter a number.';
  if (!(knob.unit === '%' ? /^\d{1,3}(\.\d{1,2})?$/ : /^\d{1,6}$/).test(trimmed)) {
    return knob.unit === '%' ? 'Enter a share from 0 to 100, with at most two decimals.' : 'Enter a whole number of milliseconds.';
  }
  return Number(trimmed) > knob.most ? `At most ${knob.most.toLocaleString()}.` : undefined;
}

export function valueOf(knob: Knob, text: string): number {
  const number = Number(text.trim().replace(',', '.'));
  return knob.unit === '%' ? Math.round(number * 100) / 10_000 : number;
}
