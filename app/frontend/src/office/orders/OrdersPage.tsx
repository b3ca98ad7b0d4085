import { Link } from 'wouter-preact';
import type { Order } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Button } from '../../ui/Button';
import { Time } from '../../ui/Dates';
import { EmptyState } from '../../ui/EmptyState';
import { Checkbox, Select } from '../../ui/Field';
import { Receipt } from '../../ui/icons';
import { money } from '../../ui/money';
import { admin } from '../admin';
import { FilterInput, PagedTable, useFilters, usePages } from '../common/list';
import { Filters, isId, ShortId } from '../common/parts';
import { attentionPages, attentionTo, type Looked } from './attention';
import { OrderBadge, OrderFlags, orderStates, sentence, type OrderState } from './states';
import styles from './orders.module.css';

export const orderColumns = [
  {
    label: 'Order', main: true,
    render: (o: Order) => <Link href={links.office(`orders/${o.id}`)} class={styles.order}><ShortId id={o.id} /></Link>,
  },
  { label: 'State', render: (o: Order) => <span class={styles.badges}><OrderBadge state={o.state} /><OrderFlags order={o} /></span> },
  { label: 'Placed', render: (o: Order) => <span class={styles.when}><Time at={o.created_at} /></span> },
  { label: 'For', render: (o: Order) => <span class={styles.customer}>{o.address.name}</span> },
  { label: 'Items', numeric: true, render: (o: Order) => o.lines.reduce((sum, l) => sum + l.quantity, 0) },
  { label: 'Total', numeric: true, render: (o: Order) => <span class={styles.total}>{money(o.total_minor, o.currency)}</span> },
];

export function OrdersPage() {
  const { values, set, any, clear } = useFilters('q', 'state', 'user', 'attention');
  const state = orderStates.includes(values.state as OrderState) ? (values.state as OrderState) : undefined;
  const userProblem = values.user && !isId(values.user) ? 'A shopper\'s whole id: 36 characters.' : undefined;
  const user_id = values.user && !userProblem ? values.user : undefined;
  const q = values.q.slice(0, 100) || undefined;
  const flagged = values.attention === '1';
  const ask = (query: { state?: OrderState | undefined; limit: number; cursor?: string | undefined }, signal: AbortSignal) =>
    admin.get('/orders', { query: { q, state, user_id, ...query }, signal });
  const pages = usePages<Order, Looked>(['orders', q, state, user_id, flagged], (cursor, signal) => (flagged
    ? attentionPages((query) => ask(query, signal), state, cursor)
    : ask({ limit: 50, cursor }, signal)));
  const looked = flagged && pages.items ? attentionTo(pages.query.data!.pages) : undefined;
  return (
    <Page title="Orders" heading="Orders">
      <Filters>
        <FilterInput label="Search" placeholder="Order id, product, SKU…" value={values.q} onChange={(to) => set('q', to)} />
        <Select label="State" value={state ?? ''} onChange={(event) => set('state', event.currentTarget.value)}>
          <option value="">Any</option>
          {orderStates.map((s) => <option key={s} value={s}>{sentence(s)}</option>)}
        </Select>
        <FilterInput type="text" label="Shopper" placeholder="Id" value={values.user} error={userProblem} onChange={(to) => set('user', to)} />
        <Checkbox label="Needs attention" checked={flagged} onChange={(event) => set('attention', event.currentTarget.checked ? '1' : '')} />
      </Filters>
      <PagedTable
        pages={pages} what="Orders" keyOf={(o) => o.id} columns={orderColumns} more={flagged ? 'Look at older ones' : undefined}
        above={looked && <p class={styles.soft}>{looked}</p>}
        empty={
          <EmptyState
            title={flagged ? 'Nothing needs attention' : any ? 'No order is like that' : 'Nobody has ordered yet'} icon={<Receipt size={28} />}
            actions={
              <>
                {flagged && pages.query.hasNextPage && (
                  <Button kind="primary" busy={pages.query.isFetchingNextPage} onClick={() => void pages.query.fetchNextPage()}>Look at older ones</Button>
                )}
                {any && <Button onClick={clear}>Show all orders</Button>}
              </>
            }
          >
            <p>
              {flagged
                ? `An order is flagged when a step has failed again and again; it goes on being tried. ${looked}`
                : any ? 'Search by a part of the order\'s id, or of the name or SKU of what was ordered.' : 'Orders appear here as soon as they are placed.'}
            </p>
          </EmptyState>
        }
      />
    </Page>
  );
}
