import { Button } from '../ui/Button';
import { ShoppingBasket } from '../ui/icons';
import { cartCount, drawerOpen, openCart } from './cart';
import styles from './CartButton.module.css';

export function CartButton() {
  const count = cartCount.value;
  const shown = new Intl.NumberFormat(undefined, { notation: count > 9999 ? 'compact' : 'standard' }).format(count);
  return (
    <Button
      class={styles.cart} onClick={openCart} aria-haspopup="dialog" aria-expanded={drawerOpen.value}
      aria-label={count === 0 ? 'Cart, empty' : `Cart, ${count} ${count === 1 ? 'item' : 'items'}`}
    >
      <ShoppingBasket size={20} aria-hidden="true" />
      <span class={styles.word}>Cart</span>
      {count > 0 && <span class={styles.count} key={count}>{shown}</span>}
    </Button>
  );
}
