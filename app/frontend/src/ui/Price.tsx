import { money } from './money';
import styles from './Price.module.css';

interface Props {
  minor: number;
  currency: string;
  // The dearest of several variants.
  to?: number | undefined;
  // What it was before.
  before?: number | undefined;
}

export function Price({ minor, currency, to, before }: Props) {
  return (
    <span class={styles.price}>
      {before !== undefined && before !== minor && (
        <><span class="visually-hidden">before </span><s class={styles.before}>{money(before, currency)}</s> <span class="visually-hidden">now </span></>
      )}
      {to !== undefined && to !== minor ? <><span class={styles.from}>from </span>{money(minor, currency)}</> : money(minor, currency)}
    </span>
  );
}
