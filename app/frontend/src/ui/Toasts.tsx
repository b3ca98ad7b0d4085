import { useEffect, useRef } from 'preact/hooks';
import { Button, IconButton } from './Button';
import { X } from './icons';
import { cx } from './cx';
import { dismiss, toasts } from './toast';
import styles from './Toasts.module.css';

// One for the whole store; it exists from the start, so that a screen reader hears what comes.
export function Toasts() {
  const region = useRef<HTMLDivElement>(null);
  const shown = toasts.value;
  // Opened anew it lies above a dialog that was opened since.
  useEffect(() => {
    const element = region.current;
    if (!element?.showPopover || shown.length === 0) return;
    if (element.matches(':popover-open')) element.hidePopover();
    element.showPopover();
  }, [shown]);
  return (
    <div ref={region} class={styles.region} popover="manual" role="status" aria-live="polite">
      {shown.map((t) => (
        <div key={t.id} class={cx(styles.toast, styles[t.tone])}>
          <span class={styles.text}>{t.text}</span>
          {t.action && (
            <Button kind="quiet" size="small" class={styles.action} onClick={() => { t.action?.run(); dismiss(t.id); }}>{t.action.label}</Button>
          )}
          <IconButton label="Dismiss" onClick={() => dismiss(t.id)}><X size={18} aria-hidden="true" /></IconButton>
        </div>
      ))}
    </div>
  );
}
