import { money } from '../ui/money';
import type { Change } from './changes';
import styles from './Changes.module.css';

function Text({ change, currency }: { change: Change; currency: string }) {
  const { line } = change;
  const name = <strong>{line.name}</strong>;
  switch (change.kind) {
    case 'price':
      return (
        <>{name} costs <span class={styles.amount}>{money(line.unit_price_minor, currency)}</span> now,{' '}
          <s class={styles.amount}>{money(change.before, currency)}</s> before.</>
      );
    case 'quantity': return <>{name}: {line.quantity} instead of {change.before}.</>;
    case 'short': return line.available > 0 ? <>{name}: only {line.available} left, you have {line.quantity}.</> : <>{name} has sold out.</>;
    case 'unavailable': return <>{name} is no longer sold.</>;
    case 'added': return <>{name} has come in ({line.quantity}).</>;
    case 'removed': return <>{name} is no longer in the cart.</>;
  }
}

export function Changes({ changes, currency }: { changes: Change[]; currency: string }) {
  return (
    <ul class={styles.changes}>
      {changes.map((change) => <li key={change.kind + change.line.product_id}><Text change={change} currency={currency} /></li>)}
    </ul>
  );
}
