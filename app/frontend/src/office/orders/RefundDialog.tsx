import { useState } from 'preact/hooks';
import { ApiError } from '../../api/error';
import type { Order, OrderSchemas } from '../../api/types';
import { Button } from '../../ui/Button';
import { describe } from '../../ui/describe';
import { Dialog } from '../../ui/Dialog';
import { TextInput } from '../../ui/Field';
import { useForm } from '../../ui/form';
import { decimalOf, money, parseMoney } from '../../ui/money';
import { Notice } from '../../ui/Notice';
import { QuantityStepper } from '../../ui/QuantityStepper';
import { toast } from '../../ui/toast';
import { admin } from '../admin';
import { Refused } from '../common/parts';
import common from '../common/common.module.css';
import { isDefinite, useWish } from '../common/wish';
import { leftToRefund, leftToRestock } from './states';
import styles from './orders.module.css';

type NewRefund = OrderSchemas['new_refund'];

interface Props {
  order: Order;
  open: boolean;
  onClose: () => void;
  onDone: () => void;
}

function RefundForm({ order, onClose, onDone }: Omit<Props, 'open'>) {
  const { currency, id } = order;
  const wish = useWish<NewRefund>(`refund.${id}`);
  const left = leftToRefund(order);
  const [before] = useState(wish.open?.body);
  const form = useForm({
    initial: {
      amount: decimalOf(before?.amount_minor ?? left, currency),
      reason: before?.reason ?? '',
      back: Object.fromEntries((before?.lines ?? []).map((l) => [l.product_id, l.quantity])) as Record<string, number>,
    },
    keep: wish.open ? undefined : `refund.${id}`,
    places: { '/amount_minor': 'amount', '/lines': 'back' },
    validate: ({ amount, reason }) => {
      // What was sent already is sent as it is.
      if (wish.open) return {};
      const minor = parseMoney(amount, currency);
      return {
        amount: !amount.trim() ? 'Enter the amount.'
          : minor === undefined ? `Enter an amount, like ${decimalOf(left, currency)}.`
            : minor < 1 ? 'The amount must be more than zero.'
              : minor > left ? `No more than ${money(left, currency)} is left to pay back.` : undefined,
        reason: !reason.trim() ? 'Say why: the shopper\'s order shows it.' : [...reason].length > 200 ? 'At most 200 characters.' : undefined,
      };
    },
    submit: async ({ amount, reason, back }) => {
      const lines = Object.entries(back).filter(([, quantity]) => quantity > 0).map(([product_id, quantity]) => ({ product_id, quantity }));
      const body: NewRefund = { amount_minor: parseMoney(amount, currency)!, reason: reason.trim(), ...(lines.length > 0 ? { lines } : {}) };
      try {
        const refund = await wish.send(body, (key, wished) =>
          admin.post('/orders/{id}/refunds', { path: { id }, idempotencyKey: key, body: wished, timeout: 20_000 }));
        toast(refund.state === 'done' ? `${money(refund.amount_minor, currency)} paid back` : 'The refund is under way', { tone: 'success' });
        form.reset();
        onDone();
        onClose();
      } catch (error) {
        onDone();
        if (error instanceof ApiError && error.type === 'refund-exceeds') {
          throw new ApiError({ kind: 'invalid', type: error.type, title: error.title, fields: [{ pointer: '/amount_minor', detail: 'All refunds together would be more than was paid. What is left has changed meanwhile.' }] });
        }
        throw error;
      }
    },
  });
  const open = wish.open !== undefined && !form.busy;
  const restockable = order.lines.filter((l) => leftToRestock(order, l.product_id) > 0);
  const setBack = (productId: string, quantity: number) => form.set('back', { ...form.values.back, [productId]: quantity });
  return (
    <form {...form.attributes} class={styles.form}>
      <TextInput
        label="Amount" {...form.field('amount')} inputMode="decimal" autoComplete="off" after={currency} disabled={open}
        hint={`${money(left, currency)} of ${money(order.total_minor, currency)} can be paid back.`}
      />
      <TextInput label="Reason" {...form.field('reason')} placeholder="Arrived broken" disabled={open} autoComplete="off" />
      {restockable.length > 0 && (
        <fieldset class={styles.restock} disabled={open}>
          <legend class={styles.legend}>Back on the shelf</legend>
          <p class={styles.soft}>What came back and can be sold again. Leave at 0 what did not.</p>
          {restockable.map((line) => (
            <div key={line.product_id} class={styles.restockLine}>
              <span>{line.name} <span class={styles.soft}>of {leftToRestock(order, line.product_id)}</span></span>
              <QuantityStepper
                label={`Units of ${line.name} to put back`} min={0} max={leftToRestock(order, line.product_id)} disabled={open}
                value={form.values.back[line.product_id] ?? 0} onChange={(quantity) => setBack(line.product_id, quantity)}
              />
            </div>
          ))}
        </fieldset>
      )}
      {open ? (
        <Notice
          tone="warning" live title="There was no definite answer"
          actions={<Button size="small" kind="quiet" onClick={() => { wish.forget(); form.reset({ amount: decimalOf(left, currency), reason: '', back: {} }); }}>Give it up</Button>}
        >
          {form.error != null && `${describe(form.error).text} `}
          The refund may be under way: the order behind this window tells. Sending it again is safe, it is paid back once only.
        </Notice>
      ) : form.error != null && isDefinite(form.error) && <Refused error={form.error} />}
      <div class={common.buttons}>
        <Button type="submit" kind="primary" busy={form.busy}>{open ? 'Send it again' : 'Pay back'}</Button>
        <Button kind="quiet" onClick={onClose}>Close</Button>
      </div>
    </form>
  );
}

export function RefundDialog({ order, open, onClose, onDone }: Props) {
  return (
    <Dialog open={open} onClose={onClose} title="Refund">
      <RefundForm order={order} onClose={onClose} onDone={onDone} />
    </Dialog>
  );
}
