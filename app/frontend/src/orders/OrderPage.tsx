import { keepPreviousData, useQuery } from '@tanstack/preact-query';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Link, useParams } from 'wouter-preact';
import { useHistoryState } from 'wouter-preact/use-browser-location';
import { api } from '../api/client';
import { ApiError } from '../api/error';
import { queryClient } from '../api/query';
import type { Order, Payment } from '../api/types';
import { refreshCart } from '../cart/cart';
import { brandName } from '../checkout/card';
import { countryName } from '../checkout/address';
import { signedIn } from '../office/session';
import { links } from '../shell/links';
import { Page } from '../shell/Page';
import { Badge } from '../ui/Badge';
import { Breadcrumbs } from '../ui/Breadcrumbs';
import { ButtonLink } from '../ui/Button';
import { Card } from '../ui/Card';
import { cx } from '../ui/cx';
import { Time } from '../ui/Dates';
import { EmptyState } from '../ui/EmptyState';
import { Check, Compass, CreditCard } from '../ui/icons';
import { Loaded } from '../ui/Loaded';
import { Arch } from '../ui/Logo';
import { money } from '../ui/money';
import { Notice } from '../ui/Notice';
import { Price } from '../ui/Price';
import { Skeleton, SkeletonGroup } from '../ui/Skeleton';
import { CancelOrder } from './CancelOrder';
import { useTimeline, isFinal, type OrderEvent, type Timeline as Events } from './events';
import { OrderLines } from './OrderLines';
import { isOffTheWay, placingSteps, stepsOf } from './steps';
import { Timeline } from './Timeline';
import { badgeOf, isBeingPlaced, isMoving, mayBeCancelled, shortId, undoneText } from './words';
import styles from './OrderPage.module.css';

const orderKey = (id: string) => ['orders', id] as const;

// What is not over by then is said to take long.
const patience = 20_000;

// Given to the page by the checkout, and kept by the browser across reloads.
export interface JustPlaced {
  placed: true;
}

function useNow(every: number, active: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every, active]);
  return now;
}

function useOrder(id: string) {
  const lastRead = useRef(0);
  const onEvents = useCallback((events: OrderEvent[]) => {
    const newest = events.at(-1);
    if (!newest) return;
    queryClient.setQueryData<Order>(orderKey(id), (known) =>
      (known && known.version < newest.seq ? { ...known, state: newest.state } : known));
    // A burst of events becomes one read.
    clearTimeout(lastRead.current);
    lastRead.current = window.setTimeout(() => {
      void queryClient.invalidateQueries({ queryKey: orderKey(id) });
      void queryClient.invalidateQueries({ queryKey: ['orders', 'list'] });
      if (events.some((e) => e.type === 'confirmed')) refreshCart();
    }, 120);
  }, [id]);
  const timeline = useTimeline(id, onEvents);
  const query = useQuery({
    queryKey: orderKey(id),
    queryFn: ({ signal }) => api.get('/orders/{id}', { path: { id }, signal }),
    staleTime: 5000,
    refetchOnWindowFocus: true,
    // Without its live events the page asks now and then.
    refetchInterval: ({ state }) => (state.data && (isMoving(state.data) || (!isFinal(state.data.state) && !timeline.connected)) ? 5000 : false),
  });
  return { query, timeline };
}

function Placed({ order }: { order: Order }) {
  const first = order.address.name.trim().split(/\s+/)[0] ?? '';
  const placing = isBeingPlaced(order.state);
  return (
    <div class={styles.thanks}>
      <span class={cx(styles.niche, placing && styles.still)} aria-hidden="true"><Arch /><Check size={30} strokeWidth={3} /></span>
      <div>
        <h1>{placing ? 'We have your order' : first.length > 0 && first.length <= 24 ? `Thank you, ${first}` : 'Thank you'}</h1>
        <p class={styles.lead}>
          {placing
            ? 'It is being placed while you watch. You may leave: it goes on by itself, and stands among your orders.'
            : 'Your order is confirmed and paid. You can follow it here until it is at your door.'}
        </p>
      </div>
    </div>
  );
}

