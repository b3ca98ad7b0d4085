import { Link } from 'wouter-preact';
import { api } from '../../api/client';
import type { Product } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Badge } from '../../ui/Badge';
import { Button, ButtonLink } from '../../ui/Button';
import { Time } from '../../ui/Dates';
import { EmptyState } from '../../ui/EmptyState';
import { Select } from '../../ui/Field';
import { Package, Plus, Search, Upload } from '../../ui/icons';
import { Picture } from '../../ui/Picture';
import { Price } from '../../ui/Price';
import { FilterInput, PagedTable, useFilters, usePages } from '../common/list';
import { count, Filters } from '../common/parts';
import styles from './products.module.css';

const orders = { '': 'Featured', newest: 'Newest', name: 'Name', price_asc: 'Price, lowest first', price_desc: 'Price, highest first' } as const;
type Sort = Exclude<keyof typeof orders, ''>;

// A picture and a name, as tables show a product.
export function ProductName({ product, href }: { product: { name: string; sku: string; image?: string }; href: string }) {
  return (
    <span class={styles.product}>
      <Picture src={product.image} class={styles.thumb} />
      <span class={styles.names}>
        <Link href={href} class={styles.name}>{product.name}</Link>
        <span class={styles.sku}>{product.sku}</span>
      </span>
    </span>
  );
}

function Available({ of }: { of: Product }) {
  if (of.available === undefined) return <span title="Inventory does not say at the moment">–</span>;
  return of.available === 0 ? <Badge tone="danger">Sold out</Badge> : <>{count(of.available)}</>;
}

export function ProductsPage() {
  const { values, set, any, clear } = useFilters('search', 'sort');
  const sort = values.sort in orders ? (values.sort as Sort | '') : '';
  const pages = usePages<Product>(['products', values.search, sort], (cursor, signal) =>
    api.get('/products', { query: { search: values.search, sort: sort || undefined, limit: 25, cursor }, signal }));
  return (
    <Page
      title="Products" heading="Products"
      actions={
        <>
          <ButtonLink href={links.office('products/import')}><Upload size={18} aria-hidden="true" />Import</ButtonLink>
          <ButtonLink kind="primary" href={links.office('products/new')}><Plus size={18} aria-hidden="true" />New product</ButtonLink>
        </>
      }
    >
      <Filters>
        <FilterInput label="Search" placeholder="Name, SKU, brand…" value={values.search} onChange={(to) => set('search', to)} />
        <Select label="Order" value={sort} onChange={(event) => set('sort', event.currentTarget.value)}>
          {Object.entries(orders).map(([value, label]) => (
            <option key={value} value={value}>{value === '' && values.search ? 'Best match' : label}</option>
          ))}
        </Select>
      </Filters>
      <PagedTable
        pages={pages} what="Products" keyOf={(p) => p.id}
        columns={[
          { label: 'Product', main: true, render: (p) => <ProductName product={p} href={links.office(`products/${p.id}`)} /> },
          {
            label: 'Price', numeric: true,
            render: (p) => p.price_range
              ? <Price minor={p.price_range.min_minor} to={p.price_range.max_minor} currency={p.currency} />
              : <Price minor={p.price_minor} currency={p.currency} />,
          },
          { label: 'Available', numeric: true, render: (p) => <Available of={p} /> },
          { label: 'Variants', numeric: true, render: (p) => (p.variants_count > 0 ? count(p.variants_count) : '–') },
          { label: 'Changed', render: (p) => <span class={styles.when}><Time at={p.updated_at} show="date" /></span> },
        ]}
        empty={
          any ? (
            <EmptyState title="No product is like that" icon={<Search size={28} />} actions={<Button onClick={clear}>Show all products</Button>}>
              <p>Nothing is found for “{values.search}”.</p>
            </EmptyState>
          ) : (
            <EmptyState
              title="The shelves are empty" icon={<Package size={28} />}
              actions={<ButtonLink kind="primary" href={links.office('products/new')}>Make the first product</ButtonLink>}
            >
              <p>Make a product here, or import a whole catalogue from a file.</p>
            </EmptyState>
          )
        }
      />
    </Page>
  );
}
