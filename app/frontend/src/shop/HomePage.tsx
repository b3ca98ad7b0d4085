import { useQuery } from '@tanstack/preact-query';
import { Link } from 'wouter-preact';
import { categoriesQuery } from '../api/queries';
import type { Product, ProductPage } from '../api/types';
import { links } from '../shell/links';
import { Page } from '../shell/Page';
import { Button } from '../ui/Button';
import { describe } from '../ui/describe';
import { Activity, Lock, ShieldCheck } from '../ui/icons';
import { wholeMoney } from '../ui/money';
import { Notice } from '../ui/Notice';
import { CategoryTiles } from './CategoryTiles';
import { Hero, shownOf } from './Hero';
import { addressOf } from './listing';
import { shelfQuery } from './queries';
import { Shelf } from './Shelf';
import styles from './HomePage.module.css';

const words = [
  { icon: ShieldCheck, title: 'In the basket means yours', text: 'What you order is set aside while you pay. Nothing is sold twice.' },
  { icon: Lock, title: 'Paid once, whatever happens', text: 'Click twice, reload, lose the network: one order, one charge.' },
  { icon: Activity, title: 'Look behind the counter', text: 'Watch the services at work while you shop.', href: links.system },
];

// A round price below which there is a shelf full, from the counts of the whole catalogue.
function smallPrice(page: ProductPage): number | undefined {
  let found = 0;
  for (const range of page.facets?.price ?? []) {
    found += range.count;
    if (found >= 10) return range.max_minor;
  }
  return undefined;
}

// What stands in the arcade above needs no second place.
function notInHero(products: Product[]): Product[] {
  const above = shownOf(products);
  return products.length > 20 ? products.filter((p) => !above.includes(p)) : products;
}

export function HomePage() {
  // One question serves the arcade, the categories' pictures, the first shelf and the makers.
  const featured = useQuery(shelfQuery({}, 100));
  const newest = useQuery(shelfQuery({ sort: 'newest' }, 12));
  const categories = useQuery(categoriesQuery);
  const most = featured.data && smallPrice(featured.data);
  const small = useQuery({ ...shelfQuery({ max_price: most }, 12), enabled: most !== undefined });
  const currency = featured.data?.items[0]?.currency;
  const makers = featured.data?.facets?.brand ?? [];
  const failed = featured.error ?? categories.error;
  return (
    <>
      <Hero query={featured} categories={categories.data?.items.length} />
      <Page title="">
        <div class={styles.home}>
          {failed && (!featured.data || !categories.data) ? (
            <Notice
              tone="warning" live title="The stalls are hard to see just now"
              actions={<Button size="small" busy={featured.isFetching || categories.isFetching} onClick={() => { void featured.refetch(); void categories.refetch(); void newest.refetch(); }}>Try again</Button>}
            >
              {describe(failed).text}
            </Notice>
          ) : (
            <CategoryTiles categories={categories.data?.items} products={featured.data?.items} />
          )}
          {!featured.error && <Shelf title="Picked from the stalls" query={featured} pick={notInHero} rows={2} all={{ label: 'Everything in the market', href: '/search' }} />}
          <ul class={styles.words}>
            {words.map(({ icon: Icon, title, text, href }) => (
              <li key={title}>
                <Icon size={26} aria-hidden="true" />
                <div><p class={styles.wordsTitle}>{href ? <Link href={href}>{title}</Link> : title}</p><p>{text}</p></div>
              </li>
            ))}
          </ul>
          {!newest.error && <Shelf title="Just unpacked" query={newest} all={{ label: 'All by newest', href: addressOf({ sort: 'newest' }) }} />}
          {most !== undefined && currency && (
            <Shelf
              title={`Under ${wholeMoney(most + 1, currency)}`} query={small}
              all={{ label: `All under ${wholeMoney(most + 1, currency)}`, href: addressOf({ max: most }) }}
            />
          )}
          {makers.length > 1 && (
            <section class={styles.makers} aria-labelledby="makers">
              <h2 id="makers">Makers of the lane</h2>
              <ul class={styles.names}>
                {makers.map(({ value, count }) => (
                  <li key={value}>
                    <Link href={addressOf({ brands: [value] })}>{value}<span class={styles.count}> {count}<span class="visually-hidden"> products</span></span></Link>
                  </li>
                ))}
              </ul>
            </section>
          )}
        </div>
      </Page>
    </>
  );
}
