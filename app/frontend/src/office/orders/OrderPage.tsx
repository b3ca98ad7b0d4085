import { useQuery } from '@tanstack/preact-query';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { queryClient } from '../../api/query';
import type { Order } from '../../api/types';
import { links } from '../../shell/links';
import { Page } from '../../shell/Page';
import { Badge, type Tone } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Card } from '../../ui/Card';
import { cx } from '../../ui/cx';
import { Time } from '../../ui/Dates';
import { describe } from '../../ui/describe';
import { Ban, PackageCheck, Truck, Undo2 } from '../../ui/icons';
import { Loaded } from '../../ui/Loaded';
import { money } from '../../ui/money';
import { Notice } from '../../ui/Notice';
import { Picture } from '../../ui/Picture';
import { Skeleton, SkeletonGroup } from '../../ui/Skeleton';
import { admin } from '../admin';
import { BackLink, ConfirmDialog, CopyableId, Facts, plural, Refused, ShortId, useAction } from '../common/parts';
import { PaymentBadge } from '../payments/states';
import { RefundDialog } from './RefundDialog';
import { isFinal, leftToRefund, obstacle, OrderBadge, OrderFlags, reasonText, sentence, type ActionName } from './states';
import { useTimeline } from './timeline';
import styles from './orders.module.css';

const refresh = (id: string) => {
  void queryClient.invalidateQueries({ queryKey: ['office', 'order', id] });
  void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === 'orders' || queryKey[1] === 'stock' || queryKey[1] === 'movements' || queryKey[1] === 'stock-of' });
};

function Action({ name, order, icon, label, text, busy, error, onClick }: {
  name: ActionName; order: Order; icon: ComponentChildren; label: string; text: string; busy?: boolean; error?: unknown; onClick: () => void;
}) {
  const why = obstacle(order, name);
  return (
    <div class={styles.action}>
      <div class={styles.actionRow}>
        <Button kind={name === 'cancel' ? 'danger' : 'secondary'} disabled={why !== undefined} busy={busy} onClick={onClick}>{icon}{label}</Button>
        <p class={styles.soft}>{why ?? text}</p>
      </div>
      <Refused error={error} />
    </div>
  );
}

function Actions({ order }: { order: Order }) {
  const { id } = order;
  const [asking, setAsking] = useState<'refund' | 'cancel'>();
  const done = (now: Order) => {
    queryClient.setQueryData(['office', 'order', id, 'order'], now);
    refresh(id);
  };
  const always = async (work: () => Promise<Order>) => {
    try {
      done(await work());
    } catch (error) {
      // A refusal means that the order is not as it is shown.
      refresh(id);
      throw error;
    }
  };
  const ship = useAction(() => always(() => admin.patch('/orders/{id}/status', { path: { id }, body: { status: 'shipped' } })));
  const deliver = useAction(() => always(() => admin.patch('/orders/{id}/status', { path: { id }, body: { status: 'delivered' } })));
  const cancel = useAction(() => always(async () => {
    const now = await admin.post('/orders/{id}/cancel', { path: { id } });
    setAsking(undefined);
    return now;
  }));
  return (
    <Card class={styles.panel}>
      <h2>What to do</h2>
      <div class={styles.actions}>
        <Action name="ship" order={order} icon={<Truck size={18} aria-hidden="true" />} label="Ship" text="It leaves the house. From then on it can't be cancelled." busy={ship.busy} error={ship.error} onClick={ship.start} />
        <Action name="deliver" order={order} icon={<PackageCheck size={18} aria-hidden="true" />} label="Deliver" text="It has arrived." busy={deliver.busy} error={deliver.error} onClick={deliver.start} />
        <Action
          name="refund" order={order} icon={<Undo2 size={18} aria-hidden="true" />} label="Refund…" onClick={() => setAsking('refund')}
          text={`A part or all of the ${money(leftToRefund(order), order.currency)} that are left, and goods back on the shelf.`}
        />
        <Action name="cancel" order={order} icon={<Ban size={18} aria-hidden="true" />} label="Cancel…" text="Everything is paid back and put back." onClick={() => { cancel.forget(); setAsking('cancel'); }} />
      </div>
      <RefundDialog order={order} open={asking === 'refund'} onClose={() => setAsking(undefined)} onDone={() => refresh(id)} />
      <ConfirmDialog
        open={asking === 'cancel'} onClose={() => setAsking(undefined)} title="Cancel this order?" confirm="Cancel the order"
        busy={cancel.busy} error={cancel.error} onConfirm={cancel.start}
      >
        <p>
          {order.state === 'confirmed'
            ? `${money(leftToRefund(order), order.currency)} are paid back to the shopper, and what was ordered goes back on the shelf.`
            : 'It is undone at the next step: nothing is charged, and what is reserved is free again. If the charge is under way already, it is finished first and then paid back.'}
        </p>
        <p>A cancelled order stays cancelled.</p>
      </ConfirmDialog>
    </Card>
  );
}

