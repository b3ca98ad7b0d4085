import type { ComponentChildren } from 'preact';
import { cx } from '../ui/cx';
import { useTitle } from './title';
import styles from './Page.module.css';

interface Props {
  // For the browser's tab and the screen reader.
  title: string | undefined;
  // The page's heading, if it is not built by the page itself.
  heading?: ComponentChildren;
  // Beside the heading.
  actions?: ComponentChildren;
  above?: ComponentChildren;
  width?: 'full' | 'narrow';
  children: ComponentChildren;
}

export function Page({ title, heading, actions, above, width = 'full', children }: Props) {
  useTitle(title);
  return (
    <div class={cx(styles.page, width === 'narrow' && styles.narrow)}>
      {above}
      {(heading || actions) && (
        <div class={styles.head}>
          {heading && <h1>{heading}</h1>}
          {actions && <div class={styles.actions}>{actions}</div>}
        </div>
      )}
      {children}
    </div>
  );
}
