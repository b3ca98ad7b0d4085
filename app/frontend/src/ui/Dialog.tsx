import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { IconButton } from './Button';
import { X } from './icons';
import { cx } from './cx';
import styles from './Dialog.module.css';

interface Props {
  open: boolean;
  onClose: () => void;
  title: ComponentChildren;
  children: ComponentChildren;
  // Stays in sight below what scrolls.
  footer?: ComponentChildren;
  class?: string;
}

interface FrameProps extends Props {
  shape: string | undefined;
}

// The browser keeps the focus inside, closes on Esc and gives the focus back.
function Frame({ open, onClose, title, children, footer, class: own, shape }: FrameProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) {
      // The page keeps its width when its scroll bar goes.
      const root = document.documentElement;
      if (!document.querySelector('dialog:modal')) root.style.setProperty('--scrollbar', `${innerWidth - root.clientWidth}px`);
      element.showModal();
    }
    else if (!open && element.open) element.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class={cx(styles.dialog, shape, own)}
      aria-labelledby={heading}
      onClose={onClose}
      onMouseDown={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      {open && (
        <div class={styles.frame}>
          <header class={styles.head}>
            <h2 id={heading} tabIndex={-1} autofocus class={styles.title}>{title}</h2>
            <IconButton label="Close" onClick={() => dialog.current?.close()}><X size={20} aria-hidden="true" /></IconButton>
          </header>
          <div class={styles.body}>{children}</div>
          {footer && <footer class={styles.foot}>{footer}</footer>}
        </div>
      )}
    </dialog>
  );
}

export const Dialog = (props: Props) => <Frame {...props} shape={styles.center} />;

export const Drawer = ({ side = 'right', ...props }: Props & { side?: 'left' | 'right' }) =>
  <Frame {...props} shape={side === 'left' ? styles.left : styles.right} />;
