import { Link } from 'wouter-preact';
import type { Order } from '../api/types';
import { links } from '../shell/links';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import styles from './OrderLines.module.css';

export function OrderLines({ order }: { order: Order }) {
  const returned = new Map<string, number>();
  for (const refund of order.refunds) {
    if (refund.state !== 'done' || refund.cancellation) continue;
    for (const line of refund.lines) returned.set(line.product_id, (returned.get(line.product_id) ?? 0) + line.quantity);
  }
  return (
    <ul class={styles.lines}>
      {order.lines.map((line) => {
        const back = returned.get(line.product_id);
        return (
          <li key={line.product_id} class={styles.line}>
            <Picture src={line.image} class={styles.picture} />
            <div class={styles.what}>
              <Link href={links.product(line.product_id)} class={styles.name}>{line.name}</Link>
              <p class={styles.detail}>
                {new Intl.NumberFormat().format(line.quantity)} × <Price minor={line.unit_price_minor} currency={order.currency} />
                {back !== undefined && <> · {back} sent back</>}
              </p>
            </div>
            <span class={styles.total}><Price minor={line.line_total_minor} currency={order.currency} /></span>
          </li>
        );
      })}
    </ul>
  );
}
