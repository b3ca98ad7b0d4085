import { useState } from 'preact/hooks';
import { api } from '../api/client';
import { ApiError } from '../api/error';
import type { Order } from '../api/types';
import { Button } from '../ui/Button';
import { describe } from '../ui/describe';
import { Dialog } from '../ui/Dialog';
import { money } from '../ui/money';
import { Notice } from '../ui/Notice';
import { isBeingPlaced } from './words';
import styles from './OrderPage.module.css';

export function CancelOrder({ order, onCancelled, onRefused }: { order: Order; onCancelled: (order: Order) => void; onRefused: () => void }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const close = () => { setOpen(false); setError(undefined); };
  const tooLate = error instanceof ApiError && error.type === 'not-cancellable';
  const cancel = async () => {
    setBusy(true);
    setError(undefined);
    try {
      onCancelled(await api.post('/orders/{id}/cancel', { path: { id: order.id }, timeout: 15_000 }));
      close();
    } catch (thrown) {
      setError(thrown);
      if (thrown instanceof ApiError && thrown.type === 'not-cancellable') onRefused();
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="danger" onClick={() => setOpen(true)}>Cancel the order</Button>
      <Dialog
        open={open} onClose={close} title="Cancel this order?"
        footer={
          <div class={styles.choices}>
            <Button onClick={close}>{tooLate ? 'Close' : 'Keep the order'}</Button>
            {!tooLate && <Button kind="danger" busy={busy} onClick={() => void cancel()}>Yes, cancel it</Button>}
          </div>
        }
      >
        <div class={styles.dialog}>
          {isBeingPlaced(order.state)
            ? <p>It is still being placed. If the payment has not been taken yet, it never will be; otherwise {money(order.total_minor, order.currency)} goes back to your card.</p>
            : <p>{money(order.total_minor - order.refunded_minor, order.currency)} goes back to the card that you paid with, and the items go back on the shelf. This cannot be undone.</p>}
          {error !== undefined && (
            <Notice tone="danger" live title={tooLate ? 'Too late to cancel' : undefined}>
              {tooLate ? 'The order has been shipped, or is being cancelled already.' : describe(error).text}
            </Notice>
          )}
        </div>
      </Dialog>
    </>
  );
}