function News({ order, events, now }: { order: Order; events: OrderEvent[]; now: number }) {
  const since = events.at(-1)?.at ?? order.updated_at;
  const long = isMoving(order) && (order.needs_attention || events.at(-1)?.type === 'delayed' || now - new Date(since).getTime() > patience);
  if (order.state === 'rejected') {
    const { title, text, remedy } = undoneText(order.reason, order.reason_detail);
    return (
      <Notice
        tone="danger" live title={title}
        actions={<ButtonLink href={links.checkout} kind="primary" size="small">{{ card: 'Try another card', cart: 'Back to the cart', again: 'Try again' }[remedy]}</ButtonLink>}
      >
        {text} Your cart is as it was.
      </Notice>
    );
  }
  if (order.state === 'cancelled') {
    return (
      <Notice tone="info" live title="This order is cancelled">
        {order.refunded_minor > 0 ? `${money(order.refunded_minor, order.currency)} went back to your card.` : 'Nothing was charged.'}
      </Notice>
    );
  }
  return (
    <>
      {long && (
        <Notice tone="warning" live title="This takes longer than usual">
          A part of the store does not answer at the moment. {isBeingPlaced(order.state)
            ? 'Your order is safe and goes on as soon as it can. There is nothing to do, and no need to order again.'
            : 'What has been begun is finished as soon as it can be. There is nothing to do.'}
        </Notice>
      )}
      {order.cancel_requested && !long && (
        <Notice tone="info" live title="The order is being cancelled">What was paid goes back to your card; this page shows how far it is.</Notice>
      )}
    </>
  );
}

const paymentWords: Partial<Record<Payment['state'], string>> = {
  authorizing: 'The bank is being asked',
  authorized: 'Approved, not charged yet',
  declined: 'Declined, nothing charged',
  capturing: 'Payment under way',
  refused: 'Refused, nothing charged',
  voiding: 'Hold being released',
  voided: 'Hold released, nothing charged',
};

function PaymentCard({ order }: { order: Order }) {
  const query = useQuery({
    queryKey: ['orders', order.id, 'payment', order.version],
    queryFn: ({ signal }) => api.get('/payments/{id}', { path: { id: order.payment_id }, signal }),
    placeholderData: keepPreviousData,
    enabled: order.state !== 'pending',
    refetchInterval: ({ state }) => (state.data && ['authorizing', 'capturing', 'voiding'].includes(state.data.state) ? 3000 : false),
  });
  const payment = query.data;
  const none = query.error instanceof ApiError && query.error.kind === 'missing';
  return (
    <section aria-labelledby="payment">
      <h2 id="payment" class={styles.small}>Payment</h2>
      {payment ? (
        <div class={styles.payment}>
          <CreditCard size={20} aria-hidden="true" />
          <div>
            <p>{payment.card ? <>{brandName(payment.card.brand)} ending in {payment.card.last4}</> : 'Card'}</p>
            <p class={styles.soft}>{paymentWords[payment.state] ?? <>Paid <Price minor={payment.captured_minor} currency={payment.currency} /></>}</p>
          </div>
        </div>
      ) : (
        <p class={styles.soft}>
          {none ? 'No payment was begun.' : query.error != null ? 'Payment details are not available just now. They are safe.' : order.state === 'pending' ? 'Comes after your items are reserved.' : 'Asking…'}
        </p>
      )}
    </section>
  );
}

