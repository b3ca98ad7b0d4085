import { Button } from './Button';
import { describe } from './describe';
import styles from './LoadMore.module.css';

interface Props {
  shown: number;
  total?: number | undefined;
  atLeast?: boolean | undefined;
  more: boolean;
  // What leads on.
  label?: string | undefined;
  busy: boolean;
  error?: unknown;
  onMore: () => void;
}

// The end of a list that is fetched page by page.
export function LoadMore({ shown, total, atLeast, more, label = 'Show more', busy, error, onMore }: Props) {
  const count = new Intl.NumberFormat();
  return (
    <div class={styles.end}>
      <p class={styles.count} role="status">
        {total === undefined || !more ? `${count.format(shown)} shown` : `${count.format(shown)} of ${atLeast ? 'more than ' : ''}${count.format(total)}`}
      </p>
      {error != null && <p class={styles.error} role="alert">{describe(error).text}</p>}
      {more && <Button busy={busy} onClick={onMore}>{error != null ? 'Try again' : label}</Button>}
    </div>
  );
}
