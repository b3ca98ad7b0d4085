import { useQuery } from '@tanstack/preact-query';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import { isFinal, useTimeline } from '../orders/events';
import { placingSteps, stepsOf, type Step } from '../orders/steps';
import { Timeline } from '../orders/Timeline';
import { Button } from '../ui/Button';
import { Card } from '../ui/Card';
import { Notice } from '../ui/Notice';
import { giveUp, tryNow, type Phase, type Trouble } from './attempt';
import { brandName } from './card';
import styles from './CheckoutPage.module.css';

function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((until - now) / 1000);
  return <>{seconds > 0 ? `Next try in ${seconds} s.` : 'Trying now…'}</>;
}

function TroubleNotice({ trouble, sent }: { trouble: Trouble; sent: boolean }) {
  const { error } = trouble;
  const title = error.kind === 'offline' ? 'You are offline'
    : error.kind === 'timeout' ? 'The answer is late'
      : error.kind === 'limited' || error.type === 'overloaded' ? 'The store is very busy'
        : 'The store does not answer just now';
  return (
    <>
      <Notice tone="warning" live title={title}>
        {sent
          ? 'Nothing is lost. The very same order is sent again until there is an answer; however often it is sent, it is one order and one payment.'
          : 'Nothing has been ordered or charged yet. What you typed is kept, and it goes on by itself.'}
      </Notice>
      <div class={styles.trouble}>
        <p class={styles.soft}>{trouble.again === undefined ? 'Trying now…' : <Countdown until={trouble.again} />}</p>
        <div class={styles.choices}>
          <Button size="small" busy={trouble.again === undefined} onClick={tryNow}>Try now</Button>
          <Button size="small" kind="quiet" onClick={giveUp}>Back to the form</Button>
        </div>
      </div>
      {sent && <p class={styles.soft}>If you go back and the order has been made after all, paying for the same cart leads you to it.</p>}
    </>
  );
}

// What happens between "Pay" and the answer.
export function Progress({ now }: { now: Exclude<Phase, { at: 'idle' }> }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }, []);
  const id = now.at === 'order' ? now.attempt.order : undefined;
  const { events } = useTimeline(id);
  const { data: order } = useQuery({
    queryKey: ['orders', id ?? '', 'under way', events.length],
    queryFn: ({ signal }) => api.get('/orders/{id}', { path: { id: id! }, signal }),
    enabled: id !== undefined,
  });
  const last = events.at(-1);
  // The events know how it went before a lost answer is asked for again.
  const settled = last !== undefined && (last.state === 'confirmed' || isFinal(last.state));
  useEffect(() => {
    if (settled) tryNow();
  }, [settled]);
  const known = order ?? (last && { state: last.state, cancel_requested: false });
  const steps: Step[] = now.at === 'card'
    ? [{ id: 'card', title: 'Handing the card to the bank', look: 'now' }, ...stepsOf(undefined, [], placingSteps).map((s): Step => ({ ...s, title: s.look === 'now' ? 'Order received' : s.title, look: 'next' }))]
    : [{ id: 'card', title: `${brandName(now.attempt.card.brand)} ending in ${now.attempt.card.last4}`, look: 'done' }, ...stepsOf(known, events, placingSteps)];
  return (
    <Card class={styles.progress}>
      <h2 ref={heading} tabIndex={-1} class={styles.progressTitle}>Placing your order</h2>
      <p class={styles.soft}>This takes a moment. Reloading the page does no harm.</p>
      {now.trouble && <TroubleNotice trouble={now.trouble} sent={now.at === 'order'} />}
      <Timeline steps={steps} label="How far the order is" />
    </Card>
  );
}
