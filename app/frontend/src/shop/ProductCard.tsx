import { Link } from 'wouter-preact';
import type { Product } from '../api/types';
import { links } from '../shell/links';
import { Badge } from '../ui/Badge';
import { cx } from '../ui/cx';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import styles from './ProductCard.module.css';

export function ProductCard({ product, eager }: { product: Product; eager?: boolean }) {
  const out = product.available === 0;
  return (
    <article class={cx(styles.card, out && styles.out)}>
      <div class={styles.frame}>
        <Picture src={product.image} eager={eager} />
        {out && <span class={styles.badge}><Badge>Sold out</Badge></span>}
      </div>
      {product.brand && <p class={styles.brand}>{product.brand}</p>}
      <h3 class={styles.name}><Link href={links.product(product.slug)}>{product.name}</Link></h3>
      <p class={styles.price}>
        <Price minor={product.price_range?.min_minor ?? product.price_minor} to={product.price_range?.max_minor} currency={product.currency} />
      </p>
    </article>
  );
}

export function ProductGrid({ products }: { products: readonly Product[] }) {
  return (
    <ul class={styles.grid}>
      {products.map((product, index) => <li key={product.id}><ProductCard product={product} eager={index < 4} /></li>)}
    </ul>
  );
}

export function ProductGridSkeleton({ count = 8 }: { count?: number }) {
  return (
    <SkeletonGroup label="Loading products">
      <div class={styles.grid}>
        {Array.from({ length: count }, (_, index) => (
          <div key={index}><Skeleton shape="square" /><Skeleton width="40%" /><Skeleton width="80%" /><Skeleton width="30%" /></div>
        ))}
      </div>
    </SkeletonGroup>
  );
}
