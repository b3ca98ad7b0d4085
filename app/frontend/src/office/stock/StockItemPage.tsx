import { useQuery } from '@tanstack/preact-query';
import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { ApiError } from '../../api/error';
import type { InventorySchemas, Movement, Stock } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Button, ButtonLink } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { Time } from '../../ui/Dates';
import { describe } from '../../ui/describe';
import { EmptyState } from '../../ui/EmptyState';
import { Select, TextInput } from '../../ui/Field';
import { useForm } from '../../ui/form';
import { Boxes } from '../../ui/icons';
import { Loaded } from '../../ui/Loaded';
import { Notice } from '../../ui/Notice';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { toast } from '../../ui/toast';
import { admin } from '../admin';
import { PagedTable, usePages } from '../common/list';
import { BackLink, change, count, plural, Refused, Section, ShortId, Stats } from '../common/parts';
import { isDefinite, useWish } from '../common/wish';
import { wholeProblem } from '../products/content';
import { namesQuery } from '../products/queries';
import { stockChanged, stockQuery } from './queries';
import styles from './stock.module.css';

type Adjustment = InventorySchemas['adjustment'];
type Reason = 'delivery' | 'damage' | 'correction';

const most = 1_000_000_000;
const reasons: Record<Reason, { label: string; hint: string; least: number }> = {
  delivery: { label: 'Delivery: goods have come', hint: 'How many have come.', least: 1 },
  damage: { label: 'Damage: goods are lost or broken', hint: 'How many are gone.', least: 1 },
  correction: { label: 'Correction of a mistake', hint: 'By how much: 5 for more, -5 for fewer.', least: -most },
};

const stockTone = (stock: Stock) => (stock.state === 'out' ? 'bad' : stock.state === 'low' ? 'wary' : undefined);

// Why stock was not changed, in the words of this place.
function StockRefused({ error, stock }: { error: unknown; stock: Stock | undefined }) {
  if (error instanceof ApiError && error.type === 'below-reserved') {
    return (
      <Notice tone="danger" live title="That many are promised">
        {stock?.reserved
          ? `${plural(stock.reserved, 'unit')} of what is on hand ${stock.reserved === 1 ? 'is' : 'are'} reserved for orders, and what is on hand can't fall below that. Wait until they are shipped, or cancel an order first.`
          : 'What is on hand can fall to zero, but not below.'}
      </Notice>
    );
  }
  return <Refused error={error} />;
}

function AdjustForm({ id, stock }: { id: string; stock: Stock | undefined }) {
  const wish = useWish<Adjustment>(`adjust.${id}`);
  const form = useForm<{ reason: Reason; quantity: string }>({
    initial: wish.open
      ? { reason: wish.open.body.reason as Reason, quantity: String(wish.open.body.reason === 'damage' ? -wish.open.body.delta! : wish.open.body.delta) }
      : { reason: 'delivery', quantity: '' },
    keep: wish.open ? undefined : `adjust.${id}`,
    places: { '/delta': 'quantity' },
    validate: ({ reason, quantity }) => ({
      quantity: wholeProblem(quantity, reasons[reason].least, most, reasons[reason].hint) ?? (Number(quantity) === 0 ? 'Zero changes nothing.' : undefined),
    }),
    submit: async ({ reason, quantity }) => {
      const delta = Number(quantity) * (reason === 'damage' ? -1 : 1);
      try {
        const now = await wish.send({ delta, reason }, (key, body) =>
          admin.post('/inventory/{product_id}/adjustments', { path: { product_id: id }, idempotencyKey: key, body }));
        toast(`Booked: ${plural(now.on_hand ?? 0, 'unit')} on hand`, { tone: 'success' });
        form.reset({ reason, quantity: '' });
      } finally {
        stockChanged(id);
      }
    },
  });
  const { reason } = form.values;
  const open = wish.open !== undefined && !form.busy;
  const refused = form.error != null && isDefinite(form.error);
  return (
    <Card>
      <form {...form.attributes} class={styles.form}>
        <h2>Book a change</h2>
        <Select label="Why" name="reason" value={reason} disabled={open} onChange={(event) => form.set('reason', event.currentTarget.value as Reason)}>
          {Object.entries(reasons).map(([value, { label }]) => <option key={value} value={value}>{label}</option>)}
        </Select>
        <TextInput label="Quantity" hint={reasons[reason].hint} {...form.field('quantity')} inputMode={reason === 'correction' ? 'text' : 'numeric'} autoComplete="off" disabled={open} />
        {refused && <StockRefused error={form.error} stock={stock} />}
        {open && (
          <Notice tone="warning" live title="There was no definite answer" actions={<Button size="small" kind="quiet" onClick={() => { wish.forget(); form.reset({ reason, quantity: '' }); }}>Give it up</Button>}>
            {form.error != null ? `${describe(form.error).text} ` : ''}
            It may have been booked or not: the movements below tell. Sending it again is safe, it is booked once only.
          </Notice>
        )}
        <div><Button type="submit" kind="primary" busy={form.busy}>{open ? 'Send it again' : 'Book'}</Button></div>
      </form>
    </Card>
  );
}

