import { useQuery } from '@tanstack/preact-query';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation, useParams, useSearch } from 'wouter-preact';
import { ApiError } from '../api/error';
import { categoriesQuery } from '../api/queries';
import type { Category, ProductDetail, Variant } from '../api/types';
import { addToCart, cart, openCart, useCart } from '../cart/cart';
import { links } from '../shell/links';
import { Page } from '../shell/Page';
import { Badge } from '../ui/Badge';
import { Breadcrumbs } from '../ui/Breadcrumbs';
import { Button, ButtonLink } from '../ui/Button';
import { cx } from '../ui/cx';
import { EmptyState } from '../ui/EmptyState';
import { Loaded } from '../ui/Loaded';
import { Compass, ShoppingBasket } from '../ui/icons';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import { QuantityStepper } from '../ui/QuantityStepper';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { Availability } from './Availability';
import { addressOf, inOrder, labelOf } from './listing';
import { productQuery, shelfQuery, stockQuery } from './queries';
import { Shelf } from './Shelf';
import { VariantChooser } from './VariantChooser';
import { type Selection, Variants } from './variants';
import styles from './ProductPage.module.css';

// Paragraphs, and lists where an importer has left bullets in the text.
function Description({ text }: { text: string }) {
  return (
    <>
      {text.split(/\n+/).filter((paragraph) => paragraph.trim() !== '').map((paragraph, at) => {
        const [before = '', ...points] = paragraph.split(/\s*•\s*/).map((part) => part.trim());
        return (
          <div key={at} class={styles.paragraph}>
            {before && <p>{before}</p>}
            {points.length > 0 && <ul>{points.filter(Boolean).map((point) => <li key={point}>{point}</li>)}</ul>}
          </div>
        );
      })}
    </>
  );
}

function Attributes({ product, variant }: { product: ProductDetail; variant: Variant | undefined }) {
  const chosen = variant?.attributes ?? {};
  const offered = Object.entries(product.variant_attributes ?? {}).map(([name, values]) => [name, inOrder(values.map((v) => v.value), (v) => v)] as const);
  const all = new Map<string, string[]>([...offered, ...Object.entries(chosen), ...Object.entries(product.attributes)]);
  const shown = [...all].filter(([, values]) => values.length > 0);
  return (
    <table class={styles.attributes}>
      <caption class="visually-hidden">Details</caption>
      <tbody>
        {shown.map(([name, values]) => <tr key={name}><th scope="row">{labelOf(name)}</th><td>{values.join(', ')}</td></tr>)}
        <tr><th scope="row">Article</th><td>{variant?.sku ?? product.sku}</td></tr>
      </tbody>
    </table>
  );
}

// The nearest category around the product that has neighbours to show.
function laneOf(product: ProductDetail, categories: readonly Category[]): string {
  const parts = product.categories[0]?.split('/') ?? [];
  let lane = '';
  let level = categories;
  for (const name of parts) {
    const found = level.find((c) => c.name === name);
    if (!found || (lane !== '' && found.count < 6)) break;
    lane = found.path;
    level = found.children;
  }
  return lane;
}

function Related({ product }: { product: ProductDetail }) {
  const categories = useQuery(categoriesQuery);
  const home = product.categories[0];
  const lane = laneOf(product, categories.data?.items ?? []);
  const query = useQuery({ ...shelfQuery({ category: [lane] }, 24), enabled: lane !== '' });
  if (lane === '') return null;
  const near = (categories: string[]) => (categories.includes(home!) ? 0 : 1);
  return (
    <Shelf
      title={`More in ${lane.split('/').at(-1)}`} query={query}
      pick={(products) => products.filter((p) => p.id !== product.id).sort((a, b) => near(a.categories) - near(b.categories))}
      all={{ label: 'See all', href: links.category(lane) }}
    />
  );
}

