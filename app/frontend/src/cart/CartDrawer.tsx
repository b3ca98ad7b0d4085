import { Link } from 'wouter-preact';
import { links } from '../shell/links';
import { Button, ButtonLink, IconButton } from '../ui/Button';
import { Drawer } from '../ui/Dialog';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { ShoppingBasket, Trash2 } from '../ui/icons';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import { QuantityStepper } from '../ui/QuantityStepper';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { cart, closeCart, drawerOpen, removeLine, setQuantity, useCart } from './cart';
import styles from './CartDrawer.module.css';

export function CartDrawer() {
  const query = useCart();
  const present = cart.value;
  const lines = present?.lines ?? [];
  return (
    <Drawer
      open={drawerOpen.value} onClose={closeCart} title="Your cart"
      footer={present && lines.length > 0 && (
        <div class={styles.foot}>
          <p class={styles.total}><span>Total</span><Price minor={present.total_minor} currency={present.currency} /></p>
          <ButtonLink href={links.checkout} kind="primary" size="large" wide>Go to checkout</ButtonLink>
        </div>
      )}
    >
      {present === undefined && query.error != null ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} busy={query.isFetching} />
      ) : present === undefined && query.isFetching ? (
        <SkeletonGroup label="Loading the cart"><Skeleton shape="block" /></SkeletonGroup>
      ) : lines.length === 0 ? (
        <EmptyState
          title="Nothing in it yet" icon={<ShoppingBasket size={28} />} heading="h3"
          actions={<Button kind="primary" onClick={closeCart}>Look around</Button>}
        />
      ) : (
        <ul class={styles.lines}>
          {lines.map((line) => (
            <li key={line.product_id} class={styles.line}>
              <Picture src={line.image} class={styles.picture} />
              <div class={styles.what}>
                <Link href={links.product(line.product_id)} class={styles.name}>{line.name}</Link>
                <div class={styles.row}>
                  <QuantityStepper value={line.quantity} label={`Quantity of ${line.name}`} onChange={(quantity) => void setQuantity(line, quantity)} />
                  <IconButton label={`Remove ${line.name}`} onClick={() => void removeLine(line)}><Trash2 size={18} aria-hidden="true" /></IconButton>
                  <span class={styles.price}><Price minor={line.line_total_minor} currency={present!.currency} /></span>
                </div>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Drawer>
  );
}
