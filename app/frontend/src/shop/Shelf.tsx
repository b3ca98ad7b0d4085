import type { UseQueryResult } from '@tanstack/preact-query';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { Product, ProductPage } from '../api/types';
import { Button } from '../ui/Button';
import { cx } from '../ui/cx';
import { describe } from '../ui/describe';
import { ArrowRight } from '../ui/icons';
import { Notice } from '../ui/Notice';
import { SkeletonGroup } from '../ui/Skeleton';
import { CardSkeleton, ProductCard } from './ProductCard';
import styles from './Shelf.module.css';

interface Props {
  title: ComponentChildren;
  query: UseQueryResult<ProductPage, Error>;
  // Which of the products, if not all.
  pick?: (products: Product[]) => Product[];
  rows?: 1 | 2;
  all?: { label: string; href: string } | undefined;
}

// A row of products; on a phone it is drawn sideways.
export function Shelf({ title, query, pick, rows = 1, all }: Props) {
  const heading = useId();
  const { data, error } = query;
  const products = data && (pick ? pick(data.items) : data.items).slice(0, rows * 5);
  if (products?.length === 0) return null;
  return (
    <section class={styles.shelf} aria-labelledby={heading}>
      <div class={styles.head}>
        <h2 id={heading}>{title}</h2>
        {all && products && <Link href={all.href} class={styles.all}>{all.label}<ArrowRight size={16} aria-hidden="true" /></Link>}
      </div>
      {products ? (
        <ul class={cx(styles.row, rows === 2 && styles.two)}>
          {products.map((product) => <li key={product.id}><ProductCard product={product} heading="h3" /></li>)}
        </ul>
      ) : error ? (
        <Notice tone="warning" title="This shelf can't be shown just now" actions={<Button size="small" busy={query.isFetching} onClick={() => void query.refetch()}>Try again</Button>}>
          {describe(error).text}
        </Notice>
      ) : (
        <SkeletonGroup label="Loading products">
          <div class={cx(styles.row, rows === 2 && styles.two)}>{Array.from({ length: rows * 5 }, (_, index) => <CardSkeleton key={index} />)}</div>
        </SkeletonGroup>
      )}
    </section>
  );
}
