import { useQuery } from '@tanstack/preact-query';
import { Link } from 'wouter-preact';
import { ApiError } from '../../api/error';
import type { Payment, PaymentSchemas } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Badge, type Tone } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { cx } from '../../ui/cx';
import { Time } from '../../ui/Dates';
import { EmptyState } from '../../ui/EmptyState';
import { CreditCard } from '../../ui/icons';
import { Loaded } from '../../ui/Loaded';
import { money } from '../../ui/money';
import { Notice } from '../../ui/Notice';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { admin } from '../admin';
import { PagedTable, usePages } from '../common/list';
import { BackLink, CopyableId, count, Facts, Section, ShortId } from '../common/parts';
import { sentence } from '../orders/states';
import { compare, isUnsettled, PaymentBadge, type Comparison } from './states';
import styles from './payments.module.css';

type Attempt = PaymentSchemas['attempt'];

const amount = (value: Comparison['ours'], currency: string) => (typeof value === 'number' ? money(value, currency) : sentence(value));

function Books({ payment }: { payment: Payment }) {
  const query = useQuery({
    queryKey: ['office', 'payment', payment.id, 'record', payment.version],
    queryFn: async ({ signal }) => {
      try {
        return { record: await admin.get('/payments/{id}/gateway-record', { path: { id: payment.id }, signal }) };
      } catch (error) {
        if (error instanceof ApiError && error.type === 'no-gateway-record') return { record: null };
        throw error;
      }
    },
    staleTime: 0,
  });
  return (
    <Card class={styles.panel}>
      <h2>Two companies' books</h2>
      <Loaded query={query} what="The gateway's view" heading="h3" skeleton={<SkeletonGroup><Skeleton shape="block" height="12rem" /></SkeletonGroup>}>
        {({ record }) => {
          if (!record) {
            return (
              <Notice tone={['captured', 'authorized', 'capturing'].includes(payment.state) ? 'danger' : 'info'} title="The gateway has no record of it">
                {payment.state === 'declined' || payment.state === 'voided'
                  ? 'It ended before the gateway was asked for anything: nothing was charged.'
                  : isUnsettled(payment) ? 'The first request has not arrived there yet.' : 'It should have one: run the audit.'}
              </Notice>
            );
          }
          const rows = compare(payment, record);
          const differing = rows.filter((r) => r.verdict === 'differs').length;
          const open = rows.some((r) => r.verdict === 'under way');
          return (
            <>
              {differing > 0
                ? <Notice tone="danger" title="The books differ">What is marked is not the same on both sides. Run the audit.</Notice>
                : open
                  ? <Notice tone="info" title="Not settled yet">A request is under way: both sides agree as soon as it is answered.</Notice>
                  : <Notice tone="success" title="Both say the same">Our record and the gateway's agree in every amount.</Notice>}
              <table class={styles.books}>
                <caption class="visually-hidden">Our record and the gateway's</caption>
                <thead><tr><th scope="col">What</th><th scope="col">Ours</th><th scope="col">The gateway's</th></tr></thead>
                <tbody>
                  {rows.map((r) => (
                    <tr key={r.label} class={cx(r.verdict === 'differs' && styles.differs, r.verdict === 'under way' && styles.under)}>
                      <th scope="row">{r.label}</th>
                      <td>{amount(r.ours, payment.currency)}</td>
                      <td>{amount(r.theirs, payment.currency)}{r.verdict !== 'same' && <span class={styles.mark}>{sentence(r.verdict)}</span>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {record.reason && <p class={styles.soft}>The gateway says: {sentence(record.reason)}.</p>}
              {record.refunds.length > 0 && (
                <p class={styles.soft}>
                  Refunds there: {record.refunds.map((r) => `${money(r.amount_minor, payment.currency)} ${r.outcome}`).join(', ')}.
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

const outcomeTones: Record<NonNullable<Attempt['outcome']>, Tone> = {
  approved: 'success', captured: 'success', refunded: 'success', voided: 'neutral', cancelled: 'neutral',
  declined: 'danger', refused: 'danger', unknown: 'warning',
};

function took(a: Attempt): string {
  if (!a.finished_at) return '–';
  const ms = Date.parse(a.finished_at) - Date.parse(a.started_at);
  return ms < 1000 ? `${count(ms)} ms` : `${(ms / 1000).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
}

function Attempts({ payment }: { payment: Payment }) {
  const pages = usePages<Attempt>(['payment', payment.id, 'attempts', payment.version], (cursor, signal) =>
    admin.get('/payments/{id}/attempts', { path: { id: payment.id }, query: { limit: 25, cursor }, signal }));
  return (
    <Section title="What the gateway was asked">
      <p class={styles.soft}>An unknown outcome is settled by asking the same again, under the same reference.</p>
      <PagedTable
        pages={pages} what="Attempts" keyOf={(a) => a.attempt_id}
        columns={[
          { label: 'Request', main: true, render: (a) => sentence(a.operation) },
          { label: 'Outcome', render: (a) => (a.outcome ? <Badge tone={outcomeTones[a.outcome]}>{sentence(a.outcome)}</Badge> : <Badge tone="info">Under way</Badge>) },
          { label: 'When', render: (a) => <span class={styles.when}><Time at={a.started_at} /></span> },
          { label: 'Took', numeric: true, render: took },
          { label: 'Detail', render: (a) => <span class={styles.soft}>{a.detail ?? '–'}</span> },
        ]}
        empty={<EmptyState heading="h3" title="It was asked nothing" icon={<CreditCard size={28} />}><p>The card's token was no good, or the order was given up before.</p></EmptyState>}
      />
    </Section>
  );
}

export function PaymentPage({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ['office', 'payment', id],
    queryFn: ({ signal }) => admin.get('/payments/{id}', { path: { id }, signal }),
    staleTime: 0,
    refetchInterval: ({ state }) => (state.data && isUnsettled(state.data) ? 2000 : false),
  });
  return (
    <Page title={`Payment ${id.slice(-8)}`} heading={<>Payment <ShortId id={id} /></>} above={<BackLink href={links.office('payments')}>Payments</BackLink>}>
      <Loaded query={query} what="Payment" skeleton={<SkeletonGroup label="Loading the payment"><Skeleton shape="block" height="16rem" /></SkeletonGroup>}>
        {(p) => (
          <>
            <div class={styles.head}><PaymentBadge state={p.state} /><span class={styles.soft}>Begun <Time at={p.created_at} /></span></div>
            <div class={styles.columns}>
              <Card class={styles.panel}>
                <h2>Payment</h2>
                <Facts items={[
                  ['Amount', <strong>{money(p.amount_minor, p.currency)}</strong>],
                  p.card && ['Card', `${sentence(p.card.brand)} •••• ${p.card.last4}`],
                  p.reason !== undefined && ['Because', sentence(p.reason)],
                  p.refund_pending_minor > 0 && ['Being paid back', money(p.refund_pending_minor, p.currency)],
                  ['Order', <Link href={links.office(`orders/${p.order_id}`)}>Order <ShortId id={p.order_id} /></Link>],
                  ['Changed', <Time at={p.updated_at} />],
                  ['Reference', <CopyableId id={p.id} what="payment id" />],
                ]} />
              </Card>
              <Books payment={p} />
            </div>
            <Attempts payment={p} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
