import type { ComponentChildren } from 'preact';
import { Arch } from './Logo';
import styles from './State.module.css';

interface Props {
  title: string;
  children?: ComponentChildren;
  icon?: ComponentChildren;
  actions?: ComponentChildren;
  // The page's own heading, where there is no other.
  heading?: 'h1' | 'h2' | 'h3';
}

export function EmptyState({ title, children, icon, actions, heading: Heading = 'h2' }: Props) {
  return (
    <div class={styles.state}>
      <span class={styles.niche} aria-hidden="true"><Arch /><span class={styles.icon}>{icon}</span></span>
      <Heading class={styles.title}>{title}</Heading>
      {children && <div class={styles.text}>{children}</div>}
      {actions && <div class={styles.actions}>{actions}</div>}
    </div>
  );
}
