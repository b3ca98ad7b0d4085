import { cx } from './cx';
import styles from './Skeleton.module.css';

type Props = { shape?: 'text' | 'title' | 'square' | 'block'; width?: string; height?: string; class?: string };

export function Skeleton({ shape = 'text', width, height, class: own }: Props) {
  return <span class={cx(styles.skeleton, styles[shape], own)} style={{ width, height }} aria-hidden="true" />;
}

// Says to a screen reader once what the grey boxes mean.
export function SkeletonGroup({ label = 'Loading', children }: { label?: string; children: preact.ComponentChildren }) {
  return <div role="status" aria-label={label} aria-busy="true">{children}</div>;
}