function Refunds({ order }: { order: Order }) {
  if (order.refunds.length === 0) return null;
  const words = { refunding: 'on its way to your card', restocking: 'paid back', done: 'paid back', refused: 'refused by the bank' };
  return (
    <section aria-labelledby="refunds">
      <h2 id="refunds" class={styles.small}>Refunds</h2>
      <ul class={styles.refunds}>
        {order.refunds.map((refund) => (
          <li key={refund.id}>
            <p><Price minor={refund.amount_minor} currency={order.currency} /> {words[refund.state]}</p>
            <p class={styles.soft}>{refund.cancellation ? 'The order was cancelled' : refund.reason}, <Time at={refund.created_at} show="date" /></p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Live({ order, timeline }: { order: Order; timeline: Events }) {
  if (isFinal(order.state)) return null;
  return (
    <p class={cx(styles.live, !timeline.connected && styles.waiting)} role="status">
      <span class={styles.dot} aria-hidden="true" />{timeline.connected ? 'Live' : 'Connecting again…'}
    </p>
  );
}

function Content({ order, timeline, placed, refetch }: { order: Order; timeline: Events; placed: boolean; refetch: () => void }) {
  const now = useNow(1000, isMoving(order));
  const badge = badgeOf(order);
  const { address } = order;
  const thanks = placed && !isOffTheWay(order);
  const upTo = order.state === 'pending' && isOffTheWay(order) ? placingSteps : undefined;
  const items = order.lines.reduce((sum, l) => sum + l.quantity, 0);
  const onCancelled = (answer: Order) => {
    queryClient.setQueryData(orderKey(order.id), answer);
    void queryClient.invalidateQueries({ queryKey: ['orders', 'list'] });
  };
  return (
    <>
      {thanks ? <Placed order={order} /> : <h1>Order <span class={styles.number}>{shortId(order.id)}</span></h1>}
      <p class={styles.facts}>
        <Badge tone={badge.tone}>{badge.label}</Badge>
        {order.refunded_minor > 0 && order.state !== 'cancelled' && <Badge>{money(order.refunded_minor, order.currency)} refunded</Badge>}
        {thanks && <span>Order <span class={styles.number}>{shortId(order.id)}</span></span>}
        <span>Placed <Time at={order.created_at} /></span>
      </p>
      <div class={styles.columns}>
        <div class={styles.main}>
          <div class={styles.news}><News order={order} events={timeline.events} now={now} /></div>
          <Card>
            <div class={styles.cardHead}><h2>Timeline</h2><Live order={order} timeline={timeline} /></div>
            <Timeline steps={stepsOf(order, timeline.events, upTo)} label="Timeline of the order" times />
          </Card>
          <Card>
            <div class={styles.cardHead}><h2>{items === 1 ? '1 item' : `${new Intl.NumberFormat().format(items)} items`}</h2></div>
            <OrderLines order={order} />
          </Card>
        </div>
        <Card class={styles.aside}>
          <dl class={styles.sums}>
            <div><dt>Items</dt><dd><Price minor={order.total_minor} currency={order.currency} /></dd></div>
            <div><dt>Delivery</dt><dd>Free</dd></div>
            {order.refunded_minor > 0 && <div><dt>Refunded</dt><dd><Price minor={-order.refunded_minor} currency={order.currency} /></dd></div>}
            <div class={styles.total}><dt>{order.refunded_minor > 0 ? 'Total after refunds' : 'Total'}</dt><dd><Price minor={order.total_minor - order.refunded_minor} currency={order.currency} /></dd></div>
          </dl>
          <Refunds order={order} />
          <PaymentCard order={order} />
          <section aria-labelledby="address">
            <h2 id="address" class={styles.small}>Delivery to</h2>
            <address class={styles.address}>
              {[address.name, address.line1, address.line2, `${address.postal_code} ${address.city}`, address.region, countryName(address.country)]
                .filter(Boolean).map((text, i) => <span key={i}>{text}</span>)}
            </address>
          </section>
          <section aria-labelledby="number">
            <h2 id="number" class={styles.small}>Order number</h2>
            <p class={styles.id}>{order.id}</p>
            {signedIn.value && <p class={styles.trace}><Link href={`${links.system}?order=${order.id}`}>Its way through the services</Link></p>}
          </section>
          {mayBeCancelled(order) && <CancelOrder order={order} onCancelled={onCancelled} onRefused={refetch} />}
        </Card>
      </div>
    </>
  );
}

const skeleton = (
  <SkeletonGroup label="Loading the order">
    <div class={styles.columns}>
      <div class={styles.main}><Skeleton shape="title" /><Skeleton shape="block" height="22rem" /><Skeleton shape="block" height="8rem" /></div>
      <Skeleton shape="block" height="20rem" />
    </div>
  </SkeletonGroup>
);

export function OrderPage() {
  const { id = '' } = useParams<{ id: string }>();
  const state = useHistoryState<JustPlaced | null>();
  return <OrderOf key={id} id={id} placed={state?.placed === true} />;
}

function OrderOf({ id, placed }: { id: string; placed: boolean }) {
  const { query, timeline } = useOrder(id);
  const missing = query.data === undefined && query.error instanceof ApiError && (query.error.kind === 'missing' || query.error.kind === 'invalid');
  return (
    <Page
      title={missing ? 'No such order' : `Order ${shortId(id)}`}
      above={<Breadcrumbs items={[{ label: 'Your orders', href: links.orders }, { label: `Order ${missing ? '' : shortId(id)}`.trim() }]} />}
    >
      {missing ? (
        <EmptyState
          heading="h1" title="No such order here" icon={<Compass size={28} />}
          actions={<><ButtonLink href={links.orders} kind="primary">Your orders</ButtonLink><ButtonLink href={links.home}>To the market</ButtonLink></>}
        >
          <p>Orders can be seen in the browser that placed them. Either the address has a slip in it, or this order is somebody else's.</p>
        </EmptyState>
      ) : (
        <Loaded query={query} skeleton={skeleton} heading="h1">
          {(order) => <Content order={order} timeline={timeline} placed={placed} refetch={() => void query.refetch()} />}
        </Loaded>
      )}
    </Page>
  );
}
