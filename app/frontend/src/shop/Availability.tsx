import { cx } from '../ui/cx';
import { CircleAlert, CircleCheck, Clock, Info } from '../ui/icons';
import styles from './Availability.module.css';

interface Props {
  // undefined: nobody can say just now.
  available: number | undefined;
  loading: boolean;
  // Of several variants that are still to choose from.
  several: boolean;
}

const low = 5;

// Said again by a screen reader when it changes.
export function Availability({ available, loading, several }: Props) {
  const [tone, Icon, text] =
    available === undefined
      ? loading ? (['waiting', Clock, 'Looking what is in stock'] as const)
        : (['unknown', Info, 'Stock is not known just now. You can put it in your cart; it is checked before you pay.'] as const)
    : available <= 0 ? (['out', CircleAlert, 'Sold out'] as const)
    : several ? (['in', CircleCheck, 'In stock'] as const)
    : available <= low ? (['low', CircleAlert, `Only ${available} left`] as const)
    : (['in', CircleCheck, 'In stock'] as const);
  return <p class={cx(styles.stock, styles[tone])} role="status"><Icon size={18} aria-hidden="true" />{text}</p>;
}
