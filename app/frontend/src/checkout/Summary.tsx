import type { ComponentChildren } from 'preact';
import type { Cart, CartLine } from '../api/types';
import { openCart } from '../cart/cart';
import { attributesToTell } from '../cart/CartLineItem';
import { Button } from '../ui/Button';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import styles from './Summary.module.css';

function Line({ line, currency }: { line: CartLine; currency: string }) {
  const attributes = attributesToTell(line).map(([name, values]) => `${name}: ${values.join(', ')}`).join(' · ');
  return (
    <li class={styles.line}>
      <div class={styles.frame}>
        <Picture src={line.image} />
        <span class={styles.quantity}><span class="visually-hidden">Quantity </span>{new Intl.NumberFormat().format(line.quantity)}</span>
      </div>
      <div class={styles.what}>
        <div class={styles.top}>
          <p class={styles.name}>{line.name}</p>
          <span class={styles.sum}><Price minor={line.line_total_minor} currency={currency} /></span>
        </div>
        {attributes && <p class={styles.detail}>{attributes}</p>}
        {line.status === 'insufficient' && (
          <p class={styles.short}>{line.available > 0 ? `Only ${line.available} left` : 'Sold out'}</p>
        )}
        {line.status === 'unavailable' && <p class={styles.short}>No longer sold</p>}
        {line.price_when_added_minor !== line.unit_price_minor && (
          <p class={styles.detail}>Price changed: <Price minor={line.unit_price_minor} before={line.price_when_added_minor} currency={currency} /></p>
        )}
      </div>
    </li>
  );
}

// What is bought, and for how much. `children` is what one can do about it.
export function Summary({ cart, editable, children }: { cart: Cart; editable: boolean; children?: ComponentChildren }) {
  return (
    <section class={styles.summary} aria-labelledby="summary">
      <div class={styles.head}>
        <h2 id="summary" tabIndex={-1}>Your order</h2>
        {editable && <Button kind="quiet" size="small" onClick={openCart}>Edit cart</Button>}
      </div>
      <ul class={styles.lines} tabIndex={cart.lines.length > 5 ? 0 : undefined} aria-label="Items">
        {cart.lines.map((line) => <Line key={line.product_id} line={line} currency={cart.currency} />)}
      </ul>
      <dl class={styles.sums}>
        <div><dt>Items</dt><dd><Price minor={cart.total_minor} currency={cart.currency} /></dd></div>
        <div><dt>Delivery</dt><dd>Free</dd></div>
        <div class={styles.total}><dt>Total</dt><dd><Price minor={cart.total_minor} currency={cart.currency} /></dd></div>
      </dl>
      {children}
    </section>
  );
}
