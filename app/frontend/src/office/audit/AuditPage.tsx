import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { OrderSchemas } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Button } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { cx } from '../../ui/cx';
import { Time } from '../../ui/Dates';
import { Check, Play, RefreshCw, TriangleAlert } from '../../ui/icons';
import { Table } from '../../ui/Table';
import { admin } from '../admin';
import { count, plural, Refused, Section, ShortId, Stats, useAction } from '../common/parts';
import { sentence } from '../orders/states';
import styles from './audit.module.css';

type Result = OrderSchemas['audit_result'];
type Violation = OrderSchemas['audit_violation'];

// Stays while one looks at other pages.
const last = signal<Result | undefined>(undefined);

const rules: Record<string, string> = {
  'impossible-combination': 'Order, stock, payment and cart are in states that cannot be together.',
  'in-flight-too-long': 'An order has been under way for more than ten minutes.',
  'returned-differs': 'More or less has come back to the shelf than the refunds say.',
  'lines-differ': 'What is reserved is not what was ordered.',
  'charged-twice': 'The gateway has approved more than one charge.',
  'gateway-differs': 'The gateway\'s record says something else than ours.',
  'foreign-payment': 'The payment belongs to another order.',
  'amount-differs': 'The payment is over another amount than the order.',
  'captured-differs': 'Another amount was captured than the order\'s.',
  'refunded-differs': 'Another amount was paid back than the order\'s refunds say.',
  'cart-cleared-early': 'The cart was cleared before the order was paid.',
  'reservation-without-order': 'Stock is taken for an order that does not exist.',
  'payment-without-order': 'There is a payment for an order that does not exist.',
  'charge-without-payment': 'The gateway has charged what we have no payment for.',
  'cart-cleared-without-order': 'A cart was cleared for an order that does not exist.',
  'opening-stock-missing': 'Opening stock was handed over and has not arrived.',
};
const ruleText = (rule: string) => rules[rule] ?? (rule.includes(': ') ? `A check inside one service's own books: ${rule}.` : `${sentence(rule)}.`);

export function duration(result: Pick<Result, 'started_at' | 'finished_at'>): string {
  const ms = Date.parse(result.finished_at) - Date.parse(result.started_at);
  return ms < 1000 ? `${count(Math.max(1, ms))} ms` : `${(ms / 1000).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
}

function Elapsed() {
  const [began] = useState(() => Date.now());
  const [now, setNow] = useState(began);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.floor((now - began) / 1000);
  return seconds < 2 ? null : <span class={styles.soft}>{plural(seconds, 'second')} so far; large books take a while.</span>;
}

function Outcome({ result }: { result: Result }) {
  const good = result.balanced;
  return (
    <>
      <Card class={cx(styles.outcome, good ? styles.good : styles.bad)}>
        <span class={styles.seal} aria-hidden="true">{good ? <Check size={44} strokeWidth={3} /> : <TriangleAlert size={40} />}</span>
        <div class={styles.said} role="status">
          <h2>{good ? 'The books balance' : 'The books do not balance'}</h2>
          <p>
            {good
              ? result.checked_orders === 0
                ? 'There are no orders yet, and nothing is reserved, charged or cleared without one.'
                : `${plural(result.checked_orders, 'order')} compared one by one: no item sold twice, no charge without an order, no order without its charge.`
              : `${plural(result.violations_total, 'violation')} found. Each is listed below.`}
          </p>
        </div>
      </Card>
      <Stats items={[
        { label: 'Orders compared', value: count(result.checked_orders) },
        { label: 'In flight just then', value: count(result.in_flight) },
        { label: 'Violations', value: count(result.violations_total), tone: good ? 'good' : 'bad' },
        { label: 'Took', value: duration(result) },
      ]} />
      <p class={styles.soft}>Finished <Time at={result.finished_at} />. Orders in flight moved while they were looked at; they are judged when they rest.</p>
      {result.violations.length > 0 && (
        <Section title="Violations">
          <Table<Violation & { at: number }>
            caption="Violations" rows={result.violations.map((v, at) => ({ ...v, at }))} keyOf={(v) => v.at}
            columns={[
              { label: 'Rule', main: true, render: (v) => sentence(v.rule) },
              { label: 'Order', render: (v) => (v.order_id ? <Link href={links.office(`orders/${v.order_id}`)}><ShortId id={v.order_id} /></Link> : '–') },
              { label: 'What it means', render: (v) => <span class={styles.text}>{ruleText(v.rule)}</span> },
              { label: 'Detail', render: (v) => <span class={styles.text}>{v.detail}</span> },
            ]}
          />
          {result.violations_total > result.violations.length && <p class={styles.soft}>The first {count(result.violations.length)} of {count(result.violations_total)}.</p>}
        </Section>
      )}
    </>
  );
}

const books = [
  ['Each service alone', 'On hand is the sum of all movements, reserved is the sum of what is held, the ledger ends where the stock is.'],
  ['Order by order', 'Its state, its reservation, its payment, the gateway\'s record and its refunds must be one of the combinations that can be.'],
  ['Nothing left over', 'No reservation, payment, charge or cleared cart without an order, and no order under way for more than ten minutes.'],
] as const;

export function AuditPage() {
  const run = useAction(async () => {
    last.value = await admin.get('/audit', { timeout: 600_000 });
  });
  const result = last.value;
  return (
    <Page title="Audit" heading="Audit">
      <div class={styles.page}>
        <p class={styles.lead}>Five services keep five books. The audit lays them side by side, order by order, with the payment company's own record.</p>
        <div class={styles.start}>
          <Button kind="primary" size="large" busy={run.busy} onClick={run.start}>
            {result ? <RefreshCw size={20} aria-hidden="true" /> : <Play size={20} aria-hidden="true" />}{result ? 'Run it again' : 'Run the audit'}
          </Button>
          {run.busy && <Elapsed />}
        </div>
        {run.error != null && (
          <>
            <Refused error={run.error} />
            <p class={styles.soft}>No answer is no proof: when a book can't be read, nothing is said about the others. Try again when all services run.</p>
          </>
        )}
        {result && <div class={cx(styles.page, (run.busy || run.error != null) && styles.old)}><Outcome result={result} /></div>}
        <Section title="What is compared">
          <dl class={styles.rules}>
            {books.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}
          </dl>
        </Section>
      </div>
    </Page>
  );
}
