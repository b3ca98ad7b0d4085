import type { ComponentChildren } from 'preact';
import { cx } from './cx';
import styles from './Badge.module.css';

export type Tone = 'neutral' | 'accent' | 'success' | 'warning' | 'danger' | 'info';

export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={cx(styles.badge, styles[tone])}>{children}</span>;
}