function Lines({ order }: { order: Order }) {
  return (
    <Card class={styles.panel}>
      <h2>{plural(order.lines.reduce((sum, l) => sum + l.quantity, 0), 'item')}</h2>
      <ul class={styles.lines}>
        {order.lines.map((line) => (
          <li key={line.product_id} class={styles.line}>
            <Picture src={line.image} class={styles.thumb} />
            <Link href={links.office(`stock/${line.product_id}`)} class={styles.lineName}>{line.name}</Link>
            <span class={styles.lineSku}>{line.sku}</span>
            <span class={styles.lineTotal}>{money(line.line_total_minor, order.currency)}<span>{line.quantity} × {money(line.unit_price_minor, order.currency)}</span></span>
          </li>
        ))}
      </ul>
      <dl class={styles.sums}>
        <dt class={styles.grand}>Total</dt><dd class={styles.grand}>{money(order.total_minor, order.currency)}</dd>
        {order.refunded_minor > 0 && <><dt>Paid back</dt><dd>{money(-order.refunded_minor, order.currency)}</dd></>}
        {order.refunded_minor > 0 && <><dt>Kept</dt><dd>{money(order.total_minor - order.refunded_minor, order.currency)}</dd></>}
      </dl>
    </Card>
  );
}

const refundTones: Record<Order['refunds'][number]['state'], Tone> = { refunding: 'info', restocking: 'info', done: 'success', refused: 'danger' };