function Bought({ product, complete }: { product: ProductDetail; complete: boolean }) {
  const [, navigate] = useLocation();
  const search = useSearch();
  const [missing, setMissing] = useState<string[]>([]);
  const [wanted, setWanted] = useState(1);
  const buy = useRef<HTMLDivElement>(null);
  useCart();

  const ids = product.variants_count === 0 ? [product.id] : product.variants.map((v) => v.id);
  const stock = useQuery(stockQuery(complete ? ids : []));
  // A failed look makes what was known before unknown; what inventory has never heard of isn't there.
  const availableOf = (id: string) => (stock.error || !stock.data ? undefined : (stock.data.get(id)?.available ?? 0));
  const variants = new Variants(product, product.variants, availableOf);
  const selection: Selection = product.variants_count > 0 ? variants.selectionOf(Object.fromEntries(new URLSearchParams(search))) : {};
  const variant = product.variants_count > 0 ? variants.variantOf(selection) : undefined;
  const target = product.variants_count > 0 ? variant : product;

  const candidates = product.variants_count > 0 ? variants.candidates(selection) : [];
  const amounts = target ? [availableOf(target.id)] : candidates.map((v) => availableOf(v.id));
  const available = amounts.some((a) => a === undefined) ? undefined : amounts.reduce<number>((sum, a) => sum + a!, 0);
  const prices = candidates.map((v) => v.price_minor);
  const inCart = cart.value?.lines.find((l) => l.product_id === target?.id)?.quantity ?? 0;
  const left = available === undefined || !target ? undefined : Math.max(0, available - inCart);
  const most = Math.max(1, Math.min(1000 - inCart, left ?? 1000));
  const quantity = Math.min(wanted, most);
  const soldOut = available === 0;
  const allInCart = !soldOut && left === 0;

  const choose = (name: string, value: string) => {
    const next = variants.choose(selection, name, value);
    setMissing(missing.filter((m) => m !== name));
    const text = new URLSearchParams(next).toString();
    navigate(`${location.pathname}${text ? `?${text}` : ''}`, { replace: true });
  };
  const add = () => {
    if (!target) {
      const names = variants.missing(selection);
      setMissing(names);
      buy.current?.querySelector<HTMLElement>(`input[data-attribute="${CSS.escape(names[0] ?? '')}"]`)?.focus();
      return;
    }
    void addToCart({
      id: target.id, sku: target.sku, name: target.name, image: target.image ?? product.image,
      price_minor: target.price_minor, currency: product.currency, attributes: target.attributes,
    }, quantity);
    setWanted(1);
    openCart();
  };

  return (
    <div class={styles.buy} ref={buy}>
      <p class={styles.price}>
        {target
          ? <Price minor={target.price_minor} currency={product.currency} />
          : <Price
              minor={prices.length > 0 ? Math.min(...prices) : (product.price_range?.min_minor ?? product.price_minor)}
              to={prices.length > 0 ? Math.max(...prices) : product.price_range?.max_minor} currency={product.currency}
            />}
      </p>
      {product.variants_count > 0 && (
        <VariantChooser groups={variants.groups(selection)} selection={selection} missing={missing} onChoose={choose} />
      )}
      <Availability available={available} loading={!complete || (stock.isFetching && !stock.error)} several={!target} />
      <div class={styles.add}>
        <QuantityStepper value={quantity} max={most} onChange={setWanted} label={`Quantity of ${product.name}`} disabled={soldOut || allInCart} />
        <Button
          kind="primary" size="large" class={styles.button} onClick={add} busy={!complete}
          disabled={soldOut || allInCart}
        >
          <ShoppingBasket size={20} aria-hidden="true" />{soldOut ? 'Sold out' : 'Add to cart'}
        </Button>
      </div>
      {inCart > 0 && (
        <p class={styles.inCart}>
          {allInCart ? `All ${inCart} that there are, are in your cart.` : `${inCart} in your cart already.`} <Button kind="quiet" size="small" onClick={openCart}>Show cart</Button>
        </p>
      )}
      {soldOut && candidates.length <= 1 && product.variants.some((v) => (availableOf(v.id) ?? 0) > 0) && (
        <p class={styles.inCart}>Other choices are in stock.</p>
      )}
    </div>
  );
}

const waiting = (
  <SkeletonGroup label="Loading the product">
    <div class={styles.product}>
      <Skeleton shape="square" class={styles.frame} />
      <div class={styles.words}>
        <Skeleton width="30%" /><Skeleton shape="title" width="90%" height="2.5rem" /><Skeleton shape="title" width="25%" />
        <Skeleton shape="block" /><Skeleton /><Skeleton /><Skeleton width="70%" />
      </div>
    </div>
  </SkeletonGroup>
);

