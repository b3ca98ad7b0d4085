import { expect, test } from 'vitest';
import { calm, knobs, presetOf, presets, problemOf, textOf, valueOf } from './behaviour';

const knob = (name: string) => knobs.find((k) => k.name === name)!;

test('what is shown is what is sent', () => {
  for (const { name, behaviour } of presets) {
    const back = Object.fromEntries(knobs.map((k) => [k.name, valueOf(k, textOf(k, behaviour))]));
    expect(back).toEqual(behaviour);
    expect(presetOf(back as typeof behaviour)).toBe(name);
  }
  expect(textOf(knob('error_rate'), { ...calm, error_rate: 0.07 })).toBe('7');
});
test('numbers out of range or of another kind', () => {
  for (const wrong of ['', '-1', '101', '1e1', 'x', '0.123']) expect(problemOf(knob('error_rate'), wrong), wrong).toBeTruthy();
  for (const wrong of ['', '-1', '1.5', '60001', 'x']) expect(problemOf(knob('latency_ms'), wrong), wrong).toBeTruthy();
  for (const right of ['0', '100', '12,5', ' 3 ']) expect(problemOf(knob('error_rate'), right), right).toBeUndefined();
});
