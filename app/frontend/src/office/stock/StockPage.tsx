import { useQuery } from '@tanstack/preact-query';
import { api } from '../../api/client';
import type { Product, Stock } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Time } from '../../ui/Dates';
import { EmptyState } from '../../ui/EmptyState';
import { Select } from '../../ui/Field';
import { Boxes } from '../../ui/icons';
import { admin } from '../admin';
import { FilterInput, PagedTable, useFilters, usePages } from '../common/list';
import { count, Filters, ShortId } from '../common/parts';
import { wholeProblem } from '../products/content';
import { ProductName } from '../products/ProductsPage';
import { namesQuery } from '../products/queries';
import styles from './stock.module.css';

const states = {
  in_stock: <Badge tone="success">In stock</Badge>,
  low: <Badge tone="warning">Low</Badge>,
  out: <Badge tone="danger">Sold out</Badge>,
};

export const StockState = ({ state }: { state: Stock['state'] }) => states[state];

// Products by what they are called: a product with variants stands for them.
async function idsOf(search: string, signal: AbortSignal): Promise<string[]> {
  const { items } = await api.get('/products', { query: { search, limit: 20 }, signal });
  const lists = await Promise.all(items.map(async (p) => (p.variants_count === 0
    ? [p.id]
    : (await api.get('/products/{id}', { path: { id: p.id }, signal })).variants.map((v) => v.id))));
  return lists.flat().slice(0, 100);
}

export function StockName({ id, product }: { id: string; product: Product | undefined }) {
  const href = links.office(`stock/${id}`);
  if (product) return <ProductName product={product} href={href} />;
  return <a href={href} class={styles.unnamed}>Product <ShortId id={id} /></a>;
}

export function StockPage() {
  const { values, set, any, clear } = useFilters('search', 'below');
  const belowProblem = values.below ? wholeProblem(values.below, 1, 1_000_000_000) : undefined;
  const below = values.below && !belowProblem ? Number(values.below) : undefined;
  const preset = below === 1 ? 'out' : below === 6 ? 'low' : values.below ? 'below' : '';
  const pages = usePages<Stock>(['stock', values.search, below], async (cursor, signal) => {
    if (!values.search) return admin.get('/inventory', { query: { below, limit: 25, cursor }, signal });
    const ids = await idsOf(values.search, signal);
    if (ids.length === 0) return { items: [] };
    const page = await admin.get('/inventory', { query: { ids }, signal });
    return { items: page.items.filter((s) => below === undefined || s.available < below) };
  });
  const ids = pages.items?.map((s) => s.product_id) ?? [];
  const names = useQuery(namesQuery(ids));
  return (
    <Page title="Stock" heading="Stock">
      <Filters>
        <FilterInput label="Search" placeholder="Name, SKU, brand…" value={values.search} onChange={(to) => set('search', to)} />
        <Select
          label="Show" value={preset}
          onChange={(event) => set('below', { '': '', low: '6', out: '1', below: '50' }[event.currentTarget.value] ?? '')}
        >
          <option value="">Everything</option>
          <option value="low">Low or sold out (5 or fewer)</option>
          <option value="out">Sold out</option>
          <option value="below">Below a number…</option>
        </Select>
        {preset === 'below' && (
          <FilterInput type="text" inputMode="numeric" label="Fewer than this available" value={values.below} error={belowProblem} onChange={(to) => set('below', to)} />
        )}
      </Filters>
      <PagedTable
        pages={pages} what="Stock" keyOf={(s) => s.product_id}
        columns={[
          { label: 'Product', main: true, render: (s) => <StockName id={s.product_id} product={names.data?.get(s.product_id)} /> },
          { label: 'On hand', numeric: true, render: (s) => count(s.on_hand ?? 0) },
          { label: 'Reserved', numeric: true, render: (s) => count(s.reserved ?? 0) },
          { label: 'Available', numeric: true, render: (s) => <strong>{count(s.available)}</strong> },
          { label: 'State', render: (s) => <StockState state={s.state} /> },
          { label: 'Changed', render: (s) => (s.updated_at ? <span class={styles.when}><Time at={s.updated_at} /></span> : '–') },
        ]}
        empty={
          <EmptyState
            title={any ? 'Nothing is like that' : 'There is no stock yet'} icon={<Boxes size={28} />}
            actions={any && <Button onClick={clear}>Show everything</Button>}
          >
            <p>{any ? 'No product has so little, or is called so.' : 'Make a product with an opening quantity, or import some.'}</p>
          </EmptyState>
        }
      />
    </Page>
  );
}
