import { Button } from '../ui/Button';
import { Play, Square } from '../ui/icons';
import { Notice } from '../ui/Notice';
import * as show from './format';
import { runSeconds, shoppersAtOnce, type Tally } from './shoppers';
import styles from './Shoppers.module.css';

interface Props {
  tally: Tally | undefined;
  onSend: () => void;
  onStop: () => void;
}

const phases = { idle: '', running: 'Shoppers are at work', leaving: 'The last ones are paying', done: 'They have gone home' };

function Number({ label, value, tone }: { label: string; value: string; tone?: string | undefined }) {
  return <div class={tone}><dt>{label}</dt><dd>{value}</dd></div>;
}

export function Shoppers({ tally, onSend, onStop }: Props) {
  const phase = tally?.phase ?? 'idle';
  const busy = phase === 'running' || phase === 'leaving';
  const left = tally ? Math.max(0, Math.ceil(runSeconds - tally.elapsed / 1000)) : runSeconds;
  return (
    <section class={styles.panel} aria-labelledby="shoppers-heading">
      <div class={styles.head}>
        <div class={styles.words}>
          <h2 id="shoppers-heading">Send shoppers</h2>
          <p>
            {runSeconds} seconds of simulated shoppers, {shoppersAtOnce} at a time, from this browser: they browse, fill carts and
            check out with good and bad test cards. Their orders are real ones; your own cart stays as it is.
          </p>
        </div>
        {busy
          ? <Button kind="secondary" size="large" onClick={onStop} aria-disabled={phase === 'leaving' || undefined}><Square size={18} aria-hidden="true" />Stop</Button>
          : <Button kind="primary" size="large" onClick={onSend}><Play size={18} aria-hidden="true" />{phase === 'done' ? 'Send more' : 'Send shoppers'}</Button>}
      </div>
      {tally && (
        <>
          <div class={styles.progress}>
            <progress max={runSeconds} value={busy ? Math.min(runSeconds, tally.elapsed / 1000) : runSeconds} aria-label="Time that the shoppers have been at work" />
            <span>{phases[phase]}{phase === 'running' ? `, ${left} s left` : ''}</span>
          </div>
          <dl class={styles.counts} aria-label="What the shoppers did">
            <Number label="Confirmed" value={show.count(tally.confirmed)} tone={styles.good} />
            <Number label="Declined" value={show.count(tally.declined)} />
            <Number label="Cancelled" value={show.count(tally.cancelled)} />
            <Number label="Errors" value={show.count(tally.errors)} tone={tally.errors > 0 ? styles.bad : undefined} />
            <Number label="Shoppers" value={show.count(tally.shoppers)} />
            <Number label="Requests" value={show.count(tally.requests)} />
            <Number label="Requests/s" value={show.rate(phase === 'done' ? tally.requests / Math.max(1, tally.elapsed / 1000) : tally.rate)} />
            <Number label="p50 here" value={show.duration(tally.p50 === undefined ? undefined : tally.p50 / 1000)} />
            <Number label="p99 here" value={show.duration(tally.p99 === undefined ? undefined : tally.p99 / 1000)} />
          </dl>
          {tally.soldOut > 0 && <p class={styles.remark}>{show.count(tally.soldOut)} found their choice sold out or changed at the checkout.</p>}
          {tally.pending > 0 && <p class={styles.remark}>{show.count(tally.pending)} orders were still under way when their shoppers left; the saga finishes them.</p>}
          {tally.limited > 0 && <p class={styles.remark}>The gateway told them {show.count(tally.limited)} times to slow down.</p>}
          {tally.errors > 0 && tally.lastError && <Notice tone="warning">The latest error: {tally.lastError}</Notice>}
        </>
      )}
      <p class="visually-hidden" role="status">
        {phase === 'running' && 'Shoppers are on their way.'}
        {phase === 'done' && tally && `The shoppers have left: ${tally.confirmed} orders confirmed, ${tally.declined} declined, ${tally.errors} errors.`}
      </p>
    </section>
  );
}