function StocktakeForm({ id, stock, etag }: { id: string; stock: Stock | undefined; etag: string }) {
  const [newer, setNewer] = useState(false);
  const form = useForm({
    initial: { counted: '' },
    keep: `count.${id}`,
    places: { '/on_hand': 'counted' },
    validate: ({ counted }) => ({ counted: wholeProblem(counted, 0, most, 'Enter what was counted.') }),
    submit: async ({ counted }) => {
      setNewer(false);
      try {
        const now = await admin.put('/inventory/{product_id}', { path: { product_id: id }, ifMatch: etag, body: { on_hand: Number(counted) } });
        toast(`Booked: ${plural(now.on_hand ?? 0, 'unit')} on hand`, { tone: 'success' });
        form.reset({ counted: '' });
      } catch (error) {
        if (!(error instanceof ApiError) || error.kind !== 'stale') throw error;
        setNewer(true);
      } finally {
        stockChanged(id);
      }
    },
  });
  return (
    <Card>
      <form {...form.attributes} class={styles.form}>
        <h2>Stocktake</h2>
        <TextInput
          label="Counted on hand" {...form.field('counted')} inputMode="numeric" autoComplete="off"
          hint="What lies on the shelf, with what is reserved. Is refused if stock moved while you counted."
        />
        {newer && (
          <Notice tone="warning" live title="Stock has moved meanwhile">
            The numbers above are as of now{stock ? `: ${plural(stock.on_hand ?? 0, 'unit')} on hand` : ''}. If your count still holds, book it again.
          </Notice>
        )}
        {form.error != null && <StockRefused error={form.error} stock={stock} />}
        <div><Button type="submit" kind="primary" busy={form.busy}>Book the count</Button></div>
      </form>
    </Card>
  );
}

const reasonNames: Record<string, string> = {
  opening: 'Opening stock', delivery: 'Delivery', correction: 'Correction', damage: 'Damage', stocktake: 'Stocktake',
  reserve: 'Reserved', commit: 'Sold', release: 'Released', expire: 'Reservation expired', return: 'Returned',
};
const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll(/[-_]/g, ' ');

// Reserved is neither gained nor lost.
const Delta = ({ by, plain }: { by: number; plain?: boolean }) =>
  <span class={by === 0 ? styles.none : plain ? undefined : by > 0 ? styles.up : styles.down}>{by === 0 ? '–' : change(by)}</span>;

// "service:product", "admin:admin"
function actorName(actor: string): string {
  const [kind, name] = actor.split(':');
  if (kind === 'admin') return 'Administrator';
  return kind === 'service' && name ? `${sentence(name)} service` : sentence(actor);
}

function Ledger({ id }: { id: string }) {
  const pages = usePages<Movement>(['movements', id], (cursor, signal) =>
    admin.get('/inventory/{product_id}/movements', { path: { product_id: id }, query: { limit: 25, cursor }, signal }));
  return (
    <Section title="Movements">
      <PagedTable
        pages={pages} what="Movements" keyOf={(m) => m.movement_id}
        columns={[
          { label: 'What', main: true, render: (m) => reasonNames[m.reason] ?? sentence(m.reason) },
          { label: 'When', render: (m) => <span class={styles.when}><Time at={m.at} /></span> },
          { label: 'On hand', numeric: true, render: (m) => <Delta by={m.delta_on_hand} /> },
          { label: 'Reserved', numeric: true, render: (m) => <Delta by={m.delta_reserved} plain /> },
          { label: 'After', numeric: true, render: (m) => <>{count(m.on_hand_after)} <span class={styles.none}>({count(m.reserved_after)} reserved)</span></> },
          {
            label: 'By',
            render: (m) => (m.order_id
              ? <Link href={links.office(`orders/${m.order_id}`)}>Order <ShortId id={m.order_id} /></Link>
              : <span class={styles.by}>{actorName(m.actor)}</span>),
          },
        ]}
        empty={<EmptyState heading="h3" title="Nothing has moved yet" icon={<Boxes size={28} />}><p>The first delivery or count stands here.</p></EmptyState>}
      />
    </Section>
  );
}

export function StockItemPage({ id }: { id: string }) {
  const query = useQuery(stockQuery(id));
  const names = useQuery(namesQuery([id]));
  const product = names.data?.get(id);
  const name = product?.name ?? (names.isPending ? undefined : 'Stock of a product without a name');
  return (
    <Page
      title={name && `Stock: ${name}`} heading={name ?? 'Stock'}
      above={<BackLink href={links.office('stock')}>Stock</BackLink>}
      actions={product && <ButtonLink href={links.office(`products/${id}`)}>Edit the product</ButtonLink>}
    >
      {!names.isPending && !product && (
        <Notice tone="info">{names.error ? 'The catalogue does not answer, so its name is not known now.' : 'It is archived, or was never in the catalogue.'}</Notice>
      )}
      {product && <p class={styles.sku}><code>{product.sku}</code></p>}
      <Loaded query={{ ...query, data: query.data === undefined ? undefined : { loaded: query.data } }} what="Stock" skeleton={<SkeletonGroup><Skeleton shape="block" /><Skeleton shape="block" height="16rem" /></SkeletonGroup>}>
        {({ loaded }) => (
          <>
            {loaded ? (
              <Stats items={[
                { label: 'On hand', value: count(loaded.stock.on_hand ?? 0) },
                { label: 'Reserved for orders', value: count(loaded.stock.reserved ?? 0) },
                { label: 'Available', value: count(loaded.stock.available), tone: stockTone(loaded.stock) },
              ]} />
            ) : <Notice tone="info" title="It has no stock yet">The first delivery or count begins it.</Notice>}
            <div class={styles.forms}>
              <AdjustForm id={id} stock={loaded?.stock} />
              <StocktakeForm id={id} stock={loaded?.stock} etag={loaded?.etag ?? '"0"'} />
            </div>
            {loaded && <Ledger id={id} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}
