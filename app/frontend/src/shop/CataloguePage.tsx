import { useInfiniteQuery, useQuery } from '@tanstack/preact-query';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation, useSearch } from 'wouter-preact';
import { categoriesQuery } from '../api/queries';
import type { Category, ProductPage } from '../api/types';
import { links } from '../shell/links';
import { phone, useMedia } from '../shell/media';
import { Page } from '../shell/Page';
import { Breadcrumbs } from '../ui/Breadcrumbs';
import { Button, ButtonLink } from '../ui/Button';
import { cx } from '../ui/cx';
import { describe } from '../ui/describe';
import { Drawer } from '../ui/Dialog';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Select } from '../ui/Field';
import { Compass, Search, SlidersHorizontal, X } from '../ui/icons';
import { LoadMore } from '../ui/LoadMore';
import { Notice } from '../ui/Notice';
import { Skeleton } from '../ui/Skeleton';
import { Facets, priceLabel } from './Facets';
import { addressOf, type Chip, chipsOf, type Listing, listingOf, type Sort, unfiltered } from './listing';
import { ProductGrid, ProductGridSkeleton } from './ProductCard';
import { listingQuery, shelfQuery } from './queries';
import { Shelf } from './Shelf';
import styles from './CataloguePage.module.css';

const sortNames: Record<Sort, string> = {
  featured: 'Featured', relevance: 'Best match', newest: 'Newest', price_asc: 'Price, low to high', price_desc: 'Price, high to low', name: 'Name',
};

const number = new Intl.NumberFormat();

function found(category: string | undefined, categories: readonly Category[] | undefined): Category | undefined {
  let level = categories;
  let here: Category | undefined;
  for (const [depth] of (category ?? '').split('/').entries()) {
    const path = category?.split('/').slice(0, depth + 1).join('/');
    here = level?.find((c) => c.path === path);
    level = here?.children;
  }
  return here;
}

function headingOf({ search, category, brands }: Listing): string {
  if (search) return `“${search}”`;
  if (category) return category.split('/').at(-1)!;
  if (brands.length === 1) return brands[0]!;
  return 'Everything in the market';
}

function crumbsOf({ search, category }: Listing) {
  const parts = category?.split('/') ?? [];
  return [
    { label: 'Market', href: links.home },
    ...(search ? [{ label: 'Search' }]
      : category ? parts.map((label, at) => ({ label, href: links.category(parts.slice(0, at + 1).join('/')) }))
      : [{ label: 'Everything' }]),
  ];
}

function Chips({ chips, onRemove, onClear }: { chips: Chip[]; onRemove: (chip: Chip) => void; onClear: () => void }) {
  return (
    <ul class={styles.chips} aria-label="Chosen filters">
      {chips.map((chip) => (
        <li key={chip.key}>
          <button type="button" class={styles.chip} onClick={() => onRemove(chip)}>
            <span class="visually-hidden">Remove filter </span><span class={styles.chipText}>{chip.label}</span><X size={16} aria-hidden="true" />
          </button>
        </li>
      ))}
      {chips.length > 1 && <li><Button kind="quiet" size="small" onClick={onClear}>Clear all</Button></li>}
    </ul>
  );
}

function Nothing({ listing, chips, onRemove, onClear, categories }: {
  listing: Listing; chips: Chip[]; onRemove: (chip: Chip) => void; onClear: () => void; categories: readonly Category[] | undefined;
}) {
  const shelf = useQuery(shelfQuery({}, 12));
  return (
    <div class={styles.nothing}>
      <EmptyState
        title={listing.search ? `Nothing found for “${listing.search}”` : 'Nothing fits all of these filters'} icon={<Search size={28} />}
        actions={chips.length > 0
          ? <Button kind="primary" onClick={onClear}>Remove all filters</Button>
          : <ButtonLink href="/search" kind="primary">See everything</ButtonLink>}
      >
        {chips.length > 0 ? (
          <>
            <p>Take one away, and there may be something:</p>
            <Chips chips={chips} onRemove={onRemove} onClear={onClear} />
          </>
        ) : (
          <p>Try another word, fewer words, or have a look in one of the lanes.</p>
        )}
      </EmptyState>
      {listing.search && (categories?.length ?? 0) > 0 && (
        <ul class={styles.lanes} aria-label="Categories">
          {categories!.slice(0, 16).map((c) => <li key={c.path}><Link href={links.category(c.path)} class={styles.pill}>{c.name}</Link></li>)}
        </ul>
      )}
      <Shelf title="Or one of these" query={shelf} />
    </div>
  );
}