function Gone() {
  const shelf = useQuery(shelfQuery({}, 12));
  return (
    <Page title="No longer sold">
      <EmptyState
        heading="h1" title="This stall is empty" icon={<Compass size={28} />}
        actions={<><ButtonLink href="/search" kind="primary">See everything</ButtonLink><ButtonLink href={links.home}>To the market</ButtonLink></>}
      >
        <p>The product is no longer sold, or the address has a slip in it.</p>
      </EmptyState>
      <Shelf title="Or one of these" query={shelf} />
    </Page>
  );
}

export function ProductPage() {
  const { slug: raw = '' } = useParams();
  const [, navigate] = useLocation();
  let slug = raw;
  try {
    slug = decodeURIComponent(raw);
  } catch {
    // Then it is no product's.
  }
  const query = useQuery(productQuery(slug));
  const product = query.data;
  const parent = useQuery({ ...productQuery(product?.variant_of ?? ''), enabled: product?.variant_of !== undefined });

  // An address by id leads to the product's own, a variant's to its parent's with the variant chosen.
  useEffect(() => {
    if (!product || query.isPlaceholderData) return;
    if (product.variant_of !== undefined) {
      const whole = parent.data;
      if (!whole || parent.isPlaceholderData) return;
      const own = whole.variants.find((v) => v.id === product.id);
      const chosen = own ? new Variants(whole, whole.variants, () => undefined).selectionFor(own) : {};
      navigate(`${links.product(whole.slug)}?${new URLSearchParams(chosen)}`, { replace: true });
    } else if (product.slug !== slug) {
      navigate(`${links.product(product.slug)}${location.search}`, { replace: true });
    }
  }, [product, parent.data, query.isPlaceholderData, parent.isPlaceholderData]);

  const gone = [query.error, parent.error].some((error) => error instanceof ApiError && error.kind === 'missing');
  if (gone && (!product || product.variant_of !== undefined || query.error)) return <Gone />;

  const leading = product?.variant_of !== undefined || (product !== undefined && product.slug !== slug);
  const parts = product?.categories[0]?.split('/') ?? [];
  const shown = leading ? { ...query, data: undefined, error: parent.error } : query;
  return (
    <Page
      title={leading ? undefined : (product?.name ?? (query.error ? 'Product' : undefined))}
      above={
        product && !leading
          ? <Breadcrumbs items={[{ label: 'Market', href: links.home }, ...parts.map((label, at) => ({ label, href: links.category(parts.slice(0, at + 1).join('/')) })), { label: product.name }]} />
          : shown.error ? undefined : <Skeleton width="14rem" />
      }
    >
      <Loaded query={shown} skeleton={waiting} what="The product" heading="h1">
        {(it) => <Product product={it} complete={!query.isPlaceholderData} />}
      </Loaded>
    </Page>
  );
}

function Product({ product, complete }: { product: ProductDetail; complete: boolean }) {
  const search = useSearch();
  const variants = new Variants(product, product.variants, () => undefined);
  const variant = product.variants_count > 0 ? variants.variantOf(variants.selectionOf(Object.fromEntries(new URLSearchParams(search)))) : undefined;
  const second = product.categories.slice(1);
  return (
    <>
      <article class={styles.product}>
        <div class={styles.frame}><Picture src={variant?.image ?? product.image} name={product.name} alt={product.image ? product.name : ''} eager /></div>
        <div class={styles.words}>
          <div>
            {product.brand && <Link href={addressOf({ brands: [product.brand] })} class={styles.brand}>{product.brand}</Link>}
            <h1 class={cx(styles.name, product.name.length > 60 && styles.long)}>{product.name}</h1>
          </div>
          <Bought product={product} complete={complete} />
          <section class={styles.about} aria-label="Description">
            <Description text={product.description} />
            <Attributes product={product} variant={variant} />
            {second.length > 0 && (
              <ul class={styles.also} aria-label="Also in">
                {second.map((path) => <li key={path}><Link href={links.category(path)}><Badge>{path.split('/').at(-1)}</Badge></Link></li>)}
              </ul>
            )}
          </section>
        </div>
      </article>
      <div class={styles.related}><Related product={product} /></div>
    </>
  );
}