function Refunds({ order }: { order: Order }) {
  if (order.refunds.length === 0) return null;
  const nameOf = (id: string) => order.lines.find((l) => l.product_id === id)?.name ?? id;
  return (
    <Card class={styles.panel}>
      <h2>Refunds</h2>
      <ul class={styles.lines}>
        {order.refunds.map((r) => (
          <li key={r.id} class={styles.refund}>
            <span class={styles.refundHead}>{money(r.amount_minor, order.currency)}<Badge tone={refundTones[r.state]}>{sentence(r.state)}</Badge></span>
            <span class={styles.reason}>{r.cancellation ? 'Cancellation: everything that was left' : r.reason}</span>
            {r.lines.length > 0 && <span class={styles.soft}>Back on the shelf: {r.lines.map((l) => `${l.quantity} × ${nameOf(l.product_id)}`).join(', ')}</span>}
            <span class={styles.soft}><Time at={r.created_at} /></span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Timeline({ order }: { order: Order }) {
  const { events, error } = useTimeline(order.id, () => refresh(order.id));
  const bad = (type: string) => ['rejected', 'cancelled', 'undoing', 'refund-refused', 'needs-attention'].includes(type);
  return (
    <Card class={styles.panel}>
      <h2>Timeline</h2>
      {events.length === 0 && error == null && <SkeletonGroup label="Loading the timeline"><Skeleton /><Skeleton width="70%" /></SkeletonGroup>}
      {error != null && <Notice tone="warning">{events.length > 0 ? 'It may have gone on: the order service does not answer. ' : describe(error).text}</Notice>}
      <ol class={styles.timeline} aria-live="polite">
        {events.map((e, i) => (
          <li key={e.seq} class={cx(styles.event, bad(e.type) && styles.bad)}>
            <span class={styles.eventName}>{sentence(e.type)}</span>
            <span class={styles.eventTime}><Time at={e.at} show={i === 0 ? 'both' : 'time'} /></span>
            {e.detail && <span class={styles.detail}>{e.detail}</span>}
          </li>
        ))}
      </ol>
    </Card>
  );
}

function PaymentPanel({ order }: { order: Order }) {
  const query = useQuery({
    queryKey: ['office', 'order', order.id, 'payment'],
    queryFn: async ({ signal }) => (await admin.get('/payments', { query: { order_id: order.id }, signal })).items,
    staleTime: 0,
  });
  return (
    <Card class={styles.panel}>
      <h2>Payment</h2>
      <Loaded query={query} what="Payment" heading="h3" skeleton={<SkeletonGroup><Skeleton /><Skeleton width="60%" /></SkeletonGroup>}>
        {(payments) => (payments.length === 0 ? <p class={styles.soft}>Nothing was asked of a card.</p> : (
          <>
            {payments.map((p) => (
              <Facts key={p.id} items={[
                ['State', <PaymentBadge state={p.state} />],
                ['Amount', money(p.amount_minor, p.currency)],
                p.card && ['Card', `${sentence(p.card.brand)} •••• ${p.card.last4}`],
                p.reason !== undefined && ['Because', sentence(p.reason)],
                p.refunded_minor > 0 && ['Paid back', money(p.refunded_minor, p.currency)],
                p.refund_pending_minor > 0 && ['Being paid back', money(p.refund_pending_minor, p.currency)],
                ['Details', <Link href={links.office(`payments/${p.id}`)}>Attempts and the gateway's view</Link>],
              ]} />
            ))}
          </>
        ))}
      </Loaded>
    </Card>
  );
}

const reservationTexts = {
  held: 'Held: promised to this order until it is paid.',
  committed: 'Sold: it has left the stock.',
  released: 'Released: it is free for others again.',
  expired: 'Expired: the payment took too long.',
  returned: 'Returned: all of it is back on the shelf.',
};

function ReservationPanel({ order }: { order: Order }) {
  const query = useQuery({
    queryKey: ['office', 'order', order.id, 'reservation'],
    queryFn: async ({ signal }) => {
      try {
        return await admin.get('/reservations/{order_id}', { path: { order_id: order.id }, signal });
      } catch (error) {
        if ((error as { kind?: string }).kind === 'missing') return null;
        throw error;
      }
    },
    staleTime: 0,
  });
  return (
    <Card class={styles.panel}>
      <h2>Reservation</h2>
      <Loaded query={{ ...query, data: query.data === undefined ? undefined : { found: query.data } }} what="Reservation" heading="h3" skeleton={<SkeletonGroup><Skeleton /></SkeletonGroup>}>
        {({ found }) => (found === null
          ? <p class={styles.soft}>Nothing was ever reserved for it.</p>
          : <p>{reservationTexts[found.state]}{found.state === 'held' && found.expires_at && <> Until <Time at={found.expires_at} show="time" />.</>}</p>)}
      </Loaded>
    </Card>
  );
}

export function OrderPage({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ['office', 'order', id, 'order'],
    queryFn: ({ signal }) => admin.get('/orders/{id}', { path: { id }, signal }),
    staleTime: 0,
  });
  return (
    <Page
      title={`Order ${id.slice(-8)}`} heading={<>Order <ShortId id={id} /></>}
      above={<BackLink href={links.office('orders')}>Orders</BackLink>}
    >
      <Loaded query={query} what="Order" skeleton={<SkeletonGroup label="Loading the order"><Skeleton shape="title" /><Skeleton shape="block" height="20rem" /></SkeletonGroup>}>
        {(o) => (
          <>
            <div class={styles.head}>
              <OrderBadge state={o.state} /><OrderFlags order={o} />
              <span class={styles.soft}>Placed <Time at={o.created_at} /></span>
            </div>
            {o.needs_attention && (
              <Notice tone="danger" title="It needs attention">
                {o.step ? `The step “${sentence(o.step).toLowerCase()}” has failed again and again.` : 'A step has failed again and again.'} It goes on being tried; look at the service that it needs.
              </Notice>
            )}
            {o.reason && <Notice tone="info" title={isFinal(o.state) ? 'Why it ended' : 'It is being undone'}>{reasonText(o.reason)} {o.reason_detail && sentence(o.reason_detail)}</Notice>}
            <div class={styles.columns}>
              <div class={styles.side}>
                <Actions order={o} />
                <Lines order={o} />
                <Refunds order={o} />
              </div>
              <div class={styles.side}>
                <Timeline order={o} />
                <PaymentPanel order={o} />
                <ReservationPanel order={o} />
                <Card class={styles.panel}>
                  <h2>Shopper</h2>
                  <address class={styles.address}>
                    {[o.address.name, o.address.line1, o.address.line2, `${o.address.postal_code} ${o.address.city}`, o.address.region, o.address.country]
                      .filter(Boolean).map((line, i) => <div key={i}>{line}</div>)}
                  </address>
                  <Facts items={[
                    ['Order', <CopyableId id={o.id} what="order id" />],
                    ['Shopper', <><CopyableId id={o.user_id} what="shopper id" /><Link href={`${links.office('orders')}?user=${o.user_id}`}>All their orders</Link></>],
                  ]} />
                </Card>
              </div>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}
