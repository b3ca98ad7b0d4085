import type { ComponentChildren, JSX } from 'preact';
import { Link } from 'wouter-preact';
import { cx } from './cx';
import styles from './Button.module.css';

interface Look {
  kind?: 'primary' | 'secondary' | 'quiet' | 'danger';
  size?: 'small' | 'medium' | 'large';
  wide?: boolean;
  children: ComponentChildren;
}

const look = ({ kind = 'secondary', size = 'medium', wide }: Look, own?: string) =>
  cx(styles.button, styles[kind], styles[size], wide && styles.wide, own);

type ButtonProps = Look & Omit<JSX.IntrinsicElements['button'], 'size' | 'class' | 'className' | 'children'> & {
  class?: string;
  // Being busy keeps the focus and the width, and lets no second click through.
  busy?: boolean;
};

export function Button(props: ButtonProps) {
  const { kind, size, wide, busy, children, class: own, onClick, type = 'button', ...rest } = props;
  return (
    <button
      {...rest}
      type={busy ? 'button' : type}
      class={look(props, own)}
      aria-busy={busy || undefined}
      aria-disabled={busy || rest['aria-disabled'] || undefined}
      onClick={busy ? undefined : onClick}
    >
      <span class={styles.content}>{children}</span>
      {busy && <span class={styles.spinner} aria-hidden="true" />}
    </button>
  );
}

export function ButtonLink({ href, class: own, ...props }: Look & { href: string; class?: string }) {
  return <Link href={href} class={look(props, own)}><span class={styles.content}>{props.children}</span></Link>;
}

type IconButtonProps = Omit<JSX.IntrinsicElements['button'], 'class' | 'label'> & { label: string; class?: string };

// The label is what a screen reader says, and the tooltip.
export function IconButton({ label, class: own, children, ...rest }: IconButtonProps) {
  return (
    <button type="button" {...rest} class={cx(styles.icon, own)} aria-label={label} title={label}>{children}</button>
  );
}
