import { useEffect, useState } from 'preact/hooks';
import { Minus, Plus } from './icons';
import { IconButton } from './Button';
import styles from './QuantityStepper.module.css';

interface Props {
  value: number;
  onChange: (quantity: number) => void;
  min?: number;
  max?: number;
  // Of what: "Quantity of Green tea".
  label: string;
  disabled?: boolean;
}

export function QuantityStepper({ value, onChange, min = 1, max = 1000, label, disabled }: Props) {
  // What is typed is taken when it is a number, and put right when the field is left.
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const put = (wanted: number) => {
    const quantity = Math.max(min, Math.min(max, wanted));
    setText(String(quantity));
    if (quantity !== value) onChange(quantity);
  };
  const leave = () => put(/^\d{1,9}$/.test(text.trim()) ? Number(text) : value);
  return (
    <div class={styles.stepper} role="group" aria-label={label}>
      <IconButton label="One less" disabled={disabled || value <= min} onClick={() => put(value - 1)}>
        <Minus size={18} aria-hidden="true" />
      </IconButton>
      <input
        class={styles.value} type="text" inputMode="numeric" autoComplete="off" aria-label={label}
        value={text} disabled={disabled}
        onInput={(event) => setText(event.currentTarget.value)}
        onFocus={(event) => event.currentTarget.select()}
        onBlur={leave}
        onKeyDown={(event) => {
          if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
            event.preventDefault();
            put(value + (event.key === 'ArrowUp' ? 1 : -1));
          } else if (event.key === 'Enter') {
            leave();
          }
        }}
      />
      <IconButton label="One more" disabled={disabled || value >= max} onClick={() => put(value + 1)}>
        <Plus size={18} aria-hidden="true" />
      </IconButton>
    </div>
  );
}
