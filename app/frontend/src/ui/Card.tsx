import type { ComponentChildren } from 'preact';
import { cx } from './cx';
import styles from './Card.module.css';

export function Card({ children, class: own, flush }: { children: ComponentChildren; class?: string; flush?: boolean }) {
  return <div class={cx(styles.card, flush && styles.flush, own)}>{children}</div>;
}
