import { useEffect, useRef, useState } from 'preact/hooks';
import type { Point } from './figures';
import styles from './HistoryChart.module.css';

export interface Line {
  label: string;
  points: readonly Point[];
  dashed?: boolean;
}

interface Props {
  title: string;
  lines: readonly Line[];
  show: (n: number | undefined) => string;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const height = 120, top = 10, bottom = 20, right = 8;

// Pieces of line between gaps, where nothing was measured.
export function pathsOf(points: readonly Point[], x: (at: number) => number, y: (n: number) => number): string {
  let d = '', pen = false;
  for (const p of points) {
    if (p.value === undefined) { pen = false; continue; }
    d += `${pen ? 'L' : 'M'}${x(p.at).toFixed(1)} ${y(p.value).toFixed(1)}`;
    // A single point between two gaps would be invisible.
    if (!pen) d += 'l0.01 0';
    pen = true;
  }
  return d;
}

export function HistoryChart({ title, lines, show }: Props) {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    if (ref.current) watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  const all = lines.flatMap((l) => l.points);
  const values = all.flatMap((p) => p.value ?? []);
  const max = Math.max(...values, 0);
  const ends = all.map((p) => p.at);
  const last = Math.max(...ends), first = Math.min(last - 1800, ...ends);
  const left = 52;
  const x = (at: number) => left + ((at - first) / Math.max(1, last - first)) * (width - left - right);
  const y = (n: number) => top + (1 - (max > 0 ? n / max : 0)) * (height - top - bottom);
  const latest = (l: Line) => l.points[l.points.length - 1]?.value;
  const said = `${title}, the last half hour. ${lines.map((l) => `${l.label}: now ${show(latest(l))}, at most ${show(l.points.some((p) => p.value !== undefined) ? Math.max(...l.points.flatMap((p) => p.value ?? [])) : undefined)}`).join('. ')}.`;
  return (
    <figure class={styles.figure}>
      <figcaption class={styles.caption}>
        <span class={styles.title}>{title}</span>
        {lines.length > 1 && lines.map((l) => (
          <span key={l.label} class={styles.key}>
            <svg width="22" height="8" aria-hidden="true"><line x1="1" x2="21" y1="4" y2="4" class={l.dashed ? styles.dashed : styles.solid} /></svg>{l.label}
          </span>
        ))}
      </figcaption>
      <div ref={ref} class={styles.frame}>
        {values.length === 0
          ? <p class={styles.empty}>Nothing was measured in the last half hour.</p>
          : width > 0 && (
            <svg width={width} height={height} role="img" aria-label={said} class={styles.chart}>
              <line x1={left} x2={width - right} y1={y(max)} y2={y(max)} class={styles.grid} />
              <line x1={left} x2={width - right} y1={y(0)} y2={y(0)} class={styles.base} />
              <text x={left - 8} y={y(max) + 4} text-anchor="end">{show(max)}</text>
              <text x={left - 8} y={y(0) + 4} text-anchor="end">0</text>
              <text x={left} y={height - 4}>{clock.format(first * 1000)}</text>
              <text x={width - right} y={height - 4} text-anchor="end">{clock.format(last * 1000)}</text>
              {lines.map((l) => <path key={l.label} d={pathsOf(l.points, x, y)} class={l.dashed ? styles.dashed : styles.solid} />)}
            </svg>
          )}
      </div>
    </figure>
  );
}
