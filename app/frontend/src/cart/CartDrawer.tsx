import { useEffect, useRef } from 'preact/hooks';
import type { Cart } from '../api/types';
import { links } from '../shell/links';
import { Button, ButtonLink } from '../ui/Button';
import { Drawer } from '../ui/Dialog';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Lock, ShoppingBasket, Undo2 } from '../ui/icons';
import { Notice } from '../ui/Notice';
import { Price } from '../ui/Price';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { cart, cartBusy, cartMessage, closeCart, drawerOpen, putBack, useCart } from './cart';
import { CartLineItem } from './CartLineItem';
import styles from './CartDrawer.module.css';

// Why the cart can't be bought as it is.
function objection({ lines, buyable }: Cart): string | undefined {
  if (buyable) return undefined;
  const unavailable = lines.filter((l) => l.status === 'unavailable').length;
  const short = lines.filter((l) => l.status === 'insufficient').length;
  if (unavailable + short > 0) {
    const count = unavailable + short;
    return count === 1 ? 'One line needs your attention first.' : `${count} lines need your attention first.`;
  }
  return 'Prices or stock can\'t be checked just now, so nothing can be bought. Your cart is kept.';
}

function Foot({ present, onAgain, again }: { present: Cart; onAgain: () => void; again: boolean }) {
  const reason = objection(present);
  return (
    <div class={styles.foot}>
      <p class={styles.total}>
        <span>Total</span>
        <span class={styles.sum} aria-busy={cartBusy.value || undefined}><Price minor={present.total_minor} currency={present.currency} /></span>
      </p>
      {reason === undefined ? (
        <ButtonLink href={links.checkout} kind="primary" size="large" wide>Go to checkout</ButtonLink>
      ) : (
        <>
          <p id="why-not" class={styles.reason}>{reason}</p>
          {present.degraded && !present.lines.some((l) => l.status === 'unavailable' || l.status === 'insufficient')
            ? <Button size="large" wide busy={again} onClick={onAgain}>Check again</Button>
            : <Button kind="primary" size="large" wide disabled aria-describedby="why-not"><Lock size={18} aria-hidden="true" />Go to checkout</Button>}
        </>
      )}
    </div>
  );
}

export function CartDrawer() {
  const query = useCart();
  const present = cart.value;
  const lines = present?.lines ?? [];
  const message = cartMessage.value;
  const undo = useRef<HTMLDivElement>(null);
  const open = drawerOpen.value;

  // Opened, it shows what is so now.
  useEffect(() => {
    if (open && !cartBusy.value && query.isEnabled !== false) void query.refetch();
  }, [open]);

  return (
    <Drawer
      open={open} onClose={closeCart}
      title={present && present.items_count > 0 ? <>Your cart <span class={styles.count}>{present.items_count} {present.items_count === 1 ? 'item' : 'items'}</span></> : 'Your cart'}
      footer={present && lines.length > 0 && <Foot present={present} again={query.isFetching} onAgain={() => void query.refetch()} />}
    >
      <div ref={undo} class={styles.message} role="status">
        {message?.removed && (
          <p class={styles.undo}>
            <span>{message.text}</span>
            <Button size="small" onClick={() => void putBack(message.removed!)}><Undo2 size={16} aria-hidden="true" />Undo</Button>
          </p>
        )}
      </div>
      {message && !message.removed && <div class={styles.notice}><Notice tone="danger" live>{message.text}</Notice></div>}
      {present !== undefined && query.error != null && (
        <div class={styles.notice}>
          <Notice tone="warning" title="The cart can't be reached just now" actions={<Button size="small" busy={query.isFetching} onClick={() => void query.refetch()}>Try again</Button>}>
            What you see is what was in it a moment ago.
          </Notice>
        </div>
      )}
      {present?.degraded && query.error == null && (
        <div class={styles.notice}><Notice tone="warning" live>Part of the store does not answer. Prices and stock may be old until it does.</Notice></div>
      )}
      {present === undefined && query.error != null ? (
        <ErrorState error={query.error} what="Cart" heading="h3" onRetry={() => void query.refetch()} busy={query.isFetching} />
      ) : present === undefined && query.isFetching ? (
        <SkeletonGroup label="Loading the cart">
          {[0, 1].map((at) => <div key={at} class={styles.waiting}><Skeleton shape="square" /><div><Skeleton /><Skeleton width="40%" /><Skeleton shape="title" width="80%" /></div></div>)}
        </SkeletonGroup>
      ) : lines.length === 0 ? (
        <EmptyState
          title="Nothing in it yet" icon={<ShoppingBasket size={28} />} heading="h3"
          actions={<Button kind="primary" onClick={closeCart}>Look around</Button>}
        >
          <p>What you add waits here, for thirty days.</p>
        </EmptyState>
      ) : (
        <ul class={styles.lines} aria-label="Lines">
          {lines.map((line) => (
            <CartLineItem
              key={line.product_id} line={line} currency={present!.currency}
              onRemoved={() => requestAnimationFrame(() => undo.current?.querySelector('button')?.focus())}
            />
          ))}
        </ul>
      )}
    </Drawer>
  );
}