export function CataloguePage() {
  const [path, navigate] = useLocation();
  const listing = listingOf(path, useSearch());
  const small = useMedia(phone);
  const categories = useQuery(categoriesQuery);
  const query = useInfiniteQuery(listingQuery(listing));
  const [drawer, setDrawer] = useState(false);
  const results = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLDivElement>(null);

  const { data, hasNextPage, isFetchingNextPage, isPlaceholderData, fetchNextPage } = query;
  const pages: ProductPage[] = data?.pages ?? [];
  const first = pages[0];
  const products = pages.flatMap((page) => page.items);
  const total = first?.total;
  const currency = products[0]?.currency ?? 'USD';

  // Someone who comes back, or was sent the address, sees as much of the list as it says.
  useEffect(() => {
    if (!isPlaceholderData && hasNextPage && !isFetchingNextPage && !query.error && pages.length > 0 && pages.length < listing.pages) void fetchNextPage();
  }, [isPlaceholderData, hasNextPage, isFetchingNextPage, query.error, pages.length, listing.pages]);

  const show = (next: Listing, replace = false) => {
    navigate(addressOf(next), { replace });
    // The new list begins where the shopper looks.
    if (!replace && results.current && results.current.getBoundingClientRect().top < 0) results.current.scrollIntoView({ block: 'start' });
  };
  const more = () => {
    const next = addressOf({ ...listing, pages: pages.length + 1 });
    // The same entry of the history: Back leaves the list.
    if (query.error) void fetchNextPage();
    else navigate(next, { replace: true });
  };
  const chips = chipsOf(listing, priceLabel(currency));
  const remove = (chip: Chip) => {
    show(chip.without);
    heading.current?.focus({ preventScroll: true });
  };
  const clear = () => {
    show({ ...unfiltered(listing), category: listing.search ? undefined : listing.category });
    heading.current?.focus({ preventScroll: true });
  };

  const title = headingOf(listing);
  const category = found(listing.category, categories.data?.items);
  const unknown = !listing.search && listing.category !== undefined && categories.data !== undefined && !category && total === 0 && chips.length === 0;
  if (unknown) {
    return (
      <Page title="Not found">
        <EmptyState
          heading="h1" title="There is no such lane" icon={<Compass size={28} />}
          actions={<><ButtonLink href="/search" kind="primary">See everything</ButtonLink><ButtonLink href={links.home}>To the market</ButtonLink></>}
        >
          <p>“{title}” is no category of this store, or no longer.</p>
        </EmptyState>
      </Page>
    );
  }

  const children = !listing.search ? (category?.children ?? []) : [];
  const counted = total === undefined ? undefined : `${first?.total_is_at_least ? 'More than ' : ''}${number.format(total)} ${total === 1 ? 'product' : 'products'}`;
  const corrected = first?.did_you_mean;
  const facets = <Facets listing={listing} facets={first?.facets} categories={categories.data?.items} currency={currency} onChange={(next) => show(next)} />;
  const filters = chips.length;
  const empty = !isPlaceholderData && first !== undefined && products.length === 0;
  // Nothing to narrow or to sort.
  const bare = empty && chips.length === 0;

  return (
    <Page title={listing.search ? `Search: ${listing.search}` : title} above={<Breadcrumbs items={crumbsOf(listing)} />}>
      <div ref={heading} tabIndex={-1} class={styles.head}>
        <h1 class={styles.title}>{listing.search ? <>Results for “{listing.search}”</> : title}</h1>
        <p class={styles.total} role="status">
          {query.error && !first ? '' : counted ?? <Skeleton width="7rem" />}
        </p>
      </div>
      {small && children.length > 0 && (
        <ul class={styles.lanes} aria-label="Sub-categories">
          {children.map((c) => (
            <li key={c.path}><Link href={links.category(c.path)} class={styles.pill}>{c.name}<span class={styles.pillCount}>{c.count}</span></Link></li>
          ))}
        </ul>
      )}
      {small && categories.isPending && listing.category && !listing.search && !listing.category.includes('/') && <Skeleton height="var(--touch)" class={styles.lanes} />}
      {corrected && products.length > 0 && (
        <div class={styles.notice}>
          <Notice tone="info" live>
            Nothing is called “{listing.search}”. These are for <Link href={addressOf({ ...listing, search: corrected, pages: 1 })}><strong>{corrected}</strong></Link>.
          </Notice>
        </div>
      )}
      <div class={cx(styles.layout, bare && styles.bare)}>
        {!small && !bare && (
          <aside class={styles.aside} aria-label="Filters">
            {first ? facets : !query.error && <div aria-hidden="true">{Array.from({ length: 9 }, (_, at) => <Skeleton key={at} shape="title" width={`${80 - (at % 3) * 15}%`} />)}</div>}
          </aside>
        )}
        <div class={styles.results} ref={results}>
          {!bare && <div class={styles.tools}>
            {small && (
              <Button onClick={() => setDrawer(true)} aria-haspopup="dialog" aria-expanded={drawer}>
                <SlidersHorizontal size={18} aria-hidden="true" />Filters{filters > 0 && <span class={styles.badge}>{filters}<span class="visually-hidden"> chosen</span></span>}
              </Button>
            )}
            {!small && chips.length > 0 && !empty && <Chips chips={chips} onRemove={remove} onClear={clear} />}
            <Select
              label="Sort by" hideLabel class={styles.sort} value={listing.sort ?? (listing.search ? 'relevance' : 'featured')}
              onChange={(event) => {
                const sort = event.currentTarget.value as Sort;
                show({ ...listing, sort: sort === (listing.search ? 'relevance' : 'featured') ? undefined : sort, pages: 1 });
              }}
            >
              {(Object.keys(sortNames) as Sort[]).filter((sort) => sort !== (listing.search ? 'featured' : 'relevance'))
                .map((sort) => <option key={sort} value={sort}>{sortNames[sort]}</option>)}
            </Select>
          </div>}
          {small && chips.length > 0 && !empty && <Chips chips={chips} onRemove={remove} onClear={clear} />}
          {first === undefined && query.error ? (
            <ErrorState error={query.error} what="The list" onRetry={() => void query.refetch()} busy={query.isFetching} />
          ) : first === undefined ? (
            <ProductGridSkeleton count={12} />
          ) : empty ? (
            <Nothing listing={listing} chips={chips} onRemove={remove} onClear={clear} categories={categories.data?.items} />
          ) : (
            <div class={cx(isPlaceholderData && styles.old)} aria-busy={isPlaceholderData || undefined}>
              {query.isRefetchError && (
                <div class={styles.notice}><Notice tone="warning" title="This may be out of date" actions={<Button size="small" onClick={() => void query.refetch()}>Try again</Button>}>{describe(query.error).text}</Notice></div>
              )}
              <ProductGrid products={products} />
              {(hasNextPage || pages.length > 1) && (
                <LoadMore
                  shown={products.length} total={total} atLeast={first.total_is_at_least} more={hasNextPage} busy={isFetchingNextPage}
                  error={query.isFetchNextPageError ? query.error : undefined} onMore={more}
                />
              )}
            </div>
          )}
        </div>
      </div>
      {small && (
        <Drawer
          open={drawer} onClose={() => setDrawer(false)} title="Filters" side="left"
          footer={
            <div class={styles.drawerFoot}>
              {chips.length > 0 && <Button onClick={() => show(unfiltered(listing))}>Clear</Button>}
              <Button kind="primary" class={styles.apply} busy={isPlaceholderData} onClick={() => setDrawer(false)}>{counted ? `Show ${counted.toLowerCase()}` : 'Show products'}</Button>
            </div>
          }
        >
          {facets}
        </Drawer>
      )}
    </Page>
  );
}
