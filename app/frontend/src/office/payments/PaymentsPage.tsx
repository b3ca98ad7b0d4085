import { Link } from 'wouter-preact';
import type { Payment } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Button } from '../../ui/Button';
import { Time } from '../../ui/Dates';
import { EmptyState } from '../../ui/EmptyState';
import { Select } from '../../ui/Field';
import { CreditCard } from '../../ui/icons';
import { money } from '../../ui/money';
import { admin } from '../admin';
import { FilterInput, PagedTable, useFilters, usePages } from '../common/list';
import { Filters, isId, ShortId } from '../common/parts';
import { sentence } from '../orders/states';
import { PaymentBadge, paymentStates, type PaymentState } from './states';
import styles from './payments.module.css';

export function PaymentsPage() {
  const { values, set, any, clear } = useFilters('state', 'order');
  const state = paymentStates.includes(values.state as PaymentState) ? (values.state as PaymentState) : undefined;
  const orderProblem = values.order && !isId(values.order) ? 'An order\'s whole id: 36 characters.' : undefined;
  const order_id = values.order && !orderProblem ? values.order : undefined;
  const pages = usePages<Payment>(['payments', state, order_id], (cursor, signal) =>
    admin.get('/payments', { query: { state, order_id, limit: 50, cursor }, signal }));
  return (
    <Page title="Payments" heading="Payments">
      <Filters>
        <Select label="State" value={state ?? ''} onChange={(event) => set('state', event.currentTarget.value)}>
          <option value="">Any</option>
          {paymentStates.map((s) => <option key={s} value={s}>{sentence(s)}</option>)}
        </Select>
        <FilterInput type="text" label="Order" placeholder="Id" value={values.order} error={orderProblem} onChange={(to) => set('order', to)} />
      </Filters>
      <PagedTable
        pages={pages} what="Payments" keyOf={(p) => p.id}
        columns={[
          { label: 'Payment', main: true, render: (p) => <Link href={links.office(`payments/${p.id}`)} class={styles.link}><ShortId id={p.id} /></Link> },
          { label: 'When', render: (p) => <span class={styles.when}><Time at={p.created_at} /></span> },
          { label: 'Order', render: (p) => <Link href={links.office(`orders/${p.order_id}`)}><ShortId id={p.order_id} /></Link> },
          { label: 'Card', render: (p) => <span class={styles.when}>{p.card ? `${sentence(p.card.brand)} •••• ${p.card.last4}` : '–'}</span> },
          {
            label: 'Amount', numeric: true,
            render: (p) => (
              <span class={styles.amount}>
                {money(p.amount_minor, p.currency)}
                {p.refunded_minor > 0 && <span class={styles.soft}>{money(-p.refunded_minor, p.currency)} back</span>}
              </span>
            ),
          },
          { label: 'State', render: (p) => <PaymentBadge state={p.state} /> },
        ]}
        empty={
          <EmptyState
            title={any ? 'No payment is like that' : 'Nobody has paid yet'} icon={<CreditCard size={28} />}
            actions={any && <Button onClick={clear}>Show all payments</Button>}
          >
            <p>{any ? 'Choose another state, or another order.' : 'Payments appear here with the first order.'}</p>
          </EmptyState>
        }
      />
    </Page>
  );
}
