import { Link } from 'wouter-preact';
import type { Product } from '../api/types';
import { links } from '../shell/links';
import { Badge } from '../ui/Badge';
import { cx } from '../ui/cx';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { labelOf } from './listing';
import styles from './ProductCard.module.css';

type Heading = 'h2' | 'h3';

// "3 sizes", "5 colors": what there is to choose from.
function choices(product: Product): string | undefined {
  if (product.variants_count < 2) return undefined;
  const several = Object.entries(product.variant_attributes ?? {}).filter(([, values]) => values.length > 1);
  if (several.length === 0) return `${product.variants_count} variants`;
  return several.slice(0, 2).map(([name, values]) => {
    const label = labelOf(name).toLowerCase();
    return `${values.length} ${/[^aeiou]y$/.test(label) ? `${label.slice(0, -1)}ies` : /(s|x|ch|sh)$/.test(label) ? `${label}es` : `${label}s`}`;
  }).join(', ');
}

export function ProductCard({ product, eager, heading: Heading = 'h2' }: { product: Product; eager?: boolean; heading?: Heading }) {
  const out = product.available === 0;
  const choice = choices(product);
  return (
    <article class={cx(styles.card, out && styles.out)}>
      <div class={styles.frame}>
        <Picture src={product.image} name={product.name} eager={eager} />
        {out && <span class={styles.badge}><Badge>Sold out</Badge></span>}
        {!out && product.available !== undefined && product.available <= 5 && (
          <span class={styles.badge}><Badge tone="warning">Only {product.available} left</Badge></span>
        )}
      </div>
      {product.brand && <p class={styles.brand}>{product.brand}</p>}
      <Heading class={styles.name}><Link href={links.product(product.slug)}>{product.name}</Link></Heading>
      <p class={styles.line}>
        <span class={styles.price}>
          <Price minor={product.price_range?.min_minor ?? product.price_minor} to={product.price_range?.max_minor} currency={product.currency} />
        </span>
        {choice && <span class={styles.choices}>{choice}</span>}
      </p>
    </article>
  );
}

export function ProductGrid({ products, heading }: { products: readonly Product[]; heading?: Heading }) {
  return (
    <ul class={styles.grid}>
      {products.map((product, index) => <li key={product.id}><ProductCard product={product} eager={index < 4} heading={heading} /></li>)}
    </ul>
  );
}

export const CardSkeleton = () => (
  <div class={styles.waiting}><Skeleton shape="square" class={styles.square} /><Skeleton width="40%" /><Skeleton width="85%" /><Skeleton width="30%" /></div>
);

export function ProductGridSkeleton({ count = 8 }: { count?: number }) {
  return (
    <SkeletonGroup label="Loading products">
      <div class={styles.grid}>{Array.from({ length: count }, (_, index) => <CardSkeleton key={index} />)}</div>
    </SkeletonGroup>
  );
}
