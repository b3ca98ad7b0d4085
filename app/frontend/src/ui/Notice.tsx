import type { ComponentChildren } from 'preact';
import { CircleAlert, CircleCheck, Info, TriangleAlert } from './icons';
import { cx } from './cx';
import styles from './Notice.module.css';

const icons = { info: Info, success: CircleCheck, warning: TriangleAlert, danger: CircleAlert };

interface Props {
  tone?: keyof typeof icons;
  title?: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
  // Said aloud when it appears.
  live?: boolean;
}

// A remark within a page, beside what it is about.
export function Notice({ tone = 'info', title, children, actions, live }: Props) {
  const Icon = icons[tone];
  return (
    <div class={cx(styles.notice, styles[tone])} role={live ? (tone === 'danger' ? 'alert' : 'status') : undefined}>
      <Icon size={20} aria-hidden="true" class={styles.icon} />
      <div class={styles.body}>
        {title && <p class={styles.title}>{title}</p>}
        {children && <div>{children}</div>}
        {actions && <div class={styles.actions}>{actions}</div>}
      </div>
    </div>
  );
}
