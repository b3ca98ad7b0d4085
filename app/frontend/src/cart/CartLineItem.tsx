import { Link } from 'wouter-preact';
import type { CartLine } from '../api/types';
import { links } from '../shell/links';
import { Button, IconButton } from '../ui/Button';
import { cx } from '../ui/cx';
import { CircleAlert, Info, TrendingDown, TrendingUp, Trash2 } from '../ui/icons';
import { money } from '../ui/money';
import { Picture } from '../ui/Picture';
import { Price } from '../ui/Price';
import { QuantityStepper } from '../ui/QuantityStepper';
import { removeLine, setQuantity } from './cart';
import styles from './CartLineItem.module.css';

const label = (name: string) => name.replace(/_/g, ' ').replace(/^./, (c) => c.toUpperCase());

// A variant's are those that it was chosen by; many are a whole product's description.
export function attributesToTell(line: CartLine): [name: string, values: string[]][] {
  const all = Object.entries(line.attributes);
  return all.length <= 2 ? all.map(([name, values]) => [label(name), values]) : [];
}

function Remarks({ line, currency }: { line: CartLine; currency: string }) {
  const before = line.price_when_added_minor;
  const dearer = line.unit_price_minor > before;
  return (
    <>
      {line.status === 'unavailable' && <p class={cx(styles.remark, styles.bad)}><CircleAlert size={16} aria-hidden="true" />No longer sold. Remove it to go on.</p>}
      {line.status === 'insufficient' && line.available <= 0 && (
        <p class={cx(styles.remark, styles.bad)}><CircleAlert size={16} aria-hidden="true" />Sold out meanwhile. Remove it to go on.</p>
      )}
      {line.status === 'insufficient' && line.available > 0 && (
        <p class={cx(styles.remark, styles.bad)}>
          <CircleAlert size={16} aria-hidden="true" />
          <span>Only {line.available} left. <Button size="small" onClick={() => void setQuantity(line, line.available)}>Take {line.available}</Button></span>
        </p>
      )}
      {line.status === 'unknown' && <p class={styles.remark}><Info size={16} aria-hidden="true" />Price and stock can't be checked just now.</p>}
      {line.status !== 'unavailable' && line.unit_price_minor !== before && (
        <p class={cx(styles.remark, dearer ? styles.dearer : styles.cheaper)}>
          {dearer ? <TrendingUp size={16} aria-hidden="true" /> : <TrendingDown size={16} aria-hidden="true" />}
          <span>{dearer ? 'Dearer' : 'Cheaper'} than when you added it: {money(line.unit_price_minor, currency)} instead of {money(before, currency)}</span>
        </p>
      )}
    </>
  );
}

interface Props {
  line: CartLine;
  currency: string;
  onRemoved: () => void;
}

export function CartLineItem({ line, currency, onRemoved }: Props) {
  const gone = line.status === 'unavailable';
  const told = attributesToTell(line);
  return (
    <li class={cx(styles.line, gone && styles.gone)}>
      <Picture src={line.image} name={line.name} class={styles.picture} />
      <div class={styles.what}>
        <div class={styles.top}>
          {gone ? <span class={styles.name}>{line.name}</span> : <Link href={links.product(line.product_id)} class={styles.name}>{line.name}</Link>}
          <IconButton label={`Remove ${line.name}`} class={styles.remove} onClick={() => { void removeLine(line); onRemoved(); }}>
            <Trash2 size={18} aria-hidden="true" />
          </IconButton>
        </div>
        {told.length > 0 && (
          <p class={styles.attributes}>{told.map(([name, values]) => <span key={name}><span class={styles.label}>{name}:</span> {values.join(', ')}</span>)}</p>
        )}
        <Remarks line={line} currency={currency} />
        {!gone && (
          <div class={styles.row}>
            <QuantityStepper value={line.quantity} label={`Quantity of ${line.name}`} onChange={(quantity) => void setQuantity(line, quantity)} />
            <span class={styles.price}>
              <Price minor={line.line_total_minor} currency={currency} />
              {line.quantity > 1 && <span class={styles.each}>{money(line.unit_price_minor, currency)} each</span>}
            </span>
          </div>
        )}
      </div>
    </li>
  );
}
