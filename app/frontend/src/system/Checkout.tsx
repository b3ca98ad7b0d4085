import { cx } from '../ui/cx';
import { ChevronRight, CircleAlert, CircleCheck } from '../ui/icons';
import { money } from '../ui/money';
import type { CheckoutFigures } from './figures';
import * as show from './format';
import styles from './Checkout.module.css';

// The states of an order on its way, and the step that leads on from each.
export const saga = [
  { state: 'pending', step: 'reserve', good: 'held', does: 'reserve stock' },
  { state: 'reserved', step: 'authorize', good: 'authorized', does: 'authorize' },
  { state: 'authorized', step: 'commit', good: 'committed', does: 'commit stock' },
  { state: 'committed', step: 'capture', good: 'captured', does: 'capture' },
  { state: 'captured', step: 'clear_cart', good: 'cleared', does: 'clear cart' },
] as const;

const undoing = [
  { states: ['rejected'], label: 'rejected, being undone' },
  { states: ['refunding'], label: 'refunding' },
  { states: ['restocking'], label: 'restocking' },
] as const;

const words: Record<string, string> = {
  confirmed: 'Confirmed', 'payment-declined': 'Declined', 'out-of-stock': 'Out of stock', 'hold-expired': 'Hold expired',
  'payment-refused': 'Capture refused', 'not-accepted': 'Not accepted', cancelled: 'Cancelled', shipped: 'Shipped', delivered: 'Delivered',
};
export const outcomeWord = (outcome: string) => words[outcome] ?? outcome;

// Of a step's answers in the last minute: how many led on, and how many did not.
export function passed(figures: CheckoutFigures, step: string, good: string) {
  const answers = figures.steps[step] ?? {};
  const ok = answers[good] ?? 0;
  return { ok, other: Object.values(answers).reduce((a, b) => a + b, 0) - ok };
}

function Tile({ label, value, note, wrong }: { label: string; value: string; note?: string | undefined; wrong?: boolean | undefined }) {
  const Icon = wrong ? CircleAlert : CircleCheck;
  return (
    <div class={cx(styles.tile, wrong && styles.wrong)}>
      <dt>{label}</dt>
      <dd>
        <span class={styles.number}>{value}</span>
        {wrong !== undefined && <Icon size={18} aria-hidden="true" class={styles.mark} />}
        {note && <span class={styles.note}>{note}</span>}
      </dd>
    </div>
  );
}

export function Checkout({ figures }: { figures: CheckoutFigures }) {
  const order = ['confirmed', 'payment-declined', 'out-of-stock', 'cancelled'];
  const at = (o: string) => (order.includes(o) ? order.indexOf(o) : order.length);
  const outcomes = [...new Set(['confirmed', 'payment-declined', ...Object.keys(figures.outcomesHour)])].sort((a, b) => at(a) - at(b) || a.localeCompare(b));
  const most = Math.max(1, ...outcomes.map((o) => figures.outcomesHour[o] ?? 0));
  const confirmed = figures.outcomesHour.confirmed ?? 0;
  const lag = figures.outboxLag;
  return (
    <div class={styles.checkout}>
      <ol class={styles.saga} aria-label="Orders on their way, by state">
        {saga.map(({ state, step, good, does }) => {
          const now = figures.states[state] ?? 0;
          const { ok, other } = passed(figures, step, good);
          return (
            <li key={state} class={styles.stage}>
              <div class={cx(styles.state, now > 0 && styles.some)}>
                <span class={styles.stateName}>{state}</span>
                <span class={styles.now}>{show.count(now)}</span>
                <span class="visually-hidden">orders now</span>
              </div>
              <div class={styles.step}>
                <span class={styles.does}>{does}<ChevronRight size={16} aria-hidden="true" class={styles.arrow} /></span>
                <span class={styles.flow}>{show.count(ok)}/min</span>
                {other > 0 && <span class={styles.other}>{show.count(other)} no</span>}
              </div>
            </li>
          );
        })}
        <li class={cx(styles.stage, styles.end)}>
          <div class={cx(styles.state, styles.goal)}>
            <span class={styles.stateName}>confirmed</span>
            <span class={styles.now}>{show.count(figures.outcomesMinute.confirmed ?? 0)}</span>
            <span class={styles.flow}>in the last minute</span>
          </div>
        </li>
      </ol>
      <p class={styles.undoing}>
        Going back: {undoing.map(({ states, label }, i) => (
          <span key={label}>{i > 0 && ' · '}<strong>{show.count(states.reduce((n, s) => n + (figures.states[s] ?? 0), 0))}</strong> {label}</span>
        ))}
      </p>
      <div class={styles.columns}>
        <div class={styles.outcomes}>
          <h3>How orders ended, last hour</h3>
          <ul class={styles.bars}>
            {outcomes.map((o) => (
              <li key={o}>
                <span class={styles.barLabel}>{outcomeWord(o)}</span>
                <span class={styles.track} aria-hidden="true">
                  <span class={cx(styles.bar, o !== 'confirmed' && styles.no)} style={{ inlineSize: `${((figures.outcomesHour[o] ?? 0) / most) * 100}%` }} />
                </span>
                <span class={styles.barValue}>{show.count(figures.outcomesHour[o] ?? 0)}</span>
                <span class={styles.perMinute}>{show.count(figures.outcomesMinute[o] ?? 0)}/min</span>
              </li>
            ))}
          </ul>
        </div>
        <dl class={styles.tiles}>
          <Tile label="Revenue, last hour" value={figures.revenue.length === 0 ? show.none : figures.revenue.map((r) => money(r.minor, r.currency)).join(' + ')} note={`${show.count(confirmed)} orders`} />
          <Tile label="Cart adds" value={show.count(figures.cartAdds ?? 0)} note="a minute" />
          <Tile label="Stock reserved" value={show.count(passed(figures, 'reserve', 'held').ok)} note="times a minute" />
          <Tile label="Orders needing attention" value={show.count(figures.attention)} wrong={figures.attention === undefined ? undefined : figures.attention > 0} />
          <Tile label="Audit violations" value={show.count(figures.violations)} wrong={figures.violations === undefined ? undefined : figures.violations > 0} />
          <Tile label="Payments unsettled" value={show.count(figures.paymentsUnsettled)} />
          <Tile label="Outbox waiting" value={show.count(figures.outboxPending)} />
          <Tile label="Outbox lag" value={show.duration(lag)} wrong={lag === undefined ? undefined : lag > 60} />
        </dl>
      </div>
    </div>
  );
}
