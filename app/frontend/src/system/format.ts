// Numbers as the map shows them: short, and of a steady width.

const short = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

export const none = '–';

export function rate(n: number | undefined): string {
  if (n === undefined) return none;
  if (n > 0 && n < 0.05) return `<${short.format(0.1)}`;
  return n < 100 ? short.format(n) : n < 10_000 ? whole.format(n) : compact.format(n);
}

export const count = (n: number | undefined) => (n === undefined ? none : n < 100_000 ? whole.format(n) : compact.format(n));

export function ratio(n: number | undefined): string {
  if (n === undefined) return none;
  return n > 0 && n < 0.001 ? `<${percent.format(0.001)}` : percent.format(n);
}

// Seconds in, "3.2 ms" or "1.4 s" out.
export function duration(seconds: number | undefined): string {
  if (seconds === undefined) return none;
  const ms = seconds * 1000;
  if (ms < 0.1) return ms <= 0 ? '0 ms' : `<${short.format(0.1)} ms`;
  if (ms < 999.5) return `${ms < 10 ? short.format(ms) : whole.format(ms)} ms`;
  return seconds < 100 ? `${short.format(seconds)} s` : `${whole.format(seconds)} s`;
}
