import type { UseQueryResult } from '@tanstack/preact-query';
import { Link } from 'wouter-preact';
import type { Product, ProductPage } from '../api/types';
import { links } from '../shell/links';
import { ButtonLink } from '../ui/Button';
import { cx } from '../ui/cx';
import { Picture } from '../ui/Picture';
import styles from './Hero.module.css';

const stalls = 5;

// From different parts of the market, and to be had.
export function shownOf(products: readonly Product[]): Product[] {
  const shown: Product[] = [];
  const seen = new Set<string | undefined>();
  for (const product of products) {
    const part = product.categories[0]?.split('/')[0];
    if (product.available === 0 || (!product.image && products.some((p) => p.image)) || seen.has(part)) continue;
    seen.add(part);
    shown.push(product);
    if (shown.length === stalls) break;
  }
  return shown;
}

// On a cord of its own length.
const Lantern = ({ cord, class: own }: { cord: number; class?: string | undefined }) => (
  <svg viewBox={`0 ${-cord} 24 ${56 + cord}`} class={own} aria-hidden="true">
    <path d={`M12 ${-cord}v${cord + 20}`} stroke="currentColor" stroke-width="1" opacity=".5" />
    <path d="M8 21h8l1.5 3h-11z" fill="currentColor" />
    <path d="M6 25c-3 6-3 13 0 19h12c3-6 3-13 0-19z" fill="#ffc65c" />
    <path d="M9.5 25c-1.2 6-1.2 13 0 19M14.5 25c1.2 6 1.2 13 0 19M4 34.5h16" stroke="#a2590c" stroke-width=".9" fill="none" />
    <path d="M6.5 45h11L15 49H9z" fill="currentColor" />
    <path d="M12 49v6" stroke="currentColor" stroke-width="1.5" />
  </svg>
);

const count = new Intl.NumberFormat();

export function Hero({ query, categories }: { query: UseQueryResult<ProductPage, Error>; categories: number | undefined }) {
  const { data, error } = query;
  const shown = data ? shownOf(data.items) : undefined;
  const facts = [
    data?.total !== undefined && `${count.format(data.total)}${data.total_is_at_least ? '+' : ''} finds`,
    data?.facets && data.facets.brand.length > 1 && `${data.facets.brand.length}${data.facets.brand.length >= 20 ? '+' : ''} makers`,
    categories !== undefined && categories > 1 && `${categories} lanes`,
  ].filter(Boolean);
  return (
    <div class={styles.hero}>
      {/* The ogee that clips the stalls here and the categories' tiles below. */}
      <svg width="0" height="0" class={styles.shapes} aria-hidden="true">
        <clipPath id="souk-arch" clipPathUnits="objectBoundingBox">
          <path d="M0 1V.432C0 .232.315.184.5 0C.685.184 1 .232 1 .432V1Z" />
        </clipPath>
      </svg>
      <div class={styles.inner}>
        <div class={styles.words}>
          <h1 class={styles.title}>Small things, <span>well made</span></h1>
          <p class={styles.lead}>Spices and teapots, lamps that throw patterns on the wall, tools to hand down. Come in, the lanterns are lit.</p>
          <div class={styles.actions}>
            <ButtonLink href="/search" kind="primary" size="large" class={styles.enter}>Look around</ButtonLink>
            <ButtonLink href="/search?sort=newest" kind="quiet" size="large" class={styles.newest}>What is new</ButtonLink>
          </div>
          <p class={styles.facts}>{facts.join(' · ') || ' '}</p>
        </div>
        <div class={styles.wall}>
          <Lantern cord={52} class={cx(styles.lantern, styles.first)} />
          <Lantern cord={16} class={cx(styles.lantern, styles.second)} />
          <Lantern cord={70} class={cx(styles.lantern, styles.third)} />
          <ul class={styles.arcade} aria-label="From the stalls">
            {Array.from({ length: stalls }, (_, index) => {
              const product = shown?.[index];
              return (
                <li key={index} class={styles.stall}>
                  <span class={cx(styles.arch, !shown && !error && styles.waiting)}>
                    {product && <Picture src={product.image} name={product.name} eager />}
                  </span>
                  {product && <Link href={links.product(product.slug)} class={styles.link}><span class="visually-hidden">{product.name}</span></Link>}
                </li>
              );
            })}
          </ul>
        </div>
      </div>
    </div>
  );
}
