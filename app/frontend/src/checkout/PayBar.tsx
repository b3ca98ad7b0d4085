import type { ComponentChildren } from 'preact';
import type { Cart } from '../api/types';
import { Price } from '../ui/Price';
import styles from './PayBar.module.css';

// Stays at the window's lower edge while the form scrolls: what it comes to, and what pays.
export function PayBar({ cart, children }: { cart: Cart; children: ComponentChildren }) {
  const items = cart.lines.reduce((sum, line) => sum + line.quantity, 0);
  const toSummary = () => {
    const summary = document.getElementById('summary');
    summary?.focus({ preventScroll: true });
    summary?.scrollIntoView({ block: 'start' });
  };
  return (
    <div class={styles.bar} role="group" aria-label="Pay">
      <p class={styles.due}>
        <strong class={styles.total}><span class="visually-hidden">Total </span><Price minor={cart.total_minor} currency={cart.currency} /></strong>
        <button type="button" class={styles.items} onClick={toSummary}>
          {items === 1 ? '1 item' : `${new Intl.NumberFormat().format(items)} items`}<span class="visually-hidden">, see what you order</span>
        </button>
      </p>
      {children}
    </div>
  );
}
